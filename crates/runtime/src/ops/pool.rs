//! Pooling, channels last: `x: [n, d, h, w, c]`.

use fourfold_kernels::{Average, Geometry};
use fourfold_schemes::QuantParams;
use fourfold_tensor::DType;

use super::{Action, Call, Operand, codes_mut, images};
use crate::Error;
use crate::spatial::{Windows, three};

/// The largest real number of each window.
#[derive(Debug)]
pub(crate) struct FloatMaxPool {
    pub(crate) geometry: Geometry,
}

impl Action for FloatMaxPool {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let channels = self.geometry.channels_out;
        for_each_image(&self.geometry, call, |windows, x, out| {
            for (window, out) in out.chunks_exact_mut(channels).enumerate() {
                out.fill(f32::NEG_INFINITY);
                windows.for_each_seen(window, |_, seen| {
                    let x = &x[seen * channels..][..channels];
                    out.iter_mut().zip(x).for_each(|(out, &x)| *out = if x > *out || x.is_nan() { x } else { *out });
                });
            }
        });
        Ok(())
    }
}

/// What is averaged.
#[derive(Debug)]
pub(crate) struct Averaged {
    pub(crate) geometry: Geometry,
    /// Whether one window is the whole image.
    pub(crate) is_global: bool,
    pub(crate) count_include_pad: bool,
}

impl Averaged {
    /// The windows over an operand.
    fn geometry(&self, x: &Operand<'_>) -> Geometry {
        match self.is_global {
            true => Geometry { kernel: three(&x.shape[2..]), ..self.geometry.clone() },
            false => self.geometry.clone(),
        }
    }
}

/// The mean of each window of real numbers, taps added in their order.
#[derive(Debug)]
pub(crate) struct FloatAveragePool(pub(crate) Averaged);

impl Action for FloatAveragePool {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let Self(averaged) = self;
        let geometry = averaged.geometry(&call.inputs[0]);
        let (channels, taps) = (geometry.channels_out, geometry.taps());
        for_each_image(&geometry, call, |windows, x, out| {
            for (window, out) in out.chunks_exact_mut(channels).enumerate() {
                out.fill(0.0);
                let mut count = 0;
                windows.for_each_seen(window, |_, seen| {
                    count += 1;
                    let x = &x[seen * channels..][..channels];
                    out.iter_mut().zip(x).for_each(|(out, x)| *out += x);
                });
                #[expect(clippy::cast_precision_loss, reason = "a window has fewer than 2^24 taps")]
                let count = if averaged.count_include_pad { taps } else { count } as f32;
                out.iter_mut().for_each(|out| *out /= count);
            }
        });
        Ok(())
    }
}

fn for_each_image(geometry: &Geometry, call: Call<'_>, mut f: impl FnMut(Windows<'_>, &[f32], &mut [f32])) {
    let Operand { shape, .. } = call.inputs[0];
    let windows = Windows { geometry, size: three(&shape[2..]), out: three(&call.output_shape[2..]) };
    let image_in = windows.size.iter().product::<usize>() * geometry.channels_in;
    let image_out = windows.count() * geometry.channels_out;
    let x = call.inputs[0].elements::<f32>();
    let out = bytemuck::cast_slice_mut::<u8, f32>(call.output);
    for (x, out) in x.chunks_exact(image_in.max(1)).zip(out.chunks_exact_mut(image_out.max(1))) {
        f(windows, x, out);
    }
}

/// The largest code of each window.
#[derive(Debug)]
pub(crate) struct QuantizedMaxPool {
    geometry: Geometry,
    signed: bool,
    zero_point: i32,
}

impl QuantizedMaxPool {
    pub(crate) fn new(geometry: Geometry, params: &QuantParams) -> Self {
        Self { geometry, signed: params.dtype() == DType::I8, zero_point: params.zero_points()[0] }
    }
}

impl Action for QuantizedMaxPool {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let input = images(&call.inputs[0], self.signed, self.zero_point);
        Ok(call.kernel.max_pool(&input, &self.geometry, codes_mut(call.output, self.signed))?)
    }
}

/// The mean of each window of codes, with parameters of its own.
#[derive(Debug)]
pub(crate) struct QuantizedAveragePool {
    averaged: Averaged,
    /// Whether operand and result are signed.
    signed: [bool; 2],
    zero_points: [i32; 2],
    multiplier: f32,
    bounds: (i32, i32),
}

impl QuantizedAveragePool {
    pub(crate) fn new(averaged: Averaged, x: &QuantParams, y: &QuantParams) -> Self {
        Self {
            averaged,
            signed: [x, y].map(|params| params.dtype() == DType::I8),
            zero_points: [x, y].map(|params| params.zero_points()[0]),
            multiplier: x.scales()[0].get() / y.scales()[0].get(),
            bounds: (y.quant_min(), y.quant_max()),
        }
    }
}

impl Action for QuantizedAveragePool {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let ([x_signed, y_signed], [x_zero_point, zero_point]) = (self.signed, self.zero_points);
        let input = images(&call.inputs[0], x_signed, x_zero_point);
        let average = Average {
            out: codes_mut(call.output, y_signed),
            multiplier: self.multiplier,
            zero_point,
            q_min: self.bounds.0,
            q_max: self.bounds.1,
            count_include_pad: self.averaged.count_include_pad,
        };
        let geometry = self.averaged.geometry(&call.inputs[0]);
        Ok(call.kernel.average_pool(&input, &geometry, average, &mut call.scratch.kernel)?)
    }
}
