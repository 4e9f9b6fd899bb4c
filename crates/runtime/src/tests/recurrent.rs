//! Recurrent layers: against plain loops, on every kernel, for every split of the batch.

use std::num::NonZeroUsize;
use std::sync::Arc;

use fourfold_graph::{Cell, Direction, Graph, GraphBuilder, Op, Recurrent};
use fourfold_kernels::Kernel;
use fourfold_schemes::{DynamicScheme, Granularity, QuantParams, Scale, dequantize, quantize, torch_dynamic_params};
use fourfold_tensor::{DType, Tensor};

use super::{assert_close, fixed, noise, run};
use crate::{Options, Plan, Session};

const CELLS: [Cell; 5] = [Cell::Lstm, Cell::Gru, Cell::GruResetBefore, Cell::Tanh, Cell::Relu];
const DIRECTIONS: [Direction; 3] = [Direction::Forward, Direction::Reverse, Direction::Bidirectional];

/// Sizes of a layer: steps, batch, features, hidden.
type Sizes = [usize; 4];

/// Rows of numbers as a layer reads them: themselves, or what their quantized values stand for.
#[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "8-bit numbers")]
fn read(x: &[f64], columns: usize, scheme: Option<DynamicScheme>) -> Vec<f64> {
    let Some(scheme) = scheme else { return x.to_vec() };
    let x: Vec<f32> = x.iter().map(|&x| x as f32).collect();
    let rows = if scheme == DynamicScheme::PerRow { columns } else { x.len() };
    let row = |row: &[f32]| {
        let (low, high) = row.iter().fold((0.0_f32, 0.0_f32), |(low, high), &x| (low.min(x), high.max(x)));
        let affine = |q_max: f32| {
            let scale = if high == low { 1.0 } else { (high - low) / q_max };
            (scale, (-low / scale).round_ties_even() as i32)
        };
        let q_max = if scheme == DynamicScheme::TorchPerTensor { 127.0 } else { 255.0 };
        let (scale, zero_point) = if q_max == 127.0 { torch_dynamic_params(low, high) } else { affine(q_max) };
        let scaled = move |x: f32| if q_max == 127.0 { x * (1.0 / scale) } else { x / scale };
        let quantize = move |x: f32| (scaled(x).round_ties_even() + zero_point as f32).clamp(0.0, q_max);
        row.iter().map(|&x| f64::from(quantize(x) - zero_point as f32) * f64::from(scale)).collect::<Vec<f64>>()
    };
    x.chunks(rows).flat_map(row).collect()
}

/// `x * weight^T + bias`, `x: [m, k]`.
fn product(x: &[f64], weight: &[f64], bias: &[f64]) -> Vec<f64> {
    let k = weight.len() / bias.len();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    x.chunks(k)
        .flat_map(|x| weight.chunks(k).zip(bias).map(|(row, bias)| dot(x, row) + bias).collect::<Vec<_>>())
        .collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// What one step makes of one row, from the products with input and hidden state.
fn cell(kind: Cell, a: &[f64], b: &[f64], h: &mut [f64], c: &mut [f64]) {
    let size = h.len();
    for j in 0..size {
        let [a, b] = [a, b].map(|gates| move |gate: usize| gates[gate * size + j]);
        let sum = |gate: usize| a(gate) + b(gate);
        let mix = |n: f64, h: f64| (1.0 - sigmoid(sum(1))) * n + sigmoid(sum(1)) * h;
        h[j] = match kind {
            Cell::Lstm => {
                c[j] = sigmoid(sum(1)) * c[j] + sigmoid(sum(0)) * sum(2).tanh();
                sigmoid(sum(3)) * c[j].tanh()
            }
            Cell::Gru => mix((a(2) + sigmoid(sum(0)) * b(2)).tanh(), h[j]),
            Cell::GruResetBefore => mix(sum(2).tanh(), h[j]),
            Cell::Tanh => sum(0).tanh(),
            Cell::Relu => sum(0).max(0.0),
        };
    }
}

/// The layer in plain loops; constants are floats.
fn reference(layer: &Recurrent, x: &Tensor, constants: &[Tensor], states: &[Tensor]) -> Tensor {
    let wide = |tensor: &Tensor| -> Vec<f64> {
        tensor.as_slice::<f32>().expect("f32").iter().copied().map(f64::from).collect()
    };
    let [steps, batch, features] = [0, 1, 2].map(|axis: usize| x.shape()[axis]);
    let size = constants[1].shape()[1];
    let (directions, width) = (layer.direction.count(), layer.cell.gates() * size);
    let [weight, recurrent, bias] = [0, 1, 2].map(|index: usize| wide(&constants[index]));
    let x = read(&wide(x), features, layer.dynamic);
    let result = if layer.with_cell_state { 2 * size } else { size };
    let mut out = vec![0.0; steps * directions * batch * result];
    for direction in 0..directions {
        let rows = direction * width..(direction + 1) * width;
        let a = product(&x, &weight[rows.start * features..rows.end * features], &bias[rows.clone()]);
        let (recurrent, bias) = (&recurrent[rows.start * size..rows.end * size], &bias[directions * width..][rows]);
        let state = |index: usize| match states.get(index) {
            Some(state) => wide(state)[direction * batch * size..][..batch * size].to_vec(),
            None => vec![0.0; batch * size],
        };
        let (mut h, mut c) = (state(0), state(1));
        for step in 0..steps {
            let step = if direction == 1 || layer.direction == Direction::Reverse { steps - 1 - step } else { step };
            let a = &a[step * batch * width..][..batch * width];
            let mut b = product(&read(&h, size, layer.dynamic), recurrent, bias);
            if layer.cell == Cell::GruResetBefore {
                let position = |j: usize| j / size * width + j % size;
                let reset: Vec<f64> = (0..h.len()).map(|j| sigmoid(a[position(j)] + b[position(j)]) * h[j]).collect();
                let last =
                    product(&read(&reset, size, layer.dynamic), &recurrent[2 * size * size..], &bias[2 * size..]);
                (0..h.len()).for_each(|j| b[position(j) + 2 * size] = last[j]);
            }
            for row in 0..batch {
                let (gates, states) = (row * width..(row + 1) * width, row * size..(row + 1) * size);
                cell(layer.cell, &a[gates.clone()], &b[gates], &mut h[states.clone()], &mut c[states.clone()]);
                let out = &mut out[((step * directions + direction) * batch + row) * result..][..result];
                out[..size].copy_from_slice(&h[states.clone()]);
                out[size..].copy_from_slice(&c[states][..result - size]);
            }
        }
    }
    #[expect(clippy::cast_possible_truncation, reason = "compared with f32")]
    let out = out.into_iter().map(|value| value as f32).collect();
    Tensor::from_vec(&[steps, directions, batch, result], out).expect("as many")
}

/// Weights and biases of a layer.
fn constants(layer: &Recurrent, [_, _, features, hidden]: Sizes) -> [Tensor; 3] {
    let rows = layer.direction.count() * layer.cell.gates() * hidden;
    [noise(&[rows, features], 2), noise(&[rows, hidden], 3), noise(&[2, rows], 4)]
}

/// Initial states: as many as asked for.
fn states(layer: &Recurrent, [_, batch, _, hidden]: Sizes, count: usize) -> Vec<Tensor> {
    (0..count)
        .map(|index| noise(&[layer.direction.count(), batch, hidden], 5 + u32::try_from(index).expect("0 or 1")))
        .collect()
}

/// A quantized weight: one scale for each row, or one for all.
fn quantized(weight: &Tensor, per_row: bool) -> (Tensor, QuantParams) {
    let rows = weight.as_slice::<f32>().expect("f32").chunks(weight.shape()[1]);
    let scale = |row: &[f32]| row.iter().fold(0.0_f32, |max, x| max.max(x.abs())) / 127.0;
    let scales: Vec<Scale> = rows.map(|row| Scale::new(scale(row)).expect("a scale")).collect();
    let max = scales.iter().copied().max_by(|a, b| a.get().total_cmp(&b.get())).expect("rows");
    let granularity = match per_row {
        true => Granularity::PerChannel { axis: 0, zero_points: vec![0; scales.len()], scales },
        false => Granularity::PerTensor { scale: max, zero_point: 0 },
    };
    let params = QuantParams::new(DType::I8, (-127, 127), granularity).expect("valid");
    (quantize(weight, &params).expect("finite"), params)
}

/// A graph of one layer; weights are quantized if the layer is dynamic.
fn graph(layer: &Recurrent, sizes: Sizes, states: usize, per_row: bool) -> Graph {
    let [steps, batch, features, hidden] = sizes;
    let mut builder = GraphBuilder::new("recurrent");
    let mut operands = vec![builder.input("x", fixed(&[steps, batch, features])).expect("an input")];
    for (index, constant) in constants(layer, sizes).into_iter().enumerate() {
        let name = format!("c{index}");
        let id = if layer.dynamic.is_some() && index < 2 {
            let (values, params) = quantized(&constant, per_row);
            builder.quantized_constant(&name, values, params)
        } else {
            builder.constant(&name, constant)
        };
        operands.push(id.expect("a constant"));
    }
    for index in 0..states {
        let ty = fixed(&[layer.direction.count(), batch, hidden]);
        operands.push(builder.input(&format!("s{index}"), ty).expect("an input"));
    }
    let y = builder.node("y", Op::Recurrent(layer.clone()), &operands).expect("a valid node");
    builder.output(y);
    builder.finish().expect("a valid graph")
}

/// Every cell in every direction, LSTMs with and without the cell state.
fn layers(dynamic: Option<DynamicScheme>) -> impl Iterator<Item = Recurrent> {
    let kinds = CELLS.into_iter().flat_map(|cell| DIRECTIONS.map(|direction| (cell, direction)));
    kinds.flat_map(move |(cell, direction)| {
        let with = if cell == Cell::Lstm { vec![false, true] } else { vec![false] };
        with.into_iter().map(move |with_cell_state| Recurrent { cell, direction, with_cell_state, dynamic })
    })
}

fn most_states(layer: &Recurrent) -> usize {
    if layer.cell == Cell::Lstm { 2 } else { 1 }
}

#[test]
fn real_layers_agree_with_loops() {
    for layer in layers(None) {
        for sizes in [[1, 1, 1, 1], [5, 3, 7, 4], [3, 2, 5, 17]] {
            for count in 0..=most_states(&layer) {
                let graph = graph(&layer, sizes, count, false);
                let (x, states) = (noise(&sizes[..3], 1), states(&layer, sizes, count));
                let inputs = [vec![x.clone()], states.clone()].concat();
                let expected = reference(&layer, &x, &constants(&layer, sizes), &states);
                assert_close(&run(&graph, &inputs), &expected, &format!("{layer:?} {sizes:?} {count}"));
            }
        }
    }
}

#[test]
fn layers_with_quantized_weights_agree_with_loops_that_round_what_they_read() {
    let sizes = [4, 3, 7, 6];
    for scheme in [DynamicScheme::PerRow, DynamicScheme::TorchPerTensor, DynamicScheme::OnnxPerTensor] {
        for (layer, per_row) in layers(Some(scheme)).flat_map(|layer| [(layer.clone(), true), (layer, false)]) {
            let mut constants = constants(&layer, sizes);
            for weight in &mut constants[..2] {
                let (values, params) = quantized(weight, per_row);
                *weight = dequantize(&values, &params).expect("8 bits");
            }
            let (x, states) = (noise(&sizes[..3], 1), states(&layer, sizes, most_states(&layer)));
            let actual = run(&graph(&layer, sizes, states.len(), per_row), &[vec![x.clone()], states.clone()].concat());
            let expected = reference(&layer, &x, &constants, &states);
            assert_close(&actual, &expected, &format!("{layer:?} {per_row}"));
        }
    }
}

#[test]
fn every_kernel_and_number_of_threads_gives_the_same_bits() {
    let sizes = [4, 5, 9, 19];
    let schemes = [DynamicScheme::PerRow, DynamicScheme::TorchPerTensor, DynamicScheme::OnnxPerTensor];
    for layer in [None].into_iter().chain(schemes.map(Some)).flat_map(layers) {
        let graph = graph(&layer, sizes, most_states(&layer), true);
        let inputs = [vec![noise(&sizes[..3], 1)], states(&layer, sizes, most_states(&layer))].concat();
        let mut first: Option<Tensor> = None;
        for kernel in Kernel::supported() {
            for threads in 1..=2 {
                let threads = NonZeroUsize::new(threads);
                let options = Options { kernel, threads, ..Options::default() };
                let mut session = Session::new(Arc::new(Plan::compile(&graph, &options).expect("a plan")));
                let y = session.run(&inputs).expect("a run")[0].clone();
                assert_eq!(first.get_or_insert(y.clone()).bytes(), y.bytes(), "{layer:?} {kernel:?}");
                assert_eq!(session.run(&inputs).expect("a run")[0].bytes(), y.bytes(), "a second run of {layer:?}");
            }
        }
    }
}

/// The rows of the batch, `[.., batch, n]`.
fn of_batch(tensor: &Tensor, rows: core::ops::Range<usize>) -> Tensor {
    let shape = tensor.shape();
    let (batch, n) = (shape[shape.len() - 2], shape[shape.len() - 1]);
    let blocks = tensor.as_slice::<f32>().expect("f32").chunks(batch * n);
    let elements = blocks.flat_map(|block| block[rows.start * n..rows.end * n].to_vec()).collect();
    let mut shape = shape.to_vec();
    let axis = shape.len() - 2;
    shape[axis] = rows.len();
    Tensor::from_vec(&shape, elements).expect("as many")
}

#[test]
fn rows_by_themselves_do_not_depend_on_the_batch() {
    let batch = 6;
    for layer in layers(Some(DynamicScheme::PerRow)) {
        let sizes = |batch| [3, batch, 5, 8];
        let inputs = [vec![noise(&sizes(batch)[..3], 1)], states(&layer, sizes(batch), most_states(&layer))].concat();
        let whole = run(&graph(&layer, sizes(batch), most_states(&layer), true), &inputs);
        for rows in [0..1, 1..4, 4..6, 2..3] {
            let inputs: Vec<Tensor> = inputs.iter().map(|input| of_batch(input, rows.clone())).collect();
            let alone = run(&graph(&layer, sizes(rows.len()), most_states(&layer), true), &inputs);
            assert_eq!(alone.bytes(), of_batch(&whole, rows.clone()).bytes(), "{layer:?} {rows:?}");
        }
    }
}
