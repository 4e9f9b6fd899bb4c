//! Vectors whose length comes from a file or an input: memory is asked for before it is used, and where there is none
//! the answer is an error.

use crate::Error;

/// An empty vector with room for `count` elements.
///
/// # Errors
///
/// [`Error::OutOfMemory`] if the system does not give as much.
pub fn room<T>(count: usize) -> Result<Vec<T>, Error> {
    let mut vector = Vec::new();
    vector.try_reserve_exact(count).map_err(|_| Error::out_of_memory::<T>(count))?;
    Ok(vector)
}

/// `count` copies of an element.
///
/// # Errors
///
/// As [`room`].
pub fn filled<T: Clone>(element: T, count: usize) -> Result<Vec<T>, Error> {
    let mut vector = room(count)?;
    vector.resize(count, element);
    Ok(vector)
}

/// The elements of a slice.
///
/// # Errors
///
/// As [`room`].
pub fn copied<T: Clone>(elements: &[T]) -> Result<Vec<T>, Error> {
    let mut vector = room(elements.len())?;
    vector.extend_from_slice(elements);
    Ok(vector)
}

/// What an iterator of known length gives; room for all of it is asked for before the first.
///
/// # Errors
///
/// As [`room`].
pub fn collected<T>(elements: impl ExactSizeIterator<Item = T>) -> Result<Vec<T>, Error> {
    let mut vector = room(elements.len())?;
    vector.extend(elements);
    Ok(vector)
}

/// Makes a buffer of at least `count` elements; those that there are stay.
///
/// # Errors
///
/// As [`room`].
pub fn grow<T: Clone>(buffer: &mut Vec<T>, element: T, count: usize) -> Result<(), Error> {
    if let Some(missing) = count.checked_sub(buffer.len()) {
        buffer.try_reserve_exact(missing).map_err(|_| Error::out_of_memory::<T>(count))?;
        buffer.resize(count, element);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_no_memory_for_is_an_error() {
        let bytes = usize::MAX / 16 * 8;
        assert_eq!(room::<u64>(usize::MAX / 16), Err(Error::OutOfMemory { bytes }));
        assert_eq!(filled(0_u64, usize::MAX), Err(Error::OutOfMemory { bytes: usize::MAX }));
        let mut buffer = vec![1_u64];
        assert_eq!(grow(&mut buffer, 0, usize::MAX / 16), Err(Error::OutOfMemory { bytes }));
        assert_eq!(buffer, [1]);
    }

    #[test]
    fn elements_are_those_asked_for() {
        assert_eq!(filled(7, 3), Ok(vec![7; 3]));
        assert_eq!(copied(&[1, 2]), Ok(vec![1, 2]));
        assert_eq!(collected((0..3).map(|number| number * 2)), Ok(vec![0, 2, 4]));
        let mut buffer = vec![1, 2];
        grow(&mut buffer, 9, 3).expect("small");
        grow(&mut buffer, 9, 1).expect("there already");
        assert_eq!(buffer, [1, 2, 9]);
    }
}
