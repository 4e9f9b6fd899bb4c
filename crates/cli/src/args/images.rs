//! How image files become samples.

use clap::{Args, ValueEnum};

/// Flags for folders of PNG and JPEG files. With arrays, only the last one has an effect.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Image files")]
pub(crate) struct Images {
    /// Resize: the shorter side to N, or height and width to HxW
    #[arg(long, value_name = "N|HxW", value_parser = size)]
    pub(crate) resize: Option<Size>,
    /// Cut out the middle: N by N, or HxW pixels
    #[arg(long, value_name = "N|HxW", value_parser = size)]
    pub(crate) crop: Option<Size>,
    /// Multiply pixels, which go from 0 to 255, by a number or fraction [default: 1/255]
    #[arg(long, value_name = "FACTOR", value_parser = factor)]
    pub(crate) scale: Option<f64>,
    /// Subtract from pixels, one number or one for each channel, after --scale [default: 0]
    #[arg(long, value_name = "R,G,B", value_delimiter = ',', allow_hyphen_values = true, value_parser = finite)]
    pub(crate) mean: Vec<f32>,
    /// Divide pixels by one number or one for each channel, after --mean [default: 1]
    #[arg(long, value_name = "R,G,B", value_delimiter = ',', value_parser = positive)]
    pub(crate) std: Vec<f32>,
    /// Where the channels are [default: as the input of the model has them]
    #[arg(long, value_enum)]
    pub(crate) layout: Option<Layout>,
    /// Channels and their order [default: rgb for three, gray for one]
    #[arg(long, value_enum)]
    pub(crate) channels: Option<Channels>,
    /// What to do with a file that cannot be read as a sample
    #[arg(long, value_enum, default_value_t)]
    pub(crate) on_bad_sample: OnBadSample,
}

impl Images {
    /// The flags that were given and concern images.
    pub(crate) fn given(&self) -> Vec<&'static str> {
        let flags = [
            ("--resize", self.resize.is_some()),
            ("--crop", self.crop.is_some()),
            ("--scale", self.scale.is_some()),
            ("--mean", !self.mean.is_empty()),
            ("--std", !self.std.is_empty()),
            ("--layout", self.layout.is_some()),
            ("--channels", self.channels.is_some()),
        ];
        flags.into_iter().filter(|(_, is_given)| *is_given).map(|(name, _)| name).collect()
    }
}

/// A size in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// One number.
    One(u32),
    /// Height and width.
    Both(u32, u32),
}

/// The order of the axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Layout {
    /// Channels first, as PyTorch has them
    #[value(alias = "chw")]
    Nchw,
    /// Channels last, as TensorFlow has them
    #[value(alias = "hwc")]
    Nhwc,
}

/// The channels of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Channels {
    /// Red, green, blue
    Rgb,
    /// Blue, green, red, as OpenCV reads them
    Bgr,
    /// Brightness alone
    Gray,
}

/// What to do with a file that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnBadSample {
    /// The command fails
    #[default]
    Error,
    /// The file is left out, with a warning
    Skip,
}

fn size(text: &str) -> Result<Size, String> {
    let side = |text: &str| text.parse().ok().filter(|&side: &u32| (1..=16_384).contains(&side));
    let parsed = match text.split_once('x') {
        Some((height, width)) => side(height).zip(side(width)).map(|(height, width)| Size::Both(height, width)),
        None => side(text).map(Size::One),
    };
    parsed.ok_or_else(|| "expected pixels, 1 to 16384, as in 256, or height and width, as in 224x224".to_owned())
}

/// A number or a fraction such as `1/255`. At most 1, which catches a factor that was meant as a divisor.
fn factor(text: &str) -> Result<f64, String> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite() && *number > 0.0);
    let factor = match text.split_once('/') {
        Some((above, below)) => number(above).zip(number(below)).map(|(above, below)| above / below),
        None => number(text),
    };
    match factor {
        Some(factor) if factor <= 1.0 => Ok(factor),
        Some(factor) => Err(format!("pixels are multiplied by it, and {factor} makes them larger; write 1/{factor}")),
        None => Err("expected a positive number or fraction, as in 1/255".to_owned()),
    }
}

fn finite(text: &str) -> Result<f32, String> {
    text.trim().parse().ok().filter(|number: &f32| number.is_finite()).ok_or_else(|| "expected a number".to_owned())
}

fn positive(text: &str) -> Result<f32, String> {
    finite(text).ok().filter(|&number| number > 0.0).ok_or_else(|| "expected a number above 0".to_owned())
}
