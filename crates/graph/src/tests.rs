//! Tests of building, inference and validation.

use fourfold_schemes::{QuantParams, Scale};
use fourfold_tensor::{DType, Tensor};

use crate::*;

/// An operator, the shape of its input without the batch, the shapes of its constants, and what is expected.
type Case<'a> = (Op, &'a [usize], &'a [&'a [usize]], &'a str);

fn zeros(shape: &[usize]) -> Tensor {
    Tensor::zeros(DType::F32, shape).expect("small")
}

fn u8_params() -> QuantParams {
    QuantParams::per_tensor(DType::U8, (0, 255), Scale::ONE, 0).expect("valid")
}

/// The shape of `op`'s result for one float input and float constants.
fn shape(op: Op, x: &[Dim], constants: &[&[usize]]) -> Result<String, Error> {
    let mut builder = GraphBuilder::new("test");
    let mut inputs = vec![builder.input("x", ValueType::f32(x))?];
    for (index, shape) in constants.iter().enumerate() {
        inputs.push(builder.constant(&format!("c{index}"), zeros(shape))?);
    }
    let y = builder.node("y", op, &inputs)?;
    Ok(builder.value(y).ty().to_string())
}

fn dims(sizes: &[usize]) -> Vec<Dim> {
    let batch = Dim::symbol("n");
    core::iter::once(batch).chain(sizes.iter().map(|&size| Dim::Fixed(size))).collect()
}

fn conv(window: Window, groups: usize) -> Op {
    Op::Conv(Conv::new(window, groups))
}

fn reshape(target: &[i64], x: &[usize]) -> Op {
    Reshape::resolve(target, &dims(x)).map(Op::Reshape).expect("valid")
}

#[test]
fn sizes_of_pytorch_that_do_not_fit_are_refused() {
    let image = dims(&[4, 8, 8]);
    for (target, word) in
        [(&[-1, -1][..], "-1 once"), (&[0, 5, -1], "leaves no size for -1"), (&[0, 4, 8, 8, 0], "axis 4")]
    {
        let problem = Reshape::resolve(target, &image).map(Op::Reshape).expect_err(word);
        assert!(problem.to_string().contains(word), "{problem}");
    }
    let joined = Reshape::resolve(&[-1, 8], &image).map(Op::Reshape).expect("32 * n");
    assert_eq!(shape(joined, &image, &[]).as_deref(), Ok("f32[32*n, 8]"));
}

#[test]
fn shapes_follow_the_operators_that_choose_and_repeat() {
    let image: &[usize] = &[4, 8];
    let slice = |axis, start, step, length: Dim| Op::Slice(Slice { axis, start, step, length });
    let pad = |begin: &[usize], mode| Op::Pad(Pad { begin: begin.to_vec(), end: vec![0, 0, 1], mode });
    let resize = |scales: &[f32], sizes: &[Option<usize>]| {
        let (interpolation, coordinates) = (Interpolation::Linear, Coordinates::HalfPixel);
        Op::Resize(Resize { scales: scales.to_vec(), sizes: sizes.to_vec(), interpolation, coordinates })
    };
    let recurrent =
        |cell, direction, with_cell_state| Op::Recurrent(Recurrent { cell, direction, with_cell_state, dynamic: None });
    let top = TopK { axis: 2, count: 3, largest: true, result: TopKResult::Indices };
    let table: [Case; 18] = [
        (slice(1, -2, 1, 2.into()), image, &[], "f32[n, 2, 8]"),
        (slice(2, 6, -2, 4.into()), image, &[], "f32[n, 4, 4]"),
        (slice(0, 0, 1, Dim::symbol("m")), image, &[], "f32[m, 4, 8]"),
        (Op::Expand(Expand { dims: dims(&[4, 8]) }), &[1, 8], &[], "f32[n, 4, 8]"),
        (pad(&[0, 1, 2], PadMode::Constant(0.5)), image, &[], "f32[n, 5, 11]"),
        (pad(&[0, 3, 7], PadMode::Reflect), image, &[], "f32[n, 7, 16]"),
        (resize(&[1.0, 2.0, 1.5], &[None; 3]), image, &[], "f32[n, 8, 12]"),
        (resize(&[1.0, 1.0, 1.0], &[None, None, Some(5)]), image, &[], "f32[n, 4, 5]"),
        (Op::Concat(Concat { axis: 2 }), &[], &[], "axis 2"),
        (Op::TopK(top), image, &[], "i64[n, 4, 3]"),
        (Op::ArgExtreme(ArgExtreme { axis: 1, keep: true, largest: true, last: false }), image, &[], "i64[n, 1, 8]"),
        (Op::CumSum(CumSum { axis: 1, exclusive: false, reverse: true }), image, &[], "f32[n, 4, 8]"),
        (Op::Compare(Comparison::Less), image, &[&[8]], "bool[n, 4, 8]"),
        (Op::Cast(Cast { to: CastTo::Bool }), image, &[], "bool[n, 4, 8]"),
        (Op::Cast(Cast { to: CastTo::U8 }), image, &[], "u8[n, 4, 8]"),
        (Op::Cast(Cast { to: CastTo::BF16 }), image, &[], "bf16[n, 4, 8]"),
        (
            recurrent(Cell::Lstm, Direction::Bidirectional, true),
            image,
            &[&[40, 8], &[40, 5], &[2, 40]],
            "f32[n, 2, 4, 10]",
        ),
        (recurrent(Cell::Gru, Direction::Forward, false), image, &[&[15, 8], &[15, 5], &[2, 15]], "f32[n, 1, 4, 5]"),
    ];
    for (op, x, constants, expected) in table {
        let kind = op.kind();
        match shape(op, &dims(x), constants) {
            Ok(ty) => assert_eq!(ty, expected, "{kind}"),
            Err(error) => assert!(error.to_string().contains(expected), "{kind}: {error}"),
        }
    }
}

#[test]
fn selections_that_do_not_fit_are_refused() {
    let image: &[usize] = &[4, 8];
    let slice = |start, step, length: usize| Op::Slice(Slice { axis: 1, start, step, length: length.into() });
    let recurrent = Op::Recurrent(Recurrent {
        cell: Cell::Gru,
        direction: Direction::Forward,
        with_cell_state: true,
        dynamic: None,
    });
    let transposed = |stride: usize, output_padding: usize| {
        let window = Window::new(&[3]).with_stride(stride);
        Op::ConvTranspose(ConvTranspose {
            window,
            output_padding: vec![output_padding],
            groups: 2,
            activation: Activation::None,
        })
    };
    let wrap = Pad { begin: vec![0, 5, 0], end: vec![0; 3], mode: PadMode::Wrap };
    let table: [Case; 12] = [
        (slice(0, 1, 5), image, &[], "5 elements"),
        (slice(-5, 1, 1), image, &[], "elements from -5"),
        (slice(3, -1, 5), image, &[], "elements from 3"),
        (slice(0, 0, 1), image, &[], "step"),
        (Op::Expand(Expand { dims: dims(&[3, 8]) }), image, &[], "broadcast"),
        (Op::Expand(Expand { dims: dims(&[1, 8]) }), image, &[], "not repeated"),
        (Op::Pad(wrap), image, &[], "padding of 5"),
        (Op::Where, image, &[&[8], &[8]], "bool"),
        (Op::Gather(Gather { axis: 0 }), image, &[&[8]], "i64"),
        (recurrent, image, &[&[15, 8], &[15, 5], &[2, 15]], "only an LSTM"),
        (transposed(2, 2), image, &[&[4, 1, 3]], "output_padding"),
        (transposed(2, 1), image, &[&[6, 1, 3]], "6 channels"),
    ];
    for (op, x, constants, word) in table {
        let message = shape(op, &dims(x), constants).expect_err(word).to_string();
        assert!(message.contains(word) && message.contains("`y`"), "{message:?} does not name {word:?}");
    }
}

#[test]
fn shapes_follow_the_operators() {
    let same = Window::new(&[3, 3]).with_padding(1);
    let pool = AveragePool { window: Window::new(&[2]), count_include_pad: false };
    let table: [Case; 12] = [
        (conv(same.clone(), 1), &[4, 8, 8], &[&[6, 4, 3, 3], &[6]], "f32[n, 6, 8, 8]"),
        (conv(same.clone().with_stride(2), 4), &[4, 7, 8], &[&[8, 1, 3, 3]], "f32[n, 8, 4, 4]"),
        (conv(Window::new(&[2]), 1), &[3, 5], &[&[2, 3, 2]], "f32[n, 2, 4]"),
        (Op::MaxPool(Window::new(&[2, 2]).with_stride(2)), &[4, 7, 8], &[], "f32[n, 4, 3, 4]"),
        (Op::AveragePool(pool), &[4, 7], &[], "f32[n, 4, 6]"),
        (Op::GlobalAveragePool, &[4, 7, 8], &[], "f32[n, 4, 1, 1]"),
        (Op::Linear(Linear::default()), &[5, 4], &[&[3, 4], &[3]], "f32[n, 5, 3]"),
        (Op::Flatten(Flatten { axis: 1 }), &[4, 2, 2], &[], "f32[n, 16]"),
        (reshape(&[-1, 8, 2], &[4, 2, 2]), &[4, 2, 2], &[], "f32[n, 8, 2]"),
        (reshape(&[0, -1], &[4, 2, 2]), &[4, 2, 2], &[], "f32[n, 16]"),
        (Op::Transpose(Transpose { axes: vec![2, 0, 1] }), &[4, 2], &[], "f32[2, n, 4]"),
        (Op::Add(Add { activation: Activation::Relu }), &[4, 2], &[&[4, 1]], "f32[n, 4, 2]"),
    ];
    for (op, x, constants, expected) in table {
        let kind = op.kind();
        assert_eq!(shape(op, &dims(x), constants).as_deref(), Ok(expected), "{kind}");
    }
}

#[test]
fn nodes_that_do_not_fit_are_refused() {
    let window = Window::new(&[3, 3]);
    let with = |change: fn(&mut Window)| {
        let mut window = Window::new(&[3, 3]);
        change(&mut window);
        window
    };
    let image: &[usize] = &[4, 8, 8];
    let weight: &[&[usize]] = &[&[6, 4, 3, 3]];
    let table: [Case; 16] = [
        (conv(with(|window| window.stride[0] = 0), 1), image, weight, "stride"),
        (conv(with(|window| window.dilation[1] = 0), 1), image, weight, "dilation"),
        (conv(with(|window| window.pad_end.truncate(1)), 1), image, weight, "pad_end"),
        (conv(with(|window| window.stride[0] = 5000), 1), image, weight, "window"),
        (conv(window.clone(), 0), image, weight, "groups"),
        (conv(window.clone(), 4), image, weight, "groups"),
        (conv(window.clone(), 2), image, weight, "channels"),
        (conv(window.clone(), 1), &[4, 2, 8], weight, "larger than the padded input"),
        (conv(window.clone(), 1), image, &[&[6, 4, 3, 3], &[5]], "bias"),
        (conv(window.clone(), 1), image, &[], "operands"),
        (Op::MaxPool(window.with_padding(3)), image, &[], "padding"),
        (Op::Linear(Linear::default()), &[5], &[&[3, 4]], "input features"),
        (Op::Reshape(Reshape { dims: dims(&[4, 8]) }), image, &[], "shape"),
        (Op::Transpose(Transpose { axes: vec![0, 0, 1, 2] }), image, &[], "axes"),
        (Op::Softmax(Softmax { axis: 4 }), image, &[], "axis"),
        (Op::Clip(Clip { min: 1.0, max: 0.0 }), image, &[], "bounds"),
    ];
    for (op, x, constants, word) in table {
        let message = shape(op, &dims(x), constants).expect_err(word).to_string();
        assert!(message.contains(word) && message.contains("`y`"), "{message:?} does not name {word:?}");
    }
}

#[test]
fn windows_over_symbolic_sizes() {
    let image = [Dim::symbol("n"), 2.into(), Dim::symbol("h"), Dim::symbol("w")];
    let window = Window { stride: vec![2, 1], pad_end: vec![0, 1], ..Window::new(&[3, 3]).with_padding(1) };
    let free = |op: Op, constants: &[&[usize]]| shape(op, &image, constants);
    let conv = Op::Conv(Conv::new(window.clone(), 1));
    assert_eq!(free(conv, &[&[6, 2, 3, 3]]), Ok("f32[n, 6, floor(h/2), w]".to_owned()));
    assert_eq!(free(Op::MaxPool(window.clone()), &[]), Ok("f32[n, 2, floor(h/2), w]".to_owned()));
    assert_eq!(free(Op::GlobalAveragePool, &[]), Ok("f32[n, 2, 1, 1]".to_owned()));
    let up = ConvTranspose { window, output_padding: vec![1, 0], groups: 1, activation: Activation::None };
    assert_eq!(free(Op::ConvTranspose(up), &[&[2, 5, 3, 3]]), Ok("f32[n, 5, 2*h + 1, w]".to_owned()));
}

#[test]
fn quantized_results_need_parameters_and_quantized_operands() {
    let mut builder = GraphBuilder::new("test");
    let x = builder.input("x", ValueType::f32(&dims(&[4]))).expect("valid");
    let weight = builder.constant("w", zeros(&[3, 4])).expect("valid");
    let inputs = [x];
    let quantize = |params| NewNode { name: "q", output: "q", op: Op::Quantize, inputs: &inputs, params };
    let missing = builder.add(quantize(None)).expect_err("no parameters");
    assert!(missing.to_string().contains("needs parameters"), "{missing}");
    let q = builder.add(quantize(Some(u8_params()))).expect("valid");
    let linear = |inputs| NewNode {
        name: "fc",
        output: "fc",
        op: Op::Linear(Linear::default()),
        inputs,
        params: Some(u8_params()),
    };
    let float_weight = builder.add(linear(&[q, weight])).expect_err("a float weight");
    assert!(float_weight.to_string().contains("expected quantized i8 or u8"), "{float_weight}");
    assert!(builder.node("s", Op::Softmax(Softmax { axis: 0 }), &[q]).is_err());
    let relu = builder.relu("relu", q).expect("shares parameters");
    assert_eq!(builder.value(relu).ty().params(), Some(&u8_params()));
}

#[test]
fn sums_that_may_leave_i32_are_refused() {
    let depth = 70_000;
    let mut builder = GraphBuilder::new("test");
    let x = builder.input("x", ValueType::quantized(&dims(&[depth]), u8_params())).expect("valid");
    let params = QuantParams::per_tensor(DType::I8, (-127, 127), Scale::ONE, 0).expect("valid");
    let weight = Tensor::zeros(DType::I8, &[1, depth]).expect("small");
    let weight = builder.quantized_constant("w", weight, params).expect("valid");
    let new = NewNode {
        name: "fc",
        output: "fc",
        op: Op::Linear(Linear::default()),
        inputs: &[x, weight],
        params: Some(u8_params()),
    };
    let error = builder.add(new).expect_err("too deep");
    assert!(error.to_string().contains("at most 65793"), "{error}");
}

#[test]
fn names_outputs_and_limits_are_checked() {
    let ty = ValueType::f32(&dims(&[2]));
    let mut builder = GraphBuilder::with_limits("test", Limits { nodes: 1, ..Limits::default() });
    let x = builder.input("x", ty.clone()).expect("valid");
    assert_eq!(builder.input("x", ty.clone()), Err(Error::DuplicateName { name: "x".to_owned() }));
    assert!(matches!(builder.input("\u{1b}[2J", ty.clone()), Err(Error::Name { .. })));
    assert!(matches!(
        builder.input(&"x".repeat(5000), ty),
        Err(Error::Limit(LimitExceeded { name: "name-bytes", .. }))
    ));
    builder.relu("r", x).expect("the first node");
    assert!(matches!(builder.relu("s", x), Err(Error::Limit(LimitExceeded { name: "nodes", .. }))));
    assert_eq!(builder.unique_name("r"), "r_1");
    assert_eq!(builder.finish().map(|_| ()), Err(Error::NoOutputs));
}

#[test]
fn operators_compute_in_single_precision() {
    for dtype in [DType::F16, DType::BF16, DType::F64] {
        let mut builder = GraphBuilder::new("floats");
        let x = builder.input("x", ValueType::plain(dtype, &dims(&[2, 2]))).expect("valid");
        for op in
            [Op::Relu, Op::Flatten(Flatten { axis: 0 }), Op::Transpose(Transpose { axes: vec![2, 1, 0] }), Op::Quantize]
        {
            let refused = builder.node("refused", op, &[x]).expect_err("not in f32").to_string();
            assert!(refused.contains(&format!("{dtype}")) && refused.contains("f32, which a Cast makes"), "{refused}");
        }
        let same = builder.node("same", Op::Identity, &[x]).expect("as it is");
        let wide = builder.node("wide", Op::Cast(Cast { to: CastTo::F32 }), &[same]).expect("a conversion");
        let y = builder.node("y", Op::Relu, &[wide]).expect("f32");
        builder.output(y);
        assert!(builder.finish().is_ok());
    }
}
