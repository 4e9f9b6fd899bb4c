//! Sentence vectors: an embedding with positions, a transformer layer, the mean over the words and a linear layer,
//! quantized both ways.
//!
//! `cargo run --release --example transformer_block -p fourfold`
//!
//! The weights are random, the same in every run. Trained ones would come from
//! `safetensors::read`.

use std::error::Error;

use fourfold::graph::ValueId;
use fourfold::nn::{self, Builder, Embedding, Linear, Module, StateDict, TransformerEncoderLayer};
use fourfold::prelude::*;

const WORDS: usize = 1000;
const STEPS: usize = 16;
const FEATURES: usize = 64;

/// Word indices `[batch, steps]` become `[batch, features]`.
struct SentenceEncoder;

impl Module for SentenceEncoder {
    fn forward(&self, net: &mut Builder, words: ValueId) -> Result<ValueId, nn::Error> {
        let x = net.apply("embedding", &Embedding::new(WORDS, FEATURES), words)?;
        let positions = net.parameter("positions", &[STEPS, FEATURES])?;
        let x = net.add(x, positions)?;
        let layer = TransformerEncoderLayer::new(FEATURES, 4).dim_feedforward(4 * FEATURES).gelu().batch_first(true);
        let x = net.apply("layer", &layer, x)?;
        let x = net.mean(x, 1)?;
        net.apply("projection", &Linear::new(FEATURES, FEATURES), x)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let words = ValueType::plain(DType::I64, &[Dim::symbol("batch"), Dim::from(STEPS)]);
    let float = nn::build("sentence_encoder", &SentenceEncoder, words, state_dict()?)?;
    let fused = fuse(&float)?;

    let dynamic = quantize_dynamic(&fused, &[OpKind::Linear], DType::I8)?;
    let mut calibration = prepare(&fused, QConfig::fourfold())?;
    for batch in 0..8 {
        calibration.observe(&[sentences(16, batch)?])?;
    }
    let quantized = calibration.convert()?;

    let sentences = sentences(8, 100)?;
    let run = |graph: &Graph| -> Result<Tensor, Box<dyn Error>> {
        let mut session = Session::new(Plan::compile(graph, &Options::default())?.into());
        Ok(session.run(std::slice::from_ref(&sentences))?[0].clone())
    };
    let exact = run(&float)?;
    println!("{:>8}  {:>10}  cosine similarity with the float vector, for each of 8 sentences", "", "file bytes");
    for (name, graph) in [("float", &float), ("dynamic", dynamic.graph()), ("static", quantized.graph())] {
        let vectors = run(graph)?;
        let rows =
            vectors.as_slice::<f32>()?.chunks_exact(FEATURES).zip(exact.as_slice::<f32>()?.chunks_exact(FEATURES));
        let similarities: Vec<String> = rows.map(|(a, b)| format!("{:.4}", cosine(a, b))).collect();
        println!("{name:>8}  {:>10}  {}", container::to_bytes(graph)?.len(), similarities.join("  "));
    }
    Ok(())
}

/// `a b / (|a| |b|)`.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

/// Sentences of words chosen at random.
fn sentences(count: usize, seed: u32) -> Result<Tensor, Box<dyn Error>> {
    let mut random = Random(seed);
    let words: Vec<i64> = (0..count * STEPS).map(|_| i64::from(random.bits()) % WORDS as i64).collect();
    Ok(Tensor::from_vec(&[count, STEPS], words)?)
}

/// Weights with a variance of `1 / columns`, zeros as biases, and ones for the normalizations.
fn state_dict() -> Result<StateDict, Box<dyn Error>> {
    let (wide, tripled) = (4 * FEATURES, 3 * FEATURES);
    let matrices = [
        ("embedding.weight", [WORDS, FEATURES]),
        ("positions", [STEPS, FEATURES]),
        ("layer.self_attn.in_proj_weight", [tripled, FEATURES]),
        ("layer.self_attn.out_proj.weight", [FEATURES, FEATURES]),
        ("layer.linear1.weight", [wide, FEATURES]),
        ("layer.linear2.weight", [FEATURES, wide]),
        ("projection.weight", [FEATURES, FEATURES]),
    ];
    let vectors = [
        ("layer.self_attn.in_proj_bias", tripled, 0.0_f32),
        ("layer.self_attn.out_proj.bias", FEATURES, 0.0),
        ("layer.norm1.weight", FEATURES, 1.0),
        ("layer.norm1.bias", FEATURES, 0.0),
        ("layer.linear1.bias", wide, 0.0),
        ("layer.linear2.bias", FEATURES, 0.0),
        ("layer.norm2.weight", FEATURES, 1.0),
        ("layer.norm2.bias", FEATURES, 0.0),
        ("projection.bias", FEATURES, 0.0),
    ];
    let mut random = Random(1);
    let mut tensors = Vec::new();
    for (key, [rows, columns]) in matrices {
        let scale = 3.0_f32.sqrt() / (columns as f32).sqrt();
        let elements = (0..rows * columns).map(|_| scale * random.uniform()).collect();
        tensors.push((key, Tensor::from_vec(&[rows, columns], elements)?));
    }
    for (key, size, element) in vectors {
        tensors.push((key, Tensor::from_vec(&[size], vec![element; size])?));
    }
    Ok(tensors.into_iter().collect())
}

/// A linear congruential generator, of which the upper bits are used.
struct Random(u32);

impl Random {
    fn bits(&mut self) -> u16 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [high, low, ..] = self.0.to_be_bytes();
        u16::from_be_bytes([high, low])
    }

    /// From -1 to 1.
    fn uniform(&mut self) -> f32 {
        f32::from(self.bits()) / 32768.0 - 1.0
    }
}
