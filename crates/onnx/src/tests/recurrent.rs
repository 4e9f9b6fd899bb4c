//! Recurrent layers: what is refused, the axes of a batch that comes first, and files written and read back.

use fourfold_graph::ErrorKind;
use fourfold_graph::{Cell, Dim, Direction, Graph, GraphBuilder, Limits, Op, Recurrent, Slice, ValueType};
use fourfold_schemes::{DynamicScheme, Granularity, QuantParams, Scale};
use fourfold_tensor::{DType, Tensor};
use fourfold_testing::{noise, run};
use prost::Message;

use super::{float, floats, int, model, node, read, text};
use crate::proto::{AttributeProto, ModelProto, NodeProto, attribute_type};
use crate::{Error, export, import};

fn texts(name: &str, values: &[&str]) -> AttributeProto {
    let (name, strings) = (name.to_owned(), values.iter().map(|&value| value.into()).collect());
    AttributeProto { name, r#type: attribute_type::STRINGS, strings, ..AttributeProto::default() }
}

/// An LSTM of 2 features and 3 hidden ones over `[steps 4, batch 5]`, or the other way round; `more` follows the inputs
/// `x, w, r`.
fn lstm(opset: i64, more: &[(&str, Tensor)], outputs: &[&str], attributes: Vec<AttributeProto>) -> ModelProto {
    let mut constants = vec![("w", noise(&[1, 12, 2], 1)), ("r", noise(&[1, 12, 3], 2))];
    let mut inputs = vec!["x", "w", "r"];
    for (name, tensor) in more {
        inputs.push(name);
        constants.extend((!name.is_empty()).then(|| (*name, tensor.clone())));
    }
    let mut layer = node("LSTM", &inputs, "", attributes);
    layer.name = "layer".to_owned();
    layer.output = outputs.iter().map(|&output| output.to_owned()).collect();
    model(opset, &[4, 5, 2], &constants, vec![layer])
}

#[test]
fn what_has_no_place_is_refused_by_name() {
    let none = || ("", floats(&[1]));
    let lengths = |length: i32| ("lengths", Tensor::from_vec(&[5], vec![length; 5]).expect("five"));
    let peepholes = |value: f32| ("p", Tensor::from_vec(&[1, 9], vec![value; 9]).expect("nine"));
    let with_p = |value: f32| vec![none(), none(), none(), none(), peepholes(value)];
    let refused = [
        lstm(17, &[], &["y"], vec![float("clip", 2.0)]),
        lstm(17, &[], &["y"], vec![int("input_forget", 1)]),
        lstm(17, &[], &["y"], vec![texts("activations", &["Tanh", "Tanh", "Tanh"])]),
        lstm(17, &[none(), lengths(3)], &["y"], vec![]),
        lstm(17, &with_p(0.5), &["y"], vec![]),
    ];
    for model in refused {
        let error = read(&model).expect_err("more than the graph has");
        assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("`layer`"), "{error}");
    }
    let invalid = [
        lstm(17, &[], &["y"], vec![text("direction", "sideways")]),
        lstm(17, &[], &["y"], vec![int("hidden_size", 4)]),
        lstm(17, &[], &["y"], vec![text("direction", "bidirectional")]),
        lstm(17, &[("b", floats(&[1, 12]))], &["y"], vec![]),
        lstm(17, &[], &["y"], vec![int("layout", 2)]),
    ];
    for model in invalid {
        let error = read(&model).expect_err("invalid");
        assert!(matches!(&error, Error::Node { node, .. } if node == "layer"), "{error}");
    }
    let defaults = [
        lstm(17, &[], &["y"], vec![int("input_forget", 0), int("hidden_size", 3)]),
        lstm(17, &[], &["y"], vec![texts("activations", &["sigmoid", "Tanh", "Tanh"])]),
        lstm(17, &[none(), lengths(4)], &["y"], vec![]),
        lstm(17, &with_p(0.0), &["y"], vec![]),
    ];
    let plain = read(&lstm(17, &[], &["y"], vec![])).expect("an LSTM");
    for model in defaults {
        assert_eq!(read(&model).expect("an LSTM").nodes()[0].op(), plain.nodes()[0].op());
    }
}

/// The axes of a tensor exchanged.
fn turned(tensor: &Tensor, axes: &[usize]) -> Tensor {
    tensor.view::<f32>().and_then(|view| view.permute(axes)?.to_tensor()).expect("f32 and axes")
}

#[test]
fn a_batch_that_comes_first_is_turned() {
    let x = noise(&[4, 5, 2], 7);
    for (outputs, axes) in
        [(vec!["y"], vec![1, 2, 0, 3]), (vec!["", "y"], vec![1, 0, 2]), (vec!["", "", "y"], vec![1, 0, 2])]
    {
        // The batch is 4 and the steps 5 where the batch comes first.
        let first = read(&lstm(14, &[], &outputs, vec![int("layout", 1)])).expect("an LSTM");
        let mut other = lstm(14, &[], &outputs, vec![]);
        let input = &mut other.graph.as_mut().expect("a graph").input[0];
        *input = model(14, &[5, 4, 2], &[], vec![]).graph.expect("a graph").input.remove(0);
        let second = read(&other).expect("an LSTM");
        let expected = run(&second, &[turned(&x, &[1, 0, 2])]).remove(0);
        let actual = run(&first, std::slice::from_ref(&x)).remove(0);
        assert_eq!(turned(&actual, &axes), expected, "{outputs:?}");
    }
}

#[test]
fn a_cell_state_alone_has_a_hidden_state_of_zeros_beside_it() {
    let none = || ("", floats(&[1]));
    let more = |h: Option<Tensor>| {
        let h = h.map_or_else(none, |h| ("h", h));
        vec![none(), none(), h, ("c", noise(&[1, 5, 3], 3))]
    };
    let x = noise(&[4, 5, 2], 7);
    let zeros = Tensor::zeros(DType::F32, &[1, 5, 3]).expect("small");
    let [alone, both] = [None, Some(zeros)]
        .map(|h| run(&read(&lstm(17, &more(h), &["y"], vec![])).expect("an LSTM"), std::slice::from_ref(&x)).remove(0));
    assert_eq!(alone, both);
}

/// A quantized weight, with a scale for each row or one for all.
fn codes(shape: &[usize], seed: u32, per_row: bool) -> (Tensor, QuantParams) {
    #[expect(clippy::cast_possible_truncation, reason = "between -127 and 127")]
    let codes =
        noise(shape, seed).as_slice::<f32>().expect("f32").iter().map(|x| (x * 127.0) as i8).collect::<Vec<_>>();
    let scale =
        |row: usize| Scale::new(0.005 + 0.0001 * f32::from(u16::try_from(row).expect("small"))).expect("a scale");
    let granularity = match per_row {
        true => Granularity::PerChannel {
            axis: 0,
            scales: (0..shape[0]).map(scale).collect(),
            zero_points: vec![0; shape[0]],
        },
        false => Granularity::PerTensor { scale: scale(0), zero_point: 0 },
    };
    let params = QuantParams::new(DType::I8, (-127, 127), granularity).expect("valid");
    (Tensor::from_vec(shape, codes).expect("as many"), params)
}

/// A layer of 3 features and 4 hidden ones whose weights are quantized if it is dynamic.
fn layer(layer: &Recurrent, per_row: bool) -> Graph {
    let (ways, rows) = (layer.direction.count(), layer.direction.count() * layer.cell.gates() * 4);
    let mut builder = GraphBuilder::new("layer");
    let batch = Dim::symbol("batch");
    let mut operands =
        vec![builder.input("x", ValueType::f32(&[5.into(), batch.clone(), 3.into()])).expect("an input")];
    for (name, shape, seed) in [("w", [rows, 3], 1), ("r", [rows, 4], 2)] {
        let id = if layer.dynamic.is_some() {
            let (codes, params) = codes(&shape, seed, per_row);
            builder.quantized_constant(name, codes, params)
        } else {
            builder.constant(name, noise(&shape, seed))
        };
        operands.push(id.expect("a constant"));
    }
    operands.push(builder.constant("b", noise(&[2, rows], 3)).expect("a constant"));
    let states = if layer.cell == Cell::Lstm { 2 } else { 1 };
    for state in 0..states {
        let ty = ValueType::f32(&[ways.into(), batch.clone(), 4.into()]);
        operands.push(builder.input(&format!("s{state}"), ty).expect("an input"));
    }
    let y = builder.node("y", Op::Recurrent(layer.clone()), &operands).expect("a valid node");
    builder.output(y);
    builder.finish().expect("a valid graph")
}

#[test]
fn what_is_written_comes_back_with_the_same_bits() {
    for cell in [Cell::Lstm, Cell::Gru, Cell::GruResetBefore, Cell::Tanh, Cell::Relu] {
        for direction in [Direction::Forward, Direction::Reverse, Direction::Bidirectional] {
            let dynamic = (cell == Cell::Lstm).then_some(DynamicScheme::OnnxPerTensor);
            for (dynamic, per_row) in [(None, false), (dynamic, false), (dynamic, true)] {
                let attributes = Recurrent { cell, direction, with_cell_state: false, dynamic };
                let graph = layer(&attributes, per_row);
                let file = export(&graph).expect("an ONNX form");
                let back = import(&file, &Limits::default()).expect("what was written");
                assert_eq!(back.nodes().len(), 1);
                assert_eq!(back.nodes()[0].op(), graph.nodes()[0].op());
                let mut inputs = vec![noise(&[5, 2, 3], 4)];
                let states = graph.inputs().len() - 1;
                inputs.extend((5..).take(states).map(|seed| noise(&[direction.count(), 2, 4], seed)));
                assert_eq!(run(&back, &inputs), run(&graph, &inputs), "{attributes:?} {per_row}");
            }
        }
    }
}

#[test]
fn other_cells_on_codes_come_back_on_codes() {
    let schemes = [DynamicScheme::PerRow, DynamicScheme::TorchPerTensor, DynamicScheme::OnnxPerTensor];
    for cell in [Cell::Gru, Cell::GruResetBefore, Cell::Tanh, Cell::Relu] {
        for direction in [Direction::Forward, Direction::Reverse, Direction::Bidirectional] {
            for (scheme, per_row) in schemes.into_iter().flat_map(|scheme| [(scheme, false), (scheme, true)]) {
                let attributes = Recurrent { cell, direction, with_cell_state: false, dynamic: Some(scheme) };
                let graph = layer(&attributes, per_row);
                let file = export(&graph).expect("an ONNX form");
                let back = import(&file, &Limits::default()).expect("what was written");
                assert_eq!(back.nodes().len(), 1);
                assert_eq!(back.nodes()[0].op(), graph.nodes()[0].op());
                let inputs = [noise(&[5, 2, 3], 4), noise(&[direction.count(), 2, 4], 5)];
                assert_eq!(run(&back, &inputs), run(&graph, &inputs), "{attributes:?} {per_row}");
            }
        }
    }
}

/// A file of a quantized bidirectional GRU with a scale for each row, modified.
fn changed(change: impl FnOnce(&mut ModelProto)) -> Result<Graph, Error> {
    let dynamic = Some(DynamicScheme::PerRow);
    let attributes =
        Recurrent { cell: Cell::Gru, direction: Direction::Bidirectional, with_cell_state: false, dynamic };
    let file = export(&layer(&attributes, true)).expect("an ONNX form");
    let mut model = ModelProto::decode(file.as_slice()).expect("what was written");
    change(&mut model);
    import(&model.encode_to_vec(), &Limits::default())
}

fn gru(model: &mut ModelProto) -> &mut NodeProto {
    model.graph.as_mut().expect("a graph").node.iter_mut().find(|node| node.op_type == "GRU").expect("a GRU")
}

#[test]
fn a_layer_whose_file_does_not_say_how_it_was_quantized_computes_with_real_numbers() {
    let dynamic = |graph: &Graph| match graph.nodes()[0].op() {
        Op::Recurrent(layer) => layer.dynamic,
        other => panic!("{other:?}"),
    };
    let inputs = [noise(&[5, 2, 3], 4), noise(&[2, 2, 4], 5)];
    let same = changed(|_| {}).expect("what was written");
    assert_eq!(dynamic(&same), Some(DynamicScheme::PerRow));
    let silent = changed(|model| gru(model).metadata_props.clear()).expect("a GRU");
    assert_eq!(dynamic(&silent), None);
    // One weight that is not quantized any more, as an optimizer may leave it.
    let mixed = changed(|model| {
        let name = core::mem::replace(&mut gru(model).input[2], "real".to_owned());
        assert!(!name.is_empty());
        let real = super::tensor("real", &noise(&[2, 12, 4], 2));
        model.graph.as_mut().expect("a graph").initializer.push(real);
    });
    assert_eq!(dynamic(&mixed.expect("a GRU")), None);
    let pairs = run(&same, &inputs)[0].as_slice::<f32>().expect("f32").to_vec();
    let real = run(&silent, &inputs)[0].as_slice::<f32>().expect("f32").to_vec();
    assert!(pairs != real && pairs.iter().zip(&real).all(|(a, b)| (a - b).abs() < 0.02));
    let error = changed(|model| gru(model).metadata_props[0].value = "per_column".to_owned()).expect_err("no scheme");
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("per_column"), "{error}");
}

/// Which states are cut out of those of an LSTM: slices `(axis, start, length)` one after another.
type Cuts = [(usize, i64, usize)];

/// An LSTM with its cell states of 3 features and 4 hidden ones, and what is cut out of them.
fn cut(direction: Direction, dynamic: Option<DynamicScheme>, steps: usize, cuts: &[&Cuts]) -> Graph {
    let attributes = Recurrent { cell: Cell::Lstm, direction, with_cell_state: true, dynamic };
    let (ways, rows) = (direction.count(), direction.count() * 16);
    let mut builder = GraphBuilder::new("layer");
    let x = ValueType::f32(&[steps.into(), "batch".into(), 3.into()]);
    let mut operands = vec![builder.input("x", x).expect("an input")];
    for (name, shape, seed) in [("w", [rows, 3], 1), ("r", [rows, 4], 2)] {
        let id = if dynamic.is_some() {
            let (codes, params) = codes(&shape, seed, false);
            builder.quantized_constant(name, codes, params)
        } else {
            builder.constant(name, noise(&shape, seed))
        };
        operands.push(id.expect("a constant"));
    }
    operands.push(builder.constant("b", noise(&[2, rows], 3)).expect("a constant"));
    for state in ["h", "c"] {
        let ty = ValueType::f32(&[ways.into(), "batch".into(), 4.into()]);
        operands.push(builder.input(state, ty).expect("an input"));
    }
    let states = builder.node("states", Op::Recurrent(attributes), &operands).expect("a valid node");
    for (index, cuts) in cuts.iter().enumerate() {
        let mut x = states;
        for (place, &(axis, start, length)) in cuts.iter().enumerate() {
            let op = Op::Slice(Slice { axis, start, step: 1, length: Dim::Fixed(length) });
            x = builder.node(&format!("cut{index}.{place}"), op, &[x]).expect("a valid node");
        }
        builder.output(x);
    }
    builder.finish().expect("a valid graph")
}

const H: (usize, i64, usize) = (3, 0, 4);
const C: (usize, i64, usize) = (3, 4, 4);
const LAST: (usize, i64, usize) = (0, -1, 1);
const FIRST: (usize, i64, usize) = (0, 0, 1);
const FORTH: (usize, i64, usize) = (1, 0, 1);
const BACK: (usize, i64, usize) = (1, -1, 1);

#[test]
fn cell_states_after_the_last_step_are_written() {
    let cases: [(Direction, usize, &[&Cuts], usize); 8] = [
        (Direction::Forward, 5, &[&[H], &[LAST, H], &[LAST, C]], 3),
        (Direction::Forward, 5, &[&[(0, 4, 1), C]], 3),
        (Direction::Forward, 5, &[&[FIRST, H], &[(0, 1, 3), H], &[(2, 0, 1), H], &[LAST, C], &[H], &[H]], 3),
        (Direction::Forward, 1, &[&[H], &[C]], 3),
        (Direction::Reverse, 5, &[&[FIRST, C], &[LAST, H]], 3),
        (Direction::Bidirectional, 5, &[&[LAST, FORTH, C], &[FIRST, BACK, C], &[LAST, FORTH, H], &[H]], 3),
        (Direction::Bidirectional, 1, &[&[C], &[BACK, C]], 3),
        (Direction::Forward, 5, &[&[LAST, H], &[LAST, H]], 2),
    ];
    for (direction, steps, cuts, outputs) in cases {
        for dynamic in [None, Some(DynamicScheme::OnnxPerTensor)] {
            let graph = cut(direction, dynamic, steps, cuts);
            let file = export(&graph).expect("an ONNX form");
            let model = ModelProto::decode(file.as_slice()).expect("what was written");
            let mut nodes = model.graph.iter().flat_map(|graph| &graph.node);
            let layer = nodes.find(|node| node.op_type.contains("LSTM")).expect("an LSTM");
            assert_eq!(layer.output.len(), outputs, "{direction:?} {cuts:?}");
            let back = import(&file, &Limits::default()).expect("what was written");
            let inputs =
                [noise(&[steps, 2, 3], 4), noise(&[direction.count(), 2, 4], 5), noise(&[direction.count(), 2, 4], 6)];
            assert_eq!(run(&back, &inputs), run(&graph, &inputs), "{direction:?} {cuts:?} {dynamic:?}");
        }
    }
}

#[test]
fn other_cell_states_are_refused() {
    let cases: [(Direction, &Cuts); 8] = [
        (Direction::Forward, &[]),
        (Direction::Forward, &[LAST]),
        (Direction::Forward, &[C]),
        (Direction::Forward, &[FIRST, C]),
        (Direction::Reverse, &[LAST, C]),
        (Direction::Bidirectional, &[LAST, C]),
        (Direction::Bidirectional, &[LAST, BACK, C]),
        (Direction::Forward, &[(3, 2, 4)]),
    ];
    for (direction, cuts) in cases {
        let error = export(&cut(direction, None, 5, &[&[LAST, H], cuts])).expect_err("no ONNX form");
        assert!(error.to_string().contains("the cell states of all steps have no ONNX form"), "{error}");
    }
    // Something else than a slice, and a part of the batch.
    let mut cuts = vec![LAST, (2, 0, 1), C];
    export(&cut(Direction::Forward, None, 5, &[&cuts])).expect_err("a part of the batch");
    cuts.remove(1);
    export(&cut(Direction::Forward, None, 5, &[&cuts])).expect("the last cell state");
}
