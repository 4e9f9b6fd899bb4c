//! Bytes of `f32` that observers process per second and thread, and the time to search a range.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fourfold_observers::ObserverKind;
use fourfold_tensor::Tensor;

/// 4 MiB: observed on the caller's thread, and larger than the L2 cache.
const SHAPE: [usize; 2] = [1024, 1024];

/// Observers with code of their own for values; the others wrap one of these.
const KINDS: [ObserverKind; 4] =
    [ObserverKind::MinMax, ObserverKind::PerChannelMinMax, ObserverKind::Histogram, ObserverKind::Mse];

/// Nearly normal values (sums of uniform ones); with `relu`, clamped at 0.
#[expect(clippy::cast_possible_truncation, reason = "noise has no need of more digits")]
fn activations(relu: bool) -> Tensor {
    let mut state = 1_u64;
    let mut uniform = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        f64::from((state >> 40) as u32) / f64::from(1 << 24) - 0.5
    };
    let mut one = || (0..6).map(|_| uniform()).sum::<f64>() as f32;
    let elements = (0..SHAPE[0] * SHAPE[1]).map(|_| if relu { one().max(0.0) } else { one() }).collect();
    Tensor::from_vec(&SHAPE, elements).expect("as many elements as the shape has")
}

fn observe(criterion: &mut Criterion) {
    for (name, x) in [("normal", activations(false)), ("relu", activations(true))] {
        let mut group = criterion.benchmark_group(format!("observe {name}"));
        group.throughput(Throughput::Bytes((x.len() * size_of::<f32>()) as u64));
        for kind in KINDS {
            let mut observer = kind.observer();
            group.bench_function(BenchmarkId::from_parameter(kind.name()), |bencher| {
                bencher.iter(|| observer.observe(&x).expect("finite"));
            });
        }
        group.finish();
    }
}

fn search(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("search");
    group.sample_size(10);
    let x = activations(false);
    let percentile = ObserverKind::Percentile { percent: 99.999 };
    for kind in [ObserverKind::Histogram, ObserverKind::Mse, percentile, ObserverKind::Entropy] {
        let mut observer = kind.observer();
        observer.observe(&x).expect("finite");
        group.bench_function(BenchmarkId::from_parameter(kind.name()), |bencher| {
            bencher.iter(|| observer.ranges().expect("values"));
        });
    }
    group.finish();
}

criterion_group!(benches, observe, search);
criterion_main!(benches);
