//! Memory is asked for before it is used: where there is none, the answer is an error.

use alloc::vec::Vec;

use crate::Error;

/// Makes room for `length` elements in all; those that there are stay.
pub(crate) fn reserve<T>(what: &'static str, buffer: &mut Vec<T>, length: usize) -> Result<(), Error> {
    let bytes = length.saturating_mul(size_of::<T>());
    buffer.try_reserve(length.saturating_sub(buffer.len())).map_err(|_| Error::OutOfMemory { what, bytes })
}

/// Makes a buffer of `length` elements, all `value`.
pub(crate) fn fill<T: Clone>(what: &'static str, buffer: &mut Vec<T>, length: usize, value: T) -> Result<(), Error> {
    buffer.clear();
    reserve(what, buffer, length)?;
    buffer.resize(length, value);
    Ok(())
}

/// Makes a buffer of at least `length` elements; those that there are stay, new ones are `value`.
pub(crate) fn grow<T: Clone>(what: &'static str, buffer: &mut Vec<T>, length: usize, value: T) -> Result<(), Error> {
    reserve(what, buffer, length)?;
    buffer.resize(buffer.len().max(length), value);
    Ok(())
}

/// Puts what an iterator gives in a buffer, which has room for all of it before the first is made.
pub(crate) fn collect<T>(
    what: &'static str,
    items: impl ExactSizeIterator<Item = Result<T, Error>>,
) -> Result<Vec<T>, Error> {
    let mut buffer = Vec::new();
    reserve(what, &mut buffer, items.len())?;
    for item in items {
        buffer.push(item?);
    }
    Ok(buffer)
}
