//! The bits themselves: a CPU on which one of them differs fails.

use fourfold_math::{LayerNorm, RmsNorm, Unary, l2, log_softmax, max, mean, min, softmax, sum};

/// FNV-1a, 64 bits.
fn hash(values: &[f32]) -> u64 {
    let bytes = values.iter().flat_map(|value| value.to_bits().to_le_bytes());
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// Numbers of every size and sign, NaN and infinities among them, and many between -16 and 16.
fn numbers() -> Vec<f32> {
    let all = (0..=u32::MAX).step_by(65_521).map(f32::from_bits);
    let near = (-65_536..65_536_i32).map(|step| {
        #[expect(clippy::cast_precision_loss, reason = "17 bits")]
        let x = step as f32;
        x * 0.000_244_160_3
    });
    all.chain(near).collect()
}

#[test]
fn functions() {
    let expected = [
        (Unary::Exp, 0x45c5_197d_d7b1_a86e),
        (Unary::Ln, 0x0e55_7f91_7a60_dac9),
        (Unary::Sqrt, 0xe2ab_1109_755c_7e60),
        (Unary::Reciprocal, 0x3940_f8e7_993a_04a5),
        (Unary::Neg, 0x98cd_18b0_f0fb_4643),
        (Unary::Abs, 0xe074_121d_d746_7943),
        (Unary::Tanh, 0xc550_d2a2_1330_29a4),
        (Unary::Erf, 0x257b_e2c1_83f9_efef),
        (Unary::Sigmoid, 0x3403_6c3d_c51d_bd44),
        (Unary::Silu, 0xef55_8dee_4969_4a37),
        (Unary::Gelu, 0x398b_7b93_2326_6dda),
        (Unary::GeluTanh, 0x22d4_71fb_1fa3_e677),
        (Unary::HardSigmoid { alpha: 0.2, beta: 0.5 }, 0x2598_abb1_e2ae_00c8),
        (Unary::HardSwish, 0x0a58_99e9_3c25_592c),
        (Unary::LeakyRelu { slope: 0.01 }, 0xc78f_53e7_758a_c94e),
        (Unary::Elu { alpha: 1.0 }, 0x9056_2cc1_830d_61a5),
    ];
    let x = numbers();
    let mut y = vec![0.0; x.len()];
    let actual = Unary::ALL.map(|function| {
        function.map(&x, &mut y).expect("as long");
        (function, hash(&y))
    });
    assert_eq!(actual, expected, "{actual:#x?}");
}

/// Rows of finite numbers between -8 and 8.
fn rows(elements: usize) -> Vec<f32> {
    let mut state = 7_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f32::from_bits(0x3f80_0000 | state >> 9) * 16.0 - 24.0
    };
    (0..elements).map(|_| next()).collect()
}

#[test]
fn rows_of_many_widths() {
    let mut outputs = [(); 9].map(|()| Vec::new());
    for width in [1, 2, 15, 16, 17, 31, 33, 64, 100, 257, 1000] {
        let x = rows(3 * width);
        let (gamma, beta) = (rows(width), rows(5 * width).split_off(4 * width));
        let mut y = vec![0.0; x.len()];
        softmax(&x, width, &mut y).expect("whole rows");
        outputs[0].extend_from_slice(&y);
        log_softmax(&x, width, &mut y).expect("whole rows");
        outputs[1].extend_from_slice(&y);
        LayerNorm { gamma: &gamma, beta: Some(&beta), epsilon: 1e-5 }.apply(&x, &mut y).expect("whole rows");
        outputs[2].extend_from_slice(&y);
        RmsNorm { gamma: &gamma, epsilon: 1e-6 }.apply(&x, &mut y).expect("whole rows");
        outputs[3].extend_from_slice(&y);
        outputs[4].push(sum(&x));
        outputs[5].push(mean(&x));
        outputs[6].push(max(&x));
        outputs[7].push(min(&x));
        outputs[8].push(l2(&x));
    }
    let actual = outputs.map(|values| hash(&values));
    let expected = [
        0x3fbc_565d_bf52_8369,
        0x930a_3751_c184_7639,
        0x2275_56b3_1ca8_94ed,
        0x8460_fd10_8211_79ef,
        0xbda5_7fa3_03a4_697f,
        0xf080_41f5_3644_0090,
        0x449d_6913_fa9d_c976,
        0xc1f6_2157_be50_7d7d,
        0x13ed_5f28_7a1c_7b6c,
    ];
    assert_eq!(actual, expected, "softmax, log_softmax, LayerNorm, RmsNorm, sum, mean, max, min, l2: {actual:#x?}");
}

#[test]
fn neither_length_nor_place_matters() {
    let x = numbers();
    for function in Unary::ALL {
        let mut whole = vec![0.0; x.len()];
        function.map(&x, &mut whole).expect("as long");
        let mut start = 0;
        for length in (0..80).chain([1000]) {
            let mut part = vec![0.0; length];
            function.map(&x[start..start + length], &mut part).expect("as long");
            assert_eq!(hash(&part), hash(&whole[start..start + length]), "{function:?}, {length} from {start}");
            start += length + 701;
        }
    }
}
