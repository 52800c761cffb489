//! The name of every object, in one place: what is written where, and how names are read back.
//!
//! ```text
//! runs/000001                                             one a start of a writer
//! log/000000000012.json                                   manifest of commit 12
//! log/000000000012-000001.seg                             its segment, written by run 1
//! state/000000000012-000001.seg                           saved state, written with commit 12
//! heartbeat/000001-000000000007                            a writer of run 1 is there
//! state/000000000012-000001-003-merged.seg                files up to that one, merged: the fourth of these
//! log/rolls/000000000001-000000000012.json                what the roll of commits 1 to 12 wrote
//! events/<table>/_date=2026-03-01/000000000001-000000000012.parquet
//! views/<view>/gen=1/_date=2026-03-01/000000000001-000000000012.parquet
//! dead_letters/_date=2026-03-01/000000000001-000000000012.parquet
//! replays/_date=2026-03-01/000000000001-000000000012.parquet
//! backups/000000000012.json                               in a backup only: what is in it, up to commit 12
//! ```

use chrono::{DateTime, NaiveDate};
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::manifest::CommitRange;

/// What a row of the history belongs to; each is one folder of Parquet files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dataset {
    /// Accepted events of a table.
    Events(String),
    /// Changes of one generation of a view.
    View {
        name: String,
        generation: u32,
    },
    DeadLetters,
    /// Messages that replay dead letters; their ids are state.
    Replays,
    /// A saved table; only in state files.
    State(String),
}

impl Dataset {
    /// The folder of the Parquet files.
    pub fn folder(&self) -> Path {
        match self {
            Dataset::Events(table) => Path::from_iter(["events", table.as_str()]),
            Dataset::View { name, generation } => {
                Path::from_iter(["views", name.as_str(), &format!("gen={generation}")])
            }
            Dataset::DeadLetters => Path::from("dead_letters"),
            Dataset::Replays => Path::from("replays"),
            Dataset::State(table) => Path::from_iter(["state", table.as_str()]),
        }
    }

    /// The Parquet file of a roll and a day.
    pub fn file(&self, date: NaiveDate, range: CommitRange) -> Path {
        self.folder().join(format!("_date={date}")).join(rolled_file(range))
    }
}

/// Where the folders of all datasets are.
pub fn datasets() -> [Path; 4] {
    ["events", "views", "dead_letters", "replays"].map(Path::from)
}

/// Only in the directory of a backup, and where one is being restored.
pub fn backups() -> Path {
    Path::from("backups")
}

/// The list of what is in the backup up to a commit.
pub fn backup(commit: u64) -> Path {
    Path::from(format!("backups/{commit:012}.json"))
}

/// The first object of a backup.
pub fn backup_begun() -> Path {
    Path::from("backups/README.txt")
}

/// There while a backup is being restored.
pub fn restoring() -> Path {
    Path::from("backups/restoring.txt")
}

/// The folders of everything that there can be.
pub fn folders() -> [Path; 8] {
    let [events, views, dead_letters, replays] = datasets();
    [runs(), log(), states(), events, views, dead_letters, replays, backups()]
}

/// The name of the Parquet files of a roll.
pub fn rolled_file(range: CommitRange) -> String {
    format!("{:012}-{:012}.parquet", range.from, range.to)
}

/// The UTC date of a time in microseconds since 1970-01-01.
pub fn date_of(us: i64) -> NaiveDate {
    DateTime::from_timestamp_micros(us).unwrap_or_default().date_naive()
}

pub fn runs() -> Path {
    Path::from("runs")
}

pub fn run(run: u32) -> Path {
    Path::from(format!("runs/{run:06}"))
}

/// The run that an object of `runs` stands for.
pub fn run_of(path: &Path) -> Option<u32> {
    path.filename()?.parse().ok()
}

pub fn log() -> Path {
    Path::from("log")
}

pub fn manifest(number: u64) -> Path {
    Path::from(format!("log/{number:012}.json"))
}

/// The run is part of the name, so that what an earlier run left behind without a manifest is never in the way.
pub fn segment(number: u64, run: u32) -> Path {
    Path::from(format!("log/{number:012}-{run:06}.seg"))
}

/// The folder of the state files.
pub fn states() -> Path {
    Path::from("state")
}

pub fn state(number: u64, run: u32) -> Path {
    Path::from(format!("state/{number:012}-{run:06}.seg"))
}

/// One of the files that the state files up to a commit were merged into.
pub fn merged_state(number: u64, run: u32, file: usize) -> Path {
    Path::from(format!("{}{file:03}-merged.seg", merged_states(number, run)))
}

/// How the names of all of these begin.
pub fn merged_states(number: u64, run: u32) -> String {
    format!("state/{number:012}-{run:06}-")
}

/// The folder of the heartbeats.
pub fn heartbeats() -> Path {
    Path::from("heartbeat")
}

pub fn heartbeat(run: u32, number: u64) -> Path {
    Path::from(format!("heartbeat/{run:06}-{number:012}"))
}

pub fn run_of_heartbeat(path: &Path) -> Option<u32> {
    path.filename()?.split_once('-')?.0.parse().ok()
}

pub fn rolls() -> Path {
    Path::from("log/rolls")
}

pub fn roll(range: CommitRange) -> Path {
    Path::from(format!("log/rolls/{:012}-{:012}.json", range.from, range.to))
}

/// The commits that a roll's record or Parquet file covers.
pub fn range_of(path: &Path) -> Option<CommitRange> {
    let (stem, _) = path.filename()?.rsplit_once('.')?;
    let (from, to) = stem.split_once('-')?;
    Some(CommitRange { from: from.parse().ok()?, to: to.parse().ok()? })
}

/// An object directly in `log`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogObject {
    Manifest(u64),
    Segment(u64),
}

/// What a path in `log` is; None: not ours.
pub fn log_object(path: &Path) -> Option<LogObject> {
    match path.filename()?.rsplit_once('.')? {
        (number, "json") => Some(LogObject::Manifest(number.parse().ok()?)),
        (stem, "seg") => Some(LogObject::Segment(stem.split_once('-')?.0.parse().ok()?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        assert_eq!(log_object(&manifest(12)), Some(LogObject::Manifest(12)));
        assert_eq!(log_object(&segment(12, 3)), Some(LogObject::Segment(12)));
        assert_eq!(log_object(&Path::from("log/readme.txt")), None);
        assert_eq!(run_of(&run(7)), Some(7));
        let range = CommitRange { from: 3, to: 14 };
        assert_eq!(range_of(&roll(range)), Some(range));
        assert_eq!(range_of(&Dataset::DeadLetters.file(date_of(0), range)), Some(range));
    }

    #[test]
    fn files_lie_where_the_documented_glob_finds_them() {
        let (range, date) = (CommitRange { from: 3, to: 14 }, date_of(1_772_409_599_999_999));
        let view = Dataset::View { name: "balance".into(), generation: 2 };
        let file = "_date=2026-03-01/000000000003-000000000014.parquet";
        assert_eq!(view.file(date, range).as_ref(), format!("views/balance/gen=2/{file}"));
        assert_eq!(Dataset::Events("txn".into()).file(date, range).as_ref(), format!("events/txn/{file}"));
        assert_eq!(Dataset::DeadLetters.file(date, range).as_ref(), format!("dead_letters/{file}"));
        assert_eq!(date_of(1_772_409_600_000_000).to_string(), "2026-03-02");
    }
}
