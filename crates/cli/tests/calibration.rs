//! Calibration on the command line: in parts, gone on with, interrupted.

mod folder;

use std::fs;
use std::process::Command;

use folder::{Folder, command, json};
use fourfold::prelude::*;

#[test]
fn calibration_is_done_in_parts_and_gives_the_same_bytes() {
    let folder = Folder::with_digits();
    let bytes = |name: &str| fs::read(folder.path(name)).expect("written");
    let whole = folder.ok("calibrate cnn.onnx calib.npy -o whole.state");
    assert!(whole.contains("batches observed"), "{whole}");
    for shard in 1..=3 {
        folder.ok(&format!("calibrate cnn.onnx calib.npy -o {shard}.state --shard {shard}/3"));
    }
    folder.ok("merge 3.state 1.state 2.state -o merged.state");
    assert_eq!(bytes("merged.state"), bytes("whole.state"));
    folder.fails("merge 1.state merged.state -o twice.state", 3, &["merged.state", "taken in already"]);
    folder.fails("merge 1.state 2.state -o merged.state", 2, &["--force"]);

    folder.ok("quantize cnn.onnx -o from_state.fourfold --calib merged.state");
    folder.ok("quantize cnn.onnx -o from_samples.fourfold --calib calib.npy");
    assert_eq!(bytes("from_state.fourfold"), bytes("from_samples.fourfold"));
    folder.ok("quantize cnn.onnx -o some.fourfold --calib merged.state --exclude /conv1");
    let other = "quantize cnn.onnx -o b.fourfold --calib merged.state --observer min_max";
    folder.fails(other, 3, &["merged.state", "min_max", "mse"]);
    folder.fails(
        "quantize cnn.onnx -o b.fourfold --mode dynamic --calib merged.state",
        2,
        &["merged.state", "dynamic"],
    );
    folder.ok("quantize cnn.onnx -o int8.fourfold --mode dynamic");
    folder.fails("calibrate int8.fourfold calib.npy -o b.state", 4, &["quantized already"]);
}

#[test]
fn a_shard_alone_is_not_a_calibration() {
    let folder = Folder::with_digits();
    for (index, count) in [(1, 2), (2, 2), (1, 3)] {
        folder.ok(&format!("calibrate cnn.onnx calib.npy -o {index}of{count}.state --shard {index}/{count}"));
    }
    folder.ok("merge 1of2.state -o merged.state");
    for state in ["1of2", "merged"] {
        let line = format!("quantize cnn.onnx -o int8.fourfold --force --calib {state}.state");
        folder.fails(&line, 5, &[&format!("{state}.state"), "shard 1 of 2", "--allow-partial"]);
        assert!(!folder.path("int8.fourfold").exists());
        let document = json(&folder.ok(&format!("{line} --allow-partial --json")));
        let calibration = &document["calibration"];
        assert_eq!((calibration["batches"].as_u64(), calibration["shards"]["count"].as_u64()), (Some(5), Some(2)));
        assert_eq!(calibration["shards"]["finished"].as_array().expect("a list").len(), 1);
        fs::remove_file(folder.path("int8.fourfold")).expect("written");
    }
    folder.fails("merge 1of2.state 1of2.state -o a.state", 3, &["shard 1/2 is in both"]);
    folder.fails("merge 2of2.state 1of3.state -o a.state", 3, &["1of3.state", "of 2 here and of 3 there"]);
    folder.fails("calibrate cnn.onnx calib.npy -o 1of2.state --shard 1/3 --resume", 3, &["1of2.state", "2 shards"]);
    let outcome =
        folder.run(&"calibrate cnn.onnx calib.npy -o none.state --shard 99/99".split(' ').collect::<Vec<_>>());
    assert!(outcome.code == Some(0) && outcome.stderr.contains("--shard 99/99"), "{}", outcome.stderr);

    folder.ok("merge 2of2.state 1of2.state -o all.state");
    let line = "quantize cnn.onnx -o int8.fourfold --calib all.state --report report.html --json";
    let document = json(&folder.ok(line));
    assert_eq!((&document["calibration"]["batches"], &document["warnings"]), (&10.into(), &serde_json::json!([])));
    let layers = document["layers"].as_array().expect("layers");
    let measured = layers.iter().filter(|layer| layer["weight_sqnr_db"].as_f64().is_some_and(|sqnr| sqnr > 30.0));
    assert_eq!(measured.count(), 5, "three convolutions and two linear layers");
    assert!(layers.iter().all(|layer| layer["sqnr_db"].is_null()), "no samples, nothing to compare on");
    let report = fs::read_to_string(folder.path("report.html")).expect("written");
    assert!(report.contains("ranges of 10 batches"), "{report}");
    folder.fails("quantize cnn.onnx -o b.fourfold --calib 1of2.state --calib 2of2.state", 2, &["1of2.state", "merge"]);
}

#[test]
fn calibration_goes_on_where_it_ended() {
    let folder = Folder::with_digits();
    let bytes = |name: &str| fs::read(folder.path(name)).expect("written");
    let samples = npy::read(&bytes("calib.npy"), &Limits::default()).expect("samples");
    folder.write("first.npy", npy::write(&samples.rows(0..64).expect("samples")));
    for preset in ["fourfold", "fbgemm"] {
        folder.ok(&format!("calibrate cnn.onnx calib.npy -o whole.state --preset {preset} --force"));
        folder.ok(&format!("calibrate cnn.onnx first.npy -o part.state --preset {preset} --force"));
        assert_ne!(bytes("part.state"), bytes("whole.state"));
        folder.ok(&format!("calibrate cnn.onnx calib.npy -o part.state --preset {preset} --resume"));
        assert_eq!(bytes("part.state"), bytes("whole.state"));
        folder.ok(&format!("calibrate cnn.onnx calib.npy -o part.state --preset {preset} --resume"));
        assert_eq!(bytes("part.state"), bytes("whole.state"), "nothing was left to do");
    }
    folder.ok("calibrate cnn.onnx calib.npy -o new.state --preset fbgemm --resume");
    assert_eq!(bytes("new.state"), bytes("whole.state"), "nothing was there");
    folder.fails(
        "calibrate cnn.onnx images.npy -o part.state --preset fbgemm --resume",
        3,
        &["part.state", "other samples"],
    );
    folder.fails("calibrate cnn.onnx calib.npy -o part.state --resume", 3, &["part.state", "histogram"]);
    folder.fails("calibrate cnn.onnx calib.npy -o part.state", 2, &["--force"]);
    for shard in ["0/0", "5/4", "0/4", "1", "a/b"] {
        folder.fails(&format!("calibrate cnn.onnx calib.npy -o b.state --shard {shard}"), 2, &["--shard", "I/N"]);
    }
    let mut damaged = bytes("part.state");
    damaged[100] ^= 1;
    folder.write("damaged.state", &damaged);
    folder.fails("quantize cnn.onnx -o b.fourfold --calib damaged.state", 3, &["damaged.state", "checksum"]);
    folder.write("cut.state", &bytes("part.state")[..50]);
    folder.fails("merge cut.state -o b.state", 3, &["cut.state"]);
    folder.fails("merge calib.npy -o b.state", 3, &["calib.npy", "not a calibration file"]);
}

/// So many times the images of the digits, as pixels of 0 to 255, which are warned of when calibration begins.
fn many(folder: &Folder, times: usize) -> Tensor {
    let samples = npy::read(&fs::read(folder.path("calib.npy")).expect("there"), &Limits::default()).expect("samples");
    let pixels: Vec<f32> = samples.as_slice::<f32>().expect("f32").iter().map(|x| 255.0 * x.clamp(0.0, 1.0)).collect();
    let shape = [&[times * samples.shape()[0]], &samples.shape()[1..]].concat();
    Tensor::from_vec(&shape, pixels.repeat(times)).expect("as many as the shape has")
}

/// What was saved by itself is taken up after the process was killed, and is not taken for the whole.
#[cfg(unix)]
#[test]
fn a_killed_calibration_goes_on_from_what_it_saved() {
    use std::process::Stdio;
    use std::time::{Duration, Instant};

    let folder = Folder::with_digits();
    let many = many(&folder, 2000);
    folder.write("many.npy", npy::write(&many));
    let begin = Instant::now();
    let mut command = command();
    command.args(["calibrate", "cnn.onnx", "many.npy", "-o", "part.state"]).current_dir(folder.0.path());
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the command runs");
    while !folder.path("part.state").exists() {
        assert!(begin.elapsed() < Duration::from_secs(60) && child.try_wait().expect("a child").is_none());
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().expect("a signal");
    child.wait().expect("an end");
    folder.fails("quantize cnn.onnx -o a.fourfold --calib part.state", 5, &["no whole shard of 1", "--allow-partial"]);
    folder.ok("quantize cnn.onnx -o a.fourfold --calib part.state --allow-partial");

    let merged = folder.ok("merge part.state -o copy.state");
    let batches: usize = merged.split(' ').next().and_then(|count| count.parse().ok()).expect("a number");
    folder.write("some.npy", npy::write(&many.rows(0..32 * (batches + 2)).expect("more than was observed")));
    folder.ok("calibrate cnn.onnx some.npy -o part.state --resume");
    folder.ok("calibrate cnn.onnx some.npy -o whole.state");
    let bytes = |name: &str| fs::read(folder.path(name)).expect("written");
    assert_eq!(bytes("part.state"), bytes("whole.state"));
}

/// An interruption comes in the middle of a batch; what whole batches gave is kept, and nothing else.
#[cfg(unix)]
#[test]
fn an_interrupted_calibration_leaves_nothing_partial() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::Stdio;

    let folder = Folder::with_digits();
    // There are so many that the end is far away.
    let many = many(&folder, 400);
    folder.write("many.npy", npy::write(&many));
    for (line, output) in [
        ("calibrate cnn.onnx many.npy -o part.state", "part.state"),
        ("quantize cnn.onnx -o int8.fourfold --calib many.npy", "int8.fourfold"),
    ] {
        let mut command = command();
        command.args(line.split(' ')).current_dir(folder.0.path()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command runs");
        let mut stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut message = String::new();
        while !message.contains("scaled to 0..1") {
            assert!(stderr.read_line(&mut message).expect("UTF-8") > 0, "{line}: no warning in {message}");
        }
        let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("a Unix");
        assert!(killed.success(), "{line}");
        stderr.read_to_string(&mut message).expect("UTF-8");
        assert_eq!(child.wait().expect("an end").code(), Some(130), "{line}: {message}");
        assert!(message.contains("interrupted"), "{line}: {message}");
        let files: Vec<_> =
            fs::read_dir(folder.0.path()).expect("a folder").map(|file| file.expect("a file")).collect();
        assert!(!files.iter().any(|file| file.file_name().to_string_lossy().starts_with(".fourfold-")), "{line}");
        if folder.path(output).exists() {
            assert_eq!(output, "part.state", "{line}");
            folder.ok("merge part.state -o whole.state");
        }
    }
}
