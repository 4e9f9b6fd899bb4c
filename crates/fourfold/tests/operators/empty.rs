//! Every axis of every operator has size 0 once: it gives a result, or is refused, in every precision.

use std::collections::BTreeSet;

use fourfold::prelude::*;

use crate::case::{Case, Known, Precision};
use crate::cases::cases;
use crate::size;

/// Builds and runs a case with sizes by letter; an error says why it is refused.
fn outcome(case: &Case, precision: Precision, known: Known, size: &dyn Fn(char) -> usize) -> Result<(), String> {
    let graph = case.graph(precision, known, size).map_err(|error| error.to_string())?;
    let plan = Plan::compile(&graph, &Options::default()).map_err(|error| error.to_string())?;
    let inputs = case.tensors(size);
    let shapes: Vec<&[usize]> = inputs.iter().map(Tensor::shape).collect();
    let footprint = plan.footprint(&shapes);
    Session::new(plan.into()).run_observed(&inputs, |_, _| {}).map_err(|error| error.to_string())?;
    assert!(footprint.is_ok(), "{case:?}: {footprint:?}");
    Ok(())
}

#[test]
fn every_operator_takes_axes_of_size_0() {
    let mut wrong = Vec::new();
    for case in cases() {
        let letters: BTreeSet<char> = case.letters().collect();
        for precision in case.precisions() {
            for known in [Known::All, Known::Constants] {
                for &empty in &letters {
                    let with_empty = |letter: char| if letter == empty { 0 } else { size(letter) };
                    let outcome = outcome(&case, precision, known, &with_empty);
                    if outcome.is_err() != case.not_empty.contains(empty) {
                        wrong.push(format!("{case:?}, {precision:?}, {known:?} known, {empty} = 0: {outcome:?}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} of the cases:\n{}", wrong.len(), wrong.join("\n"));
}
