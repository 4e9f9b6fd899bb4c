//! Files of NumPy, and files that are not.

use std::fs;
use std::path::Path;

use proptest::prelude::*;

use fourfold_error::ErrorKind;

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
            assert_eq!((file.len() - elements(&tensor).len()) % 64, 0);
            let tensor = if dtype == DType::BF16 { tensor.to_float(DType::F32).expect("wider") } else { tensor };
            assert_eq!(read_default(&file).as_ref(), Ok(&tensor), "{dtype}{shape:?}");
        }
    }
}

#[test]
fn real_numbers_of_other_types_are_those_of_numpy() {
    // numpy.save of numpy.array([1 / 3, -2.5, 65504.0], ">f2") and "<f8", the elements.
    let halves: &[u8] = &[0x35, 0x55, 0xC1, 0x00, 0x7B, 0xFF];
    let file = of_header("{'descr': '>f2', 'fortran_order': False, 'shape': (3,), }\n", halves);
    let read = read_default(&file).and_then(|tensor| Ok(tensor.to_float(DType::F64)?));
    let numbers = [0.333_251_953_125, -2.5, 65_504.0];
    assert_eq!(read, Ok(Tensor::from_slice(&[3], &numbers).expect("three")));
    let doubles = [0x9A, 0x99, 0x99, 0x99, 0x99, 0x99, 0xB9, 0x3F];
    let file = of_header("{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }\n", &doubles);
    assert_eq!(read_default(&file), Ok(Tensor::from_slice(&[1], &[0.1_f64]).expect("one")));
}

#[test]
fn fortran_order_and_big_endian_are_converted() {
    let header = "{'shape': (2, 3), \"descr\": '>i4', 'fortran_order': True}\n";
    let data: Vec<u8> = [1_i32, 4, 2, 5, 3, 6].iter().flat_map(|value| value.to_be_bytes()).collect();
    let tensor = read_default(&of_header(header, &data)).expect("a valid file");
    assert_eq!((tensor.shape(), tensor.as_slice::<i32>()), (&[2, 3][..], Ok(&[1, 2, 3, 4, 5, 6][..])));
}

#[test]
fn integers_of_other_types_are_read_as_wider_ones() {
    let of = |descr: &str, data: &[u8]| {
        let header = format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': (2,)}}\n");
        read_default(&of_header(&header, data))
    };
    let pair = |pair: [i32; 2]| Tensor::from_vec(&[2], pair.to_vec());
    let long = |pair: [i64; 2]| Tensor::from_vec(&[2], pair.to_vec());
    assert_eq!(of("<i2", &[0, 128, 255, 127]).ok(), pair([-32768, 32767]).ok());
    assert_eq!(of(">i2", &[128, 0, 127, 255]).ok(), pair([-32768, 32767]).ok());
    assert_eq!(of("<u2", &[0, 128, 255, 255]).ok(), pair([32768, 65535]).ok());
    assert_eq!(of("<u4", &[0, 0, 0, 128, 255, 255, 255, 255]).ok(), long([1 << 31, (1 << 32) - 1]).ok());
    assert_eq!(of(">u8", &[[0; 8], i64::MAX.to_be_bytes()].concat()).ok(), long([0, i64::MAX]).ok());
    let short = of("<u2", &[0; 8]).expect_err("four bytes too many");
    assert!(short.to_string().contains("8 bytes, but shape [2] of u16 takes 4"), "{short}");
    assert_eq!(of("|b1", &[0, 7]).ok(), Tensor::from_bools(&[2], &[false, true]).ok());
}

#[test]
fn a_number_that_is_too_large_is_named() {
    let mut data: Vec<u8> = (0..6_u64).flat_map(u64::to_be_bytes).collect();
    data[4 * 8] = 0x80;
    for (order, index) in [("False", "[1, 1]"), ("True", "[0, 2]")] {
        let header = format!("{{'descr': '>u8', 'fortran_order': {order}, 'shape': (2, 3)}}\n");
        let file = of_header(&header, &data);
        let error = read_default(&file).expect_err("more than i64 holds");
        let text = format!("element {index}: 9223372036854775812, more than i64 holds, is not supported");
        assert!(error.kind() == ErrorKind::Unsupported && error.to_string() == text, "{error}");
        let mut reader = Reader::new(std::io::Cursor::new(&file), &Limits::default()).expect("a valid header");
        let (good, bad) = if order == "True" { (1..2, 0..1) } else { (0..1, 1..2) };
        assert!(reader.rows(good).is_ok() && reader.rows(bad).is_err());
    }
}

/// A source that knows how much of it was read.
struct Counted<'a>(std::io::Cursor<&'a [u8]>, &'a std::cell::Cell<usize>);

impl std::io::Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.0.read(buffer)?;
        self.1.set(self.1.get() + count);
        Ok(count)
    }
}

impl std::io::Seek for Counted<'_> {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.0.seek(to)
    }
}

#[test]
fn rows_are_read_without_the_others() {
    let tensor = Tensor::from_vec(&[5000, 3, 2], (0..30_000).collect::<Vec<i32>>()).expect("as many");
    let fortran = "{'descr': '>i4', 'fortran_order': True, 'shape': (5000, 3, 2)}\n";
    let at = |index: usize| i32::try_from(index % 5000 * 6 + index / 5000 % 3 * 2 + index / 15_000).expect("small");
    let columns: Vec<u8> = (0..30_000).flat_map(|index| at(index).to_be_bytes()).collect();
    for file in [write(&tensor), of_header(fortran, &columns)] {
        let read = std::cell::Cell::new(0);
        let mut reader =
            Reader::new(Counted(std::io::Cursor::new(&file), &read), &Limits::default()).expect("a valid file");
        assert_eq!((reader.dtype(), reader.shape()), (DType::I32, &[5000, 3, 2][..]));
        let before = read.get();
        for range in [0..0, 0..2, 4998..5000, 7..8] {
            assert_eq!(reader.rows(range.clone()).ok(), tensor.rows(range).ok());
        }
        assert_eq!(read.get() - before, 5 * 6 * 4, "bytes of five rows");
        assert!(matches!(reader.rows(4999..5001), Err(Error::Tensor(_))));
        assert_eq!(reader.tensor().as_ref(), Ok(&tensor));
    }
}

#[test]
fn a_limit_holds_for_the_rows_that_are_read() {
    let file = write(&Tensor::from_vec(&[100, 3], vec![1_u8; 300]).expect("as many"));
    let limits = Limits { elements: 6, ..Limits::default() };
    let mut reader = Reader::new(std::io::Cursor::new(&file), &limits).expect("a valid file");
    assert!(reader.rows(98..100).is_ok());
    assert!(matches!(reader.rows(97..100), Err(Error::Limit(limit)) if limit.name == "elements"));
}

#[test]
fn a_file_that_becomes_shorter_is_noticed() {
    let mut file = tempfile::tempfile().expect("a file");
    let bytes = write(&Tensor::from_vec(&[100, 3], vec![1_u8; 300]).expect("as many"));
    std::io::Write::write_all(&mut file, &bytes).expect("room");
    let mut reader = Reader::new(file.try_clone().expect("a handle"), &Limits::default()).expect("a valid file");
    file.set_len(bytes.len() as u64 - 100).expect("shorter");
    assert!(reader.rows(0..60).is_ok());
    assert!(matches!(reader.rows(90..100), Err(Error::Corrupt { .. })));
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
    for descr in ["|O", "<f16", "<c8", "|S3", "<U1", "<M8[s]", ""] {
        let result = read_default(&of_header(&full(descr, "()"), &[0; 4]));
        assert!(result.is_err_and(|error| error.kind() == ErrorKind::Unsupported), "{descr}");
    }
    let structured = "{'descr': [('a', '<f4'), ('b', '<i4')], 'fortran_order': False, 'shape': (1,)}\n";
    let error = read_default(&of_header(structured, &[0; 8])).expect_err("two fields");
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("structured"), "{error}");
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
