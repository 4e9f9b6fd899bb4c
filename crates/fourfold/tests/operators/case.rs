//! A case: one operator with operands, as a graph of floats, of quantized values, or dynamically quantized.

use core::fmt;

use fourfold::graph::{
    Activation, BatchNorm, Dim, Error, Graph, GraphBuilder, NewNode, Op, OpKind, OutputParams, Unary, ValueId,
    ValueType,
};
use fourfold::schemes::{Granularity, QuantParams, Scale, quantize};
use fourfold::tensor::{DType, Tensor};
use fourfold_testing::noise;

/// What an input holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Holds {
    Floats,
    /// Integers that may be indices of an axis of size 2 or more.
    Integers,
    /// Integers by which others may be divided.
    Divisors,
    Bools,
}

/// What the operands are when the graph runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precision {
    /// As the case says.
    Float,
    /// Inputs and weights are quantized, and so is the result.
    Quantized,
    /// Inputs and weights are quantized; the result is their sums, in `i32`.
    Sums,
    /// Weights are quantized, inputs are floats.
    Dynamic,
}

/// Which sizes are known when the graph is built.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Known {
    All,
    /// Those of the constants, and those that the operator must know.
    Constants,
}

/// An operator, by the sizes of letters.
pub(crate) type OpOf = dyn Fn(&dyn Fn(char) -> Dim) -> Op;

/// An operator with the shapes of its operands. A shape is a word: equal letters are equal sizes, digits are sizes
/// themselves.
pub(crate) struct Case {
    pub(crate) op: Box<OpOf>,
    /// What distinguishes the case from others of its operator, if a list has to name it.
    pub(crate) name: &'static str,
    pub(crate) inputs: Vec<(&'static str, Holds)>,
    pub(crate) constants: Vec<&'static str>,
    /// Whether the constants come before the inputs.
    pub(crate) are_constants_first: bool,
    /// Whether the last constant is a bias.
    pub(crate) has_bias: bool,
    /// Whether float inputs meet quantized weights.
    pub(crate) is_dynamic: bool,
    /// The letters of sizes that must be known when the graph is built.
    pub(crate) fixed: &'static str,
    /// The letters for which a size of 0 is an error: something would be made of nothing.
    pub(crate) not_empty: &'static str,
}

impl Case {
    /// An operator of float inputs, with sizes that follow from letters.
    pub(crate) fn new(op: impl Fn(&dyn Fn(char) -> Dim) -> Op + 'static, inputs: &[&'static str]) -> Self {
        Self {
            op: Box::new(op),
            name: "",
            inputs: inputs.iter().map(|&letters| (letters, Holds::Floats)).collect(),
            constants: Vec::new(),
            are_constants_first: false,
            has_bias: false,
            is_dynamic: false,
            fixed: "",
            not_empty: "",
        }
    }

    /// An operator of float inputs.
    pub(crate) fn of(op: Op, inputs: &[&'static str]) -> Self {
        Self::new(move |_| op.clone(), inputs)
    }

    /// An operator of inputs that hold different things.
    pub(crate) fn mixed(op: Op, inputs: &[(&'static str, Holds)]) -> Self {
        Self { inputs: inputs.to_vec(), ..Self::of(op, &[]) }
    }

    pub(crate) fn called(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    pub(crate) fn holding(mut self, holds: Holds) -> Self {
        self.inputs.iter_mut().for_each(|(_, held)| *held = holds);
        self
    }

    pub(crate) fn weights(mut self, constants: &[&'static str]) -> Self {
        self.constants = constants.to_vec();
        self
    }

    pub(crate) fn constants_first(self) -> Self {
        Self { are_constants_first: true, ..self }
    }

    pub(crate) fn bias(mut self, letters: &'static str) -> Self {
        self.constants.push(letters);
        Self { has_bias: true, ..self }
    }

    pub(crate) fn dynamic(self, is_dynamic: bool) -> Self {
        Self { is_dynamic, ..self }
    }

    pub(crate) fn knowing(self, fixed: &'static str) -> Self {
        Self { fixed, ..self }
    }

    pub(crate) fn not_empty(self, not_empty: &'static str) -> Self {
        Self { not_empty, ..self }
    }

    pub(crate) fn kind(&self) -> OpKind {
        (self.op)(&|_| Dim::Fixed(2)).kind()
    }

    /// The precisions in which the operator runs.
    pub(crate) fn precisions(&self) -> Vec<Precision> {
        let kind = self.kind();
        match kind {
            _ if self.is_dynamic => vec![Precision::Dynamic],
            OpKind::Dequantize => vec![Precision::Quantized],
            OpKind::Quantize | OpKind::QuantStub => vec![Precision::Float],
            OpKind::Conv | OpKind::Linear | OpKind::MatMul if !self.has_clamp() => {
                vec![Precision::Float, Precision::Quantized, Precision::Sums]
            }
            _ if kind.output_params() == OutputParams::Float || self.inputs[0].1 != Holds::Floats => {
                vec![Precision::Float]
            }
            _ => vec![Precision::Float, Precision::Quantized],
        }
    }

    /// Whether a clamp is fused into the operator, which sums have none of.
    fn has_clamp(&self) -> bool {
        (self.op)(&|_| Dim::Fixed(2)).activation() != Activation::None
    }

    /// The letters of all shapes, without digits.
    pub(crate) fn letters(&self) -> impl Iterator<Item = char> {
        let shapes = self.inputs.iter().map(|(letters, _)| *letters).chain(self.constants.iter().copied());
        shapes.flat_map(str::chars).filter(|letter| letter.is_alphabetic())
    }

    /// The inputs, with sizes by letter.
    pub(crate) fn tensors(&self, size: &dyn Fn(char) -> usize) -> Vec<Tensor> {
        let is_positive = self.needs_positive();
        let tensor = |(index, (letters, holds)): (usize, &(&str, Holds))| {
            let shape: Vec<usize> = letters.chars().map(size).collect();
            let count = shape.iter().product();
            let integers = |of: &[i64]| Tensor::from_vec(&shape, of.iter().copied().cycle().take(count).collect());
            let tensor = match holds {
                Holds::Floats => Ok(floats(&shape, 10 + u32::try_from(index).expect("few"), is_positive)),
                Holds::Integers => integers(&[1, 0, -1, -2, 0, 1, 1]),
                Holds::Divisors => integers(&[3, -2, 1]),
                Holds::Bools => {
                    let bytes: Vec<u8> = [1, 0, 0, 1, 1].into_iter().cycle().take(count).collect();
                    Tensor::from_le_bytes(DType::Bool, &shape, &bytes)
                }
            };
            tensor.expect("as many as the shape has")
        };
        self.inputs.iter().enumerate().map(tensor).collect()
    }

    /// Whether the operator gives NaN for negative numbers.
    fn needs_positive(&self) -> bool {
        matches!(
            (self.op)(&|_| Dim::Fixed(2)),
            Op::Unary(Unary::Log | Unary::Sqrt)
                | Op::Binary(fourfold::graph::Binary::Pow)
                | Op::BatchNorm(BatchNorm { .. })
        )
    }

    /// The graph, with sizes by letter.
    pub(crate) fn graph(
        &self,
        precision: Precision,
        known: Known,
        size: &dyn Fn(char) -> usize,
    ) -> Result<Graph, Error> {
        let dim = |letter: char| {
            let is_known = known == Known::All
                || letter.is_ascii_digit()
                || self.fixed.contains(letter)
                || self.constants.iter().any(|shape| shape.contains(letter));
            if is_known { Dim::Fixed(size(letter)) } else { Dim::symbol(&letter.to_string()) }
        };
        let is_quantized = matches!(precision, Precision::Quantized | Precision::Sums);
        let mut builder = GraphBuilder::new("case");
        let mut operands = Vec::new();
        for (index, (letters, holds)) in self.inputs.iter().enumerate() {
            let dtype = match holds {
                Holds::Floats => DType::F32,
                Holds::Integers | Holds::Divisors => DType::I64,
                Holds::Bools => DType::Bool,
            };
            let dims: Vec<Dim> = letters.chars().map(dim).collect();
            let id = builder.input(&format!("x{index}"), ValueType::plain(dtype, &dims))?;
            let becomes_quantized = is_quantized && *holds == Holds::Floats;
            operands.push(if becomes_quantized { quantized(&mut builder, id)? } else { id });
        }
        for (index, letters) in self.constants.iter().enumerate() {
            let shape: Vec<usize> = letters.chars().map(size).collect();
            let seed = 20 + u32::try_from(index).expect("few");
            let constant = floats(&shape, seed, self.needs_positive());
            let is_bias = self.has_bias && index + 1 == self.constants.len();
            operands.push(constant_of(&mut builder, &format!("c{index}"), constant, precision, is_bias)?);
        }
        if self.are_constants_first {
            operands.rotate_left(self.inputs.len());
        }
        let op = (self.op)(&dim);
        let is_own = op.kind().output_params() == OutputParams::Own && op != Op::Dequantize;
        let has_params = op == Op::Quantize || precision == Precision::Quantized && is_own;
        let params = has_params.then(|| params(DType::U8, 0.02, 100));
        let y = builder.add(NewNode { name: "y", output: "y", op, inputs: &operands, params })?;
        builder.output(y);
        builder.finish()
    }
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let op = (self.op)(&|letter| Dim::symbol(&letter.to_string()));
        write!(f, "{op:?} of {:?} and {:?}", self.inputs, self.constants)
    }
}

/// Floats in -1..1, or in 0.1..1.1.
fn floats(shape: &[usize], seed: u32, is_positive: bool) -> Tensor {
    let mut floats = noise(shape, seed);
    if is_positive {
        floats.as_mut_slice::<f32>().expect("floats").iter_mut().for_each(|x| *x = 0.1 + x.abs());
    }
    floats
}

/// A constant in the form in which the operator takes it.
fn constant_of(
    builder: &mut GraphBuilder,
    name: &str,
    constant: Tensor,
    precision: Precision,
    is_bias: bool,
) -> Result<ValueId, Error> {
    match (precision, is_bias) {
        (Precision::Float, _) | (Precision::Dynamic, true) => builder.constant(name, constant),
        (_, false) => {
            let params = params(DType::I8, WEIGHT_SCALE, 0);
            builder.quantized_constant(name, quantize(&constant, &params).expect("floats"), params)
        }
        (Precision::Quantized | Precision::Sums, true) => {
            let scale = Scale::new(INPUT_SCALE * WEIGHT_SCALE).expect("normal");
            #[expect(clippy::cast_possible_truncation, reason = "some thousands")]
            let sums = |x: &f32| (x / scale.get()) as i32;
            let bias = constant.as_slice::<f32>().expect("floats").iter().map(sums).collect();
            let bias = Tensor::from_vec(constant.shape(), bias).expect("as many");
            let params = QuantParams::per_tensor(DType::I32, (i32::MIN, i32::MAX), scale, 0).expect("valid");
            builder.quantized_constant(name, bias, params)
        }
    }
}

const INPUT_SCALE: f32 = 0.01;
const WEIGHT_SCALE: f32 = 0.008;

/// A float input as the operator takes it: quantized.
fn quantized(builder: &mut GraphBuilder, id: ValueId) -> Result<ValueId, Error> {
    let name = format!("{}.quantized", builder.value(id).name());
    let params = Some(params(DType::U8, INPUT_SCALE, 120));
    builder.add(NewNode { name: &name, output: &name, op: Op::Quantize, inputs: &[id], params })
}

/// Parameters per tensor, of all values of an 8-bit type.
pub(crate) fn params(dtype: DType, scale: f32, zero_point: i32) -> QuantParams {
    let range = dtype.byte_range().expect("8 bits");
    QuantParams::per_tensor(dtype, range, Scale::new(scale).expect("normal"), zero_point).expect("valid")
}

/// Parameters with a scale for each channel on axis 1.
pub(crate) fn per_channel(dtype: DType, range: (i32, i32), scales: &[f32]) -> QuantParams {
    let scales: Vec<Scale> = scales.iter().map(|&scale| Scale::new(scale).expect("normal")).collect();
    let zero_points = vec![0; scales.len()];
    QuantParams::new(dtype, range, Granularity::PerChannel { axis: 1, scales, zero_points }).expect("valid")
}
