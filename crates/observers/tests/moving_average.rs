//! Moving averages against those of PyTorch, bit for bit.

use std::fs;
use std::path::Path;

use fourfold_observers::{Error, MovingAverageMinMax, MovingAveragePerChannelMinMax, Observer, Ranges};
use fourfold_schemes::{Range, Scheme, Symmetry};
use fourfold_tensor::{DType, Tensor};
use safetensors::SafeTensors;

fn floats(vectors: &SafeTensors<'_>, name: &str) -> Vec<f32> {
    let view = vectors.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
    view.data().chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().expect("four bytes"))).collect()
}

fn integers(vectors: &SafeTensors<'_>, name: &str) -> Vec<i32> {
    floats(vectors, name).into_iter().map(|value| value.to_bits().cast_signed()).collect()
}

fn scheme(config: &str) -> Scheme {
    let full = Scheme { torch_codes: true, ..Scheme::U8_AFFINE };
    match config {
        "u8_affine" => full,
        "u8_affine_0_127" => Scheme { quant_max: 127, ..full },
        "s8_affine" => Scheme { dtype: DType::I8, quant_min: -128, quant_max: 127, ..full },
        "s8_sym" => Scheme::I8_SYMMETRIC_FULL,
        "s8_sym_m127_eps12" => {
            Scheme { quant_min: -127, eps: 1.0 / 4096.0, symmetry: Symmetry::Symmetric, ..Scheme::I8_SYMMETRIC_FULL }
        }
        config => panic!("{config}"),
    }
}

/// The observer of a case, and the name of its data and its configuration.
fn parse(case: &str) -> (Box<dyn Observer>, &str, &str) {
    let (head, config) = case.rsplit_once('.').expect("a configuration");
    let (kind, data) = head.rsplit_once('.').expect("a data set");
    let observer: Box<dyn Observer> = match kind.strip_prefix("moving_average_") {
        Some(constant) => Box::new(MovingAverageMinMax::new(constant.parse().expect("a number"))),
        None => {
            let axis = data.strip_prefix("ch").and_then(|rest| rest[..1].parse().ok()).expect("an axis");
            Box::new(MovingAveragePerChannelMinMax::new(axis, 0.01))
        }
    };
    (observer, data, config)
}

#[test]
fn averages_and_parameters_are_those_of_pytorch() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/moving_average.safetensors");
    let bytes = fs::read(path).expect("the vectors");
    let vectors = &SafeTensors::deserialize(&bytes).expect("valid safetensors");
    let names = vectors.names();
    let cases: Vec<&str> = names.iter().filter_map(|name| name.strip_suffix("/scale")).collect();
    for case in &cases {
        let (mut observer, data, config) = parse(case);
        for batch in 0.. {
            let name = format!("data.{data}/x{batch}");
            let Ok(view) = vectors.tensor(&name) else { break };
            let x = Tensor::from_vec(view.shape(), floats(vectors, &name)).expect("a batch");
            observer.observe(&x).expect("finite");
        }
        let ranges = match observer.ranges().expect("values") {
            Ranges::PerTensor(range) => vec![range],
            Ranges::PerChannel { ranges, .. } => ranges,
        };
        let part = |part: &str| floats(vectors, &format!("{case}/{part}"));
        let ends = part("min_val").into_iter().zip(part("max_val"));
        let expected: Vec<Range> = ends.map(|(min, max)| Range { min, max }).collect();
        assert_eq!(ranges, expected, "{case}");
        let params = observer.params(&scheme(config)).expect("finite ranges");
        let scales: Vec<f32> = params.scales().iter().map(|scale| scale.get()).collect();
        assert_eq!(scales, part("scale"), "{case}");
        assert_eq!(params.zero_points(), integers(vectors, &format!("{case}/zero_point")), "{case}");
    }
    assert_eq!(cases.len(), 36 + 21);
}

#[test]
fn averages_refuse_to_merge_and_say_why() {
    let mut observer = MovingAverageMinMax::new(0.5);
    observer.observe(&Tensor::from_slice(&[2], &[1.0_f32, 2.0]).expect("two")).expect("finite");
    let before = observer.state();
    let error = observer.merge(&before).expect_err("averages do not merge");
    assert!(matches!(error, Error::Merge { observer: "moving_average_min_max", .. }));
    assert!(error.to_string().contains("depends on the order of the batches"), "{error}");
    assert_eq!(observer.state(), before);
    let mut channels = MovingAveragePerChannelMinMax::new(0, 0.5);
    assert!(matches!(channels.merge(&channels.state()), Err(Error::Merge { .. })));
}

#[test]
fn nan_is_never_averaged_in() {
    let mut observer = MovingAverageMinMax::new(0.5);
    observer.observe(&Tensor::from_slice(&[2], &[1.0_f32, 2.0]).expect("two")).expect("finite");
    let before = observer.state();
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let error = observer.observe(&Tensor::from_slice(&[2], &[9.0, bad]).expect("two"));
        assert!(matches!(error, Err(Error::NotFinite { first: 1, elements: 2, .. })), "{error:?}");
        assert_eq!(observer.state(), before);
    }
    let far = Tensor::from_slice(&[2], &[f32::MIN, f32::MAX]).expect("two");
    let mut wide = MovingAverageMinMax::new(0.5);
    wide.observe(&Tensor::from_slice(&[2], &[f32::MAX, f32::MAX]).expect("two")).expect("finite");
    wide.observe(&far).expect("finite");
    assert_eq!(wide.ranges(), Ok(Ranges::PerTensor(Range { min: 0.0, max: f32::MAX })));
}
