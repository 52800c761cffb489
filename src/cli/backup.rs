//! `rebateflow backup TO` and `rebateflow restore FROM`: a copy of a data directory, while a process writes it or when
//! none does.

use clap::Args;

use crate::config::{Overrides, Settings};
use crate::error::Result;
use crate::explain::counted;
use crate::history::{Copied, Store, backup as make, restore as put_back};

/// Flags of `backup`.
#[derive(Debug, Args)]
pub(super) struct BackupArguments {
    /// Where the backup goes: a directory or a URL; what is there of an earlier one is not copied again.
    to: String,
    /// The data directory [default: ./data].
    #[arg(long, value_name = "DIR|URL")]
    data: Option<String>,
}

/// Flags of `restore`.
#[derive(Debug, Args)]
pub(super) struct RestoreArguments {
    /// The backup: a directory or a URL.
    from: String,
    /// The data directory, empty or new [default: ./data].
    #[arg(long, value_name = "DIR|URL")]
    data: Option<String>,
}

/// Copies everything up to the newest commit.
pub(super) fn backup(arguments: &BackupArguments) -> Result<()> {
    let from = Store::open_existing(&settings(arguments.data.as_ref())?.data)?;
    said(&make(&from, &Store::open(&arguments.to)?)?);
    Ok(())
}

/// Puts a backup back.
pub(super) fn restore(arguments: &RestoreArguments) -> Result<()> {
    let from = Store::open_existing(&arguments.from)?;
    said(&put_back(&from, &Store::open(&settings(arguments.data.as_ref())?.data)?)?);
    Ok(())
}

fn settings(data: Option<&String>) -> Result<Settings> {
    let overrides = Overrides { data: data.cloned(), ..Overrides::default() };
    Settings::load(None, std::env::vars(), &overrides)
}

fn said(copied: &Copied) {
    let Copied { commit, epoch, objects, bytes, kept } = copied;
    let objects = counted(usize::try_from(*objects).unwrap_or(usize::MAX), "object");
    say!("everything up to commit {commit} (epoch {epoch}): {objects} copied, {bytes} bytes; {kept} were there");
}
