//! Any bytes are an archive of arrays or an error, and what is read takes no more than the limits.

#![no_main]

use fourfold_format::npz;
use fourfold_graph::Limits;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let limits = Limits { archive_bytes: 1 << 24, ..Limits::default() };
    if let Ok(arrays) = npz::read(bytes, &limits) {
        let stored: usize = arrays.values().map(|tensor| tensor.bytes().len()).sum();
        assert!(stored <= 2 << 24, "integers of two bytes become four");
    }
});
