//! Operators with windows, and those that make one number of many.

use fourfold::graph::{
    ArgExtreme, AveragePool, CumSum, LogSoftmax, Op, Reduce, Reduction, Softmax, TopK, TopKResult, Window,
};

use crate::case::{Case, Holds};

pub(crate) fn windows() -> Vec<Case> {
    let window = || Window::new(&[1, 2]);
    let padded = || Window::new(&[2, 2]).with_padding(1).with_stride(2);
    let average = |window, count_include_pad| Op::AveragePool(AveragePool { window, count_include_pad });
    let dilated = Window { dilation: vec![1, 2], ..window() };
    vec![
        Case::of(Op::MaxPool(window()), &["nchw"]).knowing("c").not_empty("w"),
        Case::of(Op::MaxPool(padded()), &["nchw"]).knowing("c").not_empty("hw"),
        Case::of(average(window(), false), &["nchw"]).knowing("c").not_empty("w"),
        Case::of(average(padded(), true), &["nchw"]).knowing("c").not_empty("hw"),
        Case::of(average(dilated, false), &["nchw"]).knowing("c").not_empty("w"),
        Case::of(Op::GlobalAveragePool, &["nchw"]).knowing("c").not_empty("hw"),
        Case::of(Op::Softmax(Softmax { axis: 1 }), &["nch"]),
        Case::of(Op::Softmax(Softmax { axis: 2 }), &["nch"]),
        Case::of(Op::LogSoftmax(LogSoftmax { axis: 1 }), &["nch"]),
    ]
}

pub(crate) fn reductions() -> Vec<Case> {
    let mut cases = Vec::new();
    for reduction in [Reduction::Mean, Reduction::Sum, Reduction::Max, Reduction::Min, Reduction::L2] {
        for keep in [false, true] {
            cases.push(Case::of(Op::Reduce(Reduce { reduction, axes: vec![1], keep }), &["ncw"]));
        }
    }
    for largest in [false, true] {
        let found = ArgExtreme { axis: 1, keep: largest, largest, last: !largest };
        cases.push(Case::of(Op::ArgExtreme(found), &["ncw"]).not_empty("c"));
    }
    for result in [TopKResult::Values, TopKResult::Indices] {
        let top = |count, largest| Op::TopK(TopK { axis: 1, count, largest, result });
        cases.push(Case::of(top(1, true), &["ncw"]).not_empty("c"));
        cases.push(Case::of(top(2, false), &["ncw"]).not_empty("c"));
        cases.push(Case::of(top(0, true), &["ncw"]));
    }
    let sums = CumSum { axis: 1, exclusive: true, reverse: true };
    cases.push(Case::of(Op::CumSum(sums), &["ncw"]));
    cases.push(Case::of(Op::CumSum(sums), &["ncw"]).holding(Holds::Integers));
    cases
}
