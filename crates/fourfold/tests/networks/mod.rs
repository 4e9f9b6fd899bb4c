//! The digits models as modules, as their PyTorch classes have them.

use fourfold::graph::ValueId;
use fourfold::nn::{
    AdaptiveAvgPool2d, BatchNorm2d, Builder, Conv2d, Error, Flatten, GELU, LSTM, LayerNorm, Linear, MaxPool2d, Module,
    ReLU6, Residual, Sequential, Softmax, TransformerEncoderLayer,
};
use fourfold::prelude::*;

pub(crate) struct Cnn;

impl Module for Cnn {
    fn forward(&self, net: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let conv = |channels, out| Conv2d::new(channels, out, 3).padding(1).bias(false);
        let x = net.apply("conv1", &conv(1, 16), x)?;
        let x = net.apply("bn1", &BatchNorm2d::new(16), x)?;
        let x = net.relu(x)?;
        let x = net.apply("conv2", &conv(16, 32), x)?;
        let x = net.apply("bn2", &BatchNorm2d::new(32), x)?;
        let x = net.relu(x)?;
        let x = net.apply("pool", &MaxPool2d::new(2), x)?;
        let y = net.apply("conv3", &conv(32, 32), x)?;
        let y = net.apply("bn3", &BatchNorm2d::new(32), y)?;
        let sum = net.add(y, x)?;
        let x = net.relu(sum)?;
        let x = net.apply("flatten", &Flatten, x)?;
        let x = net.apply("fc1", &Linear::new(32 * 4 * 4, 64), x)?;
        let x = net.relu(x)?;
        net.apply("fc2", &Linear::new(64, 10), x)
    }
}

/// MobileNetV2 in small.
pub(crate) fn mobile() -> Sequential {
    let features = Sequential::new()
        .push(conv_bn(1, 16, 3, 1, 1).push(ReLU6))
        .push(inverted_residual(16, 8, 1, 1))
        .push(inverted_residual(8, 16, 2, 6))
        .push(inverted_residual(16, 16, 1, 6))
        .push(inverted_residual(16, 24, 2, 6))
        .push(inverted_residual(24, 24, 1, 6))
        .push(conv_bn(24, 96, 1, 1, 1).push(ReLU6));
    Sequential::new()
        .push_named("features", features)
        .push_named("pool", AdaptiveAvgPool2d::new(1))
        .push_named("flatten", Flatten)
        .push_named("classifier", Linear::new(96, 10))
}

fn conv_bn(channels: usize, out: usize, kernel: usize, stride: usize, groups: usize) -> Sequential {
    let conv = Conv2d::new(channels, out, kernel).stride(stride).padding(kernel / 2).groups(groups).bias(false);
    Sequential::new().push(conv).push(BatchNorm2d::new(out))
}

fn inverted_residual(channels: usize, out: usize, stride: usize, expand: usize) -> Box<dyn Module> {
    let middle = channels * expand;
    let mut conv = Sequential::new();
    if expand > 1 {
        conv = conv.push(conv_bn(channels, middle, 1, 1, 1).push(ReLU6));
    }
    let conv = conv.push(conv_bn(middle, middle, 3, stride, middle).push(ReLU6)).push(conv_bn(middle, out, 1, 1, 1));
    match stride == 1 && channels == out {
        true => Box::new(Residual::new("conv", conv)),
        false => Box::new(Sequential::new().push_named("conv", conv)),
    }
}

pub(crate) struct Mlp;

impl Module for Mlp {
    fn forward(&self, net: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let x = net.apply("flatten", &Flatten, x)?;
        let x = net.apply("fc1", &Linear::new(64, 128), x)?;
        let x = net.relu(x)?;
        let x = net.apply("fc2", &Linear::new(128, 64), x)?;
        let x = net.relu(x)?;
        net.apply("fc3", &Linear::new(64, 10), x)
    }
}

/// A pre-norm transformer encoder of sixteen tokens, each a patch of 2x2.
pub(crate) struct Attn;

impl Module for Attn {
    fn forward(&self, net: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let x = net.apply("", &Patches, x)?;
        let x = net.apply("blocks", &Sequential::new().push(Block).push(Block), x)?;
        let x = net.apply("ln", &LayerNorm::new(64), x)?;
        let x = net.mean(x, 1)?;
        net.apply("head", &Linear::new(64, 10), x)
    }
}

/// The same with PyTorch's own layers, sequence or batch first.
pub(crate) struct Encoder {
    pub(crate) batch_first: bool,
}

impl Module for Encoder {
    fn forward(&self, net: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let x = net.apply("", &Patches, x)?;
        let layer = TransformerEncoderLayer::new(64, 4).dim_feedforward(128).gelu().norm_first(true);
        let layer = layer.batch_first(self.batch_first);
        let x = if self.batch_first { x } else { net.permute(x, &[1, 0, 2])? };
        let x = net.apply("blocks", &Sequential::new().push(layer).push(layer), x)?;
        let x = net.apply("ln", &LayerNorm::new(64), x)?;
        let x = net.mean(x, if self.batch_first { 1 } else { 0 })?;
        net.apply("head", &Linear::new(64, 10), x)
    }
}

/// Sixteen patches of 2x2, embedded, with their positions.
struct Patches;

impl Module for Patches {
    fn forward(&self, net: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let x = net.reshape(x, &[-1, 4, 2, 4, 2])?;
        let x = net.permute(x, &[0, 1, 3, 2, 4])?;
        let x = net.reshape(x, &[-1, 16, 4])?;
        let x = net.apply("embed", &Linear::new(4, 64), x)?;
        let positions = net.parameter("pos", &[1, 16, 64])?;
        net.add(x, positions)
    }
}

struct Block;

impl Block {
    fn split(net: &mut Builder, name: &str, x: ValueId, axes: &[usize]) -> Result<ValueId, Error> {
        let x = net.apply(name, &Linear::new(64, 64), x)?;
        let x = net.reshape(x, &[0, 16, 4, 16])?;
        net.permute(x, axes)
    }
}

impl Module for Block {
    fn forward(&self, net: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let h = net.apply("ln1", &LayerNorm::new(64), x)?;
        let q = Self::split(net, "q", h, &[0, 2, 1, 3])?;
        let k = Self::split(net, "k", h, &[0, 2, 3, 1])?;
        let v = Self::split(net, "v", h, &[0, 2, 1, 3])?;
        let scores = net.matmul(q, k)?;
        let scores = net.scale(scores, 0.25)?;
        let weights = net.apply("softmax", &Softmax(-1), scores)?;
        let h = net.matmul(weights, v)?;
        let h = net.permute(h, &[0, 2, 1, 3])?;
        let h = net.reshape(h, &[0, 16, 64])?;
        let h = net.apply("proj", &Linear::new(64, 64), h)?;
        let x = net.add(x, h)?;
        let h = net.apply("ln2", &LayerNorm::new(64), x)?;
        let h = net.apply("fc1", &Linear::new(64, 128), h)?;
        let h = net.apply("gelu", &GELU::new(), h)?;
        let h = net.apply("fc2", &Linear::new(128, 64), h)?;
        net.add(x, h)
    }
}

/// The rows of the image are the steps.
pub(crate) struct Lstm;

impl Module for Lstm {
    fn forward(&self, net: &mut Builder, x: ValueId) -> Result<ValueId, Error> {
        let x = net.reshape(x, &[0, 8, 8])?;
        let y = net.apply("lstm", &LSTM::new(8, 64).batch_first(true), x)?;
        let last = net.select(y, 1, -1)?;
        net.apply("fc", &Linear::new(64, 10), last)
    }
}

/// `[batch, 1, size, size]`.
pub(crate) fn images(size: usize) -> ValueType {
    ValueType::f32(&[Dim::symbol("batch"), Dim::from(1), Dim::from(size), Dim::from(size)])
}
