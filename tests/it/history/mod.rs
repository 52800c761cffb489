//! Commits, rolls, restarts and readers over memory, a directory, and stores that fail at every single write.

pub mod faulty;
pub mod world;

mod crashes;
mod delta;
mod past;
mod reading;
mod restarts;
