//! Converts raw numbers of any type to pixels, for NIfTI volumes and ImageJ stacks.

use labrum_core::image::Pixels;
use serde::{Deserialize, Serialize};

/// The type of a stored number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum NumberKind {
    U8,
    I8,
    U16,
    I16,
    U32,
    I32,
    U64,
    I64,
    F32,
    F64,
    /// Three bytes.
    Rgb,
    /// Four bytes; alpha is ignored.
    Rgba,
}

impl NumberKind {
    /// Size of one number in bytes.
    pub(crate) fn byte_size(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::Rgb => 3,
            Self::U32 | Self::I32 | Self::F32 | Self::Rgba => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// True for colours.
    pub(crate) fn is_color(self) -> bool {
        matches!(self, Self::Rgb | Self::Rgba)
    }

    /// Converts `bytes` to pixels; an incomplete number at the end is dropped.
    pub(crate) fn decode_pixels(self, bytes: &[u8], big_endian: bool) -> Pixels {
        macro_rules! each {
            ($kind:ty, $become:expr) => {
                bytes
                    .as_chunks()
                    .0
                    .iter()
                    .map(|b| {
                        if big_endian {
                            <$kind>::from_be_bytes(*b)
                        } else {
                            <$kind>::from_le_bytes(*b)
                        }
                    })
                    .map($become)
                    .collect()
            };
        }
        match self {
            Self::U8 => Pixels::U8(bytes.to_vec()),
            Self::I8 => Pixels::I16(each!(i8, i16::from)),
            Self::U16 => Pixels::U16(each!(u16, |v| v)),
            Self::I16 => Pixels::I16(each!(i16, |v| v)),
            Self::U32 => to_finite_pixels(each!(u32, |v| v as f32)),
            Self::I32 => to_finite_pixels(each!(i32, |v| v as f32)),
            Self::U64 => to_finite_pixels(each!(u64, |v| v as f32)),
            Self::I64 => to_finite_pixels(each!(i64, |v| v as f32)),
            Self::F32 => to_finite_pixels(each!(f32, |v| v)),
            Self::F64 => to_finite_pixels(each!(f64, |v| v as f32)),
            Self::Rgb => Pixels::Rgb8(bytes.as_chunks().0.to_vec()),
            Self::Rgba => Pixels::Rgb8(
                bytes
                    .as_chunks()
                    .0
                    .iter()
                    .map(|[r, g, b, _]| [*r, *g, *b])
                    .collect(),
            ),
        }
    }
}

/// Replaces NaN and negative infinity by the lowest finite value and positive infinity by the highest: neither the display
/// nor the network can handle them.
pub(crate) fn to_finite_pixels(mut values: Vec<f32>) -> Pixels {
    let there = values.iter().copied().filter(|v| v.is_finite());
    let (low, high) = there.fold((f32::MAX, f32::MIN), |(low, high), v| {
        (low.min(v), high.max(v))
    });
    let (low, high) = if low <= high { (low, high) } else { (0.0, 0.0) };
    for value in values.iter_mut().filter(|v| !v.is_finite()) {
        *value = if *value == f32::INFINITY { high } else { low };
    }
    Pixels::F32(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_byte_orders_are_decoded() {
        assert_eq!(
            NumberKind::I16.decode_pixels(&[0xFF, 0xFE, 0, 7, 9], true),
            Pixels::I16(vec![-2, 7])
        );
        assert_eq!(
            NumberKind::I16.decode_pixels(&[0xFE, 0xFF, 7, 0], false),
            Pixels::I16(vec![-2, 7])
        );
        assert_eq!(
            NumberKind::I8.decode_pixels(&[0x80, 5], false),
            Pixels::I16(vec![-128, 5])
        );
        assert_eq!(
            NumberKind::U32.decode_pixels(&[0, 1, 0, 0], true),
            Pixels::F32(vec![65_536.0])
        );
        assert_eq!(
            NumberKind::F64.decode_pixels(&(-2.5f64).to_be_bytes(), true),
            Pixels::F32(vec![-2.5])
        );
        assert_eq!(
            NumberKind::Rgba.decode_pixels(&[1, 2, 3, 4], false),
            Pixels::Rgb8(vec![[1, 2, 3]])
        );
    }

    #[test]
    fn values_that_are_not_finite_become_the_lowest_finite_value() {
        let values = vec![f32::NAN, -3.0, f32::INFINITY, 5.0, f32::NEG_INFINITY];
        assert_eq!(
            to_finite_pixels(values),
            Pixels::F32(vec![-3.0, -3.0, 5.0, 5.0, -3.0])
        );
        assert_eq!(
            to_finite_pixels(vec![f32::NAN, f32::INFINITY]),
            Pixels::F32(vec![0.0, 0.0])
        );
    }
}
