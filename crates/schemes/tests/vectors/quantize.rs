//! Quantized and dequantized tensors against those of PyTorch and ONNX Runtime.
//!
//! Where fourfold differs on purpose:
//!
//! - It divides by the scale, as ONNX Runtime does. PyTorch multiplies by the reciprocal, which
//!   [`quantize_by_reciprocal`] and [`Quotient::Reciprocal`] do: all of PyTorch's results are checked with these.
//! - It saturates. PyTorch adds the zero point in 32-bit integers, where numbers of 2^31 scales and more wrap around.
//! - NaN becomes the zero point. PyTorch makes it the largest value or 0, ONNX Runtime the smallest.
//! - A scale is a normal number. PyTorch has an infinite reciprocal of a denormal one, and quantizes everything to
//!   the bounds of the range.

use fourfold_kernels::{Dynamic, Kernel};
use fourfold_schemes::{
    Error, Granularity, QuantParams, Quotient, Scale, dequantize, fake_quantize, quantize, quantize_by_reciprocal,
};
use fourfold_tensor::{DType, Tensor};
use safetensors::SafeTensors;

use super::{integers, tensor, with_vectors};

/// A case of the vectors: `PEER.DATA.TYPE.zpN`.
struct Case<'a> {
    vectors: &'a SafeTensors<'a>,
    name: String,
    /// The tensors with this prefix are the operands.
    operands: String,
    dtype: DType,
}

impl<'a> Case<'a> {
    /// Every case with a quantized or dequantized tensor as its result, in the order of their names.
    fn all(vectors: &'a SafeTensors<'a>) -> Vec<Self> {
        let names = vectors.names().into_iter();
        let results = names.filter_map(|name| name.strip_suffix("/dequantized").or(name.strip_suffix("/y")));
        let mut cases: Vec<Self> = results
            .map(|name| {
                let dtype = match () {
                    () if name.contains(".u8.") => DType::U8,
                    () if name.contains(".s8.") => DType::I8,
                    () => DType::I32,
                };
                // ONNX Runtime shares the operands of PyTorch per channel.
                let operands = name.replace("ort.channel.", "torch.channel.");
                Self { vectors, name: name.to_owned(), operands, dtype }
            })
            .collect();
        cases.sort_by(|a, b| a.name.cmp(&b.name));
        cases
    }

    fn is(&self, part: &str) -> bool {
        self.name.contains(part)
    }

    fn read(&self, part: &str) -> Tensor {
        tensor(self.vectors, &format!("{}/{part}", self.name))
    }

    /// The tensor to quantize.
    fn x(&self) -> Tensor {
        if self.is(".channel.") {
            return tensor(self.vectors, &format!("{}/x", self.operands));
        }
        let data =
            self.name.rsplitn(3, '.').nth(2).and_then(|name| name.split_once('.')).expect("PEER.DATA.TYPE.zpN").1;
        tensor(self.vectors, &format!("data.{data}/x"))
    }

    /// The tensor to dequantize.
    fn q(&self) -> Tensor {
        let name = match self.dtype {
            DType::U8 => "data.all_codes.u8/q".to_owned(),
            DType::I8 => "data.all_codes.s8/q".to_owned(),
            _ => format!("{}/q", self.name),
        };
        tensor(self.vectors, &name)
    }

    fn scales(&self) -> Vec<f32> {
        tensor(self.vectors, &format!("{}/scale", self.operands)).as_slice::<f32>().expect("f32").to_vec()
    }

    fn zero_points(&self) -> Vec<i32> {
        if self.dtype == DType::I32 {
            vec![0]
        } else {
            integers(self.vectors, &format!("{}/zero_point", self.operands))
        }
    }

    /// The parameters, an error for denormal scales.
    fn params(&self, rank: usize) -> Result<QuantParams, Error> {
        let scales = self.scales().into_iter().map(Scale::new).collect::<Result<Vec<_>, _>>()?;
        let zero_points = self.zero_points();
        let range = self.dtype.byte_range().unwrap_or((i32::MIN, i32::MAX));
        let axis = self.name.split('.').find_map(|part| part.strip_prefix("axis")?.parse::<isize>().ok());
        let granularity = match axis {
            None => Granularity::PerTensor { scale: scales[0], zero_point: zero_points[0] },
            Some(axis) => {
                let axis = if axis < 0 { rank - axis.unsigned_abs() } else { axis.unsigned_abs() };
                Granularity::PerChannel { axis, scales, zero_points }
            }
        };
        QuantParams::new(self.dtype, range, granularity)
    }

    /// `x` quantized, and dequantized again.
    fn quantized(&self, params: &QuantParams, quotient: Quotient) -> (Tensor, Tensor) {
        let x = self.x();
        let quantized = match quotient {
            Quotient::Division => quantize(&x, params),
            Quotient::Reciprocal => quantize_by_reciprocal(&x, params),
        };
        let quantized = quantized.expect("parameters that fit");
        let float = dequantize(&quantized, params).expect("parameters that fit");
        let fake = fake_quantize(&x, params, quotient).expect("parameters that fit");
        assert_eq!(fake.values, float, "{}", self.name);
        (quantized, float)
    }
}

#[test]
fn quantized_tensors_are_those_of_the_peers() {
    with_vectors("quantize.safetensors", |vectors| {
        let mut checked = [0, 0];
        for case in Case::all(vectors).iter().filter(|case| !case.is(".dequantize.") && !case.is(".extreme.")) {
            let peer = usize::from(case.is("torch."));
            let quotient = [Quotient::Division, Quotient::Reciprocal][peer];
            let params = case.params(case.x().shape().len()).expect("normal scales");
            let (quantized, float) = case.quantized(&params, quotient);
            assert_eq!(quantized, case.read("q"), "{}", case.name);
            assert_eq!(float, case.read("dequantized"), "{}", case.name);
            checked[peer] += 1;
        }
        assert_eq!(checked, [113, 113]);
    });
}

/// Next to ties PyTorch rounds the product, not the quotient.
#[test]
fn division_and_reciprocal_differ_next_to_ties() {
    with_vectors("quantize.safetensors", |vectors| {
        let (mut all, mut differ) = (0, 0);
        for case in Case::all(vectors).iter().filter(|case| case.is("torch.division_vs_reciprocal")) {
            let params = case.params(1).expect("normal scales");
            let (ours, _) = case.quantized(&params, Quotient::Division);
            let theirs = case.read("q");
            all += ours.len();
            differ += ours.bytes().iter().zip(theirs.bytes()).filter(|(ours, theirs)| ours != theirs).count();
        }
        assert_eq!((all, differ), (3426, 1691));
    });
}

#[test]
fn infinities_and_huge_numbers_saturate() {
    with_vectors("quantize.safetensors", |vectors| {
        let mut wrapped = Vec::new();
        for case in Case::all(vectors).iter().filter(|case| case.is(".extreme.big")) {
            let params = case.params(1).expect("normal scales");
            let (quantized, float) = case.quantized(&params, Quotient::Division);
            assert_eq!(
                case.quantized(&params, Quotient::Reciprocal),
                (quantized.clone(), float.clone()),
                "{}",
                case.name
            );
            if case.is("ort.") {
                assert_eq!((quantized, float), (case.read("q"), case.read("dequantized")), "{}", case.name);
            } else if quantized != case.read("q") {
                wrapped.push(case.name.clone());
            }
        }
        assert_eq!(wrapped, WRAPPED);
    });
}

/// Where PyTorch wraps around and fourfold saturates: it has at most 2^31 - 128 scales, to which zero points from 128
/// on add up beyond `i32`, and at least -2^31, to which negative ones do.
const WRAPPED: [&str; 8] = [
    "torch.extreme.big.s8.zp-128",
    "torch.extreme.big.s8.zp-5",
    "torch.extreme.big.u8.zp128",
    "torch.extreme.big.u8.zp255",
    "torch.extreme.big_len3.s8.zp-128",
    "torch.extreme.big_len3.s8.zp-5",
    "torch.extreme.big_len3.u8.zp128",
    "torch.extreme.big_len3.u8.zp255",
];

#[test]
fn nan_becomes_the_zero_point() {
    with_vectors("quantize.safetensors", |vectors| {
        let cases = Case::all(vectors);
        let cases: Vec<&Case<'_>> = cases.iter().filter(|case| case.is(".extreme.nan.")).collect();
        assert_eq!(cases.len(), 14);
        for case in cases {
            let params = case.params(1).expect("normal scales");
            let (quantized, _) = case.quantized(&params, Quotient::Division);
            let zero_point = case.zero_points()[0].to_le_bytes()[0];
            let x = case.x();
            let theirs = case.read("q");
            for ((x, &ours), &theirs) in
                x.as_slice::<f32>().expect("f32").iter().zip(quantized.bytes()).zip(theirs.bytes())
            {
                assert_eq!(ours, if x.is_nan() { zero_point } else { theirs }, "{} at {x}", case.name);
            }
        }
    });
}

/// Whether the scale is 9.8e-45, 1e-39 or 1e-38, below the smallest normal number of 1.2e-38.
fn has_denormal_scale(case: &Case<'_>) -> bool {
    [".extreme.denormal_scale.", ".scale9.80909e-45", ".scale1e-38"].iter().any(|part| case.is(part))
}

#[test]
fn denormal_scales_are_refused() {
    with_vectors("quantize.safetensors", |vectors| {
        let cases = Case::all(vectors);
        let cases: Vec<&Case<'_>> = cases.iter().filter(|case| has_denormal_scale(case)).collect();
        assert_eq!(cases.len(), 14 + 24);
        for case in cases {
            assert!(matches!(case.params(1), Err(Error::Scale { value }) if value.is_subnormal()), "{}", case.name);
        }
    });
}

#[test]
fn dequantized_tensors_are_those_of_the_peers() {
    with_vectors("quantize.safetensors", |vectors| {
        let mut checked = 0;
        for case in Case::all(vectors).iter().filter(|case| case.is(".dequantize.") && !has_denormal_scale(case)) {
            let params = case.params(1).expect("normal scales");
            let q = case.q();
            assert_eq!(dequantize(&q, &params), Ok(case.read("y")), "{}", case.name);
            checked += 1;
        }
        assert_eq!(checked, 50 - 24);
    });
}

/// ONNX's `DynamicQuantizeLinear` is [`DynamicScheme::PerRow`](fourfold_schemes::DynamicScheme::PerRow) for a single
/// row.
#[test]
fn dynamic_rows_are_those_of_onnx_runtime() {
    with_vectors("quantize.safetensors", |vectors| {
        let names = vectors.names().into_iter();
        let cases: Vec<&str> =
            names.filter_map(|name| name.strip_suffix("/q")).filter(|name| name.starts_with("ort.dynamic.")).collect();
        assert_eq!(cases.len(), 21);
        for case in cases {
            let read = |part: &str| tensor(vectors, &format!("{case}/{part}"));
            let (x, q) = (read("x"), read("q"));
            let (mut quantized, mut scale, mut zero_point) = (vec![0; x.len()], [0.0], [0]);
            let x = x.as_slice::<f32>().expect("f32");
            let kernel = Kernel::detect();
            kernel
                .quantize_rows(Dynamic::Affine, (x, 1, x.len()), &mut quantized, &mut scale, &mut zero_point)
                .expect("one row");
            let expected = read("scale").as_slice::<f32>().expect("f32")[0];
            if expected.is_normal() {
                assert_eq!((scale[0], zero_point[0]), (expected, integers(vectors, &format!("{case}/zero_point"))[0]));
                assert_eq!(quantized, q.bytes(), "{case}");
            } else {
                // A denormal scale: 1 here, so the row is one of zeros.
                assert_eq!((case, scale[0], zero_point[0]), ("ort.dynamic.denormal", 1.0, 0));
                assert!(quantized.iter().all(|&q| q == 0));
            }
        }
    });
}
