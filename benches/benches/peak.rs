//! Products next to the fastest that this CPU can multiply and next to the `rten-gemm` crate, in one process, taking turns.
//!
//! ```text
//! taskset -c 1 cargo bench -p fourfold-benches --bench peak -- [M,N,K]... [BACKEND]...
//! ```
//!
//! For each shape and backend: operations per second (2 m n k / time) from the shortest and from the median time, percent of the peak
//! that was measured next to it, and the ratio to rten-gemm, which stops at `i32`, ours at `i32` and at requantized `u8`. One
//! thread. Weights are packed beforehand, activations are not. Every result is compared before it is timed.
#![expect(unsafe_code, reason = "the loop that finds the peak is made of instructions")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use fourfold_benches::{SHAPES, signed, unsigned};
use fourfold_kernels::{
    Codes, I32Output, Kernel, Lhs, Output, Requantized, Scales, Scratch, Weights, ZeroPoints, reference,
};
use rten_gemm::{GemmExecutor, GemmInputA, GemmInputB, GemmOptions};
use rten_tensor::NdTensorView;

/// Times are taken over groups of calls of at least this length.
const GROUP: Duration = Duration::from_micros(400);

/// Groups of each contestant.
const ROUNDS: usize = 15;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let parse = |text: &String| {
        let sizes: Vec<usize> = text.split(',').filter_map(|size| size.parse().ok()).collect();
        <[usize; 3]>::try_from(sizes).ok().map(|[m, n, k]| (m, n, k))
    };
    let asked: Vec<(usize, usize, usize)> = arguments.iter().filter_map(parse).collect();
    let names: Vec<&str> = arguments.iter().filter(|text| parse(text).is_none()).map(String::as_str).collect();
    println!(
        "{:>16} {:>12} {:>8} {:>8} {:>7} {:>9} {:>9} {:>9}",
        "m,n,k", "backend", "GOPS", "median", "% peak", "us", "u8/rten", "i32/rten"
    );
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("one thread");
    pool.install(|| {
        for &shape in if asked.is_empty() { &SHAPES[..] } else { &asked } {
            for kernel in Kernel::supported().filter(|kernel| names.is_empty() || names.contains(&kernel.name())) {
                measure(kernel, shape);
            }
        }
    });
}

fn measure(kernel: Kernel, (m, n, k): (usize, usize, usize)) {
    let (lhs, rhs) = (unsigned(m * k), signed(n * k));
    let (multipliers, bias) = (vec![1e-4; n], vec![5; n]);
    let weights = Weights::row_major(Codes::I8(&rhs), n, k, ZeroPoints::One(0));
    let left = Lhs { codes: Codes::U8(&lhs), m, row_stride: k, zero_points: ZeroPoints::One(0) };
    let packed = kernel.pack(&weights).expect("valid weights");
    let (mut codes, mut sums, mut theirs) = (vec![0_u8; m * n], vec![0_i32; m * n], vec![0_i32; m * n]);
    let mut scratch = [Scratch::default(), Scratch::default()];

    let rten = GemmExecutor::<u8, i8, i32>::default();
    let right = NdTensorView::from_data([n, k], rhs.as_slice()).transposed();
    let rten_packed = rten.prepack_b(right);
    let rten_left = NdTensorView::from_data([m, k], lhs.as_slice());

    let [first, second] = &mut scratch;
    let mut requantized = || {
        let output = Output::U8(Requantized {
            out: &mut codes,
            row_stride: n,
            bias: Some(&bias),
            multipliers: Scales::Each(&multipliers),
            zero_point: 9,
            q_min: 9,
            q_max: 255,
            residual: None,
        });
        kernel.gemm(black_box(&left), &packed, output, first).expect("a valid product");
    };
    let mut summed = || {
        let output = Output::I32(I32Output { out: &mut sums, row_stride: n, bias: None });
        kernel.gemm(black_box(&left), &packed, output, second).expect("a valid product");
    };
    let mut by_rten = || {
        let (a, b) = (GemmInputA::Unpacked(black_box(rten_left)), GemmInputB::Packed(&rten_packed));
        rten.gemm(&mut theirs, a, b, GemmOptions::default()).expect("a valid product");
    };
    let mut peak = || {
        black_box(peak_products());
    };
    let times = time(&mut [&mut requantized, &mut summed, &mut by_rten, &mut peak]);
    for (row, column) in [(0, 0), (m - 1, n - 1), (m / 2, n / 3)] {
        assert_eq!(sums[row * n + column], reference::sum(&left, &weights, row, column), "{m},{n},{k} {kernel:?}");
    }
    assert!(sums == theirs, "rten-gemm has other sums");
    let operations = (2 * m * n * k) as f64;
    let [(best, median), (best_sum, _), (best_rten, _), (best_peak, _)] = times;
    println!(
        "{:>16} {:>12} {:>8.1} {:>8.1} {:>6.1}% {:>9.2} {:>9.2} {:>9.2}",
        format!("{m},{n},{k}"),
        kernel.name(),
        1e-9 * operations / best,
        1e-9 * operations / median,
        100.0 * operations / best / (2.0 * peak_products() as f64 / best_peak),
        1e6 * best,
        best_rten / best,
        best_rten / best_sum,
    );
}

/// The shortest and the median time of a call of each contestant in seconds; they take turns.
fn time<const N: usize>(contestants: &mut [&mut dyn FnMut(); N]) -> [(f64, f64); N] {
    let counts = contestants.each_mut().map(|run| {
        let mut count = 1_u32;
        loop {
            let start = Instant::now();
            (0..count).for_each(|_| run());
            if start.elapsed() > GROUP {
                return count;
            }
            count *= 2;
        }
    });
    let mut times = [(); N].map(|()| Vec::new());
    for _ in 0..ROUNDS {
        for (place, run) in contestants.iter_mut().enumerate() {
            let start = Instant::now();
            (0..counts[place]).for_each(|_| run());
            times[place].push(start.elapsed().as_secs_f64() / f64::from(counts[place]));
        }
    }
    times.map(|mut times| {
        times.sort_by(f64::total_cmp);
        (times[0], times[times.len() / 2])
    })
}

/// Multiplies as fast as this CPU can, with nothing but registers; returns the number of products.
fn peak_products() -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        if std::arch::is_x86_feature_detected!("avx512vnni") {
            // SAFETY: the CPU has the instructions.
            return unsafe { x86_64::vpdpbusd() };
        }
        if std::arch::is_x86_feature_detected!("avx2") {
            // SAFETY: the CPU has the instructions.
            return unsafe { x86_64::vpmaddwd() };
        }
    }
    1
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    //! Register-only loops.

    use std::arch::x86_64::*;
    use std::hint::black_box;

    const ITERATIONS: usize = 4096;

    #[target_feature(enable = "avx512f,avx512vnni")]
    pub(super) fn vpdpbusd() -> usize {
        let mut acc = [_mm512_setzero_si512(); 24];
        let (a, b) = (black_box(_mm512_set1_epi32(3)), black_box(_mm512_set1_epi32(5)));
        for _ in 0..ITERATIONS {
            for acc in &mut acc {
                *acc = _mm512_dpbusd_epi32(*acc, a, b);
            }
        }
        black_box(acc);
        ITERATIONS * 24 * 64
    }

    #[target_feature(enable = "avx2")]
    pub(super) fn vpmaddwd() -> usize {
        let mut acc = [_mm256_setzero_si256(); 12];
        let (a, b) = (black_box(_mm256_set1_epi32(3)), black_box(_mm256_set1_epi32(5)));
        for _ in 0..ITERATIONS {
            for acc in &mut acc {
                *acc = _mm256_add_epi32(*acc, _mm256_madd_epi16(a, b));
            }
        }
        black_box(acc);
        ITERATIONS * 12 * 16
    }
}
