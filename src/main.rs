//! The `rebateflow` program.

use std::process::ExitCode;

/// Decoding and state allocate and free large buffers all the time; with glibc a third of decoding is page faults.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    rebateflow::cli::main()
}
