//! The command as a script sees it: exit codes, stdout, stderr, files.

mod folder;

use std::fs;
use std::path::Path;

use folder::{Folder, json};
use fourfold::prelude::*;

#[test]
fn quickstart_needs_nothing_and_can_be_repeated() {
    let folder = Folder::new();
    let table = folder.ok("quickstart");
    for word in ["accuracy", "file bytes", "ratio", "ms per image", "float", "dynamic int8", "static int8"] {
        assert!(table.contains(word), "no `{word}` in {table}");
    }
    let files = ["digits_cnn.int8.fourfold", "digits_cnn.int8.onnx", "report.html"];
    let out = folder.path("fourfold-quickstart");
    let first = files.map(|name| fs::read(out.join(name)).expect("written"));
    folder.ok("quickstart");
    assert!(first == files.map(|name| fs::read(out.join(name)).expect("written")), "the same bytes");
    fs::write(out.join(files[0]), "mine").expect("a file");
    folder.fails("quickstart", 2, &["digits_cnn.int8.fourfold", "--force"]);
    assert_eq!(fs::read(out.join(files[0])).expect("there"), b"mine");
    folder.ok("quickstart --force");
}

#[test]
fn a_model_is_quantized_evaluated_and_run_without_the_original() {
    let folder = Folder::with_digits();
    let summary = folder.ok("quantize cnn.onnx -o int8.fourfold --calib calib.npy --report report.json");
    assert!(summary.contains("193629 bytes ->") && summary.contains("worst layers"), "{summary}");
    let report = json(&fs::read_to_string(folder.path("report.json")).expect("written"));
    assert_eq!(report["schema"], "fourfold.quantize/1");
    fs::remove_file(folder.path("cnn.onnx")).expect("there");

    let evaluated = json(&folder.ok("eval int8.fourfold --input images.npy --labels labels.npy --json"));
    assert_eq!((evaluated["schema"].as_str(), evaluated["samples"].as_u64()), (Some("fourfold.eval/1"), Some(500)));
    assert!(evaluated["accuracy"].as_f64().expect("a number") >= 0.99);

    folder.ok("run int8.fourfold --input images.npy --output-dir out");
    let bytes = fs::read(folder.path("out/logits.npy")).expect("one file for each output");
    assert_eq!(npy::read(&bytes, &Limits::default()).expect("a .npy file").shape(), [500, 10]);

    let timed = json(&folder.ok("bench int8.fourfold --json"));
    assert_eq!(timed["schema"], "fourfold.bench/1");
    assert!(timed["min_ms"].as_f64() <= timed["median_ms"].as_f64() && timed["backend"].is_string());

    folder.fails("quantize int8.fourfold -o again.fourfold --mode dynamic", 4, &["quantized already", "float model"]);
    let verified = folder.ok("verify int8.fourfold");
    assert!(verified.contains("checksums hold"), "{verified}");
    let inspected = json(&folder.ok("inspect int8.fourfold --json"));
    assert_eq!(inspected["schema"], "fourfold.inspect/1");
    let memory = &inspected["memory"];
    assert!(memory["packed_bytes"].as_u64() > Some(0) && *memory == timed["memory"], "{memory}");
    let [arena, live] = ["arena_bytes", "live_bytes"].map(|name| memory[name].as_u64().expect("a number"));
    assert!(0 < live && live <= arena && 4 * arena <= 5 * live, "{memory}");
    assert!(folder.ok("inspect int8.fourfold").contains(&format!("peak of {arena} bytes")));
    assert!(folder.ok("bench int8.fourfold").contains(&format!("peak of {arena} bytes")));
}

#[test]
fn json_is_one_document_and_names_every_layer() {
    let folder = Folder::with_digits();
    let line = "quantize cnn.onnx -o int8.onnx --calib calib.npy --exclude /conv1 --json";
    let document = json(&folder.ok(line));
    assert!(document["bytes_after"].as_u64() < document["bytes_before"].as_u64());
    let layers = document["layers"].as_array().expect("layers");
    let conv1 = layers.iter().find(|layer| layer["name"] == "/conv1/Conv").expect("a layer");
    assert_eq!((conv1["operator"].as_str(), conv1["decision"].as_str()), (Some("Conv"), Some("float")));
    assert!(conv1["reason"].as_str().expect("a reason").contains("/conv1"));
    assert!(layers.iter().any(|layer| layer["decision"] == "static" && layer["sqnr_db"].is_number()));
    let written = folder.ok("eval int8.onnx --input images.npy --labels labels.npy");
    assert!(written.contains("accuracy 99."), "{written}");
    assert!(json(&folder.ok("ops --json"))["schema"] == "fourfold.ops/1");
    folder.ok("inspect cnn.onnx");
}

#[test]
fn dynamic_quantization_needs_no_samples() {
    let folder = Folder::with_digits();
    folder.ok("quantize cnn.onnx -o dynamic.fourfold --mode dynamic");
    let evaluated = json(&folder.ok("eval dynamic.fourfold --input images.npy --labels labels.npy --json"));
    assert!(evaluated["accuracy"].as_f64().expect("a number") >= 0.99);
    folder.fails("quantize cnn.onnx -o static.fourfold", 2, &["--calib", "--mode dynamic"]);
}

#[test]
fn a_quantized_model_is_exported_in_every_form() {
    let folder = Folder::with_digits();
    folder.ok("quantize cnn.onnx -o int8.fourfold --calib calib.npy");
    let accuracy = |model: &str| {
        json(&folder.ok(&format!("eval {model} --input images.npy --labels labels.npy --json")))["accuracy"].clone()
    };
    let expected = accuracy("int8.fourfold");
    for form in ["qdq", "qoperator"] {
        folder.ok(&format!("export int8.fourfold --to onnx --form {form} -o {form}"));
        assert_eq!(accuracy(&format!("{form}/model.onnx")), expected, "{form}");
    }
    folder.ok("export int8.fourfold --to safetensors -o tensors");
    assert!(folder.path("tensors/model.safetensors").is_file());
    folder.fails("export int8.fourfold --to safetensors -o tensors", 2, &["--force"]);
    folder.fails("export int8.fourfold --to safetensors --form qdq -o other", 2, &["--form"]);
}

#[test]
fn configuration_files_hold_the_same_options() {
    let folder = Folder::with_digits();
    folder.write("good.toml", "mode = \"dynamic\"\nper_channel = false\n");
    folder.ok("quantize cnn.onnx -o a.fourfold --config good.toml");
    folder.write("bad.toml", "colour = \"red\"\n");
    folder.fails("quantize cnn.onnx -o b.fourfold --config bad.toml", 2, &["bad.toml", "colour", "per_channel"]);
    let rules = "[qconfig_mapping]\nglobal = \"x86\"\nmodule_name = [{ name = \"/conv1\", qconfig = \"float\" }]\n";
    folder.write("rules.toml", rules);
    let document = json(&folder.ok("quantize cnn.onnx -o c.fourfold --config rules.toml --calib calib.npy --json"));
    let layers = document["layers"].as_array().expect("layers");
    let float: Vec<&str> =
        layers.iter().filter(|layer| layer["decision"] == "float").filter_map(|layer| layer["name"].as_str()).collect();
    assert_eq!(float, ["/conv1/Conv"]);
    folder.write("bad.toml", rules.replace("qconfig =", "config ="));
    folder.fails("quantize cnn.onnx -o b.fourfold --config bad.toml", 2, &["bad.toml", "`config`", "`qconfig`"]);
    folder.write("bad.toml", format!("preset = \"x86\"\n{rules}"));
    folder.fails(
        "quantize cnn.onnx -o b.fourfold --config bad.toml",
        2,
        &["bad.toml", "`qconfig_mapping`", "`preset`"],
    );
    let float16 = "quantize cnn.onnx -o b.fourfold --preset float16_dynamic --mode dynamic";
    folder.fails(float16, 2, &["weight scheme", "16-bit floating point"]);
}

#[test]
fn one_scale_for_a_weight_is_enough_after_equalization() {
    let folder = Folder::with_digits();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fourfold/tests/data");
    for (from, to) in [
        ("digits_mobile.onnx", "mobile.onnx"),
        ("digits_calib_images_16.npy", "calib16.npy"),
        ("digits_test_images_16.npy", "images16.npy"),
    ] {
        fs::copy(data.join(from), folder.path(to)).expect("a file of the project");
    }
    let accuracy = |model: &str| {
        let line = format!("eval {model} --input images16.npy --labels labels.npy --json");
        json(&folder.ok(&line))["accuracy"].as_f64().expect("a number")
    };
    let line = "quantize mobile.onnx --calib calib16.npy --per-tensor";
    folder.ok(&format!("{line} -o plain.fourfold"));
    folder.ok(&format!("{line} -o corrected.fourfold --equalize --correct-bias"));
    assert!(accuracy("plain.fourfold") < 0.3);
    assert!(accuracy("corrected.fourfold") >= 0.97);
    folder.write("options.toml", "per_channel = false\nequalize = true\ncorrect_bias = true\n");
    folder.ok("quantize mobile.onnx --calib calib16.npy -o by_file.fourfold --config options.toml");
    let bytes = |name: &str| fs::read(folder.path(name)).expect("written");
    assert_eq!(bytes("by_file.fourfold"), bytes("corrected.fourfold"));

    folder.ok("calibrate mobile.onnx calib16.npy -o equalized.state --per-tensor --equalize");
    let of_state = "quantize mobile.onnx --calib equalized.state --per-tensor -o a.fourfold";
    folder.ok(&format!("{of_state} --equalize"));
    folder.fails(&format!("{of_state} --force"), 3, &["equalized.state", "another model"]);
    folder.fails(&format!("{of_state} --force --equalize --correct-bias"), 2, &["equalized.state", "samples"]);
    for option in ["--equalize", "--correct-bias"] {
        folder.fails(&format!("quantize cnn.onnx -o b.fourfold --mode dynamic {option}"), 2, &[option, "static"]);
    }
}

#[test]
fn files_that_are_no_models_are_called_by_their_names() {
    let folder = Folder::with_digits();
    folder.fails("verify missing.onnx", 1, &["missing.onnx"]);
    folder.fails("verify .", 1, &["a directory"]);
    folder.write("empty.onnx", "");
    folder.fails("verify empty.onnx", 3, &["empty.onnx", "an empty file"]);
    folder.write("page.onnx", "<!DOCTYPE html><html>404</html>");
    folder.fails("verify page.onnx", 3, &["page.onnx", "an HTML page"]);
    folder.write("pointer.onnx", "version https://git-lfs.github.com/spec/v1\n");
    folder.fails("verify pointer.onnx", 3, &["git lfs pull"]);
    let model = fs::read(folder.path("cnn.onnx")).expect("there");
    folder.write("cut.onnx", &model[..model.len() / 2]);
    folder.fails("verify cut.onnx", 3, &["cut.onnx", "byte"]);
    folder.fails("verify cnn.onnx --limit nodes=2", 6, &["`nodes`", "--limit nodes="]);
}

#[test]
fn damaged_containers_are_noticed() {
    let folder = Folder::with_digits();
    folder.ok("quantize cnn.onnx -o int8.fourfold --mode dynamic");
    let good = fs::read(folder.path("int8.fourfold")).expect("written");
    let damaged = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 0x20;
        folder.write("damaged.fourfold", bytes);
        folder.fails("verify damaged.fourfold", 3, &["damaged.fourfold"]);
    };
    [5, 9, 40, good.len() / 2, good.len() - 1].into_iter().for_each(damaged);
    let mut newer = good.clone();
    newer[8] = 2;
    let crc = crc32fast_of(&newer[..28]).to_le_bytes();
    newer[28..32].copy_from_slice(&crc);
    folder.write("newer.fourfold", newer);
    folder.fails("verify newer.fourfold", 4, &["version 2.0", "update"]);
}

/// CRC-32, bit by bit.
fn crc32fast_of(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    };
    !bytes.iter().fold(!0, step)
}

#[test]
fn inputs_that_do_not_fit_are_refused() {
    let folder = Folder::with_digits();
    let save = |name: &str, shape: &[usize], values: Vec<f32>| {
        folder.write(name, npy::write(&Tensor::from_vec(shape, values).expect("as many")));
    };
    save("wrong.npy", &[2, 1, 9, 9], vec![0.0; 162]);
    folder.fails("run cnn.onnx --input wrong.npy --output-dir out", 3, &["wrong.npy", "9, 9", "8, 8"]);
    folder.fails("eval cnn.onnx --input wrong.npy --labels labels.npy", 3, &["wrong.npy"]);
    save("nan.npy", &[1, 1, 8, 8], vec![f32::NAN; 64]);
    folder.fails("quantize cnn.onnx -o nan.fourfold --calib nan.npy", 3, &["nan.npy", "NaN"]);
    assert!(!folder.path("nan.fourfold").exists());
    folder.write("text.npy", "1, 2, 3");
    folder.fails("quantize cnn.onnx -o text.fourfold --calib text.npy", 3, &["text.npy"]);
    folder.fails("quantize cnn.onnx -o model.txt --mode dynamic", 2, &[".onnx", ".fourfold"]);
    folder.fails("quantize cnn.onnx -o a.fourfold --mode dynamic --preset none", 2, &["none", "fbgemm"]);
    folder.fails("quantize cnn.onnx -o a.fourfold --mode dynamic --exclude (", 2, &["("]);
}

#[test]
fn inputs_of_codes_are_read_as_they_are() {
    use fourfold::graph::{Dim, GraphBuilder, Op, ValueType};
    use fourfold::schemes::{QuantParams, Scale};
    use fourfold::tensor::DType;

    let folder = Folder::new();
    let mut builder = GraphBuilder::new("codes");
    let params = QuantParams::per_tensor(DType::U8, (0, 255), Scale::new(0.5).expect("normal"), 10).expect("valid");
    let x = builder.input("x", ValueType::quantized(&[Dim::symbol("n"), 2.into()], params)).expect("valid");
    let y = builder.node("y", Op::Dequantize, &[x]).expect("valid");
    builder.output(y);
    folder.write("model.onnx", fourfold::onnx::export(&builder.finish().expect("valid")).expect("a form"));
    folder.write("codes.npy", npy::write(&Tensor::from_vec(&[2, 2], vec![0_u8, 10, 12, 255]).expect("four")));
    folder.write("floats.npy", npy::write(&Tensor::from_vec(&[2, 2], vec![0.0_f32; 4]).expect("four")));
    folder.ok("run model.onnx --input codes.npy --output-dir out");
    let bytes = fs::read(folder.path("out/y.npy")).expect("written");
    let y = npy::read(&bytes, &Limits::default()).expect("a .npy file");
    assert_eq!(y.as_slice::<f32>(), Ok(&[-5.0, 0.0, 1.0, 122.5][..]));
    folder.fails("run model.onnx --input floats.npy --output-dir more", 3, &["floats.npy", "u8[n, 2] scale 0.5"]);
    assert!(folder.ok("inspect model.onnx").contains("u8[n, 2] scale 0.5 zero point 10"));
    folder.ok("bench model.onnx");

    // A float model of bytes is quantized as any other.
    let params = QuantParams::per_tensor(DType::U8, (0, 255), Scale::ONE, 0).expect("valid");
    let mut builder = GraphBuilder::new("bytes");
    let x = builder.input("x", ValueType::quantized(&[Dim::symbol("n"), 2.into()], params)).expect("valid");
    let real = builder.node("real", Op::Dequantize, &[x]).expect("valid");
    let weight = Tensor::from_vec(&[3, 2], vec![0.5_f32, -1.0, 0.25, 0.75, 1.0, 0.125]).expect("six");
    let y = builder.linear("y", real, weight, None).expect("valid");
    builder.output(y);
    folder.write("bytes.onnx", fourfold::onnx::export(&builder.finish().expect("valid")).expect("a form"));
    folder.ok("quantize bytes.onnx -o int8.onnx --calib codes.npy");
    folder.ok("quantize bytes.onnx -o dynamic.fourfold --mode dynamic");
    for (model, out) in [("bytes.onnx", "a"), ("int8.onnx", "b"), ("dynamic.fourfold", "c")] {
        folder.ok(&format!("run {model} --input codes.npy --output-dir {out}"));
        let bytes = fs::read(folder.path(&format!("{out}/y.npy"))).expect("written");
        let y = npy::read(&bytes, &Limits::default()).expect("a .npy file");
        let expected = [-10.0, 7.5, 1.25, -249.0, 194.25, 43.875];
        let pairs = y.as_slice::<f32>().expect("f32").iter().zip(expected);
        assert!(pairs.clone().all(|(y, expected)| (y - expected).abs() < 4.0), "{model}: {y:?}");
    }
}

#[test]
fn a_model_of_a_fixed_batch_takes_samples_as_many_at_a_time() {
    use fourfold::graph::{GraphBuilder, ValueType};

    let folder = Folder::new();
    let mut builder = GraphBuilder::new("pairs");
    let x = builder.input("x", ValueType::f32(&[2.into(), 2.into()])).expect("valid");
    let y = builder.relu("y", x).expect("valid");
    let total = builder.reshape("total", y, &[4]).expect("valid");
    builder.output(y);
    builder.output(total);
    folder.write("model.onnx", fourfold::onnx::export(&builder.finish().expect("valid")).expect("a form"));
    let samples = |count: u8| {
        let x = (0..2 * count).map(|index| f32::from(index) - 3.0).collect();
        npy::write(&Tensor::from_vec(&[count.into(), 2], x).expect("pairs"))
    };
    folder.write("six.npy", samples(6));
    folder.write("five.npy", samples(5));
    folder.ok("run model.onnx --input six.npy --output-dir out");
    for (name, shape) in [("y", &[6, 2][..]), ("total", &[12])] {
        let bytes = fs::read(folder.path(&format!("out/{name}.npy"))).expect("written");
        let output = npy::read(&bytes, &Limits::default()).expect("a .npy file");
        let expected: Vec<f32> = (0..12).map(|index: u8| (f32::from(index) - 3.0).max(0.0)).collect();
        assert_eq!((output.shape(), output.as_slice::<f32>()), (shape, Ok(&expected[..])), "{name}");
    }
    // Rows that do not depend on each other run some at a time; a batch that is not full comes last.
    let mut builder = GraphBuilder::new("rows");
    let x = builder.input("x", ValueType::f32(&[fourfold::graph::Dim::symbol("n"), 2.into()])).expect("valid");
    let y = builder.relu("y", x).expect("valid");
    builder.output(y);
    folder.write("rows.onnx", fourfold::onnx::export(&builder.finish().expect("valid")).expect("a form"));
    folder.write("many.npy", samples(120));
    folder.ok("run rows.onnx --input many.npy --output-dir rows");
    let bytes = fs::read(folder.path("rows/y.npy")).expect("written");
    let expected: Vec<f32> = (0..240).map(|index: u8| (f32::from(index) - 3.0).max(0.0)).collect();
    let output = npy::read(&bytes, &Limits::default()).expect("a .npy file");
    assert_eq!((output.shape(), output.as_slice::<f32>()), (&[120, 2][..], Ok(&expected[..])));
    folder.fails("run model.onnx --input five.npy --output-dir more", 3, &["five.npy", "f32[2, 2]", "5 samples"]);
}

#[test]
fn existing_files_stay_unless_forced() {
    let folder = Folder::with_digits();
    folder.write("taken.fourfold", "mine");
    folder.fails("quantize cnn.onnx -o taken.fourfold --mode dynamic", 2, &["taken.fourfold", "--force"]);
    assert_eq!(fs::read(folder.path("taken.fourfold")).expect("there"), b"mine");
    folder.ok("quantize cnn.onnx -o taken.fourfold --mode dynamic --force");
    folder.ok("verify taken.fourfold");
    let names = fs::read_dir(folder.0.path()).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    assert!(names.into_iter().all(|name| !name.to_string_lossy().contains("tmp")), "no temporary file is left");
}

/// New files have the permissions that the user's umask leaves; a file that is replaced keeps its own.
#[cfg(unix)]
#[test]
fn files_obey_the_umask() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::with_digits();
    let mode = |name: &str| fs::metadata(folder.path(name)).expect("written").permissions().mode() & 0o777;
    let under = |umask: &str, line: &str| {
        let command = folder::command();
        let words = [command.get_program()].into_iter().chain(command.get_args());
        let mut shell = std::process::Command::new("sh");
        shell.arg("-c").arg(format!("umask {umask} && exec \"$@\"")).arg("sh").args(words).args(line.split(' '));
        let output = shell.current_dir(folder.0.path()).output().expect("a shell");
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    };
    for (umask, expected) in [("022", 0o644), ("002", 0o664), ("077", 0o600)] {
        under(umask, &format!("quantize cnn.onnx -o {umask}.fourfold --mode dynamic --report {umask}.json"));
        under(umask, &format!("calibrate cnn.onnx calib.npy -o {umask}.state"));
        under(umask, &format!("run cnn.onnx --input calib.npy --output-dir {umask}"));
        under(umask, &format!("export cnn.onnx --to onnx -o {umask}"));
        for file in [".fourfold", ".json", ".state", "/logits.npy", "/model.onnx"] {
            assert_eq!(mode(&format!("{umask}{file}")), expected, "{umask}{file}");
        }
    }
    fs::set_permissions(folder.path("022.fourfold"), fs::Permissions::from_mode(0o640)).expect("our own file");
    under("022", "quantize cnn.onnx -o 022.fourfold --mode dynamic --force");
    assert_eq!(mode("022.fourfold"), 0o640, "what is replaced keeps its permissions");
}

#[test]
fn the_wrong_words_are_a_usage_error() {
    let folder = Folder::new();
    folder.fails("paint", 2, &["paint"]);
    folder.fails("quantize", 2, &["--output"]);
    folder.fails("bench a.onnx --threads 0", 2, &["--threads"]);
    assert!(folder.ok("--help").contains("quickstart"));
    assert!(folder.ok("--version").starts_with("fourfold "));
}
