//! Activations in the form that a backend reads.

use core::ops::Range;

use alloc::vec::Vec;

use super::columns::RowTerms;
use crate::backend::layout::Layout;
use crate::memory::{grow, reserve};
use crate::{Error, Lhs, PackedWeights, QuantizedSlice, ZeroPoints};

/// What the memory of the rows' terms is for.
const WHAT: &str = "the parameters of the rows";

/// Packed rows of one stretch take about this many bytes.
const STRETCH_BYTES: usize = 256 << 10;

/// Rows that are read in one way.
pub(super) struct Stretch {
    pub(super) rows: Range<usize>,
    pub(super) in_place: bool,
}

/// Splits the rows into those that can be read where they are and those that must be packed.
pub(super) fn stretches(
    lhs: &Lhs<'_>,
    weights: &PackedWeights,
    layout: Layout,
) -> impl Iterator<Item = Stretch> + use<> {
    let m = lhs.m;
    let in_place = in_place(lhs, weights, layout);
    let packed = (STRETCH_BYTES / (row_bytes(weights, layout) + 1)).next_multiple_of(24).max(24);
    let starts = (in_place..m).step_by(packed);
    let rest = starts.map(move |start| Stretch { rows: start..m.min(start + packed), in_place: false });
    core::iter::once(Stretch { rows: 0..in_place, in_place: true }).filter(|first| !first.rows.is_empty()).chain(rest)
}

/// The number of rows, from the first, that can be read in place: the last group of a row may reach past it, since the
/// weights there are 0, but not past the end of the slice.
fn in_place(lhs: &Lhs<'_>, weights: &PackedWeights, layout: Layout) -> usize {
    if !layout.is_read_in_place(lhs.values.is_signed()) {
        return 0;
    }
    let spare = lhs.values.len().checked_sub(layout.group_bytes() * weights.steps());
    let whole = spare.map_or(0, |spare| spare.checked_div(lhs.row_stride).map_or(lhs.m, |rows| lhs.m.min(rows + 1)));
    // A few rows at the end are a panel of their own, or all of them are packed.
    if whole == lhs.m || whole >= 64 { whole } else { 0 }
}

/// The distance of packed rows in bytes: whole groups, and not a multiple of 4096, at which rows would share cache
/// sets.
fn row_bytes(weights: &PackedWeights, layout: Layout) -> usize {
    let bytes = (layout.group_bytes() * weights.steps()).next_multiple_of(64);
    if bytes.is_multiple_of(1024) { bytes + 64 } else { bytes }
}

/// Packs some rows; returns where the first begins and the distance between them in bytes.
pub(super) fn pack(
    lhs: &Lhs<'_>,
    rows: &Range<usize>,
    weights: &PackedWeights,
    layout: Layout,
    packed: &mut Vec<u8>,
) -> Result<(*const u8, usize), Error> {
    let stride = row_bytes(weights, layout);
    // What is left between the rows from other calls is multiplied by weights that are 0.
    let too_large = Error::TooLarge { what: "the activations" };
    grow("the activations", packed, rows.len().checked_mul(stride).ok_or(too_large)?, 0)?;
    let k = weights.k();
    for (row, packed) in rows.clone().zip(packed.chunks_exact_mut(stride)) {
        convert(lhs.values, row * lhs.row_stride, layout, packed, k);
    }
    Ok((packed.as_ptr(), stride))
}

/// Writes `count` quantized values from `from` on in the layout's form.
pub(crate) fn convert(values: QuantizedSlice<'_>, from: usize, layout: Layout, to: &mut [u8], count: usize) {
    let bytes = &values.as_bytes()[from..from + count];
    match layout {
        Layout::Words => {
            for (to, &code) in to.chunks_exact_mut(2).zip(bytes) {
                let code = if values.is_signed() { i16::from(code.cast_signed()) } else { i16::from(code) };
                to.copy_from_slice(&code.to_ne_bytes());
            }
        }
        _ if layout.shift(values.is_signed()) == 0 => to[..count].copy_from_slice(bytes),
        // 128 more or less is the other sign bit.
        _ => to.iter_mut().zip(bytes).for_each(|(to, code)| *to = code ^ 0x80),
    }
}

/// The terms of the rows' zero points; without depth there are none.
pub(super) fn row_terms<'a>(
    lhs: &Lhs<'_>,
    weights: &PackedWeights,
    layout: Layout,
    factors: &'a mut Vec<i32>,
    sums: &'a mut Vec<i32>,
) -> Result<RowTerms<'a>, Error> {
    let (shift, k) = (layout.shift(lhs.values.is_signed()), weights.k());
    factors.clear();
    sums.clear();
    let zero_point = match lhs.zero_points {
        ZeroPoints::One(zero_point) => zero_point + shift,
        ZeroPoints::Each(_) if k == 0 => 0,
        ZeroPoints::Each(zero_points) => {
            reserve(WHAT, factors, lhs.m)?;
            factors.extend(zero_points[..lhs.m].iter().map(|zero_point| -(zero_point + shift)));
            0
        }
    };
    if !weights.zero_points().is_empty() {
        reserve(WHAT, sums, lhs.m)?;
        for row in 0..lhs.m {
            // The shift of the activations and that of the zero point cancel.
            let values = (row * lhs.row_stride..).take(k).map(|at| lhs.values.at(at));
            sums.push(window_sum(values, lhs.zero_points.at(row)));
        }
    }
    Ok(RowTerms { zero_point, factors, sums })
}

/// `count * zero_point - sum(values)`, modulo 2^32.
pub(crate) fn window_sum(values: impl Iterator<Item = i32>, zero_point: i32) -> i32 {
    values.fold(0_i32, |sum, code| sum.wrapping_add(zero_point).wrapping_sub(code))
}
