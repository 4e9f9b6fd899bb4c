//! [`GraphBuilder`], the only way to make a graph.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use fourfold_schemes::QuantParams;
use fourfold_tensor::Tensor;

use crate::graph::GraphData;
use crate::ops::infer;
use crate::readers::Readers;
use crate::{Dim, Error, Graph, Limits, Node, NodeId, Op, Value, ValueId, ValueType};

/// A node to be added by [`GraphBuilder::add`].
#[derive(Clone, Debug)]
pub struct NewNode<'a> {
    /// The node's name, unique among nodes.
    pub name: &'a str,
    /// The name of its result, unique among values.
    pub output: &'a str,
    /// The operator.
    pub op: Op,
    /// The operands, in the order that [`Op`] lists.
    pub inputs: &'a [ValueId],
    /// The quantization parameters of the result: given where the result is quantized and the operator's
    /// [`OutputParams`](crate::OutputParams) are `Own`, else `None`.
    pub params: Option<QuantParams>,
}

/// Collects values and nodes, inferring and checking the type of every result.
///
/// Nodes are added after their operands, so a graph cannot have a cycle.
#[derive(Clone, Debug)]
pub struct GraphBuilder {
    graph: GraphData,
    limits: Limits,
    value_names: HashSet<Arc<str>>,
    node_names: HashSet<Arc<str>>,
    /// The number that [`GraphBuilder::unique_name`] tries first for each base.
    next_numbers: HashMap<String, usize>,
}

impl GraphBuilder {
    /// An empty graph with the default limits.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self::with_limits(name, Limits::default())
    }

    /// An empty graph.
    #[must_use]
    pub fn with_limits(name: &str, limits: Limits) -> Self {
        let graph = GraphData { name: name.to_owned(), ..GraphData::default() };
        Self { graph, limits, value_names: HashSet::new(), node_names: HashSet::new(), next_numbers: HashMap::new() }
    }

    /// Reserves memory for so many more nodes and values, so that the tables of names are not rehashed as they grow.
    pub fn reserve(&mut self, nodes: usize, values: usize) {
        self.graph.nodes.reserve(nodes);
        self.node_names.reserve(nodes);
        self.graph.values.reserve(values);
        self.value_names.reserve(values);
    }

    /// Adds a graph input: a value that the caller passes when the graph runs.
    ///
    /// # Errors
    ///
    /// [`Error::DuplicateName`], [`Error::Name`], [`Error::Limit`].
    pub fn input(&mut self, name: &str, ty: ValueType) -> Result<ValueId, Error> {
        let id = self.push_value(name, ty, None, None)?;
        self.graph.inputs.push(id);
        Ok(id)
    }

    /// Adds a constant that is not quantized.
    ///
    /// # Errors
    ///
    /// As [`GraphBuilder::input`].
    pub fn constant(&mut self, name: &str, tensor: Tensor) -> Result<ValueId, Error> {
        let ty = ValueType::of(&tensor);
        self.push_value(name, ty, Some(tensor), None)
    }

    /// Adds a quantized constant: its elements are quantized values with the given parameters.
    ///
    /// # Errors
    ///
    /// [`Error::Constant`] if the parameters do not fit the tensor, and the errors of [`GraphBuilder::input`].
    pub fn quantized_constant(&mut self, name: &str, tensor: Tensor, params: QuantParams) -> Result<ValueId, Error> {
        let constant = |source| Error::Constant { name: name.to_owned(), source };
        params.check_shape(tensor.shape()).map_err(constant)?;
        if params.dtype() != tensor.dtype() {
            let source = fourfold_tensor::Error::DType { expected: params.dtype(), actual: tensor.dtype() };
            return Err(constant(source.into()));
        }
        let ty = ValueType::quantized(ValueType::of(&tensor).dims(), params);
        self.push_value(name, ty, Some(tensor), None)
    }

    /// Adds a node and returns its result.
    ///
    /// # Errors
    ///
    /// [`Error::Node`] if the operator does not fit its operands, [`Error::UnknownValue`] if an operand is not a value
    /// of this builder, and the errors of [`GraphBuilder::input`].
    pub fn add(&mut self, new: NewNode<'_>) -> Result<ValueId, Error> {
        let count = self.graph.values.len();
        if let Some(id) = new.inputs.iter().find(|id| id.0 >= count) {
            return Err(Error::UnknownValue { index: id.0, count });
        }
        Limits::check("nodes", self.graph.nodes.len() as u64 + 1, self.limits.nodes)?;
        check_name(new.name, &self.limits)?;
        let operands: Vec<&Value> = new.inputs.iter().map(|&id| &self.graph.values[id.0]).collect();
        let ty = infer(&new.op, &operands, new.params, &self.limits).map_err(|problem| Error::Node {
            node: new.name.to_owned(),
            kind: new.op.kind(),
            problem: Box::new(problem),
        })?;
        let name: Arc<str> = new.name.into();
        if !self.node_names.insert(Arc::clone(&name)) {
            return Err(Error::DuplicateName { name: new.name.to_owned() });
        }
        let output = self.push_value(new.output, ty, None, Some(NodeId(self.graph.nodes.len())))?;
        self.graph.nodes.push(Node { name, op: new.op, inputs: new.inputs.to_vec(), output });
        Ok(output)
    }

    /// Adds a node whose result has the node's name.
    ///
    /// # Errors
    ///
    /// As [`GraphBuilder::add`].
    pub fn node(&mut self, name: &str, op: Op, inputs: &[ValueId]) -> Result<ValueId, Error> {
        self.add(NewNode { name, output: name, op, inputs, params: None })
    }

    /// Makes a value a graph output, behind those before it.
    pub fn output(&mut self, id: ValueId) {
        self.graph.outputs.push(id);
    }

    /// A value added before.
    ///
    /// # Panics
    ///
    /// If the id is not of this builder.
    #[must_use]
    pub fn value(&self, id: ValueId) -> &Value {
        &self.graph.values[id.0]
    }

    /// The node whose result is a value; `None` for inputs, constants and values of another graph.
    #[must_use]
    pub fn producer(&self, id: ValueId) -> Option<&Node> {
        let node = self.graph.values.get(id.0)?.producer?;
        self.graph.nodes.get(node.0)
    }

    /// A value added before, or an error if the id is of another builder.
    pub(crate) fn known(&self, id: ValueId) -> Result<&Value, Error> {
        let count = self.graph.values.len();
        self.graph.values.get(id.0).ok_or(Error::UnknownValue { index: id.0, count })
    }

    /// A name that no value and no node has: `base`, or else `base_1`, `base_2` and so on.
    ///
    /// Numbers are not tried twice, so that many names of one base take linear time.
    #[must_use]
    pub fn unique_name(&mut self, base: &str) -> String {
        let is_free = |name: &str| !self.value_names.contains(name) && !self.node_names.contains(name);
        if is_free(base) {
            return base.to_owned();
        }
        let next = self.next_numbers.entry(base.to_owned()).or_insert(1);
        loop {
            let name = format!("{base}_{next}");
            *next += 1;
            if is_free(&name) {
                return name;
            }
        }
    }

    /// The finished graph.
    ///
    /// # Errors
    ///
    /// [`Error::NoOutputs`], [`Error::UnknownValue`] if an output is of another builder, [`Error::Name`] or
    /// [`Error::Limit`] for the name of the graph.
    pub fn finish(mut self) -> Result<Graph, Error> {
        check_name(&self.graph.name, &self.limits)?;
        let count = self.graph.values.len();
        match self.graph.outputs.iter().find(|id| id.0 >= count) {
            Some(id) => Err(Error::UnknownValue { index: id.0, count }),
            None if self.graph.outputs.is_empty() => Err(Error::NoOutputs),
            None => {
                self.graph.readers = Readers::of(&self.graph);
                Ok(Graph { data: Arc::new(self.graph) })
            }
        }
    }

    fn push_value(
        &mut self,
        name: &str,
        ty: ValueType,
        constant: Option<Tensor>,
        producer: Option<NodeId>,
    ) -> Result<ValueId, Error> {
        check_name(name, &self.limits)?;
        for dim in ty.dims() {
            dim.symbols().into_iter().try_for_each(|symbol| check_name(symbol, &self.limits))?;
        }
        check_size(&ty, &self.limits)?;
        Limits::check("values", self.graph.values.len() as u64 + 1, self.limits.values)?;
        let name: Arc<str> = name.into();
        if !self.value_names.insert(Arc::clone(&name)) {
            return Err(Error::DuplicateName { name: name.to_string() });
        }
        self.graph.values.push(Value { name, ty, constant, producer });
        Ok(ValueId(self.graph.values.len() - 1))
    }
}

fn check_name(name: &str, limits: &Limits) -> Result<(), Error> {
    Limits::check("name-bytes", name.len() as u64, limits.name_bytes)?;
    if name.is_empty() || name.contains(char::is_control) {
        return Err(Error::Name { name: name.to_owned() });
    }
    Ok(())
}

/// Checks the rank and the number of elements, with 1 for every symbolic size.
fn check_size(ty: &ValueType, limits: &Limits) -> Result<(), Error> {
    let sizes: Vec<usize> = ty.dims().iter().map(|dim| dim.fixed().unwrap_or(1)).collect();
    let count = fourfold_tensor::Shape::new(&sizes)?.element_count();
    Ok(Limits::check("elements", count as u64, limits.elements)?)
}

impl From<&str> for Dim {
    fn from(name: &str) -> Self {
        Dim::symbol(name)
    }
}
