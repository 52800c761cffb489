//! Backups: a copy of everything up to one commit, made while the writer goes on, and put back elsewhere.
//!
//! A backup pins the newest manifest as readers do and copies what it names, under the same names: rolled files, roll
//! records and Delta logs, then state, segments and manifests. What the writer deletes meanwhile is named by a later
//! manifest in another way, so the copy goes on with that one. At the end comes a list of all objects with their
//! checksums, `backups/<commit>.json`: without a list there is no backup. Objects never change, so the next backup
//! into the same place copies only what is new; when its list is there, the one before goes, and what only that named.
//!
//! A restore copies what the list names, checks each checksum, and marks the place until all is there. A start refuses
//! a backup and a place that is so marked.
//!
//! Cost: one object in memory at a time; the list, some 150 bytes an object.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::log::Log;
use super::manifest::{self, FORMAT, Manifest, Segment, checksum};
use super::paths;
use super::reader::{HistoryPin, HistoryReader};
use super::store::{Created, Store};
use crate::error::{Error, ErrorKind, Result};

/// Times that a backup goes on with a later commit because the writer has deleted what it was about to copy.
const PINS_MAX: usize = 100;

const README: &str = "A backup of rebateflow. Nobody writes here but `rebateflow backup`.\n\
    Put it back with: rebateflow restore THIS --data NEW\n";
const RESTORING: &str = "A backup is being restored. Run the same rebateflow restore again if it was interrupted.\n";

/// What a backup or a restore did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The commit up to which everything is there.
    pub commit: u64,
    /// Its epoch as answers name it.
    pub epoch: String,
    pub objects: u64,
    pub bytes: u64,
    /// Objects that were there already.
    pub kept: u64,
}

/// What is in a backup.
#[derive(Debug, Serialize, Deserialize)]
struct Listing {
    format: u32,
    commit: u64,
    epoch: String,
    /// Restored are the starts up to this one.
    run: u32,
    /// By path.
    objects: BTreeMap<String, ListedObject>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct ListedObject {
    bytes: u64,
    /// xxh3, 16 hexadecimal digits.
    checksum: String,
}

/// A backup that is being made.
struct Copying<'a> {
    from: &'a Store,
    to: &'a Store,
    /// What is there: of the backup before, and copied by now.
    known: BTreeMap<String, ListedObject>,
    /// What the pinned manifest names.
    named: BTreeMap<String, ListedObject>,
    /// What was copied by now.
    copied: BTreeSet<String>,
    bytes: u64,
}

/// What is known of an object before it is read.
enum Expected<'a> {
    /// A rolled file of this checksum.
    Checksum(&'a str),
    Segment(&'a Segment),
    /// It carries its own checksum, and tells one data directory from another.
    Manifest,
    Anything,
}

/// Copies everything up to the newest commit. Errors: `NotFound` if there is no commit, `Refused` if `to` holds
/// anything else than a backup of this storage. After `Unavailable` it can be called again, and goes on.
pub fn backup(from: &Store, to: &Store) -> Result<Copied> {
    let reader = HistoryReader::new(from.clone());
    let nothing = || Error::not_found(format!("nothing is stored in {}", from.name()));
    let mut pin = reader.pin()?.ok_or_else(nothing)?;
    let before = begin_backup(to)?;
    if let Some(before) = before.as_ref().filter(|before| before.commit > pin.manifest().number) {
        let (name, commit, here) = (to.name(), before.commit, pin.manifest().number);
        return Err(Error::refused(format!("the backup in {name} is of commit {commit}, this is commit {here}"))
            .hint("name a new directory for the backup"));
    }
    let known = there(to, before)?;
    let mut copying = Copying { from, to, known, named: BTreeMap::new(), copied: BTreeSet::new(), bytes: 0 };
    for attempt in 1.. {
        match copying.follow(&pin) {
            Ok(()) => break,
            Err(e) if e.kind != ErrorKind::NotFound => return Err(e),
            // The writer has rolled and swept. If it has not, something is missing.
            Err(e) if attempt == PINS_MAX || !Log::is_continued(from, pin.manifest())? => {
                return Err(Error::data(e.message).hint("restore the file from a copy"));
            }
            Err(_) => pin = reader.pin()?.ok_or_else(nothing)?,
        }
    }
    copying.end(pin.manifest())
}

/// Marks the place of a backup, and answers the list of the backup that is there.
fn begin_backup(to: &Store) -> Result<Option<Listing>> {
    let marks = to.list_flat(&paths::backups())?;
    if !marks.contains(&paths::backup_begun()) {
        if !is_empty(to)? {
            return Err(Error::refused(format!("{} holds something else than a backup", to.name()))
                .hint("name an empty or a new directory for the backup"));
        }
        to.create(&paths::backup_begun(), Bytes::from_static(README.as_bytes()))?;
    }
    newest_listing(to)
}

fn is_empty(store: &Store) -> Result<bool> {
    for folder in paths::folders() {
        if !store.list(&folder)?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}

fn newest_listing(store: &Store) -> Result<Option<Listing>> {
    let listed = store.list_flat(&paths::backups())?;
    let Some(newest) = listed.iter().rfind(|path| is_listing(path)) else { return Ok(None) };
    manifest::decode(newest, &store.read(newest)?).map(Some)
}

fn is_listing(path: &Path) -> bool {
    path.filename().is_some_and(|name| name.ends_with(".json"))
}

/// The objects of a backup that are really there.
fn there(to: &Store, before: Option<Listing>) -> Result<BTreeMap<String, ListedObject>> {
    let Some(mut before) = before else { return Ok(BTreeMap::new()) };
    let mut there = BTreeSet::new();
    for folder in paths::folders() {
        there.extend(to.list(&folder)?.into_iter().map(String::from));
    }
    before.objects.retain(|path, _| there.contains(path));
    Ok(before.objects)
}

impl Copying<'_> {
    /// Copies what a manifest names. `NotFound` if the writer has deleted some of it.
    fn follow(&mut self, pin: &HistoryPin) -> Result<()> {
        let manifest = pin.manifest();
        self.named.clear();
        for record in pin.rolled.iter() {
            for file in &record.files {
                self.copy(&Path::from(file.path.as_str()), &Expected::Checksum(&file.checksum))?;
            }
            self.copy(&paths::roll(record.commits), &Expected::Anything)?;
        }
        for (folder, table) in manifest.roller.delta.iter().flatten() {
            let version = |path: &Path| path.filename()?.strip_suffix(".json")?.parse::<u64>().ok();
            for entry in self.from.list_flat(&Path::from(folder.as_str()).join("_delta_log"))? {
                // Later ones belong to a roll that is not known to be done; it will be done again.
                if version(&entry).is_some_and(|version| version <= table.version) {
                    self.copy(&entry, &Expected::Anything)?;
                }
            }
        }
        for file in manifest.state.iter().flat_map(|state| &state.files) {
            self.copy(&file.file.object(), &Expected::Segment(&file.file))?;
        }
        // A start may go back to the last rolled commit. Versions before that deleted its manifest.
        match self.copy(&paths::manifest(manifest.roller.rolled_to), &Expected::Manifest) {
            Err(error) if error.kind == ErrorKind::NotFound => {}
            copied => copied?,
        }
        for commit in pin.unrolled.iter() {
            if let Some(segment) = &commit.segment {
                self.copy(&segment.object(), &Expected::Segment(segment))?;
            }
            self.copy(&paths::manifest(commit.number), &Expected::Manifest)?;
        }
        Ok(())
    }

    fn copy(&mut self, path: &Path, expected: &Expected<'_>) -> Result<()> {
        let mut bytes = None;
        if let Expected::Manifest = expected {
            bytes = Some(self.from.read(path)?);
        }
        if let Some(known) = self.known.get(path.as_ref()) {
            let same = match (expected, &bytes) {
                (Expected::Checksum(wanted), _) => known.checksum == **wanted,
                (_, Some(bytes)) => known.checksum == checksum(bytes),
                _ => true,
            };
            if !same {
                return Err(differs(self.to, path));
            }
            self.named.insert(path.to_string(), known.clone());
            return Ok(());
        }
        let bytes = bytes.map_or_else(|| self.from.read(path), Ok)?;
        if !expected.fits(&bytes) {
            return Err(Error::data(format!("{path} is damaged")).hint("restore the file from a copy"));
        }
        put(self.to, path, &bytes)?;
        let object = ListedObject { bytes: bytes.len() as u64, checksum: checksum(&bytes) };
        self.bytes += object.bytes;
        self.copied.insert(path.to_string());
        self.known.insert(path.to_string(), object.clone());
        self.named.insert(path.to_string(), object);
        Ok(())
    }

    /// Writes the list, then deletes what it does not name.
    fn end(self, manifest: &Manifest) -> Result<Copied> {
        let Copying { to, known, named: objects, copied, bytes, .. } = self;
        let kept = objects.keys().filter(|path| !copied.contains(*path)).count() as u64;
        let (commit, epoch) = (manifest.number, manifest.epoch_name());
        let listing = Listing { format: FORMAT, commit, epoch: epoch.clone(), run: manifest.run, objects };
        let path = paths::backup(commit);
        put(to, &path, &manifest::encode(&listing)?.into())?;
        let mut old: BTreeSet<Path> = known.into_keys().map(Path::from).collect();
        old.extend(to.list_flat(&paths::backups())?.into_iter().filter(|other| is_listing(other) && *other != path));
        // Also what interrupted backups left behind.
        for folder in [paths::log(), paths::states()] {
            old.extend(to.list(&folder)?);
        }
        for path in old.iter().filter(|path| !listing.objects.contains_key(path.as_ref())) {
            to.delete(path)?;
        }
        Ok(Copied { commit, epoch, objects: copied.len() as u64, bytes, kept })
    }
}

impl Expected<'_> {
    fn fits(&self, bytes: &Bytes) -> bool {
        match self {
            Expected::Checksum(wanted) => checksum(bytes) == **wanted,
            Expected::Segment(segment) => {
                let section = |offset: u64, length: u64| bytes.get(offset as usize..(offset + length) as usize);
                segment.bytes == bytes.len() as u64
                    && segment.sections.iter().all(|part| {
                        section(part.offset, part.length).is_some_and(|bytes| checksum(bytes) == part.checksum)
                    })
            }
            Expected::Manifest | Expected::Anything => true,
        }
    }
}

/// Creates an object, or finds the same one there.
fn put(to: &Store, path: &Path, bytes: &Bytes) -> Result<Created> {
    let created = to.create(path, bytes.clone())?;
    match created == Created::Exists && to.read(path)? != *bytes {
        true => Err(differs(to, path)),
        false => Ok(created),
    }
}

fn differs(to: &Store, path: &Path) -> Error {
    Error::refused(format!("{path} in {} has other contents", to.name()))
        .hint("it is of another data directory; name an empty or a new one")
}

/// Puts the backup in `from` back. Errors: `NotFound` if there is no whole backup, `Refused` if `to` holds anything,
/// `Data` if an object of the backup is missing or damaged. After an error it can be called again, and goes on.
pub fn restore(from: &Store, to: &Store) -> Result<Copied> {
    let Some(listing) = newest_listing(from)? else {
        return Err(Error::not_found(format!("there is no whole backup in {}", from.name()))
            .hint("rebateflow backup makes one; it is whole when that has ended"));
    };
    if !to.list_flat(&paths::backups())?.contains(&paths::restoring()) {
        if !is_empty(to)? {
            return Err(Error::refused(format!("{} holds data already", to.name()))
                .hint("name an empty or a new directory with --data"));
        }
        to.create(&paths::restoring(), Bytes::from_static(RESTORING.as_bytes()))?;
    }
    let mut copied = Copied { commit: listing.commit, epoch: listing.epoch, objects: 0, bytes: 0, kept: 0 };
    for (path, listed) in &listing.objects {
        let path = Path::from(path.as_str());
        let damaged = |what: &str| Error::data(format!("{path} in {} is {what}", from.name()));
        let bytes = from.read(&path).map_err(|e| match e.kind {
            ErrorKind::NotFound => damaged("missing").hint("restore another backup"),
            _ => e,
        })?;
        if bytes.len() as u64 != listed.bytes || checksum(&bytes) != listed.checksum {
            return Err(damaged("damaged").hint("restore another backup"));
        }
        match put(to, &path, &bytes)? {
            Created::New => (copied.objects, copied.bytes) = (copied.objects + 1, copied.bytes + listed.bytes),
            Created::Exists => copied.kept += 1,
        }
    }
    // The next start takes the run after these.
    for run in 1..=listing.run {
        to.create(&paths::run(run), Bytes::new())?;
    }
    to.delete(&paths::restoring())?;
    Ok(copied)
}
