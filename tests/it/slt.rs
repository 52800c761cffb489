//! Every script of `tests/slt`, in directories too, under every schedule. `REBATEFLOW_SLT=name` runs the scripts whose
//! paths contain it.

use std::path::{Path, PathBuf};

use rebateflow::slt::{Suite, find_scripts};

const DIRECTORY: &str = "tests/slt";

/// Lower bounds, so that a wrong directory or empty scripts cannot pass.
const FILES_MIN: usize = 60;
const QUERIES_MIN: usize = 180;

/// Scripts run beside one another.
const THREADS: usize = 2;

#[test]
fn every_script_passes_under_every_schedule() {
    let wanted = std::env::var("REBATEFLOW_SLT").unwrap_or_default();
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(DIRECTORY);
    let mut paths: Vec<PathBuf> = find_scripts(&[directory]).expect("scripts");
    paths.retain(|path| path.to_string_lossy().contains(&wanted));
    let suite = Suite::run(&paths, None, THREADS).expect("a run");
    println!("{suite}");
    assert!(suite.failures.is_empty(), "{suite}\n\n{}", suite.failures.join("\n\n"));
    let Suite { files, queries, compared, .. } = suite;
    if wanted.is_empty() {
        assert!(files >= FILES_MIN, "found {files} scripts in {DIRECTORY}");
        assert!(queries >= QUERIES_MIN, "found {queries} queries");
        assert!(compared >= 8 * queries, "{compared} comparisons");
    }
}
