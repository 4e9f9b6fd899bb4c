//! Limits that keep a small hostile file from becoming a large graph, array or image.

use core::fmt;

use crate::ErrorKind;

/// What a loader accepts. The defaults fit every model this project knows of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a model file.
    pub file_bytes: u64,
    /// Bytes of a container's or a safetensors file's header.
    pub header_bytes: u64,
    /// Nodes of a graph.
    pub nodes: u64,
    /// Values of a graph: inputs, constants and results.
    pub values: u64,
    /// Elements of one tensor, symbolic dimensions counted as 1.
    pub elements: u64,
    /// Elements of all constants that are computed from those of a file while it is read. Eight for each byte of the
    /// file are always allowed.
    pub computed_elements: u64,
    /// Bytes of one name.
    pub name_bytes: u64,
    /// Size of a kernel, stride, dilation or padding on one axis.
    pub window: u64,
    /// Bytes that a session may hold: activations, outputs, and what operators need while they run.
    pub arena_bytes: u64,
    /// Members of an archive (`.npz`).
    pub archive_entries: u64,
    /// Bytes of all members of an archive together, decompressed.
    pub archive_bytes: u64,
    /// Decompressed bytes for each byte of an archive. A mebibyte in all is always allowed.
    pub archive_ratio: u64,
    /// Width or height of an image, in pixels.
    pub image_side: u64,
    /// Bytes that an image takes while it is decoded, resized or made a tensor.
    pub image_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            file_bytes: 4 << 30,
            header_bytes: 16 << 20,
            nodes: 100_000,
            values: 200_000,
            elements: i32::MAX.unsigned_abs().into(),
            computed_elements: 1 << 24,
            name_bytes: 4096,
            window: 4096,
            arena_bytes: 8 << 30,
            archive_entries: 65_536,
            archive_bytes: 4 << 30,
            archive_ratio: 1000,
            image_side: 16_384,
            image_bytes: 512 << 20,
        }
    }
}

/// The field of a limit.
type Field = fn(&mut Limits) -> &mut u64;

impl Limits {
    /// The names of the limits, as [`Limits::set`] takes them.
    pub const NAMES: [&str; 14] = [
        "file-bytes",
        "header-bytes",
        "nodes",
        "values",
        "elements",
        "computed-elements",
        "name-bytes",
        "window",
        "arena-bytes",
        "archive-entries",
        "archive-bytes",
        "archive-ratio",
        "image-side",
        "image-bytes",
    ];

    const FIELDS: [Field; 14] = [
        |limits| &mut limits.file_bytes,
        |limits| &mut limits.header_bytes,
        |limits| &mut limits.nodes,
        |limits| &mut limits.values,
        |limits| &mut limits.elements,
        |limits| &mut limits.computed_elements,
        |limits| &mut limits.name_bytes,
        |limits| &mut limits.window,
        |limits| &mut limits.arena_bytes,
        |limits| &mut limits.archive_entries,
        |limits| &mut limits.archive_bytes,
        |limits| &mut limits.archive_ratio,
        |limits| &mut limits.image_side,
        |limits| &mut limits.image_bytes,
    ];

    /// Sets the limit of that name; `false` if there is none.
    pub fn set(&mut self, name: &str, value: u64) -> bool {
        let field = Self::NAMES.iter().position(|&known| known == name).map(|index| Self::FIELDS[index]);
        field.map(|field| *field(self) = value).is_some()
    }

    /// Checks an amount against the limit of that name.
    ///
    /// # Errors
    ///
    /// [`LimitExceeded`] if `actual` is larger than `limit`.
    pub fn check(name: &'static str, actual: u64, limit: u64) -> Result<(), LimitExceeded> {
        if actual > limit { Err(LimitExceeded { name, actual, limit }) } else { Ok(()) }
    }
}

/// An amount went past a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LimitExceeded {
    /// The limit's name, one of [`Limits::NAMES`].
    pub name: &'static str,
    /// The amount.
    pub actual: u64,
    /// The limit.
    pub limit: u64,
}

impl LimitExceeded {
    /// [`ErrorKind::Limit`].
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        ErrorKind::Limit
    }
}

impl fmt::Display for LimitExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, actual, limit } = self;
        write!(
            f,
            "{actual} exceeds the limit `{name}` of {limit}; \
             raise it with --limit {name}={actual} if you trust the file"
        )
    }
}

impl std::error::Error for LimitExceeded {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_sets_its_own_field() {
        for (index, name) in Limits::NAMES.into_iter().enumerate() {
            let mut limits = Limits::default();
            assert!(limits.set(name, 7));
            assert_eq!(*Limits::FIELDS[index](&mut limits), 7);
            assert_ne!(limits, Limits::default());
        }
        assert!(!Limits::default().set("no-such-limit", 1));
    }
}
