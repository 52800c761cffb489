//! A local directory as storage: a file is there whole or not at all, and stays there after a power cut.
//!
//! A directory can go away while the process runs, and another one appear in its place: an unmounted disk leaves an
//! empty mount point behind, which takes files gladly and hides them when the disk is back. So the store relies on an
//! object that must be there, and nothing is written, and nothing believed missing, where it is not.

use std::fs;
use std::io::{Error, ErrorKind, Result, Write};
use std::path::{Path as FilePath, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use object_store::PutPayload;
use object_store::path::Path;

use super::store::Created;

/// An opened directory.
#[derive(Debug)]
pub(super) struct Directory {
    root: PathBuf,
    /// A file that is there as long as the directory is.
    witness: OnceLock<PathBuf>,
}

/// Numbers the temporary files of this process.
static TEMPORARY: AtomicU64 = AtomicU64::new(0);

impl Directory {
    /// Created when missing.
    pub fn open(path: &FilePath) -> Result<Directory> {
        fs::create_dir_all(path)?;
        Ok(Directory { root: path.canonicalize()?, witness: OnceLock::new() })
    }

    pub fn path(&self) -> &FilePath {
        &self.root
    }

    /// The first one holds.
    pub fn rely_on(&self, path: &Path) {
        self.witness.get_or_init(|| self.root.join(path.as_ref()));
    }

    /// An error while the directory is away.
    pub fn check(&self) -> Result<()> {
        match self.witness.get().unwrap_or(&self.root).try_exists() {
            Ok(true) => Ok(()),
            Ok(false) => {
                Err(Error::new(ErrorKind::NotFound, "the data directory is away: unmounted, moved or replaced"))
            }
            Err(error) => Err(error),
        }
    }

    /// Writes a temporary file, syncs it, links it under its name and syncs the directories. The link is atomic and
    /// fails if the name exists. Temporary names end in `#` and digits, which `LocalFileSystem` never lists.
    pub fn create(&self, path: &Path, bytes: &PutPayload) -> Result<Created> {
        self.check()?;
        let target = self.root.join(path.as_ref());
        let folder = target.parent().unwrap_or(&self.root);
        if target.try_exists()? {
            // Perhaps of a call that could not sync.
            self.sync(folder, true)?;
            return Ok(Created::Exists);
        }
        let folder_is_new = !folder.exists();
        fs::create_dir_all(folder)?;
        let number =
            u64::from(std::process::id()) << 32 | TEMPORARY.fetch_add(1, Ordering::Relaxed) & u64::from(u32::MAX);
        let temporary = PathBuf::from(format!("{}#{number}", target.display()));
        let linked = write_synced(&temporary, bytes).and_then(|()| fs::hard_link(&temporary, &target));
        // A temporary file that stays behind is never read.
        let _ = fs::remove_file(&temporary);
        match linked {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::AlreadyExists => return Ok(Created::Exists),
            Err(e) => return Err(e),
        }
        self.sync(folder, folder_is_new)?;
        // It may have gone away in between, and the file with it.
        self.check()?;
        Ok(Created::New)
    }

    /// Syncs a folder, and perhaps those above it, up to the root.
    fn sync(&self, folder: &FilePath, and_above: bool) -> Result<()> {
        let folders = folder.ancestors().take_while(|folder| folder.starts_with(&self.root));
        let mut folders = folders.take(if and_above { usize::MAX } else { 1 });
        folders.try_for_each(|folder| fs::File::open(folder)?.sync_all())
    }

    /// Removes the temporary files in a folder and below. Answers how many there were.
    pub fn remove_half_written(&self, folder: &Path) -> Result<usize> {
        match remove_temporary(&self.root.join(folder.as_ref())) {
            Err(e) if e.kind() == ErrorKind::NotFound => self.check().map(|()| 0),
            removed => removed,
        }
    }
}

/// Whether a file name is a temporary one.
fn is_temporary(name: &str) -> bool {
    name.rsplit_once('#').is_some_and(|(_, digits)| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

fn remove_temporary(folder: &FilePath) -> Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            removed += remove_temporary(&entry.path())?;
        } else if entry.file_name().to_str().is_some_and(is_temporary) {
            match fs::remove_file(entry.path()) {
                // Its writer was faster.
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                done => {
                    done?;
                    removed += 1;
                }
            }
        }
    }
    Ok(removed)
}

fn write_synced(path: &FilePath, bytes: &PutPayload) -> Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
    bytes.iter().try_for_each(|part| file.write_all(part))?;
    file.sync_all()
}
