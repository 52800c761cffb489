//! What the planner refuses: `tests/refused/*.sql`.
//!
//! A file opens with lines `-- expect: FRAGMENT`, each found in the message. The rest is SQL whose last statement is
//! refused; those before it are accepted. Every error has kind, place and caret.

use std::path::{Path, PathBuf};

use rebateflow::catalog::SourceFile;
use rebateflow::clock::Clock;
use rebateflow::engine::Engine;
use rebateflow::error::{Error, ErrorKind};

const DIRECTORY: &str = "tests/refused";

/// A lower bound, so that a wrong directory cannot pass.
const FILES_MIN: usize = 50;

#[test]
fn every_refusal_says_what_and_where() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(DIRECTORY);
    let entries = std::fs::read_dir(&directory).expect("the directory of refused views");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.extension().is_some_and(|e| e == "sql")).collect();
    paths.sort();
    assert!(paths.len() >= FILES_MIN, "found {} files in {DIRECTORY}", paths.len());
    let failures: Vec<String> = paths.iter().filter_map(|path| check(path).err()).collect();
    assert!(failures.is_empty(), "{} of {}\n\n{}", failures.len(), paths.len(), failures.join("\n\n"));
}

fn check(path: &Path) -> Result<(), String> {
    let name = path.file_name().expect("a file name").to_string_lossy().into_owned();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    let expected: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("-- expect: ")).collect();
    let (accepted, refused) = text.trim_end().trim_end_matches(';').rsplit_once(";\n").ok_or("two statements")?;
    let mut engine = Engine::new(1, Clock::System).map_err(|error| error.to_string())?;
    let accepted = SourceFile::new(name.clone(), format!("{accepted};\n"));
    engine.create(&accepted).map_err(|error| format!("{name}: the tables\n{error}"))?;
    // The lines before are kept empty, so that the place is that in the file.
    let before = "\n".repeat(accepted.text.lines().count());
    let error = match engine.create(&SourceFile::new(name.clone(), format!("{before}{refused};\n"))) {
        Ok(()) => return Err(format!("{name}: accepted")),
        Err(error) => error,
    };
    let shown = error.to_string();
    if expected.is_empty() {
        return Err(format!("{name}: needs a line `-- expect: FRAGMENT`"));
    }
    if let Some(missing) = expected.iter().find(|fragment| !shown.contains(**fragment)) {
        return Err(format!("{name}: no `{missing}` in\n{shown}"));
    }
    has_place(&error, &text).map_err(|fault| format!("{name}: {fault}\n{shown}"))
}

fn has_place(error: &Error, text: &str) -> Result<(), String> {
    if !matches!(error.kind, ErrorKind::Invalid | ErrorKind::Refused) {
        return Err(format!("kind {:?}", error.kind));
    }
    let statement = text.lines().position(|line| line.contains("VIEW r ")).unwrap_or(usize::MAX) + 1;
    for diagnostic in &error.diagnostics {
        let (line, column) = diagnostic.position();
        // The query stands in the line of the statement.
        if line != statement || column < "CREATE VIEW r AS ".len() && !diagnostic.message.starts_with("the key names") {
            return Err(format!("its place is {line}:{column}, the statement is in line {statement}"));
        }
    }
    let has_caret = |line: &str| line.trim_start_matches([' ', '|']).starts_with('^');
    match error.diagnostics.is_empty() || !error.to_string().lines().any(has_caret) {
        true => Err("no place or no caret".to_string()),
        false => Ok(()),
    }
}
