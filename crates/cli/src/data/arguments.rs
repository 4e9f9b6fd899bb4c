//! Arguments `NAME=FILE`, one for each input of a model.

use std::path::{Path, PathBuf};

use fourfold::graph::Graph;

use crate::failure::Failure;

/// What was given for the inputs of a model, and by which argument of the command line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flag<'a> {
    /// As `--input`.
    pub(crate) name: &'static str,
    pub(crate) values: &'a [String],
}

/// The path for each input, in the order of the graph; where there is one input, its name need not be given.
pub(crate) fn paths(flag: Flag<'_>, graph: &Graph) -> Result<Vec<PathBuf>, Failure> {
    let names: Vec<&str> = graph.inputs().iter().map(|&id| graph.value(id).name()).collect();
    let expected = || names.iter().map(|name| format!("{name}=FILE.npy")).collect::<Vec<_>>().join(" ");
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
        path.ok_or_else(|| Failure::usage(format_args!("{flag}: input `{name}` is missing; give {}", expected())))
    };
    paths.into_iter().zip(&names).map(path).collect()
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
