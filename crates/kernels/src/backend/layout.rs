//! How backends read their operands.

use super::isa::LANES;

/// How a backend reads its operands: activations in groups of `depth` neighbours, weights in slabs of 16 columns, each
/// a sequence of steps of 16 groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    not(target_arch = "aarch64"),
    allow(dead_code, reason = "backends of other architectures read other layouts")
)]
pub(crate) enum Layout {
    /// Four `u8` activations times four `i8` weights: a step is 64 bytes.
    Bytes,
    /// Four `i8` activations times four `i8` weights: a step is 64 bytes.
    Signed,
    /// As [`Layout::Signed`], but the first two weights of four columns come before their last two.
    Halves,
    /// Eight `u8` activations times eight `i8` weights: a step is 128 bytes.
    Matrix,
    /// Two `i16` activations times two `i8` weights: a step is 32 bytes.
    Words,
}

impl Layout {
    /// Products of one group.
    pub(crate) const fn depth(self) -> usize {
        match self {
            Layout::Bytes | Layout::Signed | Layout::Halves => 4,
            Layout::Matrix => 8,
            Layout::Words => 2,
        }
    }

    /// Bytes of one step of a slab.
    pub(crate) const fn step_bytes(self) -> usize {
        LANES * self.depth()
    }

    /// Bytes of an activation.
    pub(crate) const fn lhs_bytes(self) -> usize {
        if matches!(self, Layout::Words) { 2 } else { 1 }
    }

    /// Bytes of a group of activations.
    pub(crate) const fn group_bytes(self) -> usize {
        self.depth() * self.lhs_bytes()
    }

    /// What is added to activations so that they can be stored.
    pub(crate) const fn shift(self, is_signed: bool) -> i32 {
        match self {
            Layout::Bytes | Layout::Matrix if is_signed => 128,
            Layout::Signed | Layout::Halves if !is_signed => -128,
            _ => 0,
        }
    }

    /// Whether activations can be read as they are.
    pub(crate) const fn is_read_in_place(self, is_signed: bool) -> bool {
        self.lhs_bytes() == 1 && self.shift(is_signed) == 0
    }

    /// The byte of weight `p` of column `lane` within a step.
    pub(crate) const fn place(self, lane: usize, p: usize) -> usize {
        match self {
            Layout::Halves => lane / 4 * 16 + p / 2 * 8 + lane % 4 * 2 + p % 2,
            _ => lane * self.depth() + p,
        }
    }

    /// The layout of the weights of a depthwise convolution: a group is a few rows of the kernel.
    pub(crate) const fn depthwise(self) -> Self {
        if matches!(self, Layout::Matrix) { Layout::Bytes } else { self }
    }

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Layout::Bytes => "K4N16",
            Layout::Signed => "K4N16 signed",
            Layout::Halves => "K2N4 signed",
            Layout::Matrix => "K8N16",
            Layout::Words => "K2N16",
        }
    }
}
