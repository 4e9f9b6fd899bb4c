//! Elements per second and thread of `fourfold-math`, next to the standard library.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use fourfold_math::{LayerNorm, RmsNorm, Unary, softmax};

type Function = fn(f32) -> f32;

/// 16 KiB: fits the L1 cache together with the result.
const LENGTH: usize = 4096;

/// The row length of a transformer.
const WIDTHS: [usize; 3] = [64, 768, 4096];

/// Numbers between -8 and 8, positive for a logarithm.
fn input(function: Unary) -> Vec<f32> {
    let numbers = fourfold_benches::unsigned(LENGTH).into_iter().map(|code| f32::from(code) / 16.0 - 8.0);
    if function == Unary::Ln { numbers.map(f32::abs).collect() } else { numbers.collect() }
}

fn functions(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("functions");
    group.throughput(Throughput::Elements(LENGTH as u64));
    let mut out = vec![0.0; LENGTH];
    for function in Unary::ALL {
        let x = input(function);
        group.bench_function(BenchmarkId::from_parameter(format!("{function:?}")), |bencher| {
            bencher.iter(|| function.map(&x, &mut out).expect("as long"));
        });
    }
    let library = [
        ("std exp", f32::exp as Function, Unary::Exp),
        ("std ln", f32::ln, Unary::Ln),
        ("std tanh", f32::tanh, Unary::Tanh),
    ];
    for (name, function, like) in library {
        let x = input(like);
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter_batched_ref(
                || x.clone(),
                |x| x.iter_mut().for_each(|x| *x = function(*x)),
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

fn rows(criterion: &mut Criterion) {
    for width in WIDTHS {
        let mut group = criterion.benchmark_group(format!("rows of {width}"));
        let all = input(Unary::Exp);
        let x = &all[..LENGTH / width * width];
        group.throughput(Throughput::Elements(x.len() as u64));
        let (gamma, mut out) = (vec![1.5; width], vec![0.0; x.len()]);
        group.bench_function("softmax", |bencher| bencher.iter(|| softmax(x, width, &mut out).expect("whole rows")));
        let norm = LayerNorm { gamma: &gamma, beta: Some(&gamma), epsilon: 1e-5 };
        group.bench_function("LayerNorm", |bencher| bencher.iter(|| norm.apply(x, &mut out).expect("whole rows")));
        let norm = RmsNorm { gamma: &gamma, epsilon: 1e-5 };
        group.bench_function("RmsNorm", |bencher| bencher.iter(|| norm.apply(x, &mut out).expect("whole rows")));
        group.finish();
    }
}

criterion_group!(benches, functions, rows);
criterion_main!(benches);
