//! What the generator may write, with weights: a construct is switched off by weight 0, and on by another.
//!
//! In a template, `{i}` stands for an expression of that kind (see `Kind::letter`), `{=}` for one of the kind of the
//! result, `{~}` for one of any kind, the same at each place, `{f}` for FILTER or nothing, `{o}` for a list of orders,
//! `{w}` for PARTITION BY and ORDER BY, `{r}` for a frame, `{q}` for a query's FROM and WHERE, correlated or not.

use super::kind::Kind::{self, Boolean, Date, Decimal, Double, Integer, Text, Time};

/// Forms of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Project,
    Filter,
    Distinct,
    Group,
    GroupingSets,
    Join,
    Set,
    Latest,
    TopN,
    DistinctOn,
    OrderLimit,
    Window,
    With,
    Unnest,
    Values,
    NoFrom,
}

pub const FORMS: [(usize, Form); 16] = [
    (8, Form::Project),
    (8, Form::Filter),
    (6, Form::Distinct),
    (18, Form::Group),
    (4, Form::GroupingSets),
    (22, Form::Join),
    (10, Form::Set),
    (10, Form::Latest),
    (5, Form::TopN),
    (3, Form::DistinctOn),
    (4, Form::OrderLimit),
    (10, Form::Window),
    (5, Form::With),
    (4, Form::Unnest),
    (2, Form::Values),
    (1, Form::NoFrom),
];

pub const SETS: [(usize, &str); 6] =
    [(5, "UNION ALL"), (4, "UNION"), (3, "INTERSECT"), (3, "EXCEPT"), (3, "INTERSECT ALL"), (3, "EXCEPT ALL")];

pub const JOINS: [(usize, &str); 9] = [
    (8, "JOIN"),
    (6, "LEFT JOIN"),
    (4, "RIGHT JOIN"),
    (6, "FULL JOIN"),
    (2, "CROSS JOIN"),
    (3, "LEFT SEMI JOIN"),
    (3, "LEFT ANTI JOIN"),
    (2, "RIGHT SEMI JOIN"),
    (2, "RIGHT ANTI JOIN"),
];

/// Text with holes and the kind of its value; None: the kind that is asked for.
pub struct Template {
    pub weight: usize,
    pub kind: Option<Kind>,
    pub sql: &'static str,
    /// Fails for some rows: a switch of the whole case.
    pub fails: bool,
}

const fn safe(weight: usize, kind: Option<Kind>, sql: &'static str) -> Template {
    Template { weight, kind, sql, fails: false }
}

const fn fails(weight: usize, kind: Option<Kind>, sql: &'static str) -> Template {
    Template { weight, kind, sql, fails: true }
}

/// Scalar expressions. Nothing makes minus zero: MIN and MAX of DataFusion take whichever zero comes first.
pub const SCALARS: [Template; 50] = [
    safe(4, None, "COALESCE({=}, {=})"),
    safe(4, None, "CASE WHEN {b} THEN {=} ELSE {=} END"),
    safe(2, None, "CASE WHEN {b} THEN {=} END"),
    safe(2, None, "NULLIF({=}, {=})"),
    safe(1, None, "GREATEST({=}, {=})"),
    safe(1, None, "LEAST({=}, {=})"),
    safe(4, Some(Integer), "({i} + {i})"),
    safe(3, Some(Integer), "({i} - {i})"),
    safe(2, Some(Integer), "({i} * {i})"),
    safe(2, Some(Integer), "({i} / 2)"),
    safe(2, Some(Integer), "({i} % 3)"),
    safe(1, Some(Integer), "(- {i})"),
    safe(1, Some(Integer), "CAST({b} AS BIGINT)"),
    safe(1, Some(Integer), "CHARACTER_LENGTH({t})"),
    safe(1, Some(Integer), "CAST(EXTRACT(DAY FROM {s}) AS BIGINT)"),
    safe(1, Some(Integer), "CAST({d} AS BIGINT)"),
    safe(1, Some(Integer), "STRPOS({t}, 'a')"),
    safe(1, Some(Integer), "CASE {i} WHEN 1 THEN 2 WHEN 2 THEN 1 ELSE {i} END"),
    fails(6, Some(Integer), "({i} / {i})"),
    fails(3, Some(Integer), "({i} % {i})"),
    fails(4, Some(Integer), "CAST({t} AS BIGINT)"),
    safe(4, Some(Text), "({t} || {t})"),
    safe(2, Some(Text), "CONCAT({t}, {t})"),
    safe(2, Some(Text), "UPPER({t})"),
    safe(1, Some(Text), "SUBSTR({t}, 1, 1)"),
    safe(1, Some(Text), "REPLACE({t}, 'a', 'b')"),
    safe(1, Some(Text), "CAST({i} AS VARCHAR)"),
    safe(1, Some(Text), "CAST({a} AS VARCHAR)"),
    safe(1, Some(Text), "LPAD({t}, 2, 'z')"),
    safe(4, Some(Decimal), "CAST({d} + {d} AS DECIMAL(18,2))"),
    safe(2, Some(Decimal), "CAST({d} - {d} AS DECIMAL(18,2))"),
    safe(2, Some(Decimal), "CAST({d} * {d} AS DECIMAL(18,2))"),
    safe(1, Some(Decimal), "({d} + {d})"),
    safe(1, Some(Decimal), "CAST({d} / 3 AS DECIMAL(18,2))"),
    safe(1, Some(Decimal), "ROUND({d}, 1)"),
    fails(4, Some(Decimal), "CAST({i} AS DECIMAL(18,2))"),
    fails(4, Some(Decimal), "CAST({d} / {d} AS DECIMAL(18,2))"),
    fails(3, Some(Decimal), "CAST({d} AS DECIMAL(3,2))"),
    safe(3, Some(Double), "({x} + {x})"),
    safe(2, Some(Double), "({x} / 2)"),
    safe(2, Some(Double), "CAST({i} AS DOUBLE)"),
    safe(2, Some(Double), "CAST({d} AS DOUBLE)"),
    safe(3, Some(Date), "CAST({s} AS DATE)"),
    safe(2, Some(Date), "({a} + INTERVAL '1' DAY)"),
    fails(4, Some(Date), "CAST({t} AS DATE)"),
    safe(3, Some(Time), "DATE_TRUNC('day', {s})"),
    safe(2, Some(Time), "({s} + INTERVAL '1' HOUR)"),
    safe(2, Some(Time), "CAST({a} AS TIMESTAMP(6))"),
    safe(2, Some(Boolean), "COALESCE({b}, FALSE)"),
    safe(4, Some(Boolean), "({b} IS NOT NULL)"),
];

/// Conditions that ask no query.
pub const CONDITIONS: [Template; 22] = [
    safe(8, None, "({~} = {~})"),
    safe(4, None, "({~} <> {~})"),
    safe(4, None, "({~} < {~})"),
    safe(3, None, "({~} >= {~})"),
    safe(4, None, "({~} IS NULL)"),
    safe(4, None, "({~} IS NOT NULL)"),
    safe(2, None, "({~} BETWEEN {~} AND {~})"),
    safe(3, None, "({~} IN ({~}, {~}))"),
    safe(2, None, "({~} NOT IN ({~}, {~}))"),
    safe(3, None, "({~} IS DISTINCT FROM {~})"),
    safe(3, None, "({~} IS NOT DISTINCT FROM {~})"),
    safe(2, None, "({t} LIKE 'a%')"),
    safe(1, None, "({t} NOT LIKE '%b')"),
    safe(2, None, "({b} IS TRUE)"),
    safe(2, None, "({b} IS NOT TRUE)"),
    safe(1, None, "({b} IS NOT FALSE)"),
    safe(6, None, "({b} AND {b})"),
    safe(6, None, "({b} OR {b})"),
    safe(3, None, "(NOT {b})"),
    safe(6, None, "{b}"),
    fails(12, None, "({i} / {i} > 1)"),
    fails(6, None, "(CAST({t} AS BIGINT) = {i})"),
];

/// Conditions that ask a query: in WHERE and HAVING, between AND, OR and NOT.
pub const ASKING: [Template; 12] = [
    safe(6, None, "EXISTS (SELECT 1 {q})"),
    safe(5, None, "NOT EXISTS (SELECT 1 {q})"),
    safe(6, None, "{~} IN (SELECT {~} {q})"),
    safe(6, None, "{~} NOT IN (SELECT {~} {q})"),
    safe(3, None, "{i} = (SELECT COUNT(*) {q})"),
    safe(3, None, "{~} = (SELECT MAX({~}) {q})"),
    safe(3, None, "{d} > (SELECT AVG({d}) {q})"),
    safe(2, None, "{i} < (SELECT SUM({i}) {q})"),
    safe(1, None, "{~} <= ALL (SELECT {~} {q})"),
    safe(1, None, "{~} = ANY (SELECT {~} {q})"),
    safe(1, None, "(SELECT COUNT(DISTINCT {~}) {q}) > 1"),
    safe(2, None, "(SELECT MIN({~}) {q}) IS NULL"),
];

/// One value of a query, in SELECT.
pub const ONE_VALUE: [Template; 4] = [
    safe(4, Some(Integer), "(SELECT COUNT(*) {q})"),
    safe(3, None, "(SELECT MAX({=}) {q})"),
    safe(2, Some(Integer), "(SELECT SUM({i}) {q})"),
    safe(2, Some(Integer), "(SELECT COUNT({~}) + 1 {q})"),
];

pub const AGGREGATES: [Template; 47] = [
    safe(8, Some(Integer), "COUNT(*){f}"),
    safe(5, Some(Integer), "COUNT({~}){f}"),
    safe(6, Some(Integer), "SUM({i}){f}"),
    safe(3, Some(Decimal), "SUM({d}){f}"),
    safe(4, Some(Decimal), "CAST(SUM({d}){f} AS DECIMAL(18,2))"),
    safe(3, Some(Double), "AVG({i}){f}"),
    safe(3, Some(Decimal), "AVG({d}){f}"),
    safe(2, Some(Decimal), "CAST(AVG({d}){f} AS DECIMAL(18,2))"),
    safe(6, None, "MIN({=}){f}"),
    safe(6, None, "MAX({=}){f}"),
    safe(2, None, "MAX(DISTINCT {=}){f}"),
    safe(3, Some(Integer), "COUNT(DISTINCT {~}){f}"),
    safe(3, Some(Integer), "SUM(DISTINCT {i}){f}"),
    safe(1, Some(Decimal), "AVG(DISTINCT {d}){f}"),
    safe(3, Some(Double), "SUM({x}){f}"),
    safe(3, Some(Double), "AVG({x}){f}"),
    safe(1, Some(Boolean), "BOOL_AND({b}){f}"),
    safe(1, Some(Boolean), "BOOL_OR({b}){f}"),
    safe(1, Some(Integer), "BIT_AND({i}){f}"),
    safe(1, Some(Integer), "BIT_OR({i}){f}"),
    safe(1, Some(Integer), "BIT_XOR({i}){f}"),
    safe(1, Some(Text), "STRING_AGG({t}, ',' ORDER BY {o}){f}"),
    safe(1, Some(Text), "STRING_AGG({t}, ','){f}"),
    safe(1, Some(Text), "STRING_AGG(DISTINCT {t}, ','){f}"),
    safe(1, Some(Text), "ARRAY_TO_STRING(ARRAY_AGG({t} ORDER BY {o}){f}, ',')"),
    safe(1, Some(Text), "ARRAY_TO_STRING(ARRAY_AGG(DISTINCT {i}){f}, ',')"),
    safe(1, Some(Integer), "CARDINALITY(ARRAY_AGG({~}){f})"),
    safe(3, None, "FIRST_VALUE({=} ORDER BY {o}){f}"),
    safe(3, None, "LAST_VALUE({=} ORDER BY {o}){f}"),
    safe(1, None, "LAST_VALUE({=}){f}"),
    safe(1, None, "NTH_VALUE({=}, 2 ORDER BY {o}){f}"),
    safe(1, Some(Double), "MEDIAN({x}){f}"),
    safe(1, Some(Decimal), "MEDIAN({d}){f}"),
    safe(1, Some(Double), "STDDEV({x}){f}"),
    safe(1, Some(Double), "STDDEV_POP({i}){f}"),
    safe(1, Some(Double), "VAR_POP({x}){f}"),
    safe(1, Some(Double), "VAR_SAMP({d}){f}"),
    safe(1, Some(Double), "CORR({x}, {x}){f}"),
    safe(1, Some(Double), "COVAR_POP({x}, {x}){f}"),
    safe(1, Some(Double), "COVAR_SAMP({i}, {i}){f}"),
    safe(1, Some(Double), "REGR_SLOPE({x}, {x}){f}"),
    safe(1, Some(Integer), "REGR_COUNT({x}, {x}){f}"),
    safe(1, Some(Integer), "APPROX_DISTINCT({t}){f}"),
    safe(1, Some(Double), "APPROX_PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY {x}){f}"),
    safe(1, Some(Double), "APPROX_MEDIAN({x}){f}"),
    safe(1, Some(Double), "PERCENTILE_CONT(0.25) WITHIN GROUP (ORDER BY {x}){f}"),
    fails(10, Some(Integer), "SUM({i} / {i}){f}"),
];

/// Without LEAD IGNORE NULLS of more than one row and NTH_VALUE IGNORE NULLS from the end: DataFusion's answers are wrong.
pub const WINDOWS: [Template; 29] = [
    safe(4, Some(Integer), "ROW_NUMBER() OVER ({w})"),
    safe(3, Some(Integer), "RANK() OVER ({w})"),
    safe(3, Some(Integer), "DENSE_RANK() OVER ({w})"),
    safe(1, Some(Double), "PERCENT_RANK() OVER ({w})"),
    safe(1, Some(Double), "CUME_DIST() OVER ({w})"),
    safe(2, Some(Integer), "NTILE(2) OVER ({w})"),
    safe(4, None, "LAG({=}) OVER ({w})"),
    safe(3, None, "LEAD({=}, 2) OVER ({w})"),
    safe(2, None, "LAG({=}, 1) IGNORE NULLS OVER ({w})"),
    safe(1, Some(Integer), "LAG({i}, 2, 7) IGNORE NULLS OVER ({w})"),
    safe(3, None, "FIRST_VALUE({=}) OVER ({w}{r})"),
    safe(3, None, "LAST_VALUE({=}) OVER ({w}{r})"),
    safe(1, None, "FIRST_VALUE({=}) IGNORE NULLS OVER ({w}{r})"),
    safe(1, None, "LAST_VALUE({=}) IGNORE NULLS OVER ({w}{r})"),
    safe(2, None, "NTH_VALUE({=}, 2) OVER ({w}{r})"),
    safe(1, None, "NTH_VALUE({=}, 3) IGNORE NULLS OVER ({w}{r})"),
    safe(1, None, "NTH_VALUE({=}, -2) OVER ({w}{r})"),
    safe(4, Some(Integer), "COUNT(*) OVER ({w}{r})"),
    safe(3, Some(Integer), "COUNT({~}){f} OVER ({w}{r})"),
    safe(5, Some(Integer), "SUM({i}) OVER ({w}{r})"),
    safe(4, Some(Decimal), "SUM({d}) OVER ({w}{r})"),
    safe(2, Some(Double), "SUM({x}) OVER ({w}{r})"),
    safe(2, Some(Double), "AVG({i}) OVER ({w}{r})"),
    safe(2, Some(Decimal), "AVG({d}) OVER ({w}{r})"),
    safe(4, None, "MIN({=}) OVER ({w}{r})"),
    safe(4, None, "MAX({=}) OVER ({w}{r})"),
    safe(1, Some(Boolean), "BOOL_OR({b}) OVER ({w}{r})"),
    safe(1, Some(Text), "STRING_AGG({t}, ',') OVER ({w}{r})"),
    // Not over moving frames: DataFusion takes rows out of them, and what it takes out leaves its rounding behind.
    safe(1, Some(Double), "STDDEV({x}) OVER ({w})"),
];

pub const FRAMES: [(usize, &str); 18] = [
    (8, ""),
    (3, " ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"),
    (3, " ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING"),
    (2, " ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING"),
    (2, " ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING"),
    (2, " ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"),
    (2, " ROWS 1 PRECEDING"),
    (2, " RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"),
    (2, " RANGE BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING"),
    (1, " GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW"),
    (1, " GROUPS BETWEEN CURRENT ROW AND 1 FOLLOWING"),
    (2, " RANGE BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"),
    (1, " ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING"),
    (1, " ROWS BETWEEN UNBOUNDED PRECEDING AND 1 FOLLOWING"),
    (1, " ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING"),
    (1, " ROWS BETWEEN 2 PRECEDING AND UNBOUNDED FOLLOWING"),
    (1, " GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING"),
    (1, " GROUPS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING"),
];
