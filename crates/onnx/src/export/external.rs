//! Tensor data beside the model file, for models that one protobuf message cannot hold.

use crate::proto::{ModelProto, StringStringEntryProto, TensorProto};

/// The maximum size of a protobuf message, in bytes.
pub(super) const MESSAGE_BYTES: usize = 0x7fff_ffff;

/// Tensors of fewer bytes stay in the model file.
const SMALL: usize = 1024;

/// Data begins at multiples of this many bytes.
const ALIGNMENT: usize = 64;

/// Moves the data of large tensors out of the model; returns the bytes of the file `location`, which lies beside it.
pub(super) fn move_out(model: &mut ModelProto, location: &str) -> Vec<u8> {
    let mut data = Vec::new();
    let initializers = model.graph.iter_mut().flat_map(|graph| &mut graph.initializer);
    for tensor in initializers.filter(|tensor| tensor.raw_data.len() >= SMALL) {
        data.resize(data.len().next_multiple_of(ALIGNMENT), 0);
        let (offset, bytes) = (data.len(), core::mem::take(&mut tensor.raw_data));
        data.extend_from_slice(&bytes);
        locate(tensor, location, offset, bytes.len());
    }
    data
}

fn locate(tensor: &mut TensorProto, location: &str, offset: usize, length: usize) {
    let entry = |key: &str, value: String| StringStringEntryProto { key: key.to_owned(), value };
    let (offset, length) = (offset.to_string(), length.to_string());
    tensor.data_location = 1;
    tensor.external_data =
        vec![entry("location", location.to_owned()), entry("offset", offset), entry("length", length)];
}
