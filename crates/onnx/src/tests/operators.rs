//! Each operator, in its forms over the opsets.

use fourfold_graph::ErrorKind;
use fourfold_graph::{Clip, Dim, Flatten, Graph, Op, Reshape, Transpose};
use fourfold_tensor::Tensor;

use super::{float, floats, int, ints, model, node, read, text};
use crate::Error;
use crate::proto::{AttributeProto, NodeProto};

/// The only node of a model with one node.
fn one(opset: i64, input: &[i64], constants: &[(&str, Tensor)], node: NodeProto) -> Result<Op, Error> {
    let graph = read(&model(opset, input, constants, vec![node]))?;
    assert_eq!(graph.nodes().len(), 1);
    Ok(graph.nodes()[0].op().clone())
}

fn dims(graph: &Graph) -> String {
    format!("{:?}", graph.value(graph.outputs()[0]).ty().dims())
}

fn conv(attributes: Vec<AttributeProto>, weight: &[usize], input: &[i64]) -> Result<Graph, Error> {
    read(&model(17, input, &[("w", floats(weight))], vec![node("Conv", &["x", "w"], "y", attributes)]))
}

#[test]
fn convolutions_have_the_shapes_of_the_specification() {
    let shape = |attributes, weight: &[usize], input: &[i64]| dims(&conv(attributes, weight, input).expect("valid"));
    assert_eq!(shape(vec![], &[4, 3, 3, 3], &[-1, 3, 8, 8]), "[n, 4, 6, 6]");
    assert_eq!(shape(vec![ints("pads", &[1, 0, 2, 1])], &[4, 3, 3, 3], &[-1, 3, 8, 8]), "[n, 4, 9, 7]");
    assert_eq!(shape(vec![ints("strides", &[2, 3])], &[4, 3, 3, 3], &[-1, 3, 8, 8]), "[n, 4, 3, 2]");
    assert_eq!(shape(vec![ints("dilations", &[2, 1])], &[4, 3, 3, 3], &[-1, 3, 8, 8]), "[n, 4, 4, 6]");
    assert_eq!(shape(vec![int("group", 3)], &[6, 1, 3, 3], &[-1, 3, 8, 8]), "[n, 6, 6, 6]");
    assert_eq!(shape(vec![], &[4, 3, 5], &[2, 3, 20]), "[2, 4, 16]");
    assert_eq!(shape(vec![], &[4, 3, 2, 2, 2], &[1, 3, 4, 5, 6]), "[1, 4, 3, 4, 5]");
    let same = |mode: &str, strides: &[i64]| {
        let graph = conv(vec![text("auto_pad", mode), ints("strides", strides)], &[4, 3, 3, 4], &[-1, 3, 8, 9]);
        let graph = graph.expect("valid");
        let Op::Conv(conv) = graph.nodes()[0].op().clone() else { panic!("a convolution") };
        (dims(&graph), conv.window.pad_begin, conv.window.pad_end)
    };
    assert_eq!(same("SAME_UPPER", &[1, 1]), ("[n, 4, 8, 9]".to_owned(), vec![1, 1], vec![1, 2]));
    assert_eq!(same("SAME_LOWER", &[2, 2]), ("[n, 4, 4, 5]".to_owned(), vec![1, 2], vec![0, 1]));
    assert_eq!(same("VALID", &[1, 1]).0, "[n, 4, 6, 6]");
}

#[test]
fn convolutions_that_make_no_sense_are_refused() {
    for attributes in [
        vec![ints("strides", &[0, 1])],
        vec![ints("dilations", &[1, 0])],
        vec![int("group", 0)],
        vec![int("group", 2)],
        vec![int("group", -1)],
        vec![ints("pads", &[-1, 0, 0, 0])],
        vec![ints("pads", &[1, 1])],
        vec![ints("kernel_shape", &[5, 5])],
        vec![text("auto_pad", "SOMETIMES")],
        vec![text("auto_pad", "SAME_UPPER"), ints("pads", &[1, 1, 1, 1])],
        vec![int("group", 1), int("group", 1)],
        vec![ints("strides", &[1 << 40, 1])],
        vec![float("group", 1.0)],
    ] {
        assert!(conv(attributes.clone(), &[4, 3, 3, 3], &[-1, 3, 8, 8]).is_err(), "{attributes:?}");
    }
    assert!(conv(vec![], &[4, 3, 9, 9], &[-1, 3, 8, 8]).is_err(), "a kernel larger than the image");
    assert!(conv(vec![], &[4, 2, 3, 3], &[-1, 3, 8, 8]).is_err(), "another number of channels");
}

#[test]
fn poolings_round_up_where_asked() {
    let pool = |operator: &str, attributes: &[AttributeProto]| {
        let attributes = [&[ints("kernel_shape", &[3, 3])], attributes].concat();
        read(&model(17, &[-1, 2, 8, 8], &[], vec![node(operator, &["x"], "y", attributes)]))
    };
    let shape = |operator: &str, attributes: &[AttributeProto]| dims(&pool(operator, attributes).expect("valid"));
    assert_eq!(shape("MaxPool", &[ints("strides", &[2, 2])]), "[n, 2, 3, 3]");
    assert_eq!(shape("MaxPool", &[ints("strides", &[2, 2]), int("ceil_mode", 1)]), "[n, 2, 4, 4]");
    assert_eq!(shape("AveragePool", &[int("count_include_pad", 1), ints("pads", &[1; 4])]), "[n, 2, 8, 8]");
    assert!(
        pool("AveragePool", &[int("count_include_pad", 1), ints("strides", &[2, 2]), int("ceil_mode", 1)]).is_err()
    );
    // As ONNX Runtime 1.32: a window that is longer than the operand counts if it is not a whole step longer.
    let longer = |kernel: i64| {
        let attributes = vec![ints("kernel_shape", &[kernel; 2]), ints("strides", &[2, 2]), int("ceil_mode", 1)];
        read(&model(17, &[-1, 2, 4, 4], &[], vec![node("MaxPool", &["x"], "y", attributes)]))
    };
    assert_eq!(dims(&longer(5).expect("valid")), "[n, 2, 1, 1]");
    assert!(longer(6).is_err());
    let all = read(&model(17, &[-1, 2, 8, 8], &[], vec![node("GlobalAveragePool", &["x"], "y", vec![])]));
    assert_eq!(dims(&all.expect("valid")), "[n, 2, 1, 1]");
}

#[test]
fn clip_took_attributes_and_takes_inputs() {
    let old = node("Clip", &["x"], "y", vec![float("min", 0.0), float("max", 6.0)]);
    assert_eq!(one(10, &[-1, 4], &[], old), Ok(Op::Clip(Clip { min: 0.0, max: 6.0 })));
    let number = |value: f32| Tensor::from_vec(&[], vec![value]).expect("one");
    let new = node("Clip", &["x", "low", "high"], "y", vec![]);
    let bounds = [("low", number(-1.0)), ("high", number(2.0))];
    assert_eq!(one(13, &[-1, 4], &bounds, new), Ok(Op::Clip(Clip { min: -1.0, max: 2.0 })));
    let open = node("Clip", &["x", "", "high"], "y", vec![]);
    assert_eq!(one(13, &[-1, 4], &bounds, open), Ok(Op::Clip(Clip { min: f32::NEG_INFINITY, max: 2.0 })));
}

#[test]
fn products_become_linear_layers() {
    let gemm = |attributes, weight: &[usize]| {
        let constants = [("w", floats(weight)), ("b", floats(&[3]))];
        let graph = read(&model(17, &[-1, 4], &constants, vec![node("Gemm", &["x", "w", "b"], "y", attributes)]))?;
        let constant = |operand: usize| graph.value(graph.nodes()[0].inputs()[operand]).constant().cloned();
        Ok::<_, Error>((constant(1).expect("a weight"), constant(2).expect("a bias")))
    };
    let (weight, bias) = gemm(vec![int("transB", 1)], &[3, 4]).expect("valid");
    assert_eq!((weight, bias), (floats(&[3, 4]), floats(&[3])));
    let (weight, bias) = gemm(vec![float("alpha", 2.0), float("beta", 0.5)], &[4, 3]).expect("valid");
    assert_eq!((weight.shape(), bias.shape()), (&[3, 4][..], &[3][..]));
    assert_eq!(weight.as_slice::<f32>().expect("f32")[1], 2.0 * floats(&[4, 3]).as_slice::<f32>().expect("f32")[3]);
    assert_eq!(bias.as_slice::<f32>().expect("f32"), [-1.5, -1.0, -0.5]);
    assert!(gemm(vec![int("transA", 1)], &[4, 3]).is_err());

    let nodes = vec![node("MatMul", &["x", "w"], "p", vec![]), node("Add", &["p", "b"], "y", vec![])];
    let constants = [("w", floats(&[4, 3])), ("b", floats(&[3]))];
    let graph = read(&model(17, &[-1, 5, 4], &constants, nodes)).expect("valid");
    assert!(matches!(graph.nodes(), [only] if matches!(only.op(), Op::Linear(_)) && only.inputs().len() == 3));
    assert_eq!(dims(&graph), "[n, 5, 3]");
}

#[test]
fn softmax_changed_its_meaning() {
    let nodes = |opset| {
        let graph = read(&model(opset, &[2, 3, 4], &[], vec![node("Softmax", &["x"], "y", vec![int("axis", 1)])]));
        graph.expect("valid").nodes().iter().map(|node| node.op().kind().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(nodes(13), ["Softmax"]);
    assert_eq!(nodes(12), ["Flatten", "Softmax", "Reshape"]);
}

#[test]
fn shapes_are_checked() {
    let vector = |values: &[i64]| Tensor::from_vec(&[values.len()], values.to_vec()).expect("as many");
    let reshape =
        |values: &[i64]| one(17, &[-1, 2, 6], &[("s", vector(values))], node("Reshape", &["x", "s"], "y", vec![]));
    assert_eq!(reshape(&[0, -1]), Ok(Op::Flatten(Flatten { axis: 1 })));
    assert_eq!(reshape(&[0, 3, -1]), Ok(Op::Reshape(Reshape { dims: vec![Dim::symbol("n"), 3.into(), 4.into()] })));
    assert!(reshape(&[-1, -1]).is_err());
    assert!(reshape(&[0, 5, 3]).is_err());
    let transpose = |perm: &[i64]| one(17, &[2, 3, 4], &[], node("Transpose", &["x"], "y", vec![ints("perm", perm)]));
    assert_eq!(transpose(&[2, 0, 1]), Ok(Op::Transpose(Transpose { axes: vec![2, 0, 1] })));
    assert!(transpose(&[0, 0, 1]).is_err());
    assert!(transpose(&[0, 1, 3]).is_err());
    assert!(transpose(&[0, 1]).is_err());
    let flatten = |axis| one(17, &[2, 3, 4], &[], node("Flatten", &["x"], "y", vec![int("axis", axis)]));
    assert_eq!(flatten(1), Ok(Op::Flatten(Flatten { axis: 1 })));
    assert_eq!(flatten(-1), Ok(Op::Reshape(Reshape { dims: vec![6.into(), 4.into()] })));
    assert!(flatten(9).is_err() && flatten(-9).is_err());
    assert_eq!(one(17, &[2, 3], &[], node("Dropout", &["x"], "y", vec![])), Ok(Op::Identity));
}

#[test]
fn constants_come_from_nodes_too() {
    let mut constant = node("Constant", &[], "c", vec![]);
    constant.attribute = vec![AttributeProto { floats: vec![1.0, 2.0], r#type: 6, ..ints("value_floats", &[]) }];
    let graph = read(&model(17, &[-1, 2], &[], vec![constant, node("Add", &["x", "c"], "y", vec![])])).expect("valid");
    let constant = graph.value(graph.nodes()[0].inputs()[1]).constant().expect("a constant");
    assert_eq!(constant.as_slice::<f32>(), Ok(&[1.0, 2.0][..]));
}

#[test]
fn all_unknown_operators_are_listed_at_once() {
    let mut foreign = node("Attention", &["c"], "d", vec![]);
    foreign.domain = "com.microsoft".to_owned();
    let nodes = vec![
        node("Sinh", &["x"], "a", vec![]),
        node("Relu", &["a"], "b", vec![]),
        node("Sinh", &["b"], "c", vec![]),
        foreign,
        node("Loop", &["d"], "y", vec![]),
    ];
    let error = read(&model(17, &[-1, 2], &[], nodes)).expect_err("unknown operators");
    assert_eq!(error.to_string(), "unsupported operators: Loop (1), Sinh (2), com.microsoft.Attention (1)");
    assert!(error.kind() == ErrorKind::Unsupported);
    let quantized = read(&model(17, &[-1, 2], &[], vec![node("QLinearWhere", &["x"], "y", vec![])]));
    assert!(quantized.is_err_and(|error| error.to_string().contains("give the float model")));
    assert_eq!(read(&model(6, &[-1], &[], vec![])), Err(Error::Opset { version: 6 }));
    assert_eq!(read(&model(29, &[-1], &[], vec![])), Err(Error::Opset { version: 29 }));
}

#[test]
fn floats_of_sixteen_bits_are_held_exactly() {
    let bits: [u16; 6] = [0x3c00, 0xc000, 0x0001, 0x7bff, 0xfc00, 0x3555];
    let halves = [1.0, -2.0, 2.0_f32.powi(-24), 65504.0, f32::NEG_INFINITY, 0.333_251_95];
    let brains = bits.map(|bits| f32::from_bits(u32::from(bits) << 16));
    for (data_type, expected) in [(10, halves), (16, brains)] {
        for is_raw in [true, false] {
            let mut stored = super::tensor("w", &Tensor::from_vec(&[6], vec![0.0_f32; 6]).expect("six"));
            stored.data_type = data_type;
            stored.raw_data =
                if is_raw { bits.iter().flat_map(|bits| bits.to_le_bytes()).collect() } else { Vec::new() };
            stored.int32_data = if is_raw { Vec::new() } else { bits.map(i32::from).to_vec() };
            let nodes =
                vec![node("Cast", &["w"], "wide", vec![int("to", 1)]), node("Add", &["x", "wide"], "y", vec![])];
            let mut file = model(17, &[-1, 6], &[], nodes);
            file.graph.as_mut().expect("a graph").initializer.push(stored.clone());
            let graph = read(&file).expect("valid");
            let constant = graph.values().iter().find_map(|value| value.constant()).expect("a constant");
            assert_eq!(constant.as_slice::<f32>(), Ok(&expected[..]), "{data_type}");
            let tensor = &mut file.graph.as_mut().expect("a graph").initializer[0];
            if is_raw {
                tensor.raw_data.pop();
            } else {
                tensor.int32_data[0] = 0x1_0000;
            }
            assert!(read(&file).is_err_and(|error| error.kind() != ErrorKind::Unsupported), "{data_type}");
        }
    }
}
