//! Calibration on the command line: in parts, gone on with, interrupted.

mod folder;

use std::fs;
use std::process::Command;

use folder::{Folder, command};
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

/// An interruption comes in the middle of a batch; what whole batches gave is kept, and nothing else.
#[cfg(unix)]
#[test]
fn an_interrupted_calibration_leaves_nothing_partial() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::Stdio;

    let folder = Folder::with_digits();
    let samples = npy::read(&fs::read(folder.path("calib.npy")).expect("there"), &Limits::default()).expect("samples");
    // As pixels of 0 to 255 they are warned of just before the first batch; there are so many that the end is far away.
    let pixels: Vec<f32> = samples.as_slice::<f32>().expect("f32").iter().map(|x| 255.0 * x.clamp(0.0, 1.0)).collect();
    let times = 400;
    let shape = [&[times * samples.shape()[0]], &samples.shape()[1..]].concat();
    let many = Tensor::from_vec(&shape, pixels.repeat(times)).expect("as many as the shape has");
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
