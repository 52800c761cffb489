//! `ARRAY_AGG(a ORDER BY y)`, `STDDEV(x)`, `MEDIAN(x)` ...: any aggregate as a fold over sorted rows.
//!
//! A fold collects the rows of a group, sorts them in an order that leaves no two different rows equal, drops repeated
//! ones if it is DISTINCT, and hands them to DataFusion's function in one batch. So its value does not depend on the
//! order of arrival or the size of batches. The batch oracle runs it as an aggregate function of its own; the
//! incremental aggregate keeps the rows in that order and runs the same `Folding` over them.
//! Cost in a batch: memory for the rows of a group, and a sort.

use std::collections::VecDeque;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, RecordBatch, RecordBatchOptions, UInt32Array, new_empty_array,
};
use datafusion::arrow::compute::{SortOptions, concat, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{Result, ScalarValue, internal_datafusion_err};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr::{PhysicalExpr, PhysicalSortExpr};

use super::percentile::Place;

/// An aggregate function over sorted rows. Its arguments are those of `inner`, then further columns of the order.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Fold {
    pub inner: Arc<AggregateUDF>,
    /// How many of the arguments are those of `inner`.
    pub arguments: usize,
    /// The order of the rows: positions of arguments. Every argument that is not constant is in it.
    pub sort: Vec<(usize, SortOptions)>,
    /// Rows with the same arguments count once; then there are no further columns.
    pub distinct: bool,
    pub ignore_nulls: bool,
    /// The direction of WITHIN GROUP.
    pub within: Option<SortOptions>,
    name: String,
    signature: Signature,
}

impl Fold {
    pub fn new(inner: Arc<AggregateUDF>, arguments: usize) -> Self {
        Fold {
            name: format!("fold_{}", inner.name()),
            inner,
            arguments,
            sort: vec![],
            distinct: false,
            ignore_nulls: false,
            within: None,
            signature: Signature::user_defined(Volatility::Immutable),
        }
    }

    /// Of a function that is called as DISTINCT.
    pub fn distinct(inner: AggregateUDF, arguments: usize) -> Self {
        let sort = (0..arguments).map(|argument| (argument, ASCENDING)).collect();
        Fold { distinct: true, sort, ..Self::new(Arc::new(inner), arguments) }.named()
    }

    /// With a name that tells folds of the same function apart.
    pub fn named(mut self) -> Self {
        let direction = |options: &SortOptions| match (options.descending, options.nulls_first) {
            (false, false) => "",
            (false, true) => " nulls first",
            (true, true) => " desc",
            (true, false) => " desc nulls last",
        };
        let sort: Vec<String> = self.sort.iter().map(|(c, options)| format!("{c}{}", direction(options))).collect();
        self.name = format!(
            "fold_{}_by_{}{}{}{}",
            self.inner.name(),
            sort.join("_"),
            if self.distinct { "_distinct" } else { "" },
            if self.ignore_nulls { "_ignore_nulls" } else { "" },
            self.within.as_ref().map_or_else(String::new, |within| format!("_within{}", direction(within))),
        );
        self
    }
}

/// Ascending, NULL last: the canonical order.
pub const ASCENDING: SortOptions = SortOptions { descending: false, nulls_first: false };

impl AggregateUDFImpl for Fold {
    fn name(&self) -> &str {
        &self.name
    }
    fn signature(&self) -> &Signature {
        &self.signature
    }
    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(types.to_vec())
    }
    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(&types[..self.arguments])
    }
    fn return_field(&self, fields: &[FieldRef]) -> Result<FieldRef> {
        self.inner.return_field(&fields[..self.arguments])
    }
    fn is_nullable(&self) -> bool {
        self.inner.is_nullable()
    }
    fn default_value(&self, data_type: &DataType) -> Result<ScalarValue> {
        self.inner.default_value(data_type)
    }

    fn state_fields(&self, args: StateFieldsArgs) -> Result<Vec<FieldRef>> {
        let field = |(i, field): (usize, &FieldRef)| {
            let item = Field::new_list_field(field.data_type().clone(), true);
            Arc::new(Field::new_list(format!("{}_{i}", args.name), item, true))
        };
        Ok(args.input_fields.iter().enumerate().map(field).collect())
    }

    fn accumulator(&self, args: AccumulatorArgs) -> Result<Box<dyn Accumulator>> {
        let types: Vec<DataType> = args.expr_fields.iter().map(|f| f.data_type().clone()).collect();
        let constants = args.exprs[..self.arguments].iter().map(constant).collect::<Result<Vec<_>>>()?;
        let sort = self.sort.iter().filter(|(c, _)| constants.get(*c).is_none_or(Option::is_none)).copied().collect();
        let folding = Folding::new(self, &types, constants)?;
        Ok(Box::new(FoldAccumulator {
            folding,
            types,
            sort,
            distinct: self.distinct,
            chunks: VecDeque::new(),
            retracted: 0,
        }))
    }
}

/// The value of an expression without columns; None if it has some.
pub fn constant(expr: &Arc<dyn PhysicalExpr>) -> Result<Option<ScalarValue>> {
    if let Some(literal) = expr.downcast_ref::<Literal>() {
        return Ok(Some(literal.value().clone()));
    }
    if !collect_columns(expr).is_empty() {
        return Ok(None);
    }
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options)?;
    Ok(Some(ScalarValue::try_from_array(&expr.evaluate(&row)?.into_array(1)?, 0)?))
}

/// Which of the sorted rows decide the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reads {
    All,
    First(usize),
    Last(usize),
    /// Those of `Folding::places`.
    Places,
}

/// How sorted rows become a value.
pub struct Folding {
    inner: Arc<AggregateUDF>,
    /// The arguments of `inner`: a literal, or the column of its position.
    exprs: Vec<Arc<dyn PhysicalExpr>>,
    constants: Vec<Option<ScalarValue>>,
    schema: Schema,
    return_field: FieldRef,
    ignore_nulls: bool,
    within: Option<SortOptions>,
    /// Of a percentile.
    rank: Option<f64>,
    /// Each row counts once, however often it is there.
    pub distinct: bool,
    pub reads: Reads,
    /// Rows whose first argument is NULL do not count.
    pub skips_nulls: bool,
}

impl Folding {
    /// `types` of all arguments; `constants`: the values of those arguments of the inner function that are constant.
    ///
    /// Errors: when the function refuses its arguments.
    pub fn new(fold: &Fold, types: &[DataType], constants: Vec<Option<ScalarValue>>) -> Result<Self> {
        let field = |(i, t): (usize, &DataType)| Field::new(format!("c{i}"), t.clone(), true);
        let fields: Vec<Field> = types[..fold.arguments].iter().enumerate().map(field).collect();
        let expr = |(i, constant): (usize, &Option<ScalarValue>)| -> Arc<dyn PhysicalExpr> {
            match constant {
                Some(value) => Arc::new(Literal::new(value.clone())),
                None => Arc::new(Column::new(&format!("c{i}"), i)),
            }
        };
        let exprs = constants.iter().enumerate().map(expr).collect();
        let references: Vec<FieldRef> = fields.iter().cloned().map(Arc::new).collect();
        let (reads, skips_nulls) = reads(fold, &constants, types);
        let folding = Folding {
            return_field: fold.inner.return_field(&references)?,
            inner: fold.inner.clone(),
            exprs,
            schema: Schema::new(fields),
            ignore_nulls: fold.ignore_nulls,
            within: fold.within,
            rank: rank(fold, &constants)?,
            distinct: fold.distinct,
            reads,
            skips_nulls,
            constants,
        };
        folding.accumulator()?;
        Ok(folding)
    }

    fn accumulator(&self) -> Result<Box<dyn Accumulator>> {
        let order: Vec<PhysicalSortExpr> =
            self.within.iter().map(|&options| PhysicalSortExpr { expr: self.exprs[0].clone(), options }).collect();
        self.inner.accumulator(AccumulatorArgs {
            return_field: self.return_field.clone(),
            schema: &self.schema,
            ignore_nulls: self.ignore_nulls,
            order_bys: &order,
            is_reversed: false,
            name: self.inner.name(),
            is_distinct: false,
            exprs: &self.exprs,
            expr_fields: self.schema.fields(),
        })
    }

    /// Of `Reads::Places`: the numbers of the one or two rows that decide the value of `count` rows, at least one.
    pub fn places(&self, count: usize) -> RangeInclusive<usize> {
        match self.rank.map(|rank| Place::new(rank, count)) {
            None => (count - 1) / 2..=count / 2,
            Some(place) if self.descending() => count - 1 - place.above..=count - 1 - place.below,
            Some(place) => place.below..=place.above,
        }
    }

    fn descending(&self) -> bool {
        self.within.is_some_and(|within| within.descending)
    }

    /// The value of `count` rows, of which `columns` has those at `places`.
    pub fn value_at_places(&self, columns: &[ArrayRef], count: usize) -> Result<ScalarValue> {
        match (self.rank, columns) {
            (Some(rank), [values]) => Place::new(rank, count).value(values, self.descending()),
            _ => self.accumulated(columns, columns.first().map_or(0, |values| values.len())),
        }
    }

    /// The value of these rows. `columns`: the arguments that are not constant, sorted, `rows` long.
    pub fn value(&self, columns: &[ArrayRef], rows: usize) -> Result<ScalarValue> {
        if self.reads != Reads::Places || rows == 0 {
            return self.accumulated(columns, rows);
        }
        let places = self.places(rows);
        let (first, length) = (*places.start(), places.count());
        let columns: Vec<ArrayRef> = columns.iter().map(|column| column.slice(first, length)).collect();
        self.value_at_places(&columns, rows)
    }

    /// What DataFusion's function gives.
    fn accumulated(&self, columns: &[ArrayRef], rows: usize) -> Result<ScalarValue> {
        let mut accumulator = self.accumulator()?;
        if rows > 0 {
            let mut columns = columns.iter().cloned();
            let mut array = |constant: &Option<ScalarValue>| match constant {
                Some(value) => value.to_array_of_size(rows),
                None => columns.next().ok_or_else(|| internal_datafusion_err!("a fold misses an argument")),
            };
            accumulator.update_batch(&self.constants.iter().map(&mut array).collect::<Result<Vec<_>>>()?)?;
        }
        accumulator.evaluate().map(one_nan)
    }
}

/// The text that plans are compared by.
impl fmt::Debug for Folding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Folding { inner, constants, schema, ignore_nulls, within, distinct, .. } = self;
        let types: Vec<&DataType> = schema.fields().iter().map(|field| field.data_type()).collect();
        write!(f, "{}({types:?}, {constants:?}, {ignore_nulls}, {within:?}, {distinct})", inner.name())
    }
}

/// The rank of a percentile; None: the fold is another function, or its rank is not known.
fn rank(fold: &Fold, constants: &[Option<ScalarValue>]) -> Result<Option<f64>> {
    let ("percentile_cont", [None, Some(rank)]) = (fold.inner.name(), constants) else { return Ok(None) };
    match rank.cast_to(&DataType::Float64)? {
        ScalarValue::Float64(rank) => Ok(rank),
        _ => Ok(None),
    }
}

/// What a fold has to read of its sorted rows, and whether it leaves out those whose first argument is NULL.
fn reads(fold: &Fold, constants: &[Option<ScalarValue>], types: &[DataType]) -> (Reads, bool) {
    let ascending = fold.sort.first() == Some(&(0, ASCENDING)) && !types[0].is_nested();
    match fold.inner.name() {
        "first_value" => (Reads::First(1), fold.ignore_nulls),
        "last_value" => (Reads::Last(1), fold.ignore_nulls),
        "any_value" => (Reads::First(1), true),
        "min" if ascending => (Reads::First(1), true),
        "max" if ascending => (Reads::Last(1), true),
        // False comes before true.
        "bool_and" if ascending => (Reads::First(1), true),
        "bool_or" if ascending => (Reads::Last(1), true),
        "median" if ascending && constants == [None] && types[0].is_numeric() => (Reads::Places, true),
        "percentile_cont" if ascending && matches!(rank(fold, constants), Ok(Some(_))) => (Reads::Places, true),
        "nth_value" => match constants.get(1) {
            Some(Some(ScalarValue::Int64(Some(n)))) => {
                let rows = usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX);
                (if *n > 0 { Reads::First(rows) } else { Reads::Last(rows) }, false)
            }
            _ => (Reads::All, false),
        },
        _ => (Reads::All, false),
    }
}

/// The rows of one group, of the batch oracle or of a window frame.
#[derive(Debug)]
struct FoldAccumulator {
    folding: Folding,
    types: Vec<DataType>,
    sort: Vec<(usize, SortOptions)>,
    distinct: bool,
    /// Rows as they came: the arguments of each batch.
    chunks: VecDeque<Vec<ArrayRef>>,
    /// Rows at the front that have left the frame.
    retracted: usize,
}

impl FoldAccumulator {
    /// The rows, as one array an argument.
    fn arguments(&self) -> Result<Vec<ArrayRef>> {
        let argument = |i: usize| {
            let parts: Vec<&dyn Array> = self.chunks.iter().map(|chunk| chunk[i].as_ref()).collect();
            if parts.is_empty() {
                return Ok(new_empty_array(&self.types[i]));
            }
            let all = concat(&parts)?;
            Ok(all.slice(self.retracted, all.len() - self.retracted))
        };
        (0..self.types.len()).map(argument).collect()
    }

    /// Positions of the rows that count, in order.
    fn order(&self, arguments: &[ArrayRef]) -> Result<UInt32Array> {
        let rows = arguments[0].len();
        let skipped = |i: &u32| self.folding.skips_nulls && arguments[0].is_null(*i as usize);
        let mut order: Vec<u32> = (0..rows as u32).filter(|i| !skipped(i)).collect();
        if self.sort.is_empty() {
            order.truncate(if self.distinct { 1 } else { rows });
            return Ok(order.into());
        }
        let field = |(c, options): &(usize, SortOptions)| SortField::new_with_options(self.types[*c].clone(), *options);
        let columns: Vec<ArrayRef> = self.sort.iter().map(|&(c, _)| arguments[c].clone()).collect();
        let encoded = RowConverter::new(self.sort.iter().map(field).collect())?.convert_columns(&columns)?;
        order.sort_unstable_by(|&a, &b| encoded.row(a as usize).cmp(&encoded.row(b as usize)));
        if self.distinct {
            order.dedup_by(|a, b| encoded.row(*a as usize) == encoded.row(*b as usize));
        }
        Ok(order.into())
    }
}

impl Accumulator for FoldAccumulator {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if !values[0].is_empty() {
            self.chunks.push_back(values.to_vec());
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        // A frame only moves forward: what leaves it came first.
        self.retracted += values[0].len();
        while let Some(length) = self.chunks.front().map(|chunk| chunk[0].len()).filter(|n| *n <= self.retracted) {
            self.retracted -= length;
            self.chunks.pop_front();
        }
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let arguments = self.arguments()?;
        let order = self.order(&arguments)?;
        let kept = arguments.iter().zip(&self.folding.constants).filter(|(_, constant)| constant.is_none());
        let columns: Vec<ArrayRef> = kept.map(|(array, _)| Ok(take(array, &order, None)?)).collect::<Result<_>>()?;
        self.folding.value(&columns, order.len())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let list = |array| SingleRowListArrayBuilder::new(array).build_list_scalar();
        Ok(self.arguments()?.into_iter().map(list).collect())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for group in 0..states[0].len() {
            let chunk: Vec<ArrayRef> = states.iter().map(|state| state.as_list::<i32>().value(group)).collect();
            self.update_batch(&chunk)?;
        }
        Ok(())
    }

    fn size(&self) -> usize {
        let arrays = self.chunks.iter().flatten().map(|array| array.get_array_memory_size());
        size_of::<Self>() + arrays.sum::<usize>()
    }
}

/// NaN has many forms, of which hardware chooses one; equal values must be equal bytes.
fn one_nan(value: ScalarValue) -> ScalarValue {
    match value {
        ScalarValue::Float64(Some(value)) if value.is_nan() => ScalarValue::Float64(Some(f64::NAN)),
        ScalarValue::Float32(Some(value)) if value.is_nan() => ScalarValue::Float32(Some(f32::NAN)),
        value => value,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::Int64Array;
    use datafusion::functions_aggregate::array_agg::array_agg_udaf;

    use super::*;

    #[test]
    fn an_accumulator_counts_the_rows_that_it_holds() {
        let (types, sort) = (vec![DataType::Int64], vec![(0, ASCENDING)]);
        let folding = Folding::new(&Fold::new(array_agg_udaf(), 1), &types, vec![None]).expect("it takes integers");
        let (chunks, retracted) = (VecDeque::new(), 0);
        let mut accumulator = FoldAccumulator { folding, types, sort, distinct: false, chunks, retracted };
        let empty = accumulator.size();
        assert!(empty >= size_of::<Folding>());
        let rows: ArrayRef = Arc::new(Int64Array::from_iter_values(0..1_000));
        accumulator.update_batch(std::slice::from_ref(&rows)).expect("integers");
        assert_eq!(accumulator.size(), empty + rows.get_array_memory_size());
    }
}
