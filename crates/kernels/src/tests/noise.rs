//! Numbers for tests.

use std::vec::Vec;

/// A sequence of numbers with no pattern in them.
pub(super) struct Noise(u64);

impl Noise {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(super) fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        u32::try_from(self.0 >> 33).expect("31 bits")
    }

    /// A number within `range`.
    pub(super) fn within(&mut self, (min, max): (i32, i32)) -> i32 {
        min + i32::try_from(self.next() % u32::try_from(max - min + 1).expect("max above min")).expect("in range")
    }

    /// Bytes, a quarter of them extreme.
    pub(super) fn bytes(&mut self, count: usize) -> Vec<u8> {
        const EXTREMES: [u8; 7] = [0, 255, 127, 128, 129, 1, 254];
        let byte = || match self.next() {
            x if x % 4 == 0 => EXTREMES[(x / 4 % 7) as usize],
            x => x.to_le_bytes()[1],
        };
        std::iter::repeat_with(byte).take(count).collect()
    }

    pub(super) fn signed(&mut self, count: usize) -> Vec<i8> {
        self.bytes(count).into_iter().map(u8::cast_signed).collect()
    }

    pub(super) fn reals(&mut self, count: usize) -> Vec<f32> {
        let real = || (self.next() >> 7) as f32 / 8_388_608.0 - 1.0;
        std::iter::repeat_with(real).take(count).collect()
    }
}
