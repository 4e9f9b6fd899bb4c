//! Samples in files, cut into batches that a model takes; a batch is in memory only while it is used.
//!
//! How the tensors of a file relate to an input is one of a few forms ([`form`]). The forms and counts of all inputs
//! determine the batches ([`plan`]), which [`stream`] reads.

mod arguments;
mod classes;
mod convert;
mod find;
mod form;
#[cfg_attr(not(feature = "images"), path = "data/images/absent.rs")]
mod images;
mod item;
mod left_out;
mod plan;
mod stream;
mod suspicions;

use std::path::PathBuf;

use fourfold::graph::{Graph, Limits};
use fourfold::quantize::{self, Batches};
use fourfold::tensor::Tensor;

pub(crate) use arguments::Flag;
pub(crate) use item::read_array;
pub(crate) use left_out::LeftOut;
pub(crate) use plan::Slice;
pub(crate) use stream::Stream;
pub(crate) use suspicions::Suspicions;

use self::arguments::Paths;
use self::convert::Conversion;
use self::form::{Form, Wanted};
use self::images::Pictures;
use self::item::{Item, Opener};
use self::plan::{Given, Grouping, Plan};
use crate::args::Images;
use crate::commands::Context;
use crate::console::Console;
use crate::failure::Failure;
use crate::interrupt;

/// Samples in a batch, if the model's batch is free.
pub(crate) const BATCH: usize = 32;

/// Samples for every input of a model.
#[derive(Debug)]
pub(crate) struct Samples {
    /// In the order of the graph.
    inputs: Vec<Input>,
    plan: Plan,
    /// What the user gave, for messages.
    source: String,
    left_out: LeftOut,
    limits: Limits,
}

/// The samples of one input.
#[derive(Debug)]
struct Input {
    wanted: Wanted,
    items: Vec<Item>,
    form: Form,
    /// The folder that the user gave for it.
    folder: Option<PathBuf>,
    /// How many rows or entries come before each item, and how many there are.
    starts: Vec<usize>,
}

impl Samples {
    /// Finds what the user gave: a file, a folder, or `INPUT=PATH` for each input; at least one sample. Only headers
    /// are read.
    pub(crate) fn open(flag: Flag<'_>, graph: &Graph, context: &Context) -> Result<Self, Failure> {
        let samples = Self::find(flag, graph, Grouping::Batches, context)?;
        if samples.count() == 0 {
            return Err(Failure::invalid("it holds no samples; the first axis counts them").about(&samples.source));
        }
        Ok(samples)
    }

    /// Finds the samples for `fourfold run`: there may be none, and those of a file stay together if the result for one
    /// may depend on the others.
    pub(crate) fn for_run(flag: Flag<'_>, graph: &Graph, context: &Context) -> Result<Self, Failure> {
        let grouping = if graph.has_independent_rows() { Grouping::Batches } else { Grouping::Files };
        Self::find(flag, graph, grouping, context)
    }

    fn find(flag: Flag<'_>, graph: &Graph, grouping: Grouping, context: &Context) -> Result<Self, Failure> {
        let (source, console) = (flag.values.join(", "), &context.console);
        let given = match arguments::paths(flag, graph)? {
            Paths::Each(paths) => paths,
            Paths::Archives(path) => vec![vec![path]; graph.inputs().len()],
        };
        let paths = given.iter().map(|paths| files(paths, console)).collect::<Result<Vec<_>, _>>()?;
        check_names(&paths)?;
        let wanted = Wanted::of(graph);
        let open = |(wanted, paths): (&Wanted, &Vec<PathBuf>)| {
            let opener = Opener::new(wanted, flag.images, context);
            paths.iter().map(|path| opener.open(path)).collect()
        };
        let opened = wanted.iter().zip(&paths).map(open).collect();
        let (items, left_out) = left_out::opened(opened, &paths, flag.images.on_bad_sample, console)?;
        let mut samples = Self::new(items, wanted, (source, grouping), &context.limits)?;
        samples.left_out = left_out;
        for (input, path) in samples.inputs.iter_mut().zip(given) {
            input.folder = path.into_iter().next().filter(|path| path.is_dir());
        }
        samples.inputs.iter().for_each(|input| input.say(console));
        samples.check_flags(flag.images, console);
        Ok(samples)
    }

    /// Warns of flags for images where there are none.
    fn check_flags(&self, images: &Images, console: &Console) {
        let given = images.given();
        if !given.is_empty() && self.pictures().next().is_none() {
            let (given, source) = (given.join(", "), &self.source);
            console.warning(format_args!("{given}: no effect, for there is no image among the samples {source}"));
        }
    }

    /// How images among the samples become samples.
    fn pictures(&self) -> impl Iterator<Item = &Pictures> {
        self.inputs.iter().filter_map(|input| input.items.iter().find_map(Item::pictures)).map(|pictures| &**pictures)
    }

    /// Warns, once all samples were read, of conversions of images that were not asked for.
    pub(crate) fn warn(&self, console: &Console) {
        self.pictures().for_each(|pictures| pictures.warn(console));
    }

    /// Samples that are in memory already, for a model with one input.
    pub(crate) fn of(tensor: Tensor, graph: &Graph, source: &str, limits: &Limits) -> Result<Self, Failure> {
        let wanted = Wanted::of(graph);
        let item = wanted.iter().map(|wanted| Item::of(tensor.clone()).fitting(wanted));
        let items = item.map(|item| Ok(vec![item?])).collect::<Result<_, Failure>>()?;
        Self::new(items, wanted, (source.to_owned(), Grouping::Batches), limits)
    }

    fn new(
        items: Vec<Vec<Item>>,
        wanted: Vec<Wanted>,
        (source, grouping): (String, Grouping),
        limits: &Limits,
    ) -> Result<Self, Failure> {
        let inputs = wanted.into_iter().zip(items).map(|(wanted, items)| Input::new(wanted, items));
        let inputs = inputs.collect::<Result<Vec<_>, _>>()?;
        let given: Vec<Given<'_>> = inputs.iter().map(Input::given).collect();
        let plan = Plan::new(&given, grouping).map_err(|reason| Failure::invalid(reason).about(&source))?;
        Ok(Self { inputs, plan, source, left_out: LeftOut::default(), limits: limits.clone() })
    }

    /// The number of samples.
    pub(crate) fn count(&self) -> usize {
        self.plan.slices.iter().map(Slice::len).sum()
    }

    /// Whether the samples are rows, so that [`Samples::count`] counts them and not the runs.
    pub(crate) fn are_rows(&self) -> bool {
        self.plan.is_by_rows
    }

    /// The files that were given and are left out of the samples.
    pub(crate) fn left_out(&self) -> &LeftOut {
        &self.left_out
    }

    /// What the user gave.
    pub(crate) fn source(&self) -> &str {
        &self.source
    }

    /// The batches that the model takes: of 32 samples if its first axis is free, else of as many as it wants.
    pub(crate) fn slices(&self) -> impl ExactSizeIterator<Item = &Slice> + '_ {
        self.plan.slices.iter()
    }

    /// A way to read batches.
    pub(crate) fn stream(&self) -> Stream<'_> {
        Stream::new(self)
    }

    /// The batches one after the other, each read when it is asked for.
    pub(crate) fn batches(&self) -> impl Iterator<Item = Result<Vec<Tensor>, Failure>> + '_ {
        let mut stream = self.stream();
        self.slices().map(move |slice| stream.read(slice))
    }

    /// Names the files and rows of a batch, for messages.
    pub(crate) fn place(&self, slice: &Slice) -> String {
        let inputs = self.inputs.iter().zip(&self.plan.feeds);
        let names: Vec<String> = inputs.filter_map(|(input, feed)| input.place(*feed, slice)).collect();
        if names.is_empty() { self.source.clone() } else { names.join(", ") }
    }
}

impl Batches for Samples {
    type Error = Failure;

    fn for_each(&self, mut take: impl FnMut(&[Tensor]) -> Result<(), quantize::Error>) -> Result<(), Failure> {
        self.batches().try_for_each(|batch| {
            interrupt::check()?;
            take(&batch?).map_err(|error| Failure::from(error).about(&self.source))
        })
    }
}

impl Input {
    /// Checks that all items, which fit the input, lie in the same form to it.
    fn new(wanted: Wanted, items: Vec<Item>) -> Result<Self, Failure> {
        let mut form = None;
        let mut starts = vec![0];
        for item in &items {
            let Some(found) = wanted.form(&item.shape) else { continue };
            if *form.get_or_insert(found) != found {
                let shape = shape_text(&item.shape);
                let first = items.first().map_or_else(String::new, |first| shape_text(&first.shape));
                return Err(item.failure(format_args!(
                    "its shape {shape} is of another form than {first}, the shape of the first file; \
                     give all samples of an input in one form"
                )));
            }
            let rows = match found {
                Form::Sample { .. } | Form::One => 1,
                Form::Same | Form::Stacked => item.shape.first().copied().unwrap_or(1),
            };
            starts.push(starts.last().unwrap_or(&0) + rows);
        }
        let form = form.ok_or_else(|| Failure::invalid(format_args!("input `{}` has no samples", wanted.name)))?;
        Ok(Self { wanted, items, form, folder: None, starts })
    }

    fn given(&self) -> Given<'_> {
        let shapes = self.items.iter().map(|item| item.shape.as_slice()).collect();
        Given { wanted: &self.wanted, form: self.form, shapes }
    }

    /// The number of rows or entries in all items.
    fn count(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    /// The item with the row or entry of that number.
    fn item_of(&self, number: usize) -> usize {
        let item = self.starts.partition_point(|&start| start <= number).saturating_sub(1);
        item.min(self.items.len().saturating_sub(1))
    }

    /// The files of a batch.
    fn place(&self, feed: plan::Feed, slice: &Slice) -> Option<String> {
        let (start, end) = (slice.range.start, slice.range.end);
        let (first, last) = match feed {
            plan::Feed::Rows { unit } => (self.item_of(start * unit), self.item_of((end * unit).saturating_sub(1))),
            plan::Feed::Entry => (self.item_of(start), self.item_of(start)),
            plan::Feed::File => (start, start),
            plan::Feed::Once => (0, 0),
        };
        let name = self.items.get(first)?.name()?;
        match self.items.get(last)?.name() {
            Some(last) if last != name => Some(format!("{name} to {last}")),
            _ => Some(name),
        }
    }

    /// Says once which elements are converted.
    fn say(&self, console: &Console) {
        let (name, to) = (&self.wanted.name, self.wanted.ty.dtype());
        let mut seen = Vec::new();
        for item in &self.items {
            if seen.contains(&item.dtype) {
                continue;
            }
            seen.push(item.dtype);
            let from = item.dtype;
            match Conversion::between(from, to) {
                Ok(Conversion::Rounded) => {
                    console.warning(format_args!("input `{name}`: {from} values are rounded to {to}"));
                }
                Ok(Conversion::Checked) => {
                    console.message(format_args!("input `{name}`: {from} values are converted to {to}"));
                }
                Ok(Conversion::None) | Err(_) => {}
            }
        }
    }
}

/// The files that paths name: themselves, or those in a folder.
fn files(paths: &[PathBuf], console: &Console) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in paths {
        match path.is_dir() {
            true => files.extend(find::files(path, console)?),
            false => files.push(path.clone()),
        }
    }
    Ok(files)
}

/// Checks that files of several inputs that go together have the same names, if they have any names in common.
fn check_names(paths: &[Vec<PathBuf>]) -> Result<(), Failure> {
    let stem = |path: &PathBuf| path.file_stem().map(|stem| stem.to_owned());
    let folders: Vec<&Vec<PathBuf>> = paths.iter().filter(|paths| paths.len() > 1).collect();
    for pair in folders.windows(2).filter(|pair| pair[0].len() == pair[1].len()) {
        let known: std::collections::HashSet<_> = pair[0].iter().filter_map(stem).collect();
        if !pair[1].iter().filter_map(stem).any(|stem| known.contains(&stem)) {
            continue;
        }
        if let Some((one, other)) = pair[0].iter().zip(pair[1]).find(|(one, other)| stem(one) != stem(other)) {
            return Err(Failure::invalid(format_args!(
                "{} and {} would go together, but have different names; give the files of a sample the same name in \
                 every folder",
                one.display(),
                other.display()
            )));
        }
    }
    Ok(())
}

/// Sizes as they are written in messages: `[2, 3]`.
pub(crate) fn shape_text(sizes: &[usize]) -> String {
    format!("[{}]", sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
}

/// A name as a file name: every character outside `[A-Za-z0-9_.-]` becomes `_`.
pub(crate) fn file_name(name: &str) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-') { c } else { '_' };
    name.chars().map(kept).collect()
}
