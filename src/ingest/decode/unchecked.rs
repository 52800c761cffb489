//! A string array made without a second check of its UTF-8.

use datafusion::arrow::array::StringArray;
use datafusion::arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};

/// The array over `data[..offsets.last()]`, one value a pair of offsets.
///
/// The caller has checked every byte when it was read (plain ASCII, a span checked as UTF-8, or the encoding of one
/// character), has cut no value inside a character, and has written ascending offsets from 0 within `data`.
#[allow(unsafe_code)]
pub(super) fn string_array(offsets: Vec<i32>, data: Vec<u8>, nulls: Option<NullBuffer>) -> StringArray {
    assert!(offsets.last().is_some_and(|&end| end as usize <= data.len()), "offsets lie within the data");
    let (offsets, data) = (ScalarBuffer::from(offsets), Buffer::from_vec(data));
    // SAFETY: offsets ascend from 0 to at most the length of the data (asserted), and the data is UTF-8 in each value,
    // as this function requires of its caller.
    unsafe { StringArray::new_unchecked(OffsetBuffer::new_unchecked(offsets), data, nulls) }
}
