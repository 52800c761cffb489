//! What the cases of a simulation went through.

use std::collections::BTreeMap;

use super::checks::KINDS;

/// What cases went through.
#[derive(Debug, Default)]
pub struct Tally {
    pub starts: usize,
    pub starts_that_failed: usize,
    pub starts_from_state: usize,
    pub starts_that_said_state_is_damaged: usize,
    /// The log was damaged: commits were given up; so were acknowledged ones; a roll had all its files; rolled commits were lost.
    pub starts_that_went_back: usize,
    pub starts_that_read_again: usize,
    pub starts_that_needed_no_segment: usize,
    pub starts_that_were_refused: usize,
    pub state_files_max: usize,
    pub changed_views: usize,
    pub kills_between_steps: usize,
    /// By what was just being written.
    pub kills_by_write: BTreeMap<&'static str, usize>,
    pub errors: usize,
    pub fenced: usize,
    pub commits: usize,
    pub merges: usize,
    pub kept_views: usize,
    pub rolled_files: u64,
    pub state_bytes: u64,
}

impl Tally {
    pub fn add(&mut self, other: Tally) {
        self.starts += other.starts;
        self.starts_that_failed += other.starts_that_failed;
        self.starts_from_state += other.starts_from_state;
        self.starts_that_said_state_is_damaged += other.starts_that_said_state_is_damaged;
        self.starts_that_went_back += other.starts_that_went_back;
        self.starts_that_read_again += other.starts_that_read_again;
        self.starts_that_needed_no_segment += other.starts_that_needed_no_segment;
        self.starts_that_were_refused += other.starts_that_were_refused;
        self.changed_views += other.changed_views;
        self.kills_between_steps += other.kills_between_steps;
        other
            .kills_by_write
            .into_iter()
            .for_each(|(kind, kills)| *self.kills_by_write.entry(kind).or_default() += kills);
        self.state_files_max = self.state_files_max.max(other.state_files_max);
        self.errors += other.errors;
        self.fenced += other.fenced;
        self.commits += other.commits;
        self.merges += other.merges;
        self.kept_views += other.kept_views;
        self.rolled_files += other.rolled_files;
        self.state_bytes += other.state_bytes;
    }

    /// A simulation in which something never happens shows nothing of it.
    pub fn assert_everything_happened(&self) {
        let figures = [
            self.starts_from_state,
            self.starts_that_said_state_is_damaged,
            self.starts_that_went_back,
            self.starts_that_read_again,
            self.starts_that_needed_no_segment,
            self.changed_views,
            self.kills_between_steps,
            self.errors,
            self.fenced,
            self.kept_views,
            self.merges,
            usize::try_from(self.rolled_files).unwrap(),
        ];
        assert!(figures.iter().all(|figure| *figure > 0), "{self:#?}");
        for (_, kind) in KINDS {
            assert!(self.kills_by_write.contains_key(kind), "no kill at a {kind}: {:?}", self.kills_by_write);
        }
    }
}
