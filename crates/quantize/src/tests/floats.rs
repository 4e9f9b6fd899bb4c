//! Models whose inputs and outputs are floats of another type than `f32`.

use fourfold_graph::{Cast, CastTo, Dim, Graph, GraphBuilder, Op, OpKind, ValueType};
use fourfold_tensor::{DType, Tensor};
use fourfold_testing::{noise, run};

use crate::{Comparison, Error, QConfig, correct_bias, fuse, prepare, quantize_dynamic};

/// A layer and a ReLU between conversions of `x: [n, 4]` and `y: [n, 3]`; without them for `f32`.
fn layer(dtype: DType) -> Graph {
    let mut builder = GraphBuilder::new("layer");
    let x = builder.input("x", ValueType::plain(dtype, &[Dim::symbol("n"), 4.into()])).expect("valid");
    let convert = |builder: &mut GraphBuilder, name: &str, x, to| match dtype {
        DType::F32 => x,
        _ => builder.node(name, Op::Cast(Cast { to }), &[x]).expect("a conversion"),
    };
    let float = convert(&mut builder, "x.float", x, CastTo::F32);
    let sums = builder.linear("layer", float, noise(&[3, 4], 1), Some(noise(&[3], 2))).expect("valid");
    let positive = builder.relu("positive", sums).expect("valid");
    let y = convert(&mut builder, "y", positive, CastTo::of(dtype));
    builder.output(y);
    fuse(&builder.finish().expect("valid")).expect("a float graph")
}

#[test]
fn they_are_quantized_as_in_single_precision() {
    let batch = |dtype| noise(&[16, 4], 3).to_float(dtype).expect("floats");
    for dtype in [DType::F16, DType::BF16, DType::F64] {
        // What the layer sees is what the input holds.
        let seen = batch(dtype).to_float(DType::F32).expect("floats");
        let quantized = [(layer(dtype), batch(dtype)), (layer(DType::F32), seen)].map(|(graph, batch)| {
            let mut calibration = prepare(&graph, QConfig::fourfold()).expect("a float graph");
            calibration.observe(std::slice::from_ref(&batch)).expect("a batch");
            let quantized = calibration.convert().expect("calibrated");
            let corrected = correct_bias(&graph, &quantized, &[vec![batch.clone()]]).expect("corrected");
            let mut comparison = Comparison::new(&graph, corrected.graph()).expect("two graphs");
            comparison.observe(std::slice::from_ref(&batch)).expect("a batch");
            let output = graph.value(graph.outputs()[0]).name().to_owned();
            assert!(comparison.sqnr_db(&output).expect("compared") > 25.0, "{dtype}");
            let y = run(corrected.graph(), &[batch]).remove(0);
            let layers: Vec<OpKind> = corrected.layers().iter().map(|layer| layer.operator).collect();
            assert_eq!(layers, [OpKind::Linear], "conversions are no layers");
            y
        });
        let [found, expected] = quantized;
        assert_eq!(Ok(found), expected.to_float(dtype), "{dtype}");
        let dynamic = quantize_dynamic(&layer(dtype), &[OpKind::Linear], DType::I8).expect("a float graph");
        assert_eq!(dynamic.layers().len(), 1);
        assert_eq!(run(dynamic.graph(), &[batch(dtype)])[0].dtype(), dtype);
    }
}

#[test]
fn inputs_that_are_no_numbers_are_refused_by_their_name() {
    for dtype in [DType::F16, DType::BF16, DType::F64] {
        let mut calibration = prepare(&layer(dtype), QConfig::fourfold()).expect("a float graph");
        for number in [f32::NAN, f32::INFINITY] {
            let batch = Tensor::from_vec(&[1, 4], vec![0.5_f32, number, 1.0, 2.0]).expect("four");
            let refused = calibration.observe(&[batch.to_float(dtype).expect("floats")]);
            assert!(matches!(refused, Err(Error::Observe { value, .. }) if value == "x"), "{dtype} {number}");
        }
        assert!(matches!(calibration.convert(), Err(Error::NotCalibrated)));
    }
}
