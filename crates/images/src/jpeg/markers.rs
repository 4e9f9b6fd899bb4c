//! The structure of a JPEG file: segments that begin with markers, and what the decoder must not be asked about.
//!
//! Source of the format: ITU-T T.81, annex B.

use super::corrupt;
use crate::Error;

/// What the segments of a file say of its image.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    pub(super) height: u16,
    pub(super) width: u16,
    pub(super) is_progressive: bool,
    /// One, three or four.
    pub(super) components: Vec<Component>,
    is_jfif: bool,
    /// The colour transform of Adobe's segment.
    adobe: Option<u8>,
    /// EXIF data.
    pub(super) exif: Option<&'a [u8]>,
}

/// A component, and how many of its blocks are in a unit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Component {
    id: u8,
    pub(super) across: u64,
    pub(super) down: u64,
}

/// What components mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colors {
    Gray,
    Rgb,
    YCbCr,
    /// Inverted, as Adobe's programs write it.
    Cmyk,
    /// As [`Colors::Cmyk`], with luma and chromas of the colours' complements.
    Ycck,
}

/// Passes over an image; ordinary files have ten.
const MOST_SCANS: usize = 100;

impl Frame<'_> {
    /// What the components mean, by libjpeg's rules.
    pub(super) fn colors(&self) -> Colors {
        let ids: Vec<u8> = self.components.iter().map(|component| component.id).collect();
        match (self.components.len(), self.adobe) {
            (1, _) => Colors::Gray,
            (3, _) if self.is_jfif => Colors::YCbCr,
            (3, Some(0)) => Colors::Rgb,
            (3, None) if ids == *b"RGB" => Colors::Rgb,
            (3, _) => Colors::YCbCr,
            (_, Some(0) | None) => Colors::Cmyk,
            _ => Colors::Ycck,
        }
    }
}

/// Reads all segments up to the end of the image, which must be there.
pub(super) fn read(bytes: &[u8]) -> Result<Frame<'_>, Error> {
    let mut file = File { bytes, at: 2 };
    let (mut frame, mut scans) = (None, 0);
    let (mut is_jfif, mut adobe, mut exif) = (false, None, None);
    loop {
        let at = file.at;
        match file.marker()? {
            // The end of the image.
            0xD9 => break,
            0xC0..=0xC2 if frame.is_some() => return Err(corrupt("two frames")),
            kind @ 0xC0..=0xC2 => frame = Some(start_of_frame(file.segment()?, kind == 0xC2)?),
            0xC3 | 0xC7 | 0xCB | 0xCF => return Err(Error::unsupported("a lossless JPEG")),
            0xC5 | 0xC6 | 0xDE | 0xDF => return Err(Error::unsupported("a hierarchical JPEG")),
            0xC9 | 0xCA | 0xCC | 0xCD | 0xCE => return Err(Error::unsupported("a JPEG with arithmetic coding")),
            0xDC => return Err(Error::unsupported("a JPEG whose height stands behind its image")),
            0xDA if frame.is_none() => return Err(corrupt("a scan without a frame")),
            0xDA => {
                file.segment()?;
                file.skip_scan();
                scans += 1;
                if scans > MOST_SCANS {
                    return Err(Error::unsupported(format!("a JPEG of more than {MOST_SCANS} scans")));
                }
            }
            0xE0 => is_jfif |= file.segment()?.starts_with(b"JFIF\0"),
            0xE1 => exif = exif.or(file.segment()?.strip_prefix(b"Exif\0\0")),
            0xEE => {
                // "Adobe", a version, two words of flags, and the transform.
                let segment = file.segment()?.strip_prefix(b"Adobe");
                adobe = segment.and_then(|rest| rest.get(6)).copied().or(adobe);
            }
            // Tables, comments, other applications.
            0xC4 | 0xDB | 0xDD | 0xE2..=0xEF | 0xFE => drop(file.segment()?),
            other => return Err(corrupt(format!("the marker {other:#04x} at offset {at}"))),
        }
    }
    let Some((height, width, is_progressive, components)) = frame.filter(|_| scans > 0) else {
        return Err(corrupt("it ends before its image"));
    };
    Ok(Frame { height, width, is_progressive, components, is_jfif, adobe, exif })
}

/// Height, width, whether it comes in passes, and components.
type Start = (u16, u16, bool, Vec<Component>);

fn start_of_frame(segment: &[u8], is_progressive: bool) -> Result<Start, Error> {
    let Some((&[precision, high, low, wide, narrow, count], rest)) = segment.split_first_chunk::<6>() else {
        return Err(corrupt("the frame is too short"));
    };
    if precision != 8 {
        return Err(Error::unsupported(format!("a JPEG of {precision} bits a channel")));
    }
    let (height, width) = (u16::from_be_bytes([high, low]), u16::from_be_bytes([wide, narrow]));
    match (height, width) {
        (_, 0) => return Err(corrupt("an image without columns")),
        (0, _) => return Err(Error::unsupported("a JPEG whose height stands behind its image")),
        _ => {}
    }
    if !matches!(count, 1 | 3 | 4) {
        return Err(Error::unsupported(format!("a JPEG of {count} components")));
    }
    if rest.len() != 3 * usize::from(count) {
        return Err(corrupt(format!("a frame of {} bytes for {count} components", segment.len())));
    }
    let component = |bytes: &[u8]| {
        let (across, down) = (bytes[1] >> 4, bytes[1] & 15);
        let is_valid = (1..=4).contains(&across) && (1..=4).contains(&down);
        let component = Component { id: bytes[0], across: across.into(), down: down.into() };
        if is_valid { Ok(component) } else { Err(corrupt(format!("sampling factors {across} and {down}"))) }
    };
    let components = rest.chunks_exact(3).map(component).collect::<Result<_, _>>()?;
    Ok((height, width, is_progressive, components))
}

/// A file that is read up to an offset.
struct File<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> File<'a> {
    fn cut_off() -> Error {
        corrupt("the file is cut off")
    }

    /// The marker that comes next, after bytes that fill up.
    fn marker(&mut self) -> Result<u8, Error> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let fill = rest.iter().take_while(|&&byte| byte == 0xFF).count();
        let marker = *rest.get(fill).ok_or_else(Self::cut_off)?;
        if fill == 0 || marker == 0 {
            return Err(corrupt(format!("no marker at offset {}, where one must be", self.at)));
        }
        self.at += fill + 1;
        Ok(marker)
    }

    /// What a segment holds.
    fn segment(&mut self) -> Result<&'a [u8], Error> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = usize::from(u16::from_be_bytes(*rest.first_chunk().ok_or_else(Self::cut_off)?));
        if length < 2 {
            return Err(corrupt(format!("a segment of {length} bytes at offset {}", self.at)));
        }
        self.at += length;
        rest.get(2..length).ok_or_else(Self::cut_off)
    }

    /// Goes past the data of a scan, to the next marker but those that start it anew.
    fn skip_scan(&mut self) {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let is_marker = |pair: &[u8]| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xFF | 0xD0..=0xD7);
        self.at += rest.windows(2).position(is_marker).unwrap_or(rest.len());
    }
}
