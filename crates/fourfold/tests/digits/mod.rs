//! The digits models, trained and evaluated on real data, for tests.
#![allow(dead_code, reason = "every test file uses a part")]

use std::num::NonZeroUsize;
use std::path::Path;

use fourfold::onnx;
use fourfold::prelude::*;

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
        let mut calibration = prepare(&fuse(&self.float()).expect("a float model"), qconfig).expect("a float model");
        let images = self.images("calib");
        let count = images.shape()[0];
        for start in (0..count).step_by(32) {
            calibration.observe(&[images.rows(start..count.min(start + 32)).expect("rows")]).expect("finite images");
        }
        calibration.convert().expect("calibrated").into_graph()
    }

    pub(crate) fn dynamically(&self) -> Graph {
        let fused = fuse(&self.float()).expect("a float model");
        quantize_dynamic(&fused, &[OpKind::Linear], DType::I8).expect("Linear layers").into_graph()
    }
}

pub(crate) fn run(graph: &Graph, images: &Tensor, threads: Option<usize>) -> Tensor {
    let options = Options { threads: threads.and_then(NonZeroUsize::new), ..Options::default() };
    let mut session = Session::new(Plan::compile(graph, &options).expect("a plan").into());
    session.run(std::slice::from_ref(images)).expect("a run")[0].clone()
}
