//! Files that export writes, run by ONNX Runtime and read again.
//!
//! `exports.safetensors` holds what was written, inputs, and the outputs of ONNX Runtime. `FOURFOLD_WRITE_EXPORTS=1
//! cargo test -p fourfold-onnx exports` writes models and inputs, `make_exports.py` adds the outputs.

#[path = "../../tests/cases/mod.rs"]
mod cases;
mod graphs;

use std::collections::BTreeMap;
use std::path::Path;

use fourfold_graph::Limits;
use fourfold_tensor::DType;
use fourfold_testing::{is_close, run};
use prost::Message;
use safetensors::tensor::TensorView;

use crate::proto::ModelProto;
use crate::{export_as, import};

use graphs::Exported;

const DATA: &str = "tests/data/exports.safetensors";

/// Cases whose results are float sums, in another order.
const ROUNDED: [&str; 1] = ["group_norm"];

/// Writes models and inputs without outputs.
fn write(exported: &[Exported]) {
    let mut entries: Vec<(String, safetensors::Dtype, Vec<usize>, Vec<u8>)> = Vec::new();
    for Exported { name, form, graph, inputs } in exported {
        let model = export_as(graph, *form).expect("a form");
        entries.push((format!("{name}/model"), safetensors::Dtype::U8, vec![model.len()], model));
        for (index, input) in inputs.iter().enumerate() {
            let dtype = match input.dtype() {
                DType::U8 => safetensors::Dtype::U8,
                DType::I8 => safetensors::Dtype::I8,
                _ => safetensors::Dtype::F32,
            };
            entries.push((format!("{name}/in/{index}"), dtype, input.shape().to_vec(), input.to_le_bytes()));
        }
    }
    let views = entries.iter().map(|(name, dtype, shape, bytes)| {
        (name.clone(), TensorView::new(*dtype, shape.clone(), bytes).expect("as many bytes as the shape says"))
    });
    let bytes = safetensors::serialize(views.collect::<BTreeMap<_, _>>(), None).expect("valid tensors");
    std::fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(DATA), bytes).expect("a folder of the project");
}

#[test]
fn what_is_exported_computes_the_same_in_onnx_runtime_and_here() {
    let exported = graphs::exported();
    if std::env::var_os("FOURFOLD_WRITE_EXPORTS").is_some() {
        return write(&exported);
    }
    let mut cases = cases::cases("exports");
    for Exported { name, form, graph, inputs } in exported {
        let case = cases.remove(name).unwrap_or_else(|| panic!("{name} is not among the data"));
        let bytes = export_as(&graph, form).unwrap_or_else(|error| panic!("{name}: {error}"));
        let [written, known] =
            [&bytes, &case.model].map(|bytes| ModelProto::decode(bytes.as_slice()).expect("a model"));
        assert_eq!((&written.opset_import, &written.graph), (&known.opset_import, &known.graph), "{name}");
        assert_eq!(inputs, case.inputs, "{name}");
        let found = run(&graph, &inputs);
        let back = import(&bytes, &Limits::default()).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(run(&back, &inputs), found, "{name} read again");
        assert_eq!(found.len(), case.outputs.len(), "{name}");
        for (found, expected) in found.iter().zip(&case.outputs) {
            assert_eq!((found.dtype(), found.shape()), (expected.dtype(), expected.shape()), "{name}");
            if let (true, Ok(found), Ok(expected)) =
                (ROUNDED.contains(&name), found.as_slice::<f32>(), expected.as_slice::<f32>())
            {
                assert!(is_close(found, expected, 1e-6, 1e-5), "{name}: {found:?} instead of {expected:?}");
            } else {
                assert_eq!(found, expected, "{name}");
            }
        }
    }
    assert!(cases.is_empty(), "data without a graph: {:?}", cases.keys());
}

/// The operators of a file and how often each is there.
fn operators(exported: &Exported) -> BTreeMap<String, usize> {
    let bytes = export_as(&exported.graph, exported.form).expect("a form");
    let graph = ModelProto::decode(bytes.as_slice()).expect("a model").graph.expect("a graph");
    let mut count = BTreeMap::new();
    graph.node.into_iter().for_each(|node| *count.entry(node.op_type).or_default() += 1);
    count
}

#[test]
fn functions_of_codes_have_operators_on_codes() {
    let exported = graphs::exported();
    let expected = [
        ("functions_u8", "QLinearSigmoid QLinearLeakyRelu QLinearMul QLinearAdd"),
        ("functions_i8", "QLinearSigmoid QLinearLeakyRelu QLinearMul QLinearAdd"),
        ("attention_u8", "QLinearMatMul QLinearMatMul QLinearSoftmax QGemm QGemm QGemm"),
        ("pooled_u8", "QLinearConv QLinearConcat QLinearAveragePool QLinearGlobalAveragePool"),
    ];
    for (name, names) in expected {
        let count = operators(exported.iter().find(|exported| exported.name == name).expect("a graph of that name"));
        let mut wanted: BTreeMap<String, usize> = BTreeMap::new();
        names.split(' ').for_each(|name| *wanted.entry(name.to_owned()).or_default() += 1);
        let on_codes = count.iter().filter(|(name, _)| name.starts_with("QLinear") || *name == "QGemm");
        assert_eq!(on_codes.map(|(name, count)| (name.clone(), *count)).collect::<BTreeMap<_, _>>(), wanted, "{name}");
    }
}
