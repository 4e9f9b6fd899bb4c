//! The digits models, trained and evaluated on real data, for tests.
#![allow(dead_code, reason = "every test file uses a part")]

use std::num::NonZeroUsize;
use std::path::Path;

use fourfold::onnx;
use fourfold::prelude::*;
use fourfold_testing::run_with;

/// A trained model with its images, labels and ONNX Runtime's results.
pub(crate) struct Digits {
    pub(crate) name: &'static str,
    pub(crate) model: &'static str,
    suffix: &'static str,
}

pub(crate) const CNN: Digits = Digits { name: "digits_cnn", model: "../cli/data/digits_cnn.onnx", suffix: "" };
pub(crate) const MLP: Digits = Digits { name: "digits_mlp", model: "tests/data/digits_mlp.onnx", suffix: "" };
pub(crate) const MOBILE: Digits =
    Digits { name: "digits_mobile", model: "tests/data/digits_mobile.onnx", suffix: "_16" };
/// A transformer of two layers.
pub(crate) const ATTN: Digits = Digits { name: "digits_attn", model: "tests/data/digits_attn.onnx", suffix: "" };

/// The rows of an image as eight steps of an LSTM.
pub(crate) const LSTM: Digits = Digits { name: "digits_lstm", model: "tests/data/digits_lstm.onnx", suffix: "" };

pub(crate) fn bytes(path: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect("a file of the project")
}

pub(crate) fn array(path: &str) -> Tensor {
    npy::read(&bytes(path), &Limits::default()).expect("a valid file")
}

impl Digits {
    pub(crate) fn float(&self) -> Graph {
        onnx::import(&bytes(self.model), &Limits::default()).expect("a supported model")
    }

    pub(crate) fn images(&self, which: &str) -> Tensor {
        let folder = if self.suffix.is_empty() { "../cli/data" } else { "tests/data" };
        array(&format!("{folder}/digits_{which}_images{}.npy", self.suffix))
    }

    pub(crate) fn statically(&self, qconfig: QConfig) -> Graph {
        self.calibrated(&fuse(&self.float()).expect("a float model"), qconfig).into_graph()
    }

    /// A float graph quantized with what all batches have shown.
    pub(crate) fn calibrated(&self, graph: &Graph, qconfig: impl Into<QConfigMapping>) -> Quantized {
        let mut calibration = prepare(graph, qconfig).expect("a float model");
        for batch in self.batches() {
            calibration.observe(&batch).expect("finite images");
        }
        calibration.convert().expect("calibrated")
    }

    /// The calibration images, 32 at a time.
    pub(crate) fn batches(&self) -> Vec<[Tensor; 1]> {
        let images = self.images("calib");
        let count = images.shape()[0];
        let batch = |start: usize| [images.rows(start..count.min(start + 32)).expect("rows")];
        (0..count).step_by(32).map(batch).collect()
    }

    pub(crate) fn dynamically(&self) -> Graph {
        let fused = fuse(&self.float()).expect("a float model");
        quantize_dynamic(&fused, &[OpKind::Linear, OpKind::Lstm], DType::I8).expect("such layers").into_graph()
    }
}

/// Percent of the test images whose class a graph finds.
pub(crate) fn accuracy(digits: &Digits, graph: &Graph) -> f64 {
    let labels = array("../cli/data/digits_test_labels.npy");
    let labels = labels.as_slice::<i64>().expect("i64");
    let found = classes(&run(graph, &digits.images("test"), None));
    let right = found.iter().zip(labels).filter(|(found, label)| found == label).count();
    100.0 * right as f64 / labels.len() as f64
}

/// The index of the largest of ten logits, for every row.
pub(crate) fn classes(logits: &Tensor) -> Vec<i64> {
    let rows = logits.as_slice::<f32>().expect("f32").chunks_exact(10);
    let class = |row: &[f32]| (0..10_u8).max_by(|&a, &b| row[usize::from(a)].total_cmp(&row[usize::from(b)]));
    rows.map(|row| i64::from(class(row).expect("ten logits"))).collect()
}

/// Every model of these tests with its test images and a name: float, quantized both ways here, and quantized by ONNX
/// Runtime.
pub(crate) fn every_model() -> Vec<(String, Tensor, Graph)> {
    let mut models = Vec::new();
    for digits in [CNN, MOBILE, MLP, ATTN, LSTM] {
        let graphs = [("float", digits.float()), ("static", digits.statically(QConfig::fourfold()))];
        let dynamic = (digits.name != MOBILE.name).then(|| ("dynamic", digits.dynamically()));
        for (kind, graph) in graphs.into_iter().chain(dynamic) {
            models.push((format!("{} {kind}", digits.name), digits.images("test"), graph));
        }
    }
    let of_others = [
        (CNN, "digits_cnn_qdq"),
        (CNN, "digits_cnn_qdq_pertensor"),
        (CNN, "digits_cnn_qop"),
        (MOBILE, "digits_mobile_qdq"),
        (MOBILE, "digits_mobile_qop"),
        (MLP, "digits_mlp_dynamic"),
        (LSTM, "digits_lstm_dynamic"),
    ];
    for (digits, file) in of_others {
        let graph = onnx::import(&bytes(&format!("tests/data/{file}.onnx")), &Limits::default());
        models.push((file.to_owned(), digits.images("test"), graph.expect("a supported model")));
    }
    models
}

pub(crate) fn run(graph: &Graph, images: &Tensor, threads: Option<usize>) -> Tensor {
    let options = Options { threads: threads.and_then(NonZeroUsize::new), ..Options::default() };
    run_with(graph, std::slice::from_ref(images), &options).remove(0)
}
