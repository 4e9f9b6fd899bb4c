//! Files of cases: what another engine was given and what it answered.

use std::collections::BTreeMap;
use std::path::Path;

/// One case.
pub(crate) struct Case {
    pub(crate) operator: String,
    pub(crate) name: String,
    /// How far a result may be from the expected one.
    pub(crate) tolerance: String,
    attributes: BTreeMap<String, String>,
    tensors: BTreeMap<String, Tensor>,
}

/// The bytes of a tensor, little-endian.
#[derive(Clone)]
pub(crate) struct Tensor {
    /// `u8`, `i8`, `i32` or `f32`.
    pub(crate) dtype: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) content: Content,
}

/// What is known of a tensor.
#[derive(Clone)]
pub(crate) enum Content {
    Bytes(Vec<u8>),
    Crc(u32),
}

/// The cases of `PATH.txt` and `PATH.bin`.
pub(crate) fn cases(path: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    let text = std::fs::read_to_string(path.with_extension("txt")).expect("a file of the project");
    let data = std::fs::read(path.with_extension("bin")).expect("a file of the project");
    text.lines().map(|line| case(line, &data)).collect()
}

fn case(line: &str, data: &[u8]) -> Case {
    let mut words = line.split(' ').map(str::to_owned);
    let mut next = || words.next().expect("operator, name, tolerance");
    let (operator, name, tolerance) = (next(), next(), next());
    let (mut attributes, mut tensors) = (BTreeMap::new(), BTreeMap::new());
    for word in words {
        match word.split_once('=') {
            Some((name, value)) => drop(attributes.insert(name.to_owned(), value.to_owned())),
            None => {
                let (role, tensor) = tensor(&word, data);
                tensors.insert(role, tensor);
            }
        }
    }
    Case { operator, name, tolerance, attributes, tensors }
}

fn tensor(word: &str, data: &[u8]) -> (String, Tensor) {
    let parts: Vec<&str> = word.split(':').collect();
    let [role, dtype, shape, how, content] = parts[..] else { panic!("{word}") };
    let shape = sizes(shape);
    let size = if dtype.ends_with("32") { 4 } else { 1 };
    let count = shape.iter().product::<usize>() * size;
    let hex = |at: usize| u8::from_str_radix(&content[2 * at..2 * at + 2], 16).expect("two digits");
    let content = match how {
        "hex" => Content::Bytes((0..count).map(hex).collect()),
        "at" => {
            let at: usize = content.parse().expect("an offset");
            Content::Bytes(data[at..at + count].to_vec())
        }
        _ => Content::Crc(u32::from_str_radix(content, 16).expect("eight digits")),
    };
    (role.to_owned(), Tensor { dtype: dtype.to_owned(), shape, content })
}

/// `2x3` is `[2, 3]`, `-` is no size at all.
fn sizes(word: &str) -> Vec<usize> {
    if word == "-" { Vec::new() } else { word.split('x').map(|size| size.parse().expect("a size")).collect() }
}

impl Case {
    /// The tensor of that role, `None` if the case has none.
    pub(crate) fn get(&self, role: &str) -> Option<&Tensor> {
        self.tensors.get(role)
    }

    /// The tensor of that role.
    pub(crate) fn tensor(&self, role: &str) -> &Tensor {
        self.get(role).unwrap_or_else(|| panic!("{} lacks {role}", self.name))
    }

    /// The attribute of that name, a list of sizes.
    pub(crate) fn sizes(&self, name: &str) -> Vec<usize> {
        self.attributes.get(name).map(|value| sizes(value)).unwrap_or_default()
    }

    /// The attribute of that name, a number.
    pub(crate) fn number<T: std::str::FromStr>(&self, name: &str) -> Option<T> {
        self.attributes.get(name).and_then(|value| value.parse().ok())
    }
}

impl Tensor {
    /// The bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.content {
            Content::Bytes(bytes) => bytes,
            Content::Crc(_) => panic!("only the checksum of this tensor is known"),
        }
    }

    /// Whether the elements are signed bytes.
    pub(crate) fn is_signed(&self) -> bool {
        self.dtype == "i8"
    }

    /// The elements as integers.
    pub(crate) fn integers(&self) -> Vec<i32> {
        let bytes = self.bytes();
        match self.dtype.as_str() {
            "u8" => bytes.iter().map(|&byte| i32::from(byte)).collect(),
            "i8" => bytes.iter().map(|&byte| i32::from(byte.cast_signed())).collect(),
            _ => bytes.chunks_exact(4).map(|four| i32::from_le_bytes(four.try_into().expect("four"))).collect(),
        }
    }

    /// The elements as floats.
    pub(crate) fn reals(&self) -> Vec<f32> {
        self.bytes().chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect()
    }

    /// Whether these are the bytes.
    pub(crate) fn is(&self, bytes: &[u8]) -> bool {
        match &self.content {
            Content::Bytes(expected) => bytes == expected,
            Content::Crc(crc) => crc32fast::hash(bytes) == *crc,
        }
    }
}
