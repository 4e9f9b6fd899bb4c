//! Products requantized to `u8`, by every backend that this CPU has, under criterion.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fourfold_benches::{signed, unsigned};
use fourfold_kernels::{Kernel, Lhs, Output, QuantizedSlice, Requantized, Scales, Scratch, Weights, ZeroPoints};

/// A few shapes only, so that a run takes a minute.
const SHAPES: [(usize, usize, usize); 4] = [(64, 768, 768), (256, 1024, 1024), (3136, 64, 576), (1, 1024, 1024)];

fn gemm(criterion: &mut Criterion) {
    for (m, n, k) in SHAPES {
        let mut group = criterion.benchmark_group(format!("gemm {m}x{n}x{k}"));
        group.throughput(Throughput::Elements((2 * m * n * k) as u64));
        let (lhs, rhs, multipliers, bias) = (unsigned(m * k), signed(n * k), vec![1e-4; n], vec![5; n]);
        let weights = Weights::row_major(QuantizedSlice::I8(&rhs), n, k, ZeroPoints::One(0));
        let lhs = Lhs { values: QuantizedSlice::U8(&lhs), m, row_stride: k, zero_points: ZeroPoints::One(117) };
        for kernel in Kernel::supported() {
            let packed = kernel.pack(&weights).expect("valid weights");
            let (mut out, mut scratch) = (vec![0_u8; m * n], Scratch::default());
            group.bench_function(BenchmarkId::from_parameter(kernel.name()), |bencher| {
                bencher.iter(|| {
                    let output = Output::U8(Requantized {
                        out: &mut out,
                        row_stride: n,
                        bias: Some(&bias),
                        multipliers: Scales::Each(&multipliers),
                        zero_point: 9,
                        q_min: 9,
                        q_max: 255,
                        residual: None,
                    });
                    kernel.gemm(&lhs, &packed, output, &mut scratch).expect("a valid product");
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, gemm);
criterion_main!(benches);
