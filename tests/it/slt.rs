//! Every script of `tests/slt`, in directories too, under every schedule; those below `tests/slt/views` begin with views
//! of the product. `REBATEFLOW_SLT=name` runs the scripts whose paths contain it.

use std::path::{Path, PathBuf};

use rebateflow::catalog::Catalog;
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
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let product = Catalog::load(&root.join("schemas"), &root.join("sql")).expect("the product's catalog");
    let (of_product, others): (Vec<PathBuf>, Vec<PathBuf>) =
        paths.into_iter().partition(|path| path.starts_with(root.join(DIRECTORY).join("views")));
    let mut suite = Suite::run(&others, None, THREADS).expect("a run");
    suite.add(Suite::run(&of_product, Some(&product), THREADS).expect("a run"));
    println!("{suite}");
    assert!(suite.failures.is_empty(), "{suite}\n\n{}", suite.failures.join("\n\n"));
    let Suite { files, queries, compared, .. } = suite;
    if wanted.is_empty() {
        assert!(files >= FILES_MIN, "found {files} scripts in {DIRECTORY}");
        assert!(queries >= QUERIES_MIN, "found {queries} queries");
        assert!(compared >= 8 * queries, "{compared} comparisons");
    }
}
