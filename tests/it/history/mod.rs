//! Commits, rolls, restarts, backups and readers over memory, a directory, and stores that fail at every single write.

pub mod delta;
pub mod faulty;
pub mod mount;
pub mod reading;
pub mod world;

mod backup;
#[cfg(feature = "s3")]
mod bucket;
mod crashes;
mod fallback;
mod past;
mod restarts;
mod restored;
mod retention;
mod trouble;
