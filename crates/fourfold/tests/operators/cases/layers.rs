//! Layers with weights.

use fourfold::graph::{
    Activation, BatchNorm, Cell, Conv, ConvTranspose, Direction, GroupNorm, LayerNorm, Linear, Op, Recurrent, Window,
};
use fourfold::schemes::DynamicScheme;

use crate::case::Case;

pub(crate) fn layers() -> Vec<Case> {
    let window = || Window::new(&[1, 2]);
    let strided = Window { dilation: vec![1, 2], ..window().with_padding(1).with_stride(2) };
    let conv = |window, groups, activation| Op::Conv(Conv { activation, ..Conv::new(window, groups) });
    let transposed = |window: Window, groups, activation| {
        let output_padding = vec![0; window.rank()];
        Op::ConvTranspose(ConvTranspose { window, output_padding, groups, activation })
    };
    let linear = |activation| Op::Linear(Linear { activation, ..Linear::default() });
    let clamp = || Activation::Clamp { min: -0.25, max: 0.5 };
    let group_norm = |groups| Op::GroupNorm(GroupNorm { groups, epsilon: 1e-5 });
    let mut cases = vec![
        Case::of(conv(window(), 1, Activation::None), &["nchw"]).weights(&["oc12"]).not_empty("w"),
        Case::of(conv(window(), 1, Activation::Relu), &["nchw"]).weights(&["oc12"]).bias("o").not_empty("w"),
        Case::of(conv(strided, 1, clamp()), &["nchw"]).weights(&["oc12"]).bias("o").not_empty("h"),
        Case::of(conv(window().with_padding(1), 4, Activation::None), &["n4hw"]).weights(&["4112"]).not_empty("hw"),
        Case::of(conv(Window::new(&[2]), 1, Activation::None), &["ncw"]).weights(&["oc2"]).bias("o").not_empty("w"),
        Case::of(transposed(window(), 1, Activation::None), &["nchw"]).weights(&["co12"]).bias("o").not_empty("w"),
        Case::of(transposed(window().with_stride(2), 2, Activation::Relu), &["n4hw"])
            .weights(&["4212"])
            .bias("4")
            .not_empty("h"),
        Case::of(linear(Activation::Relu), &["nk"]).weights(&["ok"]),
        Case::of(linear(Activation::None), &["nxk"]).weights(&["ok"]).bias("o"),
        Case::of(Op::MatMul, &["nmk", "nkp"]),
        Case::of(Op::MatMul, &["mk", "nkp"]),
        Case::of(Op::BatchNorm(BatchNorm { epsilon: 1e-5 }), &["nchw"]).weights(&["c", "c", "c", "c"]),
        Case::of(Op::LayerNorm(LayerNorm { axis: 1, epsilon: 1e-5 }), &["nc"]).weights(&["c", "c"]),
        Case::of(group_norm(1), &["nchw"]).weights(&["c", "c"]),
        Case::of(group_norm(3), &["n6hw"]).weights(&["6", "6"]),
    ];
    for scheme in [DynamicScheme::PerRow, DynamicScheme::TorchPerTensor, DynamicScheme::OnnxPerTensor] {
        let conv = Op::Conv(Conv { dynamic: Some(scheme), ..Conv::new(window(), 1) });
        let linear = Op::Linear(Linear { dynamic: Some(scheme), ..Linear::default() });
        let name = scheme.name();
        cases.extend([
            Case::of(conv, &["nchw"]).weights(&["oc12"]).bias("o").dynamic(true).not_empty("w").called(name),
            Case::of(linear, &["nxk"]).weights(&["ok"]).bias("o").dynamic(true).called(name),
        ]);
    }
    cases
}

pub(crate) fn recurrent() -> Vec<Case> {
    let mut cases = Vec::new();
    for dynamic in [None, Some(DynamicScheme::PerRow)] {
        let case = |cell, direction, with_cell_state| {
            let recurrent = Recurrent { cell, direction, with_cell_state, dynamic };
            Case::of(Op::Recurrent(recurrent), &["snk"]).dynamic(dynamic.is_some())
        };
        cases.extend([
            case(Cell::Tanh, Direction::Bidirectional, false).weights(&["4k", "42"]).bias("24"),
            case(Cell::Relu, Direction::Reverse, false).weights(&["2k", "22"]).bias("22"),
            case(Cell::Gru, Direction::Bidirectional, false).weights(&["6k", "61"]).bias("26"),
            case(Cell::GruResetBefore, Direction::Forward, false).weights(&["3k", "31"]).bias("23"),
            case(Cell::Lstm, Direction::Bidirectional, false)
                .weights(&["8k", "81"])
                .bias("28")
                .called(if dynamic.is_some() { "dynamic" } else { "float" }),
            case(Cell::Lstm, Direction::Bidirectional, true)
                .weights(&["8k", "81"])
                .bias("28")
                .called("cell states of all steps"),
        ]);
    }
    cases
}
