//! Quantized values in bytes: several of 2 or 4 bits in one, the others little-endian.

use fourfold_tensor::{DType, Shape, Tensor};

use crate::{Error, QuantType};

/// The bytes of values, in their order.
///
/// Values of 2 and 4 bits lie `8 / bits` in a byte, the first in the lowest bits; unused bits of the last byte are 0.
/// Other types are little-endian.
///
/// Source: the order of 2-bit and 4-bit tensors in ONNX, and of `quint4x2` in PyTorch.
///
/// # Errors
///
/// [`Error::Value`] if a number is not a value of the type.
pub fn pack(ty: QuantType, values: &[i32]) -> Result<Vec<u8>, Error> {
    let (min, max) = ty.range();
    if let Some(index) = values.iter().position(|value| !(min..=max).contains(value)) {
        return Err(Error::Value { index, value: values[index], ty });
    }
    Ok(match ty.bits() {
        bits @ (2 | 4) => pack_fields(bits, values, |value| value.to_le_bytes()[0] & mask(bits)).collect(),
        bits => values.iter().flat_map(|value| value.to_le_bytes().into_iter().take(bits / 8)).collect(),
    })
}

/// The tensor of [`QuantType::dtype`] and `shape` whose values [`pack`] packed. Unused bits of the last byte are
/// ignored.
///
/// # Errors
///
/// [`Error::PackedLength`] if the number of bytes is not that of the values, [`Error::Tensor`] if `shape` is none or
/// there is no memory.
pub fn unpack(ty: QuantType, shape: &[usize], bytes: &[u8]) -> Result<Tensor, Error> {
    let values = Shape::new(shape)?.element_count();
    let (expected, actual) = (packed_len(ty, values), bytes.len());
    if expected != actual {
        return Err(Error::PackedLength { ty, values, expected, actual });
    }
    let word = |bytes: &[u8; 2]| match ty.is_signed() {
        true => i32::from(i16::from_le_bytes(*bytes)),
        false => i32::from(u16::from_le_bytes(*bytes)),
    };
    Ok(match ty.bits() {
        bits @ (2 | 4) => {
            let fields = unpack_fields(bits, bytes).take(values);
            match ty.dtype() {
                // The sign is the highest bit of the field.
                DType::I8 => {
                    let unused = 8 - bits;
                    Tensor::from_elements(shape, fields.map(|field| (field << unused).cast_signed() >> unused))?
                }
                _ => Tensor::from_elements(shape, fields)?,
            }
        }
        16 => Tensor::from_elements(shape, bytes.as_chunks::<2>().0.iter().map(word))?,
        _ => Tensor::from_le_bytes(ty.dtype(), shape, bytes)?,
    })
}

/// The number of bytes that so many values take: `ceil(values * bits / 8)`.
#[must_use]
pub const fn packed_len(ty: QuantType, values: usize) -> usize {
    match ty.bits() {
        bits @ (2 | 4) => values.div_ceil(8 / bits),
        bits => values.saturating_mul(bits / 8),
    }
}

/// The bytes of the fields of 2 or 4 bits that `field` makes of values: the first in the lowest bits of a byte. A field
/// must have no higher bits.
pub fn pack_fields<T>(bits: usize, values: &[T], field: impl Fn(&T) -> u8) -> impl ExactSizeIterator<Item = u8> {
    let byte = move |group: &[T]| group.iter().rev().fold(0, |byte, value| byte << bits | field(value));
    values.chunks(8 / bits).map(byte)
}

/// The fields of 2 or 4 bits in bytes, lowest bits first: `8 / bits` of each byte.
pub fn unpack_fields(bits: usize, bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.iter().flat_map(move |&byte| (0..8 / bits).map(move |index| byte >> (index * bits) & mask(bits)))
}

/// The lowest bits.
const fn mask(bits: usize) -> u8 {
    u8::MAX >> (8 - bits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_value_is_in_the_lowest_bits() {
        assert_eq!(pack(QuantType::U4, &[1, 2, 15]), Ok(vec![0x21, 0x0f]));
        assert_eq!(pack(QuantType::I4, &[-1, 7, -8]), Ok(vec![0x7f, 0x08]));
        assert_eq!(pack(QuantType::U2, &[1, 2, 3, 0, 1]), Ok(vec![0b0011_1001, 1]));
        assert_eq!(pack(QuantType::I2, &[-1, -2, 0]), Ok(vec![0b00_1011]));
        assert_eq!(pack(QuantType::I16, &[-2, 258]), Ok(vec![0xfe, 0xff, 2, 1]));
        assert_eq!(pack(QuantType::U16, &[65_535]), Ok(vec![0xff, 0xff]));
        assert_eq!(pack(QuantType::I32, &[i32::MIN]), Ok(vec![0, 0, 0, 0x80]));
    }

    /// The elements of a tensor.
    fn values(tensor: &Tensor) -> Vec<i32> {
        match tensor.dtype() {
            DType::I8 => tensor.as_slice::<i8>().expect("i8").iter().copied().map(i32::from).collect(),
            DType::U8 => tensor.as_slice::<u8>().expect("u8").iter().copied().map(i32::from).collect(),
            _ => tensor.as_slice::<i32>().expect("i32").to_vec(),
        }
    }

    #[test]
    fn every_value_survives_packing() {
        for ty in QuantType::ALL {
            let (min, max) = ty.range();
            let stride = min.abs_diff(max).div_ceil(70_000) as usize;
            let mut all: Vec<i32> = (min..=max).step_by(stride).collect();
            all.push(max);
            for count in [0, 1, 2, 3, all.len()] {
                let bytes = pack(ty, &all[..count]).expect("values of the type");
                assert_eq!(bytes.len(), packed_len(ty, count));
                let back = unpack(ty, &[count], &bytes).expect("as many");
                assert_eq!(back.dtype(), ty.dtype());
                assert_eq!(values(&back), all[..count], "{ty}");
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = Error::Value { index: 1, value: 8, ty: QuantType::I4 };
        assert_eq!(pack(QuantType::I4, &[0, 8]), Err(refused));
        assert!(pack(QuantType::U16, &[-1]).is_err());
        let wrong = Error::PackedLength { ty: QuantType::U4, values: 3, expected: 2, actual: 1 };
        assert_eq!(unpack(QuantType::U4, &[3], &[0]), Err(wrong));
    }
}
