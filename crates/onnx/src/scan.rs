//! Checks of the protobuf wire format, before anything is decoded.

use fourfold_graph::Limits;

use crate::Error;

/// The limit of attributes and metadata entries is this many times the limit of nodes.
const ATTRIBUTES_PER_NODE: u64 = 16;

/// Refuses files of other formats, recognized by their first bytes.
pub(crate) fn recognize(bytes: &[u8]) -> Result<(), Error> {
    let text = bytes.trim_ascii_start();
    let begins = |start: &str| text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start.as_bytes()));
    let not = |what, hint| Err(Error::NotOnnx { what, hint });
    match bytes {
        [] => not("an empty file", ""),
        _ if begins("<!doctype html") || begins("<html") => {
            not("an HTML page", "; the download gave a web page instead of the file")
        }
        _ if begins("version https://git-lfs") => not("a Git LFS pointer", "; run `git lfs pull` to get the file"),
        [0x1f, 0x8b, ..] => not("a gzip archive", "; unpack it first"),
        [b'P', b'K', 3, 4, ..] => not("a zip archive", "; unpack it first"),
        [0x89, b'P', b'N', b'G', ..] => not("a PNG image", ""),
        [0x93, b'N', b'U', b'M', b'P', b'Y', ..] => not("a .npy file", ""),
        _ => Ok(()),
    }
}

/// Checks that the fields of graph, nodes, tensors and functions lie within their messages, and counts nodes, values
/// and attributes against the limits.
///
/// An empty node takes two bytes in the file but a hundred in memory, so counts are checked before decoding.
pub(crate) fn scan(bytes: &[u8], limits: &Limits) -> Result<(), Error> {
    let (mut counts, mut has_graph) = (Counts::default(), false);
    for field in Fields::new(bytes, 0) {
        let field = field?;
        if let (7, Some(graph)) = (field.number, field.message) {
            if core::mem::replace(&mut has_graph, true) {
                let reason = "a second graph begins, as if files were joined";
                return Err(Error::Corrupt { offset: field.offset, reason });
            }
            counts.graph(graph, field.offset, limits)?;
        }
        if let (25, Some(function)) = (field.number, field.message) {
            counts.function(function, field.offset, limits)?;
        }
        Limits::check("nodes", counts.nodes, limits.nodes)?;
        Limits::check("values", counts.values, limits.values)?;
        Limits::check("nodes", counts.attributes / ATTRIBUTES_PER_NODE, limits.nodes)?;
    }
    Ok(())
}

#[derive(Default)]
struct Counts {
    nodes: u64,
    values: u64,
    attributes: u64,
}

impl Counts {
    fn graph(&mut self, bytes: &[u8], offset: usize, limits: &Limits) -> Result<(), Error> {
        for field in Fields::new(bytes, offset) {
            let field = field?;
            match (field.number, field.message) {
                (1, Some(node)) => self.node(node, field.offset, limits)?,
                (5, Some(tensor)) => {
                    self.values += 1;
                    check_names_of(tensor, field.offset, 8, limits)?;
                }
                (11..=13, Some(value)) => {
                    self.values += 1;
                    check_names_of(value, field.offset, 1, limits)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

impl Counts {
    fn node(&mut self, bytes: &[u8], offset: usize, limits: &Limits) -> Result<(), Error> {
        self.nodes += 1;
        for field in Fields::new(bytes, offset) {
            let field = field?;
            self.attributes += u64::from(matches!(field.number, 5 | 9));
            match (field.number, field.message) {
                // Inputs, outputs, name, operator, domain, overload.
                (1..=4 | 7 | 8, Some(name)) => check_name(name, limits)?,
                (5, Some(attribute)) => check_names_of(attribute, field.offset, 1, limits)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// A function counts as a node: empty ones cost as much.
    fn function(&mut self, bytes: &[u8], offset: usize, limits: &Limits) -> Result<(), Error> {
        self.nodes += 1;
        for field in Fields::new(bytes, offset) {
            let field = field?;
            match (field.number, field.message) {
                (7, Some(node)) => self.node(node, field.offset, limits)?,
                // Inputs, outputs and attributes.
                (4..=6, Some(name)) => {
                    self.attributes += 1;
                    check_name(name, limits)?;
                }
                (1 | 10 | 13, Some(name)) => check_name(name, limits)?,
                (11, Some(attribute)) => {
                    self.attributes += 1;
                    check_names_of(attribute, field.offset, 1, limits)?;
                }
                _ => {}
            }
        }
        Ok(())
    }
}

/// Checks the length of a name. Error messages repeat names, so they are bounded.
fn check_name(name: &[u8], limits: &Limits) -> Result<(), Error> {
    Ok(Limits::check("name-bytes", name.len() as u64, limits.name_bytes)?)
}

/// Checks the fields of a message; those with that number are names, whose length is checked too.
fn check_names_of(message: &[u8], offset: usize, number: u64, limits: &Limits) -> Result<(), Error> {
    Fields::new(message, offset).try_for_each(|field| match field? {
        Field { message: Some(name), number: found, .. } if found == number => check_name(name, limits),
        _ => Ok(()),
    })
}

/// One field of a message.
struct Field<'a> {
    number: u64,
    /// The payload of a length-delimited field.
    message: Option<&'a [u8]>,
    /// Where `message` begins in the file.
    offset: usize,
}

/// The fields of a message; ends after the first error.
struct Fields<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Where `bytes` begins in the file.
    offset: usize,
}

impl<'a> Fields<'a> {
    fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { bytes, position: 0, offset }
    }

    fn varint(&mut self) -> Result<u64, Error> {
        let mut value = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = *self.bytes.get(self.position).ok_or_else(|| self.corrupt("a number is cut off"))?;
            self.position += 1;
            value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(self.corrupt("a number is longer than ten bytes"))
    }

    fn take(&mut self, count: u64) -> Result<&'a [u8], Error> {
        let end = usize::try_from(count).ok().and_then(|count| self.position.checked_add(count));
        let taken = end.and_then(|end| self.bytes.get(self.position..end));
        let taken = taken.ok_or_else(|| self.corrupt("a field is longer than what is left"))?;
        self.position += taken.len();
        Ok(taken)
    }

    fn field(&mut self) -> Result<Field<'a>, Error> {
        let key = self.varint()?;
        let message = match key & 7 {
            0 => self.varint().map(|_| None)?,
            1 => self.take(8).map(|_| None)?,
            2 => {
                let length = self.varint()?;
                Some(self.take(length)?)
            }
            5 => self.take(4).map(|_| None)?,
            _ => return Err(self.corrupt("a field has no known kind")),
        };
        let offset = self.offset + self.position - message.map_or(0, <[u8]>::len);
        Ok(Field { number: key >> 3, message, offset })
    }

    fn corrupt(&self, reason: &'static str) -> Error {
        Error::Corrupt { offset: self.offset + self.position, reason }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<Field<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.position >= self.bytes.len() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.position = self.bytes.len();
        }
        Some(field)
    }
}
