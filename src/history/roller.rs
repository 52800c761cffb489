//! The roller: committed segments become Parquet files.
//!
//! A roll is decided in a manifest, executed, and marked done in a later manifest; only then are its segments deleted.
//! Between decision and mark it can be repeated at will: its files are a function of the segments, and a file that
//! exists is left as it is. So a glob over the files sees committed rows only, each once, at every moment.
//!
//! Memory: a piece of one segment, one file as it will be stored (compressed), and one row group.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use chrono::NaiveDate;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::archive::{ArchiveWriter, archive_footer, archive_rows};
use super::delta::{self, AddedFile, DeltaTable, Entry};
use super::log::{Commit, Log};
use super::manifest::{self, CommitRange, FORMAT, RollerState, Section, Segment, checksum};
use super::paths::{self, Dataset};
use super::retention::is_dropped;
use super::rows::{Expanded, expanded_schema, fitted};
use super::segment::{SectionStream, check_section};
use super::store::{Created, Store};
use crate::error::{Error, ErrorKind, Result};

/// What one roll wrote: the proof that its files are all there, and whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RollRecord {
    pub format: u32,
    pub commits: CommitRange,
    pub files: Vec<RolledFile>,
}

/// One Parquet file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolledFile {
    pub path: String,
    pub dataset: Dataset,
    pub rows: u64,
    pub bytes: u64,
    /// xxh3 of the file, 16 hexadecimal digits.
    pub checksum: String,
}

/// Executes the roll that the newest manifest decided: writes each file, then the Delta logs, then the record. A roll
/// without rows has a record without files. Answers the ends of the Delta logs, too, by the folder of the dataset. `Fenced`
/// if another run has continued the log: it may have found this roll's manifest damaged, and given it up.
pub fn roll(store: &Store, log: &Log, range: CommitRange) -> Result<(RollRecord, BTreeMap<String, DeltaTable>)> {
    let commits = log.commits(range)?;
    let mut added: BTreeMap<Dataset, Vec<AddedFile>> = BTreeMap::new();
    for ((dataset, date), parts) in parts_by_file(&commits) {
        let file = write(store, range, dataset.file(date, range), (&dataset, &parts))?;
        added.entry(dataset).or_default().push(file);
    }
    let at_ms = commits.last().map_or(0, |commit| commit.committed_at_us.div_euclid(1_000));
    log.check_not_fenced(store)?;
    publish(store, &log.newest.roller, Entry { commits: range, at_ms }, added)
}

/// As `roll`, from files that are all there already: no segment is needed. `at_ms`: the time of the last commit.
pub(super) fn finish_roll(
    store: &Store,
    before: &RollerState,
    entry: Entry,
    files: Vec<(Dataset, Path)>,
) -> Result<(RollRecord, BTreeMap<String, DeltaTable>)> {
    let mut added: BTreeMap<Dataset, Vec<AddedFile>> = BTreeMap::new();
    for (dataset, path) in files {
        let stored = store.read(&path)?;
        added.entry(dataset.clone()).or_default().push(added_file(path, &dataset, &stored)?);
    }
    publish(store, before, entry, added)
}

/// Adds files that are there to the Delta logs, and creates the record.
fn publish(
    store: &Store,
    before: &RollerState,
    entry: Entry,
    mut added: BTreeMap<Dataset, Vec<AddedFile>>,
) -> Result<(RollRecord, BTreeMap<String, DeltaTable>)> {
    let files = added.values().flatten().map(|added| added.file.clone()).collect();
    let removed = removed(store, before)?;
    if before.delta.is_none() {
        add_earlier(store, before.rolled_to, &mut added)?;
    }
    let mut delta = before.delta.clone().unwrap_or_default();
    for dataset in added.keys().chain(removed.keys()).collect::<BTreeSet<_>>() {
        let of_it =
            (added.get(dataset).map_or(&[][..], Vec::as_slice), removed.get(dataset).map_or(&[][..], Vec::as_slice));
        let folder = dataset.folder().to_string();
        let end = delta::append(store, dataset, of_it, delta.get(&folder), &entry)?;
        delta.extend(end.map(|end| (folder, end)));
    }
    let record = RollRecord { format: FORMAT, commits: entry.commits, files };
    create_record(store, &record)?;
    Ok((record, delta))
}

/// Creates the record, or finds it there. One that is damaged says nothing that the files do not say: it is made again.
fn create_record(store: &Store, record: &RollRecord) -> Result<()> {
    let (path, bytes) = (paths::roll(record.commits), Bytes::from(manifest::encode(record)?));
    if store.create(&path, bytes.clone())? == Created::New {
        return Ok(());
    }
    match manifest::decode::<RollRecord>(&path, &store.read(&path)?) {
        Ok(there) if there == *record => Ok(()),
        Ok(_) => Err(Error::data(format!("{path} does not describe the files of its commits"))),
        Err(error) if error.kind == ErrorKind::Data => {
            tracing::warn!(%error, "the record is written again");
            store.delete(&path)?;
            store.create(&path, bytes).map(|_| ())
        }
        Err(error) => Err(error),
    }
}

/// Creates one Parquet file, or finds it there.
fn write(store: &Store, range: CommitRange, path: Path, (dataset, parts): (&Dataset, &Parts)) -> Result<AddedFile> {
    let (bytes, rows) = encode(store, range, parts)?;
    let stored = match store.create(&path, bytes.clone())? {
        Created::New => bytes,
        Created::Exists => store.read(&path)?,
    };
    let file = added_file(path, dataset, &stored)?;
    if file.file.rows != rows {
        let path = file.file.path;
        return Err(Error::data(format!("{path} exists and does not hold the {rows} rows of its commits"))
            .hint("move this file away: it was not written by a roll of these commits"));
    }
    Ok(file)
}

fn added_file(path: Path, dataset: &Dataset, stored: &Bytes) -> Result<AddedFile> {
    let footer = archive_footer(stored)?;
    let (path, rows, bytes) = (path.to_string(), archive_rows(&footer), stored.len() as u64);
    let file = RolledFile { path, dataset: dataset.clone(), rows, bytes, checksum: checksum(stored) };
    Ok(AddedFile { file, footer })
}

/// Puts the files of earlier rolls, which have no Delta log, before those of this one.
fn add_earlier(store: &Store, rolled_to: u64, added: &mut BTreeMap<Dataset, Vec<AddedFile>>) -> Result<()> {
    for file in rolls(store, 0, rolled_to)?.into_iter().rev().flat_map(|record| record.files.into_iter().rev()) {
        let footer = archive_footer(&read_rolled(store, &file)?)?;
        added.entry(file.dataset.clone()).or_default().insert(0, AddedFile { file, footer });
    }
    Ok(())
}

/// The files of earlier rolls that this one drops.
fn removed(store: &Store, before: &RollerState) -> Result<BTreeMap<Dataset, Vec<RolledFile>>> {
    let mut removed: BTreeMap<Dataset, Vec<RolledFile>> = BTreeMap::new();
    if !before.dropping.is_empty() {
        let files = rolls(store, 0, before.rolled_to)?.into_iter().flat_map(|record| record.files);
        for file in files.filter(|file| is_dropped(&before.dropping, file) && !is_dropped(&before.dropped, file)) {
            removed.entry(file.dataset.clone()).or_default().push(file);
        }
    }
    Ok(removed)
}

/// The records of the rolls of the commits after `after`, where a roll ended, up to `rolled_to`, in order. `Data` if
/// one is missing.
pub fn rolls(store: &Store, after: u64, rolled_to: u64) -> Result<Vec<RollRecord>> {
    let mut records: Vec<RollRecord> = vec![];
    if after == rolled_to {
        return Ok(records);
    }
    let mut next = after + 1;
    for path in store.list_flat(&paths::rolls())? {
        let Some(range) = paths::range_of(&path).filter(|range| range.from > after && range.to <= rolled_to) else {
            continue;
        };
        if range.from != next {
            return Err(missing(next));
        }
        records.push(manifest::decode(&path, &store.read(&path)?)?);
        next = range.to + 1;
    }
    if next == rolled_to + 1 { Ok(records) } else { Err(missing(next)) }
}

fn missing(from: u64) -> Error {
    let folder = paths::rolls();
    Error::data(format!("the record in {folder} that begins with commit {from} is missing"))
        .hint("restore the file from a copy")
}

/// The sections of each file, in the order of their commits.
type Parts<'a> = Vec<(&'a Segment, &'a Section)>;

fn parts_by_file(commits: &[Commit]) -> BTreeMap<(Dataset, NaiveDate), Parts<'_>> {
    let mut files: BTreeMap<(Dataset, NaiveDate), Parts> = BTreeMap::new();
    for commit in commits {
        let date = paths::date_of(commit.committed_at_us);
        if let Some(segment) = &commit.segment {
            for section in &segment.sections {
                files.entry((section.dataset.clone(), date)).or_default().push((segment, section));
            }
        }
    }
    files
}

/// One Parquet file, and its rows. Its schema is that of the newest section: a table's schema only grows.
fn encode(store: &Store, range: CommitRange, parts: &Parts) -> Result<(Bytes, u64)> {
    let schemas: BTreeSet<&str> = parts.iter().map(|(_, section)| section.schema.as_str()).collect();
    parts.iter().try_for_each(|(segment, section)| check_section(store, segment, section))?;
    let widest = if schemas.len() == 1 { parts.first() } else { parts.last() };
    let Some((segment, section)) = widest else {
        return Err(Error::internal("a file without sections"));
    };
    let Some(first) = SectionStream::new(store, segment, section).next()? else {
        return Err(Error::internal("a section without rows"));
    };
    let stored = first.schema();
    let is_view = matches!(section.dataset, Dataset::View { .. });
    let mut writer = ArchiveWriter::new(if is_view { expanded_schema(&stored) } else { stored.clone() }, range)?;
    for (segment, section) in parts {
        let mut batches = SectionStream::new(store, segment, section);
        while let Some(rows) = batches.next()? {
            let rows = fitted(&rows, &stored)?;
            match is_view {
                true => Expanded::new(rows)?.try_for_each(|rows| writer.write(&rows?))?,
                false => writer.write(&rows)?,
            }
        }
    }
    writer.finish()
}

/// The bytes of a rolled file. `Data` that names it if it is missing or damaged.
pub fn read_rolled(store: &Store, file: &RolledFile) -> Result<Bytes> {
    let path = Path::from(file.path.as_str());
    let bytes = store.read(&path).map_err(|e| match e.kind {
        ErrorKind::NotFound => Error::data(format!("{path} is missing")).hint("restore the file from a copy"),
        _ => e,
    })?;
    if checksum(&bytes) != file.checksum {
        return Err(Error::data(format!("{path} is damaged")).hint("restore the file from a copy"));
    }
    Ok(bytes)
}
