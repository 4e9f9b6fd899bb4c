//! Constants with few quantized values, and packed elements outside of their range.

use fourfold_graph::{Dim, Gather, GraphBuilder, Op, ValueType};
use fourfold_schemes::QuantParams;
use fourfold_tensor::{DType, Tensor};

use super::{few, per_channel, read};
use crate::container::{FORMAT, Graph, build, record, to_bytes};
use crate::{Error, codec, layout};

/// A quantized table and a node that chooses rows.
fn table((codes, params): (Tensor, QuantParams)) -> Graph {
    let mut builder = GraphBuilder::new("table");
    let x = builder.input("x", ValueType::plain(DType::I64, &[Dim::symbol("n")])).expect("valid");
    let table = builder.quantized_constant("table", codes, params).expect("valid");
    let y = builder.node("y", Op::Gather(Gather { axis: 0 }), &[table, x]).expect("valid");
    builder.output(y);
    builder.finish().expect("valid")
}

#[test]
fn few_codes_take_half_a_byte_each() {
    let [unsigned, signed] = few().map(|(_, codes)| to_bytes(&table(codes)).expect("a graph"));
    assert_eq!(unsigned[unsigned.len() - 5..], [0xf0, 0xe1, 0x87, 0xa9, 0xcb]);
    assert_eq!(signed[signed.len() - 5..], [0xe0, 0x87, 0x9d, 0xb1, 0x0a], "each 8 more");
    assert_eq!(unsigned[10..12], [2, 0]);
    for (_, codes) in few() {
        let graph = table(codes);
        assert_eq!(read(&to_bytes(&graph).expect("a graph")), Ok(graph));
    }
    let many = Tensor::from_vec(&[1, 2], vec![0_u8, 16]).expect("two");
    let many = to_bytes(&table((many, per_channel(DType::U8, (0, 16), &[1.0])))).expect("a graph");
    assert_eq!(many[many.len() - 2..], [0, 16], "17 values take a byte each");
    let stray = Tensor::from_vec(&[1, 2], vec![3_u8, 200]).expect("two");
    let stray = table((stray, per_channel(DType::U8, (0, 15), &[1.0])));
    assert_eq!(
        read(&to_bytes(&stray).expect("a graph")),
        Ok(stray),
        "an element that is none of the 16 is kept as it is"
    );
}

#[test]
fn packed_codes_that_are_none_are_refused() {
    let forged = |data: &[u8], change: fn(&mut Vec<u64>, &mut record::Params)| {
        let [_, (_, signed)] = few();
        let mut header = build::record(&table(signed)).expect("a graph");
        for item in &mut header.items {
            if let record::Item::Packed { shape, params, crc, .. } = item {
                *crc = crc32fast::hash(data);
                change(shape, params);
            }
        }
        let header = codec::encode(&header).expect("small");
        read(&layout::write(&FORMAT, 2, &header, [data].into_iter()).expect("small"))
    };
    let data = [0xe0, 0x87, 0x9d, 0xb1, 0x0a];
    let [_, (_, signed)] = few();
    assert_eq!(forged(&data, |_, _| {}), Ok(table(signed)));
    let reason = |result: Result<Graph, Error>| result.expect_err("refused").to_string();
    assert!(reason(forged(&[0xe0, 0x87, 0x9d, 0xb1, 0x1a], |_, _| {})).contains("unused half of its last byte is 1"));
    assert!(
        reason(forged(&[0xf0, 0x87, 0x9d, 0xb1, 0x0a], |_, _| {}))
            .contains("a quantized value is 15 above the smallest")
    );
    assert!(reason(forged(&data, |_, params| params.quant_max = 8)).contains("more than 16 quantized values"));
    assert!(reason(forged(&data, |_, params| params.quant_max = i32::MAX)).contains("i8"));
    assert!(
        reason(forged(&data, |_, params| (params.quant_min, params.quant_max) = (i32::MIN, i32::MAX))).contains("i8")
    );
    assert!(forged(&data, |_, params| params.dtype = 3).is_err(), "i32 is not packed");
    assert!(forged(&data, |_, params| params.dtype = 0).is_err(), "floats are not packed");
    assert!(forged(&data, |shape, _| shape[1] = 4).is_err(), "beyond the file");
    assert!(forged(&data, |shape, _| shape[1] = 2).is_err(), "a byte too many");
    assert!(forged(&data, |shape, _| shape[1] = u64::MAX).is_err());
    assert!(forged(&data, |shape, _| shape.resize(1 << 20, 1)).is_err());
    assert!(forged(&[], |shape, _| shape[1] = 0).is_ok(), "a table without columns");
    let mut bytes = to_bytes(&table(few()[1].1.clone())).expect("a graph");
    for bit in 0..bytes.len() * 8 {
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(read(&bytes).is_err(), "bit {bit}");
        bytes[bit / 8] ^= 1 << (bit % 8);
    }
}
