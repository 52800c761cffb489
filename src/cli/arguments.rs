//! Commands and flags.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use super::{backup, check, collect, dead_letters, demo, explain, history, run, test};
use crate::config::{Overrides, Settings};
use crate::error::{Error, Result};
use crate::tasks::spawn_deep_thread;

/// SQL views over Kafka events, kept equal to the batch answer.
#[derive(Debug, Parser)]
#[command(name = "rebateflow", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Everything in one process: an embedded broker, generated events, the real pipeline, HTTP.
    Demo(demo::DemoArguments),
    /// Maintain and serve the views over a Kafka broker.
    Run(run::RunArguments),
    /// Poll an affiliate network, or follow log lines, into Kafka.
    Collect(collect::CollectArguments),
    /// Say everything that is wrong or doubtful about the tables and views, and what each view is.
    Check(check::CheckArguments),
    /// Print the operators of a view, what each keeps, and what a change costs.
    Explain(explain::ExplainArguments),
    /// Print a view as it was at a time or an epoch.
    History(history::HistoryArguments),
    /// Print the messages that could not be read, and why, or replay them.
    DeadLetters(dead_letters::DeadLettersArguments),
    /// Copy everything up to the newest commit, while a process writes or when none does.
    Backup(backup::BackupArguments),
    /// Put a backup back into an empty or new data directory.
    Restore(backup::RestoreArguments),
    /// Run test scripts (.slt) under every schedule, compared with the batch answer.
    Test(test::TestArguments),
}

/// Where the tables and views are.
#[derive(Debug, Default, Args)]
pub(super) struct CatalogArguments {
    /// Directory with one view a file [default: ./sql].
    #[arg(long, value_name = "DIR")]
    pub sql: Option<String>,
    /// Directory with one table a file [default: ./schemas].
    #[arg(long, value_name = "DIR")]
    pub schemas: Option<String>,
}

impl CatalogArguments {
    /// The settings that these flags make, over the environment.
    pub fn settings(&self) -> Result<Settings> {
        let overrides = Overrides { sql: self.sql.clone(), schemas: self.schemas.clone(), ..Overrides::default() };
        Settings::load(None, std::env::vars(), &overrides)
    }
}

/// Flags that several commands have.
#[derive(Debug, Default, Args)]
pub(super) struct CommonArguments {
    #[command(flatten)]
    pub catalog: CatalogArguments,
    /// Where commits and history go: a directory or a URL.
    #[arg(long, value_name = "DIR|URL")]
    pub data: Option<String>,
    /// Address to serve HTTP on; port 0 picks a free one and prints it [default: 127.0.0.1:8080].
    #[arg(long, value_name = "HOST:PORT")]
    pub http: Option<String>,
}

impl CommonArguments {
    pub fn overrides(&self) -> Overrides {
        Overrides {
            sql: self.catalog.sql.clone(),
            schemas: self.catalog.schemas.clone(),
            data: self.data.clone(),
            http: self.http.clone(),
            ..Overrides::default()
        }
    }
}

/// Plans are trees that are walked recursively, one level an operator of the SQL.
const STACK_BYTES: usize = 512 << 20;

/// Runs the command of the command line.
pub fn main() -> ExitCode {
    let command = Arguments::parse().command;
    let ended = spawn_deep_thread("command", STACK_BYTES, || run_command(command));
    let result =
        ended.and_then(|thread| thread.join().unwrap_or_else(|_| Err(Error::internal("the command panicked"))));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run_command(command: Command) -> Result<()> {
    match command {
        Command::Demo(arguments) => demo::demo(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Collect(arguments) => collect::collect(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::DeadLetters(arguments) => dead_letters::dead_letters(&arguments),
        Command::History(arguments) => history::history(&arguments),
        Command::Backup(arguments) => backup::backup(&arguments),
        Command::Restore(arguments) => backup::restore(&arguments),
        Command::Test(arguments) => test::test(&arguments),
    }
}
