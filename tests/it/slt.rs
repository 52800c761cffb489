//! Every script of `tests/slt` under every schedule. `REBATEFLOW_SLT=name` runs the scripts whose names contain it.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rebateflow::slt::{Report, Runner, Script};

const DIRECTORY: &str = "tests/slt";

/// Lower bounds, so that a wrong directory or empty scripts cannot pass.
const FILES_MIN: usize = 60;
const QUERIES_MIN: usize = 180;

/// Scripts run beside one another.
const THREADS: usize = 2;

#[test]
fn every_script_passes_under_every_schedule() {
    let wanted = std::env::var("REBATEFLOW_SLT").unwrap_or_default();
    let paths: Vec<PathBuf> = scripts().into_iter().filter(|p| p.to_string_lossy().contains(&wanted)).collect();
    let (failures, reports) = (Mutex::new(vec![]), Mutex::new(vec![]));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (paths, failures, reports) = (&paths, &failures, &reports);
            scope.spawn(move || {
                let runner = Runner::new().expect("a runner");
                for path in paths.iter().skip(thread).step_by(THREADS) {
                    let script = Script::load(path);
                    match script.and_then(|script| runner.run(&script)) {
                        Ok(report) => reports.lock().expect("no panic before").push(report),
                        Err(error) => failures.lock().expect("no panic before").push(error.to_string()),
                    }
                }
            });
        }
    });
    let (mut failures, reports) = (failures.into_inner().expect("no panic"), reports.into_inner().expect("no panic"));
    failures.sort();
    assert!(failures.is_empty(), "{} of {} scripts fail\n\n{}", failures.len(), paths.len(), failures.join("\n\n"));
    let sum = |of: fn(&Report) -> usize| reports.iter().map(of).sum::<usize>();
    let (queries, compared) = (sum(|r| r.queries), sum(|r| r.compared));
    println!("{} scripts, {queries} queries, {compared} comparisons with the oracle", reports.len());
    if wanted.is_empty() {
        assert!(paths.len() >= FILES_MIN, "found {} scripts in {DIRECTORY}", paths.len());
        assert!(queries >= QUERIES_MIN, "found {queries} queries");
        assert!(compared >= 8 * queries, "{compared} comparisons");
    }
}

fn scripts() -> Vec<PathBuf> {
    let mut paths = vec![];
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(DIRECTORY)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("a folder of scripts") {
            let path = entry.expect("an entry").path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension == "slt" => paths.push(path),
                _ => {}
            }
        }
    }
    paths.sort();
    paths
}
