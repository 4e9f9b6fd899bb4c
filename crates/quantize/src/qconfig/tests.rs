//! The numbers of the presets, and what is refused.

use fourfold_graph::OpKind;
use fourfold_schemes::Range;

use super::*;
use crate::QScheme;

/// Observer, smallest and largest quantized value, symmetry and smallest scale.
fn numbers(observed: Observed) -> (&'static str, i32, i32, Symmetry, f32) {
    let Scheme { quant_min, quant_max, symmetry, eps, .. } = *observed.scheme.quantized().expect("8 bits");
    (observed.observer.name(), quant_min, quant_max, symmetry, eps)
}

#[test]
fn presets_have_the_numbers_of_pytorch() {
    const EPS: f32 = f32::EPSILON;
    const EPS_12: f32 = 1.0 / 4096.0;
    let affine = |observer, quant_min, quant_max, eps| (observer, quant_min, quant_max, Symmetry::Affine, eps);
    let symmetric = |observer, quant_min, eps| (observer, quant_min, 127, Symmetry::Symmetric, eps);
    let (one, each) = ("min_max", "per_channel_min_max");
    for (name, activation, weight) in [
        ("fourfold", affine("mse", 0, 255, EPS), symmetric(each, -127, EPS)),
        ("fbgemm", affine("histogram", 0, 127, EPS), symmetric(each, -128, EPS)),
        ("x86", affine("histogram", 0, 127, EPS), symmetric(each, -128, EPS)),
        ("onednn", affine("histogram", 0, 255, EPS), symmetric(each, -128, EPS)),
        ("qnnpack", affine("histogram", 0, 255, EPS), symmetric(one, -128, EPS)),
        ("symmetric_qnnpack", affine("histogram", -128, 127, EPS_12), symmetric(one, -127, EPS_12)),
        ("per_channel_symmetric_qnnpack", affine("histogram", -128, 127, EPS_12), symmetric(each, -127, EPS_12)),
        ("torch_default", affine("min_max", 0, 127, EPS), symmetric(one, -128, EPS)),
        ("dynamic", affine("placeholder", 0, 255, EPS), symmetric(one, -128, EPS)),
        ("per_channel_dynamic", affine("placeholder", 0, 255, EPS), symmetric(each, -128, EPS)),
    ] {
        let preset = QConfig::preset(name).expect("a preset");
        assert_eq!((numbers(preset.activation), numbers(preset.weight)), (activation, weight), "{name}");
    }
    let embedding = QConfig::float_qparams_weight_only();
    assert_eq!(
        (embedding.weight.observer, embedding.weight.scheme),
        (ObserverKind::PerChannelMinMax, QScheme::FloatQParams8)
    );
    assert_eq!(QConfig::float_qparams_weight_only_4bit().weight.scheme, QScheme::FloatQParams4);
    assert_eq!(QConfig::preset("none"), None);
}

#[test]
fn presets_are_run_or_refused_with_the_reason() {
    for name in QConfig::PRESETS {
        let preset = QConfig::preset(name).expect("a preset");
        let (at_rest, at_run_time) = (preset.check_static(), preset.check_dynamic());
        let described = ["float16", "weight_only"].iter().any(|word| name.contains(word));
        assert_eq!(at_run_time.is_err(), described, "{name}");
        assert_eq!(at_rest.is_err(), described || name.contains("dynamic"), "{name}");
        for error in [at_rest, at_run_time].into_iter().filter_map(Result::err) {
            assert!(error.to_string().contains("choose"), "{name}: {error}");
        }
    }
}

#[test]
fn fixed_parameters_are_those_of_pytorch() {
    let params = |observed: Observed| {
        let params =
            observed.observer.observer().params(observed.scheme.quantized().expect("8 bits")).expect("a scale");
        (params.dtype(), params.scales()[0].get(), params.zero_points()[0], params.quant_max())
    };
    assert_eq!(params(Observed::ZERO_TO_ONE), (DType::U8, 1.0 / 256.0, 0, 255));
    assert_eq!(params(Observed::MINUS_ONE_TO_ONE), (DType::U8, 2.0 / 256.0, 128, 255));
    for kind in [OpKind::Softmax, OpKind::Sigmoid, OpKind::HardSigmoid, OpKind::Tanh] {
        let of_results = |qconfig: QConfig| params(qconfig.activation.of_results(kind));
        let (scale, zero_point) = if kind == OpKind::Tanh { (2.0 / 256.0, 128) } else { (1.0 / 256.0, 0) };
        assert_eq!(
            of_results(QConfig::fbgemm()),
            (DType::U8, scale, zero_point, 255),
            "whatever the range of the others"
        );
        assert_eq!(of_results(QConfig::symmetric_qnnpack()), (DType::I8, scale, zero_point - 128, 127));
    }
    let conv = QConfig::fbgemm().activation;
    assert_eq!(conv.of_results(OpKind::Conv), conv);
    let range = Range { min: 0.0, max: 0.0 };
    let scale = QConfig::symmetric_qnnpack().activation.scheme.quantized().expect("8 bits").scale_and_zero_point(range);
    assert_eq!(scale.map(|(scale, zero_point)| (scale.get(), zero_point)), Ok((1.0 / 4096.0, -128)));
}
