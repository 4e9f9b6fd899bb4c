//! From a float graph and parameters to a quantized graph.

use fourfold_graph::{Graph, NewNode, Node, Op, OutputParams, ValueId};
use fourfold_schemes::{QuantParams, quantize};

use crate::assign::{Assignment, activations, is_weighted};
use crate::rewrite::Rewrite;
use crate::weight::Weight;
use crate::{Decision, Error, Layer, QConfig, Quantized};

/// Builds the quantized graph; `params` gives the parameters of observed values.
pub(crate) fn convert(
    graph: &Graph,
    assignment: &Assignment,
    params: impl Fn(ValueId) -> Result<QuantParams, Error>,
) -> Result<Quantized, Error> {
    let quantized = vec![None; graph.values().len()];
    let mut conversion = Conversion { rewrite: Rewrite::new(graph)?, assignment, params, quantized };
    for (node, decision) in graph.nodes().iter().zip(&assignment.nodes) {
        match decision {
            Ok(qconfig) => conversion.quantized_node(node, qconfig)?,
            Err(_) => conversion.float_node(node)?,
        }
    }
    for &output in graph.outputs() {
        conversion.float(output)?;
    }
    Ok(Quantized { graph: conversion.rewrite.finish()?, layers: layers(graph, assignment) })
}

/// The decisions about all nodes but stubs and conversions between float types, which are not layers.
pub(crate) fn layers(graph: &Graph, assignment: &Assignment) -> Vec<Layer> {
    let decided = graph.nodes().iter().zip(&assignment.nodes);
    let is_stub = |node: &Node| matches!(node.op(), Op::QuantStub | Op::DeQuantStub);
    let kept = decided.filter(|(node, _)| !is_stub(node) && !graph.is_conversion(node));
    let layer = |(node, decision): (&Node, &Result<QConfig, String>)| Layer {
        name: node.name().to_owned(),
        operator: node.op().kind(),
        value: graph.value(node.output()).name().to_owned(),
        decision: if decision.is_ok() { Decision::Static } else { Decision::Float },
        reason: decision.as_ref().err().cloned().unwrap_or_default(),
    };
    kept.map(layer).collect()
}

/// The new graph, in which a value may exist twice: as float (in `rewrite`) and quantized.
struct Conversion<'g, P> {
    rewrite: Rewrite<'g>,
    assignment: &'g Assignment,
    params: P,
    quantized: Vec<Option<ValueId>>,
}

impl<P: Fn(ValueId) -> Result<QuantParams, Error>> Conversion<'_, P> {
    /// Adds a quantized node.
    fn quantized_node(&mut self, node: &Node, qconfig: &QConfig) -> Result<(), Error> {
        let op = node.op();
        let own = match op.kind().output_params() {
            OutputParams::Own => Some((self.params)(node.output())?),
            _ => None,
        };
        let (op, inputs) = match op {
            Op::QuantStub => (Op::Quantize, vec![self.float(node.inputs()[0])?]),
            _ if is_weighted(op.kind()) => (op.clone(), self.weighted(node, qconfig)?),
            _ => {
                let count = activations(node).count();
                let mut inputs = Vec::with_capacity(node.inputs().len());
                for (index, &id) in node.inputs().iter().enumerate() {
                    inputs.push(if index < count { self.quantized(id)? } else { self.float(id)? });
                }
                (op.clone(), inputs)
            }
        };
        let output = self.quantized_name(node.output());
        let new = self.rewrite.builder.add(NewNode {
            name: node.name(),
            output: &output,
            op,
            inputs: &inputs,
            params: own,
        })?;
        self.quantized[node.output().index()] = Some(new);
        Ok(())
    }

    /// Adds a float node.
    fn float_node(&mut self, node: &Node) -> Result<(), Error> {
        if *node.op() == Op::DeQuantStub {
            return self.dequant_stub(node);
        }
        for &input in node.inputs() {
            self.float(input)?;
        }
        self.rewrite.copy(node)
    }

    /// A DeQuantStub becomes the Dequantize, or nothing where its operand is float already, unless the caller gets its
    /// result by that name.
    fn dequant_stub(&mut self, node: &Node) -> Result<(), Error> {
        let (op, operand) = match self.quantized[node.inputs()[0].index()] {
            None if !self.is_output(node.output()) => {
                let operand = self.rewrite.get(node.inputs()[0])?;
                self.rewrite.set(node.output(), operand);
                return Ok(());
            }
            None => (Op::Identity, self.rewrite.get(node.inputs()[0])?),
            Some(quantized) => (Op::Dequantize, quantized),
        };
        let output = self.rewrite.source.value(node.output()).name();
        let operand =
            self.rewrite.builder.add(NewNode { name: node.name(), output, op, inputs: &[operand], params: None })?;
        self.rewrite.set(node.output(), operand);
        Ok(())
    }

    /// Operand, weight and bias of a convolution or linear layer, quantized.
    fn weighted(&mut self, node: &Node, qconfig: &QConfig) -> Result<Vec<ValueId>, Error> {
        let x = self.quantized(node.inputs()[0])?;
        let graph = self.rewrite.source;
        let s_a = match self.rewrite.builder.value(x).ty().params() {
            Some(params) => params.scales()[0],
            None => return Err(Error::NotCalibrated),
        };
        let (weight, bias) = Weight::new(graph, node, &qconfig.weight)?.with_bias(graph, node, s_a)?;
        let mut inputs = vec![x];
        let constants = [Some((weight.quantized, weight.params)), bias];
        for ((quantized, params), &old) in constants.into_iter().flatten().zip(&node.inputs()[1..]) {
            let name = self.rewrite.builder.unique_name(graph.value(old).name());
            inputs.push(self.rewrite.builder.quantized_constant(&name, quantized, params)?);
        }
        Ok(inputs)
    }

    /// A value, quantized; a float value is quantized by a new node, a single number at once.
    fn quantized(&mut self, id: ValueId) -> Result<ValueId, Error> {
        if let Some(quantized) = self.quantized[id.index()] {
            return Ok(quantized);
        }
        let number = self.assignment.numbers.get(&id);
        if let Some((constant, params)) = self.rewrite.source.value(id).constant().zip(number) {
            let name = self.rewrite.fresh_name(&format!("{}.codes", self.rewrite.source.value(id).name()));
            let quantized =
                self.rewrite.builder.quantized_constant(&name, quantize(constant, params)?, params.clone())?;
            self.quantized[id.index()] = Some(quantized);
            return Ok(quantized);
        }
        let (inputs, params) = ([self.rewrite.get(id)?], Some((self.params)(id)?));
        let value = self.rewrite.source.value(id).name();
        let output = self.rewrite.fresh_name(&format!("{value}.codes"));
        let name = self.rewrite.fresh_name(&format!("{value}.quantize"));
        let new = NewNode { name: &name, output: &output, op: Op::Quantize, inputs: &inputs, params };
        let quantized = self.rewrite.builder.add(new)?;
        self.quantized[id.index()] = Some(quantized);
        Ok(quantized)
    }

    /// A value as float; a quantized value is dequantized by a new node, once.
    fn float(&mut self, id: ValueId) -> Result<ValueId, Error> {
        let quantized = self.quantized[id.index()].filter(|_| self.assignment.quantized[id.index()]);
        let (Some(quantized), false) = (quantized, self.rewrite.has(id)) else { return self.rewrite.get(id) };
        let value = self.rewrite.source.value(id).name();
        let output = match self.is_output(id) {
            true => value.to_owned(),
            false => self.rewrite.fresh_name(&format!("{value}.reals")),
        };
        let name = self.rewrite.fresh_name(&format!("{value}.dequantize"));
        let new = NewNode { name: &name, output: &output, op: Op::Dequantize, inputs: &[quantized], params: None };
        let float = self.rewrite.builder.add(new)?;
        self.rewrite.set(id, float);
        Ok(float)
    }

    /// The name of a quantized result: that of the result, unless the caller gets the floats by that name.
    fn quantized_name(&mut self, id: ValueId) -> String {
        let value = self.rewrite.source.value(id).name();
        if self.is_output(id) { self.rewrite.fresh_name(&format!("{value}.codes")) } else { value.to_owned() }
    }

    fn is_output(&self, id: ValueId) -> bool {
        self.rewrite.source.is_output(id)
    }
}
