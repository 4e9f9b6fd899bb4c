//! Arguments `NAME=PATH`, one for each input of a model, and folders that have a file or folder for each.

use std::path::{Path, PathBuf};

use fourfold::graph::Graph;

use crate::args::Images;
use crate::failure::Failure;

/// What was given for the inputs of a model, and by which argument of the command line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag<'a> {
    /// As `--input`.
    pub(crate) name: &'static str,
    pub(crate) values: &'a [String],
    /// How image files become samples.
    pub(crate) images: &'a Images,
}

impl Flag<'_> {
    /// The name of arguments without a flag.
    pub(crate) const DATA: &'static str = "DATA";
}

/// Where the samples of the inputs are.
#[derive(Clone, Debug)]
pub(super) enum Paths {
    /// Paths for each input, in the order of the graph: one, or all that stand in a row.
    Each(Vec<Vec<PathBuf>>),
    /// An archive with a member for each input, or a folder of such archives.
    Archives(PathBuf),
}

/// The paths that were given; where there is one input, its name need not be given.
pub(super) fn paths(flag: Flag<'_>, graph: &Graph) -> Result<Paths, Failure> {
    let names: Vec<&str> = graph.inputs().iter().map(|&id| graph.value(id).name()).collect();
    if let ([value], [_, _, ..]) = (flag.values, names.as_slice())
        && place(value, &names).is_none()
        && (Path::new(value).is_dir() || is_archive(Path::new(value)))
    {
        return for_all(flag, value, &names);
    }
    let expected = || names.iter().map(|name| format!("{name}=FILE.npy")).collect::<Vec<_>>().join(" ");
    // What a shell makes of a pattern.
    let all: Vec<PathBuf> = flag.values.iter().map(PathBuf::from).collect();
    if names.len() == 1 && flag.name == Flag::DATA && all.len() > 1 && all.iter().all(|path| path.exists()) {
        return Ok(Paths::Each(vec![all]));
    }
    let mut paths: Vec<Option<PathBuf>> = vec![None; names.len()];
    for value in flag.values {
        let (place, path) = place(value, &names).ok_or_else(|| unknown(flag.name, value, &names))?;
        if paths[place].replace(path.into()).is_some() {
            let (flag, name) = (flag.name, names[place]);
            return Err(Failure::usage(format_args!("{flag} {value}: input `{name}` is given twice")));
        }
    }
    let path = |(path, name): (Option<PathBuf>, &&str)| {
        let flag = flag.name;
        path.map(|path| vec![path])
            .ok_or_else(|| Failure::usage(format_args!("{flag}: input `{name}` is missing; give {}", expected())))
    };
    paths.into_iter().zip(&names).map(path).collect::<Result<_, _>>().map(Paths::Each)
}

/// What one folder or archive has for every input.
fn for_all(flag: Flag<'_>, value: &str, names: &[&str]) -> Result<Paths, Failure> {
    let folder = Path::new(value);
    if !folder.is_dir() {
        return Ok(Paths::Archives(folder.to_owned()));
    }
    let found: Vec<Option<PathBuf>> = names.iter().map(|name| of_input(folder, name)).collect();
    if found.iter().all(Option::is_none) && has_archives(folder) {
        return Ok(Paths::Archives(folder.to_owned()));
    }
    let missing: Vec<String> =
        names.iter().zip(&found).filter(|(_, path)| path.is_none()).map(|(name, _)| format!("`{name}`")).collect();
    if missing.is_empty() {
        return Ok(Paths::Each(found.into_iter().flatten().map(|path| vec![path]).collect()));
    }
    Err(Failure::usage(format_args!(
        "{} {value}: the folder has no file or folder of the name of input {}; or give NAME=PATH for each input",
        flag.name,
        missing.join(", ")
    )))
}

/// The folder or file of an input's name.
fn of_input(folder: &Path, name: &str) -> Option<PathBuf> {
    let name = super::file_name(name);
    let files = ["", ".npy", ".npz"].map(|extension| folder.join(format!("{name}{extension}")));
    files.into_iter().find(|path| path.exists())
}

fn has_archives(folder: &Path) -> bool {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    entries.into_iter().any(|entry| is_archive(&entry.path()))
}

fn is_archive(path: &Path) -> bool {
    super::find::extension(path).as_deref() == Some("npz")
}

/// Which input an argument is for, and its path. Names may contain `=` themselves.
fn place<'a>(value: &'a str, names: &[&str]) -> Option<(usize, &'a str)> {
    let rest = |name: &str| value.strip_prefix(name).and_then(|rest| rest.strip_prefix('='));
    let named = names.iter().enumerate().filter_map(|(place, name)| Some((place, rest(name)?)));
    let is_path = names.len() == 1 && (!value.contains('=') || Path::new(value).exists());
    named.min_by_key(|(_, path)| path.len()).or(is_path.then_some((0, value)))
}

fn unknown(flag: &str, value: &str, names: &[&str]) -> Failure {
    let known: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let known = match known.as_slice() {
        [] => "it has none".to_owned(),
        [one] => format!("its input is {one}"),
        all => format!("its inputs are {}", all.join(", ")),
    };
    match value.split_once('=') {
        Some((name, _)) => Failure::usage(format_args!("{flag} {value}: the model has no input `{name}`; {known}")),
        None => Failure::usage(format_args!(
            "{flag} {value}: say which input of the model it is for, as in NAME={value}; {known}"
        )),
    }
}
