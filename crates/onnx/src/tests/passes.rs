//! What is done with a model before a graph is made of it: functions, nodes that nothing needs, sizes that are fixed.

use fourfold_graph::{Fixed, Graph, Limits};
use fourfold_tensor::Tensor;
use prost::Message;

use super::{float, floats, int, ints, model, node, read};
use crate::model::external::Nowhere;
use crate::proto::type_proto::Value;
use crate::proto::{AttributeProto, FunctionProto, ModelProto, NodeProto, OperatorSetIdProto, ValueInfoProto};
use crate::{Error, ImportOptions, import, import_with};

fn function(name: &str, inputs: &[&str], outputs: &[&str], nodes: Vec<NodeProto>) -> FunctionProto {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    FunctionProto {
        name: name.to_owned(),
        domain: "local".to_owned(),
        input: names(inputs),
        output: names(outputs),
        node: nodes,
        opset_import: vec![OperatorSetIdProto { domain: String::new(), version: 17 }],
        ..FunctionProto::default()
    }
}

fn call(name: &str, inputs: &[&str], output: &str, attributes: Vec<AttributeProto>) -> NodeProto {
    NodeProto { domain: "local".to_owned(), ..node(name, inputs, output, attributes) }
}

fn reference(name: &str, of_function: &str) -> AttributeProto {
    AttributeProto { ref_attr_name: of_function.to_owned(), r#type: 1, ..float(name, 0.0) }
}

fn with_functions(nodes: Vec<NodeProto>, functions: Vec<FunctionProto>) -> ModelProto {
    ModelProto { functions, ..model(17, &[-1, 4], &[("w", floats(&[4, 4]))], nodes) }
}

fn operators(graph: &Graph) -> Vec<String> {
    graph.nodes().iter().map(|node| format!("{} {}", node.name(), node.op().kind())).collect()
}

#[test]
fn functions_stand_in_the_place_of_their_calls() {
    let leaky = function(
        "Leaky",
        &["a"],
        &["b"],
        vec![node("Relu", &["a"], "h", vec![]), node("LeakyRelu", &["h"], "b", vec![reference("alpha", "slope")])],
    );
    let twice = function(
        "Twice",
        &["a"],
        &["a2"],
        vec![call("Leaky", &["a"], "once", vec![float("slope", 0.5)]), call("Leaky", &["once"], "a2", vec![])],
    );
    let nodes = vec![call("Twice", &["x"], "t", vec![]), call("Leaky", &["t"], "y", vec![float("slope", 0.25)])];
    let graph = read(&with_functions(nodes, vec![leaky, twice])).expect("valid");
    assert_eq!(
        operators(&graph),
        [
            "Twice_0/Leaky/Relu Relu",
            "Twice_0/Leaky/LeakyRelu LeakyRelu",
            "Twice_0/Leaky_/Relu Relu",
            "Twice_0/Leaky_/LeakyRelu LeakyRelu",
            "Leaky_1/Relu Relu",
            "Leaky_1/LeakyRelu LeakyRelu",
        ]
    );
    let slopes: Vec<String> =
        graph.nodes().iter().filter(|node| node.inputs().len() == 1).map(|node| format!("{:?}", node.op())).collect();
    assert!(slopes[1].contains("0.5") && slopes[3].contains("0.01") && slopes[5].contains("0.25"), "{slopes:?}");
    assert_eq!(graph.value(graph.outputs()[0]).name(), "y");
}

#[test]
fn outputs_of_functions_may_be_inputs_and_may_be_left_out() {
    let both = function("Both", &["a", "unused"], &["a", "b"], vec![node("Relu", &["a"], "b", vec![])]);
    let nodes = vec![
        NodeProto { output: vec!["same".to_owned(), String::new()], ..call("Both", &["x"], "", vec![]) },
        node("Relu", &["same"], "y", vec![]),
    ];
    let graph = read(&with_functions(nodes, vec![both])).expect("valid");
    assert_eq!(operators(&graph), ["same Identity", "Relu_1 Relu"]);
}

#[test]
fn functions_that_lie_are_refused() {
    let relu = |input: &str, output: &str| node("Relu", &[input], output, vec![]);
    let refused = |nodes: Vec<NodeProto>, functions: Vec<FunctionProto>| {
        read(&with_functions(nodes, functions)).expect_err("refused").to_string()
    };
    let of_itself = function("F", &["a"], &["b"], vec![call("F", &["a"], "b", vec![])]);
    assert!(refused(vec![call("F", &["x"], "y", vec![])], vec![of_itself]).contains("recursively"));
    let one = || function("F", &["a"], &["b"], vec![relu("a", "b")]);
    assert!(refused(vec![call("F", &["x", "x"], "y", vec![])], vec![one()]).contains("called with 2"));
    assert!(refused(vec![call("F", &["x"], "y", vec![])], vec![one(), one()]).contains("twice"));
    let reads = function("F", &["a"], &["b"], vec![relu("nothing", "b")]);
    assert!(refused(vec![call("F", &["x"], "y", vec![])], vec![reads]).contains("`nothing`"));
    let mut other = one();
    other.opset_import[0].version = 13;
    assert!(refused(vec![call("F", &["x"], "y", vec![])], vec![other]).contains("opset 13"));
    // Each calls the one before twice: 2^20 nodes of 21 functions.
    let mut doubling = vec![function("F0", &["a"], &["b"], vec![relu("a", "b")])];
    for level in 0..20 {
        let name = format!("F{level}");
        let nodes = vec![call(&name, &["a"], "h", vec![]), call(&name, &["h"], "b", vec![])];
        doubling.push(function(&format!("F{}", level + 1), &["a"], &["b"], nodes));
    }
    let bomb = read(&with_functions(vec![call("F20", &["x"], "y", vec![])], doubling));
    assert!(matches!(bomb, Err(Error::Limit(_))), "{bomb:?}");
    let empty = vec![FunctionProto::default(); 1000];
    let limits = Limits { nodes: 500, ..Limits::default() };
    let many = import(&with_functions(vec![relu("x", "y")], empty).encode_to_vec(), &limits);
    assert!(matches!(many, Err(Error::Limit(_))), "{many:?}");
}

#[test]
fn nodes_that_no_output_needs_hinder_nothing() {
    let nodes = vec![
        node("Relu", &["x"], "y", vec![]),
        node("NoSuchOperator", &["x"], "left", vec![]),
        node("AnotherOne", &["left"], "over", vec![]),
    ];
    assert_eq!(operators(&read(&model(17, &[-1, 4], &[], nodes)).expect("valid")), ["Relu_0 Relu"]);
}

fn fixed(model: &ModelProto, fixed: &Fixed) -> Result<String, String> {
    let options = ImportOptions { limits: &Limits::default(), fixed, resolver: &Nowhere };
    let graph = import_with(&model.encode_to_vec(), &options).map_err(|error| error.to_string())?.graph;
    let ty = |id: &fourfold_graph::ValueId| graph.value(*id).ty().to_string();
    let inputs: Vec<String> = graph.inputs().iter().map(ty).collect();
    Ok(format!("{} -> {}", inputs.join(", "), ty(&graph.outputs()[0])))
}

#[test]
fn sizes_and_inputs_are_fixed_before_anything_follows_from_them() {
    let free = model(17, &[-1, 4], &[], vec![node("Relu", &["x"], "y", vec![])]);
    assert_eq!(fixed(&free, &Fixed::new()).as_deref(), Ok("f32[n, 4] -> f32[n, 4]"));
    assert_eq!(fixed(&free, &Fixed::new().dim("n", 3)).as_deref(), Ok("f32[3, 4] -> f32[3, 4]"));
    assert_eq!(fixed(&free, &Fixed::new().shape("x", &[3, 4])).as_deref(), Ok("f32[3, 4] -> f32[3, 4]"));
    assert!(fixed(&free, &Fixed::new().shape("x", &[3, 5])).is_err_and(|error| error.contains("axis 1 is 4")));
    assert!(fixed(&free, &Fixed::new().dim("m", 3)).is_err_and(|error| error.contains("there are `n`")));
    let value = Tensor::from_vec(&[2, 4], vec![1.0_f32; 8]).expect("as many");
    assert_eq!(fixed(&free, &Fixed::new().value("x", value)).as_deref(), Ok(" -> f32[2, 4]"));
    let whole = Tensor::from_vec(&[2, 4], vec![1_i64; 8]).expect("as many");
    assert!(fixed(&free, &Fixed::new().value("x", whole)).is_err_and(|error| error.contains("holds f32, i64")));
}

#[test]
fn a_batch_that_the_model_fixes_inside_is_one() {
    let shape = Tensor::from_vec(&[2], vec![1_i64, 16]).expect("two");
    let nodes = vec![node("Reshape", &["x", "shape"], "y", vec![int("allowzero", 0)])];
    let traced = model(17, &[-1, 4, 4], &[("shape", shape)], nodes);
    assert_eq!(fixed(&traced, &Fixed::new()).as_deref(), Ok("f32[1, 4, 4] -> f32[1, 16]"));
    assert!(fixed(&traced, &Fixed::new().dim("n", 2)).is_err());
}

#[test]
fn sizes_of_minus_one_and_of_no_name_are_free() {
    use crate::proto::{tensor_shape_proto::dimension::Value as Size, type_proto::Value as Type};
    for size in [Some(Size::DimValue(-1)), Some(Size::DimParam(String::new())), None] {
        let mut free = model(17, &[2, 4], &[], vec![node("ReduceSum", &["x"], "y", vec![int("keepdims", 1)])]);
        free.graph.as_mut().expect("a graph").node[0] = node("ReduceMax", &["x"], "y", vec![ints("axes", &[1])]);
        let input = &mut free.graph.as_mut().expect("a graph").input[0];
        let Some(Type::TensorType(tensor)) = input.r#type.as_mut().and_then(|ty| ty.value.as_mut()) else { panic!() };
        tensor.shape.as_mut().expect("a shape").dim[0].value = size;
        assert_eq!(fixed(&free, &Fixed::new()).as_deref(), Ok("f32[x.0, 4] -> f32[x.0, 1]"));
        assert_eq!(fixed(&free, &Fixed::new().dim("x.0", 3)).as_deref(), Ok("f32[3, 4] -> f32[3, 1]"));
    }
}

#[test]
fn an_input_without_a_shape_has_the_one_that_it_is_given() {
    use crate::proto::type_proto::Value as Type;
    let mut any = model(17, &[2, 4], &[], vec![node("Relu", &["x"], "y", vec![])]);
    let input = &mut any.graph.as_mut().expect("a graph").input[0];
    let Some(Type::TensorType(tensor)) = input.r#type.as_mut().and_then(|ty| ty.value.as_mut()) else { panic!() };
    tensor.shape = None;
    assert!(fixed(&any, &Fixed::new()).is_err_and(|error| error.contains("--shape x=")));
    assert_eq!(fixed(&any, &Fixed::new().shape("x", &[3, 5])).as_deref(), Ok("f32[3, 5] -> f32[3, 5]"));
    assert!(fixed(&any, &Fixed::new().numbers("x", "1")).is_err_and(|error| error.contains("has no shape")));
    let value = Tensor::from_vec(&[2], vec![1.0_f32; 2]).expect("two");
    assert_eq!(fixed(&any, &Fixed::new().value("x", value)).as_deref(), Ok(" -> f32[2]"));
}

#[test]
fn ends_behind_all_axes_are_those_of_free_sizes() {
    for end in [1_000_000_000, i64::from(i32::MAX), i64::MAX] {
        let bounds = |list: &[i64]| Tensor::from_slice(&[2], list).expect("two");
        let constants = [("from", bounds(&[0, 1])), ("to", bounds(&[end, end]))];
        let slice = node("Slice", &["x", "from", "to"], "y", vec![]);
        let graph = read(&model(17, &[-1, 4], &constants, vec![slice])).expect("valid");
        let ty = graph.value(graph.outputs()[0]).ty().to_string();
        assert!(ty.starts_with("f32[") && ty.ends_with(", 3]") && !ty.contains("1000"), "{end}: {ty}");
    }
}

#[test]
fn an_input_with_a_default_is_given_or_left_out() {
    let scale = Tensor::from_slice(&[1], &[3.0_f32]).expect("one");
    let mut model = model(17, &[-1, 4], &[("scale", scale)], vec![node("Mul", &["x", "scale"], "y", vec![])]);
    let graph = model.graph.as_mut().expect("there");
    let input = ValueInfoProto { name: "scale".to_owned(), ..graph.input[0].clone() };
    graph.input.push(input);
    let Some(Value::TensorType(tensor)) = graph.input[1].r#type.as_mut().and_then(|ty| ty.value.as_mut()) else {
        panic!("a tensor");
    };
    tensor.shape = None;
    let read = |fixed: &Fixed| {
        let options = ImportOptions { limits: &Limits::default(), fixed, resolver: &Nowhere };
        import_with(&model.encode_to_vec(), &options).expect("valid")
    };
    let inputs = |imported: &crate::Imported| imported.graph.inputs().len();
    let left_out = read(&Fixed::new());
    assert_eq!((inputs(&left_out), left_out.defaults), (1, vec!["scale".to_owned()]));
    let given = read(&Fixed::new().keep_input("scale"));
    assert_eq!((inputs(&given), given.defaults.len()), (2, 0));
    assert_eq!(given.graph.value(given.graph.inputs()[1]).ty().to_string(), "f32[1]");
    let set = read(&Fixed::new().numbers("scale", "5"));
    let constants = |imported: &crate::Imported| -> Vec<f32> {
        let values = imported.graph.nodes().iter().flat_map(|node| node.inputs());
        let constants = values.filter_map(|&id| imported.graph.value(id).constant());
        constants.flat_map(|tensor| tensor.as_slice::<f32>().expect("f32").to_vec()).collect()
    };
    assert_eq!((inputs(&set), constants(&set)), (1, vec![5.0]));
    assert_eq!(fixed(&model, &Fixed::new().keep_input("none")).as_deref(), Ok("f32[n, 4] -> f32[n, 4]"));
}
