//! From the components of a JPEG file to red, green and blue, in place.
//!
//! The formulas are libjpeg's (`jdcolor.c`) and Pillow's (`Convert.c`, `cmyk2rgb`), with their roundings.

/// Pixels of luma and two chromas, and perhaps another channel, which stays.
///
/// ```text
/// r = y                          + 1.40200 (cr - 128)
/// g = y - 0.34414 (cb - 128)     - 0.71414 (cr - 128)
/// b = y + 1.77200 (cb - 128)
/// ```
///
/// in fixed point of 16 bits, rounded half up; for green once, of the sum.
pub(super) fn ycbcr_to_rgb(pixels: &mut [u8], channels: usize) {
    const HALF: i32 = 1 << 15;
    for pixel in pixels.chunks_exact_mut(channels) {
        let [y, blue, red] = [pixel[0], pixel[1], pixel[2]].map(i32::from);
        let (blue, red) = (blue - 128, red - 128);
        pixel[0] = clamped(y + ((91_881 * red + HALF) >> 16));
        pixel[1] = clamped(y + ((-22_554 * blue - 46_802 * red + HALF) >> 16));
        pixel[2] = clamped(y + ((116_130 * blue + HALF) >> 16));
    }
}

/// Pixels of cyan, magenta, yellow and black, in which 0 is no ink.
///
/// ```text
/// light = 255 - black          red = light - round(cyan * light / 255)
/// ```
pub(super) fn cmyk_to_rgb(pixels: &mut Vec<u8>) {
    let count = pixels.len() / 4;
    for index in 0..count {
        let light = 255 - i32::from(pixels[index * 4 + 3]);
        for channel in 0..3 {
            let ink = i32::from(pixels[index * 4 + channel]);
            let product = ink * light + 128;
            pixels[index * 3 + channel] = clamped(light - ((product + (product >> 8)) >> 8));
        }
    }
    pixels.truncate(count * 3);
}

fn clamped(value: i32) -> u8 {
    u8::try_from(value.clamp(0, 255)).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fixed_point_is_within_one_of_the_formula() {
        let round = |value: f64| value.round().clamp(0.0, 255.0);
        for step in 0..256_i32.pow(3) / 97 {
            let bytes = (step * 97).to_le_bytes();
            let mut pixel = [bytes[0], bytes[1], bytes[2], 9];
            ycbcr_to_rgb(&mut pixel, 4);
            let (y, cb, cr) = (f64::from(bytes[0]), f64::from(bytes[1]) - 128.0, f64::from(bytes[2]) - 128.0);
            let expected = [y + 1.402 * cr, y - 0.344_14 * cb - 0.714_14 * cr, y + 1.772 * cb].map(round);
            for (value, expected) in pixel.iter().zip(expected) {
                assert!((f64::from(*value) - expected).abs() <= 1.0, "{bytes:?}");
            }
            assert_eq!(pixel[3], 9);
        }
    }

    #[test]
    fn ink_takes_light_away() {
        let mut pixels = vec![0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 255, 0, 128, 255, 55];
        cmyk_to_rgb(&mut pixels);
        assert_eq!(pixels, [255, 255, 255, 0, 255, 255, 0, 0, 0, 200, 100, 0]);
    }
}
