//! The error of quantization, value by value.

mod energies;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use fourfold_graph::{Concat, Graph, Node, Op, ValueId};
use fourfold_runtime::{Options, Plan, Session};
use fourfold_schemes::dequantize;
use fourfold_tensor::{DType, Tensor};

use crate::Error;
use energies::{Energies, Parts};

/// Runs a float graph and a quantized one on the same inputs and compares the values that have the same name.
#[derive(Debug)]
pub struct Comparison {
    float: Session,
    quantized: Session,
    /// How values of the float graph are cut into parts.
    cuts: HashMap<String, Vec<Cut>>,
    energies: HashMap<String, Energies>,
}

/// Into which parts a value of the float graph is cut.
#[derive(Debug)]
enum Cut {
    /// The result of a join: its operands.
    Operands {
        axis: usize,
        /// Their names, and their sizes along the axis where the graph knows them.
        operands: Vec<(String, Option<usize>)>,
    },
    /// An output: its channels.
    Channels,
}

impl Comparison {
    /// Compiles both graphs.
    ///
    /// # Errors
    ///
    /// [`Error::Runtime`] if one cannot be compiled.
    pub fn new(float: &Graph, quantized: &Graph) -> Result<Self, Error> {
        Self::with_options(float, quantized, &Options::default())
    }

    /// Compiles both graphs with options, which change no number.
    ///
    /// # Errors
    ///
    /// As [`Comparison::new`].
    pub fn with_options(float: &Graph, quantized: &Graph, options: &Options) -> Result<Self, Error> {
        let session = |graph| Plan::compile(graph, options).map(|plan| Session::new(Arc::new(plan)));
        let mut cuts: HashMap<String, Vec<Cut>> = HashMap::new();
        let name = |id: ValueId| float.value(id).name().to_owned();
        for &output in float.outputs() {
            cuts.insert(name(output), vec![Cut::Channels]);
        }
        for node in float.nodes() {
            let Op::Concat(Concat { axis }) = *node.op() else { continue };
            let operand = |&id: &ValueId| (name(id), float.value(id).ty().dims()[axis].fixed());
            let operands = node.inputs().iter().map(operand).collect();
            cuts.entry(name(node.output())).or_default().push(Cut::Operands { axis, operands });
        }
        Ok(Self { float: session(float)?, quantized: session(quantized)?, cuts, energies: HashMap::new() })
    }

    /// Runs both graphs on a batch; every value of the float graph is kept until the quantized one has run.
    ///
    /// # Errors
    ///
    /// [`Error::Runtime`] if the inputs do not fit.
    pub fn observe(&mut self, batch: &[Tensor]) -> Result<(), Error> {
        let mut exact = HashMap::new();
        let plan = Arc::clone(self.float.plan());
        self.float.run_observed(batch, |id, value| {
            exact.insert(plan.graph().value(id).name().to_owned(), value.clone());
        })?;
        let (plan, energies, cuts) = (Arc::clone(self.quantized.plan()), &mut self.energies, &self.cuts);
        let mut first_error = None;
        self.quantized.run_observed(batch, |id, value| {
            let known = plan.graph().value(id);
            let Some(in_float) = exact.get(known.name()) else { return };
            let dequantized = match known.ty().params() {
                Some(params) => dequantize(value, params).map_err(Error::from),
                None => Ok(value.clone()),
            };
            let added = dequantized.and_then(|dequantized| {
                if !in_float.dtype().is_float() || in_float.len() != dequantized.len() {
                    return Ok(());
                }
                let (in_float, dequantized) = (&in_float.to_float(DType::F32)?, dequantized.to_float(DType::F32)?);
                let cuts = cuts.get(known.name()).into_iter().flatten();
                let parts: Vec<Parts> = cuts.filter_map(|cut| cut.parts(in_float, &exact)).collect();
                let energies = energies.entry(known.name().to_owned()).or_default();
                energies.add(in_float.as_slice()?, dequantized.as_slice()?, &parts);
                Ok(())
            });
            first_error = first_error.take().or(added.err());
        })?;
        first_error.map_or(Ok(()), Err)
    }

    /// The signal-to-quantization-noise ratio of a value in decibels, infinite if it is exact.
    ///
    /// ```text
    /// SQNR = 10 log10(sum x^2 / sum (x - y)^2)        x of the float graph, y of the quantized one
    /// ```
    ///
    /// A large part must not hide the error of a small one. So the ratio of a Concat is that of its worst operand, and
    /// that of an output of the graph that of its worst channel, if these are lower than the ratio of the whole.
    /// Channels lie on axis 1, or on the last axis of a tensor of three axes if that one is shorter. Parts that are
    /// zero, or have fewer than 16 elements in all batches, do not count.
    ///
    /// `None` for a value that is not in both graphs, or that was never compared.
    #[must_use]
    pub fn sqnr_db(&self, value: &str) -> Option<f64> {
        self.energies.get(value).map(Energies::db)
    }
}

/// The signal-to-quantization-noise ratio in decibels of the weights of every quantized layer, by the layer's name:
/// what can be known without samples. Infinite where the quantized weights are exact; layers without weights are left
/// out.
///
/// # Errors
///
/// [`Error::Scheme`] if quantized values do not fit their parameters.
pub fn weight_sqnr_db(float: &Graph, quantized: &Graph) -> Result<BTreeMap<String, f64>, Error> {
    let nodes: HashMap<&str, &Node> = float.nodes().iter().map(|node| (node.name(), node)).collect();
    let mut ratios = BTreeMap::new();
    for node in quantized.nodes() {
        let Some(of_float) = nodes.get(node.name()) else { continue };
        let mut energies = Energies::default();
        for (&exact, &rounded) in of_float.inputs().iter().zip(node.inputs()) {
            let (exact, rounded) = (float.value(exact), quantized.value(rounded));
            if let (Some(exact), Some(constant)) = (exact.constant(), rounded.constant())
                && let Some(params) = rounded.ty().params().filter(|_| rounded.ty().is_quantized())
            {
                let actual = dequantize(constant, params)?;
                if exact.dtype() == DType::F32 && exact.len() == actual.len() {
                    energies.add(exact.as_slice()?, actual.as_slice()?, &[]);
                }
            }
        }
        if energies.has_signal() {
            ratios.insert(node.name().to_owned(), energies.db());
        }
    }
    Ok(ratios)
}

impl Cut {
    /// The parts of a value, whose operands are among the `exact` values; `None` where there is nothing to cut.
    fn parts(&self, value: &Tensor, exact: &HashMap<String, Tensor>) -> Option<Parts> {
        let shape = value.shape();
        let (axis, sizes) = match self {
            Cut::Operands { axis, operands } => {
                let size = |(name, fixed): &(String, Option<usize>)| {
                    fixed.or_else(|| exact.get(name).map(|operand| operand.shape()[*axis]))
                };
                (*axis, operands.iter().map(size).collect::<Option<Vec<usize>>>()?)
            }
            Cut::Channels => {
                let axis = match *shape {
                    [] | [_] => return None,
                    [_, second, last] if last < second => 2,
                    _ => 1,
                };
                (axis, vec![1; shape[axis]])
            }
        };
        Some(Parts { sizes, inner: shape[axis + 1..].iter().product() })
    }
}
