//! What was decided about each node.

use core::fmt;

use fourfold_graph::{Graph, OpKind};
use serde::Serialize;

/// How a node runs after quantization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// In integers, with parameters from calibration.
    Static,
    /// In integers; its float operands are quantized while running.
    Dynamic,
    /// In `f32`.
    Float,
}

impl fmt::Display for Decision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Decision::Static => "static",
            Decision::Dynamic => "dynamic",
            Decision::Float => "float",
        })
    }
}

/// What was decided about one node of the float graph, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Layer {
    /// The node's name.
    pub name: String,
    /// The node's operator.
    pub operator: OpKind,
    /// The name of the node's result.
    pub value: String,
    /// What was decided.
    pub decision: Decision,
    /// Why; empty where the configuration was simply followed.
    pub reason: String,
}

/// A quantized graph and what was decided about each node of the float graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Quantized {
    pub(crate) graph: Graph,
    pub(crate) layers: Vec<Layer>,
}

impl Quantized {
    /// The quantized graph.
    #[must_use]
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The quantized graph alone.
    #[must_use]
    pub fn into_graph(self) -> Graph {
        self.graph
    }

    /// The decisions, in the order of the float graph's nodes.
    #[must_use]
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }
}
