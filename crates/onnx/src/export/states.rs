//! The states of an LSTM whose cell states are read.
//!
//! In the graph, the layer's result is `states: [steps, directions, batch, 2 * hidden]`: hidden state, then cell
//! state. ONNX has the hidden states of all steps, `Y`, and both states after the last step of each direction, `Y_h`
//! and `Y_c`. So only slices may read the layer, and slices of these, until one of the two states is left; of the cell
//! states, only the last one can be written:
//!
//! ```text
//! states[.., ..hidden], or slices of it    Y, or slices of it
//! states[last step, .., hidden..]          Unsqueeze(Y_c)       [1, directions, batch, hidden]
//! ```

use std::collections::HashMap;

use fourfold_graph::{Dim, Direction, Node, Op, Recurrent, Slice, ValueId};

use super::Exporter;
use super::message::wide;
use crate::Error;

/// A slice of the states of all steps.
#[derive(Clone, Copy)]
struct View {
    /// The value in the graph.
    value: ValueId,
    /// Whether it is the first step alone, and whether it is the last step alone; both if there is one step.
    is_first: bool,
    is_last: bool,
    /// The direction, if it is a single one.
    way: Option<usize>,
    /// Whether it is sliced in another way too.
    is_other: bool,
}

/// A slice that separates the hidden from the cell states.
pub(super) struct Cut<'g> {
    node: &'g Node,
    before: View,
    is_cell: bool,
}

/// Start and length of a slice with step 1, of an axis of that size; `None` for other slices.
fn range(size: Option<usize>, start: i64, step: i64, length: &Dim) -> Option<(i64, usize)> {
    let length = length.fixed().filter(|_| step == 1)?;
    let start = if start < 0 { size.map_or(start, |size| start.saturating_add(wide(size))) } else { start };
    Some((start, length))
}

impl<'g> Exporter<'g> {
    /// The slices that separate the states of a layer.
    ///
    /// # Errors
    ///
    /// [`Error::Export`] if anything else reads the layer.
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
                    if !is_cell && range != Some((0, hidden)) || is_cell && !view.is_final(layer) {
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

    /// Gives the layer, which is the last node written, the outputs that the slices need, and writes the slices.
    pub(super) fn write_cuts(&mut self, node: &Node, layer: &Recurrent, cuts: &[Cut<'g>]) -> Result<(), Error> {
        let graph = self.graph;
        let name = graph.value(node.output()).name();
        let is_whole = |cut: &&Cut<'_>| !cut.is_cell && cut.before.value == node.output();
        let is_final = |cut: &Cut<'_>| cut.before.is_final(layer);
        // `Y` has the name of the slice that takes all hidden states, if there is one.
        let y = match cuts.iter().find(is_whole) {
            Some(cut) => graph.value(cut.node.output()).name().to_owned(),
            None if cuts.iter().all(is_final) => String::new(),
            None => self.fresh(&format!("{name}.y")),
        };
        let mut last = [false, true].map(|is_cell| {
            let is_read = cuts.iter().any(|cut| cut.is_cell == is_cell && is_final(cut) && !is_whole(&cut));
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
        let mut slices = HashMap::from([(node.output(), y.clone())]);
        for cut in cuts {
            let id = cut.node.output();
            let output = graph.value(id).name();
            self.float_names.insert(id, output.to_owned());
            if is_whole(&cut) {
                if y != output {
                    self.push("Identity", cut.node.name(), &[&y], output, Vec::new());
                }
            } else if is_final(cut) {
                self.final_state(cut, &last[usize::from(cut.is_cell)])?;
            } else {
                let sliced = self.sliced(cut.before.value, &mut slices)?;
                self.push("Identity", cut.node.name(), &[&sliced], output, Vec::new());
            }
        }
        Ok(())
    }

    /// The state after the last step, `[1, d, batch, hidden]`, of `state: [d, batch, hidden]`.
    fn final_state(&mut self, cut: &Cut<'g>, state: &str) -> Result<(), Error> {
        let (name, output) = (cut.node.name(), self.graph.value(cut.node.output()).name());
        let mut state = state.to_owned();
        if let Some(way) = cut.before.way {
            let bounds = [("starts", wide(way)), ("ends", wide(way + 1)), ("axes", 0)];
            let bounds = bounds.map(|(suffix, number)| self.integers(&format!("{name}.{suffix}"), &[number]));
            let [starts, ends, axes] = bounds;
            state = self.push_fresh("Slice", &format!("{name}.way"), &[&state, &starts?, &ends?, &axes?], Vec::new());
        }
        let axes = self.integers(&format!("{name}.steps"), &[0])?;
        self.push("Unsqueeze", name, &[&state, &axes], output, Vec::new());
        Ok(())
    }

    /// Writes the slices of `Y` that lead to a value, each once; `written` maps those written so far to their names.
    fn sliced(&mut self, value: ValueId, written: &mut HashMap<ValueId, String>) -> Result<String, Error> {
        let (graph, mut slices, mut before) = (self.graph, Vec::new(), value);
        let mut x = loop {
            if let Some(name) = written.get(&before) {
                break name.clone();
            }
            let Some(slice) = graph.value(before).producer().map(|id| graph.node(id)) else { break String::new() };
            slices.push(slice);
            before = slice.inputs()[0];
        };
        for slice in slices.into_iter().rev() {
            let output = graph.value(slice.output()).name().to_owned();
            self.movement(slice, &x, &output)?;
            written.insert(slice.output(), output.clone());
            x = output;
        }
        Ok(x)
    }
}

impl View {
    /// Whether it is the last step of each of its directions. The reverse direction ends at step 0.
    fn is_final(&self, layer: &Recurrent) -> bool {
        let is_final = match (layer.direction, self.way) {
            (Direction::Forward, _) | (Direction::Bidirectional, Some(0)) => self.is_last,
            (Direction::Reverse, _) | (Direction::Bidirectional, Some(_)) => self.is_first,
            (Direction::Bidirectional, None) => self.is_first && self.is_last,
        };
        is_final && !self.is_other
    }

    /// This view sliced along an axis of that size.
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
