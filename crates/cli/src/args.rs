//! The command line.

mod images;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

#[cfg(feature = "images")]
pub(crate) use images::{Channels, Layout, Size};
pub(crate) use images::{Images, OnBadSample};

/// Neural networks four times smaller, run with exact int8 arithmetic on ordinary CPUs.
#[derive(Debug, Parser)]
#[command(name = "fourfold", version, propagate_version = true, max_term_width = 110)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) verb: Verb,
    /// Only errors and warnings on stderr
    #[arg(long, short, global = true)]
    pub(crate) quiet: bool,
    /// Fix a free size of the model, before anything else
    #[arg(long, global = true, value_name = "NAME=SIZE")]
    pub(crate) dim: Vec<String>,
    /// Fix the shape of an input, and with it the free sizes in it
    #[arg(long, global = true, value_name = "INPUT=1x3x224x224")]
    pub(crate) shape: Vec<String>,
    /// Make an input a constant: one number for all its elements, or one for each, separated by commas
    #[arg(long, global = true, value_name = "INPUT=VALUE", allow_hyphen_values = true)]
    pub(crate) set: Vec<String>,
    /// Raise or lower a limit on what files may hold
    #[arg(long, global = true, value_name = "NAME=VALUE")]
    pub(crate) limit: Vec<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Quantize the embedded digits model both ways, evaluate, write model and report
    Quickstart(Quickstart),
    /// Show operators, parameters, multiply-accumulates, sizes, and which operators int8 can run
    Inspect(Inspect),
    /// List the supported operators
    Ops(Ops),
    /// Quantize a float model
    Quantize(Quantize),
    /// Observe samples and save what was seen, every 5 s and at the end, for merge and quantize
    Calibrate(Calibrate),
    /// Merge what several runs of calibrate saw
    Merge(Merge),
    /// Measure the accuracy of a classifier
    Eval(Eval),
    /// Run a model on files
    Run(Run),
    /// Time a model on this machine
    Bench(Bench),
    /// Write a model for other programs
    Export(Export),
    /// Check the structure, limits and checksums of a model file
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(crate) struct Quickstart {
    /// The folder to write to
    #[arg(long, value_name = "DIR", default_value = "fourfold-quickstart")]
    pub(crate) out: PathBuf,
    /// Replace existing files
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A .onnx or .fourfold file
    pub(crate) model: PathBuf,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Ops {
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Quantize {
    /// The float model: a .onnx or .fourfold file
    pub(crate) model: PathBuf,
    /// The file to write: .onnx (QDQ form) or .fourfold
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// When activations are quantized: with ranges from calibration, or while running
    #[arg(long, value_enum)]
    pub(crate) mode: Option<Mode>,
    /// Calibration samples: a file (.npy, .npz, .png, .jpg), a folder of them, or INPUT=PATH for each of several
    /// inputs; or a file that calibrate or merge wrote
    #[arg(long, value_name = "DATA|STATE")]
    pub(crate) calib: Vec<String>,
    #[command(flatten)]
    pub(crate) images: Images,
    #[command(flatten)]
    pub(crate) configuration: Configuration,
    /// Correct biases by the mean error of each channel; needs samples
    #[arg(long)]
    pub(crate) correct_bias: bool,
    /// Accept a calibration with shards missing
    #[arg(long)]
    pub(crate) allow_partial: bool,
    /// Write a report: .html, .md or .json
    #[arg(long, value_name = "FILE")]
    pub(crate) report: Option<PathBuf>,
    /// Replace existing files
    #[arg(long)]
    pub(crate) force: bool,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which layers are quantized, and how.
#[derive(Debug, Args)]
pub(crate) struct Configuration {
    /// The configuration to start from
    #[arg(long, value_name = "NAME")]
    pub(crate) preset: Option<String>,
    /// The observer of activations
    #[arg(long, value_name = "NAME")]
    pub(crate) observer: Option<String>,
    /// One scale for every output channel of a weight
    #[arg(long, conflicts_with = "per_tensor")]
    pub(crate) per_channel: bool,
    /// One scale for every weight
    #[arg(long)]
    pub(crate) per_tensor: bool,
    /// Equalize the channels of neighbouring layers before quantizing; for weights with one scale
    #[arg(long)]
    pub(crate) equalize: bool,
    /// Keep nodes in float whose names match this regular expression anywhere
    #[arg(long, value_name = "REGEX")]
    pub(crate) exclude: Vec<String>,
    /// A file with options; those on the command line take precedence
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Calibrate {
    /// The float model: a .onnx or .fourfold file
    pub(crate) model: PathBuf,
    /// Samples: a file (.npy, .npz, .png, .jpg), a folder of them, or INPUT=PATH for each of several inputs
    #[arg(required = true)]
    pub(crate) data: Vec<String>,
    /// The file to write
    #[arg(long, short, value_name = "STATE")]
    pub(crate) output: PathBuf,
    /// Take every N-th batch only, from the I-th on; merge what the N runs write
    #[arg(long, value_name = "I/N", value_parser = shard)]
    pub(crate) shard: Option<Shard>,
    /// Continue from STATE, if it exists
    #[arg(long)]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) images: Images,
    #[command(flatten)]
    pub(crate) configuration: Configuration,
    /// Replace an existing file
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Merge {
    /// Files that calibrate or merge wrote
    #[arg(value_name = "STATE", required = true)]
    pub(crate) states: Vec<PathBuf>,
    /// The file to write
    #[arg(long, short, value_name = "STATE")]
    pub(crate) output: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    pub(crate) force: bool,
}

/// One of several equal parts of the samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shard {
    /// From 1 to `count`.
    pub(crate) index: u64,
    pub(crate) count: u64,
}

/// Reads `I/N`.
fn shard(text: &str) -> Result<Shard, String> {
    let parsed = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
    match parsed {
        Some((index, count)) if 1 <= index && index <= count => Ok(Shard { index, count }),
        _ => Err("expected I/N with I from 1 to N, as in 2/7".to_owned()),
    }
}

/// The mode of quantization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, serde::Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mode {
    /// Activations are quantized with ranges from calibration
    Static,
    /// Activations are quantized while the model runs
    Dynamic,
}

#[derive(Debug, Args)]
pub(crate) struct Eval {
    /// A .onnx or .fourfold file
    pub(crate) model: PathBuf,
    /// Samples: a file, a folder, or INPUT=PATH for each of several inputs; without --labels a folder with a folder for
    /// each class
    #[arg(long, value_name = "DATA", required = true)]
    pub(crate) input: Vec<String>,
    /// The class of each sample
    #[arg(long, value_name = "LABELS.npy")]
    pub(crate) labels: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) images: Images,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// A .onnx or .fourfold file
    pub(crate) model: PathBuf,
    /// What an input of the model gets, a file or a folder; only PATH if it has one input. A model of a fixed batch
    /// takes that many samples at a time
    #[arg(long, value_name = "NAME=PATH")]
    pub(crate) input: Vec<String>,
    #[command(flatten)]
    pub(crate) images: Images,
    /// The folder for NAME.npy, one for each output
    #[arg(long, value_name = "DIR")]
    pub(crate) output_dir: PathBuf,
    /// Replace existing files
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// A .onnx or .fourfold file
    pub(crate) model: PathBuf,
    /// Threads to run on
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: u16,
    /// Samples in a run, if the model's batch is free [default: 1]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) batch: Option<u32>,
    /// Print one JSON document
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// A .onnx or .fourfold file
    pub(crate) model: PathBuf,
    /// What to write: model.onnx, or model.safetensors with the constants alone
    #[arg(long, value_enum)]
    pub(crate) to: Target,
    /// How quantized operators are written in .onnx files [default: qdq]
    #[arg(long, value_enum)]
    pub(crate) form: Option<OnnxForm>,
    /// The folder to write to
    #[arg(long, short, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Replace existing files
    #[arg(long)]
    pub(crate) force: bool,
}

/// What a model is exported to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Target {
    /// An ONNX model
    Onnx,
    /// The constants, with scales and zero points beside quantized ones
    Safetensors,
}

/// How quantized operators are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnnxForm {
    /// Float operators between QuantizeLinear and DequantizeLinear
    Qdq,
    /// Quantized operators, such as QLinearConv
    Qoperator,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A .onnx or .fourfold file
    pub(crate) file: PathBuf,
}
