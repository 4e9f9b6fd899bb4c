//! The constants of a graph as safetensors: quantized ones with their parameters beside them, all others as they are.
//!
//! Every constant is a tensor of its own name. A quantized one (`I8`, `U8` or `I32`) has two more beside it:
//!
//! - `NAME.scale`: `F32`, one number without axes, or one for each index of the axis;
//! - `NAME.zero_point`: of the quantized type and the shape of the scales.
//!
//! What remains is in the metadata of the file, as decimal numbers: `NAME.axis` (only with several scales),
//! `NAME.quant_min` and `NAME.quant_max`, the range of quantized values; and `format`, which is
//! `fourfold.tensors/1`. A quantized value `q` stands for `scale * (q - zero_point)`.

use std::collections::{BTreeMap, HashMap};

use fourfold_error::Limits;
use fourfold_graph::Graph;
use fourfold_schemes::{Granularity, QuantParams, Scale};
use fourfold_tensor::{DType, Tensor};

use crate::{Error, safetensors};

/// The entry of the metadata that says what the file is.
const FORMAT: (&str, &str) = ("format", "fourfold.tensors/1");

/// A constant, with its parameters if it is quantized.
#[derive(Clone, Debug, PartialEq)]
pub struct Constant {
    /// The elements.
    pub tensor: Tensor,
    /// The parameters, `None` if the constant is not quantized.
    pub params: Option<QuantParams>,
}

/// The constants of a graph by name.
#[must_use]
pub fn of_graph(graph: &Graph) -> BTreeMap<String, Constant> {
    let constants = graph.values().iter().filter_map(|value| {
        let (tensor, params) = (value.constant()?.clone(), value.ty().params().cloned());
        Some((value.name().to_owned(), Constant { tensor, params }))
    });
    constants.collect()
}

/// Writes constants; the same constants give the same bytes.
///
/// # Errors
///
/// [`Error::Corrupt`] if two tensors would have one name, or one is too large for the format.
pub fn write(constants: &BTreeMap<String, Constant>) -> Result<Vec<u8>, Error> {
    let mut tensors = BTreeMap::new();
    let mut metadata = BTreeMap::from([(FORMAT.0.to_owned(), FORMAT.1.to_owned())]);
    let mut add = |name: String, tensor: Tensor| match tensors.insert(name.clone(), tensor) {
        None => Ok(()),
        Some(_) => Err(Error::corrupt(format!("tensor `{name}`"), "is there twice; rename one of the constants")),
    };
    for (name, Constant { tensor, params }) in constants {
        add(name.clone(), tensor.clone())?;
        let Some(params) = params else { continue };
        let scales: Vec<f32> = params.scales().iter().map(|scale| scale.get()).collect();
        let shape = match params.granularity() {
            Granularity::PerTensor { .. } => Vec::new(),
            Granularity::PerChannel { axis, .. } => {
                metadata.insert(format!("{name}.axis"), axis.to_string());
                vec![scales.len()]
            }
        };
        let width = params.dtype().size();
        let bytes = params.zero_points().iter().flat_map(|zero_point| zero_point.to_le_bytes().into_iter().take(width));
        let zero_points = Tensor::from_le_bytes(params.dtype(), &shape, &bytes.collect::<Vec<u8>>())?;
        add(format!("{name}.scale"), Tensor::from_vec(&shape, scales)?)?;
        add(format!("{name}.zero_point"), zero_points)?;
        metadata.insert(format!("{name}.quant_min"), params.quant_min().to_string());
        metadata.insert(format!("{name}.quant_max"), params.quant_max().to_string());
    }
    safetensors::write_with(&tensors, &metadata)
}

/// Reads constants that [`write()`] has written.
///
/// # Errors
///
/// Those of [`safetensors::read`]; [`Error::Foreign`] for files of tensors without this layout, [`Error::Corrupt`] for
/// parameters that do not fit their tensor.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<BTreeMap<String, Constant>, Error> {
    let mut tensors = safetensors::read(bytes, limits)?;
    let mut metadata = safetensors::metadata(bytes, limits)?;
    if metadata.remove(FORMAT.0).as_deref() != Some(FORMAT.1) {
        let reason = "its metadata does not say so; read it as plain safetensors";
        return Err(Error::Foreign { format: FORMAT.1, reason });
    }
    let names = metadata.keys().filter_map(|key| key.strip_suffix(".quant_min"));
    let names: Vec<String> = names.map(str::to_owned).collect();
    let mut found = HashMap::new();
    for name in names {
        let mut part = |part: &str| {
            let key = format!("{name}.{part}");
            tensors.remove(&key).ok_or_else(|| Error::corrupt(format!("tensor `{key}`"), "is missing"))
        };
        let (scales, zero_points) = (part("scale")?, part("zero_point")?);
        let params = params(&name, &scales, &zero_points, &metadata)?;
        found.insert(name, params);
    }
    let constant = |(name, tensor): (String, Tensor)| {
        let params = found.remove(&name);
        if let Some(params) = &params {
            let invalid = |reason: String| Error::corrupt(format!("tensor `{name}`"), reason);
            if params.dtype() != tensor.dtype() {
                return Err(invalid(format!("holds {}, its zero points are {}", tensor.dtype(), params.dtype())));
            }
            params.check_shape(tensor.shape()).map_err(|error| invalid(error.to_string()))?;
        }
        Ok((name, Constant { tensor, params }))
    };
    let constants = tensors.into_iter().map(constant).collect::<Result<BTreeMap<_, _>, _>>()?;
    match found.into_keys().next() {
        Some(name) => Err(Error::corrupt(format!("tensor `{name}`"), "is missing, its parameters are there")),
        None => Ok(constants),
    }
}

/// The parameters of the quantized constant of that name.
fn params(
    name: &str,
    scales: &Tensor,
    zero_points: &Tensor,
    metadata: &HashMap<String, String>,
) -> Result<QuantParams, Error> {
    let invalid = |reason: String| Error::corrupt(format!("parameters of `{name}`"), reason);
    let entry = |part: &str| metadata.get(&format!("{name}.{part}"));
    let bound = |part: &str| {
        let number = entry(part).and_then(|text| text.parse::<i32>().ok());
        number.ok_or_else(|| invalid(format!("`{name}.{part}` of the metadata is not a number")))
    };
    let given = scales.as_slice::<f32>().map_err(|_| invalid(format!("the scales are {}", scales.dtype())))?;
    let given = given.iter().map(|&scale| Scale::new(scale)).collect::<Result<Vec<_>, _>>();
    let given = given.map_err(|error| invalid(error.to_string()))?;
    if zero_points.shape() != scales.shape() {
        let (zero_points, scales) = (zero_points.shape(), scales.shape());
        return Err(invalid(format!("zero points of shape {zero_points:?}, scales of shape {scales:?}")));
    }
    let dtype = zero_points.dtype();
    let list: Option<Vec<i32>> = match dtype {
        DType::I8 => zero_points.as_slice::<i8>().ok().map(|list| list.iter().map(|&zero| zero.into()).collect()),
        DType::U8 => zero_points.as_slice::<u8>().ok().map(|list| list.iter().map(|&zero| zero.into()).collect()),
        DType::I32 => zero_points.as_slice::<i32>().ok().map(<[i32]>::to_vec),
        _ => None,
    };
    let list = list.ok_or_else(|| invalid(format!("the zero points are {dtype}")))?;
    let granularity = match (entry("axis"), given.as_slice(), list.as_slice()) {
        (None, &[scale], &[zero_point]) => Granularity::PerTensor { scale, zero_point },
        (None, ..) => return Err(invalid(format!("{} scales without an axis", given.len()))),
        (Some(axis), ..) => {
            let axis = axis.parse().map_err(|_| invalid(format!("`{name}.axis` of the metadata is not a number")))?;
            Granularity::PerChannel { axis, scales: given, zero_points: list }
        }
    };
    let range = (bound("quant_min")?, bound("quant_max")?);
    QuantParams::new(dtype, range, granularity).map_err(|error| invalid(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn constants() -> BTreeMap<String, Constant> {
        let scale = |scale| Scale::new(scale).expect("normal");
        let rows = Granularity::PerChannel { axis: 0, scales: vec![scale(0.5), scale(0.25)], zero_points: vec![0, 0] };
        let rows = QuantParams::new(DType::I8, (-127, 127), rows).expect("valid");
        let all = QuantParams::per_tensor(DType::U8, (0, 255), scale(0.1), 7).expect("valid");
        let sums = QuantParams::per_tensor(DType::I32, (i32::MIN, i32::MAX), scale(0.1), 0).expect("valid");
        let weight = Tensor::from_vec(&[2, 2], vec![1_i8, -127, 3, 4]).expect("four");
        BTreeMap::from([
            ("w".to_owned(), Constant { tensor: weight, params: Some(rows) }),
            ("c".to_owned(), Constant { tensor: Tensor::from_vec(&[1], vec![9_u8]).expect("one"), params: Some(all) }),
            ("b".to_owned(), Constant { tensor: Tensor::from_vec(&[1], vec![-5]).expect("one"), params: Some(sums) }),
            ("f".to_owned(), Constant { tensor: Tensor::from_vec(&[1], vec![1.5_f32]).expect("one"), params: None }),
        ])
    }

    #[test]
    fn constants_come_back() {
        let bytes = write(&constants()).expect("small");
        assert_eq!(write(&constants()).as_ref(), Ok(&bytes), "the same bytes every time");
        assert_eq!(read(&bytes, &Limits::default()), Ok(constants()));
        let names: Vec<String> = safetensors::read(&bytes, &Limits::default()).expect("plain").into_keys().collect();
        let expected =
            ["b", "b.scale", "b.zero_point", "c", "c.scale", "c.zero_point", "f", "w", "w.scale", "w.zero_point"];
        assert_eq!(names, expected);
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length], &Limits::default()).is_err(), "{length}");
        }
    }

    #[test]
    fn names_may_hold_any_character() {
        let mut all = constants();
        let odd = all.remove("w").expect("there");
        all.insert("a \"b\" \\ \n \u{1} \u{e9}".to_owned(), odd);
        assert_eq!(read(&write(&all).expect("small"), &Limits::default()), Ok(all));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let text = |bytes: Vec<u8>| read(&bytes, &Limits::default()).expect_err("invalid").to_string();
        assert!(text(safetensors::write(&BTreeMap::new()).expect("none")).contains("not a fourfold.tensors/1 file"));
        let mut twice = constants();
        twice.insert("w.scale".to_owned(), twice["f"].clone());
        assert!(write(&twice).is_err_and(|error| error.to_string().contains("`w.scale`")));
        let bytes = write(&constants()).expect("small");
        let plain = safetensors::read(&bytes, &Limits::default()).expect("plain");
        let metadata: BTreeMap<String, String> =
            safetensors::metadata(&bytes, &Limits::default()).expect("metadata").into_iter().collect();
        let without = |name: &str| {
            let mut tensors = plain.clone();
            tensors.remove(name);
            text(safetensors::write_with(&tensors, &metadata).expect("small"))
        };
        assert!(without("w").contains("`w`: is missing") && without("w.scale").contains("`w.scale`: is missing"));
        let with = |key: &str, value: &str| {
            let mut metadata = metadata.clone();
            metadata.insert(key.to_owned(), value.to_owned());
            text(safetensors::write_with(&plain, &metadata).expect("small"))
        };
        for (key, value) in
            [("w.axis", "7"), ("w.axis", "x"), ("w.quant_max", "1000"), ("c.quant_min", ""), ("c.axis", "9")]
        {
            assert!(with(key, value).contains(&format!("`{}`", &key[..1])), "{key} {value}");
        }
        for (name, tensor) in [
            ("w.scale", Tensor::from_vec(&[2], vec![0.0_f32, 1.0]).expect("two")),
            ("w.zero_point", Tensor::from_vec(&[1], vec![0_i8]).expect("one")),
            ("w", Tensor::from_vec(&[3, 2], vec![0_i8; 6]).expect("six")),
            ("w", Tensor::from_vec(&[2, 2], vec![0_u8; 4]).expect("four")),
        ] {
            let mut tensors = plain.clone();
            tensors.insert(name.to_owned(), tensor);
            let bytes = safetensors::write_with(&tensors, &metadata).expect("small");
            assert!(text(bytes).contains("`w`"), "{name}");
        }
    }
}
