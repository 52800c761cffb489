//! What the catalog refuses: `tests/refused/catalog/*.sql`.
//!
//! A file opens with lines `-- expect: FRAGMENT`, each found in the message, and one line `-- at: LINE:COLUMN`, the
//! place of the first fault. The rest is the SQL; it may hold several definitions.

use std::fs;
use std::path::{Path, PathBuf};

use rebateflow::catalog::{Catalog, SourceFile};

const DIRECTORY: &str = "tests/refused/catalog";

/// A lower bound, so that a wrong directory cannot pass.
const FILES_MIN: usize = 80;

#[test]
fn every_fault_is_found_at_its_place() {
    let files = refused_files();
    assert!(files.len() >= FILES_MIN, "found {} files in {DIRECTORY}", files.len());
    let failures: Vec<String> = files.iter().filter_map(|path| check(path).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

fn refused_files() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(DIRECTORY);
    let entries = fs::read_dir(&directory).expect("the directory of refused definitions");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths
}

fn check(path: &Path) -> Result<(), String> {
    let name = path.file_name().expect("a file name").to_string_lossy().into_owned();
    let text = fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    let values = |prefix: &str| -> Vec<String> {
        text.lines().filter_map(|line| line.strip_prefix(prefix)).map(|value| value.trim().to_string()).collect()
    };
    let (expected, at) = (values("-- expect:"), values("-- at:"));
    if expected.is_empty() || at.len() != 1 {
        return Err(format!("{name}: needs lines `-- expect: FRAGMENT` and one line `-- at: LINE:COLUMN`"));
    }
    let error = match Catalog::from_sources(&[SourceFile::new(name.clone(), text.clone())]) {
        Ok(_) => return Err(format!("{name}: accepted")),
        Err(error) => error.to_string(),
    };
    if let Some(missing) = expected.iter().find(|fragment| !error.contains(fragment.as_str())) {
        return Err(format!("{name}: no `{missing}` in\n{error}"));
    }
    // The first place is that of the first fault: "--> name.sql:3:5".
    let place = error.lines().find_map(|line| line.trim().strip_prefix("--> ")).unwrap_or("nowhere");
    if place != format!("{name}:{}", at[0]) {
        return Err(format!("{name}: expected at {}, found at {place} in\n{error}", at[0]));
    }
    match error.lines().any(|line| line.trim_start_matches([' ', '|']).starts_with('^')) {
        true => Ok(()),
        false => Err(format!("{name}: no caret in\n{error}")),
    }
}
