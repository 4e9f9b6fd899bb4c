//! Which samples make a batch, for models with one input or several.

use std::ops::Range;

use fourfold::graph::Dim;

use super::form::{Form, Wanted};
use super::{BATCH, shape_text};

/// How many samples go into a batch, if the model's batch is free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Grouping {
    /// 32.
    Batches,
    /// All of a file: what the model gives for a sample may depend on the others.
    Files,
}

/// What an input gets in a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feed {
    /// So many rows for each unit of the batch's range, out of the rows of all files.
    Rows { unit: usize },
    /// The entry of that number of a new first axis.
    Entry,
    /// The whole file of that number.
    File,
    /// The one file or entry, in every batch.
    Once,
}

/// One batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    /// Which samples, or which run.
    pub(super) range: Range<usize>,
    samples: usize,
}

impl Slice {
    /// The number of samples.
    pub(crate) fn len(&self) -> usize {
        self.samples
    }
}

/// The files of one input, by the shapes of their tensors.
#[derive(Clone, Debug)]
pub(super) struct Given<'a> {
    pub(super) wanted: &'a Wanted,
    pub(super) form: Form,
    pub(super) shapes: Vec<&'a [usize]>,
}

/// Batches, and what each input gets in them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) feeds: Vec<Feed>,
    pub(super) slices: Vec<Slice>,
    /// Whether the samples are rows of which every input has as many, so that their number is known.
    pub(super) is_by_rows: bool,
}

/// How much an input has.
#[derive(Clone, Copy, Debug)]
enum Amount {
    /// Rows that are cut as the other inputs need them.
    Rows(usize),
    /// Rows for so many runs of a fixed batch.
    Batches { runs: usize, unit: usize },
    /// Entries of a new first axis, for a run each.
    Entries(usize),
    /// Files, for a run each.
    Files(usize),
}

impl Plan {
    /// The batches of what was given; the error says which numbers do not go together.
    pub(super) fn new(inputs: &[Given<'_>], grouping: Grouping) -> Result<Self, String> {
        let amounts = inputs.iter().map(Given::amount).collect::<Result<Vec<_>, _>>()?;
        let mut runs = amounts.iter().map(|amount| amount.runs()).filter(|&runs| runs > 1);
        let decided = match runs.next() {
            Some(count) if runs.all(|other| other == count) => Some(count),
            Some(_) => return Err(apart(inputs, &amounts)),
            None => None,
        };
        let rows = || amounts.iter().filter_map(|amount| amount.rows());
        let Some(first) = rows().next() else {
            return Ok(Self::of_runs(inputs, &amounts, decided.unwrap_or(1)));
        };
        if let Some(count) = decided {
            let fits = |(input, amount): (&Given<'_>, &Amount)| {
                amount.rows().is_none_or(|rows| rows == count || input.shapes.len() == count)
            };
            let fit = inputs.iter().zip(&amounts).all(fits);
            return if fit { Ok(Self::of_runs(inputs, &amounts, count)) } else { Err(apart(inputs, &amounts)) };
        }
        if rows().any(|rows| rows != first) {
            return Err(apart(inputs, &amounts));
        }
        let files = inputs.iter().zip(&amounts).filter(|(_, amount)| amount.rows().is_some());
        let mut files = files.map(|(input, _)| input.shapes.len());
        let count = files.next().unwrap_or(1);
        if grouping == Grouping::Files && count > 1 && files.all(|other| other == count) {
            return Ok(Self::of_runs(inputs, &amounts, count));
        }
        let batch = forced(inputs, &amounts).unwrap_or(match grouping {
            Grouping::Files => first,
            Grouping::Batches => BATCH,
        });
        Ok(Self::of_rows(inputs, &amounts, (first, batch)))
    }

    /// Batches of rows; none has rows of different sizes.
    fn of_rows(inputs: &[Given<'_>], amounts: &[Amount], (count, batch): (usize, usize)) -> Self {
        let feed = |amount: &Amount| match amount {
            Amount::Rows(_) => Feed::Rows { unit: 1 },
            _ => Feed::Once,
        };
        let mut ends: Vec<usize> = Vec::new();
        for (input, _) in inputs.iter().zip(amounts).filter(|(_, amount)| amount.rows().is_some()) {
            ends.extend(input.changes());
        }
        ends.push(count);
        ends.sort_unstable();
        ends.dedup();
        let mut slices = Vec::new();
        let mut start = 0;
        for end in ends {
            for first in (start..end).step_by(batch.max(1)) {
                let range = first..end.min(first + batch);
                slices.push(Slice { samples: range.len(), range });
            }
            start = end;
        }
        if slices.is_empty() {
            slices.push(Slice { range: 0..0, samples: 0 });
        }
        Self { feeds: amounts.iter().map(feed).collect(), slices, is_by_rows: true }
    }

    /// So many runs, with the same number of rows, entries or files in each.
    fn of_runs(inputs: &[Given<'_>], amounts: &[Amount], count: usize) -> Self {
        let feed = |(input, amount): (&Given<'_>, &Amount)| match *amount {
            Amount::Rows(_) if count > 1 && input.shapes.len() == count => Feed::File,
            Amount::Rows(_) => Feed::Rows { unit: 1 },
            Amount::Batches { runs, unit } if runs == count => Feed::Rows { unit },
            Amount::Entries(entries) if entries == count => Feed::Entry,
            Amount::Files(files) if files == count => Feed::File,
            _ => Feed::Once,
        };
        let feeds: Vec<Feed> = inputs.iter().zip(amounts).map(feed).collect();
        let samples = |run: usize| match (feeds.first(), inputs.first()) {
            (Some(&Feed::Rows { unit }), _) => unit,
            (Some(Feed::File), Some(input)) if input.form == Form::Same && !input.wanted.is_by_steps => {
                input.shapes[run].first().copied().unwrap_or(1)
            }
            _ => 1,
        };
        let slices = (0..count).map(|run| Slice { range: run..run + 1, samples: samples(run) }).collect();
        let is_by_rows = feeds.iter().all(|feed| matches!(feed, Feed::Rows { .. }));
        Self { feeds, slices, is_by_rows }
    }
}

impl Given<'_> {
    fn amount(&self) -> Result<Amount, String> {
        let files = self.shapes.len();
        let rows: usize = match self.form {
            Form::One => return Ok(Amount::Files(files)),
            Form::Stacked => return Ok(Amount::Entries(self.firsts().sum())),
            Form::Sample { axis: 0 } => files,
            Form::Sample { .. } => return Ok(Amount::Files(files)),
            Form::Same if self.wanted.dims().is_empty() || self.wanted.is_by_steps => return Ok(Amount::Files(files)),
            Form::Same => self.firsts().sum(),
        };
        match self.wanted.dims().first().and_then(Dim::fixed) {
            Some(unit) if unit > 0 && rows.is_multiple_of(unit) => Ok(Amount::Batches { runs: rows / unit, unit }),
            Some(unit) => Err(format!(
                "{rows} samples do not fill batches of {unit}, as input `{}` takes them, which is {}",
                self.wanted.name, self.wanted.ty
            )),
            None => Ok(Amount::Rows(rows)),
        }
    }

    /// The first size of every file.
    fn firsts(&self) -> impl Iterator<Item = usize> + '_ {
        self.shapes.iter().map(|shape| shape.first().copied().unwrap_or(1))
    }

    /// How many rows come before each file whose rows have other sizes than those of the file before.
    fn changes(&self) -> Vec<usize> {
        let is_sample = self.form != Form::Same;
        let row = |shape: &'_ [usize]| if is_sample { shape.to_vec() } else { shape[1..].to_vec() };
        let (mut before, mut changes) = (0, Vec::new());
        for (index, &shape) in self.shapes.iter().enumerate() {
            if index > 0 && row(shape) != row(self.shapes[index - 1]) {
                changes.push(before);
            }
            before += if is_sample { 1 } else { shape[0] };
        }
        changes
    }

    /// The size that a whole tensor gives to a symbol.
    fn size_of(&self, symbol: &Dim) -> Option<usize> {
        let axis = self.wanted.dims().iter().position(|dim| dim == symbol)?;
        match (self.form, *self.shapes.first()?) {
            (Form::Same, shape) => shape.get(axis).copied(),
            (Form::Stacked, shape) => shape.get(axis + 1).copied(),
            (Form::Sample { axis: batch }, shape) if axis > batch => shape.get(axis - 1).copied(),
            (Form::Sample { axis: batch }, shape) if axis < batch => shape.get(axis).copied(),
            (Form::Sample { .. } | Form::One, _) => Some(1),
        }
    }
}

impl Amount {
    /// How many runs it is for; one may be for all.
    fn runs(self) -> usize {
        match self {
            Amount::Rows(_) => 1,
            Amount::Batches { runs, .. } => runs,
            Amount::Entries(count) | Amount::Files(count) => count,
        }
    }

    fn rows(self) -> Option<usize> {
        match self {
            Amount::Rows(rows) => Some(rows),
            _ => None,
        }
    }
}

/// The batch that inputs have which are given whole, and share its symbol.
fn forced(inputs: &[Given<'_>], amounts: &[Amount]) -> Option<usize> {
    let cut = inputs.iter().zip(amounts).find(|(_, amount)| amount.rows().is_some());
    let symbol = cut?.0.wanted.dims().first()?;
    let whole = inputs.iter().zip(amounts).filter(|(_, amount)| amount.rows().is_none());
    whole.filter_map(|(input, _)| input.size_of(symbol)).next()
}

/// Which numbers do not go together.
fn apart(inputs: &[Given<'_>], amounts: &[Amount]) -> String {
    let said = inputs.iter().zip(amounts).map(|(input, amount)| {
        let (name, count) = (&input.wanted.name, amount.runs());
        match amount {
            Amount::Rows(rows) => format!("`{name}` has {rows} samples"),
            Amount::Batches { unit, .. } => format!("`{name}` has {count} batches of {unit}"),
            Amount::Entries(_) => format!("`{name}` has {count} entries on a new first axis"),
            Amount::Files(_) => match input.shapes.as_slice() {
                [one] => format!("`{name}` is given once, as {}", shape_text(one)),
                _ => format!("`{name}` has {count} files"),
            },
        }
    });
    let said: Vec<String> = said.collect();
    format!("inputs must have equally many samples, or be given once for all: {}", said.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(name: &str, dims: &[Dim]) -> Wanted {
        Wanted { name: name.to_owned(), ty: fourfold::graph::ValueType::f32(dims), is_by_steps: false }
    }

    fn plan(inputs: &[(&Wanted, &[&[usize]])], grouping: Grouping) -> Result<Plan, String> {
        let given = |(wanted, shapes): &(&'_ Wanted, &'_ [&'_ [usize]])| wanted.form(shapes[0]).expect("a form");
        let given: Vec<Given<'_>> = inputs
            .iter()
            .map(|input| Given { wanted: input.0, form: given(input), shapes: input.1.to_vec() })
            .collect();
        Plan::new(&given, grouping)
    }

    fn sizes(plan: &Plan) -> Vec<usize> {
        plan.slices.iter().map(Slice::len).collect()
    }

    #[test]
    fn rows_of_all_files_are_cut_into_batches() {
        let x = wanted("x", &[Dim::symbol("n"), 4.into()]);
        let files: &[&[usize]] = &[&[20, 4], &[20, 4]];
        let batches = plan(&[(&x, files)], Grouping::Batches).expect("a plan");
        assert_eq!((sizes(&batches), batches.feeds), (vec![32, 8], vec![Feed::Rows { unit: 1 }]));
        let whole = plan(&[(&x, files)], Grouping::Files).expect("a plan");
        assert_eq!((sizes(&whole), whole.feeds), (vec![20, 20], vec![Feed::File]));
        let singles: Vec<&[usize]> = vec![&[4]; 40];
        assert_eq!(sizes(&plan(&[(&x, &singles)], Grouping::Batches).expect("a plan")), [32, 8]);
        let free = wanted("ids", &[Dim::symbol("n"), Dim::symbol("s")]);
        let lengths: &[&[usize]] = &[&[2, 7], &[3, 7], &[1, 9]];
        assert_eq!(sizes(&plan(&[(&free, lengths)], Grouping::Batches).expect("a plan")), [5, 1]);
        let fixed = wanted("x", &[2.into(), 4.into()]);
        let odd = vec![[4].as_slice(); 6];
        assert_eq!(sizes(&plan(&[(&fixed, &odd)], Grouping::Batches).expect("a plan")), [2, 2, 2]);
        assert!(plan(&[(&fixed, &odd[..5])], Grouping::Batches).is_err_and(|error| error.contains("batches of 2")));
    }

    #[test]
    fn numbers_and_states_come_once_or_for_every_run() {
        let x = wanted("x", &[Dim::symbol("n"), 4.into()]);
        let rate = wanted("rate", &[]);
        let data: &[&[usize]] = &[&[8, 4]];
        let feeds = |rates: &[&[usize]]| {
            let plan = plan(&[(&x, data), (&rate, rates)], Grouping::Batches).expect("a plan");
            (sizes(&plan), plan.feeds[1])
        };
        assert_eq!(feeds(&[&[]]), (vec![8], Feed::Once));
        assert_eq!(feeds(&[&[1]]), (vec![8], Feed::Once));
        assert_eq!(feeds(&[&[8]]), (vec![1; 8], Feed::Entry));
        assert_eq!(feeds(&[[].as_slice(); 8]), (vec![1; 8], Feed::File));
        assert!(plan(&[(&x, data), (&rate, &[&[7]])], Grouping::Batches).is_err());

        let state = wanted("state", &[2.into(), Dim::symbol("n"), 3.into()]);
        let with = |shape: &[usize]| plan(&[(&x, data), (&state, &[shape])], Grouping::Batches).expect("a plan");
        assert_eq!((sizes(&with(&[2, 1, 3])), with(&[2, 1, 3]).feeds[1]), (vec![1; 8], Feed::Once));
        assert_eq!(sizes(&with(&[2, 4, 3])), [4, 4]);
        assert_eq!((sizes(&with(&[8, 2, 1, 3])), with(&[8, 2, 1, 3]).feeds[1]), (vec![1; 8], Feed::Entry));
        let fixed = wanted("x", &[1.into(), 4.into()]);
        let state = wanted("state", &[2.into(), 1.into(), 3.into()]);
        let once = plan(&[(&fixed, data), (&state, &[&[2, 1, 3]])], Grouping::Files).expect("a plan");
        assert_eq!((sizes(&once), once.feeds), (vec![1; 8], vec![Feed::Rows { unit: 1 }, Feed::Once]));
    }

    #[test]
    fn files_of_several_inputs_go_together() {
        let dims = [Dim::symbol("n"), Dim::symbol("s")];
        let (ids, mask) = (wanted("ids", &dims), wanted("mask", &dims));
        let files: &[&[usize]] = &[&[1, 7], &[1, 9], &[1, 9]];
        let both = plan(&[(&ids, files), (&mask, files)], Grouping::Batches).expect("a plan");
        assert_eq!(sizes(&both), [1, 2]);
        let few = plan(&[(&ids, files), (&mask, &files[..2])], Grouping::Batches);
        assert!(few.is_err_and(|error| error.contains("`ids` has 3 samples, `mask` has 2 samples")));
        let steps = Wanted { is_by_steps: true, ..wanted("x", &[Dim::symbol("t"), 1.into(), 4.into()]) };
        let sequences = plan(&[(&steps, &[&[20, 1, 4], &[30, 1, 4]])], Grouping::Batches).expect("a plan");
        assert_eq!((sizes(&sequences), sequences.feeds), (vec![1, 1], vec![Feed::File]));
    }
}
