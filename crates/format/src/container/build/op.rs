//! Operators to records and back.

use fourfold_graph::{
    Activation, Add, AveragePool, BatchNorm, Clip, Conv, Dim, Flatten, LayerNorm, Linear, Op, Reduce, Reshape, Softmax,
    Transpose, Window,
};
use fourfold_schemes::DynamicScheme;

use super::{check_rank, function, selection, shape, size_of};
use crate::Error;
use crate::container::record;

pub(super) fn record(op: &Op) -> Result<record::Op, Error> {
    Ok(match op {
        Op::Conv(Conv { window, groups, activation, dynamic }) => {
            let (window, groups) = (window_record(window), *groups as u64);
            let activation = activation_record(*activation);
            match dynamic {
                None => record::Op::Conv { window, groups, activation },
                Some(scheme) => record::Op::DynamicConv { window, groups, activation, dynamic: dynamic_tag(*scheme) },
            }
        }
        Op::Linear(Linear { activation, dynamic }) => {
            record::Op::Linear { activation: activation_record(*activation), dynamic: dynamic.map(dynamic_tag) }
        }
        Op::MatMul => record::Op::MatMul,
        Op::BatchNorm(BatchNorm { epsilon }) => record::Op::BatchNorm { epsilon: *epsilon },
        Op::Relu => record::Op::Relu,
        Op::Clip(Clip { min, max }) => record::Op::Clip { min: *min, max: *max },
        Op::MaxPool(window) => record::Op::MaxPool { window: window_record(window) },
        Op::AveragePool(AveragePool { window, count_include_pad }) => {
            record::Op::AveragePool { window: window_record(window), count_include_pad: *count_include_pad }
        }
        Op::GlobalAveragePool => record::Op::GlobalAveragePool,
        Op::Add(Add { activation }) => record::Op::Add { activation: activation_record(*activation) },
        Op::Flatten(Flatten { axis }) => record::Op::Flatten { axis: *axis as u64 },
        Op::Reshape(Reshape { dims }) => shape::reshape_record(dims),
        Op::Transpose(Transpose { axes }) => record::Op::Transpose { axes: wide(axes) },
        Op::Softmax(Softmax { axis }) => record::Op::Softmax { axis: *axis as u64 },
        Op::Identity => record::Op::Identity,
        Op::Quantize => record::Op::Quantize,
        Op::Dequantize => record::Op::Dequantize,
        Op::QuantStub => record::Op::QuantStub,
        Op::DeQuantStub => record::Op::DeQuantStub,
        Op::LayerNorm(LayerNorm { axis, epsilon }) => record::Op::LayerNorm { axis: *axis as u64, epsilon: *epsilon },
        Op::Unary(function) => {
            let (function, parameters) = function::unary_record(*function)?;
            record::Op::Unary { function, parameters }
        }
        Op::Binary(function) => record::Op::Binary { function: function::binary_record(*function)? },
        Op::Reduce(Reduce { reduction, axes, keep }) => {
            record::Op::Reduce { reduction: function::reduction_record(*reduction)?, axes: wide(axes), keep: *keep }
        }
        Op::FakeQuantize(params) => record::Op::FakeQuantize { params: super::params(params) },
        other => selection::record(other)?,
    })
}

pub(super) fn window_record(window: &Window) -> record::Window {
    record::Window {
        kernel: wide(&window.kernel),
        stride: wide(&window.stride),
        dilation: wide(&window.dilation),
        pad_begin: wide(&window.pad_begin),
        pad_end: wide(&window.pad_end),
    }
}

pub(super) fn activation_record(activation: Activation) -> record::Activation {
    match activation {
        Activation::None => record::Activation::None,
        Activation::Relu => record::Activation::Relu,
        Activation::Clamp { min, max } => record::Activation::Clamp { min, max },
    }
}

pub(super) fn dynamic_tag(scheme: DynamicScheme) -> u8 {
    match scheme {
        DynamicScheme::PerRow => 0,
        DynamicScheme::TorchPerTensor => 1,
        DynamicScheme::OnnxPerTensor => 2,
    }
}

pub(super) fn dynamic_scheme(tag: Option<u8>, part: &str) -> Result<Option<DynamicScheme>, Error> {
    Ok(match tag {
        None => None,
        Some(0) => Some(DynamicScheme::PerRow),
        Some(1) => Some(DynamicScheme::TorchPerTensor),
        Some(2) => Some(DynamicScheme::OnnxPerTensor),
        Some(tag) => return Err(Error::corrupt(part, format!("dynamic scheme {tag} is not 0, 1 or 2"))),
    })
}

pub(super) fn wide(sizes: &[usize]) -> Vec<u64> {
    sizes.iter().map(|&size| size as u64).collect()
}

/// The operator of a record, whose operand has the shape `x`.
pub(super) fn op(op: &record::Op, x: &[Dim], part: &str) -> Result<Op, Error> {
    Ok(match op {
        record::Op::Conv { window: read, groups, activation: clamp } => Op::Conv(Conv {
            window: window(read, part)?,
            groups: size_of(*groups, part)?,
            activation: activation(clamp),
            dynamic: None,
        }),
        record::Op::DynamicConv { window: read, groups, activation: clamp, dynamic } => Op::Conv(Conv {
            window: window(read, part)?,
            groups: size_of(*groups, part)?,
            activation: activation(clamp),
            dynamic: dynamic_scheme(Some(*dynamic), part)?,
        }),
        record::Op::Linear { activation: clamp, dynamic } => {
            Op::Linear(Linear { activation: activation(clamp), dynamic: dynamic_scheme(*dynamic, part)? })
        }
        record::Op::MatMul => Op::MatMul,
        record::Op::BatchNorm { epsilon } => Op::BatchNorm(BatchNorm { epsilon: *epsilon }),
        record::Op::Relu => Op::Relu,
        record::Op::Clip { min, max } => Op::Clip(Clip { min: *min, max: *max }),
        record::Op::MaxPool { window: read } => Op::MaxPool(window(read, part)?),
        record::Op::AveragePool { window: read, count_include_pad } => {
            Op::AveragePool(AveragePool { window: window(read, part)?, count_include_pad: *count_include_pad })
        }
        record::Op::GlobalAveragePool => Op::GlobalAveragePool,
        record::Op::Add { activation: clamp } => Op::Add(Add { activation: activation(clamp) }),
        record::Op::Flatten { axis } => Op::Flatten(Flatten { axis: size_of(*axis, part)? }),
        record::Op::Reshape { dims } => {
            check_rank(dims.len(), part)?;
            shape::reshape(dims, x, part)?
        }
        record::Op::Transpose { axes } => Op::Transpose(Transpose { axes: sizes(axes, part)? }),
        record::Op::Softmax { axis } => Op::Softmax(Softmax { axis: size_of(*axis, part)? }),
        record::Op::Identity => Op::Identity,
        record::Op::Quantize => Op::Quantize,
        record::Op::Dequantize => Op::Dequantize,
        record::Op::QuantStub => Op::QuantStub,
        record::Op::DeQuantStub => Op::DeQuantStub,
        record::Op::LayerNorm { axis, epsilon } => {
            Op::LayerNorm(LayerNorm { axis: size_of(*axis, part)?, epsilon: *epsilon })
        }
        record::Op::Unary { function, parameters } => Op::Unary(function::unary(*function, *parameters, part)?),
        record::Op::Binary { function } => Op::Binary(function::binary(*function, part)?),
        record::Op::Reduce { reduction, axes, keep } => Op::Reduce(Reduce {
            reduction: function::reduction(*reduction, part)?,
            axes: sizes(axes, part)?,
            keep: *keep,
        }),
        record::Op::FakeQuantize { params } => Op::FakeQuantize(super::quant_params(params, part)?),
        other => selection::op(other, part)?,
    })
}

pub(super) fn window(window: &record::Window, part: &str) -> Result<Window, Error> {
    Ok(Window {
        kernel: sizes(&window.kernel, part)?,
        stride: sizes(&window.stride, part)?,
        dilation: sizes(&window.dilation, part)?,
        pad_begin: sizes(&window.pad_begin, part)?,
        pad_end: sizes(&window.pad_end, part)?,
    })
}

pub(super) fn activation(activation: &record::Activation) -> Activation {
    match *activation {
        record::Activation::None => Activation::None,
        record::Activation::Relu => Activation::Relu,
        record::Activation::Clamp { min, max } => Activation::Clamp { min, max },
    }
}

pub(super) fn sizes(sizes: &[u64], part: &str) -> Result<Vec<usize>, Error> {
    check_rank(sizes.len(), part)?;
    sizes.iter().map(|&size| size_of(size, part)).collect()
}
