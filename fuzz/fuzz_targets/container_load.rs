//! The loader of containers never panics, and what it loads round-trips.
#![no_main]

use fourfold_format::container;
use fourfold_graph::Limits;
use libfuzzer_sys::fuzz_target;

/// The number of bytes before the header.
const PREFIX: usize = 32;

fuzz_target!(|bytes: &[u8]| {
    load(bytes);
    // Wrong checksums would hide damage from the parser, so it also gets the bytes with corrected checksums.
    let mut forged = bytes.to_vec();
    if forged.len() >= PREFIX && container::is_container(&forged) {
        let length = u64::from_le_bytes(forged[16..24].try_into().expect("eight bytes"));
        if let Some(header) = usize::try_from(length).ok().and_then(|length| forged[PREFIX..].get(..length)) {
            let crc = crc32(header).to_le_bytes();
            forged[24..28].copy_from_slice(&crc);
        }
        let crc = crc32(&forged[..28]).to_le_bytes();
        forged[28..PREFIX].copy_from_slice(&crc);
        load(&forged);
    }
});

fn load(bytes: &[u8]) {
    let limits = Limits { elements: 1 << 20, ..Limits::default() };
    if let Ok(graph) = container::from_bytes(bytes, &limits) {
        let written = container::to_bytes(&graph).expect("what was read can be written");
        // Compared as bytes: a NaN attribute is not equal to itself.
        let again = container::from_bytes(&written, &limits).expect("what was written can be read");
        assert_eq!(container::to_bytes(&again).expect("a graph"), written);
    }
}

/// CRC-32, bit by bit.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 })
    };
    !bytes.iter().fold(!0, step)
}
