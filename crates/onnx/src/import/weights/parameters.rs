//! Scales and zero points of the file.

use fourfold_graph::ValueType;
use fourfold_schemes::{Granularity, QuantParams, QuantType, Scale};
use fourfold_tensor::Tensor;

use crate::Error;
use crate::import::constants::tensor::integers;
use crate::import::emission::node::Entry;

/// Scales and zero points as a node of the file gives them.
pub(crate) struct Parameters<'a> {
    /// The names of both; the second may be empty.
    pub(crate) names: [&'a str; 2],
    scales: Vec<Scale>,
    /// Zero points and their type; 0 where the node has none.
    zero_points: Option<(QuantType, Vec<i32>)>,
}

impl<'a> Entry<'_, 'a> {
    /// Reads the scale, input `index`, and the zero point behind it.
    pub(crate) fn parameters(&mut self, index: usize) -> Result<Parameters<'a>, Error> {
        let scale = self.input(index).ok_or_else(|| self.invalid(format!("lacks the scale, input {index}")))?;
        self.named_parameters([scale, self.input(index + 1).unwrap_or_default()])
    }

    /// Reads a scale and a zero point, which is left out if its name is empty.
    pub(crate) fn named_parameters(&mut self, names: [&'a str; 2]) -> Result<Parameters<'a>, Error> {
        let [name, zero_name] = names;
        let scale = self.named_constant("scale", name)?;
        let Ok(scales) = scale.as_slice::<f32>() else {
            return Err(self.invalid(format!("the scale `{name}` is {}, expected f32", scale.dtype())));
        };
        if !is_list(&scale) {
            return Err(self.unsupported(format!("a scale of shape {:?}, for blocks,", scale.shape())));
        }
        let scales = scales.iter().map(|&scale| Scale::new(scale)).collect::<Result<Vec<_>, _>>();
        let scales = scales.map_err(|error| self.invalid(format!("`{name}`: {error}")))?;
        if zero_name.is_empty() {
            return Ok(Parameters { names, scales, zero_points: None });
        }
        self.with_zero_point(names, scales)
    }

    /// Reads the zero points of scales that are known.
    fn with_zero_point(&mut self, names: [&'a str; 2], scales: Vec<Scale>) -> Result<Parameters<'a>, Error> {
        let zero_name = names[1];
        let tensor = self.named_constant("zero point", zero_name)?;
        let code = self.importer.code_of(zero_name);
        let Some((code, mut list)) = code.zip(integers(&tensor)).filter(|_| is_list(&tensor)) else {
            let (dtype, shape) = (tensor.dtype(), tensor.shape());
            return Err(self.invalid(format!("the zero point `{zero_name}` is {dtype}{shape:?}")));
        };
        let mut scales = scales;
        match (&scales[..], &list[..]) {
            (_, &[one]) => list = vec![one; scales.len()],
            (&[one], _) => scales = vec![one; list.len()],
            _ => {}
        }
        if list.len() != scales.len() {
            return Err(self.invalid(format!("has {} scales, but {} zero points", scales.len(), list.len())));
        }
        if code == QuantType::I32 && list.iter().any(|&zero_point| zero_point != 0) {
            return Err(self.invalid(format!("the zero point `{zero_name}` of i32 values is not 0")));
        }
        Ok(Parameters { names, scales, zero_points: Some((code, list)) })
    }

    /// The zero point, input `index`, which may be left out, of quantized values of scale 1.
    pub(crate) fn integer_parameters(&mut self, index: usize) -> Result<Parameters<'a>, Error> {
        match self.input(index) {
            Some(name) => self.with_zero_point(["", name], vec![Scale::ONE]),
            None => Ok(Parameters::of_integers()),
        }
    }

    /// A constant that must be there.
    fn named_constant(&mut self, what: &str, name: &str) -> Result<Tensor, Error> {
        match self.importer.constants.get(name)? {
            Some(constant) => Ok(constant),
            None if !self.importer.emission.is_bound(name) => Err(self.unknown(name)),
            None => Err(self.unsupported(format!("a {what} `{name}` that is not constant"))),
        }
    }

    /// The parameters of a quantized activation, which are per tensor.
    pub(crate) fn activation_parameters(&mut self, index: usize) -> Result<QuantParams, Error> {
        let parameters = self.parameters(index)?;
        let code = parameters.code().unwrap_or(QuantType::U8);
        self.per_tensor(&parameters, code)
    }

    /// One scale for all of a value that is computed.
    pub(crate) fn per_tensor(&self, parameters: &Parameters<'a>, code: QuantType) -> Result<QuantParams, Error> {
        match parameters.scales.len() {
            1 => self.params_of(parameters, code, 0, 0),
            0 => Err(self.invalid("has an empty list of scales")),
            count => Err(self.unsupported(format!("{count} scales for a value that is computed"))),
        }
    }

    /// The parameters of a quantized tensor of a type and shape.
    ///
    /// One scale is that of the whole tensor, several are those of the channels on `axis`.
    pub(crate) fn params(
        &self,
        parameters: &Parameters<'a>,
        code: QuantType,
        shape: &[usize],
        axis: i64,
    ) -> Result<QuantParams, Error> {
        let params = self.params_of(parameters, code, shape.len(), axis)?;
        match params.granularity() {
            Granularity::PerChannel { axis, scales, .. } if shape[*axis] != scales.len() => {
                let count = scales.len();
                Err(self.invalid(format!("has {count} scales for axis {axis} of a tensor of shape {shape:?}")))
            }
            _ => Ok(params),
        }
    }

    /// The same for a tensor of so many axes, the sizes of which are not known.
    pub(crate) fn params_of(
        &self,
        parameters: &Parameters<'a>,
        code: QuantType,
        rank: usize,
        axis: i64,
    ) -> Result<QuantParams, Error> {
        let scales = &parameters.scales;
        let zero_points = match &parameters.zero_points {
            None => vec![0; scales.len()],
            Some((given, list)) if *given == code => list.clone(),
            Some((given, _)) => {
                let name = parameters.names[1];
                return Err(
                    self.invalid(format!("the zero point `{name}` is {given}, but the quantized values are {code}"))
                );
            }
        };
        let granularity = match (&scales[..], &zero_points[..]) {
            (&[scale], &[zero_point]) => Granularity::PerTensor { scale, zero_point },
            _ => {
                let axis = self.axis(axis, rank, false)?;
                Granularity::PerChannel { axis, scales: scales.clone(), zero_points }
            }
        };
        QuantParams::new(code.dtype(), code.range(), granularity).map_err(|error| self.invalid(error.to_string()))
    }

    /// Checks that a quantized value of the graph has the parameters that a node gives it.
    pub(crate) fn expect_params(&self, name: &str, ty: &ValueType, parameters: &Parameters<'a>) -> Result<(), Error> {
        let Some(params) = ty.params() else {
            return Err(self.invalid(format!("reads `{name}`, which holds {ty}, not quantized values")));
        };
        let code = self.importer.code_of(name).or(QuantType::of(params.dtype())).unwrap_or(QuantType::U8);
        let given = self.per_tensor(parameters, code)?;
        self.expect_same(name, &given, params)
    }

    /// Checks that quantized values are read with the scales and zero points that they were made with.
    pub(crate) fn expect_same(&self, name: &str, given: &QuantParams, params: &QuantParams) -> Result<(), Error> {
        if given.granularity() == params.granularity() {
            return Ok(());
        }
        let text = |params: &QuantParams| match params.as_per_tensor() {
            Some((scale, zero_point)) => format!("scale {scale} and zero point {zero_point}"),
            None => "several scales".to_owned(),
        };
        let (given, made) = (text(given), text(params));
        Err(self
            .unsupported(format!("reading the quantized values `{name}` with {given}, which were made with {made},")))
    }
}

impl Parameters<'_> {
    /// Scale 1 and zero point 0.
    pub(crate) fn of_integers() -> Self {
        Self { names: [""; 2], scales: vec![Scale::ONE], zero_points: None }
    }

    /// The zero points; none where the node has none.
    pub(crate) fn zero_point_list(&self) -> &[i32] {
        self.zero_points.as_ref().map_or(&[], |(_, list)| list)
    }

    /// The quantized type, if there is a zero point to say it.
    pub(crate) fn code(&self) -> Option<QuantType> {
        self.zero_points.as_ref().map(|(code, _)| *code)
    }

    /// Whether there is one scale and zero point for all.
    pub(crate) fn is_one(&self) -> bool {
        self.scales.len() == 1
    }
}

/// Whether all axes but one are 1.
fn is_list(tensor: &Tensor) -> bool {
    tensor.is_empty() || tensor.shape().iter().filter(|&&size| size != 1).count() < 2
}
