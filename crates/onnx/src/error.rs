//! What can go wrong with an ONNX file.

use fourfold_graph::{ErrorKind, Excerpt, LimitExceeded};

/// An error of this crate.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// The file is not an ONNX model.
    #[error("this is {what}, not an ONNX model{hint}")]
    NotOnnx {
        /// What it looks like.
        what: &'static str,
        /// What to do, with a separator in front; may be empty.
        hint: &'static str,
    },
    /// The file ends in the middle of a field, or a field is longer than what holds it.
    #[error("truncated or corrupt at byte {offset}: {reason}")]
    Corrupt {
        /// Where the scan stopped, counted from the start of the file.
        offset: usize,
        /// What does not fit.
        reason: &'static str,
    },
    /// The file is not a valid protobuf message of the specification.
    #[error("not a valid ONNX file: {}", Excerpt(reason))]
    Decode {
        /// What the decoder says.
        reason: String,
    },
    /// The model as a whole is not valid.
    #[error("the model {reason}")]
    Model {
        /// What is wrong.
        reason: &'static str,
    },
    /// The model needs a version of the operators that is not supported.
    #[error("opset {version} is not supported; versions 7 to 28 are. Convert the model with onnx.version_converter")]
    Opset {
        /// The version.
        version: i64,
    },
    /// The file has an `ir_version` that is not supported.
    #[error(
        "version {version} of the file format is not known; versions 1 to 14 are. \
         Save the model with an older ir_version"
    )]
    Version {
        /// The version.
        version: i64,
    },
    /// The model has operators that are not supported.
    #[error("unsupported operators: {}{}", list(operators), hint(operators))]
    Operators {
        /// Each operator with its domain, and how often it occurs.
        operators: Vec<(String, usize)>,
    },
    /// A node is valid, but not supported.
    #[error("node `{}` ({}): {} is not supported", Excerpt(node), Excerpt(operator), Excerpt(what))]
    Unsupported {
        /// The node's name.
        node: String,
        /// Its operator.
        operator: String,
        /// What is not supported.
        what: String,
    },
    /// A node is not valid.
    #[error("node `{}` ({}): {}", Excerpt(node), Excerpt(operator), Excerpt(reason))]
    Node {
        /// The node's name.
        node: String,
        /// Its operator.
        operator: String,
        /// What is wrong.
        reason: String,
    },
    /// A tensor of the file is valid, but not supported.
    #[error("tensor `{}`: {} is not supported", Excerpt(name), Excerpt(what))]
    UnsupportedTensor {
        /// The tensor's name.
        name: String,
        /// What is not supported.
        what: String,
    },
    /// A tensor of the file is not valid.
    #[error("tensor `{}`: {}", Excerpt(name), Excerpt(reason))]
    Tensor {
        /// The tensor's name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// A function of the model is not valid.
    #[error("function `{name}` {reason}")]
    Function {
        /// The function's name.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The external data of a tensor cannot be read.
    #[error("tensor `{name}`: its data in `{location}` {reason}")]
    External {
        /// The tensor's name.
        name: String,
        /// The file, as the model names it.
        location: String,
        /// Why, in words.
        reason: String,
    },
    /// The model file cannot be read.
    #[error("the model file cannot be read: {reason}")]
    File {
        /// Why, in words.
        reason: String,
    },
    /// A value of the exported graph has no ONNX form.
    #[error("value `{value}` cannot be written to ONNX: {reason}")]
    Export {
        /// The value's name.
        value: String,
        /// Why.
        reason: &'static str,
    },
    /// The model is larger than allowed.
    #[error(transparent)]
    Limit(#[from] LimitExceeded),
    /// The graph is not valid.
    #[error(transparent)]
    Graph(#[from] fourfold_graph::Error),
}

impl Error {
    /// The kind of the error: whose fault it is, and what helps.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Error::External { .. } | Error::File { .. } => ErrorKind::Io,
            Error::NotOnnx { .. }
            | Error::Corrupt { .. }
            | Error::Decode { .. }
            | Error::Model { .. }
            | Error::Node { .. }
            | Error::Tensor { .. }
            | Error::Function { .. } => ErrorKind::Invalid,
            Error::Opset { .. }
            | Error::Version { .. }
            | Error::Operators { .. }
            | Error::Unsupported { .. }
            | Error::UnsupportedTensor { .. }
            | Error::Export { .. } => ErrorKind::Unsupported,
            Error::Limit(error) => error.kind(),
            Error::Graph(error) => error.kind(),
        }
    }
}

impl From<fourfold_tensor::Error> for Error {
    fn from(error: fourfold_tensor::Error) -> Self {
        Error::Graph(error.into())
    }
}

/// The message lists operators until it has this many bytes.
const LONGEST_LIST: usize = 2048;

/// The operators with their counts, up to [`LONGEST_LIST`].
fn list(operators: &[(String, usize)]) -> String {
    let mut list = String::new();
    for (index, (name, count)) in operators.iter().enumerate() {
        if list.len() > LONGEST_LIST {
            list.push_str(&format!(" and {} more", operators.len() - index));
            break;
        }
        let separator = if index == 0 { "" } else { ", " };
        list.push_str(&format!("{separator}{} ({count})", Excerpt(name)));
    }
    list
}

/// Advice for models with unknown quantized operators.
fn hint(operators: &[(String, usize)]) -> &'static str {
    let is_quantized = |name: &str| {
        let name = name.rsplit('.').next().unwrap_or(name);
        name.starts_with("QLinear") || name.ends_with("Integer") || name.starts_with("DynamicQuantize")
    };
    if operators.iter().any(|(name, _)| is_quantized(name)) {
        "; the model is quantized with operators that fourfold does not have: \
         give the float model, which fourfold can quantize"
    } else {
        ""
    }
}
