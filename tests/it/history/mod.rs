//! Commits, rolls and restarts over memory, a directory, and stores that fail at every single write.

mod faulty;
mod world;

mod crashes;
mod restarts;
