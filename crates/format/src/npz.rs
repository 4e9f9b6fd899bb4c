//! NumPy's `.npz` archives, of `numpy.savez` and `numpy.savez_compressed`: ZIP files with a `.npy` file for each array.
//!
//! An [`Archive`] has the headers of its arrays in memory; rows are read when they are asked for, a few at a time.
//! Elements are converted as those of [`npy`](crate::npy) files are.
//!
//! - Names are those of the archive without `.npy`, as NumPy gives them, in the archive's order. They are only labels,
//!   no file is ever written: slashes may be in them, but no control character, and nothing that leads out of a folder
//!   (`..`, a drive, a backslash, a slash in front).
//! - A member that is not a `.npy` file is an error, not left out.
//! - *Stored* members (`savez`) are read in place. *Deflated* ones (`savez_compressed`) are decompressed from their
//!   beginning: reading on from where the last rows ended takes no time, asking for earlier ones begins anew. A
//!   deflated array in Fortran order is held whole.
//! - The checksum of a member is computed as its bytes are read: if it is wrong, reading the last of them is an error.
//!   Bytes of a stored member that are skipped are read for that.
//! - The structure must be that of one plain ZIP file, with nothing in front, nothing behind, and no byte that belongs
//!   to two members; the directory, the headers in front of the members and their ZIP64 fields must agree. Encrypted
//!   members and other methods than *deflate* are unsupported.
//! - [`Limits`] hold for the number of members (`archive-entries`), for what they take decompressed (`archive-bytes`),
//!   for how much larger that is than the file (`archive-ratio`), for the directory (`header-bytes`), for names
//!   (`name-bytes`), and for the elements read at once. Sizes are checked before anything is decompressed, and no
//!   member gives more bytes than its size.
//!
//! The directory is read here and not by the crate `zip`, which allocates for all members before a limit can be
//! checked, and lends the archive to one member at a time, so that two inputs of a model could not be read side by
//! side.
//!
//! Source of the format: PKWARE's APPNOTE.TXT, version 6.3.10, sections 4.3 to 4.5.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::ops::Range;

use fourfold_error::Limits;
use fourfold_tensor::{DType, Tensor, memory};

use crate::Error;
use crate::npy::{Elements, failed};

mod contents;
mod directory;
mod end;
mod local;

use contents::Contents;

/// Deflated members that are held open: as many as a model may have inputs.
const OPEN: usize = 64;

/// A `.npz` file of which only headers are in memory.
///
/// ```no_run
/// use std::fs::File;
/// use fourfold_format::npz;
/// use fourfold_error::Limits;
///
/// let mut archive = npz::Archive::new(File::open("samples.npz")?, &Limits::default())?;
/// for member in archive.members() {
///     println!("{}: {} {:?}", member.name(), member.dtype(), member.shape());
/// }
/// let first = archive.rows("x", 0..32)?;
/// let second = archive.rows("x", 32..64)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Archive<R> {
    source: R,
    /// In the archive's order.
    members: Vec<Member>,
    /// Members in the order of their names.
    by_name: Vec<usize>,
    /// Deflated members that hold memory, the most recently used last.
    open: VecDeque<usize>,
    limits: Limits,
}

/// An array of an archive.
#[derive(Debug)]
pub struct Member {
    elements: Elements,
    contents: Contents,
    /// All elements, of a deflated member in Fortran order that was read.
    whole: Option<Tensor>,
}

impl Member {
    /// The name, without `.npy`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.contents.name()
    }

    /// The type of the elements, as they are read.
    #[must_use]
    pub fn dtype(&self) -> DType {
        self.elements.dtype()
    }

    /// The axis sizes, outermost first.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        self.elements.shape()
    }

    /// Whether the member is deflated, so that it is read from its beginning.
    #[must_use]
    pub fn is_compressed(&self) -> bool {
        self.contents.is_compressed()
    }
}

/// Reads all arrays of a file, by name.
///
/// # Errors
///
/// As [`Archive::new`] and [`Archive::rows`].
pub fn read(bytes: &[u8], limits: &Limits) -> Result<BTreeMap<String, Tensor>, Error> {
    let mut archive = Archive::new(Cursor::new(bytes), limits)?;
    let names: Vec<String> = archive.members.iter().map(|member| member.name().to_owned()).collect();
    names.into_iter().map(|name| archive.tensor(&name).map(|tensor| (name, tensor))).collect()
}

impl<R: Read + Seek> Archive<R> {
    /// Reads the directory and the header of every array.
    ///
    /// # Errors
    ///
    /// [`Error::Foreign`], [`Error::Corrupt`] and [`Error::Checksum`] for invalid files and those without arrays,
    /// [`Error::Unsupported`] for encrypted members, other methods than *deflate*, other files than `.npy` and other
    /// element types, [`Error::Limit`] for more than is allowed, [`Error::Read`] if the source fails.
    pub fn new(mut source: R, limits: &Limits) -> Result<Self, Error> {
        let length = source.seek(SeekFrom::End(0)).map_err(failed(0))?;
        let directory = directory::read(&mut source, length, limits)?;
        let mut members = memory::room(directory.entries.len())?;
        // No byte belongs to two members: each ends before the next begins, the last before the directory.
        let mut in_place: Vec<usize> = (0..directory.entries.len()).collect();
        in_place.sort_by_key(|&index| directory.entries[index].header);
        let mut ends = vec![directory.offset; in_place.len()];
        for pair in in_place.windows(2) {
            ends[pair[0]] = directory.entries[pair[1]].header;
        }
        for (entry, end) in directory.entries.into_iter().zip(ends) {
            let name = entry.name.clone();
            let member = Member::open(&mut source, entry, end).map_err(|error| error.within(&part(&name)))?;
            members.push(member);
        }
        Ok(Self { source, members, by_name: directory.by_name, open: VecDeque::new(), limits: limits.clone() })
    }

    /// The arrays, in the archive's order.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The array of that name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.position(name).map(|index| &self.members[index])
    }

    /// Some rows of an array: a range of the first axis, all other axes whole.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] if there is no such array, [`Error::Tensor`] if it has no such rows, [`Error::Limit`] if they
    /// have more elements than allowed, [`Error::Corrupt`] and [`Error::Checksum`] if the file is damaged,
    /// [`Error::Unsupported`] for an unsigned number that `i64` does not hold, [`Error::Read`] if the source fails.
    pub fn rows(&mut self, name: &str, range: Range<usize>) -> Result<Tensor, Error> {
        self.read(name, |member, source, limits| member.rows(range, source, limits))
    }

    /// All elements of an array.
    ///
    /// # Errors
    ///
    /// As [`Archive::rows`].
    pub fn tensor(&mut self, name: &str) -> Result<Tensor, Error> {
        self.read(name, |member, source, limits| member.tensor(source, limits))
    }

    fn position(&self, name: &str) -> Option<usize> {
        let found = self.by_name.binary_search_by(|&index| self.members[index].name().cmp(name));
        found.ok().map(|at| self.by_name[at])
    }

    fn read(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Member, &mut R, &Limits) -> Result<Tensor, Error>,
    ) -> Result<Tensor, Error> {
        let Some(index) = self.position(name) else {
            let known: Vec<&str> = self.members.iter().map(Member::name).collect();
            return Err(Error::Missing { name: name.to_owned(), known: known.join(", ") });
        };
        let tensor = read(&mut self.members[index], &mut self.source, &self.limits);
        if self.members[index].is_compressed() {
            self.open.retain(|&open| open != index);
            self.open.push_back(index);
            if self.open.len() > OPEN {
                let first = self.open.pop_front();
                first.into_iter().for_each(|first| self.members[first].close());
            }
        }
        tensor.map_err(|error| error.within(&part(name)))
    }
}

impl Member {
    /// Reads the header of the member that an entry of the directory describes, and which ends before `end`.
    fn open(source: &mut (impl Read + Seek), entry: directory::Entry, end: u64) -> Result<Self, Error> {
        let (data, size) = (local::data(source, &entry, end)?, entry.size);
        let mut contents = Contents::new(entry, data);
        let mut start = vec![0; usize::try_from(size.min(Elements::HEAD)).unwrap_or(0)];
        contents.read_at(source, 0, &mut start)?;
        contents.close();
        Ok(Self { elements: Elements::new(&start, size)?, contents, whole: None })
    }

    fn rows(&mut self, range: Range<usize>, source: &mut (impl Read + Seek), limits: &Limits) -> Result<Tensor, Error> {
        if self.is_compressed() && self.elements.is_by_columns() {
            return Ok(self.tensor(source, limits)?.rows(range)?);
        }
        let Self { elements, contents, .. } = self;
        elements.rows(range, limits, &mut |offset, bytes| contents.read_at(source, offset, bytes))
    }

    fn tensor(&mut self, source: &mut (impl Read + Seek), limits: &Limits) -> Result<Tensor, Error> {
        let Self { elements, contents, whole, .. } = self;
        if let Some(tensor) = whole {
            return Ok(tensor.clone());
        }
        let tensor = elements.tensor(limits, &mut |offset, bytes| contents.read_at(source, offset, bytes))?;
        if contents.is_compressed() && elements.is_by_columns() {
            *whole = Some(tensor.clone());
        }
        Ok(tensor)
    }

    /// Gives back the memory that reading takes.
    fn close(&mut self) {
        self.contents.close();
        self.whole = None;
    }
}

/// A member as messages name it.
fn part(name: &str) -> String {
    format!("array `{name}`")
}

#[cfg(test)]
mod tests;
