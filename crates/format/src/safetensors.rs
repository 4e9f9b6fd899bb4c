//! safetensors files: named tensors.

use std::collections::{BTreeMap, HashMap};

use fourfold_error::Limits;
use fourfold_tensor::{DType, Tensor};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};

use crate::Error;

/// Reads all tensors of a file, by name.
///
/// # Errors
///
/// [`Error::Corrupt`] for invalid files, [`Error::Unsupported`] for tensors of types that [`DType`] does not have,
/// [`Error::Limit`] for more than is allowed.
pub fn read(bytes: &[u8], limits: &Limits) -> Result<BTreeMap<String, Tensor>, Error> {
    let header = bytes.first_chunk::<8>().map_or(0, |length| u64::from_le_bytes(*length));
    Limits::check("header-bytes", header, limits.header_bytes)?;
    let file = SafeTensors::deserialize(bytes).map_err(|error| Error::corrupt("safetensors", error.to_string()))?;
    Limits::check("values", file.len() as u64, limits.values)?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.iter() {
        let dtype = match view.dtype() {
            Dtype::F32 => DType::F32,
            Dtype::I8 => DType::I8,
            Dtype::U8 => DType::U8,
            Dtype::I32 => DType::I32,
            Dtype::I64 => DType::I64,
            Dtype::BOOL => DType::Bool,
            Dtype::F16 => DType::F16,
            Dtype::BF16 => DType::BF16,
            Dtype::F64 => DType::F64,
            other => {
                let part = format!("tensor `{name}`");
                return Err(Error::Unsupported { part, what: format!("element type {other}") });
            }
        };
        tensors.insert(name.to_owned(), Tensor::from_le_bytes(dtype, view.shape(), view.data())?);
    }
    Ok(tensors)
}

/// Writes tensors; the same tensors give the same bytes.
///
/// # Errors
///
/// [`Error::Corrupt`] if a tensor is too large for the format.
pub fn write(tensors: &BTreeMap<String, Tensor>) -> Result<Vec<u8>, Error> {
    write_with(tensors, &BTreeMap::new())
}

/// The metadata of a file: pairs of texts.
pub(crate) fn metadata(bytes: &[u8], limits: &Limits) -> Result<HashMap<String, String>, Error> {
    let header = bytes.first_chunk::<8>().map_or(0, |length| u64::from_le_bytes(*length));
    Limits::check("header-bytes", header, limits.header_bytes)?;
    let header = SafeTensors::read_metadata(bytes);
    let (_, header) = header.map_err(|error| Error::corrupt("safetensors", error.to_string()))?;
    Ok(header.metadata().clone().unwrap_or_default())
}

/// Writes tensors with metadata.
pub(crate) fn write_with(
    tensors: &BTreeMap<String, Tensor>,
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, Error> {
    let failed = |error: safetensors::SafeTensorError| Error::corrupt("safetensors", error.to_string());
    let data: Vec<(&str, &Tensor, Vec<u8>)> =
        tensors.iter().map(|(name, tensor)| (name.as_str(), tensor, tensor.to_le_bytes())).collect();
    let mut views = Vec::with_capacity(data.len());
    for (name, tensor, bytes) in &data {
        let dtype = match tensor.dtype() {
            DType::F32 => Dtype::F32,
            DType::I8 => Dtype::I8,
            DType::U8 => Dtype::U8,
            DType::I32 => Dtype::I32,
            DType::I64 => Dtype::I64,
            DType::Bool => Dtype::BOOL,
            DType::F16 => Dtype::F16,
            DType::BF16 => Dtype::BF16,
            DType::F64 => Dtype::F64,
        };
        views.push((*name, TensorView::new(dtype, tensor.shape().to_vec(), bytes).map_err(failed)?));
    }
    let file = safetensors::serialize(views, None).map_err(failed)?;
    Ok(if metadata.is_empty() { file } else { with_metadata(&file, metadata) })
}

/// The file with metadata at the front of its header, in order, which the crate's own writer does not keep.
fn with_metadata(file: &[u8], metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let length = file.first_chunk::<8>().map_or(0, |length| u64::from_le_bytes(*length));
    let end = usize::try_from(length).unwrap_or(0).saturating_add(8).min(file.len());
    let rest = file[..end].get(9..).unwrap_or(b"}").trim_ascii_end();
    let pairs: Vec<String> = metadata.iter().map(|(key, value)| format!("{}:{}", quoted(key), quoted(value))).collect();
    let comma = if rest == b"}" { "" } else { "," };
    let mut header = format!("{{\"__metadata__\":{{{}}}{comma}", pairs.join(",")).into_bytes();
    header.extend(rest);
    header.resize(header.len().next_multiple_of(8), b' ');
    [&(header.len() as u64).to_le_bytes()[..], &header, &file[end..]].concat()
}

/// A text as JSON writes it.
fn quoted(text: &str) -> String {
    let mut json = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            '\0'..='\u{1f}' => json.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => json.push(character),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tensors_round_trip() {
        let mut tensors = BTreeMap::new();
        tensors.insert("b".to_owned(), Tensor::from_vec(&[2, 2], vec![1.0_f32, -2.0, 0.0, 4.0]).expect("four"));
        tensors.insert("a".to_owned(), Tensor::from_vec(&[3], vec![1_i64, 2, 3]).expect("three"));
        tensors.insert("c".to_owned(), Tensor::from_vec(&[0, 5], Vec::<u8>::new()).expect("none"));
        for dtype in DType::ALL {
            tensors.insert(dtype.to_string(), Tensor::zeros(dtype, &[2, 1]).expect("two"));
        }
        let bytes = write(&tensors).expect("small");
        assert_eq!(read(&bytes, &Limits::default()).as_ref(), Ok(&tensors));
        assert_eq!(write(&tensors).as_ref(), Ok(&bytes));
        for length in 0..bytes.len() {
            assert!(read(&bytes[..length], &Limits::default()).is_err(), "{length}");
        }
    }

    #[test]
    fn headers_are_limited_and_types_named() {
        let huge = [&u64::MAX.to_le_bytes()[..], b"{}"].concat();
        assert!(matches!(read(&huge, &Limits::default()), Err(Error::Limit(_))));
        let json = br#"{"x":{"dtype":"U16","shape":[1],"data_offsets":[0,2]}}"#;
        let file = [&(json.len() as u64).to_le_bytes()[..], json, &[0, 0]].concat();
        let error = read(&file, &Limits::default()).expect_err("no integers of 16 bits");
        assert!(error.kind() == fourfold_error::ErrorKind::Unsupported && error.to_string().contains("tensor `x`"));
        assert!(matches!(
            read(b"<html>no tensors here</html>", &Limits::default()),
            Err(Error::Limit(_) | Error::Corrupt { .. })
        ));
    }
}
