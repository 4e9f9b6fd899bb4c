//! Fake-quantized values: floats in the graph that quantized values of the file stand for.
//!
//! ```text
//! DequantizeLinear(QuantizeLinear(x))   ->   FakeQuantize(x)       for 16 bits, or several scales
//! ```
//!
//! A node that reads the quantized values between both gets them from nodes of their own, which are added then.

use std::rc::Rc;

use fourfold_graph::{Activation, Add, Binary, Cast, CastTo, NewNode, Op, ValueId};
use fourfold_schemes::{Granularity, QuantParams, QuantType, Scale};
use fourfold_tensor::{DType, Tensor};

use crate::Error;
use crate::import::Importer;
use crate::import::emission::binding::{Binding, Deferred};

/// Quantized values that no operator of the graph takes, those of 16 bits for example: their floats are in the graph
/// instead.
#[derive(Clone, Debug)]
pub(crate) struct FakeQuantized<'a> {
    /// The floats that they stand for.
    pub(crate) float: ValueId,
    /// Their type in the file.
    pub(crate) code: QuantType,
    pub(crate) meaning: Meaning<'a>,
    /// The quantized values, once a node has asked for them.
    pub(crate) quantized: Option<ValueId>,
}

/// How quantized values stand for floats.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Meaning<'a> {
    /// With one scale, or one for each channel.
    Params(Rc<QuantParams>),
    /// With a scale for each block of so many elements along an axis; the names of scales and zero points.
    Blocks { names: [&'a str; 2], axis: usize, size: usize },
}

impl FakeQuantized<'_> {
    /// The parameters, `None` if each block has its own.
    pub(crate) fn params(&self) -> Option<&Rc<QuantParams>> {
        match &self.meaning {
            Meaning::Params(params) => Some(params),
            Meaning::Blocks { .. } => None,
        }
    }

    /// Whether there is one scale for all.
    pub(super) fn is_per_tensor(&self) -> bool {
        self.params().is_some_and(|params| params.as_per_tensor().is_some())
    }
}

impl<'a> Importer<'a> {
    /// Gives a name quantized values whose floats alone are in the graph.
    pub(super) fn bind_fake(&mut self, name: &'a str, fake: FakeQuantized<'a>) -> Result<(), Error> {
        self.bind(name, Binding::Deferred(Deferred { make: Self::value_of_fake, code: Some(fake.code) }))?;
        self.patterns.fake.insert(name, fake);
        Ok(())
    }

    /// The quantized values themselves: as the graph has them if it has such, else as integers.
    fn value_of_fake(&mut self, name: &'a str) -> Result<ValueId, Error> {
        let lost = || Error::Tensor { name: name.to_owned(), reason: "is no quantized value".to_owned() };
        let fake = self.patterns.fake.get(name).cloned().ok_or_else(lost)?;
        if let Some(quantized) = fake.quantized {
            return Ok(quantized);
        }
        let Some(params) = fake.params() else {
            let what = "quantized values with a scale for each block, which no DequantizeLinear reads".to_owned();
            return Err(Error::UnsupportedTensor { name: name.to_owned(), what });
        };
        let is_byte = params.as_per_tensor().is_some() && params.dtype().byte_range().is_some();
        let (op, x, own) = match is_byte {
            true => (Op::Quantize, fake.float, Some((**params).clone())),
            false => {
                let params = Rc::clone(params);
                let whole = self.whole_numbers(name, &fake, &params)?;
                (Op::Cast(Cast { to: CastTo::of(fake.code.dtype()) }), whole, None)
            }
        };
        let output = if self.names.is_output(name) { name.to_owned() } else { self.fresh_name(name) };
        let node = self.fresh_name(&format!("{name}.quantize"));
        let quantized = self.emission.add(NewNode { name: &node, output: &output, op, inputs: &[x], params: own })?;
        self.patterns.fake.insert(name, FakeQuantized { quantized: Some(quantized), ..fake });
        Ok(quantized)
    }

    /// `round(x / scale + zero_point)`, in `f32`: the quotient is next to a whole number, which is what it is
    /// rounded to.
    fn whole_numbers(&mut self, name: &str, fake: &FakeQuantized<'_>, params: &QuantParams) -> Result<ValueId, Error> {
        let rank = self.emission.ty(fake.float).rank();
        let scales = params.scales().iter().map(|scale| scale.get()).collect();
        #[expect(clippy::cast_precision_loss, reason = "of 16 bits at most")]
        let zero_points = params.zero_points().iter().map(|&zero_point| zero_point as f32).collect();
        let shape = shape_on_axis(params, rank);
        let whole = QuantParams::per_tensor(DType::I32, fake.code.range(), Scale::ONE, 0);
        let constant = |source| fourfold_graph::Error::Constant { name: name.to_owned(), source };
        let steps = [
            (Op::Binary(Binary::Div), Some(scales)),
            (Op::Add(Add { activation: Activation::None }), Some(zero_points)),
            (Op::FakeQuantize(whole.map_err(constant)?), None),
        ];
        steps.into_iter().try_fold(fake.float, |x, (op, numbers)| {
            let mut inputs = vec![x];
            if let Some(numbers) = numbers {
                let numbers = Tensor::from_vec(&shape, numbers).map_err(fourfold_graph::Error::from)?;
                let fresh = self.fresh_name(&format!("{name}.numbers"));
                inputs.push(self.emission.constant(&fresh, numbers)?);
            }
            let fresh = self.fresh_name(&format!("{name}.steps"));
            self.emission.node(&fresh, op, &inputs)
        })
    }
}

/// The shape of scales that broadcasts to a value of so many axes.
pub(super) fn shape_on_axis(params: &QuantParams, rank: usize) -> Vec<usize> {
    match params.granularity() {
        Granularity::PerTensor { .. } => Vec::new(),
        Granularity::PerChannel { axis, scales, .. } => [&[scales.len()], &vec![1; rank - axis - 1][..]].concat(),
    }
}
