//! Identities of models and batches: SHA-256 of what they are.

use fourfold_graph::{Graph, ValueId};
use fourfold_tensor::Tensor;
use sha2::{Digest, Sha256};

/// The identity of a graph: every name, type, operator with its attributes, and constant.
pub(crate) fn model(graph: &Graph) -> [u8; 32] {
    let mut hash = Fields::new("model");
    let ids = |hash: &mut Fields, ids: &[ValueId]| {
        hash.number(ids.len() as u64);
        ids.iter().for_each(|id| hash.number(id.index() as u64));
    };
    hash.number(graph.values().len() as u64);
    for value in graph.values() {
        hash.bytes(value.name().as_bytes());
        hash.bytes(value.ty().to_string().as_bytes());
        hash.number(u64::from(value.constant().is_some()));
        value.constant().into_iter().for_each(|tensor| hash.tensor(tensor));
    }
    hash.number(graph.nodes().len() as u64);
    for node in graph.nodes() {
        hash.bytes(node.name().as_bytes());
        hash.bytes(format!("{:?}", node.op()).as_bytes());
        ids(&mut hash, node.inputs());
        hash.number(node.output().index() as u64);
    }
    ids(&mut hash, graph.inputs());
    ids(&mut hash, graph.outputs());
    hash.finish()
}

/// The identity of a batch, with its number if it has one.
pub(crate) fn batch(number: Option<u64>, tensors: &[Tensor]) -> [u8; 16] {
    let mut hash = Fields::new("batch");
    hash.number(u64::from(number.is_some()));
    hash.number(number.unwrap_or(0));
    hash.number(tensors.len() as u64);
    tensors.iter().for_each(|tensor| hash.tensor(tensor));
    let mut short = [0; 16];
    short.copy_from_slice(&hash.finish()[..16]);
    short
}

/// A hash of fields that begin with their lengths, so that no two sequences of fields have the same bytes.
struct Fields(Sha256);

impl Fields {
    fn new(kind: &str) -> Self {
        let mut fields = Self(Sha256::new());
        fields.bytes(kind.as_bytes());
        fields
    }

    fn number(&mut self, number: u64) {
        self.0.update(number.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len() as u64);
        self.0.update(bytes);
    }

    fn tensor(&mut self, tensor: &Tensor) {
        self.bytes(tensor.dtype().name().as_bytes());
        self.number(tensor.shape().len() as u64);
        tensor.shape().iter().for_each(|&size| self.number(size as u64));
        self.bytes(&tensor.to_le_bytes());
    }

    fn finish(self) -> [u8; 32] {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use fourfold_testing::noise;

    use super::*;
    use crate::tests::network;

    #[test]
    fn whatever_differs_has_another_identity() {
        let (a, b) = (noise(&[2, 3], 1), noise(&[3, 2], 1));
        let one = |number, tensor: &Tensor| batch(number, std::slice::from_ref(tensor));
        assert_eq!(one(None, &a), one(None, &a.clone()));
        let all = [one(None, &a), one(Some(0), &a), one(Some(1), &a)];
        let more = [one(None, &b), batch(None, &[a.clone(), b.clone()]), batch(None, &[b, a])];
        let mut identities = [all, more].concat();
        identities.sort_unstable();
        identities.dedup();
        assert_eq!(identities.len(), 6);
        let fused = crate::fuse(&network()).expect("float");
        assert_eq!(model(&network()), model(&network()));
        assert_ne!(model(&network()), model(&fused));
    }
}
