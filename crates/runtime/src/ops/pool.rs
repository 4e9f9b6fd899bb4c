//! Pooling, channels last: `x: [n, d, h, w, c]`.

use fourfold_graph::{Node, Window};
use fourfold_kernels::{Average, Geometry};
use fourfold_schemes::QuantParams;

use super::{Action, Call, Encoding, Lower, Operand, images, quantized_mut};
use crate::Error;
use crate::lower::Lowering;
use crate::plan::Layout;
use crate::spatial::{Windows, geometry, three};

/// The operator [`Op::MaxPool`](fourfold_graph::Op::MaxPool).
impl Lower for Window {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let geometry = channelwise(lowering, node, self)?;
        if lowering.is_quantized(node) {
            let x = Encoding::of(lowering.params(node, 0)?);
            lowering.add(node, Layout::ChannelsLast, 1, QuantizedMaxPool { geometry, x });
        } else {
            lowering.add(node, Layout::ChannelsLast, 1, FloatMaxPool { geometry });
        }
        Ok(())
    }

    fn has_windows(&self) -> bool {
        true
    }
}

impl Lower for fourfold_graph::AveragePool {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        let geometry = channelwise(lowering, node, &self.window)?;
        let averaged = Averaged { geometry, is_global: false, count_include_pad: self.count_include_pad };
        lower_average(lowering, node, averaged)
    }

    fn has_windows(&self) -> bool {
        true
    }
}

/// The operator [`Op::GlobalAveragePool`](fourfold_graph::Op::GlobalAveragePool).
pub(crate) struct GlobalAveragePool;

impl Lower for GlobalAveragePool {
    fn lower(&self, lowering: &mut Lowering<'_>, node: &Node) -> Result<(), Error> {
        // Sizes that are not known yet are those of the operand when it runs.
        let dims = &lowering.ty(node.inputs()[0]).dims()[2..];
        let sizes: Vec<usize> = dims.iter().map(|dim| dim.fixed().unwrap_or(1)).collect();
        let geometry = channelwise(lowering, node, &Window::new(&sizes))?;
        lower_average(lowering, node, Averaged { geometry, is_global: true, count_include_pad: false })
    }

    fn has_windows(&self) -> bool {
        true
    }
}

fn lower_average(lowering: &mut Lowering<'_>, node: &Node, averaged: Averaged) -> Result<(), Error> {
    if lowering.is_quantized(node) {
        let action = QuantizedAveragePool::new(averaged, lowering.params(node, 0)?, lowering.result_params(node)?);
        lowering.add(node, Layout::ChannelsLast, 1, action);
    } else {
        lowering.add(node, Layout::ChannelsLast, 1, FloatAveragePool(averaged));
    }
    Ok(())
}

/// A window over every channel by itself.
fn channelwise(lowering: &Lowering<'_>, node: &Node, window: &Window) -> Result<Geometry, Error> {
    let channels = lowering.ty(node.inputs()[0]).dims()[1].fixed().ok_or_else(|| lowering.unsupported(node))?;
    Ok(geometry(window, channels, channels, channels))
}

/// The largest float of each window.
#[derive(Debug)]
struct FloatMaxPool {
    geometry: Geometry,
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
struct Averaged {
    geometry: Geometry,
    /// Whether one window is the whole image.
    is_global: bool,
    count_include_pad: bool,
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

/// The mean of each window of floats, taps added in their order.
#[derive(Debug)]
struct FloatAveragePool(Averaged);

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

/// The largest quantized value of each window.
#[derive(Debug)]
struct QuantizedMaxPool {
    geometry: Geometry,
    x: Encoding,
}

impl Action for QuantizedMaxPool {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let input = images(&call.inputs[0], self.x);
        Ok(call.kernel.max_pool(&input, &self.geometry, quantized_mut(call.output, self.x.signed))?)
    }
}

/// The mean of each window of quantized values, with parameters of its own.
#[derive(Debug)]
struct QuantizedAveragePool {
    averaged: Averaged,
    x: Encoding,
    y: Encoding,
    multiplier: f32,
    bounds: (i32, i32),
}

impl QuantizedAveragePool {
    fn new(averaged: Averaged, x: &QuantParams, y: &QuantParams) -> Self {
        Self {
            averaged,
            x: Encoding::of(x),
            y: Encoding::of(y),
            multiplier: x.scales()[0].get() / y.scales()[0].get(),
            bounds: (y.quant_min(), y.quant_max()),
        }
    }
}

impl Action for QuantizedAveragePool {
    fn run(&self, call: Call<'_>) -> Result<(), Error> {
        let input = images(&call.inputs[0], self.x);
        let average = Average {
            out: quantized_mut(call.output, self.y.signed),
            multiplier: self.multiplier,
            zero_point: self.y.zero_point,
            q_min: self.bounds.0,
            q_max: self.bounds.1,
            count_include_pad: self.averaged.count_include_pad,
        };
        let geometry = self.averaged.geometry(&call.inputs[0]);
        Ok(call.kernel.average_pool(&input, &geometry, average, &mut call.scratch.kernel)?)
    }
}
