//! Errors that say what the caller must do, and diagnostics that show the place in the text.

use std::fmt;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// What the caller can do about an error. The HTTP status and the exit code follow from it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request, the configuration or the SQL is wrong: change it.
    Invalid,
    /// The named thing does not exist.
    NotFound,
    /// Understood, but not something that this engine does.
    Refused,
    /// A broker, a store or a limit stands in the way: try again later.
    Unavailable,
    /// Data broke a promise (a negative weight, a corrupt file).
    Data,
    /// Another process has taken over the storage.
    Fenced,
    /// A fault of ours.
    Internal,
}

/// An error: kind, one-line message in lower case, and where known a hint, the places in the SQL, and the cause.
#[derive(Debug)]
pub struct Error {
    pub kind: ErrorKind,
    pub message: String,
    pub hint: Option<String>,
    pub diagnostics: Vec<Diagnostic>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), hint: None, diagnostics: vec![], source: None }
    }
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Invalid, message)
    }
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::NotFound, message)
    }
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Refused, message)
    }
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, message)
    }
    pub fn data(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Data, message)
    }
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }
    /// What to do about it, in one sentence.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
    /// The cause, kept for `source()` and printed after the message.
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }
    /// One error for all the places found wrong; the kind is that of the first.
    pub fn from_diagnostics(diagnostics: Vec<Diagnostic>) -> Self {
        let first = &diagnostics[0];
        let mut error = Self::new(first.kind, first.message.clone());
        error.hint = first.hint.clone();
        error.diagnostics = diagnostics;
        error
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.diagnostics.is_empty() {
            let all: Vec<String> = self.diagnostics.iter().map(Diagnostic::render).collect();
            return f.write_str(&all.join("\n"));
        }
        f.write_str(&self.message)?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_deref().map(|e| e as _)
    }
}

impl From<datafusion::error::DataFusionError> for Error {
    fn from(error: datafusion::error::DataFusionError) -> Self {
        Error::invalid(error.strip_backtrace())
    }
}

impl From<datafusion::arrow::error::ArrowError> for Error {
    fn from(error: datafusion::arrow::error::ArrowError) -> Self {
        Error::data(error.to_string())
    }
}

/// A place in an SQL file and what is wrong there. Rendered as rustc does: file, line, column, caret, hint.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    pub kind: ErrorKind,
    /// Path of the file, as the user named it.
    pub file: String,
    /// The whole text of the file.
    pub text: String,
    /// Bytes of `text`; empty at 0 when no place is known.
    pub span: Range<usize>,
    pub message: String,
    pub hint: Option<String>,
}

impl Diagnostic {
    /// Line and column, both from 1; columns count characters.
    pub fn position(&self) -> (usize, usize) {
        let before = &self.text[..self.span.start.min(self.text.len())];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (line, column)
    }

    /// Plain text without colours, several lines.
    pub fn render(&self) -> String {
        self.render_as(Level::ERROR)
    }

    /// The same, as a warning.
    pub fn render_warning(&self) -> String {
        self.render_as(Level::WARNING)
    }

    fn render_as(&self, level: Level<'static>) -> String {
        let end = self.span.end.min(self.text.len());
        let start = self.span.start.min(end);
        let snippet = Snippet::source(self.text.as_str())
            .path(self.file.as_str())
            .annotation(AnnotationKind::Primary.span(start..end));
        let mut report = vec![level.primary_title(self.message.as_str()).element(snippet)];
        if let Some(hint) = &self.hint {
            report.push(Group::with_title(Level::HELP.with_name("hint").secondary_title(hint.as_str())));
        }
        Renderer::plain().render(&report).to_string()
    }
}
