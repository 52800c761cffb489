//! The JSON form of every type.

use std::sync::Arc;

use datafusion::arrow::array::{
    BinaryArray, BooleanArray, Date32Array, Decimal256Array, FixedSizeListBuilder, Float64Array, Int64Array,
    Int64Builder, LargeListBuilder, ListBuilder, NullArray, TimestampMicrosecondArray, TimestampNanosecondArray,
    UInt64Array,
};
use datafusion::arrow::datatypes::{Field, Schema, i256};

use super::*;

fn json(array: ArrayRef) -> String {
    let schema = Schema::new(vec![Field::new("x", array.data_type().clone(), true)]);
    let columns = JsonColumns::new(schema.fields(), [&array].into_iter()).expect("columns");
    let mut out = vec![];
    for i in 0..array.len() {
        columns.write_row(&mut out, i).expect("a row");
    }
    String::from_utf8(out).expect("UTF-8").replace("{\"x\":", "").replace('}', " ").trim_end().to_string()
}

#[test]
fn decimals_keep_their_scale() {
    let decimals = |values: Vec<Option<i128>>, scale| {
        let array = Decimal128Array::from(values).with_precision_and_scale(38, scale).expect("fits");
        json(Arc::new(array))
    };
    let values = vec![Some(1250), Some(-1), Some(0), None, Some(100_000_000_000_000_000_000_000_007)];
    assert_eq!(decimals(values, 2), r#""12.50" "-0.01" "0.00" null "1000000000000000000000000.07""#);
    assert_eq!(decimals(vec![Some(-7), Some(10)], 0), r#""-7" "10""#);
    assert_eq!(
        decimals(vec![Some(i128::from(u64::MAX)), Some(i128::from(u64::MAX) + 1)], 1),
        r#""1844674407370955161.5" "1844674407370955161.6""#
    );
    let nines = "9".repeat(38).parse().expect("a number");
    assert_eq!(decimals(vec![Some(nines)], 38), format!("\"0.{}\"", "9".repeat(38)));
    let wide = Decimal256Array::from(vec![i256::from_i128(-1250)]).with_precision_and_scale(50, 2).expect("fits");
    assert_eq!(json(Arc::new(wide)), r#""-12.50""#);
}

#[test]
fn times_are_rfc_3339() {
    let us = vec![Some(0), Some(1_500_000), Some(-1), Some(1_785_499_200_123_456), None];
    assert_eq!(
        json(Arc::new(TimestampMicrosecondArray::from(us))),
        r#""1970-01-01T00:00:00Z" "1970-01-01T00:00:01.500Z" "1969-12-31T23:59:59.999999Z" "2026-07-31T12:00:00.123456Z" null"#
    );
    let far = vec![253_402_300_800_000_000, -62_198_755_200_000_000, i64::MAX];
    assert_eq!(
        json(Arc::new(TimestampMicrosecondArray::from(far))),
        r#""+10000-01-01T00:00:00Z" "-0001-01-01T00:00:00Z" "9223372036854 s""#
    );
    assert_eq!(json(Arc::new(TimestampNanosecondArray::from(vec![1]))), r#""1970-01-01T00:00:00.000000001Z""#);
    assert_eq!(json(Arc::new(Date32Array::from(vec![0, 20_665, -1]))), r#""1970-01-01" "2026-07-31" "1969-12-31""#);
}

#[test]
fn numbers_texts_and_the_rest() {
    let extremes = Int64Array::from(vec![Some(i64::MIN), Some(i64::MAX), Some(0), None]);
    assert_eq!(json(Arc::new(extremes)), "-9223372036854775808 9223372036854775807 0 null");
    assert_eq!(json(Arc::new(UInt64Array::from(vec![u64::MAX]))), "18446744073709551615");
    let floats = Float64Array::from(vec![0.1, 1e300, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY]);
    assert_eq!(json(Arc::new(floats)), r#"0.1 1e+300 -0.0 "NaN" "Infinity" "-Infinity""#);
    assert_eq!(json(Arc::new(BooleanArray::from(vec![Some(true), Some(false), None]))), "true false null");
    let texts = StringArray::from(vec!["a\"b\\\n\u{1}", "\u{4f60}", ""]);
    assert_eq!(json(Arc::new(texts)), r#""a\"b\\\n\u0001" "你" """#);
    assert_eq!(json(Arc::new(NullArray::new(2))), "null null");
    assert_eq!(json(Arc::new(BinaryArray::from(vec![&[0xab_u8, 1][..]]))), r#""ab01""#);
    let mut list = ListBuilder::new(Int64Builder::new());
    list.append_value([Some(1), None]);
    list.append_null();
    list.append_value([]);
    assert_eq!(json(Arc::new(list.finish())), "[1,null] null []");
}

#[test]
fn lists_and_structs_are_arrays_and_objects() {
    let mut list = LargeListBuilder::new(Int64Builder::new());
    list.append_value([Some(1), None]);
    list.append_null();
    assert_eq!(json(Arc::new(list.finish())), "[1,null] null");
    let mut list = FixedSizeListBuilder::new(Int64Builder::new(), 2);
    for values in [[1, 2], [3, 4]] {
        values.iter().for_each(|value| list.values().append_value(*value));
        list.append(true);
    }
    let list: ArrayRef = Arc::new(list.finish());
    assert_eq!(json(list.slice(1, 1)), "[3,4]");
    let decimals = Decimal128Array::from(vec![Some(5), None]).with_precision_and_scale(5, 2).expect("fits");
    let pair = StructArray::from(vec![
        (Arc::new(Field::new("l", list.data_type().clone(), true)), list),
        (Arc::new(Field::new("d", DataType::Decimal128(5, 2), true)), Arc::new(decimals) as ArrayRef),
    ]);
    let columns = [Arc::new(pair) as ArrayRef];
    let schema = Schema::new(vec![Field::new("x", columns[0].data_type().clone(), true)]);
    let rows = JsonColumns::new(schema.fields(), columns.iter()).expect("columns");
    let mut out = vec![];
    (0..2).for_each(|i| rows.write_row(&mut out, i).expect("a row"));
    assert_eq!(String::from_utf8_lossy(&out), r#"{"x":{"l":[1,2],"d":"0.05"}}{"x":{"l":[3,4],"d":null}}"#);
}

#[test]
fn a_row_without_columns_is_an_empty_object() {
    let columns = JsonColumns::new(&Fields::empty(), [].into_iter()).expect("columns");
    let mut out = vec![];
    columns.write_row(&mut out, 0).expect("a row");
    assert_eq!(out, b"{}");
}
