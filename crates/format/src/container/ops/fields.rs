//! How the fields of an operator are written, read, and asked for their version, by the same calls.

use core::convert::Infallible;
use core::mem::discriminant;

use fourfold_graph::{Activation, Dim, PadMode, TopKResult, Unary, Window};
use fourfold_schemes::{DynamicScheme, QuantParams};

use super::choices::{DYNAMIC, PAD_MODES, UNARY};
use crate::codec::{Decode, DecodeError, Decoder, Encode, EncodeError, Encoder};
use crate::container::build::{self, check_rank, shape};
use crate::container::record;

/// The fields of an operator in their order. Every method writes what it is given, or reads over it.
pub(super) trait Fields: Sized {
    type Error;

    /// The operator's number, and the first minor version that has it.
    fn tag(&mut self, tag: u32, since: u16) -> Result<&mut Self, Self::Error>;

    /// Something that the codec knows.
    fn value<T: Encode + Decode<()>>(&mut self, value: &mut T) -> Result<&mut Self, Self::Error>;

    /// Notes that a value is new in a minor version.
    fn since(&mut self, minor: u16);

    /// Notes that what was read has no meaning; fails if it cannot be written.
    fn invalid(&mut self, reason: String) -> Result<(), Self::Error>;

    /// What was read, or a note of why it has no meaning.
    fn meaning<T>(&mut self, value: &mut T, read: Result<T, String>) -> Result<(), Self::Error> {
        match read {
            Ok(read) => *value = read,
            Err(reason) => self.invalid(reason)?,
        }
        Ok(())
    }

    /// A size or an index, as `u64`.
    fn size(&mut self, size: &mut usize) -> Result<&mut Self, Self::Error> {
        let mut wide = *size as u64;
        self.value(&mut wide)?;
        self.meaning(size, build::size_of(wide))?;
        Ok(self)
    }

    /// A list with at most as many entries as a tensor has axes.
    fn list<T: Clone + Encode + Decode<()>>(&mut self, list: &mut Vec<T>) -> Result<&mut Self, Self::Error> {
        self.value(list)?;
        if let Err(reason) = check_rank(list.len()) {
            self.invalid(reason)?;
        }
        Ok(self)
    }

    /// A list of sizes, as `u64`.
    fn sizes(&mut self, sizes: &mut Vec<usize>) -> Result<&mut Self, Self::Error> {
        let mut wide: Vec<u64> = sizes.iter().map(|&size| size as u64).collect();
        self.list(&mut wide)?;
        self.meaning(sizes, wide.into_iter().map(build::size_of).collect())?;
        Ok(self)
    }

    /// A list of sizes that may be left out.
    fn optional_sizes(&mut self, sizes: &mut Vec<Option<usize>>) -> Result<&mut Self, Self::Error> {
        let mut wide: Vec<Option<u64>> = sizes.iter().map(|size| size.map(|size| size as u64)).collect();
        self.list(&mut wide)?;
        self.meaning(sizes, wide.into_iter().map(|size| size.map(build::size_of).transpose()).collect())?;
        Ok(self)
    }

    /// One of a list of choices, as its index.
    fn choice<T: Copy + PartialEq>(
        &mut self,
        what: &str,
        list: &[(T, u16)],
        choice: &mut T,
    ) -> Result<&mut Self, Self::Error> {
        self.choice_by(T::eq, what, list, choice)
    }

    /// The same where choices are told apart by `is_same`, because they have attributes, which are fields of their own.
    fn choice_by<T: Copy>(
        &mut self,
        is_same: fn(&T, &T) -> bool,
        what: &str,
        list: &[(T, u16)],
        choice: &mut T,
    ) -> Result<&mut Self, Self::Error> {
        let known = list.iter().position(|(known, _)| is_same(known, choice));
        let Some(mut number) = known.and_then(|index| u8::try_from(index).ok()) else {
            self.invalid(format!("a {what} that the format has no number for"))?;
            return Ok(self);
        };
        self.value(&mut number)?;
        match list.get(usize::from(number)) {
            Some(&(read, since)) => {
                self.since(since);
                if !is_same(&read, choice) {
                    *choice = read;
                }
            }
            None => self.invalid(format!("there is no {what} {number}"))?,
        }
        Ok(self)
    }

    fn dim(&mut self, dim: &mut Dim) -> Result<&mut Self, Self::Error> {
        let mut record = shape::dim_record(dim);
        self.value(&mut record)?;
        self.since(record.minor());
        self.meaning(dim, shape::dim(&record))?;
        Ok(self)
    }

    fn dims(&mut self, dims: &mut Vec<Dim>) -> Result<&mut Self, Self::Error> {
        let mut records: Vec<record::Dim> = dims.iter().map(shape::dim_record).collect();
        self.value(&mut records)?;
        self.since(records.iter().map(record::Dim::minor).max().unwrap_or(0));
        self.meaning(dims, shape::dims(&records))?;
        Ok(self)
    }

    fn window(&mut self, window: &mut Window) -> Result<&mut Self, Self::Error> {
        let Window { kernel, stride, dilation, pad_begin, pad_end } = window;
        self.sizes(kernel)?.sizes(stride)?.sizes(dilation)?.sizes(pad_begin)?.sizes(pad_end)
    }

    fn activation(&mut self, activation: &mut Activation) -> Result<&mut Self, Self::Error> {
        let mut record = match *activation {
            Activation::None => record::Activation::None,
            Activation::Relu => record::Activation::Relu,
            Activation::Clamp { min, max } => record::Activation::Clamp { min, max },
        };
        self.value(&mut record)?;
        *activation = match record {
            record::Activation::None => Activation::None,
            record::Activation::Relu => Activation::Relu,
            record::Activation::Clamp { min, max } => Activation::Clamp { min, max },
        };
        Ok(self)
    }

    /// How an `f32` operand is quantized while the model runs.
    fn scheme(&mut self, scheme: &mut DynamicScheme) -> Result<&mut Self, Self::Error> {
        self.choice("dynamic scheme", &DYNAMIC, scheme)
    }

    /// The same where there may be none.
    fn dynamic(&mut self, dynamic: &mut Option<DynamicScheme>) -> Result<&mut Self, Self::Error> {
        let mut has_one = dynamic.is_some();
        self.value(&mut has_one)?;
        if !has_one {
            return Ok(self);
        }
        self.scheme(dynamic.get_or_insert(DynamicScheme::PerRow))
    }

    /// A function and two parameters, 0 where there are none.
    fn function(&mut self, function: &mut Unary) -> Result<&mut Self, Self::Error> {
        let mut parameters = function.parameters().map(Option::unwrap_or_default);
        self.choice_by(same_variant, "function", &UNARY, function)?.value(&mut parameters)?;
        let [first, second] = parameters;
        match function {
            Unary::HardSigmoid { alpha, beta } => (*alpha, *beta) = (first, second),
            Unary::LeakyRelu { slope: one } | Unary::Elu { alpha: one } => *one = first,
            plain if parameters != [0.0; 2] => {
                let reason = format!("{} has no parameters", fourfold_graph::Op::Unary(*plain).kind());
                self.invalid(reason)?;
            }
            _ => {}
        }
        Ok(self)
    }

    /// A way of padding and the constant, 0 where there is none.
    fn pad_mode(&mut self, mode: &mut PadMode) -> Result<&mut Self, Self::Error> {
        let mut constant = if let PadMode::Constant(constant) = mode { *constant } else { 0.0 };
        self.choice_by(same_variant, "way of padding", &PAD_MODES, mode)?.value(&mut constant)?;
        if let PadMode::Constant(read) = mode {
            *read = constant;
        }
        Ok(self)
    }

    fn top_k_result(&mut self, result: &mut TopKResult) -> Result<&mut Self, Self::Error> {
        let mut is_indices = *result == TopKResult::Indices;
        self.value(&mut is_indices)?;
        *result = if is_indices { TopKResult::Indices } else { TopKResult::Values };
        Ok(self)
    }

    fn params(&mut self, params: &mut QuantParams) -> Result<&mut Self, Self::Error> {
        let mut record = build::params(params);
        self.value(&mut record)?;
        self.meaning(params, build::read_params(&record))?;
        Ok(self)
    }
}

/// Whether two values are of one variant, whatever its attributes are.
fn same_variant<T>(a: &T, b: &T) -> bool {
    discriminant(a) == discriminant(b)
}

/// Writes fields.
pub(super) struct Writer<'e, E>(pub(super) &'e mut E);

impl<E: Encoder> Fields for Writer<'_, E> {
    type Error = EncodeError;

    fn tag(&mut self, tag: u32, _: u16) -> Result<&mut Self, EncodeError> {
        tag.encode(self.0)?;
        Ok(self)
    }

    fn value<T: Encode + Decode<()>>(&mut self, value: &mut T) -> Result<&mut Self, EncodeError> {
        value.encode(self.0)?;
        Ok(self)
    }

    fn since(&mut self, _: u16) {}

    fn invalid(&mut self, reason: String) -> Result<(), EncodeError> {
        Err(EncodeError::OtherString(reason))
    }
}

/// Reads fields of an operator whose tag is known.
pub(super) struct Reader<'d, D> {
    decoder: &'d mut D,
    /// The first value that has no meaning.
    pub(super) problem: Option<String>,
}

impl<'d, D: Decoder> Reader<'d, D> {
    pub(super) fn new(decoder: &'d mut D) -> Self {
        Self { decoder, problem: None }
    }
}

impl<D: Decoder> Fields for Reader<'_, D> {
    type Error = DecodeError;

    fn tag(&mut self, _: u32, _: u16) -> Result<&mut Self, DecodeError> {
        Ok(self)
    }

    fn value<T: Encode + Decode<()>>(&mut self, value: &mut T) -> Result<&mut Self, DecodeError> {
        *value = T::decode(&mut self.decoder.with_context(()))?;
        Ok(self)
    }

    fn since(&mut self, _: u16) {}

    fn invalid(&mut self, reason: String) -> Result<(), DecodeError> {
        self.problem.get_or_insert(reason);
        Ok(())
    }
}

/// The first minor version that has all of the fields.
pub(super) struct Version(pub(super) u16);

impl Fields for Version {
    type Error = Infallible;

    fn tag(&mut self, _: u32, since: u16) -> Result<&mut Self, Infallible> {
        self.since(since);
        Ok(self)
    }

    fn value<T: Encode + Decode<()>>(&mut self, _: &mut T) -> Result<&mut Self, Infallible> {
        Ok(self)
    }

    fn since(&mut self, minor: u16) {
        self.0 = self.0.max(minor);
    }

    fn invalid(&mut self, _: String) -> Result<(), Infallible> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use fourfold_graph::Cell;

    use super::*;
    use crate::{Error, codec};

    /// A field whose choice the format has no number for.
    struct Newer;

    impl Encode for Newer {
        fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
            Writer(encoder).choice("cell", &[(Cell::Gru, 0)], &mut { Cell::Lstm }).map(|_| ())
        }
    }

    #[test]
    fn what_has_no_number_is_not_written() {
        let refused = codec::encode(&Newer).expect_err("no number");
        assert!(matches!(&refused, Error::Unsupported { what, .. } if what.contains("cell")), "{refused}");
    }
}
