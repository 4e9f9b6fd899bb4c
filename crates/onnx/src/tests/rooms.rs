//! The rooms of the importer, as far as paths tell: none uses one to its right.

use std::fs;
use std::path::{Path, PathBuf};

/// From left to right.
const ROOMS: [&str; 7] = ["names", "constants", "emission", "reading", "weights", "patterns", "operators"];

#[test]
fn no_room_uses_one_to_its_right() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/import");
    let rank = |room: &str| ROOMS.iter().position(|name| *name == room);
    let mut found = 0;
    for path in files(&root) {
        let inside = path.strip_prefix(&root).expect("below it");
        let first = Path::new(inside.iter().next().expect("a name"));
        let room = first.file_stem().expect("a name").to_str().expect("UTF-8");
        let Some(own) = rank(room) else { continue };
        let text = fs::read_to_string(&path).expect("a source file");
        let is_root = inside.iter().count() == 1;
        for used in after(&text, "import::").chain(after(&text, "super::").filter(|_| is_root)) {
            found += usize::from(rank(used).is_some());
            assert!(rank(used).is_none_or(|other| other <= own), "{} uses {used}", inside.display());
        }
    }
    assert!(found > 50, "only {found} uses were found");
}

/// The names behind a path's beginning, wherever it stands in a text.
fn after<'t>(text: &'t str, start: &'t str) -> impl Iterator<Item = &'t str> {
    let is_end = |letter: char| !letter.is_alphanumeric() && letter != '_';
    text.split(start).skip(1).map(move |rest| rest.split(is_end).next().unwrap_or_default())
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}
