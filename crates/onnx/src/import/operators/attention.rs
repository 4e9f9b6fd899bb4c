//! Attention and triangles, which become what they are made of.
//!
//! ```text
//! Attention            softmax(Q * sqrt(s) * transpose(K * sqrt(s)) + mask) * V, s = 1 / sqrt(head size) by default
//! Trilu                x where the triangle is, else 0
//! ```
//!
//! These are the nodes as which exporters write them for older opsets, in the same order.

use fourfold_graph::{
    Activation, Add, Binary, Dim, Expand, FIX_SIZES, Op, Polynomial, Reshape, Softmax, Transpose, ValueId,
};
use fourfold_tensor::{DType, Tensor};

use crate::Error;
use crate::import::emission::node::Entry;

const SUM: Op = Op::Add(Add { activation: Activation::None });

impl Entry<'_, '_> {
    pub(crate) fn attention(&mut self) -> Result<(), Error> {
        const KNOWN: [&str; 9] = [
            "is_causal",
            "kv_num_heads",
            "left_window_size",
            "right_window_size",
            "q_num_heads",
            "qk_matmul_output_mode",
            "scale",
            "softcap",
            "softmax_precision",
        ];
        let attributes = self.attributes(&KNOWN)?;
        let (is_causal, scale) = (attributes.flag("is_causal")?, attributes.float("scale", 0.0)?);
        let heads = [attributes.int("q_num_heads", 0)?, attributes.int("kv_num_heads", 0)?];
        if attributes.float("softcap", 0.0)? != 0.0 {
            return Err(self.unsupported("a cap of the scores (softcap)"));
        }
        let sizes = [attributes.int("left_window_size", -1)?, attributes.int("right_window_size", -1)?];
        if sizes != [-1; 2] {
            return Err(
                self.unsupported(format!("windows (left_window_size {}, right_window_size {})", sizes[0], sizes[1]))
            );
        }
        if let Some(name) = (4..self.proto.input.len()).find_map(|index| self.input(index)) {
            return Err(self.unsupported(format!("keys and values of earlier calls (`{name}`)")));
        }
        let operands = [self.operand(0)?, self.operand(1)?, self.operand(2)?];
        let is_flat = self.dims(operands[0]).len() == 3;
        let [q_heads, kv_heads] = heads;
        let mut sides = operands;
        for (side, (what, heads)) in sides.iter_mut().zip([("q", q_heads), ("k", kv_heads), ("v", kv_heads)]) {
            *side = self.heads(*side, what, heads, is_flat)?;
        }
        let [q, k, v] = sides;
        let [k, v] = [self.repeated(k, q, "k")?, self.repeated(v, q, "v")?];
        let size = self.dims(q)[3].fixed().filter(|&size| size > 0);
        let size = size.ok_or_else(|| self.unsupported(format!("heads whose size is not known ({FIX_SIZES})")))?;
        #[expect(clippy::cast_precision_loss, reason = "as ONNX says")]
        let scale = if scale == 0.0 { 1.0 / (size as f32).sqrt() } else { scale };
        let root = Tensor::from_slice(&[1], &[scale.sqrt()]).map_err(fourfold_graph::Error::from)?;
        let root = self.made("scale", root)?;
        let q = self.emit_before("q.scaled", Op::Binary(Binary::Mul), &[q, root])?;
        let k = self.emit_before("k.turned", Op::Transpose(Transpose { axes: vec![0, 1, 3, 2] }), &[k])?;
        let k = self.emit_before("k.scaled", Op::Binary(Binary::Mul), &[k, root])?;
        let mut scores = self.emit_before("scores", Op::MatMul, &[q, k])?;
        for mask in [self.mask()?, if is_causal { Some(self.causal_mask(scores)?) } else { None }].into_iter().flatten()
        {
            scores = self.emit_before("masked", SUM, &[scores, mask])?;
        }
        let weights = self.emit_before("weights", Op::Softmax(Softmax { axis: 3 }), &[scores])?;
        if !is_flat {
            return self.emit(Op::MatMul, &[weights, v]);
        }
        let context = self.emit_before("context", Op::MatMul, &[weights, v])?;
        let transposed = self.emit_before("turned", Op::Transpose(Transpose { axes: vec![0, 2, 1, 3] }), &[context])?;
        let dims = self.dims(transposed);
        let joined = vec![dims[0].clone(), dims[1].clone(), self.joined(&dims[2], &dims[3])?];
        self.emit(Op::Reshape(Reshape { dims: joined }), &[transposed])
    }

    /// An operand as `[batch, heads, length, size]`.
    fn heads(&mut self, x: ValueId, what: &str, heads: i64, is_flat: bool) -> Result<ValueId, Error> {
        let dims = self.dims(x);
        if !is_flat && dims.len() == 4 {
            return Ok(x);
        }
        let [batch, length, Dim::Fixed(width)] = dims.as_slice() else {
            return Err(self.unsupported(format!("an operand of shape {dims:?}")));
        };
        let heads = usize::try_from(heads).ok().filter(|&heads| heads > 0 && width.is_multiple_of(heads));
        let heads = heads.ok_or_else(|| self.invalid(format!("has no number of heads that divides {width}")))?;
        let split = vec![batch.clone(), length.clone(), heads.into(), (width / heads).into()];
        let split = self.emit_before(&format!("{what}.split"), Op::Reshape(Reshape { dims: split }), &[x])?;
        self.emit_before(&format!("{what}.heads"), Op::Transpose(Transpose { axes: vec![0, 2, 1, 3] }), &[split])
    }

    /// Keys or values with as many heads as the queries, each for several of them.
    fn repeated(&mut self, x: ValueId, q: ValueId, what: &str) -> Result<ValueId, Error> {
        let (dims, of_q) = (self.dims(x), self.dims(q));
        if dims.len() != 4 || of_q.len() != 4 {
            return Err(self.invalid(format!("has operands of shape {of_q:?} and {dims:?}")));
        }
        if dims[1] == of_q[1] {
            return Ok(x);
        }
        let (Some(own), Some(all)) = (dims[1].fixed().filter(|&own| own > 0), of_q[1].fixed()) else {
            return Err(self.unsupported(format!("numbers of heads that are not known ({FIX_SIZES})")));
        };
        if !all.is_multiple_of(own) {
            return Err(self.invalid(format!("has {all} heads of queries for {own} of keys and values")));
        }
        let shape = |repeats: usize| {
            let [batch, heads, length, size] = [0, 1, 2, 3].map(|axis| dims[axis].clone());
            vec![batch, heads, repeats.into(), length, size]
        };
        let apart = self.emit_before(&format!("{what}.apart"), Op::Reshape(Reshape { dims: shape(1) }), &[x])?;
        let each =
            self.emit_before(&format!("{what}.each"), Op::Expand(Expand { dims: shape(all / own) }), &[apart])?;
        let joined = vec![dims[0].clone(), all.into(), dims[2].clone(), dims[3].clone()];
        self.emit_before(&format!("{what}.repeated"), Op::Reshape(Reshape { dims: joined }), &[each])
    }

    /// The mask of the file as numbers to add.
    fn mask(&mut self) -> Result<Option<ValueId>, Error> {
        let Some(name) = self.input(3) else { return Ok(None) };
        if let Some(bools) = self.importer.constants.get(name)?.filter(|mask| mask.dtype() == DType::Bool) {
            let bools = bools.to_le_bytes();
            let numbers = bools.iter().map(|&seen| if seen == 0 { f32::NEG_INFINITY } else { 0.0 });
            let shape = self.importer.constants.shape(name).unwrap_or_default();
            self.importer.constants.check(bools.len())?;
            let mask = Tensor::from_elements(&shape, numbers).map_err(fourfold_graph::Error::from)?;
            return self.made("mask", mask).map(Some);
        }
        let mask = self.operand(3)?;
        if self.dtype(mask) != DType::Bool {
            return Ok(Some(mask));
        }
        let (seen, hidden) = (self.number("seen", 0.0)?, self.number("hidden", f32::NEG_INFINITY)?);
        self.emit_before("mask", Op::Where, &[mask, seen, hidden]).map(Some)
    }

    /// Numbers to add that hide what comes later.
    fn causal_mask(&mut self, scores: ValueId) -> Result<ValueId, Error> {
        let dims = self.dims(scores);
        let (rows, columns, sees) = self.triangle(&dims, 0, false)?;
        let numbers = sees.into_iter().map(|sees| if sees { 0.0 } else { f32::NEG_INFINITY }).collect::<Vec<f32>>();
        let mask = Tensor::from_vec(&[rows, columns], numbers).map_err(fourfold_graph::Error::from)?;
        self.made("causal_mask", mask)
    }

    /// A constant, named after the node.
    fn made(&mut self, what: &str, numbers: Tensor) -> Result<ValueId, Error> {
        self.importer.constants.count(&numbers)?;
        let name = self.importer.fresh_name(&format!("{}.{what}", self.name));
        self.importer.emission.constant(&name, numbers)
    }

    pub(crate) fn trilu(&mut self) -> Result<(), Error> {
        let is_upper = self.attributes(&["upper"])?.int("upper", 1)? != 0;
        let diagonal = match self.known_integers(1)?.as_deref() {
            None => 0,
            Some(&[diagonal]) => diagonal,
            Some(list) => return Err(self.invalid(format!("has {} diagonals, expected one", list.len()))),
        };
        let x = self.operand(0)?;
        let dims = self.dims(x);
        let (rows, columns, kept) = self.triangle(&dims, diagonal, is_upper)?;
        let kept = Tensor::from_bools(&[rows, columns], &kept).map_err(fourfold_graph::Error::from)?;
        let kept = self.made("triangle", kept)?;
        let zero = self.filler(Tensor::zeros(self.dtype(x), &[1]).map_err(fourfold_graph::Error::from)?)?;
        self.emit(Op::Where, &[kept, x, zero])
    }

    /// The sizes of the last two axes and, for each of their elements, whether it is in the triangle above a diagonal,
    /// or below it.
    fn triangle(&mut self, dims: &[Dim], diagonal: i64, is_upper: bool) -> Result<(usize, usize, Vec<bool>), Error> {
        let [.., rows, columns] = dims else { return Err(self.invalid(format!("has an operand of shape {dims:?}"))) };
        let (Some(rows), Some(columns)) = (rows.fixed(), columns.fixed()) else {
            return Err(self.unsupported(format!("a triangle of {dims:?}, whose size is not known ({FIX_SIZES}),")));
        };
        let count = rows.saturating_mul(columns);
        self.importer.constants.check(count)?;
        let mut kept = fourfold_tensor::memory::room(count)?;
        for row in 0..i64::try_from(rows).unwrap_or(i64::MAX) {
            let first = row.saturating_add(diagonal);
            let columns = 0..i64::try_from(columns).unwrap_or(i64::MAX);
            kept.extend(columns.map(|column| if is_upper { column >= first } else { column <= first }));
        }
        Ok((rows, columns, kept))
    }

    /// Two axes as one.
    fn joined(&self, a: &Dim, b: &Dim) -> Result<Dim, Error> {
        let product = |(a, b): (Polynomial, Polynomial)| Dim::computed(a.mul(&b)?);
        let product = a.polynomial().zip(b.polynomial()).and_then(product);
        product.ok_or_else(|| self.invalid("has a result that is too large"))
    }
}
