//! The description of the pixels in the header, checked before anything is decoded.

use super::{codec::Codec, dataset::DataSet, file::DicomFile};
use dicom_core::Tag;
use dicom_dictionary_std::tags;

/// Maximum number of rows or columns of an image.
pub(crate) const MOST_SIDE: usize = 16_384;
/// Maximum number of pixels of a frame.
pub(crate) const MOST_PIXELS: usize = 268_435_456;

/// Photometric Interpretation (0028,0004).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Photometric {
    Monochrome1,
    Monochrome2,
    Palette,
    Rgb,
    YbrFull,
    YbrFull422,
    YbrPartial422,
    YbrPartial420,
    YbrIct,
    YbrRct,
    Xyb,
}

impl Photometric {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "MONOCHROME1" => Self::Monochrome1,
            "MONOCHROME2" => Self::Monochrome2,
            "PALETTE COLOR" => Self::Palette,
            "RGB" => Self::Rgb,
            "YBR_FULL" => Self::YbrFull,
            "YBR_FULL_422" => Self::YbrFull422,
            "YBR_PARTIAL_422" => Self::YbrPartial422,
            "YBR_PARTIAL_420" => Self::YbrPartial420,
            "YBR_ICT" => Self::YbrIct,
            "YBR_RCT" => Self::YbrRct,
            "XYB" => Self::Xyb,
            _ => return None,
        })
    }
}

/// A truncated frame is shown only if at least one in this many rows is complete.
const LEAST_PART: usize = 20;

/// Type of the stored values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredNumber {
    /// Pixel Data.
    Integer,
    /// Float Pixel Data.
    Float,
    /// Double Float Pixel Data.
    Double,
}

/// The checked values of the Image Pixel module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PixelHeader {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// 1 or 3.
    pub(crate) samples: usize,
    pub(crate) photometric: Photometric,
    /// 1, 8, 16, 32 or 64.
    pub(crate) allocated: u32,
    pub(crate) stored: u32,
    pub(crate) high_bit: u32,
    pub(crate) signed: bool,
    /// Planar Configuration 1: uncompressed colour is stored plane by plane.
    pub(crate) planar: bool,
    pub(crate) frames: u32,
    pub(crate) number: StoredNumber,
    pub(crate) codec: Codec,
}

/// What the user can do about an unsupported colour space.
const CONVERT: &str = "convert it to RGB first (for example with dcmconv or gdcmconv)";

/// The reason why this Photometric Interpretation is not supported.
fn not_supported(name: &str) -> String {
    let known = match name {
        "ARGB" | "CMYK" | "HSV" => " (retired from the standard)",
        _ => "",
    };
    format!("Photometric Interpretation {name}{known} is not supported; {CONVERT}")
}

/// A positive whole number; errors call it `name`.
fn positive_value(data: &DataSet, tag: Tag, name: &str) -> Result<usize, String> {
    match data.integer_value(tag) {
        Some(value) if value > 0 => Ok(value as usize),
        Some(value) => Err(format!("{name} is {value}, but must be positive")),
        None => Err(format!("{name} is missing")),
    }
}

impl PixelHeader {
    /// Reads and checks the header; the error is the reason.
    pub(crate) fn from_file(file: &DicomFile) -> Result<Self, String> {
        let data = &file.data;
        let pixels = file.pixels.ok_or("the file has no pixel data")?;
        let rows = positive_value(data, tags::ROWS, "Rows")?;
        let columns = positive_value(data, tags::COLUMNS, "Columns")?;
        if rows > MOST_SIDE || columns > MOST_SIDE || rows * columns > MOST_PIXELS {
            return Err(format!(
                "{columns} x {rows} pixels are more than the supported {MOST_SIDE} x {MOST_SIDE}"
            ));
        }
        let number = match pixels.tag {
            tags::FLOAT_PIXEL_DATA => StoredNumber::Float,
            tags::DOUBLE_FLOAT_PIXEL_DATA => StoredNumber::Double,
            _ => StoredNumber::Integer,
        };
        let allocated = match number {
            StoredNumber::Integer => {
                positive_value(data, tags::BITS_ALLOCATED, "Bits Allocated")? as u32
            }
            StoredNumber::Float => 32,
            StoredNumber::Double => 64,
        };
        let stored = data
            .integer_value(tags::BITS_STORED)
            .map_or(allocated, |v| v.clamp(0, 64) as u32);
        let stored = if (1..=allocated).contains(&stored) {
            stored
        } else {
            allocated
        };
        let high_bit = data
            .integer_value(tags::HIGH_BIT)
            .map_or(stored - 1, |v| v.clamp(0, 64) as u32);
        let samples = data.integer_value(tags::SAMPLES_PER_PIXEL).unwrap_or(1);
        let named = data.text_value(tags::PHOTOMETRIC_INTERPRETATION);
        let photometric = match named.as_deref() {
            Some(name) => Photometric::from_name(name).ok_or_else(|| not_supported(name))?,
            None if samples == 3 => Photometric::Rgb,
            None => Photometric::Monochrome2,
        };
        let header = Self {
            rows,
            columns,
            samples: samples.clamp(0, 99) as usize,
            photometric,
            allocated,
            stored,
            high_bit,
            signed: data.integer_value(tags::PIXEL_REPRESENTATION) == Some(1),
            planar: data.integer_value(tags::PLANAR_CONFIGURATION) == Some(1),
            frames: data
                .integer_value(tags::NUMBER_OF_FRAMES)
                .filter(|n| *n > 0)
                .map_or(1, |n| n.min(1 << 24) as u32),
            number,
            codec: Codec::for_transfer_syntax(&file.transfer_syntax)?,
        };
        header.check_consistency()?;
        Ok(header)
    }

    fn check_consistency(&self) -> Result<(), String> {
        use Photometric::*;
        let grey = matches!(self.photometric, Monochrome1 | Monochrome2 | Palette);
        if self.samples != if grey { 1 } else { 3 } {
            return Err(format!(
                "Samples per Pixel is {}, which does not match the Photometric Interpretation",
                self.samples
            ));
        }
        let depth_is_known = match self.number {
            StoredNumber::Integer if self.samples == 3 => matches!(self.allocated, 8 | 16 | 32),
            StoredNumber::Integer => matches!(self.allocated, 1 | 8 | 16 | 32),
            _ => grey && self.codec == Codec::Native,
        };
        if !depth_is_known {
            return Err(format!(
                "{} bits per sample are not supported",
                self.allocated
            ));
        }
        if self.allocated == 1 && self.codec != Codec::Native && self.codec != Codec::DeflatedFrame
        {
            return Err("compressed 1-bit pixels are not supported".into());
        }
        let native = matches!(
            self.codec,
            Codec::Native | Codec::Encapsulated | Codec::DeflatedFrame
        );
        if native && self.photometric == YbrPartial420 {
            return Err(format!(
                "Photometric Interpretation YBR_PARTIAL_420 is supported in compressed files only; \
                 {CONVERT}"
            ));
        }
        if self.photometric == Xyb && self.codec != Codec::JpegXl {
            return Err(format!(
                "Photometric Interpretation XYB is supported in JPEG XL only; {CONVERT}"
            ));
        }
        if self.is_subsampled()
            && native
            && (self.allocated != 8 || !self.columns.is_multiple_of(2))
        {
            return Err(
                "uncompressed subsampled colour is supported only with 8 bits and an even number \
                 of columns"
                    .into(),
            );
        }
        Ok(())
    }

    /// True if uncompressed pixels are chroma-subsampled.
    pub(crate) fn is_subsampled(&self) -> bool {
        matches!(
            self.photometric,
            Photometric::YbrFull422 | Photometric::YbrPartial422
        )
    }

    /// Size of an uncompressed frame, bits.
    pub(crate) fn frame_bits(&self) -> u64 {
        let pixels = (self.rows * self.columns) as u64;
        match self.photometric {
            Photometric::YbrFull422 | Photometric::YbrPartial422 => {
                pixels * 2 * u64::from(self.allocated)
            }
            _ => pixels * self.samples as u64 * u64::from(self.allocated),
        }
    }

    /// Number of complete rows in the first `bits` of an uncompressed frame.
    pub(crate) fn whole_rows(&self, bits: u64) -> usize {
        let in_planes = self.samples == 3 && self.planar && !self.is_subsampled();
        let row = self.frame_bits() / self.rows as u64;
        let rows = match in_planes {
            // A row is complete only if the last of the three planes has it.
            true => bits.saturating_sub(self.frame_bits() / 3 * 2) / (row / 3).max(1),
            false => bits / row.max(1),
        };
        rows.min(self.rows as u64) as usize
    }

    /// True if a truncated frame has enough rows to be shown. It also stops small files from allocating much memory.
    pub(crate) fn is_worth(&self, rows: usize) -> bool {
        rows > 0 && rows.saturating_mul(LEAST_PART) >= self.rows
    }

    /// Size of a decoded frame, bytes, without chroma subsampling.
    pub(crate) fn decoded_bytes(&self) -> usize {
        self.rows * self.columns * self.samples * (self.allocated as usize).div_ceil(8)
    }

    /// True if the image is shown in colour.
    pub(crate) fn is_color(&self) -> bool {
        self.samples == 3 || self.photometric == Photometric::Palette
    }
}
