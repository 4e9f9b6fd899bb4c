//! Convolutions.

use fourfold_kernels::{ConvInput, Geometry, I32Output, Kernel, Output, Scratch};

use super::file::{Case, Content, Tensor};
use super::{assert_values, bias_values, cases, integers, multipliers, requantized, signed, values, zero_points};

/// The elements with the second axis last.
fn channels_last(tensor: &Tensor, size: usize) -> Tensor {
    let (outer, channels) = (tensor.shape[0], tensor.shape[1]);
    let positions: usize = tensor.shape[2..].iter().product();
    let bytes = moved(tensor.bytes(), [outer, channels, positions], size);
    let mut shape = tensor.shape.clone();
    shape.remove(1);
    shape.push(channels);
    Tensor { dtype: tensor.dtype.clone(), shape, content: Content::Bytes(bytes) }
}

/// `[outer, a, b]` as `[outer, b, a]`.
fn moved(bytes: &[u8], [outer, a, b]: [usize; 3], size: usize) -> Vec<u8> {
    let element = |at: usize| bytes[at * size..(at + 1) * size].iter().copied();
    (0..outer * a * b).flat_map(|to| element((to / (a * b) * a + to % a) * b + to / a % b)).collect()
}

fn three(sizes: &[usize], filling: usize) -> [usize; 3] {
    let mut all = [filling; 3];
    all[3 - sizes.len()..].copy_from_slice(sizes);
    all
}

/// A case's operands channels last, and its sizes.
struct Convolution {
    x: Tensor,
    w: Tensor,
    geometry: Geometry,
    batch: usize,
    size: [usize; 3],
    is_last: bool,
}

impl Convolution {
    fn new(case: &Case) -> Self {
        let is_last = case.number("channels_last") == Some(1);
        let (x, w) = (case.tensor("x"), channels_last(case.tensor("w"), 1));
        let x = if is_last { x.clone() } else { channels_last(x, 1) };
        let rank = x.shape.len() - 2;
        let (pads, kernel) = (case.sizes("pads"), case.sizes("kernel_shape"));
        let geometry = Geometry {
            channels_in: x.shape[rank + 1],
            channels_out: w.shape[0],
            groups: case.number("group").expect("groups"),
            kernel: three(&kernel, 1),
            stride: three(&case.sizes("strides"), 1),
            dilation: three(&case.sizes("dilations"), 1),
            pad_begin: three(&pads[..rank], 0),
            pad_end: three(&pads[rank..], 0),
        };
        let (batch, size) = (x.shape[0], three(&x.shape[1..=rank], 1));
        Self { x, w, geometry, batch, size, is_last }
    }

    /// The number of results, and the positions of one image.
    fn results(&self) -> (usize, usize) {
        let positions = self.geometry.output_size(self.size).expect("valid sizes").iter().product();
        (self.batch * positions * self.geometry.channels_out, positions)
    }

    fn run(&self, case: &Case, kernel: Kernel, output: Output<'_>) {
        let (x_signed, w_signed) = (signed(&self.x), signed(&self.w));
        let (x_zero, w_zero) = (integers(case, "x_zero_point"), integers(case, "w_zero_point"));
        let input = ConvInput {
            values: values(&self.x, &x_signed),
            batch: self.batch,
            size: self.size,
            zero_point: x_zero.first().copied().unwrap_or(0),
        };
        let packed = kernel.pack_conv(&self.geometry, values(&self.w, &w_signed), zero_points(&w_zero));
        kernel.conv(&input, &packed.expect("valid"), output, &mut Scratch::default()).expect("a valid convolution");
    }

    /// The result's bytes in the order of the case.
    fn ordered(&self, bytes: Vec<u8>, size: usize) -> Vec<u8> {
        let (_, positions) = self.results();
        if self.is_last { bytes } else { moved(&bytes, [self.batch, positions, self.geometry.channels_out], size) }
    }

    /// The quantized values of a result with the parameters of the case.
    fn values(&self, case: &Case, kernel: Kernel, bias: Option<&[i32]>) -> Vec<u8> {
        let (count, _) = self.results();
        let (mut unsigned, mut signed) = (vec![0_u8; count], vec![0_i8; count]);
        let multipliers = multipliers(case, ["x_scale", "w_scale"]);
        let columns = self.geometry.channels_out;
        let is_signed = case.tensor("y").is_signed();
        let output = match is_signed {
            true => Output::I8(requantized(case, &mut signed, columns, bias, &multipliers)),
            false => Output::U8(requantized(case, &mut unsigned, columns, bias, &multipliers)),
        };
        self.run(case, kernel, output);
        let bytes = if is_signed { signed.iter().map(|code| code.cast_unsigned()).collect() } else { unsigned };
        self.ordered(bytes, 1)
    }
}

#[test]
fn sums_are_those_of_onnx_runtime() {
    for case in cases(&["ConvInteger"], 106) {
        let conv = Convolution::new(&case);
        for kernel in Kernel::supported() {
            let mut out = vec![0_i32; conv.results().0];
            let row_stride = conv.geometry.channels_out;
            conv.run(&case, kernel, Output::I32(I32Output { out: &mut out, row_stride, bias: None }));
            let bytes = out.iter().flat_map(|sum| sum.to_le_bytes()).collect();
            assert!(case.tensor("y").is(&conv.ordered(bytes, 4)), "{} on {}", case.name, kernel.name());
        }
    }
}

#[test]
fn values_are_those_of_onnx_runtime() {
    for case in cases(&["QLinearConv"], 69) {
        let (conv, bias) = (Convolution::new(&case), case.get("bias").map(Tensor::integers));
        for kernel in Kernel::supported() {
            let values = conv.values(&case, kernel, bias.as_deref());
            assert!(case.tensor("y").is(&values), "{} on {}", case.name, kernel.name());
        }
    }
}

#[test]
fn values_are_those_of_pytorch() {
    let forms = ["conv1d", "conv1d_relu", "conv2d", "conv2d_relu", "conv3d", "conv3d_relu"];
    let forms = forms.map(|form| format!("torch.{form}"));
    for case in cases(&forms.each_ref().map(String::as_str), 58) {
        let (conv, bias) = (Convolution::new(&case), bias_values(&case, ["x_scale", "w_scale"]));
        for kernel in Kernel::supported() {
            // PyTorch adds the bias in floats.
            assert_values(&case, "y", &conv.values(&case, kernel, bias.as_deref()), u8::from(bias.is_some()));
        }
    }
}
