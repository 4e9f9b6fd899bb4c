//! Running a plan allocates nothing once its session has seen inputs of the same sizes.
#![expect(unsafe_code, reason = "an allocator that counts has to be an allocator")]

mod digits;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::num::NonZeroUsize;
use std::sync::Arc;

use digits::every_model;
use fourfold::graph::Op;
use fourfold::kernels::Kernel;
use fourfold::prelude::*;
use fourfold_testing::noise;

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
        // SAFETY: the layout has a size, as the caller of an allocator promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the layout has a size, as the caller of an allocator promises.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller promises a size, and a pointer that this allocator gave for this layout: the system's did.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller promises a pointer that this allocator gave for this layout: the system's did.
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

/// Products of two inputs and of an input and a weight, in sizes that are computed in several blocks.
fn large_products() -> (Graph, [Tensor; 2]) {
    let (rows, depth, columns) = (70, 300, 90);
    let inputs = [noise(&[2, rows, depth], 1), noise(&[depth, columns], 2)];
    let mut builder = GraphBuilder::new("large");
    let [a, b] = ["a", "b"].map(|name| {
        let shape: Vec<Dim> = inputs[usize::from(name == "b")].shape().iter().map(|&size| size.into()).collect();
        builder.input(name, ValueType::f32(&shape)).expect("a name of its own")
    });
    let product = builder.node("product", Op::MatMul, &[a, b]).expect("matrices that fit");
    let linear = builder.linear("linear", product, noise(&[depth, columns], 3), None).expect("a weight that fits");
    builder.output(linear);
    (builder.finish().expect("a graph"), inputs)
}

/// Runs a model once, then a few more times that must give the same and not allocate.
fn runs_without_allocating(name: &str, session: &mut Session, inputs: &[Tensor]) {
    let first = session.run(inputs).expect("a run")[0].bytes().to_vec();
    for run in 2..5 {
        let (count, same) = allocations(|| session.run(inputs).map(|outputs| outputs[0].bytes() == first));
        assert_eq!(same, Ok(true), "{name}: run {run} has other outputs");
        assert_eq!(count, 0, "{name}: allocations of run {run}");
    }
}

fn session(graph: &Graph, kernel: Kernel) -> Session {
    let options = Options { threads: NonZeroUsize::new(1), kernel, ..Options::default() };
    Session::new(Arc::new(Plan::compile(graph, &options).expect("a plan")))
}

#[test]
fn the_second_run_of_a_size_allocates_nothing() {
    for (name, images, graph) in every_model() {
        let mut session = session(&graph, Kernel::detect());
        for batch in [1, 5, 3] {
            let inputs = [images.rows(0..batch).expect("as many images as the test set has")];
            runs_without_allocating(&format!("{name}, batch {batch}"), &mut session, &inputs);
        }
    }
}

#[test]
fn large_products_of_real_numbers_allocate_nothing() {
    let (graph, inputs) = large_products();
    for kernel in Kernel::supported() {
        runs_without_allocating(kernel.name(), &mut session(&graph, kernel), &inputs);
    }
}
