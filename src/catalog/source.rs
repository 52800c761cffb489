//! An SQL text with its path, and the way from the parser's places to diagnostics.

use std::ops::Range;

use datafusion::sql::sqlparser::tokenizer::{Location, Span};

use crate::error::{Diagnostic, ErrorKind};

/// An SQL file (or a piece of SQL given as text).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Path as the user named it.
    pub path: String,
    pub text: String,
}

impl SourceFile {
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        SourceFile { path: path.into(), text: text.into() }
    }

    /// The bytes of `text` that a place of the parser covers; 0..0 for a place that the parser does not know.
    pub fn range(&self, span: Span) -> Range<usize> {
        let start = self.offset(span.start);
        start..self.offset(span.end).max(start)
    }

    pub fn diagnostic(&self, kind: ErrorKind, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            kind,
            file: self.path.clone(),
            text: self.text.clone(),
            span: self.range(span),
            message: message.into(),
            hint: None,
        }
    }

    /// Lines end with `\n` and columns count characters, both from 1, as the parser counts them.
    fn offset(&self, location: Location) -> usize {
        let mut line_start = 0;
        for _ in 1..location.line {
            match self.text[line_start..].find('\n') {
                Some(length) => line_start += length + 1,
                None => return self.text.len(),
            }
        }
        let column = usize::try_from(location.column.saturating_sub(1)).unwrap_or(usize::MAX);
        let rest = &self.text[line_start..];
        line_start + rest.char_indices().nth(column).map_or(rest.len(), |(at, _)| at)
    }
}

/// The faults found in one source.
pub(super) struct Faults<'a> {
    source: &'a SourceFile,
    found: Vec<Diagnostic>,
}

impl<'a> Faults<'a> {
    pub(super) fn new(source: &'a SourceFile) -> Self {
        Faults { source, found: vec![] }
    }

    /// Notes that the text is wrong; the caller may set the hint of the diagnostic.
    pub(super) fn invalid(&mut self, place: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.note(ErrorKind::Invalid, place, message)
    }

    /// Notes that the text asks for what the engine does not do.
    pub(super) fn refused(&mut self, place: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.note(ErrorKind::Refused, place, message)
    }

    pub(super) fn count(&self) -> usize {
        self.found.len()
    }

    /// The faults in the order of the text.
    pub(super) fn into_found(mut self) -> Vec<Diagnostic> {
        self.found.sort_by_key(|diagnostic| diagnostic.span.start);
        self.found
    }

    fn note(&mut self, kind: ErrorKind, place: Span, message: impl Into<String>) -> &mut Diagnostic {
        self.found.push(self.source.diagnostic(kind, place, message));
        self.found.last_mut().expect("a fault was just pushed")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_characters_and_become_bytes() {
        let source = SourceFile::new("a.sql", "-- 返利\nSELECT '元', b;\n");
        let place = |line, from, to| source.range(Span::new(Location::new(line, from), Location::new(line, to)));
        assert_eq!(&source.text[place(1, 4, 6)], "返利");
        assert_eq!(&source.text[place(2, 13, 14)], "b");
        assert_eq!(place(9, 1, 5), source.text.len()..source.text.len());
        assert_eq!(source.range(Span::empty()), 0..0);
    }
}
