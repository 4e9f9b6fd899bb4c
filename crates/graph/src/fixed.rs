//! [`Fixed`]: numbers for the symbols, shapes and inputs of a graph, set before anything else is done with it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use fourfold_tensor::{DType, Float, Tensor, bf16, f16};

use crate::{Dim, Error, Graph, GraphBuilder, Limits, NewNode, OutputParams, ValueType};

/// What [`Graph::fixed`] fixes: sizes of symbols, shapes of inputs, and inputs that become constants.
///
/// ```
/// use fourfold_graph::{Dim, Fixed, GraphBuilder, ValueType};
///
/// let mut builder = GraphBuilder::new("free");
/// let x = builder.input("x", ValueType::f32(&["batch".into(), "width".into()]))?;
/// let y = builder.relu("y", x)?;
/// builder.output(y);
/// let graph = builder.finish()?;
/// let fixed = graph.fixed(&Fixed::new().dim("batch", 1))?;
/// assert_eq!(fixed.value(y).ty().to_string(), "f32[1, width]");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Fixed {
    dims: BTreeMap<String, usize>,
    shapes: BTreeMap<String, Vec<usize>>,
    values: BTreeMap<String, Setting>,
    kept: BTreeSet<String>,
}

/// The constant that replaces an input.
#[derive(Clone, Debug, PartialEq)]
enum Setting {
    Tensor(Tensor),
    /// Numbers as text, between commas, to be parsed as the input's element type.
    Numbers(String),
}

impl Fixed {
    /// Fixes nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Fixes the size of a symbol, in all shapes.
    #[must_use]
    pub fn dim(mut self, symbol: &str, size: usize) -> Self {
        self.dims.insert(symbol.to_owned(), size);
        self
    }

    /// Fixes the shape of an input, and so the symbols in it.
    #[must_use]
    pub fn shape(mut self, input: &str, sizes: &[usize]) -> Self {
        self.shapes.insert(input.to_owned(), sizes.to_vec());
        self
    }

    /// Makes an input a constant; the symbols in its shape are fixed too.
    #[must_use]
    pub fn value(mut self, input: &str, value: Tensor) -> Self {
        self.values.insert(input.to_owned(), Setting::Tensor(value));
        self
    }

    /// Makes an input a constant of its own type and shape, from text: one number for all elements, or one for each
    /// element, between commas. Bools are `true`, `false`, 1 and 0.
    #[must_use]
    pub fn numbers(mut self, input: &str, numbers: &str) -> Self {
        self.values.insert(input.to_owned(), Setting::Numbers(numbers.to_owned()));
        self
    }

    /// Keeps an input for which a model file has a default an input, instead of a constant with the default. Without
    /// effect for other inputs.
    #[must_use]
    pub fn keep_input(mut self, input: &str) -> Self {
        self.kept.insert(input.to_owned());
        self
    }

    /// Whether [`Fixed::keep_input`] was called for an input.
    #[must_use]
    pub fn keeps_input(&self, input: &str) -> bool {
        self.kept.contains(input)
    }

    /// Whether no size, no shape and no input is fixed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dims.is_empty() && self.shapes.is_empty() && self.values.is_empty()
    }

    /// The symbols that are fixed by name, and their sizes.
    pub fn dims(&self) -> impl Iterator<Item = (&str, usize)> {
        self.dims.iter().map(|(symbol, &size)| (symbol.as_str(), size))
    }

    /// Whether an input becomes a constant.
    #[must_use]
    pub fn sets(&self, input: &str) -> bool {
        self.values.contains_key(input)
    }

    /// The shape that is fixed for an input, by [`Fixed::shape`] or as that of its [`Fixed::value`].
    #[must_use]
    pub fn shape_of(&self, input: &str) -> Option<&[usize]> {
        let of_value = || match self.values.get(input)? {
            Setting::Tensor(value) => Some(value.shape()),
            Setting::Numbers(_) => None,
        };
        self.shapes.get(input).map(Vec::as_slice).or_else(of_value)
    }

    /// The constant that replaces an input of type `dtype` and shape `dims`, after symbols are resolved; `None` if the
    /// input stays an input.
    ///
    /// # Errors
    ///
    /// [`Error::Fixed`] if the value has another type, cannot be parsed as that type, or has another number of
    /// elements, or if `dims` has a symbol left; [`Error::Tensor`] if there is no memory for it.
    pub fn constant(&self, input: &str, dtype: DType, dims: &[Dim]) -> Result<Option<Tensor>, Error> {
        let refused = |reason: String| Error::Fixed { name: input.to_owned(), reason };
        let text = match self.values.get(input) {
            None => return Ok(None),
            Some(Setting::Tensor(value)) if value.dtype() == dtype => return Ok(Some(value.clone())),
            Some(Setting::Tensor(value)) => {
                return Err(refused(format!("holds {dtype}, {} was given", value.dtype())));
            }
            Some(Setting::Numbers(text)) => text,
        };
        let shape: Option<Vec<usize>> = dims.iter().map(Dim::fixed).collect();
        let free = || refused(format!("has the shape {dims:?}, not all of which is known; fix its shape to set it"));
        let shape = shape.ok_or_else(free)?;
        let count = fourfold_tensor::Shape::new(&shape)?.element_count();
        let words: Vec<&str> = text.split(',').map(str::trim).collect();
        if words.len() != 1 && words.len() != count {
            return Err(refused(format!("has {count} elements, {} numbers were given", words.len())));
        }
        let mut bytes = Vec::new();
        for word in words {
            let element =
                element(word, dtype).ok_or_else(|| refused(format!("holds {dtype}, which `{word}` is not")))?;
            bytes.extend(element);
        }
        if bytes.len() != count * dtype.size() {
            bytes = bytes.repeat(count);
        }
        Ok(Some(Tensor::from_le_bytes(dtype, &shape, &bytes)?))
    }

    /// The sizes of all symbols that are fixed, by name or by the shape of an input, for inputs of the given names and
    /// types.
    ///
    /// # Errors
    ///
    /// [`Error::Fixed`] for a name that no symbol or no input has, for a shape or value that does not fit its input,
    /// and for a symbol that would have two sizes.
    pub fn resolve<'t>(
        &self,
        inputs: impl Iterator<Item = (&'t str, &'t ValueType)> + Clone,
    ) -> Result<HashMap<String, usize>, Error> {
        let symbols: Vec<&str> = inputs.clone().flat_map(|(_, ty)| ty.dims()).flat_map(Dim::symbols).collect();
        let mut sizes = HashMap::new();
        for (symbol, &size) in &self.dims {
            if !symbols.contains(&symbol.as_str()) {
                return Err(unknown("size", symbol, symbols));
            }
            sizes.insert(symbol.clone(), size);
        }
        let shapes = self.shapes.iter().map(|(input, sizes)| (input, sizes.as_slice()));
        let of_values = self.values.iter().filter_map(|(input, value)| match value {
            Setting::Tensor(value) => Some((input, value.shape())),
            Setting::Numbers(_) => None,
        });
        let mut axes = Vec::new();
        for (input, shape) in shapes.chain(of_values) {
            let Some((_, ty)) = inputs.clone().find(|(name, _)| name == input) else {
                return Err(unknown("input", input, inputs.map(|(name, _)| name).collect()));
            };
            if ty.dims().len() != shape.len() {
                let reason = format!("has {} axes, {} were given", ty.dims().len(), shape.len());
                return Err(Error::Fixed { name: input.clone(), reason });
            }
            for (axis, (dim, &size)) in ty.dims().iter().zip(shape).enumerate() {
                if let Dim::Symbol(symbol) = dim {
                    sizes.entry(symbol.to_string()).or_insert(size);
                }
                axes.push((input, axis, dim, size));
            }
        }
        if let Some(input) = self.values.keys().find(|&input| !inputs.clone().any(|(name, _)| name == input)) {
            return Err(unknown("input", input, inputs.map(|(name, _)| name).collect()));
        }
        // Sizes are compared only now, when all symbols are known that can be.
        for (input, axis, dim, size) in axes {
            let reason = match dim.evaluate(|symbol| sizes.get(symbol).copied()) {
                Some(known) if known == size => continue,
                Some(known) => format!("axis {axis} is {known}, {size} was given"),
                None => {
                    format!("axis {axis} is {dim}, and {size} does not say what its symbols are; give their sizes too")
                }
            };
            return Err(Error::Fixed { name: input.clone(), reason });
        }
        Ok(sizes)
    }
}

/// Parses an element: its bytes, little-endian; `None` if the word is not a number of the type.
fn element(word: &str, dtype: DType) -> Option<Vec<u8>> {
    Some(match dtype {
        DType::F32 => word.parse::<f32>().ok()?.to_le_bytes().to_vec(),
        DType::F64 => word.parse::<f64>().ok()?.to_le_bytes().to_vec(),
        DType::F16 => f16::of_double(word.parse().ok()?).to_le_bytes().to_vec(),
        DType::BF16 => bf16::of_double(word.parse().ok()?).to_le_bytes().to_vec(),
        DType::I8 => word.parse::<i8>().ok()?.to_le_bytes().to_vec(),
        DType::U8 => word.parse::<u8>().ok()?.to_le_bytes().to_vec(),
        DType::I32 => word.parse::<i32>().ok()?.to_le_bytes().to_vec(),
        DType::I64 => word.parse::<i64>().ok()?.to_le_bytes().to_vec(),
        DType::Bool => match word {
            "1" | "true" => vec![1],
            "0" | "false" => vec![0],
            _ => return None,
        },
    })
}

/// The error for a name that no symbol or no input has; it lists the names there are.
fn unknown(what: &'static str, name: &str, mut known: Vec<&str>) -> Error {
    known.sort_unstable();
    known.dedup();
    let known: Vec<String> = known.into_iter().map(|name| format!("`{name}`")).collect();
    let there_are = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Error::Fixed { name: name.to_owned(), reason: format!("is no {what} of the model; there are {there_are}") }
}

impl Graph {
    /// The graph with sizes and inputs fixed, and the shapes of all values inferred anew.
    ///
    /// # Errors
    ///
    /// As [`Fixed::resolve`]; [`Error::Node`] if a node does not fit the sizes.
    pub fn fixed(&self, fixed: &Fixed) -> Result<Graph, Error> {
        let inputs = self.inputs().iter().map(|&id| (self.value(id).name(), self.value(id).ty()));
        let sizes = fixed.resolve(inputs)?;
        let size = |symbol: &str| sizes.get(symbol).copied();
        let with_sizes = |dim: &Dim| {
            let negative = || Error::Fixed {
                name: dim.to_string(),
                reason: "is negative or too large with the sizes that are given".to_owned(),
            };
            dim.with_sizes(&size).ok_or_else(negative)
        };
        // This graph was checked against the limits when it was made.
        let any = u64::MAX;
        let limits =
            Limits { nodes: any, values: any, elements: any, name_bytes: any, window: any, ..Limits::default() };
        let mut builder = GraphBuilder::with_limits(self.name(), limits);
        let mut ids = Vec::with_capacity(self.values().len());
        for value in self.values() {
            let (name, ty) = (value.name(), value.ty());
            let dims = ty.dims().iter().map(with_sizes).collect::<Result<Vec<Dim>, Error>>()?;
            let constant = match (value.constant(), value.producer()) {
                (None, None) => fixed.constant(name, ty.dtype(), &dims)?,
                (constant, _) => constant.cloned(),
            };
            let id = match (constant, value.producer()) {
                (Some(constant), _) => match ty.params() {
                    None => builder.constant(name, constant)?,
                    Some(params) => builder.quantized_constant(name, constant, params.clone())?,
                },
                (None, Some(producer)) => {
                    let node = self.node(producer);
                    let operands: Vec<_> = node.inputs().iter().map(|id| ids[id.index()]).collect();
                    let own = node.op().kind().output_params() == OutputParams::Own;
                    builder.add(NewNode {
                        name: node.name(),
                        output: name,
                        op: node.op().operator().with_sizes(&with_sizes).unwrap_or_else(|| Ok(node.op().clone()))?,
                        inputs: &operands,
                        params: ty.params().filter(|_| own).cloned(),
                    })?
                }
                (None, None) => {
                    let ty = match ty.params() {
                        None => ValueType::plain(ty.dtype(), &dims),
                        Some(params) => ValueType::quantized(&dims, params.clone()),
                    };
                    builder.input(name, ty)?
                }
            };
            ids.push(id);
        }
        self.outputs().iter().for_each(|output| builder.output(ids[output.index()]));
        builder.finish()
    }
}

#[cfg(test)]
mod tests {
    use fourfold_tensor::Tensor;

    use super::*;
    use crate::{Add, Op, Reshape};

    /// `y = Slice(Reshape(x: [n, 2*w], [n, w, 2]))` with as many rows as `k` has, plus `k: [n]` as a column.
    fn free() -> Graph {
        let mut builder = GraphBuilder::new("free");
        let width = Dim::symbol("w").polynomial().and_then(|w| w.mul(&crate::Polynomial::constant(2)));
        let twice = width.and_then(Dim::computed).expect("a size");
        let x = builder.input("x", ValueType::f32(&["n".into(), twice])).expect("valid");
        let k = builder.input("k", ValueType::f32(&["n".into()])).expect("valid");
        let pairs = Op::Reshape(Reshape { dims: vec!["n".into(), "w".into(), 2.into()] });
        let pairs = builder.node("pairs", pairs, &[x]).expect("valid");
        let column = Op::Reshape(Reshape { dims: vec!["n".into(), 1.into(), 1.into()] });
        let column = builder.node("column", column, &[k]).expect("valid");
        let sum = Op::Add(Add { activation: crate::Activation::None });
        let y = builder.node("y", sum, &[pairs, column]).expect("valid");
        builder.output(y);
        builder.finish().expect("valid")
    }

    fn output(fixed: &Fixed) -> Result<String, String> {
        let graph = free().fixed(fixed).map_err(|error| error.to_string())?;
        Ok(graph.value(graph.outputs()[0]).ty().to_string())
    }

    #[test]
    fn sizes_are_fixed_by_symbol_by_shape_and_by_value() {
        assert_eq!(output(&Fixed::new()).as_deref(), Ok("f32[n, w, 2]"));
        assert_eq!(output(&Fixed::new().dim("w", 3)).as_deref(), Ok("f32[n, 3, 2]"));
        assert_eq!(output(&Fixed::new().shape("k", &[5]).dim("w", 3)).as_deref(), Ok("f32[5, 3, 2]"));
        let value = Tensor::from_vec(&[4], vec![1.0_f32; 4]).expect("four");
        let graph = free().fixed(&Fixed::new().value("k", value)).expect("valid");
        assert_eq!(graph.inputs().len(), 1);
        assert_eq!(graph.value(graph.outputs()[0]).ty().to_string(), "f32[4, w, 2]");
        assert_eq!(graph.value(graph.inputs()[0]).ty().to_string(), "f32[4, 2*w]");
        for (numbers, expected) in [("-0.5", [-0.5, -0.5]), ("1, 2e3", [1.0, 2e3])] {
            let graph = free().fixed(&Fixed::new().dim("n", 2).numbers("k", numbers)).expect("valid");
            let constant = graph.values().iter().find_map(|value| value.constant()).expect("a constant");
            assert_eq!(constant.as_slice::<f32>(), Ok(&expected[..]));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_what_there_is() {
        let refused = |fixed: Fixed| output(&fixed).expect_err("refused");
        assert_eq!(refused(Fixed::new().dim("m", 1)), "`m` is no size of the model; there are `n`, `w`");
        assert_eq!(refused(Fixed::new().shape("z", &[1])), "`z` is no input of the model; there are `k`, `x`");
        assert_eq!(refused(Fixed::new().shape("k", &[1, 2])), "`k` has 1 axes, 2 were given");
        assert_eq!(refused(Fixed::new().dim("n", 2).shape("k", &[3])), "`k` axis 0 is 2, 3 was given");
        assert_eq!(refused(Fixed::new().dim("w", 2).shape("x", &[3, 5])), "`x` axis 1 is 4, 5 was given");
        let computed = refused(Fixed::new().shape("x", &[3, 4]));
        assert_eq!(computed, "`x` axis 1 is 2*w, and 4 does not say what its symbols are; give their sizes too");
        assert_eq!(output(&Fixed::new().shape("x", &[3, 4]).dim("w", 2)).as_deref(), Ok("f32[3, 2, 2]"));
        assert_eq!(
            refused(Fixed::new().numbers("k", "1")),
            "`k` has the shape [n], not all of which is known; fix its shape to set it"
        );
        assert_eq!(refused(Fixed::new().dim("n", 2).numbers("k", "1,2,3")), "`k` has 2 elements, 3 numbers were given");
        assert_eq!(refused(Fixed::new().dim("n", 2).numbers("k", "one")), "`k` holds f32, which `one` is not");
        assert_eq!(refused(Fixed::new().numbers("z", "1")), "`z` is no input of the model; there are `k`, `x`");
        let whole = Tensor::from_vec(&[4], vec![1_i64; 4]).expect("four");
        assert_eq!(refused(Fixed::new().value("k", whole)), "`k` holds f32, i64 was given");
    }
}
