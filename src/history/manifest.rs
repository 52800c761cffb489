//! A manifest: the one object that makes a commit true.
//!
//! It is JSON that begins with the checksum of everything after it. Manifests are numbered without gaps, created only
//! once and never changed. A manifest that says less than the whole truth about rows does not exist: its segment is
//! written before it.

use std::collections::BTreeMap;

use object_store::path::Path;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

use super::delta::DeltaTable;
use super::paths::Dataset;
use super::record::epoch_number;
use super::retention::Dropped;
use super::state::StateForm;
use super::tables::TableForm;
use crate::checkpoint::{Offsets, Sources};
use crate::error::{Error, Result};

/// Format of manifests, segments and roll records. A reader refuses a newer one.
pub const FORMAT: u32 = 1;
/// Format of a manifest that voids commits: versions that know nothing of these must not read on.
pub const FORMAT_VOIDING: u32 = 2;

/// One commit. Everything is as of after it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// From 1, without gaps.
    pub number: u64,
    /// The start that wrote it.
    pub run: u32,
    /// A start claims the log after this commit; 0: after none. None: it is no claim. Between the two are claims of starts
    /// that died, and commits that this one could not read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continues: Option<u64>,
    /// The last epoch of that run that is included; 0 when there is none yet.
    pub epoch: u32,
    /// Microseconds since 1970-01-01 UTC; never less than that of the commit before.
    pub committed_at_us: i64,
    /// The next offset to read in each partition.
    pub offsets: Offsets,
    /// The topics that the offsets are of.
    #[serde(default)]
    pub sources: Sources,
    /// The row of the table `clock`, in microseconds since 1970-01-01 UTC; 0: no epoch yet.
    #[serde(default)]
    pub as_of_us: i64,
    /// The rows; None when this commit has none.
    pub segment: Option<Segment>,
    /// Every table that ever had events, by name.
    pub tables: BTreeMap<String, TableForm>,
    /// Every view that was ever kept in the history, by name.
    pub views: BTreeMap<String, ViewForm>,
    pub roller: RollerState,
    /// Which dead letters are in the topic for them; None: none.
    #[serde(default)]
    pub delivered: Option<Delivered>,
    /// What a start goes on from; None: from all events.
    #[serde(default)]
    pub state: Option<StateForm>,
    /// Commits that were given up because the log was damaged, in order: their rows do not count, and their offsets were
    /// read again. Kept for ever, for whoever still stands at one of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub voided: Vec<CommitRange>,
}

impl Manifest {
    /// Whether a commit was given up.
    pub fn is_voided(&self, number: u64) -> bool {
        self.voided.iter().any(|range| (range.from..=range.to).contains(&number))
    }

    /// The commit that it tells of: its own, or the one after which it claims the log.
    pub fn tells_of(&self) -> u64 {
        self.continues.unwrap_or(self.number)
    }

    /// The last epoch that is included, as the rows of the history name it.
    pub fn epoch_number(&self) -> i64 {
        epoch_number(self.run, self.epoch)
    }

    /// The same as answers name it: `run.epoch`.
    pub fn epoch_name(&self) -> String {
        format!("{}.{}", self.run, self.epoch)
    }
}

/// The log segment of a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    pub path: String,
    pub bytes: u64,
    /// Back to back, in order of their datasets.
    pub sections: Vec<Section>,
}

/// One Arrow IPC stream of a segment: the rows of one dataset, in the order of their epochs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Section {
    pub dataset: Dataset,
    /// First byte in the segment.
    pub offset: u64,
    /// Bytes.
    pub length: u64,
    pub rows: u64,
    /// Fingerprint of the stream's Arrow schema.
    pub schema: String,
    /// xxh3 of the stream's bytes, 16 hexadecimal digits.
    pub checksum: String,
}

impl Segment {
    /// The object that holds it.
    pub fn object(&self) -> Path {
        Path::from(self.path.as_str())
    }
}

/// A view whose changes are kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ViewForm {
    /// Fingerprint of the canonical plan.
    pub fingerprint: String,
    /// Counts the times that the view was written from nothing, from 1.
    pub generation: u32,
    pub sql: String,
    /// Whether its changes up to this commit are all in the history. A view that was dropped and comes back begins a
    /// new generation.
    pub live: bool,
    /// When it began and ended to be kept, in order.
    #[serde(default)]
    pub lives: Vec<Life>,
}

/// From an epoch on a view has a generation, or is not there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// None: the view is not there any more.
    pub generation: Option<u32>,
    /// As `epoch_number`.
    pub epoch: i64,
    /// Microseconds since 1970-01-01 UTC.
    pub published_at_us: i64,
}

impl ViewForm {
    /// Notes what the view is from this epoch on, if that is new.
    pub fn begin(&mut self, epoch: i64, published_at_us: i64) {
        let generation = self.live.then_some(self.generation);
        if self.lives.last().is_none_or(|life| life.generation != generation) {
            self.lives.push(Life { generation, epoch, published_at_us });
        }
    }
}

/// Commits `from` to `to`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CommitRange {
    pub from: u64,
    pub to: u64,
}

/// The dead letters that a topic is known to have: all up to an epoch. Some of later epochs may be there, too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    pub topic: String,
    /// As `epoch_number`.
    pub epoch: i64,
    /// A commit that has no dead letters of later epochs.
    pub commit: u64,
}

/// What became of the committed segments.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollerState {
    /// The rows of all commits up to this one are in Parquet files; 0: none.
    pub rolled_to: u64,
    /// The roll that is decided and not known to be done: it is redone after a crash.
    pub rolling: Option<CommitRange>,
    /// The ends of the Delta logs of the rolled files, by the folder of the dataset. None: the files were rolled by a
    /// version that wrote no such logs.
    #[serde(default)]
    pub delta: Option<BTreeMap<String, DeltaTable>>,
    /// Files that are not kept any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<Dropped>,
    /// What the roll that is decided drops, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropping: Vec<Dropped>,
}

impl Default for RollerState {
    fn default() -> Self {
        let (dropped, dropping) = (vec![], vec![]);
        RollerState { rolled_to: 0, rolling: None, delta: Some(BTreeMap::new()), dropped, dropping }
    }
}

/// The checksum of some bytes, as the manifests write it.
pub fn checksum(bytes: &[u8]) -> String {
    format!("{:016x}", xxh3_64(bytes))
}

/// The checksum of bytes that come piece by piece.
#[derive(Default)]
pub struct Checksum(Xxh3);

impl Checksum {
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
    /// As `checksum` of all of them.
    pub fn text(&self) -> String {
        format!("{:016x}", self.0.digest())
    }
}

/// JSON with its own checksum in front: `{"checksum":"0123456789abcdef",...`.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    let json = serde_json::to_vec(value).map_err(|e| Error::internal("cannot write JSON").caused_by(e))?;
    let rest = &json[1..];
    let mut sealed = format!("{{\"checksum\":\"{}\",", checksum(rest)).into_bytes();
    sealed.extend_from_slice(rest);
    Ok(sealed)
}

/// Length of `{"checksum":"0123456789abcdef",`.
const SEAL_BYTES: usize = 31;

#[derive(Deserialize)]
struct Seal {
    checksum: String,
    format: u32,
}

/// Reads what `encode` wrote. `Data` that names the object if it is damaged; `Refused` if a newer version wrote it.
pub fn decode<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T> {
    let damaged = || Error::data(format!("{path} is damaged")).hint("restore the file from a copy");
    let seal: Seal = serde_json::from_slice(bytes).map_err(|e| damaged().caused_by(e))?;
    if bytes.get(SEAL_BYTES..).map(checksum) != Some(seal.checksum) {
        return Err(damaged());
    }
    if seal.format > FORMAT_VOIDING {
        let message = format!("{path} has format {}, this version reads up to {FORMAT_VOIDING}", seal.format);
        return Err(Error::refused(message).hint("start the version that wrote it, or a newer one"));
    }
    serde_json::from_slice(bytes).map_err(|e| damaged().caused_by(e))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn manifest() -> Manifest {
        let section = Section {
            dataset: Dataset::View { name: "v".into(), generation: 3 },
            offset: 0,
            length: 10,
            rows: 2,
            schema: "00".into(),
            checksum: checksum(b"x"),
        };
        Manifest {
            format: FORMAT,
            number: 12,
            run: 3,
            continues: Some(10),
            epoch: 77,
            committed_at_us: 1_772_409_600_000_000,
            offsets: Offsets::from_iter([("txn", 0, 5)]),
            sources: Sources::default(),
            as_of_us: 1_700_000_000_000_000,
            segment: Some(Segment { path: "log/x.seg".into(), bytes: 10, sections: vec![section] }),
            tables: BTreeMap::new(),
            views: BTreeMap::new(),
            state: None,
            voided: vec![],
            delivered: None,
            roller: RollerState {
                rolled_to: 4,
                rolling: Some(CommitRange { from: 5, to: 9 }),
                delta: None,
                dropped: vec![],
                dropping: vec![Dropped { dataset: Dataset::DeadLetters, before: "2026-03-01".into(), events: None }],
            },
        }
    }

    #[test]
    fn a_manifest_is_read_back() {
        let path = super::super::paths::manifest(12);
        let bytes = encode(&manifest()).unwrap();
        assert_eq!(decode::<Manifest>(&path, &bytes).unwrap(), manifest());
    }

    #[test]
    fn any_changed_or_missing_byte_is_found() {
        let path = super::super::paths::manifest(12);
        let bytes = encode(&manifest()).unwrap();
        for i in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[i] ^= 1;
            let error = decode::<Manifest>(&path, &changed).unwrap_err();
            assert_eq!(error.kind, ErrorKind::Data, "byte {i}");
            assert!(error.message.contains("log/000000000012.json"));
            assert!(decode::<Manifest>(&path, &bytes[..i]).is_err());
        }
    }

    #[test]
    fn a_newer_format_is_refused() {
        let bytes = encode(&Manifest { format: FORMAT_VOIDING + 1, ..manifest() }).unwrap();
        let error = decode::<Manifest>(&super::super::paths::manifest(12), &bytes).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Refused);
    }
}
