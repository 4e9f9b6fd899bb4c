//! Products with a weight of few bits with a scale for each block of them, which becomes floats.

use fourfold_graph::{Linear, Op};
use fourfold_tensor::Tensor;

use crate::Error;
use crate::import::emission::node::Entry;
use crate::import::patterns::blocked::BLOCKS;

/// More weights do not share a scale.
const LARGEST_BLOCK: usize = 1 << 16;

impl<'a> Entry<'_, 'a> {
    /// `x * W^T` with a weight of 2, 4 or 8 bits (com.microsoft MatMulNBits):
    /// `(x, weight, scales, [zero_points], [g_idx], [bias])`.
    ///
    /// `weight: [N, blocks, block_size * bits / 8]`, the low bits first; `scales: [N * blocks]`; zero points are packed
    /// like the weight, row by row, and are `2^(bits - 1)` where they are left out. The weight is dequantized here: the
    /// product runs on floats.
    pub(crate) fn matmul_bits(&mut self) -> Result<(), Error> {
        let attributes = self.attributes(&["K", "N", "bits", "block_size", "accuracy_level"])?;
        let size = |name: &str, default: i64| {
            let value = attributes.int(name, default)?;
            usize::try_from(value)
                .ok()
                .filter(|&size| size > 0)
                .ok_or_else(|| self.invalid(format!("{name} is {value}")))
        };
        let (depth, columns, bits, block) = (size("K", 0)?, size("N", 0)?, size("bits", 4)?, size("block_size", 0)?);
        if ![2, 4, 8].contains(&bits) || block > LARGEST_BLOCK || !(block * bits).is_multiple_of(8) {
            return Err(self.unsupported(format!("a weight of {bits} bits in blocks of {block}")));
        }
        if self.input(4).is_some() {
            return Err(self.unsupported("an order of the columns (g_idx)"));
        }
        let count = columns.saturating_mul(depth) as u64;
        fourfold_graph::Limits::check("elements", count, self.importer.constants.limits().elements)?;
        let blocks = depth.div_ceil(block);
        let (quantized, scales) = (self.constant(1)?, self.constant(2)?);
        let zero_points = self.optional_constant(3)?;
        let row_bytes = (blocks * bits).div_ceil(8);
        let zero_point = |row: usize, position: usize| match &zero_points {
            None => Some(f32::from(1_u8 << (bits - 1))),
            Some(packed) => match packed.as_slice::<f32>() {
                Ok(floats) => floats.get(row * blocks + position).copied(),
                Err(_) => element(packed.bytes().get(row * row_bytes..)?, position, bits),
            },
        };
        let wrong = || {
            self.invalid(format!(
                "has quantized values {:?} and scales {:?} for {columns} rows of {depth}",
                quantized.shape(),
                scales.shape()
            ))
        };
        if quantized.len() != columns * blocks * block * bits / 8 {
            return Err(wrong());
        }
        let scales = scales.as_slice::<f32>().map_err(|_| wrong())?;
        let float = |index: usize| {
            let (row, column) = (index / depth, index % depth);
            let (position, at) = (column / block, row * blocks * block + column);
            Some(
                (element(quantized.bytes(), at, bits)? - zero_point(row, position)?)
                    * scales.get(row * blocks + position)?,
            )
        };
        let weight: Vec<f32> = (0..columns * depth).map(float).collect::<Option<_>>().ok_or_else(wrong)?;
        self.importer.note(BLOCKS);
        let weight = Tensor::from_vec(&[columns, depth], weight).map_err(fourfold_graph::Error::from)?;
        self.importer.constants.count(&weight)?;
        let x = self.operand(0)?;
        let name = self.importer.constant_name(self.input(1).unwrap_or_default());
        let mut inputs = vec![x, self.importer.emission.constant(&name, weight)?];
        if let Some(bias) = self.optional_constant(5)? {
            let name = self.input(5).unwrap_or_default();
            inputs.push(self.bias(name, &bias, columns, 1.0)?);
        }
        self.emit(Op::Linear(Linear::default()), &inputs)
    }
}

/// One of many packed numbers, the low bits first.
fn element(bytes: &[u8], index: usize, bits: usize) -> Option<f32> {
    let byte = *bytes.get(index * bits / 8)?;
    let shifted = byte >> (index * bits % 8);
    Some(f32::from(shifted & (u8::MAX >> (8 - bits))))
}
