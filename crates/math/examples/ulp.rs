//! The largest error of every function of one number, over all 2^32 of them; of hard sigmoid the roundings are the
//! definition.
//!
//! ```sh
//! cargo run --release -p fourfold-math --example ulp
//! ```

#[path = "../tests/common/mod.rs"]
mod reference;

use std::thread;

use fourfold_math::Unary;

/// The largest error and where it is.
type Worst = (f64, f32);

fn main() -> Result<(), fourfold_math::Error> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let rounded = |function: &Unary| matches!(function, Unary::HardSigmoid { .. });
    for function in Unary::ALL.into_iter().filter(|function| !rounded(function)) {
        let parts = thread::scope(|scope| {
            let parts: Vec<_> = (0..threads).map(|part| scope.spawn(move || worst(function, part, threads))).collect();
            parts.into_iter().filter_map(|part| part.join().ok()).collect::<Result<Vec<Worst>, _>>()
        })?;
        let (error, x) = parts.into_iter().fold((0.0, 0.0), |a, b| if b.0 > a.0 { b } else { a });
        println!("{function:?}: {error:.3} ulp at {x:e}");
    }
    Ok(())
}

/// Over one of `parts` parts of all numbers.
#[expect(clippy::cast_possible_truncation, reason = "32 bits")]
fn worst(function: Unary, part: usize, parts: usize) -> Result<Worst, fourfold_math::Error> {
    let mut worst = (0.0, 0.0);
    let mut y = [0.0; 1 << 12];
    for block in (part..1 << 20).step_by(parts) {
        let x: [f32; 1 << 12] = std::array::from_fn(|index| f32::from_bits((block << 12 | index) as u32));
        function.map(&x, &mut y)?;
        for (&x, &y) in x.iter().zip(&y) {
            let error = reference::ulp(y, reference::exact(function, x));
            if error > worst.0 {
                worst = (error, x);
            }
        }
    }
    Ok(worst)
}
