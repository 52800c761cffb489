//! `rebateflow test`.

use clap::Args;

use crate::error::Result;

/// Flags of `test`.
#[derive(Debug, Args)]
pub(super) struct TestArguments {}

pub(super) fn test(_: &TestArguments) -> Result<()> {
    Ok(())
}
