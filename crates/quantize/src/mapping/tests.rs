//! Rules, their order and their form in files.

use fourfold_graph::{Dim, Graph, GraphBuilder, OpKind, ValueType};
use fourfold_tensor::{DType, Tensor};
use proptest::prelude::*;

use super::*;

/// Linear layers of these names in a row.
fn layers(names: &[&str]) -> Graph {
    let mut builder = GraphBuilder::new("layers");
    let mut x = builder.input("x", ValueType::f32(&[Dim::symbol("n"), 2.into()])).expect("valid");
    for name in names {
        x = builder.linear(name, x, Tensor::zeros(DType::F32, &[2, 2]).expect("small"), None).expect("valid");
    }
    builder.output(x);
    builder.finish().expect("valid")
}

/// The indices of the presets that the nodes get; `None` for those that stay float.
fn given(mapping: &QConfigMapping, graph: &Graph) -> Vec<Option<&'static str>> {
    let name = |qconfig: &QConfig| QConfig::PRESETS.into_iter().find(|name| QConfig::preset(name) == Some(*qconfig));
    let ordered = mapping.ordered(graph);
    graph.nodes().iter().map(|node| mapping.get(&ordered, node).ok().and_then(name)).collect()
}

#[test]
fn every_level_goes_before_the_one_below() {
    let graph = layers(&["block.a", "block.b"]);
    let mut mapping = QConfigMapping::default();
    assert_eq!(given(&mapping, &graph), [None, None]);
    mapping = mapping.set_module_name_object_type_order("block", OpKind::Linear, 1, QConfig::dynamic());
    assert_eq!(given(&mapping, &graph), [None, Some("dynamic")]);
    mapping = mapping.set_global(QConfig::fourfold());
    assert_eq!(given(&mapping, &graph), [Some("fourfold"), Some("dynamic")]);
    mapping = mapping.set_object_type(OpKind::Linear, QConfig::fbgemm());
    assert_eq!(given(&mapping, &graph), [Some("fbgemm"), Some("dynamic")]);
    mapping = mapping.set_module_name_regex("blo", QConfig::onednn()).expect("valid");
    assert_eq!(given(&mapping, &graph), [Some("onednn"), Some("dynamic")]);
    mapping = mapping.set_module_name("block", QConfig::qnnpack());
    assert_eq!(given(&mapping, &graph), [Some("qnnpack"), Some("dynamic")]);
    mapping = mapping.set_module_name_object_type_order("", OpKind::Linear, 0, None);
    assert_eq!(given(&mapping, &graph), [None, Some("dynamic")]);
}

#[test]
fn within_a_level_the_order_is_that_of_the_table() {
    let graph = layers(&["a", "a.b", "a.b.c", "ab"]);
    let names = QConfigMapping::default()
        .set_module_name("a.b", QConfig::onednn())
        .set_module_name("a", QConfig::fbgemm())
        .set_module_name("a", QConfig::qnnpack());
    assert_eq!(given(&names, &graph), [Some("qnnpack"), Some("onednn"), Some("onednn"), None]);
    let regexes = |a: QConfig, b: QConfig| {
        let first = QConfigMapping::default().set_module_name_regex("a.*b", a).expect("valid");
        first.set_module_name_regex("a", b).expect("valid")
    };
    let mapping = regexes(QConfig::onednn(), QConfig::qnnpack());
    assert_eq!(given(&mapping, &graph), [Some("qnnpack"), Some("onednn"), Some("onednn"), Some("onednn")]);
    let ordered = QConfigMapping::default()
        .set_module_name_object_type_order("a.b", OpKind::Linear, 1, QConfig::onednn())
        .set_module_name_object_type_order("a", OpKind::Linear, 2, QConfig::fbgemm())
        .set_module_name_object_type_order("", OpKind::Linear, 3, QConfig::qnnpack())
        .set_module_name_object_type_order("", OpKind::Conv, 0, QConfig::qnnpack());
    assert_eq!(given(&ordered, &graph), [None, None, Some("onednn"), Some("qnnpack")]);
    let excluded = QConfigMapping::default().set_module_name_regex("a\\.", None).expect("valid");
    let both = excluded.before(regexes(QConfig::onednn(), QConfig::qnnpack()).set_global(QConfig::fourfold()));
    assert_eq!(given(&both, &graph), [Some("qnnpack"), None, None, Some("onednn")]);
}

#[test]
fn an_excluded_node_stays_float_whatever_the_rules_say() {
    let graph = layers(&["block.a", "block.b", "head"]);
    let mapping = QConfigMapping::new(QConfig::fourfold()).set_module_name("block.b", QConfig::fbgemm());
    let excluded = mapping.exclude("[.]b").and_then(|mapping| mapping.exclude("tail")).expect("valid");
    assert_eq!(given(&excluded, &graph), [Some("fourfold"), None, Some("fourfold")]);
    let (matched, nothing) = (("[.]b".to_owned(), vec!["block.b"]), ("tail".to_owned(), vec![]));
    assert_eq!(excluded.excluded(&graph), [matched, nothing]);
    let anchored = QConfigMapping::new(QConfig::fourfold()).set_module_name_regex("[.]b", None).expect("valid");
    assert_eq!(given(&anchored, &graph), [Some("fourfold"); 3], "PyTorch's match begins where the name does");
}

#[test]
fn rules_that_match_nothing_are_named() {
    let graph = layers(&["block.a", "block.b"]);
    let matched = QConfigMapping::new(QConfig::fourfold())
        .set_object_type(OpKind::Linear, None)
        .set_module_name("block", None)
        .set_module_name_object_type_order("block", OpKind::Linear, 1, None);
    assert_eq!(matched.unmatched(&graph), [""; 0]);
    let unmatched = matched
        .set_object_type(OpKind::Conv, None)
        .set_module_name("bloc", None)
        .set_module_name_object_type_order("block", OpKind::Linear, 2, None)
        .set_module_name_regex("a", None)
        .expect("valid");
    let expected = [
        "object_type `Conv`",
        "module_name_regex `a`",
        "module_name `bloc`",
        "module_name_object_type_order `block`, Linear number 2",
    ];
    assert_eq!(unmatched.unmatched(&graph), expected);
}

#[test]
fn unknown_words_are_named_with_those_that_are_known() {
    let error = |text: &str| toml::from_str::<QConfigMapping>(text).expect_err("unknown").to_string();
    let all = [
        ("colour = 1", ["colour", "module_name_object_type_order"]),
        ("global = 'fbgem'", ["fbgem", "fbgemm"]),
        ("global = 1", ["integer", "fbgemm"]),
        ("object_type = [{ operator = 'Con', qconfig = 'float' }]", ["Con", "Linear"]),
        ("object_type = [{ operator = 'Conv', config = 'float' }]", ["config", "qconfig"]),
        ("module_name = [{ name = 'a' }]", ["missing", "qconfig"]),
        ("module_name_regex = [{ pattern = '(', qconfig = 'float' }]", ["`(`", "unclosed"]),
        (
            "module_name_object_type_order = [{ name = 'a', operator = 'Conv', order = -1, qconfig = 'x86' }]",
            ["-1", "order"],
        ),
        ("[global]\nactivation = { observer = 'mse', scheme = 'u9' }", ["u9", "u8_affine"]),
        ("[global]\nactivation = { observer = 'msee', scheme = 'u8_affine' }", ["msee", "min_max"]),
        ("[global]\nactivation = { observer = 'mse', scheme = { bits = 8 } }", ["bits", "quant_min"]),
        ("[global]\nactivations = 1", ["activations", "dynamic"]),
    ];
    for (text, words) in all {
        let error = error(text);
        assert!(words.iter().all(|word| error.contains(word)), "{text}: {error}");
    }
}

#[test]
fn a_place_counts_the_nodes_inside_of_each_module() {
    let names = ["a", "a/b", "a.b.c", "ab", ".", "a.b", "b.a.b"];
    let graph = layers(&names);
    for module in ["", "a", "a.b", "a/b", "a.b.c", "b", "b.a", "ab", ".", "c"] {
        let inside: Vec<usize> = (0..names.len()).filter(|&node| rule::is_inside(names[node], module)).collect();
        for order in 0..names.len() {
            let of_operator = |operator| {
                let given_to_one = QConfigMapping::default().set_module_name_object_type_order(
                    module,
                    operator,
                    order,
                    QConfig::fbgemm(),
                );
                let given = given(&given_to_one, &graph);
                (0..names.len()).filter(|&node| given[node].is_some()).collect::<Vec<_>>()
            };
            let expected: Vec<usize> = inside.get(order).copied().into_iter().collect();
            assert_eq!(of_operator(OpKind::Linear), expected, "{order} of `{module}`");
            assert!(of_operator(OpKind::Conv).is_empty());
        }
    }
}

fn any_rule() -> impl Strategy<Value = (u8, String, usize, Option<QConfig>)> {
    let preset = proptest::option::of(0..QConfig::PRESETS.len());
    let qconfig = preset.prop_map(|index| index.and_then(|index| QConfig::preset(QConfig::PRESETS[index])));
    (0..6_u8, "[a-z./]{0,6}", 0..OpKind::ALL.len(), qconfig)
}

proptest! {
    #[test]
    fn mappings_come_back_from_their_files(rules in proptest::collection::vec(any_rule(), 0..8)) {
        type Rule = (u8, String, usize, Option<QConfig>);
        let add = |mapping: QConfigMapping, (level, name, at, qconfig): Rule| match level {
            0 => mapping.set_global(qconfig),
            1 => mapping.set_object_type(OpKind::ALL[at], qconfig),
            2 => mapping.set_module_name_regex(&regex::escape(&name), qconfig).expect("valid"),
            3 => mapping.set_module_name(&name, qconfig),
            4 => mapping.exclude(&regex::escape(&name)).expect("valid"),
            _ => mapping.set_module_name_object_type_order(&name, OpKind::ALL[at], at, qconfig),
        };
        let mapping = rules.into_iter().fold(QConfigMapping::default(), add);
        let json = serde_json::to_string(&mapping).expect("text");
        prop_assert_eq!(serde_json::from_str::<QConfigMapping>(&json).expect("what was written"), mapping);
    }
}
