//! How a tensor of a file relates to the input that it is for.

use fourfold::graph::{Dim, Graph, Op, ValueId, ValueType};

use super::shape_text;

/// An input of a model.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) name: String,
    pub(super) ty: ValueType,
    /// Whether the first axis counts the steps of a recurrent layer, so that no batch is cut out of it.
    pub(super) is_by_steps: bool,
}

/// How the tensors of an input's files relate to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// With the axes that the input has.
    Same,
    /// One sample, without the batch axis, which is the `axis`-th of the input.
    Sample { axis: usize },
    /// Several, one for each run, along a new first axis.
    Stacked,
    /// One number with axes of size 1, for a scalar.
    One,
}

impl Wanted {
    /// The inputs of a graph.
    pub(super) fn of(graph: &Graph) -> Vec<Self> {
        let wanted = |&id: &ValueId| {
            let value = graph.value(id);
            Self {
                name: value.name().to_owned(),
                ty: value.ty().clone(),
                is_by_steps: has_steps_first(graph, value.ty().dims()),
            }
        };
        graph.inputs().iter().map(wanted).collect()
    }

    pub(super) fn dims(&self) -> &[Dim] {
        self.ty.dims()
    }

    /// The form of a tensor by its sizes; `None` if it fits in none. The first size of a tensor of rows may be any.
    pub(super) fn form(&self, shape: &[usize]) -> Option<Form> {
        let dims = self.dims();
        if dims.is_empty() && !shape.is_empty() && shape.iter().all(|&size| size == 1) {
            return Some(if shape.len() == 1 { Form::Stacked } else { Form::One });
        }
        if shape.len() == dims.len() {
            return self.is_same(shape).then_some(Form::Same);
        }
        if shape.len() == dims.len() + 1 {
            return fit(dims, &shape[1..]).then_some(Form::Stacked);
        }
        if shape.len() + 1 != dims.len() {
            return None;
        }
        // The batch is the first axis, or the second where the first counts steps; in states it may be any. An axis of
        // a fixed size above 1 is a batch that several samples fill.
        let first = usize::from(self.is_by_steps && dims.len() > 1);
        let is_open = |axis: &usize| dims[*axis].fixed().is_none_or(|size| size == 1);
        let mut axes = (first..dims.len()).filter(is_open).chain((!is_open(&0)).then_some(0));
        axes.find(|&axis| fit(&without(dims, axis), shape)).map(|axis| Form::Sample { axis })
    }

    fn is_same(&self, shape: &[usize]) -> bool {
        let dims = self.dims();
        if self.is_by_steps || dims.is_empty() {
            return fit(dims, shape);
        }
        fit(&dims[1..], &shape[1..])
    }

    /// Why a tensor of these sizes fits in no form, and what would.
    pub(super) fn misfit(&self, shape: &[usize]) -> String {
        let (name, dims, found) = (&self.name, self.dims(), shape_text(shape));
        let mut text = format!("shape {found} does not fit input `{name}`, which is {}", self.ty);
        if let Some(order) = channels(dims, shape) {
            text.push_str(&format!("; it would with its axes in another order: transpose it by {order:?}"));
        } else if let Some(dims) = dims.get(1..).filter(|_| !self.is_by_steps) {
            text.push_str(&format!("; a sample of it is {dims:?}, and samples lie along a first axis"));
        }
        text
    }
}

/// Whether sizes are those of the dimensions, where these are known.
fn fit(dims: &[Dim], shape: &[usize]) -> bool {
    dims.len() == shape.len()
        && dims.iter().zip(shape).all(|(dim, size)| dim.fixed().is_none_or(|fixed| fixed == *size))
}

fn without(dims: &[Dim], axis: usize) -> Vec<Dim> {
    [&dims[..axis], &dims[axis + 1..]].concat()
}

/// The order of axes in which samples with channels first fit an input with channels last, or the other way round.
fn channels(dims: &[Dim], shape: &[usize]) -> Option<Vec<usize>> {
    let last = shape.len().checked_sub(1).filter(|&last| last >= 2)?;
    let start = (shape.len() + 1).checked_sub(dims.len()).filter(|&start| start <= 1 && last - start >= 1);
    // With the batch axis, or without.
    let (kept, dims) = match start? {
        0 => (0, dims.get(1..)?),
        _ => (1, dims.get(1..)?),
    };
    let rest: Vec<usize> = (kept..=last).collect();
    let mut orders = [rest.clone(), rest];
    orders[0].rotate_right(1);
    orders[1].rotate_left(1);
    let fits = |order: &&Vec<usize>| fit(dims, &order.iter().map(|&axis| shape[axis]).collect::<Vec<_>>());
    let order = orders.iter().find(fits)?;
    Some((0..kept).chain(order.iter().copied()).collect())
}

/// Whether a recurrent layer goes through the first axis of an input step by step.
fn has_steps_first(graph: &Graph, dims: &[Dim]) -> bool {
    let Some(Dim::Symbol(first)) = dims.first() else { return false };
    let steps = |node: &fourfold::graph::Node| match node.op() {
        Op::Recurrent(_) => node.inputs().first().and_then(|&id| graph.value(id).ty().dims().first().cloned()),
        _ => None,
    };
    graph.nodes().iter().filter_map(steps).any(|dim| dim.symbols().contains(&&**first))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(dims: &[Dim]) -> Wanted {
        Wanted { name: "x".to_owned(), ty: ValueType::f32(dims), is_by_steps: false }
    }

    fn form(dims: &[Dim], shape: &[usize]) -> Option<Form> {
        wanted(dims).form(shape)
    }

    #[test]
    fn a_form_follows_from_the_sizes() {
        let n = || Dim::symbol("n");
        let images = [n(), 3.into(), 8.into(), 8.into()];
        assert_eq!(form(&images, &[5, 3, 8, 8]), Some(Form::Same));
        assert_eq!(form(&images, &[3, 8, 8]), Some(Form::Sample { axis: 0 }));
        assert_eq!(form(&images, &[5, 1, 3, 8, 8]), Some(Form::Stacked));
        assert_eq!(form(&images, &[8, 8, 3]), None);
        assert_eq!(form(&images, &[3, 8]), None);
        let batch = [4.into(), 2.into()];
        assert_eq!(form(&batch, &[8, 2]), Some(Form::Same));
        assert_eq!(form(&batch, &[6, 3]), None);
        assert_eq!(form(&batch, &[2]), Some(Form::Sample { axis: 0 }));
        let state = [2.into(), n(), 16.into()];
        assert_eq!(form(&state, &[2, 1, 16]), Some(Form::Same));
        assert_eq!(form(&state, &[2, 16]), Some(Form::Sample { axis: 1 }));
        assert_eq!(form(&state, &[8, 2, 1, 16]), Some(Form::Stacked));
        assert_eq!([form(&[], &[]), form(&[], &[8])], [Some(Form::Same), Some(Form::Stacked)]);
        assert_eq!([form(&[], &[1, 1]), form(&[], &[8, 1])], [Some(Form::One), None]);
    }

    #[test]
    fn steps_are_no_batch() {
        let steps = Wanted { is_by_steps: true, ..wanted(&[Dim::symbol("t"), Dim::symbol("n"), 4.into()]) };
        assert_eq!(steps.form(&[20, 4]), Some(Form::Sample { axis: 1 }));
        assert_eq!(steps.form(&[20, 1, 4]), Some(Form::Same));
        assert_eq!(steps.form(&[6, 20, 1, 4]), Some(Form::Stacked));
    }

    #[test]
    fn a_misfit_says_how_to_transpose() {
        let images = wanted(&[Dim::symbol("n"), 3.into(), 8.into(), 9.into()]);
        assert!(images.misfit(&[5, 8, 9, 3]).contains("transpose it by [0, 3, 1, 2]"));
        assert!(images.misfit(&[8, 9, 3]).contains("transpose it by [2, 0, 1]"));
        assert!(wanted(&[1.into(), 8.into(), 9.into(), 3.into()]).misfit(&[3, 8, 9]).contains("by [1, 2, 0]"));
        assert!(images.misfit(&[5, 3, 8, 8]).contains("a sample of it is [3, 8, 9]"));
        assert!(images.misfit(&[5]).contains("a sample of it is"));
    }
}
