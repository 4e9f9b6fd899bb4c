//! Constants of at most 16 different quantized values, two in a byte.

use std::borrow::Cow;

use fourfold_graph::Value;
use fourfold_schemes::{QuantParams, QuantType, pack_fields, unpack_fields};
use fourfold_tensor::{Tensor, memory};

use crate::Error;

/// The bits of a value in the file.
const BITS: usize = QuantType::U4.bits();

/// The bytes that a constant takes in the file: each value less the smallest, two in a byte, if they fit; else its
/// elements, little-endian.
pub(super) fn bytes<'g>(value: &Value, constant: &'g Tensor) -> Result<Cow<'g, [u8]>, Error> {
    let Some(params) = params(value, constant) else { return Ok(constant.le_bytes()?) };
    let min = lowest_byte(params.quant_min());
    let packed = pack_fields(BITS, constant.bytes(), |byte| byte.wrapping_sub(min));
    Ok(Cow::Owned(memory::collected(packed)?))
}

/// The parameters of a constant that is packed: at most 16 values, and no element that is none of them.
pub(super) fn params<'g>(value: &'g Value, constant: &Tensor) -> Option<&'g QuantParams> {
    let params = value.ty().params().filter(|params| fits(params))?;
    let (min, width) = (lowest_byte(params.quant_min()), lowest_byte(params.quant_max() - params.quant_min()));
    constant.bytes().iter().all(|byte| byte.wrapping_sub(min) <= width).then_some(params)
}

/// Whether all values fit four bits.
pub(super) fn fits(params: &QuantParams) -> bool {
    params.dtype().byte_range().is_some() && params.quant_max() - params.quant_min() < 1 << BITS
}

/// The tensor whose values [`bytes`] packed.
pub(super) fn unpacked(bytes: &[u8], sizes: &[usize], params: &QuantParams, part: &str) -> Result<Tensor, Error> {
    let count: usize = sizes.iter().product();
    if let Some(last) = bytes.last().filter(|&&last| count % 2 == 1 && last > 15) {
        return Err(Error::corrupt(part, format!("the unused half of its last byte is {}, not 0", last >> 4)));
    }
    let (min, width) = (lowest_byte(params.quant_min()), lowest_byte(params.quant_max() - params.quant_min()));
    let element = |field: u8| match field <= width {
        true => Ok(min.wrapping_add(field)),
        false => Err(Error::corrupt(
            part,
            format!("a quantized value is {field} above the smallest, the largest is {width} above"),
        )),
    };
    Tensor::from_le_fill(params.dtype(), sizes, |elements| {
        let mut pairs = elements.iter_mut().zip(unpack_fields(BITS, bytes).take(count));
        pairs.try_for_each(|(byte, field)| element(field).map(|value| *byte = value))
    })
}

/// The lowest 8 bits: two's complement for `i8`.
fn lowest_byte(value: i32) -> u8 {
    value.to_le_bytes()[0]
}
