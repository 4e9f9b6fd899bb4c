//! Group normalization in five nodes, as PyTorch writes it before opset 18: the groups as channels of an instance
//! normalization,
//!
//! ```text
//! y = Reshape(InstanceNormalization(Reshape(x, [0, groups, -1]), ones, zeros), shape of x) * scale + bias
//! ```
//!
//! The nodes wait until the sum, where all constants are known; if they prove to be something else, they are imported
//! one by one there.

use std::collections::HashMap;

use fourfold_graph::{Dim, GroupNorm, Op, Polynomial};
use fourfold_tensor::Tensor;

use crate::Error;
use crate::import::emission::node::Entry;
use crate::import::{Importer, is_default};

/// The indices in the file of the first four nodes.
pub(crate) type FirstFour = [usize; 4];

impl<'a> Importer<'a> {
    /// For each sum at the end of such nodes, the four before it, as far as operators and readers tell.
    pub(crate) fn grouped_nodes(&self) -> HashMap<usize, FirstFour> {
        let nodes = &self.names.file().node;
        if !nodes.iter().any(|node| node.op_type == "InstanceNormalization") {
            return HashMap::new();
        }
        let made: HashMap<&str, usize> =
            nodes.iter().enumerate().filter_map(|(index, node)| Some((node.output.first()?.as_str(), index))).collect();
        let is = |index: usize, operator: &str| nodes[index].op_type == operator && is_default(&nodes[index].domain);
        let reader = |index: usize, operator: &str| {
            let next = self.names.sole_reader(nodes[index].output.first()?)?;
            (next > index && is(next, operator)).then_some(next)
        };
        let before_sum = |normal: usize| {
            let first = *made.get(nodes[normal].input.first()?.as_str())?;
            let first =
                (is(first, "Reshape") && reader(first, "InstanceNormalization") == Some(normal)).then_some(first)?;
            let back = reader(normal, "Reshape")?;
            let scaled = reader(back, "Mul")?;
            Some((reader(scaled, "Add")?, [first, normal, back, scaled]))
        };
        (0..nodes.len()).filter(|&index| is(index, "InstanceNormalization")).filter_map(before_sum).collect()
    }

    /// Adds the GroupNorm that the nodes are, `false` if they are something else.
    pub(crate) fn group_norm_of(
        &mut self,
        index: usize,
        [first, normal, back, scaled]: FirstFour,
    ) -> Result<bool, Error> {
        let file = self.names.file();
        let node = |index: usize| &file.node[index];
        let factor_of = |index: usize, made_by: usize| {
            let [a, b] = node(index).input.as_slice() else { return None };
            Some(if *a == node(made_by).output[0] { b.as_str() } else { a.as_str() })
        };
        let Some((scale, bias)) = factor_of(scaled, back).zip(factor_of(index, scaled)) else { return Ok(false) };
        let Some((groups, epsilon)) = self.at(normal).plain_instance_norm() else { return Ok(false) };
        if !self.at(first).splits(groups) {
            return Ok(false);
        }
        let mut entry = self.at(first);
        let x = entry.operand(0)?;
        let dims = entry.dims(x);
        let Some(channels) = dims.get(1).and_then(Dim::fixed).filter(|_| self.at(back).restores(&dims)) else {
            return Ok(false);
        };
        let mut constants = Vec::new();
        for name in [scale, bias] {
            let Some(constant) = self.of_channels(name, channels, dims.len())? else { return Ok(false) };
            constants.push((name, constant));
        }
        let name = self.names.of_node(index, node(index));
        let mut entry = Entry { importer: self, proto: node(index), name };
        let mut inputs = vec![x];
        for (name, constant) in constants {
            inputs.push(entry.bias(name, &constant, channels, 1.0)?);
        }
        entry.emit(Op::GroupNorm(GroupNorm { groups, epsilon }), &inputs)?;
        Ok(true)
    }

    /// The constant of that name if it has one number for each channel of a value with so many axes, or one for all.
    fn of_channels(&mut self, name: &str, channels: usize, rank: usize) -> Result<Option<Tensor>, Error> {
        let Some(constant) = self.constants.get(name)? else { return Ok(None) };
        let shape = constant.shape();
        let is_of_channels = shape.len() + 1 >= rank
            && shape.len() <= rank
            && shape[shape.len() + 1 - rank..].first() == Some(&channels)
            && constant.len() == channels;
        let is_one = constant.len() == 1 && shape.len() <= rank;
        Ok((constant.as_slice::<f32>().is_ok() && (is_of_channels || is_one)).then_some(constant))
    }
}

impl<'a> Entry<'_, 'a> {
    /// The number of channels and the epsilon of a normalization that neither scales nor adds.
    fn plain_instance_norm(&mut self) -> Option<(usize, f32)> {
        let epsilon = self.attributes(&["epsilon"]).ok()?.float("epsilon", 1e-5).ok()?;
        let all = |tensor: &Tensor, number: f32| {
            tensor.as_slice::<f32>().is_ok_and(|list| list.iter().all(|element| *element == number))
        };
        let (scale, bias) = (self.constant(1).ok()?, self.constant(2).ok()?);
        (all(&scale, 1.0) && all(&bias, 0.0) && scale.len() == bias.len()).then_some((scale.len(), epsilon))
    }

    /// Whether a Reshape keeps the first axis and makes `groups` of what follows it.
    fn splits(&mut self, groups: usize) -> bool {
        let is_copied =
            self.attributes(&["allowzero"]).and_then(|attributes| attributes.flag("allowzero")) == Ok(false);
        let Ok(sizes) = self.expect_sizes(1) else { return false };
        let [first, second, _, ..] = sizes.elements.as_slice() else { return false };
        is_copied && first.as_constant() == Some(0) && second.as_constant() == i64::try_from(groups).ok()
    }

    /// Whether a Reshape gives the shape `dims`, of which it may leave one size open and copy the first.
    fn restores(&mut self, dims: &[Dim]) -> bool {
        let Ok(sizes) = self.expect_sizes(1) else { return false };
        let is_open = |size: &Polynomial| size.as_constant() == Some(-1);
        let fits = |(axis, (size, dim)): (usize, (&Polynomial, &Dim))| {
            is_open(size) || axis == 0 && size.as_constant() == Some(0) || dim.polynomial().as_ref() == Some(size)
        };
        sizes.elements.len() == dims.len()
            && sizes.elements.iter().filter(|size| is_open(size)).count() < 2
            && sizes.elements.iter().zip(dims).enumerate().all(fits)
    }
}
