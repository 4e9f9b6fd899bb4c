//! Files written byte by byte, as the library would not write them.
#![allow(dead_code, reason = "every test file uses a part")]

/// A field of variable length of an ONNX file's messages.
pub(crate) fn field(number: u64, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let bytes = bytes.as_ref();
    [varint(number << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

/// A field that is a number.
pub(crate) fn number(field: u64, value: i64) -> Vec<u8> {
    [varint(field << 3), varint(value.cast_unsigned())].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    bytes.push(value.to_le_bytes()[0]);
    bytes
}

/// `TensorProto`: dims, type (1 f32, 7 i64), name, bytes of the elements.
pub(crate) fn tensor(name: &str, data_type: i64, dims: &[i64], raw: &[u8]) -> Vec<u8> {
    let dims: Vec<u8> = dims.iter().flat_map(|&dim| number(1, dim)).collect();
    [dims, number(2, data_type), field(8, name), field(9, raw)].concat()
}

/// A list of integers as a tensor.
pub(crate) fn integers(name: &str, list: &[i64]) -> Vec<u8> {
    let raw: Vec<u8> = list.iter().flat_map(|number| number.to_le_bytes()).collect();
    tensor(name, 7, &[list.len() as i64], &raw)
}

/// `NodeProto`.
pub(crate) fn node(operator: &str, inputs: &[&str], outputs: &[&str], attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes: Vec<u8> = inputs.iter().flat_map(|name| field(1, name)).collect();
    bytes.extend(outputs.iter().flat_map(|name| field(2, name)));
    bytes.extend(field(4, operator));
    bytes.extend(attributes.iter().flat_map(|attribute| field(5, attribute)));
    bytes
}

/// `AttributeProto` of integers.
pub(crate) fn ints(name: &str, list: &[i64]) -> Vec<u8> {
    let list: Vec<u8> = list.iter().flat_map(|&value| number(8, value)).collect();
    [field(1, name), list, number(20, 7)].concat()
}

/// `AttributeProto` of one integer.
pub(crate) fn int(name: &str, value: i64) -> Vec<u8> {
    [field(1, name), number(3, value), number(20, 2)].concat()
}

/// `AttributeProto` of text.
pub(crate) fn string(name: &str, value: &str) -> Vec<u8> {
    [field(1, name), field(4, value), number(20, 3)].concat()
}

/// `ValueInfoProto`; dims that are words are symbols.
pub(crate) fn value(name: &str, data_type: i64, dims: &[&str]) -> Vec<u8> {
    let dim = |dim: &&str| match dim.parse::<i64>() {
        Ok(size) => field(1, number(1, size)),
        Err(_) => field(1, field(2, dim)),
    };
    let shape: Vec<u8> = dims.iter().flat_map(dim).collect();
    [field(1, name), field(2, field(1, [number(1, data_type), field(2, shape)].concat()))].concat()
}

/// `ModelProto` of a graph's nodes, initializers, inputs and outputs.
pub(crate) fn model(nodes: &[Vec<u8>], initializers: &[Vec<u8>], inputs: &[Vec<u8>], outputs: &[&str]) -> Vec<u8> {
    let mut graph: Vec<u8> = nodes.iter().flat_map(|node| field(1, node)).collect();
    graph.extend(field(2, "g"));
    graph.extend(initializers.iter().flat_map(|tensor| field(5, tensor)));
    graph.extend(inputs.iter().flat_map(|value| field(11, value)));
    graph.extend(outputs.iter().flat_map(|name| field(12, value(name, 1, &[]))));
    [number(1, 8), field(8, number(2, 17)), field(7, graph)].concat()
}

/// A ZIP archive of members that are not compressed, as `numpy.savez` writes them.
pub(crate) fn archive(members: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut bytes, mut directory) = (Vec::new(), Vec::new());
    let small = |size: usize| u32::try_from(size).expect("small").to_le_bytes();
    for (name, data) in members {
        let at = small(bytes.len());
        let version_and_time = [20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0];
        let sizes = [crc32fast::hash(data).to_le_bytes(), small(data.len()), small(data.len())].concat();
        let name_length = [&small(name.len())[..2], &[0, 0]].concat();
        let shared = [&version_and_time[..], &sizes, &name_length].concat();
        bytes.extend([b"PK\x03\x04", &shared[..], name.as_bytes(), data].concat());
        directory.extend([b"PK\x01\x02\x14\x00", &shared[..], &[0; 10], &at, name.as_bytes()].concat());
    }
    let (start, length, count) = (small(bytes.len()), small(directory.len()), small(members.len()));
    bytes.extend(directory);
    bytes.extend([b"PK\x05\x06\0\0\0\0", &count[..2], &count[..2], &length, &start, &[0, 0]].concat());
    bytes
}
