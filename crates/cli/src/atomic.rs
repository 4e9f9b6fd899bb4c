//! Writing files as a whole or not at all.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use crate::failure::Failure;
use crate::interrupt;

/// Fails if the file exists and may not be replaced; asked before any work is done.
pub(crate) fn check_free(path: &Path, force: bool) -> Result<(), Failure> {
    if !force && path.symlink_metadata().is_ok() {
        return Err(Failure::usage(format_args!("{} exists; give --force to replace it", path.display())));
    }
    if path.is_dir() {
        return Err(Failure::usage(format_args!("{} is a directory; give a file name", path.display())));
    }
    Ok(())
}

/// Writes the bytes to a temporary file in the same folder, makes sure they are on disk, and renames it.
///
/// On any failure the old file is as it was and the temporary file is gone.
pub(crate) fn write(path: &Path, bytes: &[u8], force: bool) -> Result<(), Failure> {
    check_free(path, force)?;
    interrupt::check()?;
    put(path, bytes, force)
}

/// The same for a file of which this process is the owner, even when it was interrupted.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    put(path, bytes, true)
}

fn put(path: &Path, bytes: &[u8], force: bool) -> Result<(), Failure> {
    let mut pending = Pending::new(path)?;
    pending.write(bytes)?;
    pending.finish(force)
}

/// A file that is being written, under a temporary name until it is complete; dropping it removes it.
#[derive(Debug)]
pub(crate) struct Pending {
    path: PathBuf,
    folder: PathBuf,
    temporary: NamedTempFile,
}

impl Pending {
    /// Creates the file, with the permissions of the one that it replaces, or else those of any new file.
    pub(crate) fn new(path: &Path) -> Result<Self, Failure> {
        let failed = |error: &std::io::Error| Failure::io("write", path, error);
        let folder = folder_of(path);
        let temporary = builder().tempfile_in(&folder).map_err(|error| failed(&error))?;
        if let Some(replaced) = fs::metadata(path).ok().filter(fs::Metadata::is_file) {
            temporary.as_file().set_permissions(replaced.permissions()).map_err(|error| failed(&error))?;
        }
        Ok(Self { path: path.to_owned(), folder, temporary })
    }

    /// Adds bytes at the end.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.temporary.write_all(bytes).map_err(|error| Failure::io("write", &self.path, &error))
    }

    /// Makes sure that the file is on disk, and gives it its name.
    pub(crate) fn finish(self, force: bool) -> Result<(), Failure> {
        let Self { path, folder, temporary } = self;
        let failed = |error: &std::io::Error| Failure::io("write", &path, error);
        temporary.as_file().sync_all().map_err(|error| failed(&error))?;
        if force {
            temporary.persist(&path).map_err(|error| failed(&error.error))?;
        } else {
            temporary.persist_noclobber(&path).map_err(|error| failed(&error.error))?;
        }
        // The name is in the folder; that it survives a power failure is a favour which not every file system grants.
        if let Ok(folder) = File::open(folder) {
            let _ = folder.sync_all();
        }
        Ok(())
    }
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).map_err(|error| Failure::io("make the folder", path, &error))
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Makes files that have the permissions of any new file: those of the user's umask.
fn builder() -> Builder<'static, 'static> {
    let mut builder = Builder::new();
    builder.prefix(".fourfold-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder
}
