//! Synthetic networks of any number of nodes with tiny tensors, so that the time per node dominates.

use fourfold::graph::{
    Activation, Add, BatchNorm, Binary, Concat, Conv, Dim, Error, Gather, Graph, GraphBuilder, Linear, MAX_CONCAT, Op,
    OpKind, Slice, Unary, ValueId, ValueType, Window,
};
use fourfold::tensor::{DType, Tensor};

/// Builds a network of about the given number of nodes.
pub type Network = fn(usize) -> Result<Graph, Error>;

/// The networks, by name.
pub const NETWORKS: [(&str, Network); 21] = [
    ("chain of Relu", |nodes| chain(nodes, |builder, name, x| builder.relu(name, x))),
    ("chain of Sigmoid", |nodes| chain(nodes, |builder, name, x| builder.node(name, Op::Unary(Unary::Sigmoid), &[x]))),
    ("chain of Identity", |nodes| chain(nodes, |builder, name, x| builder.node(name, Op::Identity, &[x]))),
    ("chain of Linear", |nodes| chain(nodes, |builder, name, x| builder.linear(name, x, mean()?, None))),
    ("chain of Linear and Relu", |nodes| {
        chain(nodes / 2, |builder, name, x| {
            let y = builder.linear(name, x, mean()?, Some(filled(&[4], 0.0)?))?;
            builder.relu(&format!("{name}.relu"), y)
        })
    }),
    ("chain of Conv, BatchNorm and Relu", convolutions),
    ("one weight, applied again and again", tied_weights),
    ("chain of squares", |nodes| chain(nodes, |builder, name, x| builder.node(name, MUL, &[x, x]))),
    ("chain of Add with a constant", |nodes| {
        chain(nodes, |builder, name, x| {
            let number = builder.constant(&format!("{name}.number"), filled(&[1], 0.5)?)?;
            builder.node(name, ADD, &[x, number])
        })
    }),
    ("residual blocks", |nodes| {
        chain(nodes / 3, |builder, name, x| {
            let y = builder.linear(&format!("{name}.linear"), x, filled(&[4, 4], -0.25)?, None)?;
            let z = builder.relu(&format!("{name}.relu"), y)?;
            builder.node(name, ADD, &[x, z])
        })
    }),
    ("written-out GELU", gelus),
    ("star, joined by Concat", |nodes| {
        joined(nodes, |builder, name, x| builder.node(name, Op::Unary(Unary::Tanh), &[x]))
    }),
    ("star of Linear, joined by Concat", |nodes| {
        joined(nodes, |builder, name, x| builder.linear(name, x, mean()?, None))
    }),
    ("branches, all made before they are added", branches),
    ("first value added at the end", nested),
    ("one output for each node", outputs),
    ("one input for each node", inputs),
    ("one symbol for each node", symbols),
    ("sizes computed from symbols", sizes),
    ("rows chosen from one table", rows),
    ("slices of one value", slices),
];

const ADD: Op = Op::Add(Add { activation: Activation::None });

const MUL: Op = Op::Binary(Binary::Mul);

/// A tensor filled with one number.
fn filled(shape: &[usize], number: f32) -> Result<Tensor, Error> {
    Ok(Tensor::from_vec(shape, vec![number; shape.iter().product()])?)
}

/// A weight with which a layer computes the mean of its input.
fn mean() -> Result<Tensor, Error> {
    filled(&[4, 4], 0.25)
}

fn input(builder: &mut GraphBuilder) -> Result<ValueId, Error> {
    builder.input("x", ValueType::f32(&[Dim::symbol("batch"), 4.into()]))
}

fn name(number: usize) -> String {
    format!("model.encoder.layers.{number}")
}

/// Adds one node or several that read a value.
type Step = fn(&mut GraphBuilder, &str, ValueId) -> Result<ValueId, Error>;

fn chain(steps: usize, step: Step) -> Result<Graph, Error> {
    let mut builder = GraphBuilder::new("chain");
    let mut x = input(&mut builder)?;
    for number in 0..steps {
        x = step(&mut builder, &name(number), x)?;
    }
    builder.output(x);
    builder.finish()
}

fn convolutions(nodes: usize) -> Result<Graph, Error> {
    let mut builder = GraphBuilder::new("convolutions");
    let mut x = builder.input("x", ValueType::f32(&[Dim::symbol("batch"), 2.into(), 3.into(), 3.into()]))?;
    for number in 0..nodes / 3 {
        let name = name(number);
        let op = Op::Conv(Conv::new(Window::new(&[3, 3]).with_padding(1), 1));
        let weight = builder.constant(&format!("{name}.weight"), filled(&[2, 2, 3, 3], 1.0 / 18.0)?)?;
        let y = builder.node(&name, op, &[x, weight])?;
        let mut operands = vec![y];
        for (suffix, number) in [("scale", 1.0), ("bias", 0.5), ("mean", 0.25), ("variance", 1.0)] {
            operands.push(builder.constant(&format!("{name}.norm.{suffix}"), filled(&[2], number)?)?);
        }
        let z = builder.node(&format!("{name}.norm"), Op::BatchNorm(BatchNorm { epsilon: 1e-5 }), &operands)?;
        x = builder.relu(&format!("{name}.relu"), z)?;
    }
    builder.output(x);
    builder.finish()
}

fn tied_weights(nodes: usize) -> Result<Graph, Error> {
    let mut builder = GraphBuilder::new("tied");
    let mut x = input(&mut builder)?;
    let weight = builder.constant("weight", mean()?)?;
    for number in 0..nodes {
        let max = 1.0 + f32::from(u16::try_from(number % 60_000).unwrap_or(0));
        let linear = Linear { activation: Activation::Clamp { min: 0.0, max }, dynamic: None };
        x = builder.node(&name(number), Op::Linear(linear), &[x, weight])?;
    }
    builder.output(x);
    builder.finish()
}

/// A chain of `x * (erf(x / sqrt(2)) + 1) * 0.5 + 1`.
fn gelus(nodes: usize) -> Result<Graph, Error> {
    let mut builder = GraphBuilder::new("gelus");
    let mut x = input(&mut builder)?;
    let number = |number: f32| Ok::<_, Error>(Tensor::from_vec(&[], vec![number])?);
    let root = builder.constant("root", number(core::f32::consts::SQRT_2)?)?;
    let (one, half) = (builder.constant("one", number(1.0)?)?, builder.constant("half", number(0.5)?)?);
    for index in 0..nodes / 6 {
        let mut node =
            |suffix: &str, op: Op, inputs: &[ValueId]| builder.node(&format!("{}.{suffix}", name(index)), op, inputs);
        let scaled = node("scaled", Op::Binary(Binary::Div), &[x, root])?;
        let erf = node("erf", Op::Unary(Unary::Erf), &[scaled])?;
        let sum = node("sum", ADD, &[erf, one])?;
        let product = node("product", MUL, &[x, sum])?;
        let gelu = node("half", MUL, &[product, half])?;
        x = node("more", ADD, &[gelu, one])?;
    }
    builder.output(x);
    builder.finish()
}

/// Many results of one value, concatenated level by level.
fn joined(nodes: usize, step: Step) -> Result<Graph, Error> {
    let mut builder = GraphBuilder::new("joined");
    let x = input(&mut builder)?;
    let mut parts = (0..nodes).map(|number| step(&mut builder, &name(number), x)).collect::<Result<Vec<_>, _>>()?;
    let mut level = 0;
    while parts.len() > 1 {
        let join = |(number, group): (usize, &[ValueId])| {
            builder.node(&format!("join.{level}.{number}"), Op::Concat(Concat { axis: 1 }), group)
        };
        parts = parts.chunks(MAX_CONCAT).enumerate().map(join).collect::<Result<_, _>>()?;
        level += 1;
    }
    parts.into_iter().for_each(|id| builder.output(id));
    builder.finish()
}

/// Values that all stay alive until a chain of sums reads them one by one.
fn branches(nodes: usize) -> Result<Graph, Error> {
    let mut builder = GraphBuilder::new("branches");
    let x = input(&mut builder)?;
    let node = |number: usize| builder.node(&name(number), Op::Unary(Unary::Exp), &[x]);
    let branches = (0..nodes / 2).map(node).collect::<Result<Vec<_>, _>>()?;
    let mut sum = x;
    for (number, branch) in branches.into_iter().enumerate() {
        sum = builder.node(&format!("sum.{number}"), ADD, &[sum, branch])?;
    }
    builder.output(sum);
    builder.finish()
}

/// Values that are added in reverse order, like the skip connections of a U-Net.
fn nested(nodes: usize) -> Result<Graph, Error> {
    let mut builder = GraphBuilder::new("nested");
    let mut x = input(&mut builder)?;
    let mut values = Vec::new();
    for number in 0..nodes / 2 {
        x = builder.linear(&name(number), x, mean()?, None)?;
        values.push(x);
    }
    for (number, value) in values.into_iter().enumerate().rev() {
        x = builder.node(&format!("sum.{number}"), ADD, &[x, value])?;
    }
    builder.output(x);
    builder.finish()
}

fn outputs(nodes: usize) -> Result<Graph, Error> {
    let mut builder = GraphBuilder::new("outputs");
    let mut x = input(&mut builder)?;
    for number in 0..nodes {
        x = builder.relu(&name(number), x)?;
        builder.output(x);
    }
    builder.finish()
}

fn inputs(nodes: usize) -> Result<Graph, Error> {
    let mut builder = GraphBuilder::new("inputs");
    let mut sum = input(&mut builder)?;
    let ty = builder.value(sum).ty().clone();
    for number in 0..nodes {
        let x = builder.input(&format!("x.{number}"), ty.clone())?;
        sum = builder.node(&name(number), ADD, &[sum, x])?;
    }
    builder.output(sum);
    builder.finish()
}

fn symbols(nodes: usize) -> Result<Graph, Error> {
    let mut builder = GraphBuilder::new("symbols");
    for number in 0..nodes {
        let dims = [Dim::symbol(&format!("batch.{number}")), 4.into()];
        let x = builder.input(&format!("x.{number}"), ValueType::f32(&dims))?;
        let y = builder.relu(&name(number), x)?;
        builder.output(y);
    }
    builder.finish()
}

/// Shapes computed from several symbols. In an ONNX file each takes about eight nodes of shape arithmetic.
fn sizes(nodes: usize) -> Result<Graph, Error> {
    let mut builder = GraphBuilder::new("sizes");
    for number in 0..nodes / 8 {
        let dims = [Dim::symbol(&format!("batch.{number}")), Dim::symbol(&format!("length.{number}")), 4.into()];
        let x = builder.input(&format!("x.{number}"), ValueType::f32(&dims))?;
        let op = fourfold::graph::Reshape::resolve(&[-1, 2], &dims)
            .map(Op::Reshape)
            .map_err(|problem| Error::Node { node: name(number), kind: OpKind::Reshape, problem: Box::new(problem) })?;
        let y = builder.node(&name(number), op, &[x])?;
        builder.output(y);
    }
    builder.finish()
}

fn rows(nodes: usize) -> Result<Graph, Error> {
    let mut builder = GraphBuilder::new("rows");
    let indices = builder.input("indices", ValueType::plain(DType::I64, &[Dim::symbol("batch")]))?;
    let table = builder.constant("table", mean()?)?;
    for number in 0..nodes {
        let y = builder.node(&name(number), Op::Gather(Gather { axis: 0 }), &[table, indices])?;
        builder.output(y);
    }
    builder.finish()
}

fn slices(nodes: usize) -> Result<Graph, Error> {
    let mut builder = GraphBuilder::new("slices");
    let x = builder.input("x", ValueType::f32(&[Dim::symbol("batch"), nodes.into()]))?;
    for number in 0..nodes {
        let start = i64::try_from(number).unwrap_or(0);
        let y = builder.node(&name(number), Op::Slice(Slice { axis: 1, start, step: 1, length: 1.into() }), &[x])?;
        builder.output(y);
    }
    builder.finish()
}
