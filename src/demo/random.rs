//! SplitMix64: a small generator of random numbers that is the same in every version and on every machine.
//!
//! Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014).

/// A stream of numbers that its seed decides.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Random(seed)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below `end`, which must not be 0. The bias of at most `end` / 2^64 does not matter here.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(end)) >> 64) as u64
    }

    /// A number from 0 up to but not including 1.
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// A number below `end` where small ones are much more frequent: half of all are below `end` / 8.
    pub fn skewed(&mut self, end: u64) -> u64 {
        ((end as f64 * self.unit().powi(3)) as u64).min(end - 1)
    }

    /// A number below `end`, by Zipf's law with exponent 1 in steps of octaves: 0 as often as 1 and 2 together, as 3
    /// to 6 together and so on.
    pub fn zipf(&mut self, end: u64) -> u64 {
        loop {
            let octave = self.below(u64::from(u64::BITS - end.leading_zeros()));
            let rank = (1 << octave) + self.below(1 << octave);
            if rank <= end {
                return rank - 1;
            }
        }
    }

    /// By how much a clock is wrong: up to two seconds either way, in microseconds.
    pub fn skew(&mut self) -> i64 {
        self.below(4_001) as i64 * 1_000 - 2_000_000
    }

    /// One of the items, each as likely as the others.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }
}

fn mix(state: u64) -> u64 {
    let mut z = state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_the_published_algorithm() {
        let mut random = Random::new(1234567);
        let first: Vec<u64> = (0..3).map(|_| random.bits()).collect();
        assert_eq!(first, [6457827717110365317, 3203168211198807973, 9817491932198370423]);
    }

    #[test]
    fn octaves_are_equally_frequent() {
        let mut random = Random::new(7);
        let mut octaves = [0u32; 4];
        for _ in 0..40_000 {
            octaves[(random.zipf(15) + 1).ilog2() as usize] += 1;
        }
        assert!(octaves.iter().all(|count| (9_700..10_300).contains(count)), "{octaves:?}");
        assert_eq!(Random::new(1).zipf(1), 0);
    }

    #[test]
    fn half_of_the_skewed_numbers_are_in_the_first_eighth() {
        let mut random = Random::new(7);
        let small = (0..10_000).filter(|_| random.skewed(800) < 100).count();
        assert!((4_700..5_300).contains(&small), "{small}");
    }
}
