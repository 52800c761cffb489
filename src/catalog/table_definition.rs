//! From `CREATE TABLE` to a `Table`.

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::sql::sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use datafusion::sql::sqlparser::ast::{
    ColumnDef, ColumnOption, CreateTable, Expr, Ident, IndexColumn, OrderByOptions, PrimaryKeyConstraint, Spanned,
    TableConstraint,
};
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::Span;

use super::column_type::column_type;
use super::names;
use super::options::Options;
use super::source::{Faults, SourceFile};
use super::statement::Tokens;
use super::table::{Column, KeyFormat, Table, UnknownFields, Upsert};

const OPTIONS: [&str; 7] = ["topic", "format", "version", "deleted", "key_format", "unknown_fields", "retention"];

const COLUMNS_MAX: usize = 1_000;

/// Kafka's limit on the name of a topic.
const TOPIC_BYTES_MAX: usize = 249;

const HOUR_US: i64 = 3_600_000_000;

/// A hundred years.
const RETENTION_HOURS_MAX: i64 = 36_500 * 24;

/// Why both cannot be.
const VERSION_OR_RETENTION: &str = "an older version that comes late could not be told from a new one once the newer one is gone, and would come back, \
     unless the version is the time that `retention` goes by; \
     use a version that is TIMESTAMP(6) NOT NULL, or leave out `retention` and write \
     the limit into the views: WHERE event_time > as_of - INTERVAL '400 days', over CROSS JOIN clock";

/// Hint for everything that a database checks or fills in on writing.
const NO_WRITES: &str = "a table describes the events of a topic; it can say NOT NULL and PRIMARY KEY";

/// The table, as far as it could be understood; it counts only when no fault was added.
pub(super) fn table(
    create: &CreateTable,
    tokens: &Tokens,
    source: &SourceFile,
    faults: &mut Faults<'_>,
) -> Option<Table> {
    refuse_clauses(create, tokens, faults);
    let name = names::defined(&create.name, faults);
    let mut declared = Declared::default();
    for column in &create.columns {
        declared.add_column(column, tokens, faults);
    }
    for constraint in &create.constraints {
        declared.add_constraint(constraint, tokens, faults);
    }
    if create.columns.is_empty() {
        faults.invalid(create.name.span(), "this table has no columns");
    } else if create.columns.len() > COLUMNS_MAX {
        faults.invalid(create.name.span(), format!("this table has more than {COLUMNS_MAX} columns"));
    }
    let options = Options::read(&create.table_options, &OPTIONS, tokens, faults);
    refuse_options(&options, faults);
    let upsert = declared.upsert(&options, faults);
    let unknown_fields =
        [("keep", UnknownFields::Keep), ("ignore", UnknownFields::Ignore), ("reject", UnknownFields::Reject)];
    let unknown_fields = options.choice("unknown_fields", &unknown_fields, faults).unwrap_or(UnknownFields::Keep);
    let version = upsert.as_ref().and_then(|upsert| Some(&declared.columns[upsert.version?]));
    let retention_us = retention(&options, version, faults);
    let name = name?;
    let topic = topic(&name, &options, faults);
    let sql = source.text[source.range(tokens.whole())].to_string();
    Some(Table { name, topic, columns: declared.columns, upsert, unknown_fields, retention_us, sql })
}

/// What has been declared so far: columns and the primary key.
#[derive(Default)]
struct Declared {
    columns: Vec<Column>,
    /// Positions of the primary key's columns.
    key: Option<Vec<usize>>,
}

impl Declared {
    fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    fn add_column(&mut self, written: &ColumnDef, tokens: &Tokens, faults: &mut Faults<'_>) {
        let name = names::normalize(&written.name);
        names::not_hidden(&name, written.name.span, faults);
        let data_type = match column_type(&written.data_type) {
            Ok(data_type) => data_type,
            Err(unsupported) => {
                faults.refused(tokens.after(written.name.span), unsupported.message).hint = Some(unsupported.hint);
                // Any type keeps the column known, so that options that name it are not faults too.
                DataType::Null
            }
        };
        if self.position(&name).is_some() {
            faults.invalid(written.name.span, format!("column `{name}` is declared twice"));
            return;
        }
        self.columns.push(Column { name, data_type, nullable: true });
        let position = self.columns.len() - 1;
        let mut says_null = false;
        for option in &written.options {
            match &option.option {
                ColumnOption::NotNull => self.columns[position].nullable = false,
                ColumnOption::Null => says_null = true,
                ColumnOption::PrimaryKey(constraint) if is_plain(constraint) => {
                    let place = tokens.keyword_after(written.name.span.end, &[Keyword::PRIMARY]);
                    self.set_key(vec![position], place, faults);
                }
                other => {
                    let place = column_option_place(other, written, tokens);
                    faults.refused(place, format!("`{other}` is not supported in a column")).hint =
                        Some(NO_WRITES.to_string());
                }
            }
        }
        if says_null && !self.columns[position].nullable {
            let place = tokens.keyword_after(written.name.span.end, &[Keyword::NULL]);
            faults.invalid(place, format!("column `{}` is both NULL and NOT NULL", self.columns[position].name));
        }
    }

    fn add_constraint(&mut self, written: &TableConstraint, tokens: &Tokens, faults: &mut Faults<'_>) {
        let constraint = match written {
            TableConstraint::PrimaryKey(constraint) if is_plain(constraint) => constraint,
            other => {
                let place = if other.span() == Span::empty() { tokens.start() } else { other.span() };
                faults.refused(place, format!("`{other}` is not supported")).hint = Some(NO_WRITES.to_string());
                return;
            }
        };
        let mut key = vec![];
        for column in &constraint.columns {
            let Some(ident) = plain_column(column) else { continue };
            let name = names::normalize(ident);
            match self.position(&name) {
                Some(position) if key.contains(&position) => {
                    faults.invalid(ident.span, format!("column `{name}` is twice in the primary key"));
                }
                Some(position) => key.push(position),
                None => {
                    faults.invalid(ident.span, format!("the primary key names an unknown column `{name}`")).hint =
                        Some(self.suggestion(&name));
                }
            }
        }
        self.set_key(key, constraint.span(), faults);
    }

    fn set_key(&mut self, key: Vec<usize>, place: Span, faults: &mut Faults<'_>) {
        for position in &key {
            self.columns[*position].nullable = false;
        }
        if self.key.replace(key).is_some() {
            faults.invalid(place, "this table has two primary keys").hint =
                Some("write one PRIMARY KEY (a, b) after the columns".to_string());
        }
    }

    fn upsert(&self, options: &Options, faults: &mut Faults<'_>) -> Option<Upsert> {
        let Some(key) = &self.key else {
            for name in ["version", "deleted", "key_format"] {
                if let Some(option) = options.get(name) {
                    faults.invalid(option.name, format!("option `{name}` needs a PRIMARY KEY")).hint =
                        Some("without one the table is append-only: events are never replaced or deleted".to_string());
                }
            }
            return None;
        };
        let version = self.column_option("version", options, faults);
        let deleted = self.column_option("deleted", options, faults);
        let is_kind_of = |position: usize, wanted: &DataType| {
            let data_type = &self.columns[position].data_type;
            data_type == wanted || *data_type == DataType::Null
        };
        if let (Some(position), Some(option)) = (deleted, options.get("deleted"))
            && !is_kind_of(position, &DataType::Boolean)
        {
            faults.invalid(option.value, format!("column `{}` is not BOOLEAN", self.columns[position].name)).hint =
                Some("a row is deleted when the column that `deleted` names is true".to_string());
        }
        if let (Some(position), Some(option)) = (version, options.get("version"))
            && [DataType::Boolean, DataType::Float64].contains(&self.columns[position].data_type)
        {
            faults
                .invalid(option.value, format!("column `{}` cannot order versions", self.columns[position].name))
                .hint = Some("use an integer, a decimal, a date or a timestamp".to_string());
        }
        let key_formats = [("raw", KeyFormat::Raw), ("json", KeyFormat::Json)];
        let usual = if key.len() == 1 { KeyFormat::Raw } else { KeyFormat::Json };
        let key_format = options.choice("key_format", &key_formats, faults).unwrap_or(usual);
        if let Some(option) = options.get("key_format")
            && key_format == KeyFormat::Raw
            && key.len() != 1
        {
            faults.invalid(option.value, format!("a raw key is one column; the primary key has {}", key.len())).hint =
                Some("use key_format = 'json'".to_string());
        }
        Some(Upsert { key: key.clone(), version, deleted, key_format })
    }

    /// The position of the column that an option names; it may not be part of the key.
    fn column_option(&self, name: &str, options: &Options, faults: &mut Faults<'_>) -> Option<usize> {
        let option = options.get(name)?;
        let list = names::parse_list(&option.text).unwrap_or_default();
        let [column] = list.as_slice() else {
            faults.invalid(option.value, format!("option `{name}` names one column"));
            return None;
        };
        let position = self.position(column);
        match position {
            None => {
                faults.invalid(option.value, format!("option `{name}` names an unknown column `{column}`")).hint =
                    Some(self.suggestion(column));
            }
            Some(position) if self.key.as_ref().is_some_and(|key| key.contains(&position)) => {
                faults.invalid(option.value, format!("column `{column}` is part of the primary key")).hint =
                    Some(format!("`{name}` names a column that differs between the events of one key"));
            }
            Some(_) => {}
        }
        position
    }

    fn suggestion(&self, column: &str) -> String {
        names::suggestion(column, self.columns.iter().map(|column| column.name.as_str()), "columns")
    }
}

/// Everything that the parser understood and this function does not list is refused.
fn refuse_clauses(create: &CreateTable, tokens: &Tokens, faults: &mut Faults<'_>) {
    let understood = CreateTableBuilder::new(create.name.clone())
        .columns(create.columns.clone())
        .constraints(create.constraints.clone())
        .table_options(create.table_options.clone())
        .build();
    if understood == *create {
        return;
    }
    let from = tokens.start().start;
    let (keyword, clause) = match create {
        create if create.or_replace => (Keyword::OR, "OR REPLACE"),
        create if create.temporary => (Keyword::TEMPORARY, "TEMPORARY"),
        create if create.if_not_exists => (Keyword::IF, "IF NOT EXISTS"),
        create if create.external => (Keyword::EXTERNAL, "EXTERNAL"),
        create if create.query.is_some() => (Keyword::AS, "AS SELECT"),
        create if create.like.is_some() => (Keyword::LIKE, "LIKE"),
        create if create.partition_by.is_some() => (Keyword::PARTITION, "PARTITION BY"),
        create if create.primary_key.is_some() => (Keyword::PRIMARY, "PRIMARY KEY after the columns"),
        _ => (Keyword::CREATE, "a clause of this statement"),
    };
    let keywords = if keyword == Keyword::TEMPORARY { vec![keyword, Keyword::TEMP] } else { vec![keyword] };
    faults.refused(tokens.keyword_after(from, &keywords), format!("{clause} is not supported in CREATE TABLE")).hint =
        Some("write CREATE TABLE name (columns, PRIMARY KEY (...)) WITH (options)".to_string());
}

fn refuse_options(options: &Options, faults: &mut Faults<'_>) {
    if let Some(format) = options.get("format")
        && format.text != "json"
    {
        let later = ["avro", "debezium-json"].contains(&format.text.as_str());
        let diagnostic = if later {
            faults.refused(format.value, format!("format '{}' is not supported yet", format.text))
        } else {
            faults.invalid(format.value, format!("unknown format '{}'", format.text))
        };
        diagnostic.hint = Some("use format = 'json'".to_string());
    }
}

/// `'400 days'` or `'36 hours'`, in microseconds.
fn retention(options: &Options, version: Option<&Column>, faults: &mut Faults<'_>) -> Option<i64> {
    let option = options.get("retention")?;
    let is_time = |column: &Column| {
        let time = DataType::Timestamp(TimeUnit::Microsecond, None);
        [time, DataType::Null].contains(&column.data_type) && !column.nullable
    };
    if let Some(version) = version.filter(|version| !is_time(version)) {
        let message = format!("option `retention` does not go with the version `{}`", version.name);
        faults.refused(option.name, message).hint = Some(VERSION_OR_RETENTION.to_string());
        return None;
    }
    let hours = option.text.split_once(' ').and_then(|(number, unit)| {
        let hours_each = match unit {
            "day" | "days" => 24,
            "hour" | "hours" => 1,
            _ => return None,
        };
        let digits = number.bytes().all(|digit| digit.is_ascii_digit());
        number.parse::<i64>().ok().filter(|_| digits)?.checked_mul(hours_each)
    });
    match hours.filter(|hours| (1..=RETENTION_HOURS_MAX).contains(hours)) {
        Some(hours) => Some(hours * HOUR_US),
        None => {
            faults.invalid(option.value, format!("option `retention` cannot be '{}'", option.text)).hint =
                Some("it can be '1 hour' to '36500 days', in whole hours or days".to_string());
            None
        }
    }
}

fn topic(name: &str, options: &Options, faults: &mut Faults<'_>) -> String {
    let Some(option) = options.get("topic") else {
        return name.to_string();
    };
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let topic = &option.text;
    if topic.is_empty() || topic.len() > TOPIC_BYTES_MAX || !topic.chars().all(legal) || topic == "." || topic == ".." {
        faults.invalid(option.value, format!("'{topic}' cannot name a topic")).hint =
            Some(format!("use letters, digits, `.`, `_` and `-`, at most {TOPIC_BYTES_MAX} of them"));
    }
    topic.clone()
}

/// A primary key without index names, types or characteristics, over columns without order.
fn is_plain(constraint: &PrimaryKeyConstraint) -> bool {
    constraint.index_name.is_none()
        && constraint.index_type.is_none()
        && constraint.index_options.is_empty()
        && constraint.characteristics.is_none()
        && constraint.columns.iter().all(|column| plain_column(column).is_some())
}

fn plain_column(column: &IndexColumn) -> Option<&Ident> {
    let ordered = &column.column;
    match &ordered.expr {
        Expr::Identifier(ident)
            if column.operator_class.is_none()
                && ordered.with_fill.is_none()
                && ordered.options == OrderByOptions::default() =>
        {
            Some(ident)
        }
        _ => None,
    }
}

/// The keyword of an option of a column; the parser keeps no place for most of them.
fn column_option_place(option: &ColumnOption, column: &ColumnDef, tokens: &Tokens) -> Span {
    let keyword = match option {
        ColumnOption::Default(_) => Keyword::DEFAULT,
        ColumnOption::Unique(_) => Keyword::UNIQUE,
        ColumnOption::PrimaryKey(_) => Keyword::PRIMARY,
        ColumnOption::ForeignKey(_) => Keyword::REFERENCES,
        ColumnOption::Check(_) => Keyword::CHECK,
        ColumnOption::Generated { .. } => Keyword::GENERATED,
        ColumnOption::Comment(_) => Keyword::COMMENT,
        ColumnOption::Collation(_) => Keyword::COLLATE,
        _ => return column.name.span,
    };
    tokens.keyword_after(column.name.span.end, &[keyword])
}
