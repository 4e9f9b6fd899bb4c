//! What is made up for small graphs.

use std::sync::Arc;

use fourfold::graph::{
    Activation, Add, Binary, Cast, CastTo, Comparison, Concat, CumSum, Gather, GraphBuilder, Op, Slice, ValueId,
    ValueType,
};
use fourfold::runtime::{Options, Plan, Session};

use super::*;

const SUM: Op = Op::Add(Add { activation: Activation::None });

/// A graph under construction with an input of ids and one that is a mask, `[n, sequence]`.
struct Tables {
    builder: GraphBuilder,
    ids: ValueId,
    mask: ValueId,
}

impl Tables {
    fn new(dtype: DType) -> Self {
        let mut builder = GraphBuilder::new("tables");
        let dims = [Dim::symbol("n"), Dim::symbol("sequence")];
        let ids = builder.input("ids", ValueType::plain(dtype, &dims)).expect("valid");
        let mask = builder.input("mask", ValueType::plain(DType::I64, &dims)).expect("valid");
        Self { builder, ids, mask }
    }

    fn node(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        let name = self.builder.unique_name("node");
        self.builder.node(&name, op, inputs).expect("valid")
    }

    fn number(&mut self, number: i64) -> ValueId {
        let name = self.builder.unique_name("number");
        self.builder.constant(&name, Tensor::from_slice(&[], &[number]).expect("one")).expect("valid")
    }

    /// The rows of a table of so many that a value chooses.
    fn rows(&mut self, rows: usize, indices: ValueId) {
        let name = self.builder.unique_name("table");
        let table = Tensor::zeros(DType::F32, &[rows, 2]).expect("small");
        let table = self.builder.constant(&name, table).expect("valid");
        let rows = self.node(Op::Gather(Gather { axis: 0 }), &[table, indices]);
        self.builder.output(rows);
    }

    /// The inputs for the first sizes on which the graph runs, and these sizes.
    fn inputs(mut self) -> (Vec<Tensor>, String) {
        let mask = self.mask;
        self.builder.output(mask);
        let graph = self.builder.finish().expect("valid");
        let dims = dims(&graph);
        let mut session = Session::new(Arc::new(Plan::compile(&graph, &Options::default()).expect("a plan")));
        for sizes in sizes(&dims, 4) {
            let inputs = inputs(&graph, &sizes).expect("small");
            if session.run(&inputs).is_ok() {
                return (inputs, text(&dims, &sizes));
            }
        }
        panic!("no sizes fit");
    }
}

/// The min and max of a tensor.
fn range(tensor: &Tensor) -> (i64, i64) {
    let numbers: Vec<i64> = match tensor.dtype() {
        DType::I32 => tensor.as_slice::<i32>().expect("i32").iter().map(|&number| number.into()).collect(),
        _ => tensor.as_slice::<i64>().expect("i64").to_vec(),
    };
    (*numbers.iter().min().expect("some"), *numbers.iter().max().expect("some"))
}

#[test]
fn ids_are_rows_of_the_smallest_table() {
    let mut tables = Tables::new(DType::I32);
    let wide = tables.node(Op::Cast(Cast { to: CastTo::I64 }), &[tables.ids]);
    tables.rows(1000, wide);
    tables.rows(7, wide);
    let (inputs, said) = tables.inputs();
    assert_eq!((inputs[0].shape(), said.as_str()), (&[4, 128][..], "sequence = 128"));
    assert_eq!((range(&inputs[0]), range(&inputs[1])), ((0, 6), (1, 1)));
}

#[test]
fn ids_that_are_shifted_chosen_or_clamped_on_the_way_fit_too() {
    // Tables with rows for the numbers before 3, and for those from 3 on.
    let mut tables = Tables::new(DType::I64);
    let three = tables.number(3);
    let behind = tables.node(SUM, &[tables.ids, three]);
    tables.rows(50, behind);
    let (inputs, _) = tables.inputs();
    assert_eq!(range(&inputs[0]), (0, 46));

    let mut tables = Tables::new(DType::I64);
    let (hundred, none) = (tables.number(100), tables.number(0));
    let is_known = tables.node(Op::Compare(Comparison::Less), &[tables.ids, hundred]);
    let known = tables.node(Op::Where, &[is_known, tables.ids, none]);
    tables.rows(60, known);
    let (inputs, _) = tables.inputs();
    assert_eq!(range(&inputs[0]).1, 59);

    let mut tables = Tables::new(DType::I64);
    let twenty = tables.number(20);
    let bucket = tables.node(Op::Binary(Binary::Mod), &[tables.ids, twenty]);
    tables.rows(20, bucket);
    let (inputs, _) = tables.inputs();
    assert!(range(&inputs[0]).1 > 20);

    // A table of each half of the numbers.
    let mut tables = Tables::new(DType::I64);
    let all = tables.node(Op::Concat(Concat { axis: 1 }), &[tables.ids, tables.mask]);
    tables.rows(9, all);
    let (inputs, _) = tables.inputs();
    assert_eq!(range(&inputs[0]), (0, 8));
}

#[test]
fn a_mask_from_which_places_are_computed_stays_one() {
    // positions = cumsum(mask) * mask + 1, as RoBERTa has them, of at most 40.
    let mut tables = Tables::new(DType::I64);
    let sums = Op::CumSum(CumSum { axis: 1, exclusive: false, reverse: false });
    let counted = tables.node(sums, &[tables.mask]);
    let places = tables.node(Op::Binary(Binary::Mul), &[counted, tables.mask]);
    let one = tables.number(1);
    let places = tables.node(SUM, &[places, one]);
    tables.rows(40, places);
    tables.rows(300, tables.ids);
    let (inputs, said) = tables.inputs();
    assert_eq!((range(&inputs[1]), said.as_str()), ((1, 1), "sequence = 32"));
    assert!(range(&inputs[0]).1 < 300 && range(&inputs[0]).1 > 200);
}

#[test]
fn sequences_are_no_longer_than_a_table_of_positions() {
    let mut tables = Tables::new(DType::I64);
    let positions = Tensor::zeros(DType::F32, &[20, 2]).expect("small");
    let positions = tables.builder.constant("positions", positions).expect("valid");
    let length = Dim::symbol("sequence");
    let first = tables.node(Op::Slice(Slice { axis: 0, start: 0, step: 1, length }), &[positions]);
    tables.builder.output(first);
    tables.rows(5, tables.ids);
    let (inputs, said) = tables.inputs();
    assert_eq!((inputs[0].shape(), said.as_str()), (&[4, 16][..], "sequence = 16"));
}

#[test]
fn images_are_larger_than_sequences_are_long() {
    let image: [Dim; 4] = ["batch".into(), 3.into(), "height".into(), "width".into()];
    let signal: [Dim; 2] = ["seq_len".into(), "batch".into()];
    let volume: [Dim; 5] = ["batch".into(), 3.into(), "depth".into(), "height".into(), "frames".into()];
    let first = |inputs: &[&[Dim]]| text(inputs, &sizes(inputs, 2)[0]);
    assert_eq!(first(&[&image]), "height = 224, width = 224");
    assert_eq!(first(&[&image, &signal]), "height = 224, seq_len = 128, width = 224");
    assert_eq!(first(&[&volume]), "depth = 32, frames = 128, height = 32");
    assert_eq!(sizes(&[&image, &signal], 2)[0]["batch"], 2);
}
