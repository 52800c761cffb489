//! The command line: one file a command.
//!
//! Contract: exit code 0 only on success; errors on stderr, with a hint.

mod arguments;
mod demo;
mod run;
mod server;

pub use arguments::main;
