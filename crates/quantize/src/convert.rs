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
    let codes = vec![None; graph.values().len()];
    let mut conversion = Conversion { rewrite: Rewrite::new(graph)?, assignment, params, codes };
    for (node, decision) in graph.nodes().iter().zip(&assignment.nodes) {
        match decision {
            Ok(qconfig) => conversion.on_codes(node, qconfig)?,
            Err(_) => conversion.on_reals(node)?,
        }
    }
    for &output in graph.outputs() {
        conversion.real(output)?;
    }
    Ok(Quantized { graph: conversion.rewrite.finish()?, layers: layers(graph, assignment) })
}

/// The decisions about all nodes but stubs and conversions between types of real numbers, which are not layers.
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

/// The new graph, in which an old value may stand twice: as real numbers (in `rewrite`) and as codes.
struct Conversion<'g, P> {
    rewrite: Rewrite<'g>,
    assignment: &'g Assignment,
    params: P,
    codes: Vec<Option<ValueId>>,
}

impl<P: Fn(ValueId) -> Result<QuantParams, Error>> Conversion<'_, P> {
    /// Adds a node that computes on codes.
    fn on_codes(&mut self, node: &Node, qconfig: &QConfig) -> Result<(), Error> {
        let op = node.op();
        let own = match op.kind().output_params() {
            OutputParams::Own => Some((self.params)(node.output())?),
            _ => None,
        };
        let (op, inputs) = match op {
            Op::QuantStub => (Op::Quantize, vec![self.real(node.inputs()[0])?]),
            _ if is_weighted(op.kind()) => (op.clone(), self.weighted(node, qconfig)?),
            _ => {
                let on_codes = activations(node).count();
                let mut inputs = Vec::with_capacity(node.inputs().len());
                for (index, &id) in node.inputs().iter().enumerate() {
                    inputs.push(if index < on_codes { self.code(id)? } else { self.real(id)? });
                }
                (op.clone(), inputs)
            }
        };
        let output = self.code_name(node.output());
        let new = self.rewrite.builder.add(NewNode {
            name: node.name(),
            output: &output,
            op,
            inputs: &inputs,
            params: own,
        })?;
        self.codes[node.output().index()] = Some(new);
        Ok(())
    }

    /// Adds a node that computes on real numbers.
    fn on_reals(&mut self, node: &Node) -> Result<(), Error> {
        if *node.op() == Op::DeQuantStub {
            return self.end_of_stub(node);
        }
        for &input in node.inputs() {
            self.real(input)?;
        }
        self.rewrite.copy(node)
    }

    /// A DeQuantStub becomes the Dequantize, or nothing where its operand is real already, unless the caller gets its
    /// result by that name.
    fn end_of_stub(&mut self, node: &Node) -> Result<(), Error> {
        let (op, operand) = match self.codes[node.inputs()[0].index()] {
            None if !self.is_output(node.output()) => {
                let operand = self.rewrite.get(node.inputs()[0])?;
                self.rewrite.set(node.output(), operand);
                return Ok(());
            }
            None => (Op::Identity, self.rewrite.get(node.inputs()[0])?),
            Some(codes) => (Op::Dequantize, codes),
        };
        let output = self.rewrite.source.value(node.output()).name();
        let operand =
            self.rewrite.builder.add(NewNode { name: node.name(), output, op, inputs: &[operand], params: None })?;
        self.rewrite.set(node.output(), operand);
        Ok(())
    }

    /// Codes of the operand, weight and bias of a convolution or linear layer.
    fn weighted(&mut self, node: &Node, qconfig: &QConfig) -> Result<Vec<ValueId>, Error> {
        let x = self.code(node.inputs()[0])?;
        let graph = self.rewrite.source;
        let s_a = match self.rewrite.builder.value(x).ty().params() {
            Some(params) => params.scales()[0],
            None => return Err(Error::NotCalibrated),
        };
        let (weight, bias) = Weight::new(graph, node, &qconfig.weight)?.with_bias(graph, node, s_a)?;
        let mut inputs = vec![x];
        let constants = [Some((weight.codes, weight.params)), bias];
        for ((codes, params), &old) in constants.into_iter().flatten().zip(&node.inputs()[1..]) {
            let name = self.rewrite.builder.unique_name(graph.value(old).name());
            inputs.push(self.rewrite.builder.quantized_constant(&name, codes, params)?);
        }
        Ok(inputs)
    }

    /// The codes of a value; a real value is quantized here, a single number at once.
    fn code(&mut self, id: ValueId) -> Result<ValueId, Error> {
        if let Some(codes) = self.codes[id.index()] {
            return Ok(codes);
        }
        let number = self.assignment.numbers.get(&id);
        if let Some((constant, params)) = self.rewrite.source.value(id).constant().zip(number) {
            let name = self.rewrite.fresh_name(&format!("{}.codes", self.rewrite.source.value(id).name()));
            let codes = self.rewrite.builder.quantized_constant(&name, quantize(constant, params)?, params.clone())?;
            self.codes[id.index()] = Some(codes);
            return Ok(codes);
        }
        let (inputs, params) = ([self.rewrite.get(id)?], Some((self.params)(id)?));
        let value = self.rewrite.source.value(id).name();
        let output = self.rewrite.fresh_name(&format!("{value}.codes"));
        let name = self.rewrite.fresh_name(&format!("{value}.quantize"));
        let new = NewNode { name: &name, output: &output, op: Op::Quantize, inputs: &inputs, params };
        let codes = self.rewrite.builder.add(new)?;
        self.codes[id.index()] = Some(codes);
        Ok(codes)
    }

    /// The real numbers of a value; codes are dequantized here, once.
    fn real(&mut self, id: ValueId) -> Result<ValueId, Error> {
        let codes = self.codes[id.index()].filter(|_| self.assignment.codes[id.index()]);
        let (Some(codes), false) = (codes, self.rewrite.has(id)) else { return self.rewrite.get(id) };
        let value = self.rewrite.source.value(id).name();
        let output = match self.is_output(id) {
            true => value.to_owned(),
            false => self.rewrite.fresh_name(&format!("{value}.reals")),
        };
        let name = self.rewrite.fresh_name(&format!("{value}.dequantize"));
        let new = NewNode { name: &name, output: &output, op: Op::Dequantize, inputs: &[codes], params: None };
        let real = self.rewrite.builder.add(new)?;
        self.rewrite.set(id, real);
        Ok(real)
    }

    /// The name of the codes of a node's result: that of the result, unless the caller gets the real numbers by that
    /// name.
    fn code_name(&mut self, id: ValueId) -> String {
        let value = self.rewrite.source.value(id).name();
        if self.is_output(id) { self.rewrite.fresh_name(&format!("{value}.codes")) } else { value.to_owned() }
    }

    fn is_output(&self, id: ValueId) -> bool {
        self.rewrite.source.is_output(id)
    }
}
