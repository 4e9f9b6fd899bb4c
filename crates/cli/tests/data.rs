//! Samples as folders, archives, one file each or many: every form gives the results of one file of rows.

mod folder;
mod wire;

use std::fs;

use folder::Folder;
use fourfold::prelude::*;
use wire::{archive, int, integers, model, node, tensor, value};

/// `count` numbers from -1 to 1, always the same.
fn numbers(count: usize) -> Vec<f32> {
    (0..count).map(|index| (index * 37 % 101) as f32 / 50.0 - 1.0).collect()
}

fn floats(name: &str, dims: &[i64], list: &[f32]) -> Vec<u8> {
    let raw: Vec<u8> = list.iter().flat_map(|number| number.to_le_bytes()).collect();
    tensor(name, 1, dims, &raw)
}

impl Folder {
    /// Writes a `.npy` file, and the folders that it lies in.
    fn array(&self, name: &str, tensor: &Tensor) {
        fs::create_dir_all(self.path(name).parent().expect("a folder")).expect("made");
        self.write(name, npy::write(tensor));
    }

    fn floats(&self, name: &str, shape: &[usize], values: &[f32]) {
        self.array(name, &Tensor::from_slice(shape, values).expect("as many"));
    }

    /// The output of a run.
    fn result(&self, arguments: &str, output: &str) -> Tensor {
        self.ok(&format!("run {arguments} --output-dir out --force"));
        npy::read(&fs::read(self.path(&format!("out/{output}.npy"))).expect("written"), &Limits::default())
            .expect("a .npy file")
    }

    /// `y = relu(x w) rate / 4`, for rows of eight numbers and one whole number.
    fn with_a_number_beside(&self) {
        let constants = [floats("w", &[8, 8], &numbers(64)), floats("four", &[], &[4.0])];
        let nodes = [
            node("MatMul", &["x", "w"], &["u"], &[]),
            node("Cast", &["rate"], &["r"], &[int("to", 1)]),
            node("Div", &["r", "four"], &["d"], &[]),
            node("Mul", &["u", "d"], &["v"], &[]),
            node("Relu", &["v"], &["y"], &[]),
        ];
        let inputs = [value("x", 1, &["n", "8"]), value("rate", 7, &[])];
        self.write("m.onnx", model(&nodes, &constants, &inputs, &["y"]));
        self.floats("x.npy", &[8, 8], &numbers(64));
        for index in 0..8 {
            let row = numbers(64)[index * 8..][..8].to_vec();
            self.floats(&format!("rows/{index}.npy"), &[1, 8], &row);
            self.floats(&format!("samples/part{}/{index}.npy", index / 3), &[8], &row);
            self.array(&format!("rates/{index}.npy"), &Tensor::from_slice(&[], &[3_i64]).expect("one"));
        }
        self.array("rate.npy", &Tensor::from_slice(&[], &[3_i64]).expect("one"));
        self.array("one.npy", &Tensor::from_slice(&[1], &[3_i64]).expect("one"));
        self.array("stacked.npy", &Tensor::from_slice(&[8], &[3_i64; 8]).expect("eight"));
    }
}

#[test]
fn a_number_is_given_once_or_for_each_sample() {
    let folder = Folder::new();
    folder.with_a_number_beside();
    let expected = folder.result("m.onnx --input x=x.npy --input rate=rate.npy", "y");
    assert_eq!(expected.shape(), [8, 8]);
    for x in ["x.npy", "rows", "samples"] {
        for rate in ["rate.npy", "one.npy", "stacked.npy", "rates"] {
            let inputs = format!("--input x={x} --input rate={rate}");
            assert_eq!(folder.result(&format!("m.onnx {inputs}"), "y"), expected, "{inputs}");
            folder.ok(&format!("quantize m.onnx -o q.fourfold --force -q {}", inputs.replace("input", "calib")));
        }
    }
    folder.ok("calibrate m.onnx x=samples rate=rate.npy -o a.state");
    folder.ok("quantize m.onnx -o q.onnx --calib a.state");
    folder.array("seven.npy", &Tensor::from_slice(&[7], &[3_i64; 7]).expect("seven"));
    let line = "run m.onnx --output-dir o --input x=x.npy --input rate=seven.npy";
    folder.fails(line, 3, &["`x` has 8 samples", "`rate` has 7 entries"]);
    fs::remove_file(folder.path("rates/3.npy")).expect("removed");
    folder.array("rates/8.npy", &Tensor::from_slice(&[], &[3_i64]).expect("one"));
    let line = "run m.onnx --output-dir o --input x=rows --input rate=rates";
    folder.fails(line, 3, &["rows/3.npy and rates/4.npy", "the same name"]);
    folder.floats("real.npy", &[], &[3.0]);
    let line = "run m.onnx --output-dir o --input x=x.npy --input rate=real.npy";
    folder.fails(line, 3, &["real.npy", "f32", "i64"]);
}

#[test]
fn a_folder_has_a_folder_or_file_for_each_input() {
    let folder = Folder::new();
    folder.with_a_number_beside();
    let expected = folder.result("m.onnx --input x=x.npy --input rate=rate.npy", "y");
    fs::create_dir(folder.path("all")).expect("made");
    fs::rename(folder.path("rows"), folder.path("all/x")).expect("moved");
    fs::rename(folder.path("rate.npy"), folder.path("all/rate.npy")).expect("moved");
    assert_eq!(folder.result("m.onnx --input all", "y"), expected);
    folder.ok("calibrate m.onnx all -o a.state");
    fs::remove_file(folder.path("all/rate.npy")).expect("removed");
    folder.fails("calibrate m.onnx all -o b.state", 2, &["all", "`rate`", "NAME=PATH"]);
}

#[test]
fn states_are_given_once_or_for_each_run() {
    let folder = Folder::new();
    let constants = [integers("zero", &[0]), floats("half", &[], &[0.5])];
    let nodes = [
        node("ReduceMean", &["state"], &["m"], &[wire::ints("axes", &[0]), int("keepdims", 0)]),
        node("Mul", &["m", "half"], &["h"], &[]),
        node("Add", &["x", "h"], &["y"], &[]),
        node("Mul", &["state", "half"], &["next"], &[]),
    ];
    for batch in ["n", "1"] {
        let inputs = [value("x", 1, &[batch, "4"]), value("state", 1, &["2", batch, "4"])];
        folder.write("m.onnx", model(&nodes, &constants, &inputs, &["y", "next"]));
        folder.floats("x.npy", &[6, 4], &numbers(24));
        folder.floats("state.npy", &[2, 1, 4], &numbers(8));
        folder.floats("stacked.npy", &[6, 2, 1, 4], &numbers(8).repeat(6));
        folder.floats("sample.npy", &[2, 4], &numbers(8));
        let y = folder.result("m.onnx --input x=x.npy --input state=state.npy", "y");
        let expected: Vec<f32> = numbers(24)
            .iter()
            .enumerate()
            .map(|(at, x)| x + 0.5 * (numbers(8)[at % 4] + numbers(8)[at % 4 + 4]) * 0.5)
            .collect();
        assert_eq!(y.shape(), [6, 4]);
        let close = y.as_slice::<f32>().expect("f32").iter().zip(&expected).all(|(y, e)| (y - e).abs() < 1e-6);
        assert!(close, "{y:?} {expected:?}");
        for state in ["stacked.npy", "sample.npy"] {
            assert_eq!(folder.result(&format!("m.onnx --input x=x.npy --input state={state}"), "y"), y, "{state}");
        }
    }
}

#[test]
fn a_sequence_is_not_cut_by_steps() {
    let folder = Folder::new();
    let constants = [
        floats("w", &[1, 3, 4], &numbers(12)),
        floats("r", &[1, 3, 3], &numbers(9)),
        floats("o", &[3, 2], &numbers(6)),
    ];
    let nodes =
        [node("RNN", &["x", "w", "r"], &["", "h"], &[int("hidden_size", 3)]), node("MatMul", &["h", "o"], &["y"], &[])];
    let x = [value("x", 1, &["t", "n", "4"])];
    folder.write("m.onnx", model(&nodes, &constants, &x, &["y"]));
    folder.floats("x.npy", &[40, 2, 4], &numbers(320));
    assert_eq!(folder.result("m.onnx --input x.npy", "y").shape(), [1, 2, 2]);
    let batches = |line: &str| folder.ok(&format!("calibrate m.onnx {line} -o a.state --force"));
    assert_eq!(batches("x.npy"), "1 batches observed\n");
    folder.floats("all/0.npy", &[40, 4], &numbers(160));
    folder.floats("all/1.npy", &[50, 4], &numbers(200));
    assert_eq!(batches("all"), "2 batches observed\n");
    assert_eq!(folder.result("m.onnx --input all", "y").shape(), [2, 1, 2]);
}

#[test]
fn elements_are_converted_where_the_type_holds_them() {
    let folder = Folder::with_digits();
    let images = npy::read(&fs::read(folder.path("images.npy")).expect("there"), &Limits::default()).expect("valid");
    let labels = "eval cnn.onnx --labels labels.npy --input";
    let expected = folder.ok(&format!("{labels} images.npy"));
    folder.array("double.npy", &images.to_float(DType::F64).expect("floats"));
    let outcome = folder.run(&format!("{labels} double.npy").split(' ').collect::<Vec<_>>());
    assert_eq!((outcome.stdout.as_str(), outcome.code), (expected.as_str(), Some(0)));
    assert_eq!(outcome.stderr.matches("f64 values are rounded to f32").count(), 1, "{}", outcome.stderr);
    folder.array("half.npy", &images.to_float(DType::F16).expect("floats"));
    folder.ok(&format!("{labels} half.npy"));

    let constants = [floats("table", &[5, 2], &numbers(10))];
    let nodes = [node("Gather", &["table", "ids"], &["y"], &[])];
    folder.write("m.onnx", model(&nodes, &constants, &[value("ids", 6, &["n", "3"])], &["y"]));
    let ids: Vec<i64> = vec![0, 1, 2, 4, 3, 0];
    folder.array("long.npy", &Tensor::from_slice(&[2, 3], &ids).expect("six"));
    folder.array("byte.npy", &Tensor::from_slice(&[2, 3], &[0_u8, 1, 2, 4, 3, 0]).expect("six"));
    folder.array("int.npy", &Tensor::from_slice(&[2, 3], &[0_i32, 1, 2, 4, 3, 0]).expect("six"));
    let expected = folder.result("m.onnx --input int.npy", "y");
    assert_eq!(folder.result("m.onnx --input long.npy", "y"), expected);
    assert_eq!(folder.result("m.onnx --input byte.npy", "y"), expected);
    folder.array("large.npy", &Tensor::from_slice(&[1, 3], &[0, 1_i64 << 40, 2]).expect("three"));
    folder.fails("run m.onnx --input large.npy --output-dir o", 3, &["large.npy", "element 1 is 1099511627776", "i32"]);
    folder.floats("float.npy", &[1, 3], &[0.0, 1.0, 2.0]);
    folder.fails("run m.onnx --input float.npy --output-dir o", 3, &["float.npy", "astype(\"int32\")"]);
    let huge = Tensor::from_slice(&[1, 1, 8, 8], &[1e300; 64]).expect("as many");
    folder.array("huge.npy", &huge);
    folder.fails("run cnn.onnx --input huge.npy --output-dir o", 3, &["huge.npy", "element 0", "f32"]);
}

#[test]
fn classes_are_the_folders() {
    let folder = Folder::with_digits();
    let read = |name: &str| npy::read(&fs::read(folder.path(name)).expect("there"), &Limits::default()).expect("valid");
    let (images, labels) = (read("images.npy"), read("labels.npy"));
    let names = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
    for (index, &label) in labels.as_slice::<i64>().expect("i64").iter().enumerate() {
        let image = images.rows(index..index + 1).expect("there");
        let sample = image.reshape(&image.shape()[1..]).expect("one");
        folder.array(&format!("numbers/{label}/{index}.npy"), &sample);
        folder.array(&format!("names/{}/{index}.npy", names[usize::try_from(label).expect("a digit")]), &sample);
    }
    let expected = folder.ok("eval cnn.onnx --input images.npy --labels labels.npy");
    assert_eq!(folder.ok("eval cnn.onnx --input numbers"), expected);
    let outcome = folder.run(&["eval", "cnn.onnx", "--input", "names"]);
    assert!(outcome.stderr.contains("10 folders of classes, in the order of their names: 0 = eight"));
    assert_ne!(outcome.stdout, expected, "the order of names is another");
    folder.fails("eval cnn.onnx --input images.npy", 2, &["--labels"]);
    folder.array("numbers/stray.npy", &images.rows(0..1).expect("there").reshape(&[1, 8, 8]).expect("one"));
    folder.fails("eval cnn.onnx --input numbers", 2, &["stray.npy"]);
}

#[test]
fn what_does_not_fit_is_said_before_anything_runs() {
    let folder = Folder::with_digits();
    folder.floats("last.npy", &[2, 8, 8, 1], &numbers(128));
    folder.fails(
        "calibrate cnn.onnx last.npy -o a.state",
        3,
        &["last.npy", "[2, 8, 8, 1]", "transpose it by [0, 3, 1, 2]"],
    );
    folder.floats("mixed/0.npy", &[1, 8, 8], &numbers(64));
    folder.floats("mixed/1.npy", &[2, 1, 8, 8], &numbers(128));
    folder.fails("calibrate cnn.onnx mixed -o a.state", 3, &["mixed/1.npy", "one form"]);
}

#[test]
fn archives_have_an_array_for_each_input() {
    let folder = Folder::new();
    folder.with_a_number_beside();
    let expected = folder.result("m.onnx --input x=x.npy --input rate=rate.npy", "y");
    let read = |name: &str| fs::read(folder.path(name)).expect("there");
    let (x, rate, rates) = (read("x.npy"), read("rate.npy"), read("stacked.npy"));
    folder.write("all.npz", archive(&[("x.npy", &x), ("rate.npy", &rate)]));
    folder.write("x.npz", archive(&[("images.npy", &x)]));
    folder.write("many.npz", archive(&[("train.npy", &x), ("rates.npy", &rates)]));
    fs::create_dir(folder.path("archives")).expect("made");
    for index in 0..8 {
        let sample = archive(&[("x.npy", &read(&format!("rows/{index}.npy"))), ("rate.npy", &rate)]);
        folder.write(&format!("archives/{index}.npz"), sample);
    }
    for inputs in [
        "--input all.npz",
        "--input archives",
        "--input x=all.npz --input rate=rate.npy",
        "--input x=x.npz --input rate=one.npy",
        "--input x=many.npz:train --input rate=many.npz:rates",
    ] {
        assert_eq!(folder.result(&format!("m.onnx {inputs}"), "y"), expected, "{inputs}");
        folder.ok(&format!("quantize m.onnx -o q.fourfold --force -q {}", inputs.replace("input", "calib")));
    }
    let line = "run m.onnx --output-dir o --input rate=rate.npy --input x=many.npz";
    folder.fails(line, 3, &["many.npz", "`train`, `rates`", "FILE.npz:NAME"]);
    folder.fails(&format!("{line}:test"), 3, &["many.npz", "`test`"]);
    folder.write("broken.npz", &archive(&[("x.npy", &x)])[..400]);
    folder.fails("run m.onnx --output-dir o --input rate=rate.npy --input x=broken.npz", 3, &["broken.npz"]);
}

#[test]
fn labels_lie_in_archives_too() {
    let folder = Folder::with_digits();
    let read = |name: &str| fs::read(folder.path(name)).expect("there");
    let (images, labels) = (read("images.npy"), read("labels.npy"));
    folder.write("test.npz", archive(&[("x_test.npy", &images), ("y_test.npy", &labels)]));
    let expected = folder.ok("eval cnn.onnx --input images.npy --labels labels.npy");
    assert_eq!(folder.ok("eval cnn.onnx --input test.npz:x_test --labels test.npz:y_test"), expected);
}

#[test]
fn bad_samples_are_errors_or_left_out() {
    let folder = Folder::with_digits();
    let read = |name: &str| npy::read(&fs::read(folder.path(name)).expect("there"), &Limits::default()).expect("valid");
    let (images, labels) = (read("images.npy"), read("labels.npy"));
    for index in 0..40 {
        let image = images.rows(index..index + 1).expect("there");
        folder.array(&format!("images/{index:02}.npy"), &image);
    }
    folder.array("forty.npy", &labels.rows(0..40).expect("there"));
    let line = "eval cnn.onnx --input images --labels forty.npy";
    folder.ok(line);
    folder.write("images/07.npy", "not an array");
    folder.floats("images/09.npy", &[1, 8, 8, 1], &numbers(64));
    folder.fails(line, 3, &["images/07.npy"]);
    let outcome = folder.run(&format!("{line} --on-bad-sample skip --json").split(' ').collect::<Vec<_>>());
    let document = folder::json(&outcome.stdout);
    assert_eq!(document["samples"], 38, "{}", outcome.stderr);
    let warning = document["warnings"][0].as_str().expect("text");
    assert!(warning.contains("2 of 40 samples are left out; the first: images/07.npy"), "{warning}");
    folder.ok("quantize cnn.onnx -o q.fourfold --calib images --on-bad-sample skip");
    folder.array("half.npy", &labels.rows(0..38).expect("there"));
    let line = "eval cnn.onnx --input images --labels half.npy --on-bad-sample skip";
    folder.fails(line, 3, &["half.npy", "38 labels"]);
}

#[test]
fn files_in_a_row_are_samples_of_one_input() {
    let folder = Folder::with_digits();
    let images = npy::read(&fs::read(folder.path("calib.npy")).expect("there"), &Limits::default()).expect("valid");
    folder.array("a.npy", &images.rows(0..64).expect("there"));
    folder.array("b.npy", &images.rows(64..images.shape()[0]).expect("there"));
    folder.ok("calibrate cnn.onnx calib.npy -o whole.state");
    folder.ok("calibrate cnn.onnx a.npy b.npy -o parts.state");
    let [whole, parts] = ["whole.state", "parts.state"].map(|name| fs::read(folder.path(name)).expect("written"));
    assert_eq!(whole, parts);
}

#[test]
fn an_input_with_a_default_may_be_given() {
    let folder = Folder::new();
    let nodes = [node("MatMul", &["x", "w"], &["u"], &[]), node("Mul", &["u", "gain"], &["y"], &[])];
    let constants = [floats("w", &[8, 8], &numbers(64)), floats("gain", &[], &[2.0])];
    let inputs = [value("x", 1, &["n", "8"]), value("w", 1, &["8", "8"]), value("gain", 1, &[])];
    folder.write("m.onnx", model(&nodes, &constants, &inputs, &["y"]));
    folder.floats("x.npy", &[8, 8], &numbers(64));
    folder.floats("gain.npy", &[], &[6.0]);
    let left_out = folder.result("m.onnx --input x.npy", "y");
    let given = folder.result("m.onnx --input x=x.npy --input gain=gain.npy", "y");
    let set = folder.result("m.onnx --input x.npy --set gain=6", "y");
    let pairs = left_out.as_slice::<f32>().expect("f32").iter().zip(given.as_slice::<f32>().expect("f32"));
    assert!(
        pairs.clone().any(|(y, _)| *y != 0.0) && pairs.into_iter().all(|(y, three)| (y * 3.0 - three).abs() < 1e-4)
    );
    assert_eq!(set, given);
    assert!(folder.ok("inspect m.onnx").contains("2 inputs have a default"));
    folder.ok("quantize m.onnx -o q.fourfold --calib x=x.npy --calib gain=gain.npy");
    assert_eq!(folder.result("q.fourfold --input x=x.npy --input gain=gain.npy", "y").shape(), [8, 8]);
    folder.ok("quantize m.onnx -o r.fourfold --calib x.npy");
    assert_eq!(folder.result("r.fourfold --input x.npy", "y").shape(), [8, 8]);
}
