//! Files that cannot be read as samples.

use std::path::PathBuf;

use super::item::Item;
use crate::args::OnBadSample;
use crate::console::Console;
use crate::failure::Failure;

/// The indices, among all files given, of those that were left out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LeftOut {
    files: usize,
    places: Vec<usize>,
}

impl LeftOut {
    /// Whether anything was left out.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// What belongs to the files that are left, out of one thing for each of all files.
    pub(crate) fn rest_of<T: Clone>(&self, all: &[T]) -> Option<Vec<T>> {
        let kept = |(place, thing): (usize, &T)| self.places.binary_search(&place).is_err().then(|| thing.clone());
        (all.len() == self.files).then(|| all.iter().enumerate().filter_map(kept).collect())
    }
}

/// The files of all inputs that could be opened. One that could not is an error, or is left out and warned of, and with
/// it the files of the other inputs at the same index.
pub(super) fn opened(
    opened: Vec<Vec<Result<Item, Failure>>>,
    paths: &[Vec<PathBuf>],
    policy: OnBadSample,
    console: &Console,
) -> Result<(Vec<Vec<Item>>, LeftOut), Failure> {
    let files = paths.iter().map(Vec::len).max().unwrap_or(0);
    let is_left_out =
        |items: &Vec<Result<Item, Failure>>| policy == OnBadSample::Skip && files > 1 && items.len() == files;
    let mut places: Vec<usize> = Vec::new();
    let mut first = None;
    for items in opened.iter().filter(|items| is_left_out(items)) {
        for (place, item) in items.iter().enumerate() {
            if let Err(failure) = item {
                first.get_or_insert_with(|| failure.clone());
                places.push(place);
            }
        }
    }
    places.sort_unstable();
    places.dedup();
    if let Some(first) = first.filter(|_| !places.is_empty()) {
        if places.len() == files {
            return Err(first);
        }
        let count = places.len();
        console.warning(format_args!("{count} of {files} samples are left out; the first: {first}"));
    }
    let kept = |items: Vec<Result<Item, Failure>>| {
        let skips = is_left_out(&items);
        let kept = items.into_iter().enumerate().filter(|(place, _)| !skips || places.binary_search(place).is_err());
        kept.map(|(_, item)| item).collect::<Result<Vec<_>, _>>()
    };
    let items = opened.into_iter().map(kept).collect::<Result<Vec<_>, _>>()?;
    Ok((items, LeftOut { files, places }))
}
