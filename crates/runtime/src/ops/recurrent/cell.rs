//! One time step of one row of a recurrent layer.
//!
//! `a` and `b` are the products of the input and of the hidden state, with their biases, gate after gate, `h` the
//! hidden state and `c` the cell state. Every operation is rounded by itself, in the order written, and `sigmoid` and
//! `tanh` are those of `fourfold_math`, so the bits are the same on every CPU:
//!
//! ```text
//! LSTM (i, f, g, o)   i = sigmoid(a_i + b_i)   f = sigmoid(a_f + b_f)   g = tanh(a_g + b_g)   o = sigmoid(a_o + b_o)
//!                     c = (f * c) + (i * g)    h = o * tanh(c)
//! GRU (r, z, n)       r = sigmoid(a_r + b_r)   z = sigmoid(a_z + b_z)   n = tanh(a_n + (r * b_n))
//!                     h = ((1 - z) * n) + (z * h)
//!   reset before      the same with n = tanh(a_n + b_n), where b_n is the product of r * h
//! RNN                 h = tanh(a + b)   or   h = max(a + b, 0)
//! ```
//!
//! Each function is a few loops over whole slices, which the compiler makes vectors of, as wide as the caller's.

use fourfold_math as math;

/// `b = sigmoid(a + b)`.
#[inline(always)]
fn sigmoids(a: &[f32], b: &mut [f32]) {
    for (b, a) in b.iter_mut().zip(a) {
        *b = math::sigmoid(*a + *b);
    }
}

/// `b = tanh(a + b)`.
#[inline(always)]
fn tanhs(a: &[f32], b: &mut [f32]) {
    for (b, a) in b.iter_mut().zip(a) {
        *b = math::tanh(*a + *b);
    }
}

/// An LSTM; `b` is left as the gates.
#[inline(always)]
pub(super) fn lstm(a: &[f32], b: &mut [f32], h: &mut [f32], c: &mut [f32]) {
    let size = h.len();
    sigmoids(&a[..2 * size], &mut b[..2 * size]);
    tanhs(&a[2 * size..3 * size], &mut b[2 * size..3 * size]);
    sigmoids(&a[3 * size..], &mut b[3 * size..]);
    let (i, rest) = b.split_at(size);
    let (f, rest) = rest.split_at(size);
    let (g, o) = rest.split_at(size);
    for (((c, f), i), g) in c.iter_mut().zip(f).zip(i).zip(g) {
        *c = f * *c + i * g;
    }
    for ((h, o), c) in h.iter_mut().zip(o).zip(&*c) {
        *h = o * math::tanh(*c);
    }
}

/// A GRU that resets the product of the hidden state; `b` is left as the gates.
#[inline(always)]
pub(super) fn gru(a: &[f32], b: &mut [f32], h: &mut [f32]) {
    let size = h.len();
    let ((a, a_n), (b, b_n)) = (a.split_at(2 * size), b.split_at_mut(2 * size));
    sigmoids(a, b);
    let (r, z) = b.split_at(size);
    for ((n, r), a) in b_n.iter_mut().zip(r).zip(a_n) {
        *n = math::tanh(a + r * *n);
    }
    mix(z, b_n, h);
}

/// The gates `r` and `z` of a GRU that resets the hidden state, which `reset = r * h` then is.
#[inline(always)]
pub(super) fn reset(a: &[f32], b: &mut [f32], h: &[f32], reset: &mut [f32]) {
    let size = h.len();
    sigmoids(&a[..2 * size], &mut b[..2 * size]);
    for ((reset, r), h) in reset.iter_mut().zip(&b[..size]).zip(h) {
        *reset = r * h;
    }
}

/// The rest, when `b_n` is the product of the result of [`reset`].
#[inline(always)]
pub(super) fn gru_reset_before(a: &[f32], b: &mut [f32], h: &mut [f32]) {
    let size = h.len();
    let (z, n) = b[size..].split_at_mut(size);
    tanhs(&a[2 * size..], n);
    mix(z, n, h);
}

/// `h = ((1 - z) * n) + (z * h)`.
#[inline(always)]
fn mix(z: &[f32], n: &[f32], h: &mut [f32]) {
    for ((h, z), n) in h.iter_mut().zip(z).zip(n) {
        *h = (1.0 - z) * n + z * *h;
    }
}

/// `h = tanh(a + b)`.
#[inline(always)]
pub(super) fn tanh(a: &[f32], b: &[f32], h: &mut [f32]) {
    for ((h, a), b) in h.iter_mut().zip(a).zip(b) {
        *h = math::tanh(a + b);
    }
}

/// `h = max(a + b, 0)`; NaN stays.
#[inline(always)]
pub(super) fn relu(a: &[f32], b: &[f32], h: &mut [f32]) {
    for ((h, a), b) in h.iter_mut().zip(a).zip(b) {
        let sum = a + b;
        *h = if sum <= 0.0 { 0.0 } else { sum };
    }
}
