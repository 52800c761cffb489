//! The exact total of doubles: SUM and AVG of DOUBLE that do not depend on the order of their values.
//!
//! Every finite double is a whole number of 2^-1074. The total is that number in two's complement over 17 words of 128
//! bits: enough for 2^77 times the greatest double. So a value can be added and taken out in any order, and the total
//! is rounded once, when it is read. NaN and the infinities are counted beside it.
//! Cost: two words a value; 336 bytes a total.

/// Words of the whole number.
const LIMBS: usize = 17;
const COUNT: usize = LIMBS;
const NANS: usize = LIMBS + 1;
const INFINITE: usize = LIMBS + 2;
const NEGATIVE_INFINITE: usize = LIMBS + 3;
/// Words of a total; all zero is the total of nothing.
pub const FLOAT_WORDS: usize = LIMBS + 4;

const MANTISSA_BITS: u32 = 52;
const LIMB_BITS: usize = 128;

/// Adds `weight` times `value` to a total of `FLOAT_WORDS` words.
pub fn add_float(words: &mut [i128], value: f64, weight: i64) {
    words[COUNT] += i128::from(weight);
    if value.is_nan() {
        words[NANS] += i128::from(weight);
        return;
    }
    if value.is_infinite() {
        words[if value > 0.0 { INFINITE } else { NEGATIVE_INFINITE }] += i128::from(weight);
        return;
    }
    let bits = value.to_bits();
    let fraction = bits & ((1 << MANTISSA_BITS) - 1);
    let exponent = (bits >> MANTISSA_BITS) & 0x7ff;
    // Subnormal numbers have the scale of the smallest normal ones, without the hidden bit.
    let (mantissa, shift) =
        if exponent == 0 { (fraction, 0) } else { (fraction | (1 << MANTISSA_BITS), exponent as usize - 1) };
    let product = u128::from(mantissa) * u128::from(weight.unsigned_abs());
    let (limb, offset) = (shift / LIMB_BITS, shift % LIMB_BITS);
    let low = product << offset;
    let high = if offset == 0 { 0 } else { product >> (LIMB_BITS - offset) };
    let negative = value.is_sign_negative() != (weight < 0);
    let mut carry = false;
    for (i, word) in words[limb..LIMBS].iter_mut().enumerate() {
        let part = match i {
            0 => low,
            1 => high,
            _ if carry => 0,
            _ => break,
        };
        let held = *word as u128;
        let (sum, first) = if negative { held.overflowing_sub(part) } else { held.overflowing_add(part) };
        let bit = u128::from(carry);
        let (sum, second) = if negative { sum.overflowing_sub(bit) } else { sum.overflowing_add(bit) };
        *word = sum as i128;
        carry = first || second;
    }
}

/// Adds one total to another.
pub fn add_float_total(words: &mut [i128], other: &[i128]) {
    let mut carry = false;
    for (word, part) in words[..LIMBS].iter_mut().zip(other) {
        let (sum, first) = (*word as u128).overflowing_add(*part as u128);
        let (sum, second) = sum.overflowing_add(u128::from(carry));
        *word = sum as i128;
        carry = first || second;
    }
    for (word, part) in words[LIMBS..].iter_mut().zip(&other[LIMBS..]) {
        *word += part;
    }
}

/// The total rounded to a double, and how many values it is of.
pub fn float_total(words: &[i128]) -> (f64, i128) {
    let count = words[COUNT];
    if words[NANS] > 0 || (words[INFINITE] > 0 && words[NEGATIVE_INFINITE] > 0) {
        return (f64::NAN, count);
    }
    if words[INFINITE] > 0 {
        return (f64::INFINITY, count);
    }
    if words[NEGATIVE_INFINITE] > 0 {
        return (f64::NEG_INFINITY, count);
    }
    let negative = words[LIMBS - 1] < 0;
    let mut magnitude = [0u128; LIMBS];
    let mut carry = negative;
    for (to, word) in magnitude.iter_mut().zip(words) {
        let word = *word as u128;
        (*to, carry) = if negative { (!word).overflowing_add(u128::from(carry)) } else { (word, false) };
    }
    let rounded = rounded(&magnitude);
    (if negative { -rounded } else { rounded }, count)
}

/// The double nearest to this many times 2^-1074, the even one of two.
fn rounded(magnitude: &[u128; LIMBS]) -> f64 {
    let Some(limb) = magnitude.iter().rposition(|&word| word != 0) else { return 0.0 };
    let top = limb * LIMB_BITS + (LIMB_BITS - 1 - magnitude[limb].leading_zeros() as usize);
    let Some(shift) = top.checked_sub(MANTISSA_BITS as usize).filter(|&shift| shift > 0) else {
        // Below 2^53 the number is its own encoding: a subnormal, or the first normal exponent.
        return f64::from_bits(magnitude[0] as u64);
    };
    let bit = |at: usize| (magnitude[at / LIMB_BITS] >> (at % LIMB_BITS)) & 1 == 1;
    let mut mantissa = 0u64;
    for at in (shift..=top).rev() {
        mantissa = mantissa << 1 | u64::from(bit(at));
    }
    let half = shift - 1;
    let below = magnitude[..half / LIMB_BITS].iter().any(|&word| word != 0)
        || magnitude[half / LIMB_BITS] & ((1u128 << (half % LIMB_BITS)) - 1) != 0;
    if bit(half) && (below || mantissa & 1 == 1) {
        mantissa += 1;
    }
    let exponent = shift as u64 + 1;
    if exponent >= 0x7ff {
        return f64::INFINITY;
    }
    // A mantissa that was rounded up to 2^53 carries into the exponent.
    f64::from_bits((exponent << MANTISSA_BITS) + (mantissa - (1 << MANTISSA_BITS)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(values: &[(f64, i64)]) -> f64 {
        let mut words = [0; FLOAT_WORDS];
        values.iter().for_each(|&(value, weight)| add_float(&mut words, value, weight));
        float_total(&words).0
    }

    #[test]
    fn the_total_of_one_value_is_the_value() {
        let smallest = f64::from_bits(1);
        for value in [0.0, 1.0, -1.5, 0.1, 1e300, f64::MAX, f64::MIN, f64::MIN_POSITIVE, smallest, -smallest, 3e-310] {
            assert_eq!(total(&[(value, 1)]).to_bits(), value.to_bits(), "{value:e}");
            assert_eq!(total(&[(value, 1), (1e17, 5), (value, -1), (1e17, -5)]), 0.0, "{value:e}");
        }
    }

    #[test]
    fn nothing_is_lost_between_large_values() {
        assert_eq!(total(&[(1e300, 1), (1.0, 1), (-1e300, 1)]), 1.0);
        assert_eq!(total(&[(f64::MAX, 3), (f64::MAX, -2)]), f64::MAX);
        assert_eq!(total(&[(f64::MAX, 2)]), f64::INFINITY);
        assert_eq!(total(&[(0.1, 3)]), 0.30000000000000004);
        assert_eq!(total(&[(0.1, 10)]), 1.0);
    }

    #[test]
    fn two_values_add_as_the_machine_adds_them() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let (a, b) = (f64::from_bits(random.u64(..)), f64::from_bits(random.u64(..)));
            let near = f64::from_bits(a.to_bits() ^ random.u64(..1 << 54));
            for b in [b, near] {
                let (found, expected) = (total(&[(a, 1), (b, 1)]), a + b);
                assert!(found == expected || found.is_nan() && expected.is_nan(), "{a:e} + {b:e}");
            }
        }
    }

    #[test]
    fn what_is_not_finite_comes_and_goes() {
        assert!(total(&[(f64::NAN, 1), (1.0, 1)]).is_nan());
        assert!(total(&[(f64::INFINITY, 1), (f64::NEG_INFINITY, 1)]).is_nan());
        assert_eq!(total(&[(f64::INFINITY, 1), (f64::NAN, 1), (f64::NAN, -1)]), f64::INFINITY);
        assert_eq!(total(&[(f64::NEG_INFINITY, 1), (2.0, 1), (f64::NEG_INFINITY, -1)]), 2.0);
    }

    #[test]
    fn a_total_takes_as_many_bytes_as_is_said() {
        assert_eq!(FLOAT_WORDS * size_of::<i128>(), 336);
    }

    #[test]
    fn totals_add_up() {
        let (mut a, mut b) = ([0; FLOAT_WORDS], [0; FLOAT_WORDS]);
        add_float(&mut a, -1.25, 3);
        add_float(&mut b, 1e20, 1);
        add_float_total(&mut a, &b);
        assert_eq!(float_total(&a), (1e20 - 3.75, 4));
    }
}
