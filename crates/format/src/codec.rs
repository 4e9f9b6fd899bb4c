//! How headers are encoded. The only module that knows the codec.

use bincode::config::{Configuration, Fixint, Limit, LittleEndian};
pub(crate) use bincode::de::Decoder;
pub(crate) use bincode::enc::Encoder;
use bincode::error::AllowedEnumVariants;
pub(crate) use bincode::error::{DecodeError, EncodeError};
pub(crate) use bincode::{Decode, Encode, impl_borrow_decode};

use crate::Error;

/// What decoded records may take in memory: a length that claims more is refused before anything is allocated.
const DECODED_BYTES: usize = 64 << 20;

const CONFIG: Configuration<LittleEndian, Fixint, Limit<DECODED_BYTES>> =
    bincode::config::standard().with_little_endian().with_fixed_int_encoding().with_limit();

/// The bytes of a header.
pub(crate) fn encode(header: &impl Encode) -> Result<Vec<u8>, Error> {
    let config = bincode::config::standard().with_little_endian().with_fixed_int_encoding();
    bincode::encode_to_vec(header, config).map_err(|error| match error {
        EncodeError::OtherString(what) => Error::Unsupported { part: "graph".to_owned(), what },
        _ => Error::corrupt("header", "it cannot be encoded"),
    })
}

/// Reads a header that takes all of `bytes`.
pub(crate) fn decode<T: Decode<()>>(bytes: &[u8]) -> Result<T, Error> {
    let decoded = bincode::decode_from_slice(bytes, CONFIG);
    let (header, used) = decoded.map_err(|error| match error {
        DecodeError::LimitExceeded => Error::Unsupported {
            part: "header".to_owned(),
            what: format!("a description that takes more than {} MiB", DECODED_BYTES >> 20),
        },
        error => Error::corrupt("header", reason(&error)),
    })?;
    if used != bytes.len() {
        return Err(Error::corrupt("header", format!("{} bytes behind its end", bytes.len() - used)));
    }
    Ok(header)
}

/// The error of a number that no variant has.
pub(crate) fn unknown_variant(type_name: &'static str, found: u32) -> DecodeError {
    DecodeError::UnexpectedVariant { type_name, allowed: &AllowedEnumVariants::Allowed(&[]), found }
}

/// What is wrong with encoded bytes, in words instead of the codec's own terms.
fn reason(error: &DecodeError) -> String {
    match error {
        DecodeError::UnexpectedEnd { additional } => {
            format!("it ends {additional} bytes or more before its last field does")
        }
        DecodeError::UnexpectedVariant { found, .. } => format!("no kind has the number {found}"),
        DecodeError::Utf8 { .. } => "a name is not UTF-8".to_owned(),
        DecodeError::InvalidBooleanValue(found) => format!("{found} stands for neither yes nor no"),
        DecodeError::OutsideUsizeRange(length) => format!("a length of {length} does not fit this machine"),
        _ => "a field has a value that its type does not".to_owned(),
    }
}
