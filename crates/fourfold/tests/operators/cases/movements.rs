//! Operators that move, choose and repeat elements.

use fourfold::graph::{
    Concat, Coordinates, Dim, Expand, Flatten, Gather, GatherElements, Interpolation, Op, Pad, PadMode, Reshape,
    Resize, Rounding, Slice, Transpose,
};

use crate::case::{Case, Holds};

pub(crate) fn movements() -> Vec<Case> {
    let slice = |start, step, length| Op::Slice(Slice { axis: 1, start, step, length });
    let mut cases = vec![
        Case::of(Op::Flatten(Flatten { axis: 1 }), &["nc2"]),
        Case::new(|dim| Op::Reshape(Reshape { dims: vec![dim('c'), dim('n')] }), &["nc"]),
        Case::of(Op::Transpose(Transpose { axes: vec![1, 2, 0] }), &["ncw"]),
        Case::of(Op::Concat(Concat { axis: 1 }), &["naw", "nbw", "ncw"]),
        Case::new(move |dim| slice(0, 1, dim('c')), &["ncw"]),
        Case::of(slice(-1, -1, Dim::Fixed(0)), &["ncw"]).called("no elements"),
        Case::of(slice(1, 2, Dim::Fixed(2)), &["n4w"]),
        Case::new(|dim| Op::Expand(Expand { dims: vec![2.into(), 3.into(), dim('c')] }), &["1c"]),
        Case::mixed(Op::Gather(Gather { axis: 2 }), &[("ncw", Holds::Floats), ("i", Holds::Integers)]).not_empty("w"),
        Case::mixed(Op::GatherElements(GatherElements { axis: 1 }), &[("nc", Holds::Floats), ("ni", Holds::Integers)])
            .not_empty("c"),
    ];
    for is_quantized in [false, true] {
        let table = Case::mixed(Op::Gather(Gather { axis: 0 }), &[("ni", Holds::Integers)]).weights(&["wc"]);
        cases.push(table.constants_first().dynamic(is_quantized).not_empty("w"));
    }
    for (mode, not_empty) in
        [(PadMode::Constant(0.5), ""), (PadMode::Edge, "c"), (PadMode::Reflect, "c"), (PadMode::Wrap, "c")]
    {
        let pad = Pad { begin: vec![0, 1], end: vec![0, 1], mode };
        cases.push(Case::of(Op::Pad(pad), &["nc"]).knowing("c").not_empty(not_empty));
    }
    for interpolation in [Interpolation::Nearest(Rounding::Floor), Interpolation::Linear] {
        let resize = |channels, size| {
            Op::Resize(Resize {
                scales: vec![1.0, channels, 2.0],
                sizes: vec![None, None, size],
                interpolation,
                coordinates: Coordinates::HalfPixel,
            })
        };
        cases.push(Case::of(resize(1.0, None), &["ncw"]));
        cases.push(Case::of(resize(1.0, Some(5)), &["ncw"]).knowing("w").not_empty("w"));
        cases.push(Case::of(resize(3.0, Some(5)), &["ncw"]).knowing("w").not_empty("w").called("factors and sizes"));
    }
    cases
}
