//! `rebateflow test`: test scripts under every schedule, compared with the batch answer.

use std::path::PathBuf;

use clap::Args;

use super::arguments::CatalogArguments;
use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::explain::counted;
use crate::slt::{Suite, find_scripts};

/// Threads that run scripts at most.
const THREADS_MAX: usize = 64;

/// Flags of `test`.
#[derive(Debug, Args)]
pub(super) struct TestArguments {
    /// Scripts (.slt), or directories that are searched for them.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Scripts that run beside one another [default: the number of cores].
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    #[command(flatten)]
    catalog: CatalogArguments,
}

/// Runs the scripts; an error if one fails.
pub(super) fn test(arguments: &TestArguments) -> Result<()> {
    let clock = Clock::System;
    let start = clock.instant();
    let scripts = find_scripts(&arguments.paths)?;
    // Without flags a script brings its own tables.
    let project = match (&arguments.catalog.sql, &arguments.catalog.schemas) {
        (None, None) => None,
        _ => {
            let settings = arguments.catalog.settings()?;
            Some(Catalog::load(&settings.schemas, &settings.sql)?)
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = arguments.threads.unwrap_or(cores).clamp(1, THREADS_MAX);
    let suite = Suite::run(&scripts, project.as_ref(), threads)?;
    for failure in &suite.failures {
        tell!("{}\n", failure.trim_end());
    }
    say!("{suite}, {:.1} s", clock.instant().saturating_duration_since(start).as_secs_f64());
    match suite.failures.len() {
        0 => Ok(()),
        failed => Err(Error::data(format!("{failed} of {} failed", counted(suite.files, "test script")))),
    }
}
