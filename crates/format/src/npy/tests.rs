//! Files of NumPy, and files that are not.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use super::*;

fn of_header(header: &str, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(header.len()).expect("short").to_le_bytes();
    [MAGIC, &[1, 0], &length, header.as_bytes(), data].concat()
}

fn read_default(bytes: &[u8]) -> Result<Tensor, Error> {
    read(bytes, &Limits::default())
}

#[test]
fn files_of_numpy_come_back_byte_for_byte() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cli/data");
    for name in ["digits_calib_images.npy", "digits_test_images.npy", "digits_test_labels.npy"] {
        let bytes = fs::read(folder.join(name)).expect("a file of the project");
        let tensor = read_default(&bytes).expect("a valid file");
        assert_eq!(write(&tensor), bytes, "{name}");
    }
}

#[test]
fn every_type_and_rank_round_trips() {
    for dtype in DType::ALL {
        for shape in [&[][..], &[0], &[7], &[2, 3], &[1, 2, 1, 3, 1, 1, 2, 1]] {
            let count = shape.iter().product::<usize>() * dtype.size();
            let bytes: Vec<u8> = (0..count).map(|index| u8::try_from(index % 251).expect("small")).collect();
            let tensor = Tensor::from_le_bytes(dtype, shape, &bytes).expect("as many bytes as the shape has");
            let file = write(&tensor);
            assert_eq!((file.len() - count) % 64, 0);
            assert_eq!(read_default(&file).as_ref(), Ok(&tensor), "{dtype}{shape:?}");
        }
    }
}

#[test]
fn fortran_order_and_big_endian_are_converted() {
    let header = "{'shape': (2, 3), \"descr\": '>i4', 'fortran_order': True}\n";
    let data: Vec<u8> = [1_i32, 4, 2, 5, 3, 6].iter().flat_map(|value| value.to_be_bytes()).collect();
    let tensor = read_default(&of_header(header, &data)).expect("a valid file");
    assert_eq!((tensor.shape(), tensor.as_slice::<i32>()), (&[2, 3][..], Ok(&[1, 2, 3, 4, 5, 6][..])));
}

#[test]
fn broken_headers_are_refused() {
    let full =
        |descr: &str, shape: &str| format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let corrupt = [
        full("<f4", "(-1,)"),
        full("<f4", "(1.5,)"),
        full("<f4", "(4294967296, 4294967296, 2)"),
        full("<f4", "(99999999999999999999999,)"),
        full("<f4", "3"),
        full("<f4", "((((((((((((((((((((((1,),),),),),),),),),),),),),),),),),),),),),)"),
        full("<f4", "(1, 1, 1, 1, 1, 1, 1, 1, 1)"),
        full("<f4", "(2,)"),
        "{'descr': '<f4', 'fortran_order': False}".to_owned(),
        "{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': ()}".to_owned(),
        "{'descr': '<f4', 'fortran_order': Perhaps, 'shape': ()}".to_owned(),
        "{'descr': '<f4', 'fortran_order': False, 'shape': ()} + 1".to_owned(),
        "{'colour': 'red'}".to_owned(),
        "{'descr: ".to_owned(),
        String::new(),
    ];
    for header in corrupt {
        let result = read_default(&of_header(&header, &[0; 4]));
        assert!(matches!(result, Err(Error::Corrupt { .. })), "{header}: {result:?}");
    }
    for descr in ["|O", "<f8", "<c8", "|S3", "<U1", ""] {
        let result = read_default(&of_header(&full(descr, "()"), &[0; 4]));
        assert!(result.is_err_and(|error| error.is_unsupported()), "{descr}");
    }
    assert!(matches!(read_default(b""), Err(Error::Foreign { .. })));
    assert!(matches!(read_default(b"\x93NUMPY\x09\x00\x10\x00"), Err(Error::Corrupt { .. })));
    assert!(matches!(read_default(b"\x93NUMPY\x02\x00\xff\xff\xff\xff"), Err(Error::Corrupt { .. })));
}

#[test]
fn limits_hold_before_anything_is_read() {
    let limits = Limits { elements: 3, ..Limits::default() };
    let file = write(&Tensor::from_vec(&[4], vec![0_u8; 4]).expect("four"));
    assert!(matches!(read(&file, &limits), Err(Error::Limit(_))));
}

#[test]
fn files_cut_off_anywhere_are_refused() {
    let file = write(&Tensor::from_vec(&[3], vec![1.0_f32, 2.0, 3.0]).expect("three"));
    for length in 0..file.len() {
        assert!(read_default(&file[..length]).is_err(), "{length}");
    }
    assert!(read_default(&[&file[..], &[0]].concat()).is_err());
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read_default(&bytes);
        let _ = read_default(&of_header(&String::from_utf8_lossy(&bytes), &[0; 8]));
    }
}
