//! Constants with at most 16 quantized values, two elements in a byte.

use std::borrow::Cow;

use fourfold_graph::Value;
use fourfold_schemes::QuantParams;
use fourfold_tensor::{Tensor, memory};

use crate::Error;

/// The bytes that a constant takes in the file: its elements less `quant_min`, two in a byte, if they fit; else its
/// elements, little-endian.
pub(super) fn bytes<'g>(value: &Value, constant: &'g Tensor) -> Result<Cow<'g, [u8]>, Error> {
    let Some(params) = params(value, constant) else { return Ok(constant.le_bytes()?) };
    let least = lowest_byte(params.quant_min());
    let half = |code: u8| code.wrapping_sub(least);
    let pairs = constant.bytes().chunks(2);
    let packed = pairs.map(|pair| half(pair[0]) | pair.get(1).map_or(0, |&code| half(code) << 4));
    Ok(Cow::Owned(memory::collected(packed)?))
}

/// The parameters of a constant that is packed: at most 16 quantized values, and no element outside of their range.
pub(super) fn params<'g>(value: &'g Value, constant: &Tensor) -> Option<&'g QuantParams> {
    let params = value.ty().params().filter(|params| fits(params))?;
    let (least, most) = (lowest_byte(params.quant_min()), lowest_byte(params.quant_max() - params.quant_min()));
    constant.bytes().iter().all(|code| code.wrapping_sub(least) <= most).then_some(params)
}

/// Whether all quantized values fit into four bits.
pub(super) fn fits(params: &QuantParams) -> bool {
    params.dtype().byte_range().is_some() && params.quant_max() - params.quant_min() < 16
}

/// The tensor that [`bytes`] packed.
pub(super) fn unpacked(bytes: &[u8], sizes: &[usize], params: &QuantParams, part: &str) -> Result<Tensor, Error> {
    let count: usize = sizes.iter().product();
    if let Some(last) = bytes.last().filter(|&&last| count % 2 == 1 && last > 15) {
        return Err(Error::corrupt(part, format!("the unused half of its last byte is {}, not 0", last >> 4)));
    }
    let most = lowest_byte(params.quant_max() - params.quant_min());
    let halves = bytes.iter().flat_map(|&byte| [byte & 15, byte >> 4]).take(count);
    let least = lowest_byte(params.quant_min());
    let code = |half: u8| match half <= most {
        true => Ok(least.wrapping_add(half)),
        false => Err(Error::corrupt(
            part,
            format!("a quantized value is {half} above the smallest, the largest is {most} above"),
        )),
    };
    Tensor::from_le_fill(params.dtype(), sizes, |codes| {
        codes.iter_mut().zip(halves).try_for_each(|(byte, half)| code(half).map(|code| *byte = code))
    })
}

/// The lowest 8 bits: two's complement for `i8`.
fn lowest_byte(code: i32) -> u8 {
    code.to_le_bytes()[0]
}
