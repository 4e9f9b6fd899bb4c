//! Models whose inputs and outputs are floats of other types than `f32`.

mod folder;

use std::fs;

use folder::{Folder, json};
use fourfold::graph::{Add, Cast, CastTo, Dim, Graph, GraphBuilder, NewNode, Op, ValueType};
use fourfold::prelude::*;
use fourfold::tensor::DType;

/// The graph with its inputs and outputs in another type.
fn at_border(graph: &Graph, dtype: DType) -> Graph {
    let mut builder = GraphBuilder::new(graph.name());
    let mut ids = Vec::new();
    for value in graph.values() {
        let name = value.name();
        let id = match (value.constant(), value.producer()) {
            (Some(constant), _) => builder.constant(name, constant.clone()),
            (None, None) => {
                let ty = ValueType::plain(dtype, value.ty().dims());
                let x = builder.input(name, ty).expect("valid");
                builder.node(&format!("{name}.float"), Op::Cast(Cast { to: CastTo::F32 }), &[x])
            }
            (None, Some(node)) => {
                let node = graph.node(node);
                let inputs: Vec<_> =
                    node.inputs().iter().map(|id: &fourfold::graph::ValueId| ids[id.index()]).collect();
                let output = if graph.is_output(node.output()) { format!("{name}.float") } else { name.to_owned() };
                let new = NewNode {
                    name: node.name(),
                    output: &output,
                    op: node.op().clone(),
                    inputs: &inputs,
                    params: None,
                };
                builder.add(new)
            }
        };
        ids.push(id.expect("as it was"));
    }
    for &output in graph.outputs() {
        let op = Op::Cast(Cast { to: CastTo::of(dtype) });
        let (name, inputs) = (graph.value(output).name(), [ids[output.index()]]);
        let new = NewNode { name: &format!("{name}.cast"), output: name, op, inputs: &inputs, params: None };
        let y = builder.add(new).expect("a conversion");
        builder.output(y);
    }
    builder.finish().expect("valid")
}

fn read(folder: &Folder, path: &str) -> Tensor {
    npy::read(&fs::read(folder.path(path)).expect("a file"), &Limits::default()).expect("a .npy file")
}

/// What `.npy` files have in the place of a type.
fn in_file(dtype: DType) -> DType {
    if dtype == DType::BF16 { DType::F32 } else { dtype }
}

#[test]
fn every_verb_takes_them_and_keeps_their_types() {
    for dtype in [DType::F16, DType::BF16, DType::F64] {
        let folder = Folder::with_digits();
        let float = fourfold::onnx::load(folder.path("cnn.onnx"), &Limits::default()).expect("a model");
        folder.write("model.onnx", fourfold::onnx::export(&at_border(&float, dtype)).expect("a form"));
        for name in ["calib.npy", "images.npy"] {
            let converted = read(&folder, name).to_float(in_file(dtype)).expect("floats");
            folder.write(name, npy::write(&converted));
        }
        let inspected = folder.ok("inspect model.onnx");
        assert!(inspected.contains(&format!(": {dtype}[")) && inspected.contains("converts floats to another type"));

        let report = json(&folder.ok("quantize model.onnx -o int8.onnx --calib calib.npy --json"));
        let layers = report["layers"].as_array().expect("layers");
        assert!(layers.iter().all(|layer| layer["decision"] == "static"), "{report}");
        assert!(report["outputs"][0]["sqnr_db"].as_f64().expect("compared") > 20.0, "{report}");
        folder.ok("calibrate model.onnx calib.npy -o state.calibration");
        folder.ok("quantize model.onnx -o int8.fourfold --calib state.calibration");
        folder.ok("quantize model.onnx -o dynamic.fourfold --mode dynamic");
        folder.ok("export int8.fourfold --to onnx --form qoperator -o exported");
        for (model, least) in [
            ("model.onnx", 99.0),
            ("int8.onnx", 98.0),
            ("int8.fourfold", 98.0),
            ("dynamic.fourfold", 98.0),
            ("exported/model.onnx", 98.0),
        ] {
            let evaluated = json(&folder.ok(&format!("eval {model} --input images.npy --labels labels.npy --json")));
            assert!(evaluated["accuracy"].as_f64().expect("a number") * 100.0 >= least, "{dtype} {model}: {evaluated}");
            folder.ok(&format!("run {model} --input images.npy --output-dir out --force"));
            let logits = read(&folder, "out/logits.npy");
            assert_eq!((logits.dtype(), logits.shape()), (in_file(dtype), &[500, 10][..]), "{model}");
            folder.ok(&format!("bench {model}"));
        }
        assert_eq!(
            read(&folder, "out/logits.npy").to_float(dtype).and_then(|x| x.to_float(in_file(dtype))),
            Ok(read(&folder, "out/logits.npy"))
        );
    }
}

#[test]
fn inputs_are_set_and_files_of_other_types_converted() {
    let folder = Folder::new();
    let mut builder = GraphBuilder::new("scaled");
    let [x, k] = ["x", "k"].map(|name| {
        let x = builder.input(name, ValueType::plain(DType::F16, &[Dim::symbol("n"), 2.into()])).expect("valid");
        builder.node(&format!("{name}.float"), Op::Cast(Cast { to: CastTo::F32 }), &[x]).expect("a conversion")
    });
    let sum =
        builder.node("sum", Op::Add(Add { activation: fourfold::graph::Activation::None }), &[x, k]).expect("valid");
    let y = builder.node("y", Op::Cast(Cast { to: CastTo::F16 }), &[sum]).expect("a conversion");
    builder.output(y);
    folder.write("model.onnx", fourfold::onnx::export(&builder.finish().expect("valid")).expect("a form"));
    let numbers = Tensor::from_vec(&[2, 2], vec![1.0_f32, -2.5, 0.1, 65_504.0]).expect("four");
    folder.write("floats.npy", npy::write(&numbers));
    folder.write("halves.npy", npy::write(&numbers.to_float(DType::F16).expect("floats")));
    let line = "run model.onnx --dim n=2 --set k=100 --input";
    folder.ok(&format!("{line} halves.npy --output-dir out"));
    let expected = Tensor::from_vec(&[2, 2], vec![101.0_f32, 97.5, 100.1, f32::INFINITY]).expect("four");
    assert_eq!(Ok(read(&folder, "out/y.npy")), expected.to_float(DType::F16));
    let outcome = folder.run(&format!("{line} floats.npy --output-dir more").split(' ').collect::<Vec<_>>());
    assert!(outcome.stderr.contains("f32 values are rounded to f16"), "{}", outcome.stderr);
    assert_eq!(Ok(read(&folder, "more/y.npy")), expected.to_float(DType::F16));
    folder.write("integers.npy", npy::write(&Tensor::from_vec(&[2, 2], vec![1, 2, 3, 2049]).expect("four")));
    folder.fails(&format!("{line} integers.npy --output-dir o"), 3, &["integers.npy", "element 3 is 2049", "f16"]);
    folder.fails("run model.onnx --dim n=2 --set k=half --input halves.npy --output-dir more", 2, &["f16", "half"]);
}
