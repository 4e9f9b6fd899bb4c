//! Running a plan allocates nothing once its session has seen inputs of the same sizes.
#![expect(unsafe_code, reason = "an allocator that counts has to be an allocator")]

mod digits;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::num::NonZeroUsize;
use std::sync::Arc;

use digits::every_model;
use fourfold::prelude::*;

thread_local! {
    /// Allocations of this thread so far.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, which counts.
struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count() {
    // A thread that is ending has no counter any more.
    let _ = ALLOCATIONS.try_with(|allocations| allocations.set(allocations.get() + 1));
}

// SAFETY: every call is passed on unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are those that the system's allocator wants.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// The number of allocations of this thread while it does something.
fn allocations<R>(work: impl FnOnce() -> R) -> (usize, R) {
    let before = ALLOCATIONS.get();
    let result = work();
    (ALLOCATIONS.get() - before, result)
}

#[test]
fn allocations_are_counted() {
    assert_eq!(allocations(|| std::hint::black_box(Vec::<u8>::with_capacity(100))).0, 1);
    assert_eq!(allocations(|| 1 + 1), (0, 2));
}

/// Which products of real numbers a model is run with: the fast ones only where no large product is left in floating point, because
/// the `gemm` crate allocates.
fn products(name: &str) -> &'static [FloatProducts] {
    let has_large_products = name.ends_with("float") || ["digits_cnn dynamic", "digits_lstm static"].contains(&name);
    if has_large_products { &[FloatProducts::Exact] } else { &[FloatProducts::Fast, FloatProducts::Exact] }
}

#[test]
fn the_second_run_of_a_size_allocates_nothing() {
    for (name, images, graph) in every_model() {
        for &products in products(&name) {
            let options = Options { threads: NonZeroUsize::new(1), products, ..Options::default() };
            let plan = Arc::new(Plan::compile(&graph, &options).expect("a plan"));
            let mut session = Session::new(plan);
            for batch in [1, 5, 3] {
                let inputs = [images.rows(0..batch).expect("as many images as the test set has")];
                let first = session.run(&inputs).expect("a run")[0].bytes().to_vec();
                for run in 2..5 {
                    let (count, same) = allocations(|| session.run(&inputs).map(|outputs| outputs[0].bytes() == first));
                    assert_eq!(same, Ok(true), "{name}, {products:?}, batch {batch}: run {run} has other outputs");
                    assert_eq!(count, 0, "{name}, {products:?}, batch {batch}: allocations of run {run}");
                }
            }
        }
    }
}
