//! A script: the records of an `.slt` file that this runner knows.

use std::path::Path;

use sqllogictest::{DefaultColumnType, ExpectedError, QueryExpect, Record, SortMode, StatementExpect, parse_with_name};

use crate::error::{Error, Result};

/// A comment that asks for a comparison with the batch oracle at its place.
const CHECK: &str = "check";

/// A comment that names views of the project that the script begins with, and no others: `# views: a, b`.
const VIEWS: &str = "views:";

/// What a `query` record expects.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub types: Vec<DefaultColumnType>,
    pub sort: SortMode,
    pub lines: Vec<String>,
}

#[derive(Clone, Debug)]
pub(super) enum Action {
    /// `error`: the pattern of the error that it must give.
    Statement {
        sql: String,
        error: Option<ExpectedError>,
    },
    Query {
        sql: String,
        expected: Expected,
    },
    QueryError {
        sql: String,
        error: ExpectedError,
    },
    /// `# check`: compare all views with the oracle.
    Check,
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub line: u32,
    pub action: Action,
}

/// A parsed `.slt` file.
#[derive(Clone, Debug)]
pub struct Script {
    pub(super) name: String,
    pub(super) steps: Vec<Step>,
    /// Views of the project that it begins with, with what they read; none: all of the project.
    pub(super) views: Vec<String>,
}

impl Script {
    /// `name` is how errors name the text. Errors: `Invalid` for text that is not sqllogictest.
    pub fn parse(name: &str, text: &str) -> Result<Script> {
        let records = parse_with_name::<DefaultColumnType>(text, name)
            .map_err(|e| Error::invalid(format!("{name} is not a test script")).caused_by(e))?;
        let (mut steps, mut views) = (vec![], vec![]);
        let mut last_line = 0;
        for record in records {
            if matches!(record, Record::Halt { .. }) {
                break;
            }
            if let Record::Comment(lines) = &record {
                let named = lines.iter().filter_map(|line| line.trim().strip_prefix(VIEWS));
                views.extend(named.flat_map(|names| names.split(',')).map(|view| view.trim().to_string()));
            }
            if let Some(step) = step(name, record, last_line)? {
                last_line = step.line;
                steps.push(step);
            }
        }
        Ok(Script { name: name.to_string(), steps, views })
    }

    pub fn load(path: &Path) -> Result<Script> {
        let name = path.display().to_string();
        let text =
            std::fs::read_to_string(path).map_err(|e| Error::not_found(format!("cannot read {name}")).caused_by(e))?;
        Self::parse(&name, &text)
    }

    /// How many queries the script has.
    pub fn queries(&self) -> usize {
        let is_query = |step: &&Step| matches!(step.action, Action::Query { .. } | Action::QueryError { .. });
        self.steps.iter().filter(is_query).count()
    }
}

fn step(name: &str, record: Record<DefaultColumnType>, last_line: u32) -> Result<Option<Step>> {
    let (line, action) = match record {
        Record::Statement { loc, sql, expected, .. } => {
            let error = match expected {
                StatementExpect::Ok | StatementExpect::Count(_) => None,
                StatementExpect::Error(error) => Some(error),
            };
            (loc.line(), Action::Statement { sql, error })
        }
        Record::Query { loc, sql, expected, .. } => match expected {
            QueryExpect::Error(error) => (loc.line(), Action::QueryError { sql, error }),
            QueryExpect::Results { types, sort_mode, results, .. } => {
                let sort = sort_mode.unwrap_or(SortMode::NoSort);
                let expected = Expected { types, sort, lines: results };
                (loc.line(), Action::Query { sql, expected })
            }
        },
        Record::Comment(lines) if lines.iter().any(|line| line.trim() == CHECK) => (last_line, Action::Check),
        Record::Comment(_) | Record::Newline | Record::Subtest { .. } | Record::Injected(_) => return Ok(None),
        other => return Err(Error::refused(format!("{name}: `{other}` has no meaning here"))),
    };
    Ok(Some(Step { line, action }))
}

/// Whether a message is the expected one.
pub(super) fn is_expected(error: &ExpectedError, message: &str) -> bool {
    match error {
        ExpectedError::Empty => true,
        ExpectedError::Inline(pattern) => pattern.is_match(message),
        ExpectedError::Multiline(text) => text.trim() == message.trim(),
        ExpectedError::SqlState(_) => false,
    }
}
