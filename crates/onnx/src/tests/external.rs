//! Tensor data outside of the model file.

use std::fs;
use std::path::{Path, PathBuf};

use fourfold_graph::ErrorKind;
use fourfold_graph::{Fixed, Graph, Limits};
use fourfold_tensor::Tensor;
use prost::Message;

use super::{floats, model, node, read};
use crate::proto::{AttributeProto, ModelProto, StringStringEntryProto, TensorProto, attribute_type};
use crate::{
    Error, Form, ImportOptions, Location, Refusal, Resolve, export_apart, export_as, import, import_with, load,
};

/// `y = Relu(x * w + b)`, with everything inside.
fn whole() -> ModelProto {
    let nodes = vec![node("Gemm", &["x", "w", "b"], "h", vec![]), node("Relu", &["h"], "y", vec![])];
    model(17, &[-1, 4], &[("w", floats(&[4, 3])), ("b", floats(&[3]))], nodes)
}

fn tensor(model: &mut ModelProto, index: usize) -> &mut TensorProto {
    &mut model.graph.as_mut().expect("a graph").initializer[index]
}

/// Locates the data of a tensor outside, and gives what was inside.
fn put_outside(tensor: &mut TensorProto, entries: &[(&str, &str)]) -> Vec<u8> {
    tensor.data_location = 1;
    let entry = |&(key, value): &(&str, &str)| StringStringEntryProto { key: key.to_owned(), value: value.to_owned() };
    tensor.external_data = entries.iter().map(entry).collect();
    std::mem::take(&mut tensor.raw_data)
}

fn write(path: &Path, bytes: &[u8]) -> PathBuf {
    fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    fs::write(path, bytes).expect("a file");
    path.to_owned()
}

fn loaded(path: &Path) -> Result<Graph, Error> {
    load(path, &Limits::default())
}

/// The model whose weight lies outside as `entries` say, in a folder that `prepare` fills with the bytes of the weight.
fn with_weight(entries: &[(&str, &str)], prepare: impl FnOnce(&Path, &[u8])) -> Result<Graph, Error> {
    let folder = tempfile::tempdir().expect("a folder");
    let mut model = whole();
    let bytes = put_outside(tensor(&mut model, 0), entries);
    prepare(folder.path(), &bytes);
    loaded(&write(&folder.path().join("model.onnx"), &model.encode_to_vec()))
}

#[test]
fn data_may_lie_in_files_in_folders_and_inside() {
    let expected = read(&whole()).expect("valid");
    let folder = tempfile::tempdir().expect("a folder");
    let mut model = whole();
    let weight = put_outside(tensor(&mut model, 0), &[("location", "sub/./deep/w.bin")]);
    write(&folder.path().join("sub/deep/w.bin"), &weight);
    let path = write(&folder.path().join("model.onnx"), &model.encode_to_vec());
    assert_eq!(loaded(&path).expect("one file, one inside"), expected);
    let bias = put_outside(tensor(&mut model, 1), &[("location", "both"), ("offset", "48"), ("length", "12")]);
    let again =
        put_outside(tensor(&mut model, 0), &[("location", "both"), ("length", "48"), ("checksum", "no matter")]);
    assert!(again.is_empty());
    write(&folder.path().join("both"), &[&weight[..], &bias, &[7; 5]].concat());
    write(&path, &model.encode_to_vec());
    assert_eq!(loaded(&path).expect("both in one file"), expected);
}

#[test]
fn constants_of_nodes_may_lie_outside() {
    let mut inside = whole();
    let graph = inside.graph.as_mut().expect("a graph");
    let weight = graph.initializer.remove(0);
    let value = AttributeProto {
        name: "value".to_owned(),
        r#type: attribute_type::TENSOR,
        t: Some(weight),
        ..Default::default()
    };
    graph.node.insert(0, node("Constant", &[], "w", vec![value]));
    let expected = read(&inside).expect("valid");
    let mut outside = inside;
    let attribute = &mut outside.graph.as_mut().expect("a graph").node[0].attribute[0];
    let bytes = put_outside(attribute.t.as_mut().expect("a tensor"), &[("location", "w")]);
    let folder = tempfile::tempdir().expect("a folder");
    write(&folder.path().join("w"), &bytes);
    let path = write(&folder.path().join("model.onnx"), &outside.encode_to_vec());
    assert_eq!(loaded(&path).expect("a constant outside"), expected);
}

#[test]
fn locations_that_lead_out_are_refused() {
    let locations = [
        "../w",
        "a/../../w",
        "a/../w",
        "/etc/passwd",
        "C:\\w",
        "C:/w",
        "\\\\server\\w",
        "w:stream",
        "w\0",
        "",
        "..",
        ".",
    ];
    for location in locations {
        let put = |folder: &Path, bytes: &[u8]| {
            write(&folder.join("w"), bytes);
            fs::create_dir(folder.join("a")).expect("a folder");
        };
        let error = with_weight(&[("location", location)], put).expect_err(location);
        assert!(matches!(error, Error::Tensor { .. }), "{location:?}: {error}");
    }
}

#[test]
fn entries_that_do_not_fit_the_tensor_or_the_file_are_refused() {
    let cases: [&[(&str, &str)]; 13] = [
        &[],
        &[("offset", "0")],
        &[("location", "w"), ("location", "w")],
        &[("location", "w"), ("offset", "-4")],
        &[("location", "w"), ("offset", "+4")],
        &[("location", "w"), ("offset", "four")],
        &[("location", "w"), ("offset", "")],
        &[("location", "w"), ("offset", "99999999999999999999")],
        &[("location", "w"), ("offset", "18446744073709551615"), ("length", "48")],
        &[("location", "w"), ("offset", "4")],
        &[("location", "w"), ("offset", "49")],
        &[("location", "w"), ("length", "44")],
        &[("location", "w"), ("length", "52")],
    ];
    for entries in cases {
        let error = with_weight(entries, |folder, bytes| drop(write(&folder.join("w"), bytes))).expect_err("refused");
        assert!(matches!(error, Error::Tensor { .. }), "{entries:?}: {error}");
    }
    let missing = with_weight(&[("location", "w")], |_, _| {}).expect_err("no file");
    assert!(missing.kind() == ErrorKind::Io && missing.to_string().contains("`w`"), "{missing}");
    let mut twice = whole();
    let bytes = put_outside(tensor(&mut twice, 0), &[("location", "w")]);
    tensor(&mut twice, 0).raw_data = bytes;
    assert!(matches!(read(&twice), Err(Error::Tensor { .. })), "inside and outside");
}

#[cfg(unix)]
#[test]
fn links_lead_below_the_folder_or_the_models_real_folder() {
    use std::os::unix::fs::symlink;
    let expected = read(&whole()).expect("valid");
    // snapshots/REVISION/NAME -> ../../blobs/HASH, as huggingface_hub lays files out.
    let cache = tempfile::tempdir().expect("a folder");
    let mut model = whole();
    let weight = put_outside(tensor(&mut model, 0), &[("location", "onnx/model.onnx_data")]);
    write(&cache.path().join("blobs/0a1b"), &model.encode_to_vec());
    write(&cache.path().join("blobs/2c3d"), &weight);
    let snapshot = cache.path().join("snapshots/main");
    fs::create_dir_all(snapshot.join("onnx")).expect("a folder");
    symlink("../../blobs/0a1b", snapshot.join("model.onnx")).expect("a link");
    symlink("../../../blobs/2c3d", snapshot.join("onnx/model.onnx_data")).expect("a link");
    assert_eq!(loaded(&snapshot.join("model.onnx")).expect("a cache"), expected);
    // The same link beside a model that is no link itself leads out of its folder.
    fs::remove_file(snapshot.join("model.onnx")).expect("a link");
    write(&snapshot.join("model.onnx"), &model.encode_to_vec());
    let error = loaded(&snapshot.join("model.onnx")).expect_err("out of the folder");
    assert!(error.to_string().contains("symbolic link"), "{error}");
    let within = with_weight(&[("location", "w")], |folder, bytes| {
        write(&folder.join("real/w"), bytes);
        symlink("real/w", folder.join("w")).expect("a link");
    });
    assert_eq!(within.expect("a link within"), expected);
    let hard = with_weight(&[("location", "w")], |folder, bytes| {
        write(&folder.join("other"), bytes);
        fs::hard_link(folder.join("other"), folder.join("w")).expect("a link");
    });
    assert_eq!(hard.expect("a hard link"), expected);
}

#[cfg(unix)]
#[test]
fn devices_pipes_and_folders_are_refused_without_waiting() {
    let refused = |prepare: &dyn Fn(&Path)| {
        let error = with_weight(&[("location", "w")], |folder, _| prepare(folder)).expect_err("not a file");
        assert!(matches!(error, Error::Tensor { .. }), "{error}");
    };
    refused(&|folder| fs::create_dir(folder.join("w")).expect("a folder"));
    refused(&|folder| std::os::unix::fs::symlink("/dev/zero", folder.join("w")).expect("a link"));
    refused(&|folder| {
        let made = std::process::Command::new("mkfifo").arg(folder.join("w")).status();
        assert!(made.expect("mkfifo").success());
    });
}

#[test]
fn what_many_tensors_read_counts_each_time() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut model = whole();
    let weight = put_outside(tensor(&mut model, 0), &[("location", "w")]);
    for index in 0..100 {
        let copy = TensorProto { name: format!("copy{index}"), ..tensor(&mut model, 0).clone() };
        model.graph.as_mut().expect("a graph").initializer.push(copy);
    }
    write(&folder.path().join("w"), &weight);
    let bytes = model.encode_to_vec();
    let path = write(&folder.path().join("model.onnx"), &bytes);
    let needed = (bytes.len() + 101 * 48) as u64;
    assert!(load(&path, &Limits { file_bytes: needed, ..Limits::default() }).is_ok());
    let refused = load(&path, &Limits { file_bytes: needed - 1, ..Limits::default() });
    assert!(matches!(refused, Err(Error::Limit(_))), "{refused:?}");
}

#[test]
fn a_caller_may_bring_the_data() {
    struct Archive(Vec<u8>);
    impl Resolve for Archive {
        fn read(&self, location: &Location) -> Result<Vec<u8>, Refusal> {
            assert_eq!((location.path.as_str(), location.offset, location.length), ("../w", 0, Some(48)));
            Ok(self.0.clone())
        }
    }
    let mut model = whole();
    let weight = put_outside(tensor(&mut model, 0), &[("location", "../w")]);
    let bytes = model.encode_to_vec();
    let read_with = |data: Vec<u8>| {
        let options = ImportOptions { limits: &Limits::default(), fixed: &Fixed::new(), resolver: &Archive(data) };
        import_with(&bytes, &options).map(|imported| imported.graph)
    };
    assert_eq!(read_with(weight).expect("brought"), read(&whole()).expect("valid"));
    assert!(matches!(read_with(vec![0; 47]), Err(Error::Tensor { .. })));
    let alone = import(&bytes, &Limits::default()).expect_err("no data at hand");
    assert!(alone.kind() == ErrorKind::Io && alone.to_string().contains("load the model by its path"), "{alone}");
}

#[test]
fn what_is_written_in_two_files_is_read_as_one() {
    let large = Tensor::from_vec(&[400, 4], (0..1600_u16).map(f32::from).collect::<Vec<f32>>()).expect("as many");
    let nodes = vec![node("Gemm", &["x", "w", "b"], "y", vec![super::int("transB", 1)])];
    let graph = read(&model(17, &[-1, 4], &[("w", large), ("b", floats(&[400]))], nodes)).expect("valid");
    let folder = tempfile::tempdir().expect("a folder");
    for form in [Form::Qdq, Form::QOperator] {
        let (bytes, data) = export_apart(&graph, form, "model.onnx.data").expect("two files");
        assert!(bytes.len() < 1000 && data.len() >= 8000, "{} and {} bytes", bytes.len(), data.len());
        write(&folder.path().join("model.onnx.data"), &data);
        let path = write(&folder.path().join("model.onnx"), &bytes);
        let one = import(&export_as(&graph, form).expect("one file"), &Limits::default()).expect("valid");
        assert_eq!(loaded(&path).expect("two files"), one);
    }
}

#[test]
fn a_model_may_have_a_file_for_each_of_more_tensors_than_can_be_open() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut model = whole();
    let weight = put_outside(tensor(&mut model, 0), &[("location", "w")]);
    write(&folder.path().join("w"), &weight);
    for index in 0..2000 {
        let name = format!("copy{index}");
        let copy = TensorProto { name: name.clone(), ..tensor(&mut model, 0).clone() };
        model.graph.as_mut().expect("a graph").initializer.push(copy);
        put_outside(tensor(&mut model, 2 + index), &[("location", &name)]);
        fs::hard_link(folder.path().join("w"), folder.path().join(name)).expect("a link");
    }
    let path = write(&folder.path().join("model.onnx"), &model.encode_to_vec());
    assert_eq!(loaded(&path).expect("valid"), read(&whole()).expect("valid"));
}
