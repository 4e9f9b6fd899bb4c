//! The command under little memory, on files that ask for much: it ends with an exit code, never with a signal.
#![cfg(target_os = "linux")]

mod folder;
mod wire;

use std::fs::File;
use std::io::Write;
use std::process::Command;

use folder::{Folder, Outcome};
use wire::{int, integers, ints, model, node, string, tensor, value};

/// Whether the command runs in an emulator, whose own memory a limit would count.
fn is_emulated() -> bool {
    std::env::var_os("FOURFOLD_RUNNER").is_some()
}

/// Runs a command line with at most so many MiB of address space.
fn limited(folder: &Folder, mib: u64, line: &str) -> Outcome {
    let command = folder::command();
    let words = [command.get_program()].into_iter().chain(command.get_args()).map(|word| word.to_string_lossy());
    let script = format!("ulimit -v {}; exec {} {line}", mib << 10, words.collect::<Vec<_>>().join(" "));
    let output = Command::new("sh").args(["-c", &script]).current_dir(folder.0.path()).output().expect("a shell");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Outcome { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}

/// The parts of a container's header.
fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat()
}

fn list<T: AsRef<[u8]>>(parts: &[T]) -> Vec<u8> {
    [&(parts.len() as u64).to_le_bytes()[..], &parts.iter().map(AsRef::as_ref).collect::<Vec<_>>().concat()].concat()
}

#[test]
fn a_file_of_3_gib_is_verified_and_inspected_in_4_gib() {
    if is_emulated() {
        return;
    }
    const SIZE: u64 = 16_384;
    const LAYERS: u32 = 3;
    let bytes = SIZE * SIZE * 4;
    let mut zeros = crc32fast::Hasher::new();
    (0..bytes >> 20).for_each(|_| zeros.update(&[0; 1 << 20]));
    let crc = zeros.finalize().to_le_bytes();
    let size = SIZE.to_le_bytes();
    let dims = list(&[[&[0; 4][..], &1_u64.to_le_bytes()].concat(), [&[0; 4][..], &size].concat()]);
    let mut items = vec![[&0_u32.to_le_bytes()[..], &text("x"), &[0], &dims, &[0]].concat()];
    for layer in 0..LAYERS {
        let (weight, node, shape) = (text(&format!("w{layer}")), text(&format!("y{layer}")), list(&[size, size]));
        items.push([&1_u32.to_le_bytes()[..], &weight, &[0], &shape, &[0], &crc].concat());
        let inputs = list(&[(2 * layer).to_le_bytes(), (2 * layer + 1).to_le_bytes()]);
        let linear = [&1_u32.to_le_bytes()[..], &[0; 4], &[0]].concat();
        items.push([&2_u32.to_le_bytes()[..], &node, &node, &linear, &inputs, &[0]].concat());
    }
    let header = [text("large"), list(&items), list(&[(2 * LAYERS).to_le_bytes()])].concat();
    let mut file = b"\x89F4F\r\n\x1a\n\x01\0\0\0\0\0\0\0".to_vec();
    file.extend((header.len() as u64).to_le_bytes());
    file.extend(crc32fast::hash(&header).to_le_bytes());
    file.extend(crc32fast::hash(&file).to_le_bytes());
    file.extend(&header);
    let length = file.len().next_multiple_of(64) as u64 + u64::from(LAYERS) * bytes;
    let folder = Folder::new();
    let mut sparse = File::create(folder.path("large.fourfold")).expect("a file");
    sparse.write_all(&file).and_then(|()| sparse.set_len(length)).expect("a sparse file");
    drop(sparse);
    let verified = limited(&folder, 4096, "verify large.fourfold");
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);
    assert!(verified.stdout.contains("checksums hold") && verified.stdout.contains("805306368 parameters"));
    let inspected = limited(&folder, 4096, "inspect large.fourfold");
    assert_eq!(inspected.code, Some(0), "{}", inspected.stderr);
    assert!(inspected.stdout.contains("Linear"), "{}", inspected.stdout);
    for line in ["verify large.fourfold", "inspect large.fourfold", "bench large.fourfold"] {
        let outcome = limited(&folder, 1024, line);
        assert_eq!(outcome.code, Some(6), "{line}: {}", outcome.stderr);
        assert!(outcome.stderr.contains("out of memory"), "{line}: {}", outcome.stderr);
    }
}

#[test]
fn small_hostile_files_end_with_a_code() {
    if is_emulated() {
        return;
    }
    let large = 1_i64 << 30;
    let x = || vec![value("x", 1, &["1", "1", "4", "4"])];
    let of_x = |operator: &str, inputs: &[&str], attributes: &[Vec<u8>], initializers: &[Vec<u8>]| {
        model(&[node(operator, inputs, &["y"], attributes)], initializers, &x(), &["y"])
    };
    let empty = |dims: &[i64]| tensor("w", 1, dims, &[]);
    let one = || tensor("one", 1, &[1], &1.0_f32.to_le_bytes());
    let constant = |nodes: &[Vec<u8>], initializers: &[Vec<u8>]| model(nodes, initializers, &[], &["y"]);
    let shape = || integers("shape", &[1 << 15, 1 << 15]);
    let doubled: Vec<Vec<u8>> = (0..40)
        .map(|step| {
            node("Concat", &[&format!("v{step}"), &format!("v{step}")], &[&format!("v{}", step + 1)], &[int("axis", 0)])
        })
        .collect();
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("expand", constant(&[node("Expand", &["one", "shape"], &["y"], &[])], &[one(), shape()])),
        ("constant_of_shape", constant(&[node("ConstantOfShape", &["shape"], &["y"], &[])], &[shape()])),
        ("tile", constant(&[node("Tile", &["one", "n"], &["y"], &[])], &[one(), integers("n", &[large])])),
        (
            "range",
            constant(
                &[node("Range", &["a", "b", "c"], &["y"], &[])],
                &[
                    tensor("a", 7, &[], &[0; 8]),
                    tensor("b", 7, &[], &large.to_le_bytes()),
                    tensor("c", 7, &[], &1_i64.to_le_bytes()),
                ],
            ),
        ),
        (
            "doubling",
            constant(
                &[doubled, vec![node("Identity", &["v40"], &["y"], &[])]].concat(),
                &[tensor("v0", 1, &[1], &1.0_f32.to_le_bytes())],
            ),
        ),
        ("pad", of_x("Pad", &["x", "p"], &[], &[integers("p", &[0, 0, 0, 0, 0, 0, large, large])])),
        ("resize", of_x("Resize", &["x", "", "", "s"], &[], &[integers("s", &[1, 1, 1 << 15, 1 << 15])])),
        ("top_k", of_x("TopK", &["x", "k"], &[], &[integers("k", &[large])])),
        ("one_hot", of_x("OneHot", &["x", "k", "v"], &[], &[integers("k", &[large])])),
        ("no_filters", of_x("Conv", &["x", "w"], &[], &[empty(&[0, 1, 1, 1])])),
        (
            "filters_of_nothing",
            model(
                &[node("Conv", &["x", "w"], &["y"], &[])],
                &[empty(&[large, 0, 1, 1])],
                &[value("x", 1, &["1", "0", "1", "1"])],
                &["y"],
            ),
        ),
        (
            "rows_of_nothing",
            model(
                &[node("MatMul", &["x", "w"], &["y"], &[])],
                &[empty(&[0, large])],
                &[value("x", 1, &["1", "0"])],
                &["y"],
            ),
        ),
        (
            "groups_of_nothing",
            model(
                &[node("Conv", &["x", "w"], &["y"], &[int("group", large)])],
                &[empty(&[0, 1, 1])],
                &[value("x", 1, &["1", "1073741824", "1"])],
                &["y"],
            ),
        ),
        (
            "transposed_groups_of_nothing",
            model(
                &[node("ConvTranspose", &["x", "w"], &["y"], &[int("group", large)])],
                &[empty(&[0, 1, 1])],
                &[value("x", 1, &["1", "0", "1"])],
                &["y"],
            ),
        ),
        (
            "rows_to_choose_from",
            model(&[node("Gather", &["w", "i"], &["y"], &[])], &[empty(&[large, 0])], &[value("i", 7, &["n"])], &["y"]),
        ),
        ("huge_window", of_x("MaxPool", &["x"], &[ints("kernel_shape", &[large, large])], &[])),
        (
            "huge_padding",
            of_x(
                "MaxPool",
                &["x"],
                &[ints("kernel_shape", &[4096, 4096]), ints("pads", &[4095, 4095, 4095, 4095])],
                &[],
            ),
        ),
        ("huge_dims", of_x("Add", &["x", "w"], &[], &[empty(&[i64::MAX, i64::MAX])])),
        ("negative_dims", of_x("Add", &["x", "w"], &[], &[empty(&[-5])])),
        (
            "hidden_of_nothing",
            model(
                &[node("LSTM", &["x", "w", "r"], &["", "y"], &[int("hidden_size", large)])],
                &[tensor("w", 1, &[1, 4 * large, 0], &[]), tensor("r", 1, &[1, 0, large], &[])],
                &[value("x", 1, &["1", "1", "0"])],
                &["y"],
            ),
        ),
        ("long_input", model(&[node("Relu", &["x"], &["y"], &[])], &[], &[value("x", 1, &["2147483647"])], &["y"])),
        (
            "long_sum",
            model(
                &[node("Add", &["a", "b"], &["y"], &[])],
                &[],
                &[value("a", 1, &["46000", "1"]), value("b", 1, &["1", "46000"])],
                &["y"],
            ),
        ),
        ("einsum", of_x("Einsum", &["x", "x"], &[string("equation", &"a".repeat(100_000))], &[])),
    ];
    let folder = Folder::new();
    folder.write("x.npy", b"");
    for (name, bytes) in &files {
        assert!(bytes.len() < 200_000, "{name} has {} bytes", bytes.len());
        folder.write("m.onnx", bytes);
        for line in
            ["verify m.onnx", "inspect m.onnx", "bench m.onnx", "quantize m.onnx -o q.onnx --mode dynamic --force"]
        {
            let outcome = limited(&folder, 512, line);
            let allowed = [Some(0), Some(3), Some(4), Some(6)];
            assert!(allowed.contains(&outcome.code), "{name}, {line}: {:?} {}", outcome.code, outcome.stderr);
            assert!(outcome.stderr.len() <= 5000, "{name}, {line}: {} bytes on stderr", outcome.stderr.len());
            assert!(!outcome.stderr.contains("memory allocation of"), "{name}, {line}: {}", outcome.stderr);
            let bench_is_large = outcome.code != Some(0) || line != "bench m.onnx" || !name.starts_with("long");
            assert!(bench_is_large, "{name} ran in 512 MiB");
        }
    }
}

#[test]
fn messages_are_short_whatever_the_file_says() {
    if is_emulated() {
        return;
    }
    let folder = Folder::new();
    let long = "n\u{1b}[2J".repeat(2_000_000);
    let x = [value("x", 1, &["1"])];
    let of =
        |name: &str, dim: &str| model(&[node("Relu", &["x"], &[name], &[])], &[], &[value("x", 1, &[dim])], &[name]);
    let unknown: Vec<Vec<u8>> =
        (0..50_000).map(|index| node(&format!("Unknown{index}{}", "o".repeat(100)), &["x"], &["y"], &[])).collect();
    let files = [
        ("name", of(&long, "1"), 6),
        ("symbol", of("y", &long), 6),
        ("operator", model(&[node(&long, &["x"], &["y"], &[])], &[], &x, &["y"]), 6),
        ("operators", model(&unknown, &[], &x, &["y"]), 4),
        ("equation", model(&[node("Einsum", &["x", "x"], &["y"], &[string("equation", &long)])], &[], &x, &["y"]), 4),
        ("dims", model(&[node("Add", &["x", "w"], &["y"], &[])], &[tensor("w", 1, &[1; 500_000], &[])], &x, &["y"]), 3),
        ("control", of("a\u{1b}[2J", "1"), 3),
    ];
    for (name, bytes, code) in files {
        folder.write("m.onnx", bytes);
        for line in ["verify m.onnx", "inspect m.onnx"] {
            let outcome = limited(&folder, 1024, line);
            assert_eq!(outcome.code, Some(code), "{name}: {}", outcome.stderr);
            assert!(outcome.stderr.len() <= 4200, "{name}: {} bytes", outcome.stderr.len());
            assert!(!outcome.stderr.contains('\u{1b}'), "{name}");
        }
    }
}
