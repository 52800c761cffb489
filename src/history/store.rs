//! The object store handle: everything durable goes through it.
//!
//! Objects are only ever created whole or deleted, never changed. `create` is atomic and refuses an existing name; on
//! a local directory it also syncs the file and its directories, so that what was answered survives a power cut.
//! Calls block: they belong on threads that may wait.

use std::collections::HashSet;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::executor::block_on;
use futures::{StreamExt, TryStreamExt};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use tokio::runtime::Handle;
use tokio::task::coop::unconstrained;

use super::directory::Directory;
use crate::error::{Error, Result};

/// Objects that one listing returns at most: above it something is out of hand, and memory would be too.
const LISTED_OBJECTS_MAX: usize = 4_000_000;

/// Checked objects that are remembered: some megabytes.
const FOUND_WHOLE_MAX: usize = 100_000;

/// A storage URL, opened. Clones share the same objects.
#[derive(Clone, Debug)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    /// The directory of a local store: there `create` is our own, because `LocalFileSystem` never syncs.
    directory: Option<Arc<Directory>>,
    /// Where the network connections of a bucket live.
    runtime: Option<Handle>,
    name: Arc<str>,
    /// Objects whose bytes were found to be what was written. They never change, so this is looked at once a process.
    found_whole: Arc<Mutex<HashSet<Path>>>,
}

/// What `Store::create` found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Created {
    New,
    /// An object of this name is there already; it was not touched.
    Exists,
}

impl Store {
    /// Opens a directory (`data`, `file:///var/data`; created when missing), a bucket or a part of one
    /// (`s3://bucket/prefix`, in a build with the feature `s3`), or a new empty store in memory (`memory://`).
    pub fn open(url: &str) -> Result<Store> {
        match url.split_once("://") {
            Some(("memory", _)) => Ok(Store::over(Arc::new(InMemory::new()), url)),
            Some(("file", path)) => Store::directory(FilePath::new(path)),
            #[cfg(feature = "s3")]
            Some(("s3", _)) => {
                let (objects, runtime) = super::bucket::open(url)?;
                Ok(Store { runtime: Some(runtime), ..Store::over(objects, url) })
            }
            #[cfg(not(feature = "s3"))]
            Some(("s3", _)) => {
                Err(Error::refused("this build has no S3").hint("build it with: cargo build --features s3"))
            }
            Some((scheme, _)) => Err(Error::refused(format!("storage {scheme}:// is not supported"))
                .hint("use a directory, file:///directory, s3://bucket/prefix or memory://")),
            None => Store::directory(FilePath::new(url)),
        }
    }

    /// As `open`, but a directory that is not there is `NotFound`.
    pub fn open_existing(url: &str) -> Result<Store> {
        let path = match url.split_once("://") {
            Some(("file", path)) => Some(path),
            Some(_) => None,
            None => Some(url),
        };
        match path {
            Some(path) if !FilePath::new(path).is_dir() => {
                Err(Error::not_found(format!("there is no data directory {path}")).hint("name it with --data"))
            }
            _ => Store::open(url),
        }
    }

    /// A store over any object store.
    pub fn over(objects: Arc<dyn ObjectStore>, name: &str) -> Store {
        Store { objects, directory: None, runtime: None, name: name.into(), found_whole: Arc::default() }
    }

    fn directory(path: &FilePath) -> Result<Store> {
        let unusable = |e: &dyn std::fmt::Display| {
            Error::unavailable(format!("cannot use data directory {}: {e}", path.display()))
                .hint("name a directory that this user can write, with --data")
        };
        let directory = Directory::open(path).map_err(|e| unusable(&e))?;
        let objects = LocalFileSystem::new_with_prefix(directory.path()).map_err(|e| unusable(&e))?;
        let directory = Some(Arc::new(directory));
        Ok(Store { directory, ..Store::over(Arc::new(objects), &path.display().to_string()) })
    }

    /// From now on a local directory without this object is storage that is away: it was unmounted, moved or replaced.
    /// Everything is `Unavailable` then, until it is back.
    pub fn rely_on(&self, path: &Path) {
        if let Some(directory) = &self.directory {
            directory.rely_on(path);
        }
    }

    /// Runs `check` on an object, unless it passed before.
    pub fn check_once(&self, path: &Path, check: impl FnOnce() -> Result<()>) -> Result<()> {
        let known = || self.found_whole.lock().unwrap_or_else(PoisonError::into_inner);
        if known().contains(path) {
            return Ok(());
        }
        check()?;
        let mut known = known();
        if known.len() >= FOUND_WHOLE_MAX {
            known.clear();
        }
        known.insert(path.clone());
        Ok(())
    }

    /// The URL as the user gave it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Creates an object, whole or not at all. Errors of kind `Unavailable` leave open whether it exists now.
    pub fn create(&self, path: &Path, bytes: impl Into<PutPayload>) -> Result<Created> {
        let bytes = bytes.into();
        if let Some(directory) = &self.directory {
            return directory.create(path, &bytes).map_err(|e| self.unavailable("write", path).caused_by(e));
        }
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.wait(self.objects.put_opts(path, bytes, options)) {
            Ok(_) => Ok(Created::New),
            // S3 answers a conflict, too, while somebody else is creating the object, who may still fail.
            Err(object_store::Error::AlreadyExists { .. }) => match self.wait(self.objects.head(path)) {
                Ok(_) => Ok(Created::Exists),
                Err(e) => Err(self.unavailable("write", path).caused_by(e)),
            },
            Err(e) => Err(self.unavailable("write", path).caused_by(e)),
        }
    }

    /// The whole object; `NotFound` if there is none.
    pub fn read(&self, path: &Path) -> Result<Bytes> {
        let bytes = self.wait(async { self.objects.get(path).await?.bytes().await });
        bytes.map_err(|e| self.read_error(path, e))
    }

    /// Some bytes of an object; `NotFound` if there is none, `Data` if it is too short.
    pub fn read_range(&self, path: &Path, range: Range<u64>) -> Result<Bytes> {
        let wanted = range.end - range.start;
        let read = async {
            if self.objects.head(path).await?.size < range.end {
                return Ok(Bytes::new());
            }
            self.objects.get_range(path, range).await
        };
        let bytes = self.wait(read).map_err(|e| self.read_error(path, e))?;
        if bytes.len() as u64 != wanted {
            return Err(Error::data(format!("{path} in {} is shorter than its manifest says", self.name)));
        }
        Ok(bytes)
    }

    /// All objects below a folder, also in folders of it, in order of their paths.
    pub fn list(&self, folder: &Path) -> Result<Vec<Path>> {
        let listed = self.objects.list(Some(folder)).take(LISTED_OBJECTS_MAX + 1).map_ok(|meta| meta.location);
        let mut paths: Vec<Path> =
            self.wait(listed.try_collect()).map_err(|e| self.unavailable("list", folder).caused_by(e))?;
        self.check_directory("list", folder)?;
        if paths.len() > LISTED_OBJECTS_MAX {
            return Err(Error::unavailable(format!("more than {LISTED_OBJECTS_MAX} objects in {folder}")));
        }
        paths.sort();
        Ok(paths)
    }

    /// The objects of a folder, without folders of it, in order of their paths.
    pub fn list_flat(&self, folder: &Path) -> Result<Vec<Path>> {
        let listed = self.wait(self.objects.list_with_delimiter(Some(folder)));
        let listed = listed.map_err(|e| self.unavailable("list", folder).caused_by(e))?;
        self.check_directory("list", folder)?;
        let mut paths: Vec<Path> = listed.objects.into_iter().map(|meta| meta.location).collect();
        paths.sort();
        Ok(paths)
    }

    /// Deletes an object; it is no error if there is none.
    pub fn delete(&self, path: &Path) -> Result<()> {
        match self.wait(self.objects.delete(path)) {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => self.check_directory("delete", path),
            Err(e) => Err(self.unavailable("delete", path).caused_by(e)),
        }
    }

    /// Removes what interrupted `create`s left behind in a folder and below. One that is running in another process fails
    /// with `Unavailable`, and its caller does it again. Answers how many there were.
    pub fn remove_half_written(&self, folder: &Path) -> Result<usize> {
        match &self.directory {
            Some(directory) => {
                directory.remove_half_written(folder).map_err(|e| self.unavailable("clean", folder).caused_by(e))
            }
            None => Ok(0),
        }
    }

    /// Waits for an answer. The connections of a bucket need their runtime, whichever thread asks. A thread that runs an
    /// async task may ask, too: the task's budget of cooperation is of no account here, and once it was used up, an
    /// answer would never come.
    fn wait<T>(&self, answer: impl Future<Output = T>) -> T {
        let _entered = self.runtime.as_ref().map(Handle::enter);
        block_on(unconstrained(answer))
    }

    /// What is not found may be away with all the rest.
    fn check_directory(&self, action: &str, path: &Path) -> Result<()> {
        let Some(directory) = &self.directory else { return Ok(()) };
        directory.check().map_err(|e| self.unavailable(action, path).caused_by(e))
    }

    fn read_error(&self, path: &Path, error: object_store::Error) -> Error {
        match error {
            object_store::Error::NotFound { .. } => match self.check_directory("read", path) {
                Ok(()) => Error::not_found(format!("no {path} in {}", self.name)),
                Err(away) => away,
            },
            e => self.unavailable("read", path).caused_by(e),
        }
    }

    fn unavailable(&self, action: &str, path: &Path) -> Error {
        Error::unavailable(format!("cannot {action} {path} in {}", self.name))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::error::ErrorKind;

    fn behaves(store: &Store) {
        let path = Path::from("a/_date=2026-01-02/000001.json");
        assert_eq!(store.create(&path, Bytes::from_static(b"hello")).unwrap(), Created::New);
        assert_eq!(store.create(&path, Bytes::from_static(b"other")).unwrap(), Created::Exists);
        assert_eq!(store.create(&Path::from("a/b"), Bytes::new()).unwrap(), Created::New);
        assert_eq!(store.read(&path).unwrap(), "hello");
        assert_eq!(store.read_range(&path, 1..4).unwrap(), "ell");
        assert_eq!(store.read_range(&path, 1..9).unwrap_err().kind, ErrorKind::Data);
        assert_eq!(store.list(&Path::from("a")).unwrap(), [path.clone(), Path::from("a/b")]);
        assert_eq!(store.list_flat(&Path::from("a")).unwrap(), [Path::from("a/b")]);
        assert!(store.list(&Path::from("nothing")).unwrap().is_empty());
        store.delete(&path).unwrap();
        store.delete(&path).unwrap();
        assert_eq!(store.read(&path).unwrap_err().kind, ErrorKind::NotFound);
    }

    #[test]
    fn an_async_task_may_ask_as_often_as_it_likes() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().display().to_string()).unwrap();
        store.create(&Path::from("a"), Bytes::from_static(b"hello")).unwrap();
        // Tokio lets a task poll 128 times before it must yield.
        let ask = async { (0..1_000).all(|_| store.read(&Path::from("a")).unwrap() == "hello") };
        assert!(tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(ask));
    }

    #[test]
    fn memory_and_directory_behave_alike() {
        behaves(&Store::open("memory://").unwrap());
        let folder = tempfile::tempdir().unwrap();
        behaves(&Store::open(&folder.path().join("new/data").display().to_string()).unwrap());
        behaves(&Store::open(&format!("file://{}", folder.path().display())).unwrap());
    }

    #[test]
    fn a_half_written_file_is_not_an_object() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().display().to_string()).unwrap();
        fs::create_dir(folder.path().join("log")).unwrap();
        fs::write(folder.path().join("log/000001.json#77"), "{").unwrap();
        assert!(store.list(&Path::from("log")).unwrap().is_empty());
        assert!(store.list_flat(&Path::from("log")).unwrap().is_empty());
        fs::write(folder.path().join("log/notes#a1"), "somebody's").unwrap();
        fs::write(folder.path().join("song #5"), "somebody's").unwrap();
        let removed = ["log", "log", "events"].map(|name| store.remove_half_written(&Path::from(name)).unwrap());
        assert_eq!(removed, [1, 0, 0]);
        assert!(folder.path().join("song #5").exists());
        assert!(!folder.path().join("log/000001.json#77").exists() && folder.path().join("log/notes#a1").exists());
    }

    #[test]
    fn other_storage_is_refused() {
        assert_eq!(Store::open("ftp://x/y").unwrap_err().kind, ErrorKind::Refused);
    }
}
