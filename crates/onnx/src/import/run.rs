//! One model on its way from the file to the graph: the order in which its constants, inputs, nodes and outputs are
//! imported.

use fourfold_graph::Limits;

use super::constants::tensor;
use super::emission::binding::Binding;
use super::emission::node::Entry;
use super::names::Names;
use super::patterns::inputs;
use super::{Imported, Importer, is_default};
use crate::Error;
use crate::model::floats::Border;
use crate::proto::{GraphProto, NodeProto};

/// Operators of whose results more than the first are imported.
const SEVERAL_OUTPUTS: [&str; 7] =
    ["DynamicQuantizeLinear", "DynamicQuantizeLSTM", "GRU", "LSTM", "RNN", "Split", "TopK"];

impl<'a> Importer<'a> {
    pub(super) fn new(file: &'a GraphProto, opset: i64, limits: &Limits, border: &'a Border) -> Self {
        let name = if file.name.is_empty() { "model" } else { &file.name };
        let (nodes, values) = (file.node.len(), file.node.len() + file.initializer.len() + file.input.len());
        let mut importer = Self::of(Names::new(file, opset), limits, border, name);
        importer.emission.reserve(nodes, values);
        importer
    }

    /// Imports the whole file.
    pub(super) fn run(mut self) -> Result<Imported, Error> {
        self.constants_of_the_file()?;
        self.inputs()?;
        self.dequantized_constants()?;
        let grouped = self.grouped_nodes();
        grouped.values().flatten().for_each(|&index| self.names.absorb(index));
        for (index, node) in self.names.file().node.iter().enumerate() {
            match grouped.get(&index) {
                Some(&before) if self.group_norm_of(index, before)? => {}
                Some(&before) => {
                    for index in before.into_iter().chain([index]) {
                        self.node(index, &self.names.file().node[index])?;
                    }
                }
                None if node.op_type == "Constant" || self.names.is_absorbed(index) => {}
                None => self.node(index, node)?,
            }
        }
        self.outputs()?;
        if self.constants.border().is_double {
            self.note("it computes in float64; fourfold computes in float32, to which its numbers are rounded");
        }
        if let Some(note) = self.constants.note_of_range() {
            self.note(note);
        }
        // The graph alone holds its tensors from here on.
        drop((self.constants, self.patterns));
        let graph = self.emission.finish()?.canonical()?;
        Ok(Imported { graph, notes: self.notes.into_iter().collect(), defaults: Vec::new() })
    }

    /// Binds initializers and the results of Constant nodes.
    fn constants_of_the_file(&mut self) -> Result<(), Error> {
        let file = self.names.file();
        for initializer in &file.initializer {
            let tensor = tensor::read(initializer, &initializer.name)?;
            let tensor = self.constants.in_float(&initializer.name, tensor)?;
            self.bind_stored(&initializer.name, tensor)?;
            if let Some(code) = crate::import::narrow::narrow(initializer.data_type) {
                self.note_code(&initializer.name, code);
            }
        }
        for node in file.node.iter().filter(|node| node.op_type == "Constant") {
            let name = node.output.first().map_or("", String::as_str);
            let tensor = self.constants.in_float(name, tensor::of_constant_node(node)?)?;
            self.bind_stored(name, tensor)?;
            if let Some(code) = tensor::code_of_constant_node(node) {
                self.note_code(name, code);
            }
        }
        // A constant that is an output has its name before anything that is made of it.
        for output in &file.output {
            if matches!(self.emission.binding(&output.name), Some(Binding::Constant)) {
                self.value(&output.name)?;
            }
        }
        Ok(())
    }

    /// Binds the inputs of the model that are not constant.
    fn inputs(&mut self) -> Result<(), Error> {
        for input in &self.names.file().input {
            if let Some(value) = self.constants.stored(&input.name) {
                inputs::check_default(input, value)?;
            } else if !self.emission.is_bound(&input.name) {
                let ty = self.input_type(input)?;
                let id = self.emission.input(&input.name, ty)?;
                self.bind(&input.name, Binding::Value(id))?;
            }
        }
        Ok(())
    }

    /// Imports what quantizes and dequantizes constants, so that they are known as constants wherever the nodes stand.
    fn dequantized_constants(&mut self) -> Result<(), Error> {
        for (index, node) in self.names.file().node.iter().enumerate() {
            let is_cast = matches!(node.op_type.as_str(), "QuantizeLinear" | "DequantizeLinear");
            if is_cast && node.input.first().is_some_and(|name| self.constants.shape(name).is_some()) {
                self.node(index, node)?;
                self.names.absorb(index);
            }
        }
        Ok(())
    }

    /// Imports a node.
    fn node(&mut self, index: usize, proto: &'a NodeProto) -> Result<(), Error> {
        let name = self.names.of_node(index, proto);
        let mut entry = Entry { importer: self, proto, name };
        entry.check()?;
        let imported = entry.is_known_now().and_then(|is_known| if is_known { Ok(()) } else { entry.import() });
        imported.map_err(|error| entry.refused(error))?;
        self.pass_code(proto);
        Ok(())
    }

    /// Makes values outputs of the model.
    fn outputs(&mut self) -> Result<(), Error> {
        for output in &self.names.file().output {
            let id = self.value(&output.name)?.ok_or_else(|| Error::Tensor {
                name: output.name.clone(),
                reason: "is an output of the model, but no node makes it".to_owned(),
            })?;
            let dtype = self.emission.ty(id).dtype();
            let code = self.constants.narrow.get(output.name.as_str()).copied();
            inputs::check_output(output, dtype, code)?;
            if let Some(code) = code {
                self.note(format!("inputs and outputs of {code} are {dtype} here"));
            }
            self.emission.output(id);
        }
        Ok(())
    }
}

impl Entry<'_, '_> {
    /// Checks that the node has results, that none is read which is not imported, and that it takes the types of its
    /// inputs.
    pub(super) fn check(&self) -> Result<(), Error> {
        let outputs = &self.proto.output;
        let used = |output: &String| !output.is_empty() && self.importer.names.is_read(output);
        let is_several = SEVERAL_OUTPUTS.contains(&self.proto.op_type.as_str());
        if !is_several && outputs.first().is_none_or(String::is_empty) || outputs.is_empty() {
            return Err(self.invalid("has no output"));
        }
        if let Some(extra) = outputs[1..].iter().find(|output| !is_several && used(output)) {
            return Err(self.unsupported(format!("the use of its second output `{extra}`")));
        }
        self.check_narrow()
    }

    /// Binds the results of the node if they are known before the model runs: sizes, and what follows from constants.
    fn is_known_now(&mut self) -> Result<bool, Error> {
        Ok(is_default(&self.proto.domain) && (self.shape_arithmetic()? || self.fold()?))
    }
}
