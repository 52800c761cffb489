//! The choices that make a case: drawn from a seed, or given. Fewer and smaller choices make a smaller case, so that
//! leaving out and lowering choices shortens schemas, queries and changes alike.

use fastrand::Rng;

/// What a generator draws from.
pub struct Choices {
    random: Rng,
    /// Given choices; after the last one comes zero. None: all are random.
    given: Option<Vec<u32>>,
    /// What was chosen.
    pub made: Vec<u32>,
}

impl Choices {
    pub fn from_seed(seed: u64) -> Self {
        Choices { random: Rng::with_seed(seed), given: None, made: vec![] }
    }

    pub fn given(choices: Vec<u32>) -> Self {
        Choices { random: Rng::with_seed(0), given: Some(choices), made: vec![] }
    }

    /// A number below `count`; zero is the simplest.
    pub fn below(&mut self, count: usize) -> usize {
        let count = count.max(1) as u32;
        let choice = match &self.given {
            None => self.random.u32(0..count),
            Some(given) => given.get(self.made.len()).copied().unwrap_or(0).min(count - 1),
        };
        self.made.push(choice);
        choice as usize
    }

    /// A number from `least` to `most`.
    pub fn number(&mut self, least: usize, most: usize) -> usize {
        least + self.below(most - least + 1)
    }

    /// True in so many of a hundred cases; false is the simpler one.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent
    }

    pub fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    /// One of these, as often as its weight says. None: all weights are zero.
    pub fn weighted<'a, T>(&mut self, values: &[&'a T], weight: impl Fn(&T) -> usize) -> Option<&'a T> {
        let total: usize = values.iter().map(|value| weight(value)).sum();
        let mut left = if total == 0 { return None } else { self.below(total) };
        for &value in values {
            match left.checked_sub(weight(value)) {
                Some(less) => left = less,
                None => return Some(value),
            }
        }
        None
    }
}

/// Lowers and leaves out choices as long as `fails` holds; tries it `attempts` times at most.
pub fn shortened(mut choices: Vec<u32>, mut attempts: usize, mut fails: impl FnMut(&[u32]) -> bool) -> Vec<u32> {
    let mut try_it = |candidate: Vec<u32>, choices: &mut Vec<u32>| {
        if attempts == 0 || candidate == *choices {
            return false;
        }
        attempts -= 1;
        let better = fails(&candidate);
        if better {
            *choices = candidate;
        }
        better
    };
    loop {
        let before = choices.clone();
        let mut size = (choices.len() / 2).max(1);
        while size > 0 {
            let mut at = choices.len();
            while at > 0 {
                at = at.saturating_sub(size);
                let until = (at + size).min(choices.len());
                let mut fewer = choices.clone();
                fewer.drain(at..until);
                if try_it(fewer, &mut choices) {
                    continue;
                }
                let mut lower = choices.clone();
                lower[at..until].fill(0);
                try_it(lower, &mut choices);
            }
            size /= 2;
        }
        for at in 0..choices.len() {
            let half = choices[at] / 2;
            for lower in [half, choices[at].saturating_sub(1)] {
                let mut candidate = choices.clone();
                candidate[at] = lower;
                try_it(candidate, &mut choices);
            }
        }
        if choices == before {
            return choices;
        }
    }
}

#[test]
fn choices_are_shortened_to_what_matters() {
    let choices: Vec<u32> =
        Choices::from_seed(7).random.u32(0..9).to_be_bytes().iter().map(|b| u32::from(*b)).collect();
    let long: Vec<u32> = (0..200).map(|i| i % 13).chain(choices).collect();
    let short = shortened(long, 10_000, |choices| choices.iter().filter(|c| **c >= 5).count() >= 2);
    assert_eq!(short, [5, 5]);
}
