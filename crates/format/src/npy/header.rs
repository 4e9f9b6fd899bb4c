//! The header: a Python dictionary of three entries.

use fourfold_tensor::DType;

use crate::Error;

/// What the header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// The type of the elements in a tensor.
    pub(super) dtype: DType,
    /// What they are in the file.
    pub(super) stored: Stored,
    pub(super) is_big_endian: bool,
    pub(super) is_fortran_order: bool,
    pub(super) shape: Vec<usize>,
}

/// How a file stores an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// As a tensor holds it.
    Same,
    I16,
    U16,
    U32,
    U64,
}

impl Header {
    /// The bytes of one element in the file.
    pub(super) fn stored_size(&self) -> usize {
        match self.stored {
            Stored::Same => self.dtype.size(),
            Stored::I16 | Stored::U16 => 2,
            Stored::U32 => 4,
            Stored::U64 => 8,
        }
    }

    /// The name of an element's type in the file.
    pub(super) fn stored_name(&self) -> &'static str {
        match self.stored {
            Stored::Same => self.dtype.name(),
            Stored::I16 => "i16",
            Stored::U16 => "u16",
            Stored::U32 => "u32",
            Stored::U64 => "u64",
        }
    }
}

/// Reads `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, in any order of entries.
pub(super) fn parse(bytes: &[u8]) -> Result<Header, Error> {
    let mut scanner = Scanner { rest: bytes };
    let (mut element, mut fortran_order, mut shape) = (None, None, None);
    scanner.expect(b"{")?;
    while !scanner.accept(b"}") {
        let key = scanner.string()?;
        scanner.expect(b":")?;
        let is_new = match key {
            b"descr" if scanner.accept(b"[") => return Err(unsupported("a structured element type")),
            b"descr" => element.replace(descr(scanner.string()?)?).is_none(),
            b"fortran_order" => fortran_order.replace(scanner.boolean()?).is_none(),
            b"shape" => shape.replace(scanner.sizes()?).is_none(),
            _ => return Err(invalid(format!("the unknown key {}", String::from_utf8_lossy(key)))),
        };
        if !is_new {
            return Err(invalid(format!("the key {} twice", String::from_utf8_lossy(key))));
        }
        if !scanner.accept(b",") {
            scanner.expect(b"}")?;
            break;
        }
    }
    if !scanner.rest.trim_ascii().is_empty() {
        return Err(invalid("text after the dictionary"));
    }
    match (element, fortran_order, shape) {
        (Some((dtype, stored, is_big_endian)), Some(is_fortran_order), Some(shape)) => {
            Ok(Header { dtype, stored, is_big_endian, is_fortran_order, shape })
        }
        _ => Err(invalid("not all of descr, fortran_order and shape")),
    }
}

/// The element type, how the file stores it, and whether it does so big-endian.
fn descr(text: &[u8]) -> Result<(DType, Stored, bool), Error> {
    let unknown = || unsupported(format!("element type {}", String::from_utf8_lossy(text)));
    let (order, name) = text.split_first().ok_or_else(unknown)?;
    let dtype = match name {
        b"f4" => DType::F32,
        b"i1" => DType::I8,
        b"u1" => DType::U8,
        b"i2" | b"u2" | b"i4" => DType::I32,
        b"u4" | b"u8" | b"i8" => DType::I64,
        b"b1" => DType::Bool,
        b"f2" => DType::F16,
        b"f8" => DType::F64,
        _ => return Err(unknown()),
    };
    let stored = match name {
        b"i2" => Stored::I16,
        b"u2" => Stored::U16,
        b"u4" => Stored::U32,
        b"u8" => Stored::U64,
        _ => Stored::Same,
    };
    match order {
        b'<' | b'|' | b'=' => Ok((dtype, stored, false)),
        b'>' => Ok((dtype, stored, true)),
        _ => Err(unknown()),
    }
}

fn unsupported(what: impl Into<String>) -> Error {
    Error::Unsupported { part: "header".to_owned(), what: what.into() }
}

fn invalid(what: impl Into<String>) -> Error {
    Error::corrupt("header", format!("holds {}", what.into()))
}

/// The rest of the header, still to be read.
struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    /// Takes `token` if it comes next, after white space.
    fn accept(&mut self, token: &[u8]) -> bool {
        let rest = self.rest.trim_ascii_start();
        let found = rest.strip_prefix(token);
        self.rest = found.unwrap_or(rest);
        found.is_some()
    }

    fn expect(&mut self, token: &[u8]) -> Result<(), Error> {
        if self.accept(token) {
            return Ok(());
        }
        Err(invalid(format!("no `{}` where one must be", String::from_utf8_lossy(token))))
    }

    /// A string in either kind of quotes, without escapes.
    fn string(&mut self) -> Result<&'a [u8], Error> {
        let quote = if self.accept(b"'") {
            b'\''
        } else if self.accept(b"\"") {
            b'"'
        } else {
            0
        };
        let end = self.rest.iter().position(|&byte| byte == quote).filter(|_| quote != 0);
        let end = end.ok_or_else(|| invalid("something else where text in quotes must be"))?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = &rest[1..];
        Ok(text)
    }

    fn boolean(&mut self) -> Result<bool, Error> {
        if self.accept(b"True") {
            return Ok(true);
        }
        self.expect(b"False").map(|()| false)
    }

    /// `()`, `(2,)`, `(2, 3)`.
    fn sizes(&mut self) -> Result<Vec<usize>, Error> {
        self.expect(b"(")?;
        let mut sizes = Vec::new();
        while !self.accept(b")") {
            sizes.push(self.size()?);
            if !self.accept(b",") {
                self.expect(b")")?;
                break;
            }
        }
        Ok(sizes)
    }

    /// A whole number; old files end it in `L`.
    fn size(&mut self) -> Result<usize, Error> {
        self.rest = self.rest.trim_ascii_start();
        let digits = self.rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (text, rest) = self.rest.split_at(digits);
        self.rest = rest.strip_prefix(b"L").unwrap_or(rest);
        let text = core::str::from_utf8(text).unwrap_or_default();
        text.parse().map_err(|_| invalid("a size that is not a whole number"))
    }
}
