//! Elements of a file as the type that an input takes.

use fourfold::tensor::{DType, Tensor};

use crate::failure::Failure;

/// What becomes of elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conversion {
    /// They have the type already, or one all of whose values the other holds as floats.
    None,
    /// Floats are rounded to fewer bits.
    Rounded,
    /// Integers of which each must be a value of the other type.
    Checked,
}

impl Conversion {
    /// What elements of one type need to become another; the error says why they cannot.
    pub(super) fn between(from: DType, to: DType) -> Result<Self, String> {
        match (from.is_float(), to.is_float()) {
            _ if from == to => Ok(Conversion::None),
            (true, true) if is_wider(to, from) => Ok(Conversion::None),
            (true, true) => Ok(Conversion::Rounded),
            (false, _) => Ok(Conversion::Checked),
            (true, false) => Err(format!(
                "the elements are {from}, not {to}; convert them first, as in \
                 numpy.asarray(x).astype(\"{}\")",
                numpy_name(to)
            )),
        }
    }
}

/// Whether every value of `small` is one of `wide`.
fn is_wider(wide: DType, small: DType) -> bool {
    matches!((wide, small), (DType::F64, _) | (DType::F32, DType::F16 | DType::BF16))
}

fn numpy_name(dtype: DType) -> &'static str {
    match dtype {
        DType::I8 => "int8",
        DType::U8 => "uint8",
        DType::I32 => "int32",
        DType::I64 => "int64",
        DType::Bool => "bool",
        _ => "float32",
    }
}

/// The tensor with elements of another type.
///
/// Floats are rounded to nearest, ties to even; those that are finite must stay so. Integers must be values of the
/// other type: no more than 0 and 1 for bool, no number that a float of that type would round.
pub(super) fn convert(tensor: Tensor, to: DType) -> Result<Tensor, Failure> {
    let from = tensor.dtype();
    match Conversion::between(from, to).map_err(Failure::invalid)? {
        _ if from == to => Ok(tensor),
        Conversion::None => Ok(tensor.to_float(to)?),
        Conversion::Rounded => {
            let rounded = tensor.to_float(to)?;
            check_overflow(&tensor, &rounded)?;
            Ok(rounded)
        }
        Conversion::Checked => of_integers(&tensor, to),
    }
}

fn check_overflow(from: &Tensor, to: &Tensor) -> Result<(), Failure> {
    let (before, after) = (from.to_float(DType::F64)?, to.to_float(DType::F64)?);
    let pairs = before.as_slice::<f64>()?.iter().zip(after.as_slice::<f64>()?);
    match pairs.enumerate().find(|(_, (before, after))| before.is_finite() && !after.is_finite()) {
        None => Ok(()),
        Some((index, (value, _))) => Err(too_large(index, value, to.dtype())),
    }
}

fn too_large(index: usize, value: impl std::fmt::Display, to: DType) -> Failure {
    Failure::invalid(format_args!("element {index} is {value}, which {to}, the type of the input, does not hold"))
}

fn of_integers(tensor: &Tensor, to: DType) -> Result<Tensor, Failure> {
    let values: Vec<i64> = match tensor.dtype() {
        DType::I8 => tensor.as_slice::<i8>()?.iter().map(|&value| value.into()).collect(),
        DType::U8 | DType::Bool => tensor.as_slice::<u8>()?.iter().map(|&value| value.into()).collect(),
        DType::I32 => tensor.as_slice::<i32>()?.iter().map(|&value| value.into()).collect(),
        _ => tensor.as_slice::<i64>()?.to_vec(),
    };
    // Whole numbers up to this have neighbours at a distance of 1.
    let exact = |bits: u32| -(1_i64 << bits)..=1 << bits;
    let held = match to {
        DType::I8 => i8::MIN.into()..=i8::MAX.into(),
        DType::U8 => 0..=u8::MAX.into(),
        DType::I32 => i32::MIN.into()..=i32::MAX.into(),
        DType::Bool => 0..=1,
        DType::BF16 => exact(8),
        DType::F16 => exact(11),
        DType::F32 => exact(24),
        DType::F64 => exact(53),
        DType::I64 => i64::MIN..=i64::MAX,
    };
    if let Some((index, value)) = values.iter().enumerate().find(|(_, value)| !held.contains(value)) {
        return Err(too_large(index, value, to));
    }
    let shape = tensor.shape();
    #[expect(clippy::cast_possible_truncation, reason = "the values were checked to be of the type")]
    #[expect(clippy::cast_sign_loss, reason = "the values were checked to be of the type")]
    #[expect(clippy::cast_precision_loss, reason = "the values were checked to be of the type")]
    let converted = match to {
        DType::I8 => Tensor::from_elements(shape, values.into_iter().map(|value| value as i8))?,
        DType::U8 => Tensor::from_elements(shape, values.into_iter().map(|value| value as u8))?,
        DType::I32 => Tensor::from_elements(shape, values.into_iter().map(|value| value as i32))?,
        DType::I64 => Tensor::from_elements(shape, values)?,
        DType::Bool => Tensor::from_bools(shape, &values.iter().map(|&value| value == 1).collect::<Vec<_>>())?,
        DType::F32 | DType::F16 | DType::BF16 | DType::F64 => {
            Tensor::from_elements(shape, values.into_iter().map(|value| value as f64))?.to_float(to)?
        }
    };
    Ok(converted)
}
