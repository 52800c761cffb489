//! The command line: one file a command.
//!
//! Contract: exit code 0 only on success; errors on stderr, with a hint.

#[macro_use]
mod print;

mod arguments;
mod ask;
mod backup;
mod check;
mod collect;
mod dead_letters;
mod demo;
mod explain;
mod history;
mod replay;
mod run;
mod server;
mod story;
mod test;

pub use arguments::main;
