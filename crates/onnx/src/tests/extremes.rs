//! Every operator with attributes and operands at the ends of their ranges: an error or a result, never a panic.

use std::sync::Arc;

use fourfold_runtime::{Options, Plan, Session};
use fourfold_tensor::DType;

use super::*;

/// Numbers for integer attributes and lists of sizes.
const NUMBERS: [i64; 16] =
    [0, 1, -1, 2, -2, 3, 4, 7, 1 << 16, 1 << 31, 1 << 32, 1 << 62, -(1 << 62), i64::MAX, i64::MIN, i64::MIN + 1];

const ATTRIBUTES: [&str; 38] = [
    "q_num_heads",
    "kv_num_heads",
    "is_causal",
    "upper",
    "axis",
    "axes",
    "perm",
    "kernel_shape",
    "strides",
    "dilations",
    "pads",
    "output_padding",
    "output_shape",
    "group",
    "k",
    "keepdims",
    "blocksize",
    "hidden_size",
    "num_outputs",
    "num_groups",
    "split",
    "to",
    "start",
    "end",
    "starts",
    "ends",
    "allowzero",
    "ceil_mode",
    "count_include_pad",
    "block_size",
    "layout",
    "linear_before_reset",
    "transA",
    "transB",
    "exclusive",
    "reverse",
    "largest",
    "shape",
];

const SHAPES: [&[i64]; 12] = [
    &[],
    &[0],
    &[1],
    &[2],
    &[2, 3],
    &[0, 3],
    &[3, 0],
    &[1, 2, 3],
    &[1, 2, 3, 4],
    &[1, 0, 3, 4],
    &[-1, 2, 4, 4],
    &[2, 1, 1],
];

/// A sequence of numbers without a pattern.
struct Random(u64);

impl Random {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % count
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    fn numbers(&mut self, most: usize) -> Vec<i64> {
        let small = self.below(3) > 0;
        let count = self.below(most + 1);
        (0..count).map(|_| if small { self.of(&NUMBERS[..8]) } else { self.of(&NUMBERS) }).collect()
    }
}

fn attribute(random: &mut Random) -> AttributeProto {
    let (name, list) = (random.of(&ATTRIBUTES).to_owned(), random.numbers(4));
    let single = list.first().copied().filter(|_| random.below(2) == 0);
    let r#type = if single.is_some() { attribute_type::INT } else { attribute_type::INTS };
    AttributeProto { name, r#type, i: single.unwrap_or(0), ints: list, ..AttributeProto::default() }
}

/// A model of one node with operands of all kinds.
fn case(operator: &str, random: &mut Random) -> ModelProto {
    let mut initializers = Vec::new();
    let mut inputs = vec!["x".to_owned()];
    for index in 0..random.below(4) {
        let name = format!("c{index}");
        let constant = match random.below(3) {
            0 => {
                let list = random.numbers(5);
                let shape: &[usize] = if list.len() == 1 && random.below(2) == 0 { &[] } else { &[list.len()] };
                Tensor::from_slice(shape, &list)
            }
            1 => Tensor::zeros(
                DType::F32,
                &random.of(&SHAPES).iter().map(|&size| usize::try_from(size).unwrap_or(1)).collect::<Vec<_>>(),
            ),
            _ => Tensor::zeros(DType::U8, &[random.below(3)]),
        };
        initializers.push((name.clone(), constant.expect("small")));
        inputs.push(if random.below(8) == 0 { String::new() } else { name });
    }
    if random.below(4) == 0 {
        inputs.rotate_left(1);
    }
    let node = NodeProto {
        op_type: operator.to_owned(),
        input: inputs,
        output: vec!["y".to_owned()],
        attribute: (0..random.below(4)).map(|_| attribute(random)).collect(),
        ..NodeProto::default()
    };
    let named: Vec<(&str, Tensor)> =
        initializers.iter().map(|(name, tensor)| (name.as_str(), tensor.clone())).collect();
    let opset = random.of(&[9, 11, 13, 18, 24]);
    model(opset, random.of(&SHAPES), &named, vec![node])
}

#[test]
fn no_number_makes_an_operator_panic() {
    let limits = Limits { elements: 1 << 16, arena_bytes: 1 << 22, computed_elements: 1 << 16, ..Limits::default() };
    let options = Options { limits: limits.clone(), ..Options::default() };
    let mut random = Random(1);
    let mut ran = 0;
    for operator in crate::import::OPERATORS.iter().copied() {
        for _ in 0..1500 {
            let bytes = case(operator, &mut random).encode_to_vec();
            let Ok(graph) = import(&bytes, &limits) else { continue };
            let _ = graph.statistics();
            let Ok(plan) = Plan::compile(&graph, &options) else { continue };
            let shape = |size: usize| {
                let dims = graph.inputs().first().map(|&id| graph.value(id).ty().dims()).unwrap_or_default();
                dims.iter().map(|dim| dim.fixed().unwrap_or(size)).collect::<Vec<usize>>()
            };
            let mut session = Session::new(Arc::new(plan));
            for size in [0, 1, 3] {
                let _ = session.plan().footprint(&[&shape(size)]);
                let inputs = Tensor::zeros(DType::F32, &shape(size)).map(|x| vec![x]).expect("small");
                ran += usize::from(session.run(&inputs).is_ok());
            }
        }
    }
    assert!(ran > 5_000, "{ran} runs");
}
