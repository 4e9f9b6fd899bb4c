//! The weights of a layer or cell as the operator reads them.

use fourfold_graph::{Cell, ValueId};
use fourfold_tensor::{DType, Tensor};

use crate::{Builder, Error};

/// What a layer or cell computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gates {
    pub(super) cell: Cell,
    pub(super) hidden_size: usize,
    pub(super) bias: bool,
}

impl Gates {
    /// Weights `[d * rows, features]` and `[d * rows, hidden]` and biases `[2, d * rows]` with `rows = gates * hidden`:
    /// tensors of the state dict one below the other, whose keys are `weight_ih`, `weight_hh`, `bias_ih` and `bias_hh`
    /// with `suffix` and then one of the `d` names of directions behind them. The constants have the suffix alone.
    pub(super) fn weights(
        self,
        builder: &mut Builder,
        features: usize,
        suffix: &str,
        ways: &[&str],
    ) -> Result<[ValueId; 3], Error> {
        let Self { cell, hidden_size, bias } = self;
        let rows = hidden_size.checked_mul(cell.gates());
        let Some(rows) = rows.filter(|rows| rows.checked_mul(2).is_some()) else {
            return Err(builder.error(format!("a hidden size of {hidden_size} is too large")));
        };
        let gather = |builder: &mut Builder, parts: &[&str], shape: &[usize]| {
            let keys = parts.iter().flat_map(|part| ways.iter().map(move |way| format!("{part}{suffix}{way}")));
            let tensors = keys.map(|key| builder.tensor(&key, shape)).collect::<Result<Vec<_>, _>>()?;
            rows_of(&tensors)
        };
        let weight = builder
            .constant(&format!("weight_ih{suffix}"), |builder| gather(builder, &["weight_ih"], &[rows, features]))?;
        let hidden = builder
            .constant(&format!("weight_hh{suffix}"), |builder| gather(builder, &["weight_hh"], &[rows, hidden_size]))?;
        let bias = builder.constant(&format!("bias{suffix}"), |builder| {
            let shape = [2, rows * ways.len()];
            match bias {
                true => Ok(gather(builder, &["bias_ih", "bias_hh"], &[rows])?.reshape(&shape)?),
                false => Ok(Tensor::zeros(DType::F32, &shape)?),
            }
        })?;
        Ok([weight, hidden, bias])
    }
}

/// Tensors of one shape, one below the other.
fn rows_of(tensors: &[Tensor]) -> Result<Tensor, Error> {
    let [only] = tensors else {
        let mut elements = Vec::with_capacity(tensors.iter().map(Tensor::len).sum());
        for tensor in tensors {
            elements.extend_from_slice(tensor.as_slice::<f32>()?);
        }
        let mut shape = tensors.first().map(|tensor| tensor.shape().to_vec()).unwrap_or_default();
        if let Some(first) = shape.first_mut() {
            *first *= tensors.len();
        }
        return Ok(Tensor::from_vec(&shape, elements)?);
    };
    Ok(only.clone())
}
