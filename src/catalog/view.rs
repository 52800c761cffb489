//! A view: a named SELECT and the options of its `CREATE [MATERIALIZED] VIEW`.

use datafusion::sql::sqlparser::ast::Query;

use super::source::SourceFile;

/// Whether the changes of a view are kept in the history.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum History {
    None,
    Changes,
}

/// What an answer does when rows of the view could not be evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnError {
    /// The answer says how many.
    Count,
    /// The answer is 409.
    Refuse,
}

/// A view of the catalog. A plain one is a named subquery; a materialized one is maintained and served.
#[derive(Clone, Debug)]
pub struct View {
    pub name: String,
    pub materialized: bool,
    /// The lookup key as written; None: the engine derives it.
    pub key: Option<Vec<String>>,
    pub history: History,
    pub on_error: OnError,
    pub query: Query,
    /// Tables and views that the query reads, each once, in order of first mention.
    pub reads: Vec<String>,
    /// The file as the user named it and its whole text: places in `query` are places in this text.
    pub source: SourceFile,
}
