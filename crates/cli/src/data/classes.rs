//! Classes of samples by the folders that their files lie in.

use std::collections::BTreeSet;
use std::path::Path;

use super::Samples;
use super::form::Form;
use crate::console::Console;
use crate::failure::Failure;

/// Classes that are named in a message.
const NAMED: usize = 20;

impl Samples {
    /// The class of each sample, where an input has a folder with a folder for each class in it: the number that all
    /// folders have as their name, or their index in the order of the names. Prints which folder is which class.
    pub(crate) fn classes(&self, console: &Console) -> Result<Vec<i64>, Failure> {
        let in_folder = self.inputs.iter().find_map(|input| Some((input, input.folder.as_deref()?)));
        let (input, root) = in_folder.ok_or_else(|| {
            Failure::usage(
                "the classes are not known: give --labels LABELS.npy, or as --input a folder that has a folder of \
                 samples for each class",
            )
        })?;
        let class = |path: &Path| {
            let below = path.strip_prefix(root).ok()?;
            let mut parts = below.components();
            let first = parts.next()?.as_os_str().to_string_lossy().into_owned();
            parts.next().map(|_| first)
        };
        let mut found = Vec::new();
        for item in &input.items {
            let class = item.path().and_then(class).ok_or_else(|| {
                let (item, root) = (item.name().unwrap_or_default(), root.display());
                Failure::usage(format_args!(
                    "{item} lies in no folder of a class; put it into one, or give --labels LABELS.npy for all of \
                     {root}"
                ))
            })?;
            found.push(class);
        }
        let names: BTreeSet<&String> = found.iter().collect();
        let numbers: Option<Vec<i64>> = found.iter().map(|name| name.parse().ok()).collect();
        let said = match &numbers {
            Some(_) => "their names are the classes".to_owned(),
            None => {
                let named = names.iter().take(NAMED).enumerate().map(|(class, name)| format!("{class} = {name}"));
                let more = if names.len() > NAMED { ", …" } else { "" };
                format!("in the order of their names: {}{more}", named.collect::<Vec<_>>().join(", "))
            }
        };
        console.message(format_args!("{}: {} folders of classes, {said}", root.display(), names.len()));
        let order: Vec<&String> = names.into_iter().collect();
        let by_name = |name: &String| order.binary_search(&name).ok().and_then(|place| i64::try_from(place).ok());
        let classes = numbers.unwrap_or_else(|| found.iter().filter_map(by_name).collect());
        let rows = input.items.iter().map(|item| match input.form {
            Form::Same | Form::Stacked => item.shape.first().copied().unwrap_or(1),
            Form::Sample { .. } | Form::One => 1,
        });
        Ok(classes.into_iter().zip(rows).flat_map(|(class, rows)| std::iter::repeat_n(class, rows)).collect())
    }
}
