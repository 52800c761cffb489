//! File systems for a test: small ones, read-only ones, ones that go away. Mounting needs root; where it is impossible,
//! a test says what it did not show.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

/// Something mounted on a directory of its own; unmounted when dropped.
pub struct Mount {
    point: TempDir,
    is_mounted: bool,
}

impl Mount {
    /// A file system in memory of this size; None: this cannot be done here.
    pub fn tmpfs(size: &str) -> Option<Mount> {
        Mount::of(&["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
    }

    /// Another directory under this one's name.
    pub fn bind(directory: &Path) -> Option<Mount> {
        Mount::of(&["--bind", &directory.display().to_string()])
    }

    fn of(what: &[&str]) -> Option<Mount> {
        let mut mount = Mount { point: tempfile::tempdir().expect("a directory"), is_mounted: false };
        mount.is_mounted = mount.run("mount", what);
        mount.is_mounted.then_some(mount)
    }

    pub fn path(&self) -> &Path {
        self.point.path()
    }

    /// With another option, such as `ro` or `size=1m`.
    pub fn remount(&self, option: &str) {
        assert!(self.run("mount", &["-o", &format!("remount,{option}")]), "remount,{option}");
    }

    /// Takes it away, though it is in use.
    pub fn unmount(mut self) -> Mount {
        assert!(self.run("umount", &["-l"]), "umount");
        self.is_mounted = false;
        self
    }

    pub fn bind_again(mut self, directory: &Path) -> Mount {
        self.is_mounted = self.run("mount", &["--bind", &directory.display().to_string()]);
        assert!(self.is_mounted, "mount --bind");
        self
    }

    fn run(&self, program: &str, arguments: &[&str]) -> bool {
        let output = Command::new(program).args(arguments).arg(self.path()).output();
        output.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if self.is_mounted {
            self.run("umount", &["-l"]);
        }
    }
}

/// Says so.
pub fn not_shown(what: &str) {
    println!("not shown here: {what}; mounting needs root");
}
