//! Inputs with a default: initializers that are inputs too. In files of IR version 3, all weights are.

use std::collections::HashSet;

use fourfold_graph::Fixed;

use crate::proto::{
    GraphProto, TensorShapeProto,
    tensor_shape_proto::{Dimension, dimension::Value as Size},
    type_proto::Value as Type,
};

/// Removes the defaults of inputs that the caller brings or sets; returns the names of the inputs that keep theirs.
pub(crate) fn take(graph: &mut GraphProto, fixed: &Fixed) -> Vec<String> {
    let inputs: HashSet<String> = graph.input.iter().map(|input| input.name.clone()).collect();
    let is_taken = |name: &str| fixed.keeps_input(name) || fixed.sets(name) || fixed.shape_of(name).is_some();
    let initializers = core::mem::take(&mut graph.initializer);
    let (defaults, others): (Vec<_>, Vec<_>) = initializers.into_iter().partition(|value| inputs.contains(&value.name));
    let (taken, kept): (Vec<_>, Vec<_>) = defaults.into_iter().partition(|value| is_taken(&value.name));
    for value in taken {
        let input = graph.input.iter_mut().find(|input| input.name == value.name);
        let Some(Type::TensorType(tensor)) = input.and_then(|input| input.r#type.as_mut()?.value.as_mut()) else {
            continue;
        };
        let dim = |&size: &i64| Dimension { value: Some(Size::DimValue(size)) };
        tensor.shape.get_or_insert_with(|| TensorShapeProto { dim: value.dims.iter().map(dim).collect() });
    }
    let names = kept.iter().map(|value| value.name.clone()).collect();
    graph.initializer = others;
    graph.initializer.extend(kept);
    names
}
