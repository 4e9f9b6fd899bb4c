//! The states of an LSTM whose cell states are read.
//!
//! The graph has hidden and cell state of every step side by side. ONNX has the hidden state of every step, `Y`, and
//! both states after the last step of each direction, `Y_h` and `Y_c`. So nodes that read the layer must be slices, and
//! slices of these, until one of the two states is left; the cell state must be that after the last step:
//!
//! ```text
//! states[.., ..hidden], and parts of it                                 parts of Y
//! states[last step, .., hidden..]     [1, d, batch, hidden]             Y_c [d, batch, hidden] with an axis before it
//! ```

use std::collections::HashMap;

use fourfold_graph::{Dim, Direction, Node, Op, Recurrent, Slice, ValueId};

use super::Exporter;
use super::message::wide;
use crate::Error;

/// What is left of the states of all steps.
#[derive(Clone, Copy)]
struct View {
    /// The value in the graph.
    value: ValueId,
    /// Whether it is one step, which is the first or the last one.
    is_first: bool,
    is_last: bool,
    /// The direction, if only one of two is left.
    way: Option<usize>,
    /// Whether something else was cut too.
    is_other: bool,
}

/// A slice after which one state is left.
pub(super) struct Cut<'g> {
    node: &'g Node,
    before: View,
    is_cell: bool,
}

/// The first element and the number of elements of a slice of neighbouring elements, in an axis of that size.
fn range(size: Option<usize>, start: i64, step: i64, length: &Dim) -> Option<(i64, usize)> {
    let length = length.fixed().filter(|_| step == 1)?;
    let start = if start < 0 { size.map_or(start, |size| start.saturating_add(wide(size))) } else { start };
    Some((start, length))
}

impl<'g> Exporter<'g> {
    /// The slices that read a layer with its cell states, an error if there is anything else.
    pub(super) fn state_cuts(&mut self, node: &Node, layer: &Recurrent) -> Result<Vec<Cut<'g>>, Error> {
        let output = node.output();
        let reason = "the cell states of all steps have no ONNX form";
        let refused = || Error::Export { value: self.graph.value(output).name().to_owned(), reason };
        let hidden = self.hidden(layer, node.inputs()[2]);
        let is_one = self.ty(output).dims().first().and_then(Dim::fixed) == Some(1);
        let all = View { value: output, is_first: is_one, is_last: is_one, way: None, is_other: false };
        let (mut open, mut cuts, mut written) = (vec![all], Vec::new(), Vec::new());
        while let Some(view) = open.pop() {
            let id = view.value;
            if self.graph.is_output(id) {
                return Err(refused());
            }
            for reader in self.graph.consumers(id) {
                let Op::Slice(Slice { axis, start, step, length }) = reader.op() else { return Err(refused()) };
                let range = range(self.ty(id).dims()[*axis].fixed(), *start, *step, length);
                written.push(reader.output());
                if *axis == 3 {
                    let is_cell = range == Some((wide(hidden), hidden));
                    if !is_cell && range != Some((0, hidden)) || is_cell && !view.is_end(layer) {
                        return Err(refused());
                    }
                    cuts.push(Cut { node: reader, before: view, is_cell });
                } else {
                    let left = view.cut(*axis, range, self.ty(id).dims()[*axis].fixed());
                    open.push(View { value: reader.output(), ..left });
                }
            }
        }
        self.cuts.extend(written);
        Ok(cuts)
    }

    /// Gives the layer, which was written last, the results that the slices need, and writes these.
    pub(super) fn write_cuts(&mut self, node: &Node, layer: &Recurrent, cuts: &[Cut<'g>]) -> Result<(), Error> {
        let graph = self.graph;
        let name = graph.value(node.output()).name();
        let is_whole = |cut: &&Cut<'_>| !cut.is_cell && cut.before.value == node.output();
        let is_end = |cut: &Cut<'_>| cut.before.is_end(layer);
        // The hidden states of all steps, if something reads them, have the name of what does.
        let y = match cuts.iter().find(is_whole) {
            Some(cut) => graph.value(cut.node.output()).name().to_owned(),
            None if cuts.iter().all(is_end) => String::new(),
            None => self.fresh(&format!("{name}.y")),
        };
        let mut last = [false, true].map(|is_cell| {
            let is_read = cuts.iter().any(|cut| cut.is_cell == is_cell && is_end(cut) && !is_whole(&cut));
            if is_read { self.fresh(&format!("{name}.{}", if is_cell { "y_c" } else { "y_h" })) } else { String::new() }
        });
        if cuts.is_empty() {
            last[0] = self.fresh(&format!("{name}.y_h"));
        }
        if let Some(written) = self.nodes.last_mut() {
            written.output = [y.clone()].into_iter().chain(last.clone()).collect();
            while written.output.last().is_some_and(String::is_empty) {
                written.output.pop();
            }
        }
        let mut parts = HashMap::from([(node.output(), y.clone())]);
        for cut in cuts {
            let id = cut.node.output();
            let output = graph.value(id).name();
            self.reals.insert(id, output.to_owned());
            if is_whole(&cut) {
                if y != output {
                    self.push("Identity", cut.node.name(), &[&y], output, Vec::new());
                }
            } else if is_end(cut) {
                self.end(cut, &last[usize::from(cut.is_cell)])?;
            } else {
                let part = self.part(cut.before.value, &mut parts)?;
                self.push("Identity", cut.node.name(), &[&part], output, Vec::new());
            }
        }
        Ok(())
    }

    /// The state after the last step, `[1, d, batch, hidden]`, of `state: [d, batch, hidden]`.
    fn end(&mut self, cut: &Cut<'g>, state: &str) -> Result<(), Error> {
        let (name, output) = (cut.node.name(), self.graph.value(cut.node.output()).name());
        let mut state = state.to_owned();
        if let Some(way) = cut.before.way {
            let bounds = [("starts", wide(way)), ("ends", wide(way + 1)), ("axes", 0)];
            let bounds = bounds.map(|(part, number)| self.integers(&format!("{name}.{part}"), &[number]));
            let [starts, ends, axes] = bounds;
            state = self.push_fresh("Slice", &format!("{name}.way"), &[&state, &starts?, &ends?, &axes?], Vec::new());
        }
        let axes = self.integers(&format!("{name}.steps"), &[0])?;
        self.push("Unsqueeze", name, &[&state, &axes], output, Vec::new());
        Ok(())
    }

    /// The name of the hidden states after the slices that make a value, each of which is written once; `parts` has
    /// what is written.
    fn part(&mut self, value: ValueId, parts: &mut HashMap<ValueId, String>) -> Result<String, Error> {
        let (graph, mut slices, mut before) = (self.graph, Vec::new(), value);
        let mut x = loop {
            if let Some(part) = parts.get(&before) {
                break part.clone();
            }
            let Some(slice) = graph.value(before).producer().map(|id| graph.node(id)) else { break String::new() };
            slices.push(slice);
            before = slice.inputs()[0];
        };
        for slice in slices.into_iter().rev() {
            let output = graph.value(slice.output()).name().to_owned();
            self.movement(slice, &x, &output)?;
            parts.insert(slice.output(), output.clone());
            x = output;
        }
        Ok(x)
    }
}

impl View {
    /// Whether it is the step after which a direction is done, of each direction that is left.
    fn is_end(&self, layer: &Recurrent) -> bool {
        let is_end = match (layer.direction, self.way) {
            (Direction::Forward, _) | (Direction::Bidirectional, Some(0)) => self.is_last,
            (Direction::Reverse, _) | (Direction::Bidirectional, Some(_)) => self.is_first,
            (Direction::Bidirectional, None) => self.is_first && self.is_last,
        };
        is_end && !self.is_other
    }

    /// What a slice of an axis of that size leaves.
    fn cut(&self, axis: usize, range: Option<(i64, usize)>, size: Option<usize>) -> Self {
        let mut left = *self;
        let is_all = range.is_some_and(|(start, length)| start == 0 && Some(length) == size);
        match (axis, range) {
            _ if is_all => {}
            (0, Some((start, 1))) if !self.is_other => {
                left.is_first = start == 0;
                left.is_last = start == -1 || size.is_some_and(|size| start.saturating_add(1) == wide(size));
                left.is_other = !left.is_first && !left.is_last;
            }
            (1, Some((start, 1))) => left.way = usize::try_from(start).ok(),
            _ => left.is_other = true,
        }
        left
    }
}
