//! The workflow on small graphs.

mod bias;
mod cancelled;
mod dynamic;
mod embedding;
mod empty;
mod equalize;
mod floats;
mod fuse;
mod joins;
mod outputs;
mod saved;
mod statically;
mod suits;

use fourfold_graph::{Add, BatchNorm, Dim, Flatten, Graph, GraphBuilder, Op, ValueId, ValueType, Window};
use fourfold_tensor::Tensor;
use fourfold_testing::{noise, run};

/// A builder with one input `x: [batch, 2, 6, 6]`.
fn images(builder: &mut GraphBuilder) -> ValueId {
    builder.input("x", ValueType::f32(&[Dim::symbol("batch"), 2.into(), 6.into(), 6.into()])).expect("a valid input")
}

fn conv(builder: &mut GraphBuilder, name: &str, x: ValueId, seed: u32) -> ValueId {
    let channels = builder.value(x).ty().dims()[1].fixed().expect("a known size");
    let (weight, bias) = (noise(&[4, channels, 3, 3], seed), noise(&[4], seed + 1));
    builder.conv(name, x, Window::new(&[3, 3]).with_padding(1), 1, weight, Some(bias)).expect("a valid convolution")
}

fn batch_norm(builder: &mut GraphBuilder, name: &str, x: ValueId) -> ValueId {
    let mut inputs = vec![x];
    for (index, part) in ["scale", "bias", "mean", "variance"].into_iter().enumerate() {
        let mut values = noise(&[4], 90 + u32::try_from(index).expect("small"));
        if part == "variance" {
            values.as_mut_slice::<f32>().expect("f32").iter_mut().for_each(|value| *value = value.abs() + 0.1);
        }
        inputs.push(builder.constant(&format!("{name}.{part}"), values).expect("valid"));
    }
    builder.node(name, Op::BatchNorm(BatchNorm { epsilon: 1e-5 }), &inputs).expect("valid")
}

/// conv1 - bn - relu1 - conv2 - sum with relu1 - relu2 - pool - flat - fc.
pub(crate) fn network() -> Graph {
    let mut builder = GraphBuilder::new("network");
    let x = images(&mut builder);
    let first = conv(&mut builder, "conv1", x, 1);
    let normal = batch_norm(&mut builder, "bn", first);
    let trunk = builder.relu("relu1", normal).expect("valid");
    let branch = conv(&mut builder, "conv2", trunk, 3);
    let sum = builder
        .node("sum", Op::Add(Add { activation: fourfold_graph::Activation::None }), &[branch, trunk])
        .expect("valid");
    let sum = builder.relu("relu2", sum).expect("valid");
    let pool = builder.node("pool", Op::MaxPool(Window::new(&[2, 2]).with_stride(2)), &[sum]).expect("valid");
    let flat = builder.node("flat", Op::Flatten(Flatten { axis: 1 }), &[pool]).expect("valid");
    let y = builder.linear("fc", flat, noise(&[3, 36], 5), Some(noise(&[3], 6))).expect("valid");
    builder.output(y);
    builder.finish().expect("a valid graph")
}

/// The floats of the first output of `graph` for `x`.
fn run_floats(graph: &Graph, x: &Tensor) -> Vec<f32> {
    run(graph, std::slice::from_ref(x))[0].as_slice::<f32>().expect("f32").to_vec()
}

/// The names and operators of the nodes.
fn nodes(graph: &Graph) -> Vec<String> {
    graph.nodes().iter().map(|node| format!("{} {}", node.name(), node.op().kind())).collect()
}
