//! Operators on tensors without elements: every axis of every operator has size 0 once, in floats and quantized.

mod cases;

use std::collections::BTreeSet;
use std::sync::Arc;

use fourfold_graph::ErrorKind;
use fourfold_graph::{
    Activation, Add, Concat, Conv, Dim, Error as GraphError, GraphBuilder, Limits, Linear, NewNode, Op, OpKind,
    OutputParams, Window,
};
use fourfold_graph::{ValueId, ValueType};
use fourfold_tensor::{DType, Tensor};

use super::quantized::per_tensor;
use super::{noise, one_node, run};
use crate::{Error, Options, Plan, Session};
use cases::{Case, Holds, cases};

/// How often the sizes of a case are known when it is built: all of them, or those of its constants alone.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Known {
    All,
    Constants,
}

/// What became of a case.
#[derive(Debug, PartialEq)]
enum Outcome {
    Ran(Vec<usize>),
    Refused(String),
}

/// A float input as the operator takes it: quantized, if the case is quantized.
fn taken(builder: &mut GraphBuilder, id: ValueId, quantized: bool) -> Result<ValueId, GraphError> {
    let name = format!("{}.quantized", builder.value(id).name());
    let params = Some(per_tensor(DType::U8, 0.1, 3));
    let new = NewNode { name: &name, output: &name, op: Op::Quantize, inputs: &[id], params };
    if quantized { builder.add(new) } else { Ok(id) }
}

/// Builds and runs a case with sizes by letter.
fn outcome(case: &Case, size: &dyn Fn(char) -> usize, known: Known, quantized: bool) -> Outcome {
    let refused = |error: &dyn core::fmt::Display| Outcome::Refused(error.to_string());
    let shape = |letters: &str| letters.chars().map(size).collect::<Vec<usize>>();
    let dim = |letter: char| {
        let is_known = known == Known::All
            || letter.is_ascii_digit()
            || case.fixed.contains(letter)
            || case.constants.iter().any(|c| c.contains(letter));
        if is_known { Dim::Fixed(size(letter)) } else { Dim::symbol(&letter.to_string()) }
    };
    let mut builder = GraphBuilder::new("empty");
    let (mut operands, mut inputs) = (Vec::new(), Vec::new());
    let built = (|| {
        for (index, (letters, holds)) in case.inputs.iter().enumerate() {
            let dtype = match holds {
                Holds::Floats => DType::F32,
                Holds::Integers | Holds::Ones => DType::I64,
                Holds::Bools => DType::Bool,
            };
            let dims: Vec<Dim> = letters.chars().map(dim).collect();
            let id = builder.input(&format!("x{index}"), ValueType::plain(dtype, &dims))?;
            let mut input = Tensor::zeros(dtype, &shape(letters))?;
            if *holds == Holds::Ones {
                input.as_mut_slice::<i64>()?.fill(1);
            }
            inputs.push(input);
            operands.push(taken(&mut builder, id, quantized && *holds == Holds::Floats)?);
        }
        for (index, letters) in case.constants.iter().enumerate() {
            let (name, shape) = (format!("c{index}"), shape(letters));
            let is_bias = case.has_bias && index + 1 == case.constants.len();
            operands.push(match (quantized || case.dynamic && !is_bias, is_bias) {
                (false, _) => builder.constant(&name, noise(&shape, 1))?,
                (true, false) => builder.quantized_constant(
                    &name,
                    Tensor::zeros(DType::I8, &shape)?,
                    per_tensor(DType::I8, 0.1, 0),
                )?,
                (true, true) => builder.constant(&name, Tensor::zeros(DType::I32, &shape)?)?,
            });
        }
        let op = (case.op)(&dim);
        let own = quantized && op.kind().output_params() == OutputParams::Own && !matches!(op, Op::Dequantize);
        let params = (own || op == Op::Quantize).then(|| per_tensor(DType::U8, 0.2, 5));
        let y = builder.add(NewNode { name: "y", output: "y", op, inputs: &operands, params })?;
        builder.output(y);
        builder.finish()
    })();
    let graph = match built {
        Ok(graph) => graph,
        Err(error) => return refused(&error),
    };
    let plan = match Plan::compile(&graph, &Options::default()) {
        Ok(plan) => plan,
        Err(error) => return refused(&error),
    };
    let shapes: Vec<&[usize]> = inputs.iter().map(Tensor::shape).collect();
    let footprint = plan.footprint(&shapes);
    match Session::new(Arc::new(plan)).run_observed(&inputs, |_, _| {}) {
        Ok(outputs) => {
            assert!(footprint.is_ok(), "{case:?}: {footprint:?}");
            Outcome::Ran(outputs[0].shape().to_vec())
        }
        Err(error) => refused(&error),
    }
}

#[test]
fn every_operator_takes_axes_of_size_0() {
    let (mut seen, mut wrong) = (BTreeSet::new(), Vec::new());
    for case in cases() {
        let full = |letter: char| letter.to_digit(10).map_or(2, |digit| digit as usize);
        let kind = (case.op)(&|letter| Dim::Fixed(full(letter))).kind();
        seen.insert(kind);
        let letters: BTreeSet<char> = case
            .inputs
            .iter()
            .flat_map(|(letters, _)| letters.chars())
            .chain(case.constants.concat().chars())
            .collect();
        let runs_quantized =
            kind.output_params() != OutputParams::Float && !case.dynamic && case.inputs[0].1 == Holds::Floats;
        for (known, quantized) in
            [(Known::All, false), (Known::Constants, false), (Known::All, true), (Known::Constants, true)]
        {
            let suits = match kind {
                OpKind::Dequantize => quantized,
                OpKind::Quantize => !quantized,
                _ => runs_quantized || !quantized,
            };
            if !suits {
                continue;
            }
            let mut expect = |what: &str, size: &dyn Fn(char) -> usize, runs: bool| {
                let outcome = outcome(&case, size, known, quantized);
                if matches!(outcome, Outcome::Ran(_)) != runs {
                    wrong.push(format!("{case:?}, {known:?} known, quantized: {quantized}, {what}: {outcome:?}"));
                }
            };
            expect("nothing empty", &full, true);
            for &empty in letters.iter().filter(|letter| letter.is_alphabetic()) {
                let size = |letter: char| if letter == empty { 0 } else { full(letter) };
                expect(&format!("{empty} = 0"), &size, !case.refuses.contains(empty));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of the cases:\n{}", wrong.len(), wrong.join("\n"));
    let missing: Vec<OpKind> = OpKind::ALL.into_iter().filter(|kind| !seen.contains(kind)).collect();
    assert!(missing.is_empty(), "no case for {missing:?}");
}

#[test]
fn layers_without_input_channels_give_their_bias() {
    let bias = Tensor::from_vec(&[3], vec![1.0_f32, -2.0, 0.5]).expect("three");
    let conv = Op::Conv(Conv { activation: Activation::Relu, ..Conv::new(Window::new(&[2, 2]).with_padding(1), 1) });
    let weight = Tensor::zeros(DType::F32, &[3, 0, 2, 2]).expect("empty");
    let graph = one_node(conv, &[&[2, 0, 2, 1]], &[weight, bias.clone()]);
    let y = run(&graph, &[Tensor::zeros(DType::F32, &[2, 0, 2, 1]).expect("empty")]);
    assert_eq!(y.shape(), [2, 3, 3, 2]);
    let expected: Vec<f32> = (0..36).map(|position| [1.0, 0.0, 0.5][position / 6 % 3]).collect();
    assert_eq!(y.as_slice::<f32>(), Ok(&expected[..]));
    let weight = Tensor::zeros(DType::F32, &[3, 0]).expect("empty");
    let graph = one_node(Op::Linear(Linear::default()), &[&[2, 0]], &[weight, bias]);
    let y = run(&graph, &[Tensor::zeros(DType::F32, &[2, 0]).expect("empty")]);
    assert_eq!(y.as_slice::<f32>(), Ok(&[1.0, -2.0, 0.5, 1.0, -2.0, 0.5][..]));
    let shapes: [&[usize]; 2] = [&[2, 0], &[0, 3]];
    let empty = shapes.map(|shape| Tensor::zeros(DType::F32, shape).expect("empty"));
    assert_eq!(run(&one_node(Op::MatMul, &shapes, &[]), &empty).as_slice::<f32>(), Ok(&[0.0; 6][..]));
}

#[test]
fn a_cache_grows_from_nothing() {
    let shape = |length: usize| [1, length, 4];
    let mut builder = GraphBuilder::new("cache");
    let past = builder.input("past", ValueType::f32(&[1.into(), Dim::symbol("length"), 4.into()])).expect("valid");
    let new = builder.input("new", ValueType::f32(&[Dim::from(1), Dim::from(1), Dim::from(4)])).expect("valid");
    let all = builder.node("all", Op::Concat(Concat { axis: 1 }), &[past, new]).expect("valid");
    builder.output(all);
    let graph = builder.finish().expect("valid");
    let mut session = Session::new(Arc::new(Plan::compile(&graph, &Options::default()).expect("a plan")));
    let mut cache = Tensor::zeros(DType::F32, &shape(0)).expect("empty");
    for step in 1..4 {
        cache = session.run(&[cache, noise(&shape(1), step)]).expect("runs")[0].clone();
        assert_eq!(cache.shape(), shape(step as usize));
    }
}

#[test]
fn weights_without_elements_take_no_memory() {
    // Each of these files has a few hundred bytes; what they stand for would take gigabytes.
    let rows = 1 << 30;
    let graph =
        one_node(Op::Linear(Linear::default()), &[&[0, 0]], &[Tensor::zeros(DType::F32, &[rows, 0]).expect("empty")]);
    let plan = Plan::compile(&graph, &Options::default()).expect("a plan");
    assert_eq!(plan.footprint(&[&[0, 0]]).expect("empty").packed_bytes, 0);
    let conv = Op::Conv(Conv::new(Window::new(&[1]), rows));
    let weight = Tensor::zeros(DType::F32, &[0, 1, 1]).expect("empty");
    let graph = one_node(conv, &[&[0, rows, 1]], &[weight]);
    assert_eq!(run(&graph, &[Tensor::zeros(DType::F32, &[0, rows, 1]).expect("empty")]).shape(), [0, 0, 1]);
}

#[test]
fn outputs_and_scratch_count_in_the_limit() {
    let compiled = |graph: &fourfold_graph::Graph, arena_bytes| {
        let limits = Limits { arena_bytes, ..Limits::default() };
        Session::new(Arc::new(Plan::compile(graph, &Options { limits, ..Options::default() }).expect("a plan")))
    };
    // The sum of [1, 1024] and [1024, 1] is made of operands that are repeated.
    let graph = one_node(Op::Add(Add { activation: Activation::None }), &[&[1, 1024], &[1024, 1]], &[]);
    let inputs = [noise(&[1, 1024], 1), noise(&[1024, 1], 2)];
    let outcome = |mib: u64| compiled(&graph, mib << 20).run(&inputs).map(|_| ());
    let limit = |error: Error| (error.kind() == ErrorKind::Limit).then(|| error.to_string());
    assert!(outcome(4).is_err_and(|error| limit(error).is_some_and(|text| !text.contains("node"))), "the output");
    assert!(outcome(12).is_err_and(|error| limit(error).is_some_and(|text| text.contains("node `y`"))), "the scratch");
    assert_eq!(outcome(16), Ok(()));
}
