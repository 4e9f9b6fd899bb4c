//! Products next to the peak and to `rten-gemm`.

use std::hint::black_box;
use std::num::NonZeroUsize;

use fourfold_benches::{signed, unsigned};
use fourfold_kernels::{
    I32Output, Kernel, Lhs, Output, PackedWeights, QuantizedSlice, Requantized, Scales, Scratch, Weights, ZeroPoints,
    reference,
};
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions};
use rten_tensor::NdTensorView;

use crate::Shape;
use crate::ceiling::{peak_products, read};
use crate::clock::time;

/// Times every shape on every kernel; prints the geometric means of the ratios.
pub(crate) fn measure_all(kernels: &[Kernel], shapes: &[Shape]) {
    println!(
        "{:>16} {:>12} {:>8} {:>8} {:>7} {:>7} {:>9} {:>9} {:>9}",
        "m,n,k", "backend", "GOPS", "median", "% peak", "% read", "us", "u8/rten", "i32/rten"
    );
    let mut ratios = vec![[0.0; 2]; kernels.len()];
    for &shape in shapes {
        for (&kernel, ratios) in kernels.iter().zip(&mut ratios) {
            let measured = measure(kernel, shape);
            ratios.iter_mut().zip(measured).for_each(|(sum, ratio)| *sum += ratio.ln());
        }
    }
    for (kernel, ratios) in kernels.iter().zip(ratios) {
        let [values, sums] = ratios.map(|sum| (sum / shapes.len() as f64).exp());
        println!("{:>16} {:>12} {:>44} {values:>9.2} {sums:>9.2}", "geometric mean", kernel.name(), "");
    }
}

/// Compares two threads with one.
pub(crate) fn two_threads(kernel: Kernel, shapes: &[Shape]) {
    println!("{:>16} {:>12} {:>9} {:>9} {:>9}", "m,n,k", "backend", "us, one", "us, two", "one/two");
    for &(m, n, k) in shapes {
        let operands = Operands::new((m, n, k));
        let packed = kernel.pack(&operands.weights()).expect("valid weights");
        let [mut first, mut second] = [vec![0_u8; m * n], vec![0_u8; m * n]];
        let mut scratch = [1, 2].map(|threads| Scratch::with_threads(NonZeroUsize::new(threads).expect("not 0")));
        let [one, two] = &mut scratch;
        let [(one, _), (two, _)] =
            time(&mut [&mut || operands.requantize(kernel, &packed, &mut first, one), &mut || {
                operands.requantize(kernel, &packed, &mut second, two)
            }]);
        println!(
            "{:>16} {:>12} {:>9.2} {:>9.2} {:>9.2}",
            format!("{m},{n},{k}"),
            kernel.name(),
            1e6 * one,
            1e6 * two,
            one / two
        );
    }
}

/// The operands of a product, without its packed weights.
struct Operands {
    shape: Shape,
    lhs: Vec<u8>,
    rhs: Vec<i8>,
    multipliers: Vec<f32>,
    bias: Vec<i32>,
}

impl Operands {
    fn new((m, n, k): Shape) -> Self {
        let (lhs, rhs) = (unsigned(m * k), signed(n * k));
        Self { shape: (m, n, k), lhs, rhs, multipliers: vec![1e-4; n], bias: vec![5; n] }
    }

    fn weights(&self) -> Weights<'_> {
        let (_, n, k) = self.shape;
        Weights::row_major(QuantizedSlice::I8(&self.rhs), n, k, ZeroPoints::One(0))
    }

    fn left(&self) -> Lhs<'_> {
        let (m, _, k) = self.shape;
        Lhs { values: QuantizedSlice::U8(&self.lhs), m, row_stride: k, zero_points: ZeroPoints::One(0) }
    }

    fn requantize(&self, kernel: Kernel, packed: &PackedWeights, out: &mut [u8], scratch: &mut Scratch) {
        let output = Output::U8(Requantized {
            out,
            row_stride: self.shape.1,
            bias: Some(&self.bias),
            multipliers: Scales::Each(&self.multipliers),
            zero_point: 9,
            q_min: 9,
            q_max: 255,
            residual: None,
        });
        kernel.gemm(black_box(&self.left()), packed, output, scratch).expect("a valid product");
    }
}

/// Prints a line; returns the ratios to rten-gemm.
fn measure(kernel: Kernel, (m, n, k): Shape) -> [f64; 2] {
    let operands = Operands::new((m, n, k));
    let packed = kernel.pack(&operands.weights()).expect("valid weights");
    let (mut values, mut sums, mut theirs) = (vec![0_u8; m * n], vec![0_i32; m * n], vec![0_i32; m * n]);
    let mut scratch = [Scratch::default(), Scratch::default()];

    let rten = GemmExecutor::<u8, i8, i32>::default();
    let right = NdTensorView::from_data([n, k], operands.rhs.as_slice()).transposed();
    let rten_packed = rten.prepack_b(right);
    let rten_left = NdTensorView::from_data([m, k], operands.lhs.as_slice());

    let [first, second] = &mut scratch;
    let mut summed = || {
        let output = Output::I32(I32Output { out: &mut sums, row_stride: n, bias: None });
        kernel.gemm(black_box(&operands.left()), &packed, output, second).expect("a valid product");
    };
    let mut by_rten = || {
        let (a, b) = (GemmInputA::Unpacked(black_box(rten_left)), GemmInputB::Packed(&rten_packed));
        rten.gemm(&mut theirs, a, b, GemmOptions::default()).expect("a valid product");
    };
    let mut peak = || {
        black_box(peak_products());
    };
    let bytes = vec![1_u64; packed.bytes() / 8];
    let mut reading = || {
        black_box(read(black_box(&bytes)));
    };
    let times = time(&mut [
        &mut || operands.requantize(kernel, &packed, &mut values, first),
        &mut summed,
        &mut by_rten,
        &mut peak,
        &mut reading,
    ]);
    for (row, column) in [(0, 0), (m - 1, n - 1), (m / 2, n / 3)] {
        let expected = reference::sum(&operands.left(), &operands.weights(), row, column);
        assert_eq!(sums[row * n + column], expected, "{m},{n},{k} {kernel:?}");
    }
    // On CPUs with AVX2 and without VNNI.
    assert!(sums == theirs || rten.may_saturate(), "rten-gemm has other sums");
    let saturated = if sums == theirs { "" } else { "  rten-gemm saturated" };
    let operations = (2 * m * n * k) as f64;
    let [(best, median), (best_sum, _), (best_rten, _), (best_peak, _), (best_read, _)] = times;
    println!(
        "{:>16} {:>12} {:>8.1} {:>8.1} {:>6.1}% {:>7} {:>9.2} {:>9.2} {:>9.2}{saturated}",
        format!("{m},{n},{k}"),
        kernel.name(),
        1e-9 * operations / best,
        1e-9 * operations / median,
        100.0 * operations / best / (2.0 * peak_products() as f64 / best_peak),
        if m == 1 { format!("{:.1}%", 100.0 * best_read / best) } else { String::new() },
        1e6 * best,
        best_rten / best,
        best_rten / best_sum,
    );
    [best_rten / best, best_rten / best_sum]
}
