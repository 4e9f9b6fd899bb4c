//! The files of the project.

use std::fs;
use std::path::Path;

use crate::Error;

/// The most bytes a file may have outside a data folder; larger ones are not read.
pub(super) const MAX_BYTES: u64 = 1 << 20;

/// A file.
pub(super) struct File {
    /// Path from the root, with `/` between the parts.
    pub(super) path: String,
    /// Size in bytes.
    pub(super) bytes: u64,
    /// Its text, if it is UTF-8 without NUL and has at most [`MAX_BYTES`].
    pub(super) text: Option<String>,
}

impl File {
    /// Whether the file is data: models, images, fuzz seeds, in a folder that says so.
    pub(super) fn is_data(&self) -> bool {
        let source = [".rs", ".toml", ".md"].iter().any(|extension| self.path.ends_with(extension));
        !source && self.path.split('/').any(|part| part == "data" || part == "seeds")
    }
}

/// Every file of the project, sorted by path. What `.gitignore` names and hidden folders other than `.ci` and `.cargo`
/// are no part of it.
pub(super) struct Tree {
    files: Vec<File>,
}

impl Tree {
    /// Reads every file below `root`.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] with the path that could not be read.
    pub(super) fn read(root: &Path) -> Result<Self, Error> {
        let path = root.join(".gitignore");
        let ignored = fs::read_to_string(&path).map_err(|source| Error::Io { path, source })?;
        let ignored: Vec<&str> = ignored.lines().filter_map(|line| line.strip_prefix('/')).collect();
        let mut files = Vec::new();
        read_folder(root, "", &ignored, &mut files)?;
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { files })
    }

    /// Every file.
    pub(super) fn files(&self) -> &[File] {
        &self.files
    }

    /// The text of the file at `path`, if there is one.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.files.iter().find(|file| file.path == path)?.text.as_deref()
    }

    /// The names of the folders in `crates/`, sorted.
    pub(super) fn crates(&self) -> Vec<&str> {
        let inside = self.files.iter().filter_map(|file| file.path.strip_prefix("crates/"));
        let mut names: Vec<&str> = inside.filter_map(|path| Some(path.split_once('/')?.0)).collect();
        names.dedup();
        names
    }
}

/// Appends the files of `folder`, a path from `root` that is empty or ends with `/`.
fn read_folder(root: &Path, folder: &str, ignored: &[&str], files: &mut Vec<File>) -> Result<(), Error> {
    let path = root.join(folder);
    let failed = |source| Error::Io { path: path.clone(), source };
    for entry in fs::read_dir(&path).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{folder}{name}");
        let kind = entry.file_type().map_err(failed)?;
        if ignored.contains(&path.as_str()) {
            continue;
        }
        if kind.is_dir() && (!name.starts_with('.') || [".ci", ".cargo"].contains(&name.as_str())) {
            read_folder(root, &format!("{path}/"), ignored, files)?;
        } else if kind.is_file() {
            files.push(read_file(root, path)?);
        }
    }
    Ok(())
}

fn read_file(root: &Path, path: String) -> Result<File, Error> {
    let absolute = root.join(&path);
    let failed = |source| Error::Io { path: absolute.clone(), source };
    let bytes = fs::metadata(&absolute).map_err(failed)?.len();
    let content = if bytes <= MAX_BYTES { Some(fs::read(&absolute).map_err(failed)?) } else { None };
    let text = content.and_then(|content| String::from_utf8(content).ok()).filter(|text| !text.contains('\0'));
    Ok(File { path, bytes, text })
}

#[cfg(test)]
impl Tree {
    /// A tree of these paths and texts.
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let mut files: Vec<File> = files.iter().map(|(path, text)| File::of(path, text)).collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Self { files }
    }
}

#[cfg(test)]
impl File {
    /// A file with this text.
    pub(super) fn of(path: &str, text: &str) -> Self {
        Self { path: path.into(), bytes: text.len() as u64, text: Some(text.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_holds_the_project_and_nothing_else() {
        let tree = Tree::read(&crate::root()).expect("a readable tree");
        for path in ["Cargo.toml", ".ci/run", ".cargo/config.toml", "xtask/src/tidy/tree.rs"] {
            assert!(tree.text(path).is_some(), "{path} is missing");
        }
        assert!(tree.crates().contains(&"kernels"));
        let alien = tree.files().iter().find(|file| file.path.starts_with("target/") || file.path.contains(".git/"));
        assert!(alien.is_none(), "{:?}", alien.map(|file| &file.path));
    }

    #[test]
    fn binaries_have_no_text() {
        let tree = Tree::read(&crate::root()).expect("a readable tree");
        let model = tree.files().iter().find(|file| file.path == "crates/cli/data/digits_cnn.onnx");
        let model = model.expect("the embedded model");
        assert!(model.is_data() && model.text.is_none() && model.bytes > 0);
    }

    #[test]
    fn sources_in_a_data_folder_are_not_data() {
        assert!(File::of("crates/cli/data/a.npy", "").is_data());
        assert!(File::of("fuzz/seeds/npy/a", "").is_data());
        assert!(!File::of("crates/cli/src/data/load.rs", "").is_data());
        assert!(!File::of("crates/cli/src/data.bin", "").is_data());
    }
}
