//! Tables of embeddings.

use fourfold_graph::{Dim, Gather, Graph, GraphBuilder, Op, OpKind, ValueId, ValueType};
use fourfold_tensor::{DType, Tensor};
use fourfold_testing::{noise, run};

use crate::{Decision, Error, QConfig, QConfigMapping, quantize_dynamic_with, quantize_embedding};

const CHOOSE: Op = Op::Gather(Gather { axis: 0 });

/// Rows of a table, chosen and multiplied.
fn model(more: impl FnOnce(&mut GraphBuilder, ValueId)) -> Graph {
    let mut builder = GraphBuilder::new("embedding");
    let x = builder.input("x", ValueType::plain(DType::I64, &[Dim::symbol("n")])).expect("valid");
    let mut rows = noise(&[7, 5], 3);
    let elements = rows.as_mut_slice::<f32>().expect("f32");
    elements[5..10].fill(0.0);
    elements[10..15].iter_mut().for_each(|x| *x = x.abs() * 100.0 + 50.0);
    let table = builder.constant("table", rows).expect("valid");
    let chosen = builder.node("chosen", CHOOSE, &[table, x]).expect("valid");
    let again = builder.node("again", CHOOSE, &[table, x]).expect("valid");
    let y = builder.linear("fc", chosen, noise(&[3, 5], 4), None).expect("valid");
    for id in [chosen, again, y] {
        builder.output(id);
    }
    more(&mut builder, table);
    builder.finish().expect("valid")
}

fn rows(graph: &Graph) -> Vec<Vec<f32>> {
    let all = Tensor::from_vec(&[8], vec![0_i64, 1, 2, 3, 4, 5, -1, 2]).expect("eight");
    let outputs = run(graph, &[all]);
    assert_eq!(outputs[0], outputs[1]);
    outputs[0].as_slice::<f32>().expect("f32").chunks(5).map(<[f32]>::to_vec).collect()
}

#[test]
fn every_row_is_within_half_a_step() {
    let graph = model(|_, _| {});
    let float = rows(&graph);
    let presets =
        [(QConfig::float_qparams_weight_only(), 255, 255.0), (QConfig::float_qparams_weight_only_4bit(), 15, 15.0)];
    for (qconfig, largest, q_max) in presets {
        let quantized = quantize_embedding(&graph, qconfig).expect("a table");
        let decisions = quantized.layers().iter().map(|layer| layer.decision);
        assert_eq!(decisions.collect::<Vec<_>>(), [Decision::Dynamic, Decision::Dynamic, Decision::Float]);
        let tables = quantized.graph().values().iter().filter(|value| value.name().starts_with("table"));
        let tables: Vec<_> = tables.collect();
        let [table] = tables[..] else { panic!("one table for both: {tables:?}") };
        let params = table.ty().params().expect("quantized");
        assert_eq!((params.dtype(), params.quant_max(), params.scales().len()), (DType::U8, largest, 7));
        for (row, (actual, expected)) in rows(quantized.graph()).iter().zip(&float).enumerate() {
            let low = expected.iter().fold(0.0_f32, |low, &x| low.min(x));
            let high = expected.iter().fold(0.0_f32, |high, &x| high.max(x));
            let step = (high - low) / q_max;
            for (actual, expected) in actual.iter().zip(expected) {
                assert!((actual - expected).abs() <= step * 0.5001, "row {row}: {actual}, {expected}, step {step}");
            }
        }
    }
}

#[test]
fn tables_and_layers_at_once() {
    let mapping = QConfigMapping::new(QConfig::fourfold())
        .set_object_type(OpKind::Gather, QConfig::float_qparams_weight_only_4bit());
    let quantized = quantize_dynamic_with(&model(|_, _| {}), mapping).expect("a table and a layer");
    assert!(quantized.layers().iter().all(|layer| layer.decision == Decision::Dynamic));
    let tables = quantize_dynamic_with(&model(|_, _| {}), QConfig::float_qparams_weight_only()).expect("a table");
    assert_eq!(tables.layers()[2].reason, "its configuration is for tables of embeddings");
    let layers = quantize_dynamic_with(&model(|_, _| {}), QConfig::fourfold()).expect("a layer");
    assert_eq!(layers.layers()[0].reason, "its configuration is not for tables of embeddings");
}

#[test]
fn what_is_no_table_stays_float() {
    let shared = model(|builder, table| {
        let sum = builder.node("sum", Op::Relu, &[table]).expect("valid");
        builder.output(sum);
    });
    let quantized = quantize_embedding(&shared, QConfig::float_qparams_weight_only()).expect("nothing to do");
    assert!(!quantized.graph().is_quantized());
    assert!(quantized.layers()[0].reason.contains("read by other operators too"));
    let columns = model(|builder, _| {
        let x = builder.input("z", ValueType::f32(&[4.into(), 2.into()])).expect("valid");
        let numbers = builder.constant("numbers", Tensor::from_vec(&[1], vec![1_i64]).expect("one")).expect("valid");
        let chosen = builder.node("columns", Op::Gather(Gather { axis: 1 }), &[x, numbers]).expect("valid");
        builder.output(chosen);
    });
    let quantized = quantize_embedding(&columns, QConfig::float_qparams_weight_only()).expect("a table");
    assert_eq!(quantized.layers()[3].reason, "it does not choose rows of a constant table");
    let refused = quantize_embedding(&columns, QConfig::fourfold());
    assert!(matches!(refused, Err(Error::Config { part: "weight scheme", .. })));
    let mut with_nan = GraphBuilder::new("nan");
    let x = with_nan.input("x", ValueType::plain(DType::I64, &[Dim::symbol("n")])).expect("valid");
    let table = Tensor::from_vec(&[2, 1], vec![1.0, f32::NAN]).expect("two");
    let table = with_nan.constant("table", table).expect("valid");
    let y = with_nan.node("y", CHOOSE, &[table, x]).expect("valid");
    with_nan.output(y);
    let refused = quantize_embedding(&with_nan.finish().expect("valid"), QConfig::float_qparams_weight_only());
    assert!(matches!(refused, Err(Error::Weight { node, .. }) if node == "y"));
}
