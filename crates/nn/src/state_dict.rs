//! Parameters by name, and how they differ from what modules expect.

use core::fmt;
use std::collections::{BTreeMap, BTreeSet};

use fourfold_tensor::{DType, Tensor};

/// The parameters and buffers of a model, by PyTorch's keys, such as `features.0.conv.weight`.
///
/// Modules compute in `f32`, as which they take tensors of `f16`, `bf16` and `f64` too; those of `f64` are rounded.
#[derive(Clone, Debug, Default)]
pub struct StateDict {
    tensors: BTreeMap<String, Tensor>,
    /// Keys that a module has asked for.
    known: BTreeSet<String>,
    mismatch: Mismatch,
}

impl StateDict {
    /// The tensors of a file, as `fourfold_format::safetensors::read` gives them.
    #[must_use]
    pub fn new(tensors: BTreeMap<String, Tensor>) -> Self {
        Self { tensors, ..Self::default() }
    }

    /// The keys, in alphabetical order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.tensors.keys().map(String::as_str)
    }

    /// The tensor of a key in `f32`, if it is there with this shape; otherwise the difference is noted.
    ///
    /// # Errors
    ///
    /// [`fourfold_tensor::Error::OutOfMemory`].
    pub(crate) fn take(&mut self, key: &str, shape: &[usize]) -> Result<Option<Tensor>, fourfold_tensor::Error> {
        let is_new = self.known.insert(key.to_owned());
        let found = self.tensors.get(key);
        match found {
            Some(tensor) if tensor.shape() == shape && tensor.dtype().is_float() => {
                return tensor.to_float(DType::F32).map(Some);
            }
            _ if !is_new => {}
            Some(tensor) => self.mismatch.misshaped.push(Misshaped {
                key: key.to_owned(),
                expected: shape.to_vec(),
                found: tensor.shape().to_vec(),
                dtype: tensor.dtype(),
            }),
            None => self.mismatch.missing.push(Missing { key: key.to_owned(), expected: shape.to_vec() }),
        }
        Ok(None)
    }

    /// Makes a key one that may be there, and is not read.
    pub(crate) fn ignore(&mut self, key: String) {
        self.known.insert(key);
    }

    /// All differences from what was asked for.
    pub(crate) fn mismatch(mut self) -> Option<Mismatch> {
        let unexpected = self.tensors.into_keys().filter(|key| !self.known.contains(key));
        self.mismatch.unexpected.extend(unexpected);
        (self.mismatch != Mismatch::default()).then_some(self.mismatch)
    }
}

impl<K: Into<String>> FromIterator<(K, Tensor)> for StateDict {
    fn from_iter<I: IntoIterator<Item = (K, Tensor)>>(tensors: I) -> Self {
        Self::new(tensors.into_iter().map(|(key, tensor)| (key.into(), tensor)).collect())
    }
}

/// Every difference between a state dict and the modules that it was loaded into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mismatch {
    /// What a module needs and the state dict does not have, in the order of the modules.
    pub missing: Vec<Missing>,
    /// The keys that no module needs, in alphabetical order.
    pub unexpected: Vec<String>,
    /// What has another shape or element type than the module needs, in the order of the modules.
    pub misshaped: Vec<Misshaped>,
}

/// A tensor that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The key.
    pub key: String,
    /// The shape that the module needs.
    pub expected: Vec<usize>,
}

/// A tensor that is there and does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misshaped {
    /// The key.
    pub key: String,
    /// The shape that the module needs, of `f32`.
    pub expected: Vec<usize>,
    /// The shape of the tensor.
    pub found: Vec<usize>,
    /// The element type of the tensor.
    pub dtype: DType,
}

impl fmt::Display for Mismatch {
    /// One line per tensor, keys with control characters escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = self.missing.iter().map(|Missing { key, expected }| {
            let key = key.escape_debug();
            format!("  missing: `{key}`, expected f32{expected:?}")
        });
        let unexpected = self.unexpected.iter().map(|key| format!("  unexpected: `{}`", key.escape_debug()));
        let misshaped = self.misshaped.iter().map(|Misshaped { key, expected, found, dtype }| {
            let key = key.escape_debug();
            format!("  mis-shaped: `{key}` is {dtype}{found:?}, expected f32{expected:?}")
        });
        let lines: Vec<String> = missing.chain(unexpected).chain(misshaped).collect();
        f.write_str(&lines.join("\n"))
    }
}
