//! Tests of 16 bytes at once: SSE2 on x86-64, plain 64-bit words elsewhere.

#[cfg(not(target_arch = "x86_64"))]
pub(super) use self::words::{same, special, stop};
#[cfg(target_arch = "x86_64")]
pub(super) use sse2::{same, special, stop};

/// SSE2 is part of every x86-64 processor, so no test at run time is needed.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
mod sse2 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_cmplt_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128,
        _mm_set1_epi8,
    };

    #[inline(always)]
    fn load(bytes: &[u8; 16]) -> __m128i {
        // SAFETY: the reference covers the 16 bytes that are read, and the load needs no alignment.
        unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) }
    }

    /// Bit i set: byte i is a quote, a backslash, a control character or not ASCII.
    #[inline(always)]
    pub fn special(bytes: &[u8; 16]) -> u32 {
        let x = load(bytes);
        // SAFETY: SSE2 is always there; the intrinsics touch no memory.
        unsafe {
            let quote = _mm_cmpeq_epi8(x, _mm_set1_epi8(b'"' as i8));
            let backslash = _mm_cmpeq_epi8(x, _mm_set1_epi8(b'\\' as i8));
            // Signed: bytes from 0x80 on count as negative.
            let control_or_not_ascii = _mm_cmplt_epi8(x, _mm_set1_epi8(0x20));
            _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control_or_not_ascii)) as u32
        }
    }

    /// Bit i set: byte i is a quote, a backslash or a control character.
    #[inline(always)]
    pub fn stop(bytes: &[u8; 16]) -> u32 {
        let x = load(bytes);
        // SAFETY: SSE2 is always there; the intrinsics touch no memory.
        unsafe {
            let quote = _mm_cmpeq_epi8(x, _mm_set1_epi8(b'"' as i8));
            let backslash = _mm_cmpeq_epi8(x, _mm_set1_epi8(b'\\' as i8));
            let control = _mm_cmpeq_epi8(_mm_min_epu8(x, _mm_set1_epi8(0x1f)), x);
            _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, backslash), control)) as u32
        }
    }

    /// Bit i set: byte i is the same in both.
    #[inline(always)]
    pub fn same(left: &[u8; 16], right: &[u8; 16]) -> u32 {
        let (left, right) = (load(left), load(right));
        // SAFETY: SSE2 is always there; the intrinsics touch no memory.
        unsafe { _mm_movemask_epi8(_mm_cmpeq_epi8(left, right)) as u32 }
    }
}

/// The portable form. `special` and `stop` set the lowest bit only: callers look for the first byte.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod words {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;

    fn halves(bytes: &[u8; 16]) -> (u64, u64) {
        let x = u128::from_le_bytes(*bytes);
        (x as u64, (x >> 64) as u64)
    }

    /// The high bit of every zero byte; exact up to the lowest one, bits above it can be wrong.
    fn zero(x: u64) -> u64 {
        x.wrapping_sub(LOW) & !x & HIGH
    }

    fn first(bytes: &[u8; 16], test: impl Fn(u64) -> u64) -> u32 {
        let (low, high) = halves(bytes);
        let (low, high) = (test(low), test(high));
        if low != 0 {
            1 << (low.trailing_zeros() / 8)
        } else if high != 0 {
            256 << (high.trailing_zeros() / 8)
        } else {
            0
        }
    }

    fn stop_word(x: u64) -> u64 {
        let control = x.wrapping_sub(LOW * 0x20) & !x & HIGH;
        zero(x ^ (LOW * b'"' as u64)) | zero(x ^ (LOW * b'\\' as u64)) | control
    }

    /// The first quote, backslash, control character or byte that is not ASCII.
    pub fn special(bytes: &[u8; 16]) -> u32 {
        first(bytes, |x| stop_word(x) | (x & HIGH))
    }

    /// The first quote, backslash or control character.
    pub fn stop(bytes: &[u8; 16]) -> u32 {
        first(bytes, stop_word)
    }

    /// Bit i set: byte i is the same in both.
    pub fn same(left: &[u8; 16], right: &[u8; 16]) -> u32 {
        let equal = |x: u64| -> u32 {
            // An exact test for zero bytes, then the high bits are gathered by one multiplication.
            let zero = !(((x & !HIGH).wrapping_add(!HIGH)) | x | !HIGH);
            ((zero >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) as u32
        };
        let ((left_low, left_high), (right_low, right_high)) = (halves(left), halves(right));
        equal(left_low ^ right_low) | equal(left_high ^ right_high) << 8
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All forms against the definition, byte by byte, on 20,000 random vectors rich in special bytes.
    #[test]
    fn both_forms_hold_the_definition() {
        let mut random = fastrand::Rng::with_seed(3);
        let pool = b"\"\\\x00\x1f\x20\x21\x5b\x5d\x7f\x80\xc3\xffazAZ09";
        for _ in 0..20_000 {
            let mut draw = || -> [u8; 16] {
                std::array::from_fn(|_| {
                    if random.u8(..) < 40 { pool[random.usize(..pool.len())] } else { random.u8(b' '..) }
                })
            };
            let (left, mut right) = (draw(), draw());
            right[..7].copy_from_slice(&left[..7]);
            let mask = |test: &dyn Fn(usize) -> bool| (0..16).fold(0u32, |mask, i| mask | (u32::from(test(i)) << i));
            let stops = |c: u8| c == b'"' || c == b'\\' || c < 0x20;
            let expected_special = mask(&|i| stops(left[i]) || left[i] >= 0x80);
            let expected_stop = mask(&|i| stops(left[i]));
            let expected_same = mask(&|i| left[i] == right[i]);
            assert_eq!(special(&left).trailing_zeros(), expected_special.trailing_zeros(), "{left:?}");
            assert_eq!(stop(&left).trailing_zeros(), expected_stop.trailing_zeros(), "{left:?}");
            assert_eq!(same(&left, &right), expected_same, "{left:?} {right:?}");
            assert_eq!(words::special(&left).trailing_zeros(), expected_special.trailing_zeros(), "{left:?}");
            assert_eq!(words::stop(&left).trailing_zeros(), expected_stop.trailing_zeros(), "{left:?}");
            assert_eq!(words::same(&left, &right), expected_same, "{left:?} {right:?}");
        }
    }
}
