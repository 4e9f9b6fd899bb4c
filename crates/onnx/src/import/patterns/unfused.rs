//! The intermediate results of a dynamic quantization as nodes of the graph, for readers that are not the products that
//! [`dynamic`](crate::import::patterns::dynamic) describes.
//!
//! ```text
//! min, max = min(0, x..), max(0, x..)              scale = (max - min) / 255, or 1 if they are equal
//! zero_point = clamp(round(-min / scale))          q = clamp(round(x / scale) + zero_point)
//! sum (q - zero_point)(w - z_w) = sum q (w - z_w) - zero_point * sum (w - z_w)
//! ```

use fourfold_graph::{
    Activation, Add, Binary, Cast, CastTo, Comparison, Conv, Linear, NewNode, Op, Pad, PadMode, Reduce, Reduction,
    ValueId, Window,
};
use fourfold_schemes::{QuantParams, Scale};
use fourfold_tensor::{DType, Tensor};

use crate::Error;
use crate::import::Importer;
use crate::import::constants::tensor::integers;
use crate::import::emission::binding::{Binding, Deferred};
use crate::import::emission::node::Entry;
use crate::import::patterns::intermediate::{Intermediate, Quantized};
use crate::import::weights::quantized::Channels;
use crate::proto::NodeProto;

/// A range with every difference between a quantized value and a zero point, at most 255.
const DIFFERENCES: (i32, i32) = (i16::MIN as i32, i16::MAX as i32);

impl<'a> Importer<'a> {
    /// Gives a name an intermediate result, which becomes nodes of its own when another reader than a product asks for
    /// it.
    pub(super) fn bind_intermediate(&mut self, name: &'a str, result: Intermediate<'a>) -> Result<(), Error> {
        self.bind(
            name,
            Binding::Deferred(Deferred {
                make: Self::value_of_intermediate,
                code: fourfold_schemes::QuantType::of(result.dtype()),
            }),
        )?;
        self.patterns.intermediates.insert(name, result);
        Ok(())
    }

    /// The value of the intermediate result of that name.
    fn value_of_intermediate(&mut self, name: &'a str) -> Result<ValueId, Error> {
        if let Some(id) = self.patterns.intermediates.value(name) {
            return Ok(id);
        }
        let lost = || Error::Tensor {
            name: name.to_owned(),
            reason: "is no intermediate result of a quantization".to_owned(),
        };
        let result = self.patterns.intermediates.get(name).ok_or_else(lost)?;
        let mut id = match result {
            Intermediate::Quantized { x } => {
                let quantized = self.quantized_parts(name, x)?.values;
                self.made(name, "bytes", Op::Cast(Cast { to: CastTo::U8 }), &[quantized])?
            }
            Intermediate::Scale { x } => self.quantized_parts(name, x)?.scale,
            Intermediate::ZeroPoint { x } => {
                let zero_point = self.quantized_parts(name, x)?.zero_point;
                self.made(name, "byte", Op::Cast(Cast { to: CastTo::U8 }), &[zero_point])?
            }
            Intermediate::Scales { x, weight } => {
                let scale = self.quantized_parts(name, x)?.scale;
                let lost =
                    || Error::Tensor { name: weight.to_owned(), reason: "is a scale that nothing makes".to_owned() };
                let weight = self.value(weight)?.ok_or_else(lost)?;
                self.made(name, "scales", Op::Binary(Binary::Mul), &[scale, weight])?
            }
            Intermediate::Sums { x, product, is_cast } => {
                let quantized = self.quantized_parts(name, x)?;
                let sums =
                    Entry { importer: self, proto: product, name: name.to_owned() }.sums_of(quantized, product)?;
                if is_cast { self.made(name, "reals", Op::Cast(Cast { to: CastTo::F32 }), &[sums])? } else { sums }
            }
        };
        if self.names.is_output(name) {
            let node = self.fresh_name(&format!("{name}.output"));
            let new = NewNode { name: &node, output: name, op: Op::Identity, inputs: &[id], params: None };
            id = self.emission.add(new)?;
        }
        self.patterns.intermediates.insert_value(name, id);
        Ok(id)
    }

    /// Quantized values, scale and zero point of floats, made once.
    fn quantized_parts(&mut self, name: &str, x: ValueId) -> Result<Quantized, Error> {
        if let Some(made) = self.patterns.intermediates.quantized(x) {
            return Ok(made);
        }
        let [zero, one, steps] = [0.0_f32, 1.0, 255.0].map(|number| {
            let tensor = Tensor::from_slice(&[], &[number]).map_err(fourfold_graph::Error::from)?;
            let fresh = self.fresh_name(&format!("{name}.number"));
            self.emission.constant(&fresh, tensor)
        });
        let (zero, one, steps) = (zero?, one?, steps?);
        let axes: Vec<usize> = (0..self.emission.ty(x).rank()).collect();
        let mut bound = |what: &str, reduction, function| {
            let op = Op::Reduce(Reduce { reduction, axes: axes.clone(), keep: false });
            let found = if axes.is_empty() { x } else { self.made(name, what, op, &[x])? };
            self.made(name, what, Op::Binary(function), &[found, zero])
        };
        let (min, max) = (bound("min", Reduction::Min, Binary::Min)?, bound("max", Reduction::Max, Binary::Max)?);
        let range = self.made(name, "range", Op::Binary(Binary::Sub), &[max, min])?;
        let step = self.made(name, "step", Op::Binary(Binary::Div), &[range, steps])?;
        let is_one = self.made(name, "is_one", Op::Compare(Comparison::Equal), &[max, min])?;
        let scale = self.made(name, "scale", Op::Where, &[is_one, one, step])?;
        let negative = self.made(name, "least", Op::Binary(Binary::Div), &[min, scale])?;
        let exact = self.made(name, "place", Op::Binary(Binary::Sub), &[zero, negative])?;
        let zero_point = self.made(name, "zero_point", Op::FakeQuantize(whole(DType::U8, (0, 255))?), &[exact])?;
        let ratio = self.made(name, "ratio", Op::Binary(Binary::Div), &[x, scale])?;
        let rounded = self.made(name, "rounded", Op::FakeQuantize(whole(DType::I32, DIFFERENCES)?), &[ratio])?;
        let sum = Op::Add(Add { activation: Activation::Clamp { min: 0.0, max: 255.0 } });
        let quantized = self.made(name, "codes", sum, &[rounded, zero_point])?;
        let made = Quantized { values: quantized, scale, zero_point };
        self.patterns.intermediates.insert_quantized(x, made);
        Ok(made)
    }

    /// Whole floats as quantized values of the graph, with scale 1 and zero point 0.
    fn as_quantized<const N: usize>(&mut self, base: &str, mut numbers: [ValueId; N]) -> Result<[ValueId; N], Error> {
        let params = whole(DType::U8, (0, 255))?;
        for quantized in &mut numbers {
            let name = self.fresh_name(&format!("{base}.quantize"));
            let (op, params) = (Op::Quantize, Some(params.clone()));
            *quantized =
                self.emission.add(NewNode { name: &name, output: &name, op, inputs: &[*quantized], params })?;
        }
        Ok(numbers)
    }

    /// Adds a node on the way to the value of that name.
    fn made(&mut self, base: &str, what: &str, op: Op, inputs: &[ValueId]) -> Result<ValueId, Error> {
        let name = self.fresh_name(&format!("{base}.{what}"));
        self.emission.node(&name, op, inputs)
    }
}

impl<'a> Entry<'_, 'a> {
    /// The sums of this product, whose left side is quantized while it runs.
    fn sums_of(&mut self, quantized: Quantized, product: &'a NodeProto) -> Result<ValueId, Error> {
        let is_conv = product.op_type == "ConvInteger";
        let right = product.input.get(1).map_or("", String::as_str);
        if !is_conv && self.importer.constants.stored(right).is_none_or(|weight| weight.shape().len() != 2) {
            return self.sums_of_two(quantized);
        }
        let channels = if is_conv { Channels::First } else { Channels::Transposed };
        let weight = self.weight_of_integers(1, 3, channels)?;
        let (values, op) = match is_conv {
            true => self.padded(quantized, weight)?,
            false => (quantized.values, Op::Linear(Linear::default())),
        };
        let name = self.name.clone();
        let [values] = self.importer.as_quantized(&name, [values])?;
        let sums = self.emit_before("all", op, &[values, weight])?;
        let columns = self.sums_of_rows(weight)?;
        let zero_point = self.emit_before("number", Op::Cast(Cast { to: CastTo::I32 }), &[quantized.zero_point])?;
        let more = self.emit_before("more", Op::Binary(Binary::Mul), &[columns, zero_point])?;
        self.emit_before("sums", Op::Binary(Binary::Sub), &[sums, more])
    }

    /// The same with a right side that is computed, or has another number of axes than two.
    ///
    /// ```text
    /// sum (a - z_a)(b - z_b) = sum a b - z_a * sum b - z_b * sum (a - z_a)
    /// ```
    fn sums_of_two(&mut self, left: Quantized) -> Result<ValueId, Error> {
        let (quantized, zero_point) = (self.intermediate(1), self.intermediate(3));
        let (Some(Intermediate::Quantized { x }), Some(Intermediate::ZeroPoint { x: same })) = (quantized, zero_point)
        else {
            return Err(self.unsupported("values that are quantized while they run times others that are not constant"));
        };
        if x != same {
            return Err(self.unsupported("quantized values with the zero point of others"));
        }
        let name = self.name.clone();
        let right = self.importer.quantized_parts(&name, x)?;
        if self.dims(left.values).len() < 2 || self.dims(right.values).len() < 2 {
            return Err(self.unsupported("a product with a vector that is quantized while it runs"));
        }
        let operands = self.importer.as_quantized(&name, [left.values, right.values])?;
        let all = self.emit_before("all", Op::MatMul, &operands)?;
        let steps = self.emit_before("steps", Op::Binary(Binary::Sub), &[left.values, left.zero_point])?;
        let rows = self.whole_sums(steps, 1)?;
        let columns = self.whole_sums(right.values, 2)?;
        let mut sums = all;
        for (what, number, list) in [("left", left.zero_point, columns), ("right", right.zero_point, rows)] {
            let number = self.emit_before(what, Op::Cast(Cast { to: CastTo::I32 }), &[number])?;
            let more = self.emit_before("more", Op::Binary(Binary::Mul), &[list, number])?;
            sums = self.emit_before("sums", Op::Binary(Binary::Sub), &[sums, more])?;
        }
        Ok(sums)
    }

    /// The sums of whole numbers along an axis counted from the end, which stays with size 1.
    fn whole_sums(&mut self, x: ValueId, from_end: usize) -> Result<ValueId, Error> {
        let whole = self.emit_before("whole", Op::Cast(Cast { to: CastTo::I32 }), &[x])?;
        let axis = self.dims(x).len() - from_end;
        self.emit_before(
            "sum",
            Op::Reduce(Reduce { reduction: Reduction::Sum, axes: vec![axis], keep: true }),
            &[whole],
        )
    }

    /// Images whose padding has the zero point that is known when they are, and the convolution of them.
    fn padded(&mut self, quantized: Quantized, weight: ValueId) -> Result<(ValueId, Op), Error> {
        let Op::Conv(conv) = self.conv_op(quantized.values, weight)? else {
            return Err(self.invalid("is no convolution"));
        };
        let Window { pad_begin, pad_end, .. } = &conv.window;
        if pad_begin.iter().chain(pad_end).all(|&pad| pad == 0) {
            return Ok((quantized.values, Op::Conv(conv)));
        }
        let around = |pads: &[usize]| [&[0, 0], pads].concat();
        let pad = Pad { begin: around(pad_begin), end: around(pad_end), mode: PadMode::Constant(0.0) };
        let inputs = [quantized.values, quantized.zero_point];
        let steps = self.emit_before("steps", Op::Binary(Binary::Sub), &inputs)?;
        let padded = self.emit_before("padded", Op::Pad(pad), &[steps])?;
        let sum = Op::Add(Add { activation: Activation::None });
        let images = self.emit_before("images", sum, &[padded, quantized.zero_point])?;
        let none = vec![0; conv.window.rank()];
        let window = Window { pad_begin: none.clone(), pad_end: none, ..conv.window.clone() };
        Ok((images, Op::Conv(Conv { window, ..conv })))
    }

    /// `sum (w - z_w)` of each row of a weight, a constant that broadcasts to the columns of the sums.
    fn sums_of_rows(&mut self, weight: ValueId) -> Result<ValueId, Error> {
        let value = self.importer.emission.value(weight);
        let (Some(quantized), Some(params)) = (value.constant(), value.ty().params()) else {
            return Err(self.invalid("has a weight that is not constant"));
        };
        let (list, zero_points) = (integers(quantized).unwrap_or_default(), params.zero_points());
        let (rows, axes) = (quantized.shape().first().copied().unwrap_or(0), quantized.shape().len());
        let length = list.len() / rows.max(1);
        let sum = |row: usize| {
            let zero_point = zero_points[row % zero_points.len().max(1)];
            list[row * length..(row + 1) * length].iter().fold(0_i32, |sum, code| sum.wrapping_add(code - zero_point))
        };
        let sums: Vec<i32> = (0..rows).map(sum).collect();
        let shape = [&[rows], &vec![1; axes.saturating_sub(2)][..]].concat();
        let sums = Tensor::from_vec(&shape, sums).map_err(fourfold_graph::Error::from)?;
        let name = self.importer.fresh_name(&format!("{}.columns", self.name));
        self.importer.emission.constant(&name, sums)
    }
}

/// Parameters of quantized values that are the numbers that they stand for.
fn whole(dtype: DType, quantized: (i32, i32)) -> Result<QuantParams, Error> {
    let params = QuantParams::per_tensor(dtype, quantized, Scale::ONE, 0);
    params.map_err(|error| Error::Graph(fourfold_graph::Error::Constant { name: "codes".to_owned(), source: error }))
}
