//! The command line of rebateflow.
fn main() {}
