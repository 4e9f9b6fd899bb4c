//! Any bytes load as an archive of arrays within the limits, or give an error.

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
