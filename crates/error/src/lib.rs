//! Why input is refused: the kinds of errors, the limits of loaders, and excerpts of files for messages.
//!
//! Every other crate of fourfold has an error type of its own, whose variants carry the values that did not fit. What
//! they have in common is here: [`ErrorKind`], which their methods `kind()` give.
//!
//! ```
//! use fourfold_error::{ErrorKind, Excerpt, Limits};
//!
//! let limits = Limits { name_bytes: 8, ..Limits::default() };
//! let error = Limits::check("name-bytes", 9, limits.name_bytes).unwrap_err();
//! assert_eq!(error.kind(), ErrorKind::Limit);
//! assert_eq!(Excerpt("a name\n").to_string(), "a name\u{fffd}");
//! ```
//!
//! Architecture Invariant: this crate depends on nothing and reads nothing. It says what is too large; whoever reads a
//! file checks it.

mod excerpt;
mod kind;
mod limits;

pub use excerpt::Excerpt;
pub use kind::ErrorKind;
pub use limits::{LimitExceeded, Limits};
