//! Rows to bytes and back, by arrow's `RowConverter`: equality and order of rows are those of their bytes.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray, RecordBatch, RecordBatchOptions,
    downcast_primitive_array,
};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::{DataType, Float32Type, Float64Type, Schema, SchemaRef};
use datafusion::arrow::row::{RowConverter, RowParser, Rows, SortField};

use crate::error::{Error, Result};

/// Ascending, NULL last: the canonical order.
pub const ASCENDING: SortOptions = SortOptions { descending: false, nulls_first: false };

/// Encodes the columns of a schema in a chosen order. The encoding of a list of columns is prefix-free, so the bytes
/// of the first columns are a prefix of the bytes of the row, and comparing that prefix compares those columns.
#[derive(Debug)]
pub struct RowCodec {
    /// Schema of the rows, in its own order.
    schema: SchemaRef,
    /// Position in the schema of each encoded column.
    columns: Vec<usize>,
    /// None for rows without columns.
    converter: Option<(RowConverter, RowParser)>,
}

/// The bytes of a batch of rows.
#[derive(Debug)]
pub struct EncodedRows {
    rows: Option<Rows>,
    len: usize,
}

impl EncodedRows {
    pub fn len(&self) -> usize {
        self.len
    }
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
    pub fn bytes(&self, i: usize) -> &[u8] {
        match &self.rows {
            Some(rows) => rows.row(i).data(),
            None => &[],
        }
    }
}

impl RowCodec {
    /// `columns`: position in the schema and sort options of each column to encode, in order of encoding.
    pub fn new(schema: SchemaRef, columns: &[(usize, SortOptions)]) -> Result<Self> {
        let field = |&(c, options): &(usize, SortOptions)| {
            SortField::new_with_options(schema.field(c).data_type().clone(), options)
        };
        let converter = if columns.is_empty() {
            None
        } else {
            let converter = RowConverter::new(columns.iter().map(field).collect())
                .map_err(|e| Error::refused("a column of this type cannot be kept in state").caused_by(e))?;
            let parser = converter.parser();
            Some((converter, parser))
        };
        Ok(RowCodec { columns: columns.iter().map(|c| c.0).collect(), converter, schema })
    }

    /// All columns: a key, then an order, then the rest ascending. Rows of one key compare in that order, and no two
    /// different rows are equal.
    pub fn ordered(schema: SchemaRef, key: &[usize], order: &[(usize, SortOptions)]) -> Result<Self> {
        let mut columns: Vec<(usize, SortOptions)> = key.iter().map(|&c| (c, ASCENDING)).collect();
        columns.extend(order);
        for c in 0..schema.fields().len() {
            if columns.iter().all(|x| x.0 != c) {
                columns.push((c, ASCENDING));
            }
        }
        Self::new(schema, &columns)
    }

    /// These columns ascending, NULL last.
    pub fn ascending(schema: SchemaRef, columns: &[usize]) -> Result<Self> {
        Self::new(schema, &columns.iter().map(|&c| (c, ASCENDING)).collect::<Vec<_>>())
    }

    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Encodes a batch of this codec's schema.
    pub fn encode(&self, batch: &RecordBatch) -> Result<EncodedRows> {
        let arrays: Vec<ArrayRef> = self.columns.iter().map(|&c| batch.column(c).clone()).collect();
        self.encode_arrays(&arrays, batch.num_rows())
    }

    /// Encodes arrays that stand for the codec's columns, in order of encoding.
    pub fn encode_arrays(&self, arrays: &[ArrayRef], len: usize) -> Result<EncodedRows> {
        let rows = match &self.converter {
            Some((converter, _)) => Some(converter.convert_columns(&arrays.iter().map(one_nan).collect::<Vec<_>>())?),
            None => None,
        };
        Ok(EncodedRows { rows, len })
    }

    /// Decodes rows that this codec encoded, all columns, into batches of the schema with only the encoded columns
    /// (all of them when the codec encodes all).
    pub fn decode<'a>(&'a self, rows: impl ExactSizeIterator<Item = &'a [u8]>) -> Result<RecordBatch> {
        let len = rows.len();
        let mut arrays: Vec<ArrayRef> = match &self.converter {
            Some((converter, parser)) => converter.convert_rows(rows.map(|bytes| parser.parse(bytes)))?,
            None => vec![],
        };
        arrays.iter_mut().for_each(zero_nulls);
        let mut order: Vec<usize> = (0..self.columns.len()).collect();
        order.sort_by_key(|&i| self.columns[i]);
        let schema = if order.len() == self.schema.fields().len() {
            self.schema.clone()
        } else {
            let fields = order.iter().map(|&i| self.schema.field(self.columns[i]).clone());
            Arc::new(Schema::new(fields.collect::<Vec<_>>()))
        };
        arrays = order.iter().map(|&i| arrays[i].clone()).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(len));
        Ok(RecordBatch::try_new_with_options(schema, arrays, &options)?)
    }

    /// Bytes that the codec itself holds.
    pub fn size(&self) -> usize {
        self.converter.as_ref().map_or(0, |(converter, _)| converter.size())
    }
}

/// NaN has many forms, of which hardware chooses one; equal values must be equal bytes.
fn one_nan(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Float64 => Arc::new(
            array
                .as_primitive::<Float64Type>()
                .unary::<_, Float64Type>(|value| if value.is_nan() { f64::NAN } else { value }),
        ),
        DataType::Float32 => Arc::new(
            array
                .as_primitive::<Float32Type>()
                .unary::<_, Float32Type>(|value| if value.is_nan() { f32::NAN } else { value }),
        ),
        _ => array.clone(),
    }
}

/// The converter leaves the least value of the type in the place of a NULL, and some functions compute with what is there.
fn zero_nulls(array: &mut ArrayRef) {
    fn zeroed<T: ArrowPrimitiveType>(array: &PrimitiveArray<T>) -> ArrayRef {
        let values: Vec<T::Native> = array.iter().map(Option::unwrap_or_default).collect();
        let zeroed = PrimitiveArray::<T>::new(values.into(), array.nulls().cloned());
        Arc::new(zeroed.with_data_type(array.data_type().clone()))
    }
    if array.null_count() == 0 {
        return;
    }
    let values = array.as_ref();
    let replaced = downcast_primitive_array!(
        values => Some(zeroed(values)),
        _ => None
    );
    if let Some(replaced) = replaced {
        *array = replaced;
    }
}
