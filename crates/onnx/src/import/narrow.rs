//! Quantized values of 2, 4 and 16 bits in the file, which tensors of the graph hold in wider elements.

use std::borrow::Cow;

use fourfold_schemes::{QuantType, packed_len, unpack};
use fourfold_tensor::{DType, Shape, Tensor};

use super::Importer;
use super::constants::tensor::failed;
use super::emission::binding::Binding;
use super::emission::node::Entry;
use crate::Error;
use crate::proto::{NodeProto, TensorProto, data_type};

/// Operators whose result has the elements of their first input, at other positions or in another number.
const MOVING: [&str; 10] =
    ["Concat", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"];

/// The type of a number in the file if no tensor of the graph has it: 2, 4 or 16 bits.
pub(super) fn narrow(data_type: i32) -> Option<QuantType> {
    data_type::quantized(data_type).filter(|&ty| is_narrow(ty))
}

/// Whether tensors of the graph hold values of the type in wider elements.
fn is_narrow(ty: QuantType) -> bool {
    QuantType::of(ty.dtype()) != Some(ty)
}

impl<'a> Importer<'a> {
    /// The type of codes that a name stands for, `None` if it stands for other elements or nothing made it before.
    pub(super) fn code_of(&self, name: &str) -> Option<QuantType> {
        if let Some(code) = self.constants.narrow.get(name) {
            return Some(*code);
        }
        match self.emission.binding(name)? {
            Binding::Value(id) => QuantType::of(self.emission.ty(*id).dtype()),
            Binding::Constant => QuantType::of(self.constants.stored(name)?.dtype()),
            Binding::Deferred(deferred) => deferred.code,
            Binding::Dequantized(_) | Binding::Sizes(_) => None,
        }
    }

    /// Notes that elements of a name have a type of the file that no tensor has.
    pub(super) fn note_code(&mut self, name: &'a str, code: QuantType) {
        if is_narrow(code) {
            self.constants.narrow.insert(name, code);
        }
    }

    /// Gives the results of a node that moves elements their type.
    pub(super) fn pass_code(&mut self, node: &'a NodeProto) {
        let first = node.input.first().and_then(|name| self.constants.narrow.get(name.as_str()).copied());
        if let Some(code) = first.filter(|_| MOVING.contains(&node.op_type.as_str())) {
            self.constants.narrow.extend(node.output.iter().map(|output| (output.as_str(), code)));
        }
    }
}

/// Whether an operator takes quantized values of types that no tensor has: it moves them, or converts them.
fn takes_narrow(operator: &str) -> bool {
    MOVING.contains(&operator) || matches!(operator, "Cast" | "QuantizeLinear" | "DequantizeLinear" | "MatMulNBits")
}

impl Entry<'_, '_> {
    /// Checks that the operator takes those of its inputs whose type no tensor has.
    pub(super) fn check_narrow(&self) -> Result<(), Error> {
        let narrow =
            self.proto.input.iter().find_map(|name| Some((name, self.importer.constants.narrow.get(name.as_str())?)));
        match narrow.filter(|_| !takes_narrow(&self.proto.op_type)) {
            Some((name, code)) => {
                Err(self.unsupported(format!("arithmetic on `{name}` of type {}", data_type::name_of(*code))))
            }
            None => Ok(()),
        }
    }
}

/// Reads a tensor of a type that no tensor of the graph has; the first value of a byte is in its lowest bits.
pub(super) fn read(proto: &TensorProto, code: QuantType, name: &str) -> Result<Tensor, Error> {
    let invalid = |reason: String| Error::Tensor { name: name.to_owned(), reason };
    let sizes: Option<Vec<usize>> = proto.dims.iter().map(|&size| usize::try_from(size).ok()).collect();
    let sizes = sizes.ok_or_else(|| invalid(format!("has shape {:?}", proto.dims)))?;
    let shape = Shape::new(&sizes).map_err(|error| invalid(error.to_string()))?;
    if !proto.raw_data.is_empty() && !proto.int32_data.is_empty() {
        return Err(invalid("has its data twice, raw and typed".to_owned()));
    }
    let ty = data_type::name_of(code);
    if !proto.float_data.is_empty() || !proto.int64_data.is_empty() {
        return Err(invalid(format!("is {ty}, but its data is of another type")));
    }
    let count = shape.element_count();
    let tensor = match code.dtype() {
        DType::I32 => {
            let bytes = proto.raw_data.len() + 2 * proto.int32_data.len();
            if bytes != packed_len(code, count) {
                return Err(invalid(format!("has {bytes} bytes for {count} numbers of 16 bits")));
            }
            let (min, max) = code.range();
            if proto.int32_data.iter().any(|number| !(min..=max).contains(number)) {
                return Err(invalid(format!("holds numbers that are not {ty}")));
            }
            match proto.int32_data.as_slice() {
                [] => unpack(code, &shape, &proto.raw_data),
                // One value in each, unpacked.
                values => Tensor::from_slice(&shape, values).map_err(Into::into),
            }
        }
        _ => {
            let bits = code.bits();
            let no_bytes = || invalid(format!("holds numbers that are not the bytes of {ty}"));
            let bytes = packed(proto).ok_or_else(no_bytes)?;
            if bytes.len() != packed_len(code, count) {
                return Err(invalid(format!("has {} bytes for {count} numbers of {bits} bits", bytes.len())));
            }
            unpack(code, &shape, &bytes)
        }
    };
    tensor.map_err(|error| failed(error, invalid))
}

/// The bytes of values of few bits: raw, or one in each of `int32_data`; `None` if one of those is no byte.
fn packed(proto: &TensorProto) -> Option<Cow<'_, [u8]>> {
    match proto.int32_data.as_slice() {
        [] => Some(Cow::Borrowed(&proto.raw_data)),
        typed => typed.iter().map(|&byte| u8::try_from(byte).ok()).collect::<Option<Vec<u8>>>().map(Cow::Owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(code: QuantType, dims: &[i64], raw: &[u8], typed: &[i32]) -> Result<Tensor, Error> {
        let (dims, raw_data, int32_data) = (dims.to_vec(), raw.to_vec(), typed.to_vec());
        read(
            &TensorProto {
                dims,
                data_type: data_type::of_quantized(code),
                raw_data,
                int32_data,
                ..TensorProto::default()
            },
            code,
            "t",
        )
    }

    #[test]
    fn the_first_of_several_values_in_a_byte_is_in_the_low_bits() {
        for (raw, typed) in [(&[0x8f_u8, 0x07][..], &[][..]), (&[], &[0x8f, 0x07][..])] {
            let signed = tensor(QuantType::I4, &[3], raw, typed).expect("three");
            assert_eq!(signed.as_slice::<i8>(), Ok(&[-1, -8, 7][..]));
            let unsigned = tensor(QuantType::U4, &[1, 3], raw, typed).expect("three");
            assert_eq!(unsigned.as_slice::<u8>(), Ok(&[15, 8, 7][..]));
            let two = tensor(QuantType::I2, &[5], raw, typed).expect("five");
            assert_eq!(two.as_slice::<i8>(), Ok(&[-1, -1, 0, -2, -1][..]));
            let two = tensor(QuantType::U2, &[5], raw, typed).expect("five");
            assert_eq!(two.as_slice::<u8>(), Ok(&[3, 3, 0, 2, 3][..]));
        }
    }

    #[test]
    fn numbers_of_16_bits_are_widened() {
        let raw = [0xff, 0xff, 0x00, 0x80];
        assert_eq!(tensor(QuantType::I16, &[2], &raw, &[]).expect("two").as_slice::<i32>(), Ok(&[-1, -32_768][..]));
        assert_eq!(tensor(QuantType::U16, &[2], &raw, &[]).expect("two").as_slice::<i32>(), Ok(&[65_535, 32_768][..]));
        assert_eq!(tensor(QuantType::I16, &[], &[], &[-7]).expect("one").as_slice::<i32>(), Ok(&[-7][..]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (code, dims, raw, typed) in [
            (QuantType::I4, 3_i64, &[0][..], &[][..]),
            (QuantType::I4, 2, &[0, 0], &[]),
            (QuantType::I4, 2, &[0], &[0]),
            (QuantType::U4, 2, &[], &[256]),
            (QuantType::U2, 5, &[0], &[]),
            (QuantType::I16, 2, &[0, 0, 0], &[]),
            (QuantType::I16, 1, &[], &[32_768]),
            (QuantType::U16, 1, &[], &[-1]),
            (QuantType::U16, -1, &[], &[]),
        ] {
            assert!(
                matches!(tensor(code, &[dims], raw, typed), Err(Error::Tensor { .. })),
                "{code} {dims} {raw:?} {typed:?}"
            );
        }
    }
}
