//! The files of a folder that hold samples.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use fourfold::ErrorKind;

use crate::console::Console;
use crate::failure::Failure;

/// Folders in folders.
const DEPTH: usize = 32;

/// Files of one folder and those in it.
const FILES: usize = 10_000_000;

/// What a file of samples is called.
const EXTENSIONS: [&str; 5] = ["npy", "npz", "png", "jpg", "jpeg"];

/// The files with samples in a folder and the folders in it, by name; hidden ones are left out, and others warned of.
pub(super) fn files(folder: &Path, console: &Console) -> Result<Vec<PathBuf>, Failure> {
    let mut search = Search { found: Vec::new(), others: BTreeMap::new(), folders: HashSet::new() };
    search.enter(folder, 0)?;
    let Search { mut found, others, .. } = search;
    found.sort();
    let (at, list) = (folder.display(), EXTENSIONS.map(|name| format!(".{name}")).join(", "));
    if found.is_empty() {
        return Err(Failure::invalid(format_args!("{at}: no file with samples in this folder ({list})")));
    }
    if !others.is_empty() {
        let count: usize = others.values().sum();
        let kinds: Vec<&str> = others.keys().map(String::as_str).collect();
        let files = if count == 1 { "1 file that holds".to_owned() } else { format!("{count} files that hold") };
        console.warning(format_args!("{at}: left out {files} no samples ({})", kinds.join(", ")));
    }
    Ok(found)
}

/// The extension of a file's name, in lower case.
pub(super) fn extension(path: &Path) -> Option<String> {
    path.extension().map(|extension| extension.to_string_lossy().to_lowercase())
}

struct Search {
    found: Vec<PathBuf>,
    /// How many files of each other kind there are.
    others: BTreeMap<String, usize>,
    /// The folders that were entered, so that links do not lead in circles.
    folders: HashSet<PathBuf>,
}

impl Search {
    fn enter(&mut self, folder: &Path, depth: usize) -> Result<(), Failure> {
        let failed = |error: std::io::Error| Failure::io("read", folder, &error);
        if depth > DEPTH {
            let at = folder.display();
            return Err(Failure::new(
                ErrorKind::Limit,
                format_args!("{at}: more than {DEPTH} folders in each other; give one further down"),
            ));
        }
        if !self.folders.insert(fs::canonicalize(folder).map_err(failed)?) {
            return Ok(());
        }
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if path.is_dir() {
                self.enter(&path, depth + 1)?;
                continue;
            }
            match extension(&path) {
                Some(extension) if EXTENSIONS.contains(&extension.as_str()) => self.found.push(path),
                Some(extension) => *self.others.entry(format!(".{extension}")).or_default() += 1,
                None => *self.others.entry("without extension".to_owned()).or_default() += 1,
            }
            if self.found.len() > FILES {
                let at = folder.display();
                return Err(Failure::new(
                    ErrorKind::Limit,
                    format_args!("{at}: more than {FILES} files; give a folder with fewer"),
                ));
            }
        }
        Ok(())
    }
}
