//! What is asked for and cannot be done is an error or a warning that names it.

mod folder;

use std::fs;

use folder::{Folder, json};
use fourfold::graph::{Dim, GraphBuilder};
use fourfold::prelude::*;

impl Folder {
    /// The warnings of a command line that must succeed: those in the document, which are on stderr too.
    fn warnings(&self, line: &str) -> Vec<String> {
        let arguments: Vec<&str> = line.split(' ').chain(["--json"]).collect();
        let outcome = self.run(&arguments);
        assert_eq!(outcome.code, Some(0), "{line}: {}", outcome.stderr);
        let document = json(&outcome.stdout);
        let warnings = document["warnings"].as_array().expect("a list");
        let warnings: Vec<String> = warnings.iter().map(|text| text.as_str().expect("text").to_owned()).collect();
        for warning in &warnings {
            assert!(outcome.stderr.contains(&format!("warning: {warning}")), "{line}: {}", outcome.stderr);
        }
        warnings
    }

    /// Runs a command line that must succeed with one warning, which has all of the words.
    fn warns(&self, line: &str, words: &[&str]) {
        let warnings = self.warnings(line);
        let [warning] = warnings.as_slice() else { panic!("{line}: {warnings:?}") };
        assert!(words.iter().all(|word| warning.contains(word)), "{line}: {warning}");
    }

    fn save(&self, name: &str, shape: &[usize], values: Vec<f32>) {
        self.write(name, npy::write(&Tensor::from_vec(shape, values).expect("as many")));
    }
}

/// The numbers of forty pairs, from -30 to 49.
fn numbers() -> Vec<f32> {
    (0..80_u16).map(|index| f32::from(index * 37 % 80) - 30.0).collect()
}

/// A layer for each name, one behind the other, for samples of two numbers; the batch is free or of a fixed size.
fn layers(names: &[&str], batch: Dim) -> Vec<u8> {
    let mut builder = GraphBuilder::new("layers");
    let mut x = builder.input("x", ValueType::f32(&[batch, 2.into()])).expect("valid");
    for name in names {
        let weight = Tensor::from_vec(&[2, 2], vec![0.5_f32, -1.0, 0.25, 0.75]).expect("four");
        x = builder.linear(name, x, weight, None).expect("valid");
    }
    builder.output(x);
    fourfold::onnx::export(&builder.finish().expect("valid")).expect("a form")
}

#[test]
fn nothing_is_warned_of_without_reason() {
    let folder = Folder::with_digits();
    for line in [
        "quantize cnn.onnx -o a.fourfold --calib calib.npy --exclude conv1",
        "quantize cnn.onnx -o b.fourfold --mode dynamic",
        "eval a.fourfold --input images.npy --labels labels.npy",
        "bench a.fourfold --batch 4 --threads 2",
        "inspect cnn.onnx",
        "ops",
    ] {
        assert_eq!(folder.warnings(line), [""; 0], "{line}");
    }
}

#[test]
fn what_is_excluded_is_said_and_must_exist() {
    let folder = Folder::with_digits();
    let line = "quantize cnn.onnx --calib calib.npy -o a.fourfold --force --exclude";
    let outcome = folder.run(&format!("{line} onv1").split(' ').collect::<Vec<_>>());
    assert!(outcome.stderr.contains("--exclude onv1 keeps float: /conv1/Conv\n"), "{}", outcome.stderr);
    folder.fails(&format!("{line} conv9"), 2, &["--exclude conv9", "no node", "inspect"]);
    folder.fails(&format!("{line} ^conv1"), 2, &["--exclude ^conv1"]);
    folder.fails(&format!("{line} Relu_2"), 2, &["--exclude Relu_2", "/Relu_2 became part of"]);
    folder.fails("calibrate cnn.onnx calib.npy -o a.state --exclude conv9", 2, &["--exclude conv9"]);
    folder.fails("quantize cnn.onnx -o b.fourfold --mode dynamic --exclude fc9", 2, &["--exclude fc9"]);

    folder.write("rules.toml", "exclude = [\"conv1\", \"conv9\"]\n");
    let line = "quantize cnn.onnx --calib calib.npy -o c.fourfold --config rules.toml";
    folder.warns(line, &["rules.toml", "exclude = \"conv9\""]);
    let rule = |level: &str, rest: &str| {
        folder.write("rules.toml", format!("[qconfig_mapping]\nglobal = \"x86\"\n{level} = [{{ {rest} }}]\n"));
        folder.warns(&format!("{line} --force"), &["rules.toml", level]);
    };
    rule("object_type", "operator = \"Softmax\", qconfig = \"float\"");
    rule("module_name", "name = \"/conv9\", qconfig = \"float\"");
    rule("module_name_regex", "pattern = \"conv1\", qconfig = \"float\"");
    rule("module_name_object_type_order", "name = \"\", operator = \"Conv\", order = 3, qconfig = \"float\"");
}

#[test]
fn configurations_that_cannot_be_followed_are_refused_before_the_data_is_read() {
    let folder = Folder::with_digits();
    let line = "quantize cnn.onnx -o a.fourfold --calib missing.npy";
    for preset in QConfig::PRESETS {
        let is_static = QConfigMapping::new(QConfig::preset(preset)).check_static().is_ok();
        let words = [&format!("--preset {preset}"), "per_channel_symmetric_qnnpack, torch_default"];
        match is_static {
            true => folder.fails(&format!("{line} --preset {preset}"), 1, &["missing.npy"]),
            false => folder.fails(&format!("{line} --preset {preset}"), 2, &words),
        }
    }
    let dynamic = "quantize cnn.onnx -o a.fourfold --mode dynamic --preset";
    for preset in ["float16_dynamic", "weight_only"] {
        folder.fails(&format!("{dynamic} {preset}"), 2, &[&format!("--preset {preset}"), "per_channel_dynamic"]);
    }
    folder.fails(&format!("{dynamic} float_qparams_weight_only"), 4, &["--preset float_qparams_weight_only"]);
    folder.fails(&format!("{line} --preset dynamic"), 2, &["--preset dynamic", "--mode dynamic"]);
    folder.fails(&format!("{line} --observer fixed_params"), 2, &["--observer fixed_params", "zero point", "mse"]);
    folder.fails(&format!("{line} --observer noop"), 2, &["--observer noop", "mse"]);
    folder.write("given.toml", "preset = \"weight_only\"\n");
    folder.fails(&format!("{line} --config given.toml"), 2, &["preset = \"weight_only\"", "torch_default"]);
    folder.write("given.toml", "mode = \"dynamic\"\n");
    folder.fails("calibrate cnn.onnx calib.npy -o a.state --config given.toml", 2, &["given.toml", "mode"]);
    folder.write("given.toml", "[qconfig_mapping]\nmodule_name = [{ name = \"/fc1\", qconfig = \"x86\" }]\n");
    folder.fails(&format!("{line} --config given.toml --per-tensor"), 2, &["--per-tensor", "`global`"]);
}

#[test]
fn options_without_effect_are_warned_of() {
    let folder = Folder::with_digits();
    let dynamic = "quantize cnn.onnx -o a.fourfold --force --mode dynamic";
    folder.warns(&format!("{dynamic} --calib calib.npy"), &["--calib calib.npy", "--mode dynamic"]);
    folder.warns(&format!("{dynamic} --observer min_max"), &["--observer min_max", "--mode dynamic"]);
    folder.write("layers.onnx", layers(&["fc1"], Dim::symbol("n")));
    let line = "quantize layers.onnx -o layers.fourfold --force --calib pairs.npy";
    folder.save("pairs.npy", &[40, 2], numbers());
    folder.warns(&format!("{line} --equalize"), &["--equalize"]);
    folder.warns(&format!("{line} --allow-partial"), &["--allow-partial"]);
    folder.warns("bench layers.onnx --threads 2", &["--threads 2", "float"]);
    let outcome = folder.run(&"export layers.onnx --to onnx --form qoperator -o out".split(' ').collect::<Vec<_>>());
    assert!(outcome.code == Some(0) && outcome.stderr.contains("--form qoperator"), "{}", outcome.stderr);
    folder.write(
        "mapping.toml",
        "[qconfig_mapping]\nglobal = \"x86\"\nmodule_name = [{ name = \"fc1\", qconfig = \"float\" }]\n",
    );
    let rules = "quantize cnn.onnx -o a.fourfold --force --calib calib.npy --config mapping.toml --per-tensor";
    assert!(folder.warnings(rules).iter().any(|warning| warning.contains("`global`")));
}

#[test]
fn a_benchmark_says_what_it_ran() {
    let folder = Folder::new();
    folder.write("fixed.onnx", layers(&["fc"], 3.into()));
    folder.write("free.onnx", layers(&["fc"], Dim::symbol("n")));
    let ran = |line: &str| {
        let document = json(&folder.ok(&format!("{line} --json")));
        (document["batch"].as_u64(), document["inputs"][0]["shape"][0].as_u64())
    };
    assert_eq!(ran("bench fixed.onnx --batch 4"), (Some(3), Some(3)));
    folder.warns("bench fixed.onnx --batch 4", &["--batch 4", "x f32[3, 2]"]);
    assert_eq!(folder.warnings("bench fixed.onnx --batch 3"), [""; 0]);
    assert!(folder.ok("bench fixed.onnx").contains("one run of batch 3"));
    assert_eq!(ran("bench free.onnx --batch 4"), (Some(4), Some(4)));
    assert!(folder.ok("bench free.onnx").contains("one run of batch 1"));
}

#[test]
fn samples_that_show_nothing_are_warned_of() {
    let folder = Folder::with_digits();
    let line = "quantize cnn.onnx -o a.fourfold --force --calib";
    folder.save("zero.npy", &[40, 1, 8, 8], vec![0.0; 40 * 64]);
    let warnings = folder.warnings(&format!("{line} zero.npy"));
    assert!(warnings.len() == 2 && warnings[0].contains("all calibration values are 0"), "{warnings:?}");
    assert!(warnings[1].contains("zero.npy") && warnings[1].contains("no SQNR"), "{warnings:?}");
    let document = json(&folder.ok(&format!("{line} zero.npy --json")));
    let layers = document["layers"].as_array().expect("layers");
    assert!(layers.iter().all(|layer| layer["sqnr_db"].is_null()));
    let bytes = fs::read(folder.path("calib.npy")).expect("there");
    let mut some = npy::read(&bytes, &Limits::default()).expect("samples");
    some.as_mut_slice::<f32>().expect("f32")[..3 * 64].fill(0.25);
    folder.write("some.npy", npy::write(&some));
    folder.warns(&format!("{line} some.npy"), &["3 of 297", "constant"]);
    let outcome = folder.run(&"calibrate cnn.onnx some.npy -o a.state".split(' ').collect::<Vec<_>>());
    assert!(outcome.stderr.contains("3 of 297"), "{}", outcome.stderr);
}

#[test]
fn a_poor_result_is_warned_of() {
    let folder = Folder::new();
    let mut builder = GraphBuilder::new("poor");
    let x = builder.input("x", ValueType::f32(&[Dim::symbol("n"), 2.into()])).expect("valid");
    // With one scale, the weights of the second channel are less than half a step.
    let weight = Tensor::from_vec(&[2, 2], vec![1000.0_f32, 0.0, 0.0, 0.001]).expect("four");
    let hidden = builder.linear("fc", x, weight, None).expect("valid");
    let weight = Tensor::from_vec(&[1, 2], vec![0.0_f32, 1000.0]).expect("two");
    let y = builder.linear("head", hidden, weight, None).expect("valid");
    builder.output(y);
    folder.write("poor.onnx", fourfold::onnx::export(&builder.finish().expect("valid")).expect("a form"));
    folder.save("x.npy", &[40, 2], numbers());
    let warnings = folder.warnings("quantize poor.onnx -o a.fourfold --calib x.npy --per-tensor");
    for words in [["outputs below 10 dB", "head"], ["layers below 10 dB", "head"]] {
        let found = warnings.iter().any(|warning| words.iter().all(|word| warning.contains(word)));
        assert!(found, "{words:?}: {warnings:?}");
    }
}

#[test]
fn labels_that_are_no_classes_are_an_error() {
    let folder = Folder::with_digits();
    for label in [10_i64, -1] {
        let mut labels = vec![3_i64; 500];
        labels[7] = label;
        folder.write("wrong.npy", npy::write(&Tensor::from_vec(&[500], labels).expect("as many")));
        let words = ["wrong.npy", &format!("label {label} of sample 7"), "0 to 9"];
        folder.fails("eval cnn.onnx --input images.npy --labels wrong.npy", 3, &words);
    }
    folder.save("one.npy", &[1, 1, 8, 8], vec![0.5; 64]);
    folder.fails("eval cnn.onnx --input one.npy --labels labels.npy", 3, &["1 samples", "500 labels", "labels.npy"]);
}

#[test]
fn an_input_that_does_not_exist_is_named_with_those_that_do() {
    let folder = Folder::with_digits();
    for line in [
        "quantize cnn.onnx -o a.fourfold --calib nope=calib.npy",
        "run cnn.onnx --output-dir out --input nope=calib.npy",
        "eval cnn.onnx --labels labels.npy --input nope=calib.npy",
        "calibrate cnn.onnx -o a.state nope=calib.npy",
    ] {
        folder.fails(line, 2, &["nope=calib.npy", "no input `nope`", "`input`"]);
    }
    fs::copy(folder.path("calib.npy"), folder.path("a=b.npy")).expect("a copy");
    folder.ok("quantize cnn.onnx -o a.fourfold --calib a=b.npy");
    folder.ok("quantize cnn.onnx -o b.fourfold --calib input=a=b.npy");
    folder.fails("run cnn.onnx --output-dir out", 2, &["--input", "`input` is missing"]);
    folder.fails("run cnn.onnx --output-dir out --input calib.npy --input calib.npy", 2, &["twice"]);
}

#[test]
fn a_limit_holds_in_every_verb_that_runs_the_model() {
    let folder = Folder::with_digits();
    for line in [
        "quantize cnn.onnx -o a.fourfold --calib calib.npy",
        "calibrate cnn.onnx calib.npy -o a.state",
        "eval cnn.onnx --input images.npy --labels labels.npy",
        "run cnn.onnx --input images.npy --output-dir out",
        "bench cnn.onnx",
    ] {
        folder.fails(&format!("{line} --limit arena-bytes=5000"), 6, &["--limit arena-bytes="]);
    }
}
