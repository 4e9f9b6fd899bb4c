//! One list of small graphs that have every operator, float, quantized and dynamically quantized, and what must be true
//! of each: it gives the same bits on the portable and the best kernel, it comes back from a container and from ONNX,
//! and it takes axes of size 0. What cannot be exported is listed with the reason.

mod case;
mod cases;
mod empty;
mod exported;

use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::Arc;

use fourfold::kernels::Kernel;
use fourfold::prelude::*;

use case::{Case, Known};
use cases::cases;

/// The size that a letter of a shape stands for: for most letters of one shape another one.
fn size(letter: char) -> usize {
    match letter {
        digit @ '0'..='9' => digit.to_digit(10).expect("a digit") as usize,
        'n' | 'a' | 'x' => 2,
        'h' | 'o' | 'm' => 4,
        'w' | 'p' => 5,
        _ => 3,
    }
}

/// One graph of a case.
struct Built {
    case: Rc<Case>,
    known: Known,
    graph: Graph,
    inputs: Vec<Tensor>,
    /// The case in words, for messages.
    what: String,
}

/// The graphs of all cases, with all sizes known and with as few as the operator needs.
fn graphs() -> impl Iterator<Item = Built> {
    cases().into_iter().flat_map(|case| {
        let case = Rc::new(case);
        let mut all = Vec::new();
        for precision in case.precisions() {
            for known in [Known::All, Known::Constants] {
                let what = format!("{}, {precision:?}, {known:?} known, {case:?}", case.kind());
                let graph = case.graph(precision, known, &size).unwrap_or_else(|error| panic!("{what}: {error}"));
                all.push(Built { case: Rc::clone(&case), known, graph, inputs: case.tensors(&size), what });
            }
        }
        all
    })
}

/// The outputs of a graph on a kernel.
fn run_on(kernel: Kernel, graph: &Graph, inputs: &[Tensor]) -> Result<Vec<Tensor>, fourfold::runtime::Error> {
    let plan = Plan::compile(graph, &Options { kernel, ..Options::default() })?;
    Ok(Session::new(Arc::new(plan)).run(inputs)?.to_vec())
}

#[test]
fn every_operator_has_a_case() {
    let have: BTreeSet<OpKind> = cases().iter().map(Case::kind).collect();
    let missing: Vec<OpKind> = OpKind::ALL.into_iter().filter(|kind| !have.contains(kind)).collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
    let have: BTreeSet<OpKind> = cases().iter().filter(|case| case.is_dynamic).map(Case::kind).collect();
    let mut has_dynamic = OpKind::ALL.into_iter().filter(|kind| kind.has_dynamic());
    assert!(has_dynamic.all(|kind| have.contains(&kind)), "only {have:?} have a dynamic case");
}

#[test]
fn every_operator_runs_with_the_same_bits_on_the_portable_and_the_best_kernel() {
    let portable = Kernel::by_name("portable").expect("every CPU has it");
    for Built { graph, inputs, what, .. } in graphs() {
        let [best, portable] = [Kernel::detect(), portable]
            .map(|kernel| run_on(kernel, &graph, &inputs).unwrap_or_else(|error| panic!("{what}: {error}")));
        assert_eq!(best, portable, "{what}");
        let is_finite = |output: &Tensor| output.as_slice::<f32>().is_ok_and(|x| x.iter().all(|x| x.is_finite()));
        assert!(best.iter().all(|output| output.dtype() != DType::F32 || is_finite(output)), "{what}");
    }
}

#[test]
fn every_operator_comes_back_from_a_container() {
    for Built { graph, inputs, what, .. } in graphs() {
        let bytes = container::to_bytes(&graph).unwrap_or_else(|error| panic!("{what}: {error}"));
        let loaded = container::from_bytes(&bytes, &Limits::default());
        let loaded = loaded.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(loaded, graph, "{what}");
        let outputs = [&graph, &loaded].map(|graph| run_on(Kernel::detect(), graph, &inputs).expect("it runs"));
        assert_eq!(outputs[0], outputs[1], "{what}");
    }
}
