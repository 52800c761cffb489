//! Hot tables: what readers see of the views, always all of them at one epoch.
//!
//! Contract: one publisher, any number of readers. A reader pins the newest published epoch by holding its
//! `Arc<Published>`; every view that it reads through that pin is of that epoch (I2). Publishing is one atomic store and
//! never waits for readers. A pin holds back the reclaiming of dead rows, for at most `PIN_MAX`; a reader that is slower
//! gets an error, never a wrong row.

mod published;
mod snapshot;
mod table;

pub use published::{Explanations, Hot, PIN_MAX, Published, Tables};
pub use snapshot::{PartitionOffset, Snapshot, ViewState};
pub use table::{HotTable, Link};
