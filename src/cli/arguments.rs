//! Commands and flags.

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use super::{demo, run};
use crate::config::Overrides;
use crate::error::Result;

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
}

/// Flags that several commands have.
#[derive(Debug, Default, Args)]
pub(super) struct CommonArguments {
    /// Directory with one view a file [default: ./sql].
    #[arg(long, value_name = "DIR")]
    pub sql: Option<String>,
    /// Directory with one table a file [default: ./schemas].
    #[arg(long, value_name = "DIR")]
    pub schemas: Option<String>,
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
            sql: self.sql.clone(),
            schemas: self.schemas.clone(),
            data: self.data.clone(),
            http: self.http.clone(),
            ..Overrides::default()
        }
    }
}

/// Runs the command of the command line.
pub fn main() -> ExitCode {
    let result: Result<()> = match Arguments::parse().command {
        Command::Demo(arguments) => demo::demo(&arguments),
        Command::Run(arguments) => run::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
