//! Types of codes in the file, among them those of 2, 4 and 16 bits, which tensors of the graph hold in wider elements.

use core::fmt;

use fourfold_tensor::{DType, Element, Shape, Tensor};

use super::Importer;
use super::binding::Binding;
use super::node::Entry;
use super::tensor::failed;
use crate::Error;
use crate::proto::{NodeProto, TensorProto, data_type};

/// Operators whose result has the elements of their first input, in another place or number.
const MOVING: [&str; 10] =
    ["Concat", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Split", "Squeeze", "Transpose", "Unsqueeze"];

/// The type of codes in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    I2,
    U2,
    I4,
    U4,
    I8,
    U8,
    I16,
    U16,
    I32,
}

impl Code {
    const ALL: [Code; 9] =
        [Code::I2, Code::U2, Code::I4, Code::U4, Code::I8, Code::U8, Code::I16, Code::U16, Code::I32];

    /// The type of that number in the file, `None` if it is not one of codes.
    pub(super) fn of(data_type: i32) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.data_type() == data_type)
    }

    /// The same for types that no tensor of the graph has.
    pub(super) fn narrow(data_type: i32) -> Option<Self> {
        Self::of(data_type).filter(|code| code.is_narrow())
    }

    /// The type of the codes in a tensor of the graph, unless the file has a narrower one.
    pub(super) fn held(dtype: DType) -> Option<Self> {
        match dtype {
            DType::I8 => Some(Code::I8),
            DType::U8 => Some(Code::U8),
            DType::I32 => Some(Code::I32),
            _ => None,
        }
    }

    fn data_type(self) -> i32 {
        match self {
            Code::I2 => data_type::INT2,
            Code::U2 => data_type::UINT2,
            Code::I4 => data_type::INT4,
            Code::U4 => data_type::UINT4,
            Code::I8 => data_type::INT8,
            Code::U8 => data_type::UINT8,
            Code::I16 => data_type::INT16,
            Code::U16 => data_type::UINT16,
            Code::I32 => data_type::INT32,
        }
    }

    /// The element type of the tensors that hold the codes.
    pub(super) fn dtype(self) -> DType {
        match self {
            Code::I2 | Code::I4 | Code::I8 => DType::I8,
            Code::U2 | Code::U4 | Code::U8 => DType::U8,
            Code::I16 | Code::U16 | Code::I32 => DType::I32,
        }
    }

    /// The smallest and the largest code.
    pub(super) fn range(self) -> (i32, i32) {
        match self {
            Code::I2 => (-2, 1),
            Code::U2 => (0, 3),
            Code::I4 => (-8, 7),
            Code::U4 => (0, 15),
            Code::I8 => (-128, 127),
            Code::U8 => (0, 255),
            Code::I16 => (-32_768, 32_767),
            Code::U16 => (0, 65_535),
            Code::I32 => (i32::MIN, i32::MAX),
        }
    }

    fn bits(self) -> usize {
        match self {
            Code::I2 | Code::U2 => 2,
            Code::I4 | Code::U4 => 4,
            Code::I8 | Code::U8 => 8,
            Code::I16 | Code::U16 => 16,
            Code::I32 => 32,
        }
    }

    fn is_narrow(self) -> bool {
        !matches!(self, Code::I8 | Code::U8 | Code::I32)
    }
}

impl fmt::Display for Code {
    /// The name of the specification.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(data_type::name(self.data_type()))
    }
}

impl<'a> Importer<'a> {
    /// The type of codes that a name stands for, `None` if it stands for other elements or nothing made it before.
    pub(super) fn code_of(&self, name: &str) -> Option<Code> {
        if let Some(code) = self.constants.narrow.get(name) {
            return Some(*code);
        }
        match self.emission.binding(name)? {
            Binding::Value(id) => Code::held(self.emission.ty(*id).dtype()),
            Binding::Constant => Code::held(self.constants.stored(name)?.dtype()),
            Binding::Deferred(deferred) => deferred.code,
            Binding::Dequantized(_) | Binding::Sizes(_) => None,
        }
    }

    /// Notes that elements of a name have a type of the file that no tensor has.
    pub(super) fn note_code(&mut self, name: &'a str, code: Code) {
        if code.is_narrow() {
            self.constants.narrow.insert(name, code);
        }
    }

    /// Gives the results of a node that moves elements the type of these.
    pub(super) fn pass_code(&mut self, node: &'a NodeProto) {
        let first = node.input.first().and_then(|name| self.constants.narrow.get(name.as_str()).copied());
        if let Some(code) = first.filter(|_| MOVING.contains(&node.op_type.as_str())) {
            self.constants.narrow.extend(node.output.iter().map(|output| (output.as_str(), code)));
        }
    }
}

/// Whether an operator takes codes of types that no tensor has: it moves them, or makes other numbers of them.
fn takes_narrow(operator: &str) -> bool {
    MOVING.contains(&operator) || matches!(operator, "Cast" | "QuantizeLinear" | "DequantizeLinear" | "MatMulNBits")
}

impl Entry<'_, '_> {
    /// Checks that the operator takes the codes of types that no tensor has which are among its inputs.
    pub(super) fn check_narrow(&self) -> Result<(), Error> {
        let narrow =
            self.proto.input.iter().find_map(|name| Some((name, self.importer.constants.narrow.get(name.as_str())?)));
        match narrow.filter(|_| !takes_narrow(&self.proto.op_type)) {
            Some((name, code)) => Err(self.unsupported(format!("arithmetic on `{name}` of type {code}"))),
            None => Ok(()),
        }
    }
}

/// Reads a tensor of a type that no tensor of the graph has.
pub(super) fn read(proto: &TensorProto, code: Code, name: &str) -> Result<Tensor, Error> {
    let invalid = |reason: String| Error::Tensor { name: name.to_owned(), reason };
    let sizes: Option<Vec<usize>> = proto.dims.iter().map(|&size| usize::try_from(size).ok()).collect();
    let sizes = sizes.ok_or_else(|| invalid(format!("has shape {:?}", proto.dims)))?;
    let shape = Shape::new(&sizes).map_err(|error| invalid(error.to_string()))?;
    if !proto.raw_data.is_empty() && !proto.int32_data.is_empty() {
        return Err(invalid("has its data twice, raw and typed".to_owned()));
    }
    if !proto.float_data.is_empty() || !proto.int64_data.is_empty() {
        return Err(invalid(format!("is {code}, but its data is of another type")));
    }
    match code.dtype() {
        DType::I32 => words(proto, code, &shape, &invalid),
        // The sign is the highest bit.
        DType::I8 => {
            let unused = 8 - code.bits();
            parts(proto, code, &shape, &invalid, |part| (part << unused).cast_signed() >> unused)
        }
        _ => parts(proto, code, &shape, &invalid, |part| part),
    }
}

/// Elements of 16 bits, raw or one in each of `int32_data`; each becomes one of 32.
fn words(proto: &TensorProto, code: Code, shape: &Shape, invalid: &dyn Fn(String) -> Error) -> Result<Tensor, Error> {
    let count = shape.element_count();
    let (raw, rest) = proto.raw_data.as_chunks::<2>();
    if !rest.is_empty() || raw.len() + proto.int32_data.len() != count {
        let bytes = proto.raw_data.len() + 2 * proto.int32_data.len();
        return Err(invalid(format!("has {bytes} bytes for {count} numbers of 16 bits")));
    }
    let (least, most) = code.range();
    if proto.int32_data.iter().any(|number| !(least..=most).contains(number)) {
        return Err(invalid(format!("holds numbers that are not {code}")));
    }
    let word = |&bytes: &[u8; 2]| match code {
        Code::I16 => i32::from(i16::from_le_bytes(bytes)),
        _ => i32::from(u16::from_le_bytes(bytes)),
    };
    let tensor = match raw {
        [] => Tensor::from_slice(shape, &proto.int32_data),
        raw => Tensor::from_elements(shape, raw.iter().map(word)),
    };
    tensor.map_err(|error| failed(error, invalid))
}

/// Elements of 2 or 4 bits, several in a byte, the low bits first; `part` makes an element of the bits of one.
fn parts<T: Element>(
    proto: &TensorProto,
    code: Code,
    shape: &Shape,
    invalid: &dyn Fn(String) -> Error,
    part: impl Fn(u8) -> T,
) -> Result<Tensor, Error> {
    let (count, bits) = (shape.element_count(), code.bits());
    let each = 8 / bits;
    let bytes = proto.raw_data.len() + proto.int32_data.len();
    if bytes != count.div_ceil(each) {
        return Err(invalid(format!("has {bytes} bytes for {count} numbers of {bits} bits")));
    }
    let typed = proto.int32_data.iter().map(|&byte| u8::try_from(byte).ok());
    if typed.clone().any(|byte| byte.is_none()) {
        return Err(invalid(format!("holds numbers that are not the bytes of {code}")));
    }
    let mask = u8::MAX >> (8 - bits);
    let packed = proto.raw_data.iter().copied().chain(typed.flatten());
    let split = packed.flat_map(|byte| (0..each).map(move |place| byte >> (place * bits) & mask)).take(count);
    Tensor::from_elements(shape, split.map(part)).map_err(|error| failed(error, invalid))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensor(code: Code, dims: &[i64], raw: &[u8], typed: &[i32]) -> Result<Tensor, Error> {
        let (dims, raw_data, int32_data) = (dims.to_vec(), raw.to_vec(), typed.to_vec());
        read(
            &TensorProto { dims, data_type: code.data_type(), raw_data, int32_data, ..TensorProto::default() },
            code,
            "t",
        )
    }

    #[test]
    fn small_numbers_lie_several_in_a_byte_the_first_in_the_low_bits() {
        for (raw, typed) in [(&[0x8f_u8, 0x07][..], &[][..]), (&[], &[0x8f, 0x07][..])] {
            let signed = tensor(Code::I4, &[3], raw, typed).expect("three");
            assert_eq!(signed.as_slice::<i8>(), Ok(&[-1, -8, 7][..]));
            let unsigned = tensor(Code::U4, &[1, 3], raw, typed).expect("three");
            assert_eq!(unsigned.as_slice::<u8>(), Ok(&[15, 8, 7][..]));
            let two = tensor(Code::I2, &[5], raw, typed).expect("five");
            assert_eq!(two.as_slice::<i8>(), Ok(&[-1, -1, 0, -2, -1][..]));
            let two = tensor(Code::U2, &[5], raw, typed).expect("five");
            assert_eq!(two.as_slice::<u8>(), Ok(&[3, 3, 0, 2, 3][..]));
        }
    }

    #[test]
    fn numbers_of_16_bits_are_widened() {
        let raw = [0xff, 0xff, 0x00, 0x80];
        assert_eq!(tensor(Code::I16, &[2], &raw, &[]).expect("two").as_slice::<i32>(), Ok(&[-1, -32_768][..]));
        assert_eq!(tensor(Code::U16, &[2], &raw, &[]).expect("two").as_slice::<i32>(), Ok(&[65_535, 32_768][..]));
        assert_eq!(tensor(Code::I16, &[], &[], &[-7]).expect("one").as_slice::<i32>(), Ok(&[-7][..]));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        for (code, dims, raw, typed) in [
            (Code::I4, 3_i64, &[0][..], &[][..]),
            (Code::I4, 2, &[0, 0], &[]),
            (Code::I4, 2, &[0], &[0]),
            (Code::U4, 2, &[], &[256]),
            (Code::U2, 5, &[0], &[]),
            (Code::I16, 2, &[0, 0, 0], &[]),
            (Code::I16, 1, &[], &[32_768]),
            (Code::U16, 1, &[], &[-1]),
            (Code::U16, -1, &[], &[]),
        ] {
            assert!(
                matches!(tensor(code, &[dims], raw, typed), Err(Error::Tensor { .. })),
                "{code} {dims} {raw:?} {typed:?}"
            );
        }
    }
}
