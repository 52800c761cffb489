//! The algebra of offsets: what a commit may claim.
//!
//! `Offsets` names, for each partition of each topic, the next offset to read. A `Step` is what lies between two such
//! positions, a half-open range for each partition. A step can be added only where it begins exactly where the
//! position stands: a gap would lose events, an overlap would count them twice, so both are refused (I3, I4).

mod offsets;
mod sources;
mod step;

pub use offsets::Offsets;
pub use sources::{SharedSources, Sources};
pub use step::{Counted, Step};
