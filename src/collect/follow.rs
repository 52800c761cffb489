//! Follows a file that is written to, across rotation: by renaming, and by cutting it to nothing.
//!
//! A renamed file is read to its end; the new one is begun when it has something, so what a slow writer still adds to the
//! old one is not missed. After a restart a file that was renamed meanwhile is found by its inode in the same directory.

use std::fs::{self, File};
use std::io::{ErrorKind as IoErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::network::sha256_hex;

/// A longer line is cut: its parts are lines, which nobody can read, and so become dead letters.
pub(super) const LINE_BYTES_MAX: usize = 512 << 10;
/// Bytes of a file's beginning by which it is known again.
const HEAD_BYTES: u64 = 256;
/// Bytes read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// How far a file is read.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    pub inode: u64,
    /// After the last whole line.
    pub offset: u64,
    /// SHA-256 of the first bytes, up to `HEAD_BYTES` and `offset`: inodes are used again.
    pub head: String,
}

/// A line and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub inode: u64,
    pub offset: u64,
    pub text: Vec<u8>,
}

/// Reads the lines of a file as they come.
pub struct Follower {
    path: PathBuf,
    open: Option<Open>,
    /// Where the process before this one was; taken when the file is there.
    resume: Option<Position>,
}

struct Open {
    file: File,
    inode: u64,
    /// Of the first byte of `rest`.
    offset: u64,
    /// Read, and not yet a whole line.
    rest: Vec<u8>,
}

impl Follower {
    /// A file that is not there yet is waited for.
    pub fn new(path: &Path, resume: Option<Position>) -> Follower {
        Follower { path: path.to_path_buf(), open: None, resume: resume.filter(|position| position.inode != 0) }
    }

    /// Whole lines that are there now, about `bytes` of them; none: nothing new.
    pub fn read(&mut self, bytes: usize) -> Result<Vec<Line>> {
        let mut lines = vec![];
        let mut taken = 0;
        while taken < bytes {
            if self.open.is_none() {
                self.open = self.first()?;
            }
            let Some(open) = &mut self.open else { break };
            let read = open.fill().map_err(|e| failed(&self.path, e))?;
            let found = open.lines();
            taken += found.iter().map(|line| line.text.len()).sum::<usize>();
            lines.extend(found);
            if read == 0 && !self.go_on(&mut lines)? {
                break;
            }
        }
        Ok(lines)
    }

    /// Where to go on after a restart, when all lines that were read are safe.
    pub fn position(&self) -> Result<Option<Position>> {
        let Some(open) = &self.open else { return Ok(None) };
        let head = head(&open.file, open.offset).map_err(|e| failed(&self.path, e))?;
        Ok(Some(Position { inode: open.inode, offset: open.offset, head }))
    }

    /// At the end of the open file: is there another one, or was it cut? False: nothing new.
    fn go_on(&mut self, lines: &mut Vec<Line>) -> Result<bool> {
        let Some(open) = &mut self.open else { return Ok(false) };
        let length = open.file.metadata().map_err(|e| failed(&self.path, e))?.len();
        if length < open.offset + open.rest.len() as u64 {
            tracing::info!(path = %self.path.display(), "the file was cut; reading it from its beginning");
            (open.offset, open.rest) = (0, vec![]);
            return Ok(true);
        }
        match fs::metadata(&self.path) {
            Ok(newest) if newest.ino() != open.inode && newest.len() > 0 => {
                lines.extend(open.last_line());
                self.open = Some(Open::begin(&self.path, 0).map_err(|e| failed(&self.path, e))?);
                Ok(true)
            }
            // Between renaming and the first line of the new file there may be none.
            Ok(_) => Ok(false),
            Err(e) if e.kind() == IoErrorKind::NotFound => Ok(false),
            Err(e) => Err(failed(&self.path, e)),
        }
    }

    /// The file to begin with: where the process before was, or the start of what is there.
    fn first(&mut self) -> Result<Option<Open>> {
        if let Some(position) = self.resume.clone() {
            let found = self.find(&position).map_err(|e| failed(&self.path, e))?;
            if found.is_none() {
                let path = self.path.display();
                tracing::warn!(%path, "the file that was read before is gone, and what was not read of it");
            }
            self.resume = None;
            if found.is_some() {
                return Ok(found);
            }
        }
        match Open::begin(&self.path, 0) {
            Ok(open) => Ok(Some(open)),
            Err(e) if e.kind() == IoErrorKind::NotFound => Ok(None),
            Err(e) => Err(failed(&self.path, e)),
        }
    }

    /// The file of a position, under its name or another one in the directory.
    fn find(&self, position: &Position) -> std::io::Result<Option<Open>> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let others = fs::read_dir(folder)?.filter_map(|entry| Some(entry.ok()?.path()));
        for path in std::iter::once(self.path.clone()).chain(others) {
            let Ok(metadata) = fs::metadata(&path) else { continue };
            if metadata.ino() != position.inode || !metadata.is_file() || metadata.len() < position.offset {
                continue;
            }
            let open = Open::begin(&path, position.offset)?;
            if open.inode == position.inode && head(&open.file, position.offset)? == position.head {
                return Ok(Some(open));
            }
        }
        Ok(None)
    }
}

impl Open {
    fn begin(path: &Path, offset: u64) -> std::io::Result<Open> {
        let file = File::open(path)?;
        let inode = file.metadata()?.ino();
        Ok(Open { file, inode, offset, rest: vec![] })
    }

    /// Reads on; 0 at the end.
    fn fill(&mut self) -> std::io::Result<usize> {
        self.file.seek(SeekFrom::Start(self.offset + self.rest.len() as u64))?;
        let mut chunk = vec![0; CHUNK_BYTES];
        let read = self.file.read(&mut chunk)?;
        self.rest.extend_from_slice(&chunk[..read]);
        Ok(read)
    }

    /// Takes the whole lines out of `rest`.
    fn lines(&mut self) -> Vec<Line> {
        let mut lines = vec![];
        let mut begin = 0;
        while let Some(end) = line_end(&self.rest[begin..]) {
            let text = &self.rest[begin..begin + end];
            let offset = self.offset + begin as u64;
            lines.push(Line { inode: self.inode, offset, text: text.trim_ascii_end().to_vec() });
            begin += end;
        }
        self.rest.drain(..begin);
        self.offset += begin as u64;
        lines.retain(|line| !line.text.is_empty());
        lines
    }

    /// What stands at the end of a file that nobody writes to any more, without a line feed.
    fn last_line(&mut self) -> Option<Line> {
        let (offset, text) = (self.offset, std::mem::take(&mut self.rest).trim_ascii_end().to_vec());
        self.offset += text.len() as u64;
        (!text.is_empty()).then_some(Line { inode: self.inode, offset, text })
    }
}

/// Bytes of the first line with its line feed, or of the part that a line may have.
fn line_end(rest: &[u8]) -> Option<usize> {
    let end = rest.iter().take(LINE_BYTES_MAX).position(|byte| *byte == b'\n').map(|at| at + 1);
    end.or((rest.len() >= LINE_BYTES_MAX).then_some(LINE_BYTES_MAX))
}

fn head(mut file: &File, offset: u64) -> std::io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let mut bytes = vec![];
    file.take(HEAD_BYTES.min(offset)).read_to_end(&mut bytes)?;
    Ok(sha256_hex(&bytes))
}

fn failed(path: &Path, error: std::io::Error) -> Error {
    Error::unavailable(format!("cannot read {}", path.display())).caused_by(error)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn append(path: &Path, text: &str) {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(path).expect("opened");
        file.write_all(text.as_bytes()).expect("written");
    }

    fn texts(follower: &mut Follower) -> Vec<String> {
        let lines = follower.read(1 << 20).expect("read");
        lines.into_iter().map(|line| String::from_utf8(line.text).expect("text")).collect()
    }

    #[test]
    fn a_file_is_followed_across_rotation() {
        let folder = tempfile::tempdir().expect("a directory");
        let (path, old) = (folder.path().join("app.log"), folder.path().join("app.log.1"));
        let mut follower = Follower::new(&path, None);
        assert!(texts(&mut follower).is_empty(), "it is not there yet");
        append(&path, "a\nb\nhal");
        assert_eq!(texts(&mut follower), ["a", "b"]);
        append(&path, "f\n\n");
        assert_eq!(texts(&mut follower), ["half"]);
        fs::rename(&path, &old).expect("renamed");
        append(&old, "late\n");
        assert_eq!(texts(&mut follower), ["late"], "the writer has not noticed yet");
        append(&old, "without end");
        append(&path, "");
        assert!(texts(&mut follower).is_empty(), "the new file is empty");
        append(&path, "new\n");
        assert_eq!(texts(&mut follower), ["without end", "new"]);
        // Cut to nothing and written again.
        fs::write(&path, "").expect("cut");
        assert!(texts(&mut follower).is_empty());
        append(&path, "x\n");
        assert_eq!(texts(&mut follower), ["x"]);
    }

    #[test]
    fn a_restart_goes_on_in_a_renamed_file_and_not_in_another_one() {
        let folder = tempfile::tempdir().expect("a directory");
        let (path, old) = (folder.path().join("app.log"), folder.path().join("app.log.1"));
        append(&path, "a\nb\n");
        let mut follower = Follower::new(&path, None);
        assert_eq!(texts(&mut follower), ["a", "b"]);
        let position = follower.position().expect("read").expect("open");
        drop(follower);
        append(&path, "c\n");
        fs::rename(&path, &old).expect("renamed");
        append(&path, "d\n");
        assert_eq!(texts(&mut Follower::new(&path, Some(position.clone()))), ["c", "d"]);
        let other = Position { head: sha256_hex(b"other"), ..position };
        assert_eq!(texts(&mut Follower::new(&path, Some(other))), ["d"], "another file with that inode");
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("app.log");
        append(&path, &"x".repeat(LINE_BYTES_MAX + 5));
        append(&path, "\nnext\n");
        let mut follower = Follower::new(&path, None);
        let lengths: Vec<usize> = texts(&mut follower).iter().map(String::len).collect();
        assert_eq!(lengths, [LINE_BYTES_MAX, 5, 4]);
    }
}
