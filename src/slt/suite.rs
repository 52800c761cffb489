//! Many scripts on several threads.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::runner::{Report, Runner};
use super::script::Script;
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::explain::counted;
use crate::tasks::spawn_thread;

/// Directories inside each other that are searched.
const DEPTH_MAX: usize = 32;

/// What a number of scripts showed.
#[derive(Clone, Debug, Default)]
pub struct Suite {
    pub files: usize,
    pub queries: usize,
    /// Comparisons of a view with the batch answer.
    pub compared: usize,
    /// What is wrong, in the order of the files.
    pub failures: Vec<String>,
}

/// The number of a script, and what it showed.
type Outcome = (usize, Result<Report>);

impl fmt::Display for Suite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Suite { files, queries, compared, failures } = self;
        let (files, queries) = (counted(*files, "file"), counted(*queries, "query"));
        let compared = counted(*compared, "comparison");
        write!(f, "{files}, {queries}, {compared} with the batch answer, {} failed", failures.len())
    }
}

impl Suite {
    /// Runs each script under every schedule. `project`: tables and views that every script begins with.
    pub fn run(paths: &[PathBuf], project: Option<&Catalog>, threads: usize) -> Result<Suite> {
        let (paths, next) = (Arc::new(paths.to_vec()), Arc::new(AtomicUsize::new(0)));
        let outcomes: Arc<Mutex<Vec<Outcome>>> = Arc::default();
        let mut running = vec![];
        for thread in 0..threads.clamp(1, paths.len().max(1)) {
            let (paths, next, outcomes) = (paths.clone(), next.clone(), outcomes.clone());
            let project = project.cloned();
            running.push(spawn_thread(&format!("test-{thread}"), move || {
                let runner = Runner::new(project)?;
                while let Some((at, path)) = take(&next, &paths) {
                    let outcome = Script::load(path).and_then(|script| runner.run(&script));
                    outcomes.lock().unwrap_or_else(PoisonError::into_inner).push((at, outcome));
                }
                Ok(())
            })?);
        }
        for thread in running {
            thread.join().unwrap_or_else(|_| Err(Error::internal("a thread of the tests panicked")))?;
        }
        let mut outcomes = std::mem::take(&mut *outcomes.lock().unwrap_or_else(PoisonError::into_inner));
        outcomes.sort_by_key(|(at, _)| *at);
        let mut suite = Suite { files: outcomes.len(), ..Suite::default() };
        for (_, outcome) in outcomes {
            match outcome {
                Ok(report) => {
                    suite.queries += report.queries;
                    suite.compared += report.compared;
                }
                Err(error) => suite.failures.push(error.to_string()),
            }
        }
        Ok(suite)
    }
}

impl Suite {
    /// Adds what further scripts showed.
    pub fn add(&mut self, further: Suite) {
        self.files += further.files;
        self.queries += further.queries;
        self.compared += further.compared;
        self.failures.extend(further.failures);
    }
}

fn take<'a>(next: &AtomicUsize, paths: &'a [PathBuf]) -> Option<(usize, &'a Path)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    paths.get(at).map(|path| (at, path.as_path()))
}

/// The scripts among these files and below these directories (`*.slt`), sorted. Errors: `NotFound`, also if there is no
/// script.
pub fn find_scripts(paths: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut found = vec![];
    for path in paths {
        find(path, 0, &mut found)?;
    }
    found.sort();
    found.dedup();
    if found.is_empty() {
        let named: Vec<String> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(Error::not_found(format!("there is no test script in {}", named.join(", ")))
            .hint("the names of test scripts end with .slt"));
    }
    Ok(found)
}

fn find(path: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    let unreadable = |e| Error::not_found(format!("cannot read {}", path.display())).caused_by(e);
    if !std::fs::metadata(path).map_err(unreadable)?.is_dir() {
        found.push(path.to_path_buf());
        return Ok(());
    }
    if depth == DEPTH_MAX {
        return Err(Error::refused(format!("{} is more than {DEPTH_MAX} directories deep", path.display())));
    }
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() || path.extension().is_some_and(|ending| ending == "slt") {
            find(&path, depth + 1, found)?;
        }
    }
    Ok(())
}
