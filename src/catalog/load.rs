//! Reads the catalog's directories: one definition a file, named like the file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use datafusion::sql::sqlparser::tokenizer::Span;

use super::consistency::{Placed, place_of_name};
use super::definition::{Definition, parse_definitions};
use super::source::SourceFile;
use crate::error::{Diagnostic, Error, ErrorKind, Result};

/// An SQL file is written by hand; 1 MiB is far above any.
const SQL_FILE_BYTES_MAX: u64 = 1 << 20;

/// What the files hold.
pub(super) struct Files {
    pub(super) placed: Vec<Placed>,
    pub(super) faults: Vec<Diagnostic>,
    /// Names of files with faults: what they define is unknown, but views may read it.
    pub(super) unreadable: Vec<String>,
}

/// What a directory holds.
#[derive(Clone, Copy, PartialEq)]
enum Holds {
    Tables,
    Views,
}

pub(super) fn read(schemas: &Path, sql: &Path) -> Result<Files> {
    let mut files = Files { placed: vec![], faults: vec![], unreadable: vec![] };
    for (directory, holds) in [(schemas, Holds::Tables), (sql, Holds::Views)] {
        for path in sql_files(directory)? {
            let source = SourceFile::new(path.display().to_string(), read_text(&path)?);
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            match one_definition(&source, &stem, holds) {
                Ok(definition) => files.placed.push(Placed { definition, source }),
                Err(faults) => {
                    files.faults.extend(faults);
                    files.unreadable.push(stem);
                }
            }
        }
    }
    Ok(files)
}

fn sql_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let unreadable = |error: io::Error| {
        Error::not_found(format!("cannot read directory `{}`", directory.display()))
            .hint("give the directories with --schemas DIR and --sql DIR")
            .caused_by(error)
    };
    let mut paths = vec![];
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        // Editors keep their swap files under hidden names.
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.extension().is_some_and(|extension| extension == "sql") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read_text(path: &Path) -> Result<String> {
    let unreadable = |error: io::Error| Error::invalid(format!("cannot read `{}`", path.display())).caused_by(error);
    let bytes = fs::metadata(path).map_err(unreadable)?.len();
    if bytes > SQL_FILE_BYTES_MAX {
        return Err(Error::invalid(format!("`{}` has {bytes} bytes", path.display()))
            .hint(format!("an SQL file has at most {SQL_FILE_BYTES_MAX} bytes")));
    }
    let text = fs::read_to_string(path).map_err(unreadable)?;
    // Some editors begin a file with a byte order mark, which is no SQL.
    Ok(text.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(text))
}

fn one_definition(source: &SourceFile, stem: &str, holds: Holds) -> Result<Definition, Vec<Diagnostic>> {
    let fault = |place: Span, message: String, hint: String| {
        let mut diagnostic = source.diagnostic(ErrorKind::Invalid, place, message);
        diagnostic.hint = Some(hint);
        Err(vec![diagnostic])
    };
    let mut definitions = parse_definitions(source)?;
    let definition = match (definitions.pop(), definitions.len()) {
        (Some(definition), 0) => definition,
        (Some(last), _) => {
            let hint = format!("move `{}` to its own file `{}.sql`", last.name(), last.name());
            return fault(place_of_name(source, last.name()), "a file holds one definition".to_string(), hint);
        }
        (None, _) => {
            return fault(
                Span::empty(),
                "this file defines nothing".to_string(),
                "write a CREATE statement".to_string(),
            );
        }
    };
    let name = definition.name().to_string();
    let place = place_of_name(source, &name);
    let (is, belongs) = match definition {
        Definition::Table(_) => (Holds::Tables, "a table belongs to the directory of the schemas"),
        Definition::View(_) => (Holds::Views, "a view belongs to the directory of the views"),
    };
    if is != holds {
        return fault(place, belongs.to_string(), "the directories are those of --schemas and --sql".to_string());
    }
    if name != stem {
        let message = format!("file `{stem}.sql` defines `{name}`");
        return fault(place, message, format!("name the file `{name}.sql`"));
    }
    Ok(definition)
}
