//! Writing files as a whole or not at all.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

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
    let failed = |error: &std::io::Error| Failure::io("write", path, error);
    let folder = folder_of(path);
    let mut temporary =
        tempfile::Builder::new().prefix(".fourfold-").tempfile_in(&folder).map_err(|error| failed(&error))?;
    temporary.write_all(bytes).map_err(|error| failed(&error))?;
    set_usual_permissions(temporary.as_file()).map_err(|error| failed(&error))?;
    temporary.as_file().sync_all().map_err(|error| failed(&error))?;
    if force {
        temporary.persist(path).map_err(|error| failed(&error.error))?;
    } else {
        temporary.persist_noclobber(path).map_err(|error| failed(&error.error))?;
    }
    // The name is in the folder; that it survives a power failure is a favour which not every file system grants.
    if let Ok(folder) = File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
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

/// Temporary files are private to the user; the finished file is readable as any other.
#[cfg(unix)]
fn set_usual_permissions(file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn set_usual_permissions(_: &File) -> std::io::Result<()> {
    Ok(())
}
