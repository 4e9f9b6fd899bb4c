//! What kind of error it is.

/// What kind of error it is, whichever crate found it: whose fault, and what helps.
///
/// The list is closed: who handles errors by their kind handles all of them, as the command does with its exit codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The system could not read, write or start something.
    Io,
    /// What the caller asks for makes no sense, whatever the input.
    Usage,
    /// The input is damaged, contradicts itself, or does not fit the model.
    Invalid,
    /// The input is valid, but uses what fourfold does not have.
    Unsupported,
    /// The result would be of less than all the input; the caller has to allow it.
    Incomplete,
    /// A limit was reached, or memory ran out.
    Limit,
    /// The caller stopped the work.
    Interrupted,
}
