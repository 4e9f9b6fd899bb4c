//! Codes in bytes: two 4-bit codes in one, the others as they are, little-endian.

use crate::{CodeRange, CodeType, Error};

/// The bytes of `codes`, in their order: code 0 of a 4-bit type in the lower half of byte 0, code 1 in its upper half,
/// and the upper half of the last byte 0 if their number is odd; other types little-endian.
///
/// Source: the order of 4-bit tensors in ONNX, and of `quint4x2` in PyTorch.
///
/// # Errors
///
/// [`Error::Code`] if a number is not a value of the type.
pub fn pack(ty: CodeType, codes: &[i32]) -> Result<Vec<u8>, Error> {
    let range = CodeRange::full(ty);
    if let Some(index) = codes.iter().position(|&code| !range.contains(code)) {
        return Err(Error::Code { index, value: codes[index], codes: range });
    }
    Ok(match ty.bits() {
        4 => codes.chunks(2).map(|pair| low_byte(pair[0]) & 15 | low_byte(*pair.get(1).unwrap_or(&0)) << 4).collect(),
        bits => codes.iter().flat_map(|code| code.to_le_bytes().into_iter().take(bits as usize / 8)).collect(),
    })
}

/// The codes in bytes that [`pack`] made of `count` codes.
///
/// # Errors
///
/// [`Error::PackedLength`] if the number of bytes is not that of `count` codes, [`Error::Padding`] if the unused half
/// of the last byte is not 0.
pub fn unpack(ty: CodeType, bytes: &[u8], count: usize) -> Result<Vec<i32>, Error> {
    let expected = packed_len(ty, count);
    if bytes.len() != expected {
        return Err(Error::PackedLength { ty, codes: count, expected, actual: bytes.len() });
    }
    let signed = ty.is_signed();
    Ok(match ty.bits() {
        4 => {
            if let Some(&byte) = bytes.last().filter(|&&byte| count % 2 == 1 && byte > 15) {
                return Err(Error::Padding { byte });
            }
            let halves = bytes.iter().flat_map(|&byte| [byte & 15, byte >> 4]).take(count);
            halves.map(|half| if signed && half > 7 { i32::from(half) - 16 } else { i32::from(half) }).collect()
        }
        8 if signed => bytes.iter().map(|&byte| i32::from(byte.cast_signed())).collect(),
        8 => bytes.iter().copied().map(i32::from).collect(),
        16 => {
            let words = bytes.chunks_exact(2).map(|word| u16::from_le_bytes([word[0], word[1]]));
            words.map(|word| if signed { i32::from(word.cast_signed()) } else { i32::from(word) }).collect()
        }
        _ => bytes.chunks_exact(4).map(|word| i32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect(),
    })
}

/// The number of bytes of `count` codes: `ceil(count * bits / 8)`.
#[must_use]
pub fn packed_len(ty: CodeType, count: usize) -> usize {
    match ty.bits() {
        4 => count.div_ceil(2),
        bits => count.saturating_mul(bits as usize / 8),
    }
}

/// The lowest 8 bits.
fn low_byte(code: i32) -> u8 {
    code.to_le_bytes()[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_code_is_in_the_lower_half() {
        assert_eq!(pack(CodeType::U4, &[1, 2, 15]), Ok(vec![0x21, 0x0f]));
        assert_eq!(pack(CodeType::I4, &[-1, 7, -8]), Ok(vec![0x7f, 0x08]));
        assert_eq!(pack(CodeType::I16, &[-2, 258]), Ok(vec![0xfe, 0xff, 2, 1]));
        assert_eq!(pack(CodeType::U16, &[65_535]), Ok(vec![0xff, 0xff]));
        assert_eq!(pack(CodeType::I32, &[i32::MIN]), Ok(vec![0, 0, 0, 0x80]));
    }

    #[test]
    fn every_code_survives_packing() {
        for ty in CodeType::ALL {
            let (least, greatest) = ty.range();
            let step = least.abs_diff(greatest).div_ceil(70_000) as usize;
            let mut codes: Vec<i32> = (least..=greatest).step_by(step).collect();
            codes.push(greatest);
            for count in [0, 1, 2, codes.len()] {
                let bytes = pack(ty, &codes[..count]).expect("codes of the type");
                assert_eq!(bytes.len(), packed_len(ty, count));
                assert_eq!(unpack(ty, &bytes, count).as_deref(), Ok(&codes[..count]), "{ty}");
            }
        }
    }

    #[test]
    fn what_is_not_a_packing_is_refused() {
        let codes = CodeRange::full(CodeType::I4);
        assert_eq!(pack(CodeType::I4, &[0, 8]), Err(Error::Code { index: 1, value: 8, codes }));
        assert!(pack(CodeType::U16, &[-1]).is_err());
        let wrong = Error::PackedLength { ty: CodeType::U4, codes: 3, expected: 2, actual: 1 };
        assert_eq!(unpack(CodeType::U4, &[0], 3), Err(wrong));
        assert_eq!(unpack(CodeType::U4, &[0, 0x10], 3), Err(Error::Padding { byte: 0x10 }));
        assert_eq!(unpack(CodeType::U4, &[0, 0x10], 4), Ok(vec![0, 0, 0, 1]));
    }
}
