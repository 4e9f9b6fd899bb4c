//! Files that contradict the operators' table or themselves are invalid; valid ones that need what the graph does not
//! have are unsupported.

use fourfold_graph::ErrorKind;
use fourfold_tensor::Tensor;

use super::{float, floats, int, ints, model, node, read};
use crate::Error;
use crate::proto::{
    ModelProto, TensorShapeProto, TypeProto, ValueInfoProto, data_type,
    tensor_shape_proto::{Dimension, dimension::Value as Size},
    type_proto::{Tensor as TensorType, Value as Type},
};

fn integers(numbers: &[i64]) -> Tensor {
    Tensor::from_slice(&[numbers.len()], numbers).expect("a list")
}

fn declared(name: &str, elem_type: i32, sizes: &[i64]) -> ValueInfoProto {
    let dim = sizes.iter().map(|&size| Dimension { value: Some(Size::DimValue(size)) }).collect();
    let ty = TensorType { elem_type, shape: Some(TensorShapeProto { dim }) };
    ValueInfoProto { name: name.to_owned(), r#type: Some(TypeProto { value: Some(Type::TensorType(ty)) }) }
}

/// Asserts that a model is invalid, with an error that holds the text.
fn assert_invalid(model: &ModelProto, text: &str) {
    let error = read(model).expect_err(text);
    assert!(error.kind() != ErrorKind::Unsupported && error.to_string().contains(text), "{error}");
}

/// Asserts that a model is valid, but refused with an error that holds the text.
fn assert_unsupported(model: &ModelProto, text: &str) {
    let error = read(model).expect_err(text);
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains(text), "{error}");
}

/// `x: [n, 4]` through one node with one constant.
fn of(operator: &str, constant: Tensor, attributes: Vec<crate::proto::AttributeProto>) -> ModelProto {
    model(17, &[-1, 4], &[("c", constant)], vec![node(operator, &["x", "c"], "y", attributes)])
}

#[test]
fn nodes_have_the_inputs_outputs_and_attributes_of_their_operator() {
    let one = |node| model(17, &[2, 4], &[], vec![node]);
    assert_invalid(&one(node("Concat", &["x", "x"], "y", vec![])), "lacks the attribute `axis`");
    assert_invalid(&one(node("Relu", &["x", "x"], "y", vec![])), "has 2 inputs, expected 1");
    assert_invalid(&one(node("Add", &["x", ""], "y", vec![])), "lacks input 1");
    assert_invalid(&one(node("Flatten", &["x"], "y", vec![float("axis", 1.0)])), "is of another kind than int");
    assert_invalid(&one(node("Relu", &["x"], "y", vec![int("axis", 1)])), "the attribute `axis`, which the operator");
    assert_invalid(&one(node("Gelu", &["x"], "y", vec![])), "there is no Gelu in opset 17");
    let mut extra = node("Relu", &["x"], "y", vec![]);
    extra.output.push("z".to_owned());
    assert_invalid(&one(extra), "has 2 outputs, expected 1");
    let mut pool = node("MaxPool", &["x"], "y", vec![ints("kernel_shape", &[1])]);
    pool.output.extend(["i", "j"].map(str::to_owned));
    assert_invalid(&model(17, &[1, 2, 4], &[], vec![pool]), "has 3 outputs, expected 1 to 2");
    let float_and_integers = of("Add", integers(&[1, 2, 3, 4]), vec![]);
    assert_invalid(&float_and_integers, "input 1 (`c`) is int64, but input 0 is float");
    assert_invalid(&one(node("Not", &["x"], "y", vec![])), "input 0 (`x`) is float, which the operator does not take");
}

#[test]
fn parts_are_those_of_the_axis() {
    let split = |sizes: &[i64], opset: i64| {
        let mut split = node("Split", &["x", "c"], "y", vec![int("axis", 1)]);
        split.output.push("z".to_owned());
        model(opset, &[2, 4], &[("c", integers(sizes))], vec![split])
    };
    assert!(read(&split(&[1, 3], 13)).is_ok());
    assert_invalid(&split(&[1, 2], 13), "which are 3 of the 4 of axis 1");
    assert_invalid(&split(&[5, -1], 13), "of which one is negative");
    assert_invalid(&split(&[1, 2, 1], 13), "has 2 outputs, but 3 parts");
    let equal = |opset: i64| {
        let mut split = node("Split", &["x"], "y", vec![int("axis", 1)]);
        split.output.extend(["z", "w"].map(str::to_owned));
        model(opset, &[2, 4], &[], vec![split])
    };
    assert_invalid(&equal(13), "3 equal parts of 4");
    assert!(read(&equal(18)).is_ok(), "since opset 18 the last may be smaller");
    let mut top = node("TopK", &["x", "c"], "y", vec![]);
    top.output.push("i".to_owned());
    assert_invalid(&model(17, &[2, 4], &[("c", integers(&[1, 2]))], vec![top]), "has 2 numbers k, expected one");
}

#[test]
fn names_and_declarations_agree() {
    let sum = || of("Add", floats(&[4]), vec![]);
    let with = |change: &dyn Fn(&mut crate::proto::GraphProto)| {
        let mut model = sum();
        change(model.graph.as_mut().expect("a graph"));
        model
    };
    assert!(read(&with(&|graph| graph.input.push(declared("c", data_type::FLOAT, &[4])))).is_ok());
    assert_invalid(&with(&|graph| graph.input.push(declared("c", data_type::FLOAT, &[5]))), "another shape than [4]");
    assert_invalid(&with(&|graph| graph.input.push(declared("c", data_type::INT64, &[4]))), "declared as int64");
    assert_invalid(&with(&|graph| graph.input.push(graph.input[0].clone())), "is an input of the model twice");
    assert_invalid(&with(&|graph| graph.output.push(graph.output[0].clone())), "is an output of the model twice");
    let output = |elem_type| with(&|graph| graph.output[0] = declared("y", elem_type, &[2, 4]));
    assert!(read(&output(data_type::FLOAT)).is_ok());
    assert_invalid(&output(data_type::INT32), "declared as int32, but the nodes make float");
}

#[test]
fn shapes_that_never_fit_are_invalid_and_those_that_may_are_unsupported() {
    let reshape = |sizes: &[i64]| of("Reshape", integers(sizes), vec![]);
    assert_invalid(&reshape(&[0, 5]), "does not hold the elements");
    assert_unsupported(&reshape(&[2, 4]), "give the inputs fixed sizes");
    assert_invalid(&of("Add", floats(&[3]), vec![]), "do not broadcast");
    let sum = vec![node("Add", &["x", "c"], "y", vec![])];
    assert_unsupported(&model(17, &[2, -1], &[("c", floats(&[2, 3]))], sum), "give the inputs fixed sizes");
    assert_invalid(&of("MatMul", floats(&[3, 3]), vec![]), "input features");
    let sizes = [node("Shape", &["x"], "s", vec![]), node("Equal", &["s", "c"], "y", vec![])].to_vec();
    let text = "a comparison of sizes that are not known ([n, 4] and [5, 4]; give the inputs fixed sizes";
    assert_unsupported(&model(17, &[-1, 4], &[("c", integers(&[5, 4]))], sizes), text);
}

#[test]
fn types_that_the_graph_has_no_operator_for_are_unsupported() {
    let of_input = |elem_type: i32, node| {
        let mut model = model(17, &[2, 4], &[], vec![node]);
        model.graph.as_mut().expect("a graph").input[0] = declared("x", elem_type, &[2, 4]);
        model
    };
    let matmul = node("Gemm", &["x", "x"], "y", vec![int("transB", 1)]);
    assert_unsupported(&of_input(data_type::INT64, matmul), "an operand 0 (`x`) of type i64 (cast it to float");
    let l2 = node("ReduceL2", &["x"], "y", vec![ints("axes", &[1])]);
    assert_unsupported(&of_input(data_type::INT32, l2), "of type i32");
    assert_invalid(&of_input(data_type::INT32, node("Sqrt", &["x"], "y", vec![])), "input 0 (`x`) is int32");
    let codes = |reader| {
        let scale = Tensor::from_slice(&[], &[0.5_f32]).expect("one");
        let quantize = node("QuantizeLinear", &["x", "s"], "q", vec![]);
        model(17, &[2, 4], &[("s", scale)], vec![quantize, reader])
    };
    for operator in ["Add", "Mul", "Max", "Equal"] {
        let model = codes(node(operator, &["q", "q"], "y", vec![]));
        assert_unsupported(&model, "arithmetic on `q`, which holds quantized values");
    }
}

#[test]
fn errors_are_text() {
    let error = read(&of("Reshape", integers(&[3, 3]), vec![])).expect_err("nine elements");
    assert!(!error.to_string().contains('{') && !matches!(error, Error::Graph(_)), "{error}");
}
