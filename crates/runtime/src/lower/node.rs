//! One node to one step.

use fourfold_graph::{Activation, AveragePool, Binary, Conv, Linear, Node, Op, Value, ValueId, Window};
use fourfold_kernels::Geometry;
use fourfold_schemes::QuantParams;
use fourfold_tensor::Tensor;

use super::Lowering;
use super::transposed::of_all_groups;
use crate::Error;
use crate::ops::bias::Bias;
use crate::ops::cast::{Dequantize, FakeQuantize, Quantize};
use crate::ops::conv::{FloatConv, QuantizedConv};
use crate::ops::dynamic::DynamicLinear;
use crate::ops::dynamic_conv::DynamicConv;
use crate::ops::elementwise::{Add, BatchNorm, Clamp, QuantizedClamp};
use crate::ops::function::{Map, Pairs};
use crate::ops::integers;
use crate::ops::linear::{FloatLinear, QuantizedLinear};
use crate::ops::matmul::{MatMul, QuantizedMatMul};
use crate::ops::movement::Permute;
use crate::ops::pairs::QuantizedPairs;
use crate::ops::pool::{Averaged, FloatAveragePool, FloatMaxPool, QuantizedAveragePool, QuantizedMaxPool};
use crate::ops::reduce::{GroupNorm, LayerNorm, Reduce};
use crate::ops::requantize::{End, Requantize};
use crate::ops::softmax::Softmax;
use crate::ops::table::Table;
use crate::plan::Layout;
use crate::spatial::geometry;

impl<'g> Lowering<'g> {
    /// Adds the steps of a node.
    pub(super) fn lower(&mut self, node: &Node) -> Result<(), Error> {
        let x = node.inputs()[0];
        match node.op() {
            Op::Conv(conv) => return self.conv(node, conv),
            Op::ConvTranspose(conv) => return self.conv_transpose(node, conv),
            Op::Linear(linear) => return self.linear(node, linear),
            Op::Recurrent(recurrent) => return self.recurrent(node, recurrent),
            Op::MatMul => return self.matmul(node),
            Op::BatchNorm(fourfold_graph::BatchNorm { epsilon }) => return self.batch_norm(node, *epsilon),
            Op::Relu => return self.clamp(node, Activation::Relu),
            Op::Clip(fourfold_graph::Clip { min, max }) => {
                return self.clamp(node, Activation::Clamp { min: *min, max: *max });
            }
            Op::MaxPool(window) => return self.max_pool(node, window),
            Op::AveragePool(pool) => return self.average_pool(node, pool, false),
            Op::GlobalAveragePool => {
                // Sizes that are not known yet are those of the operand when it runs.
                let sizes: Vec<usize> = self.ty(x).dims()[2..].iter().map(|dim| dim.fixed().unwrap_or(1)).collect();
                let pool = AveragePool { window: Window::new(&sizes), count_include_pad: false };
                return self.average_pool(node, &pool, true);
            }
            Op::Add(fourfold_graph::Add { activation }) if !self.is_integer(x) => return self.sum(node, *activation),
            Op::Flatten(_) | Op::Reshape(_) => self.alias(node, Layout::RowMajor),
            Op::Identity | Op::QuantStub | Op::DeQuantStub => {
                let layout = self.layout(x);
                self.alias(node, layout);
            }
            Op::Transpose(fourfold_graph::Transpose { axes }) => {
                let dtype = self.ty(x).dtype();
                self.add(node, Layout::RowMajor, 1, Permute::transpose(axes, dtype));
            }
            Op::LayerNorm(fourfold_graph::LayerNorm { epsilon, .. }) => {
                let action = LayerNorm::new(self.constant(node, 1)?, self.bias(node), *epsilon)?;
                self.add(node, Layout::RowMajor, 1, action);
            }
            Op::Unary(function) if self.is_codes(node) => {
                let layout = self.layout(x);
                let table = Table::new(*function, self.params(node, 0)?, self.result_params(node)?)?;
                self.add(node, layout, 1, table.ok_or_else(|| self.unsupported(node))?);
            }
            Op::Unary(function) if self.is_integer(x) => {
                let action = integers::Map::new(*function, self.ty(x).dtype()).ok_or_else(|| self.unsupported(node))?;
                let layout = self.layout(x);
                self.add(node, layout, 1, action);
            }
            Op::Unary(function) => {
                let (layout, action) = (self.layout(x), Map::new(*function));
                self.add(node, layout, 1, action.ok_or_else(|| self.unsupported(node))?);
            }
            Op::Binary(function @ (Binary::Sub | Binary::Mul)) if self.is_codes(node) => {
                let (operands, y) = ([self.params(node, 0)?, self.params(node, 1)?], self.result_params(node)?);
                let layout = self.shared_layout(node);
                let action = match function {
                    Binary::Sub => QuantizedPairs::difference(operands, y),
                    _ => QuantizedPairs::product(operands, y),
                };
                self.add(node, layout, 2, action);
            }
            Op::Binary(function) if self.ty(x).is_f32() => {
                let action = Pairs::new(*function).ok_or_else(|| self.unsupported(node))?;
                let layout = self.shared_layout(node);
                self.add(node, layout, 2, action);
            }
            Op::Reduce(fourfold_graph::Reduce { reduction, axes, .. }) if self.is_integer(x) => {
                let ty = self.ty(x);
                let action = integers::Reduce::new(*reduction, axes, ty.rank(), ty.dtype());
                self.add(node, Layout::RowMajor, 1, action);
            }
            Op::Reduce(fourfold_graph::Reduce { reduction, axes, .. }) => {
                let action = Reduce::new(*reduction, axes, self.ty(x).rank());
                self.add(node, Layout::RowMajor, 1, action.ok_or_else(|| self.unsupported(node))?);
            }
            Op::LogSoftmax(fourfold_graph::LogSoftmax { axis }) => {
                self.add(node, Layout::RowMajor, 1, Softmax::logarithm(*axis))
            }
            Op::GroupNorm(fourfold_graph::GroupNorm { groups, epsilon }) => {
                let action = GroupNorm::new(*groups, *epsilon, self.constant(node, 1)?, self.constant(node, 2)?)?;
                self.add(node, Layout::RowMajor, 1, action);
            }
            Op::Softmax(fourfold_graph::Softmax { axis }) => self.add(node, Layout::RowMajor, 1, Softmax::new(*axis)),
            Op::Quantize => {
                let (layout, action) = (self.layout(x), Quantize::new(self.result_params(node)?));
                self.add(node, layout, 1, action);
            }
            Op::Dequantize => {
                let params = self.params(node, 0)?;
                let layout = if params.as_per_tensor().is_some() { self.layout(x) } else { Layout::RowMajor };
                self.add(node, layout, 1, Dequantize::new(params));
            }
            Op::FakeQuantize(params) => {
                let layout = if params.as_per_tensor().is_some() { self.layout(x) } else { Layout::RowMajor };
                self.add(node, layout, 1, FakeQuantize::new(params));
            }
            _ => return self.selection(node),
        }
        Ok(())
    }

    fn conv(&mut self, node: &Node, conv: &Conv) -> Result<(), Error> {
        let weight = self.constant(node, 1)?;
        let (groups, out) = (conv.groups, weight.shape()[0]);
        if weight.is_empty() {
            return self.bias_alone(node, conv.activation, groups, Layout::ChannelsLast);
        }
        let geometry = geometry(&conv.window, weight.shape()[1] * groups, out, groups);
        if let Some(scheme) = conv.dynamic {
            let (weight, kernel) = ((weight, self.params(node, 1)?), self.options.kernel);
            let action = DynamicConv::new(kernel, (geometry, scheme), weight, self.bias(node), conv.activation)?;
            self.add(node, Layout::ChannelsLast, 1, action);
        } else if self.is_codes(node) {
            let (x, end) = (self.params(node, 0)?, self.end(node, conv.activation)?);
            let action = QuantizedConv::new(self.options.kernel, &geometry, x, (weight, self.params(node, 1)?), end)?;
            self.add(node, Layout::ChannelsLast, 1, action);
        } else {
            let action = FloatConv::new(geometry, weight, self.bias(node), conv.activation)?;
            self.add(node, Layout::ChannelsLast, 1, action);
        }
        Ok(())
    }

    fn linear(&mut self, node: &Node, linear: &Linear) -> Result<(), Error> {
        let (kernel, weight) = (self.options.kernel, self.constant(node, 1)?);
        if weight.is_empty() {
            return self.bias_alone(node, linear.activation, 1, Layout::RowMajor);
        }
        if let Some(scheme) = linear.dynamic {
            let weight = (weight, self.params(node, 1)?);
            let action = DynamicLinear::new(kernel, scheme, weight, self.bias(node), linear.activation)?;
            self.add(node, Layout::RowMajor, 1, action);
        } else if self.is_codes(node) {
            let (x, end) = (self.params(node, 0)?, self.end(node, linear.activation)?);
            let action = QuantizedLinear::new(kernel, x, (weight, self.params(node, 1)?), end)?;
            self.add(node, Layout::RowMajor, 1, action);
        } else {
            let action = FloatLinear::new(weight, self.bias(node), linear.activation)?;
            self.add(node, Layout::RowMajor, 1, action);
        }
        Ok(())
    }

    /// Adds the step of a layer whose weight has no elements, which multiplies nothing.
    pub(super) fn bias_alone(
        &mut self,
        node: &Node,
        activation: Activation,
        groups: usize,
        layout: Layout,
    ) -> Result<(), Error> {
        let bias = self.bias(node);
        let action = if !self.is_codes(node) {
            Bias::real(bias, activation)?
        } else if self.ty(node.output()).params().is_none() {
            Bias::sums(bias)?
        } else if bias.is_none() {
            Bias::zero(self.result_params(node)?, activation)?
        } else {
            let params = of_all_groups(self.params(node, 1)?, groups)?;
            let end = Requantize::new(self.params(node, 0)?, &params, bias, self.result_params(node)?, activation)?;
            Bias::requantized(self.options.kernel, &end)?
        };
        self.add(node, layout, 1, action);
        Ok(())
    }

    fn matmul(&mut self, node: &Node) -> Result<(), Error> {
        if self.is_codes(node) {
            let operands = [self.params(node, 0)?, self.params(node, 1)?];
            let action = QuantizedMatMul::new(operands, self.ty(node.output()).params())?;
            self.add(node, Layout::RowMajor, 2, action);
        } else {
            self.add(node, Layout::RowMajor, 2, MatMul);
        }
        Ok(())
    }

    fn batch_norm(&mut self, node: &Node, epsilon: f32) -> Result<(), Error> {
        let layout = self.layout(node.inputs()[0]);
        let [scale, bias, mean, variance] = [1, 2, 3, 4].map(|operand| self.constant(node, operand));
        self.add(node, layout, 1, BatchNorm::new(epsilon, [scale?, bias?, mean?, variance?], layout)?);
        Ok(())
    }

    fn clamp(&mut self, node: &Node, activation: Activation) -> Result<(), Error> {
        let layout = self.layout(node.inputs()[0]);
        if self.is_codes(node) {
            self.add(node, layout, 1, QuantizedClamp::new(self.params(node, 0)?, activation));
        } else {
            self.add(node, layout, 1, Clamp::new(activation));
        }
        Ok(())
    }

    /// The layout for two operands: that of the first if they have one shape.
    fn shared_layout(&mut self, node: &Node) -> Layout {
        let [a, b] = [node.inputs()[0], node.inputs()[1]];
        let same_shape = self.ty(a).dims() == self.ty(b).dims();
        if same_shape { self.layout(a) } else { Layout::RowMajor }
    }

    fn sum(&mut self, node: &Node, activation: Activation) -> Result<(), Error> {
        let layout = self.shared_layout(node);
        if self.is_codes(node) {
            let y = self.result_params(node)?;
            let action = QuantizedPairs::sum([self.params(node, 0)?, self.params(node, 1)?], y, activation);
            self.add(node, layout, 2, action);
        } else {
            self.add(node, layout, 2, Add::new(activation));
        }
        Ok(())
    }

    fn max_pool(&mut self, node: &Node, window: &Window) -> Result<(), Error> {
        let geometry = self.pool_geometry(node, window)?;
        if self.is_codes(node) {
            let action = QuantizedMaxPool::new(geometry, self.params(node, 0)?);
            self.add(node, Layout::ChannelsLast, 1, action);
        } else {
            self.add(node, Layout::ChannelsLast, 1, FloatMaxPool { geometry });
        }
        Ok(())
    }

    fn average_pool(&mut self, node: &Node, pool: &AveragePool, is_global: bool) -> Result<(), Error> {
        let geometry = self.pool_geometry(node, &pool.window)?;
        let averaged = Averaged { geometry, is_global, count_include_pad: pool.count_include_pad };
        if self.is_codes(node) {
            let (x, y) = (self.params(node, 0)?, self.result_params(node)?);
            self.add(node, Layout::ChannelsLast, 1, QuantizedAveragePool::new(averaged, x, y));
        } else {
            self.add(node, Layout::ChannelsLast, 1, FloatAveragePool(averaged));
        }
        Ok(())
    }

    fn pool_geometry(&self, node: &Node, window: &Window) -> Result<Geometry, Error> {
        let channels = self.ty(node.inputs()[0]).dims()[1].fixed().ok_or_else(|| self.unsupported(node))?;
        Ok(geometry(window, channels, channels, channels))
    }

    /// What becomes of the sums: codes if the result has parameters.
    fn end(&self, node: &Node, activation: Activation) -> Result<End, Error> {
        let (x, weight, bias) = (self.params(node, 0)?, self.params(node, 1)?, self.bias(node));
        match self.ty(node.output()).params() {
            Some(y) => Ok(End::Codes(Requantize::new(x, weight, bias, y, activation)?)),
            None => End::sums(bias),
        }
    }

    /// Whether a value holds integers that stand for themselves.
    fn is_integer(&self, id: ValueId) -> bool {
        let ty = self.ty(id);
        ty.params().is_none() && ty.dtype().is_integer()
    }

    pub(super) fn is_codes(&self, node: &Node) -> bool {
        self.ty(node.inputs()[0]).is_quantized()
    }

    pub(super) fn params(&self, node: &Node, operand: usize) -> Result<&'g QuantParams, Error> {
        self.ty(node.inputs()[operand]).params().ok_or_else(|| self.unsupported(node))
    }

    pub(super) fn result_params(&self, node: &Node) -> Result<&'g QuantParams, Error> {
        self.ty(node.output()).params().ok_or_else(|| self.unsupported(node))
    }

    pub(super) fn constant(&self, node: &Node, operand: usize) -> Result<&'g Tensor, Error> {
        self.graph.value(node.inputs()[operand]).constant().ok_or_else(|| self.unsupported(node))
    }

    pub(super) fn bias(&self, node: &Node) -> Option<&'g Value> {
        node.inputs().get(2).map(|&id| self.graph.value(id))
    }

    pub(super) fn unsupported(&self, node: &Node) -> Error {
        let types: Vec<String> = node.inputs().iter().map(|&id| self.ty(id).to_string()).collect();
        Error::Unsupported { node: node.name().to_owned(), kind: node.op().kind(), types: types.join(", ") }
    }
}
