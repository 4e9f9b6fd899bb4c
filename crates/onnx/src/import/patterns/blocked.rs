//! QuantizeLinear and DequantizeLinear with a scale for each block of elements along an axis (opset 21):
//!
//! ```text
//! DequantizeLinear(QuantizeLinear(x, scales, block_size), scales, block_size)   ->   round(clamp(x / scales)) * scales
//! DequantizeLinear(constant, scales, block_size)                                ->   a constant of floats
//! ```
//!
//! Constants are computed at once; what is computed runs as floats, rounded to those that the quantized values stand
//! for.

use fourfold_graph::{Binary, Dim, Op, ValueId};
use fourfold_schemes::{QuantParams, QuantType, Scale};
use fourfold_tensor::{DType, Tensor};

use crate::Error;
use crate::import::constants::tensor::failed;
use crate::import::constants::tensor::integers;
use crate::import::emission::node::Entry;
use crate::import::patterns::fake::{FakeQuantized, Meaning};

/// What is said of weights with a scale for each block.
pub(crate) const BLOCKS: &str = "weights with a scale for each block of them run as real numbers";

/// Scales and zero points of blocks of a tensor.
struct Blocks {
    scales: Tensor,
    zero_points: Option<Vec<i32>>,
    shape: Vec<usize>,
    axis: usize,
    /// The number of elements in a block; the last may be shorter.
    size: usize,
}

impl Blocks {
    /// Scale and zero point of every element, in order.
    fn elements(&self) -> impl Iterator<Item = (f32, i32)> {
        let Self { scales, zero_points, shape, axis, size } = self;
        let (length, inner) = (shape[*axis], shape[axis + 1..].iter().product::<usize>());
        let count = length.div_ceil(*size);
        let scales = scales.as_slice::<f32>().unwrap_or_default();
        (0..shape.iter().product()).map(move |index| {
            let (outer, position, rest) = (index / (inner * length), index / inner % length, index % inner);
            let block = (outer * count + position / size) * inner + rest;
            let at = |list: &[i32]| list.get(block).copied();
            (scales.get(block).copied().unwrap_or_default(), zero_points.as_deref().and_then(at).unwrap_or_default())
        })
    }
}

impl<'a> Entry<'_, 'a> {
    /// The scales and zero points of quantized values of a type and shape.
    fn blocks(&mut self, shape: &[usize], code: QuantType, axis: i64, size: usize) -> Result<Blocks, Error> {
        let scales = self.constant(1)?;
        let zero_points = self.optional_constant(2)?;
        let axis = self.axis(axis, shape.len(), false)?;
        let mut expected = shape.to_vec();
        expected[axis] = shape[axis].div_ceil(size);
        let fits = |tensor: &Tensor| tensor.shape() == expected;
        if !fits(&scales) || scales.dtype() != DType::F32 || !zero_points.as_ref().is_none_or(fits) {
            let given = scales.shape();
            return Err(self.invalid(format!("has scales {given:?} for blocks of {size} of {shape:?} on axis {axis}")));
        }
        if let Some(given) = self.input(2).and_then(|name| self.importer.code_of(name)).filter(|given| *given != code) {
            return Err(self.invalid(format!("the zero point is {given}, but the quantized values are {code}")));
        }
        self.importer.constants.check(shape.iter().product())?;
        let zero_points = zero_points.as_ref().and_then(integers);
        Ok(Blocks { scales, zero_points, shape: shape.to_vec(), axis, size })
    }

    /// Dequantizes with scales for blocks along an axis.
    pub(super) fn dequantize_blocks(&mut self, axis: i64, size: usize) -> Result<(), Error> {
        let name = self.input(0).unwrap_or_default();
        if let Some(fake) = self.importer.patterns.fake(name) {
            let fake = fake.clone();
            let axis = self.axis(axis, self.dims(fake.float).len(), false)?;
            let given =
                Meaning::Blocks { names: [1, 2].map(|index| self.input(index).unwrap_or_default()), axis, size };
            if given != fake.meaning {
                let what = format!(
                    "reading the quantized values `{name}` in other blocks than those that they were made with,"
                );
                return Err(self.unsupported(what));
            }
            return self.stand_for(fake.float);
        }
        if self.importer.constants.stored(name).is_none() {
            return Err(self.unsupported("blocks of integers that are computed"));
        }
        let quantized = self.constant(0)?;
        let code = self
            .importer
            .code_of(name)
            .ok_or_else(|| self.invalid(format!("reads `{name}`, which holds no quantized values")))?;
        self.importer.note(BLOCKS);
        let blocks = self.blocks(quantized.shape(), code, axis, size)?;
        let list = integers(&quantized)
            .ok_or_else(|| self.invalid(format!("reads `{name}`, which holds no quantized values")))?;
        let floats = list.iter().zip(blocks.elements()).map(|(&code, (scale, zero_point))| {
            #[expect(clippy::cast_precision_loss, reason = "equation (1) is in f32")]
            let steps = code.wrapping_sub(zero_point) as f32;
            steps * scale
        });
        self.bind_constant(Tensor::from_elements(quantized.shape(), floats)?)
    }

    /// Quantizes with scales for blocks along an axis.
    pub(super) fn quantize_blocks(&mut self, code: QuantType, axis: i64, size: usize) -> Result<(), Error> {
        let (min, max) = code.range();
        if let Some(float) = self.importer.constants.get(self.input(0).unwrap_or_default())? {
            let blocks = self.blocks(float.shape(), code, axis, size)?;
            let wrong = |error| failed(error, |reason| self.invalid(reason));
            let quantized = float.as_slice::<f32>().map_err(wrong)?.iter().zip(blocks.elements());
            let quantized = quantized.map(|(&float, (scale, zero_point))| {
                #[expect(clippy::cast_precision_loss, reason = "quantized values have 16 bits at most")]
                let (zero_point, min, max) = (zero_point as f32, min as f32, max as f32);
                let code = (float / scale).round_ties_even() + zero_point;
                if code.is_nan() { zero_point } else { code.clamp(min, max) }
            });
            let made = held(code, float.shape(), quantized).map_err(wrong)?;
            return self.bind_constant(made);
        }
        let x = self.operand(0)?;
        let dims = self.dims(x);
        let Some(shape) = dims.iter().map(Dim::fixed).collect::<Option<Vec<usize>>>() else {
            return Err(self.unsupported(format!("blocks of a value of shape {dims:?}, whose sizes are not known,")));
        };
        let blocks = self.blocks(&shape, code, axis, size)?;
        self.importer
            .note("activations with a scale for each block of them run as real numbers, rounded to their codes");
        let names = [1, 2].map(|index| self.input(index).unwrap_or_default());
        let meaning = Meaning::Blocks { names, axis: blocks.axis, size };
        let float = self.rounded(x, code, &blocks)?;
        let fake = FakeQuantized { float, code, meaning, quantized: None };
        self.importer.bind_fake(self.output(), fake)
    }

    /// `round(clamp(x / scale, least - zero_point, most - zero_point)) * scale`; bounds are whole numbers, so they may
    /// come first.
    fn rounded(&mut self, x: ValueId, code: QuantType, blocks: &Blocks) -> Result<ValueId, Error> {
        let ((min, max), shape) = (code.range(), &blocks.shape);
        let from_zero = |limit: i32| blocks.elements().map(move |(_, zero_point)| limit.saturating_sub(zero_point));
        #[expect(clippy::cast_precision_loss, reason = "quantized values have 16 bits at most")]
        let bound = |limit: i32| from_zero(limit).map(|steps| steps as f32).collect::<Vec<f32>>();
        let range = (from_zero(min).min().unwrap_or(min), from_zero(max).max().unwrap_or(max));
        let whole = QuantParams::per_tensor(DType::I32, range, Scale::ONE, 0);
        let whole = whole.map_err(|error| self.invalid(error.to_string()))?;
        let scales = self.floats("scales", shape, blocks.elements().map(|(scale, _)| scale).collect())?;
        let (low, high) = (bound(min), bound(max));
        let low = self.floats("least", shape, low)?;
        let high = self.floats("most", shape, high)?;
        let steps = self.emit_before("steps", Op::Binary(Binary::Div), &[x, scales])?;
        let above = self.emit_before("above", Op::Binary(Binary::Max), &[steps, low])?;
        let within = self.emit_before("within", Op::Binary(Binary::Min), &[above, high])?;
        let whole = self.emit_before("whole", Op::FakeQuantize(whole), &[within])?;
        self.emit_before("real", Op::Binary(Binary::Mul), &[whole, scales])
    }
}

/// Rounded floats as quantized values.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "quantized values are clamped to their type"
)]
fn held(
    code: QuantType,
    shape: &[usize],
    quantized: impl Iterator<Item = f32>,
) -> Result<Tensor, fourfold_tensor::Error> {
    match code.dtype() {
        DType::I8 => Tensor::from_elements(shape, quantized.map(|code| code as i8)),
        DType::U8 => Tensor::from_elements(shape, quantized.map(|code| code as u8)),
        _ => Tensor::from_elements(shape, quantized.map(|code| code as i32)),
    }
}
