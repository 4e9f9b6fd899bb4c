//! Pooling, channels last: `x: [n, d, h, w, c]`.

use fourfold_kernels::Geometry;
use fourfold_schemes::QuantParams;
use fourfold_tensor::DType;

use super::{Action, Call, Operand};
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
                windows.for_each_tap(window, |_, seen| {
                    let Some(seen) = seen else { return };
                    let x = &x[seen * channels..][..channels];
                    out.iter_mut().zip(x).for_each(|(out, &x)| *out = if x > *out || x.is_nan() { x } else { *out });
                });
            }
        });
        Ok(())
    }
}

/// The mean of each window of real numbers, taps added in their order.
#[derive(Debug)]
pub(crate) struct FloatAveragePool {
    pub(crate) geometry: Geometry,
    pub(crate) count_include_pad: bool,
}

impl Action for FloatAveragePool {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let channels = self.geometry.channels_out;
        let taps = self.geometry.kernel.iter().product::<usize>();
        for_each_image(&self.geometry, call, |windows, x, out| {
            for (window, out) in out.chunks_exact_mut(channels).enumerate() {
                out.fill(0.0);
                let mut count = 0;
                windows.for_each_tap(window, |_, seen| {
                    let Some(seen) = seen else { return };
                    count += 1;
                    let x = &x[seen * channels..][..channels];
                    out.iter_mut().zip(x).for_each(|(out, x)| *out += x);
                });
                #[expect(clippy::cast_precision_loss, reason = "a window has fewer than 2^24 taps")]
                let count = if self.count_include_pad { taps } else { count } as f32;
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

/// tmp
#[derive(Debug)]
pub(crate) struct QuantizedMaxPool {
    geometry: Geometry,
    signed: bool,
}
impl QuantizedMaxPool {
    pub(crate) fn new(geometry: Geometry, params: &QuantParams) -> Self {
        Self { geometry, signed: params.dtype() == DType::I8 }
    }
}
impl Action for QuantizedMaxPool {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let Operand { shape, .. } = call.inputs[0];
        let g = &self.geometry;
        let c = g.channels_out;
        let windows = Windows { geometry: g, size: three(&shape[2..]), out: three(&call.output_shape[2..]) };
        let image_in = windows.size.iter().product::<usize>() * c;
        let image_out = windows.count() * c;
        for (x, out) in call.inputs[0].bytes.chunks_exact(image_in).zip(call.output.chunks_exact_mut(image_out)) {
            for (w, out) in out.chunks_exact_mut(c).enumerate() {
                out.fill(if self.signed { 128 } else { 0 });
                windows.for_each_tap(w, |_, seen| {
                    let Some(seen) = seen else { return };
                    for (o, &x) in out.iter_mut().zip(&x[seen * c..]) {
                        if self.signed {
                            if (x as i8) > (*o as i8) {
                                *o = x
                            }
                        } else if x > *o {
                            *o = x
                        }
                    }
                });
            }
        }
        Ok(())
    }
}
#[derive(Debug)]
pub(crate) struct QuantizedAveragePool {
    geometry: Geometry,
    pad: bool,
    m: f32,
    zx: i32,
    zy: i32,
    signed: bool,
}
impl QuantizedAveragePool {
    pub(crate) fn new(geometry: Geometry, pad: bool, x: &QuantParams, y: &QuantParams) -> Self {
        Self {
            geometry,
            pad,
            m: x.scales()[0].get() / y.scales()[0].get(),
            zx: x.zero_points()[0],
            zy: y.zero_points()[0],
            signed: x.dtype() == DType::I8,
        }
    }
}
impl Action for QuantizedAveragePool {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let Operand { shape, .. } = call.inputs[0];
        let g = &self.geometry;
        let c = g.channels_out;
        let windows = Windows { geometry: g, size: three(&shape[2..]), out: three(&call.output_shape[2..]) };
        let image_in = windows.size.iter().product::<usize>() * c;
        let image_out = windows.count() * c;
        for (x, out) in call.inputs[0].bytes.chunks_exact(image_in).zip(call.output.chunks_exact_mut(image_out)) {
            for (w, out) in out.chunks_exact_mut(c).enumerate() {
                for ch in 0..c {
                    let mut n = 0;
                    let mut s = 0i32;
                    windows.for_each_tap(w, |_, seen| {
                        if let Some(seen) = seen {
                            n += 1;
                            s += x[seen * c + ch] as i32 - self.zx;
                        }
                    });
                    if self.pad {
                        n = g.kernel.iter().product();
                    }
                    out[ch] =
                        ((s as f32 * (self.m / n as f32)).round_ties_even() + self.zy as f32).clamp(0., 255.) as u8;
                }
            }
        }
        let _ = self.signed;
        Ok(())
    }
}
