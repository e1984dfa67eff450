//! The pixels of one slice, and their mapping to grey levels for display.

mod percentiles;

use super::{
    geometry::{PixelSpacing, Plane},
    region::Region,
    scale::{Scale, ScaledRegion},
};
use serde::{Deserialize, Serialize};

/// Stored values in row-major order, as read from the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Pixels {
    /// 8-bit grey.
    U8(Vec<u8>),
    /// 16-bit grey, unsigned.
    U16(Vec<u16>),
    /// 16-bit grey, signed.
    I16(Vec<i16>),
    /// Grey values that do not fit 16 bits.
    F32(Vec<f32>),
    /// Colour, 8 bits per channel; 16-bit colour is scaled down.
    Rgb8(Vec<[u8; 3]>),
}

impl Pixels {
    /// Number of pixels.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::U16(v) => v.len(),
            Self::I16(v) => v.len(),
            Self::F32(v) => v.len(),
            Self::Rgb8(v) => v.len(),
        }
    }

    /// True if there are no pixels.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Size in memory, in bytes.
    pub fn byte_count(&self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::U16(v) => 2 * v.len(),
            Self::I16(v) => 2 * v.len(),
            Self::F32(v) => 4 * v.len(),
            Self::Rgb8(v) => 3 * v.len(),
        }
    }
}

/// Modality value = `slope` * stored value + `intercept` (Rescale Slope and Intercept).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rescale {
    /// Rescale Slope (0028,1053).
    pub slope: f64,
    /// Rescale Intercept (0028,1052).
    pub intercept: f64,
}

impl Default for Rescale {
    fn default() -> Self {
        Self {
            slope: 1.0,
            intercept: 0.0,
        }
    }
}

/// VOI LUT Function (0028,1056).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum VoiFunction {
    /// PS3.3 C.11.2.1.2.1
    #[default]
    Linear,
    /// PS3.3 C.11.2.1.3.2
    LinearExact,
    /// PS3.3 C.11.2.1.3.1
    Sigmoid,
}

/// Window Center and Width, in modality values.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Window Center (0028,1050).
    pub center: f64,
    /// Window Width (0028,1051), greater than 0.
    pub width: f64,
    /// How values within the window map to grey levels.
    pub function: VoiFunction,
}

impl Window {
    /// The usual initial window for CT.
    pub const SOFT_TISSUE: Self = Self {
        center: 40.0,
        width: 400.0,
        function: VoiFunction::Linear,
    };

    /// A linear window.
    pub fn new(center: f64, width: f64) -> Self {
        Self {
            center,
            width,
            function: VoiFunction::Linear,
        }
    }

    /// The window that maps `low..=high` to all grey levels.
    pub fn from_range(low: f64, high: f64) -> Self {
        Self {
            center: (low + high) / 2.0,
            width: (high - low).max(1e-6),
            function: VoiFunction::LinearExact,
        }
    }

    /// Grey level 0..=1 of a modality value, before MONOCHROME1 is applied.
    pub fn grey_level(&self, value: f64) -> f64 {
        match self.function {
            VoiFunction::Linear if self.width > 1.0 => {
                ((value - (self.center - 0.5)) / (self.width - 1.0) + 0.5).clamp(0.0, 1.0)
            }
            // PS3.3 C.11.2.1.2: a width of 1 acts as a threshold.
            VoiFunction::Linear if self.width == 1.0 => f64::from(value > self.center - 0.5),
            VoiFunction::Linear | VoiFunction::LinearExact => {
                ((value - self.center) / self.width + 0.5).clamp(0.0, 1.0)
            }
            VoiFunction::Sigmoid => 1.0 / (1.0 + (-4.0 * (value - self.center) / self.width).exp()),
        }
    }
}

/// A window suggested by the file or the modality.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowPreset {
    /// Window Center & Width Explanation, or a common name: "Lung".
    pub name: String,
    /// The window itself.
    pub window: Window,
}

/// VOI LUT Sequence (0028,3010): a table from modality values to grey levels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VoiLut {
    /// Modality value of the first entry; lower values use it too.
    pub first: f64,
    /// Grey levels 0..=1; values past the end use the last.
    pub levels: Vec<f32>,
}

impl VoiLut {
    /// Grey level 0..=1 of a modality value, before MONOCHROME1 is applied.
    pub fn grey_level(&self, value: f64) -> f64 {
        let last = self.levels.len().saturating_sub(1);
        let at = ((value - self.first).max(0.0) as usize).min(last);
        self.levels.get(at).map_or(0.0, |l| f64::from(*l))
    }
}

/// Mapping from modality values to grey levels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Contrast<'a> {
    /// A window.
    Window(Window),
    /// The VOI LUT of the file.
    Table(&'a VoiLut),
}

impl Contrast<'_> {
    /// Grey level 0..=1 of a modality value, before [`Image::inverted`] is applied.
    pub fn grey_level(&self, value: f64) -> f64 {
        match self {
            Self::Window(window) => window.grey_level(value),
            Self::Table(table) => table.grey_level(value),
        }
    }
}

/// An overlay plane stored with the image (groups 60xx): text, a scale or an annotation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlay {
    /// Overlay label or description; "Overlay 1" if the file has none.
    pub name: String,
    /// The pixels that are set.
    pub region: Region,
}

/// The image of one slice: a single-frame object, a frame, or an image file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// Width in pixels.
    pub columns: usize,
    /// Height in pixels.
    pub rows: usize,
    /// `columns * rows` stored values, row-major.
    pub pixels: Pixels,
    /// Conversion to modality values.
    pub rescale: Rescale,
    /// Unit of the modality values: "HU".
    pub unit: Option<String>,
    /// PET: the standardized uptake value by body weight, in g/ml, of a modality value of 1, if the header gives it.
    pub suv_factor: Option<f64>,
    /// MONOCHROME1, or a Presentation LUT Shape of INVERSE: the lowest value is shown white.
    pub inverted: bool,
    /// Windows stored in the file, in order.
    pub windows: Vec<WindowPreset>,
    /// VOI LUT stored in the file; used if the file has no window.
    pub voi_lut: Option<VoiLut>,
    /// Initial window if the file has neither: soft tissue for CT, or the full range for images of few bits.
    pub usual_window: Option<Window>,
    /// Pixel Padding Value or Range, in modality values; ignored by the automatic window.
    pub padding: Option<(f64, f64)>,
    /// Pixel spacing, if known.
    pub spacing: Option<PixelSpacing>,
    /// Regions with their own scale (ultrasound).
    pub regions: Vec<ScaledRegion>,
    /// Position and orientation in the patient, if known.
    pub plane: Option<Plane>,
    /// Patient Orientation (0020,0020) if there is no plane: letters of the direction of rows, then of columns.
    pub orientation: Option<[String; 2]>,
    /// Overlay planes stored with the image; not part of `pixels`.
    pub overlays: Vec<Overlay>,
    /// What is missing if the file is truncated or damaged, a clause. Missing rows hold the value that is shown black.
    pub truncated: Option<String>,
}

impl Image {
    /// An image with nothing but pixels. `None` if the number of pixels is wrong.
    pub fn new(columns: usize, rows: usize, pixels: Pixels) -> Option<Self> {
        (columns.checked_mul(rows)? == pixels.len() && !pixels.is_empty()).then_some(Self {
            columns,
            rows,
            pixels,
            rescale: Rescale::default(),
            unit: None,
            suv_factor: None,
            inverted: false,
            windows: Vec::new(),
            voi_lut: None,
            usual_window: None,
            padding: None,
            spacing: None,
            regions: Vec::new(),
            plane: None,
            orientation: None,
            overlays: Vec::new(),
            truncated: None,
        })
    }

    /// Width and height in pixels.
    pub fn columns_and_rows(&self) -> (usize, usize) {
        (self.columns, self.rows)
    }

    /// Scale for measuring lengths on it.
    pub fn length_scale(&self) -> Scale {
        Scale {
            spacing: self.spacing,
            regions: self.regions.clone(),
        }
    }

    /// True for colour images.
    pub fn is_color(&self) -> bool {
        matches!(self.pixels, Pixels::Rgb8(_))
    }

    /// Red, green and blue of a pixel; `None` for grey images.
    pub fn rgb_at(&self, index: usize) -> Option<[u8; 3]> {
        match &self.pixels {
            Pixels::Rgb8(v) => v.get(index).copied(),
            _ => None,
        }
    }

    /// Modality value of pixel `index`; for colour the luma of ITU-R BT.601.
    pub fn modality_value(&self, index: usize) -> f64 {
        let stored = match &self.pixels {
            Pixels::U8(v) => f64::from(v[index]),
            Pixels::U16(v) => f64::from(v[index]),
            Pixels::I16(v) => f64::from(v[index]),
            Pixels::F32(v) => f64::from(v[index]),
            Pixels::Rgb8(v) => {
                let [r, g, b] = v[index].map(f64::from);
                return 0.299 * r + 0.587 * g + 0.114 * b;
            }
        };
        self.rescale.slope * stored + self.rescale.intercept
    }

    /// Initial contrast: on the screen, in overlays and thumbnails, and as input of a network.
    pub fn first_contrast(&self) -> Contrast<'_> {
        self.active_voi_lut()
            .map_or_else(|| Contrast::Window(self.default_window()), Contrast::Table)
    }

    /// Contrast for the window that the user chose. If it equals the default window, the file's VOI LUT is used where
    /// it applies.
    pub fn contrast_for_window(&self, chosen: Option<Window>) -> Contrast<'_> {
        match (chosen, self.active_voi_lut()) {
            (Some(window), None) => Contrast::Window(window),
            (Some(window), Some(_)) if window != self.default_window() => Contrast::Window(window),
            _ => self.first_contrast(),
        }
    }

    /// The file's VOI LUT if it applies, that is if the file has no window.
    pub fn active_voi_lut(&self) -> Option<&VoiLut> {
        let counts = self.windows.is_empty() && !self.is_color();
        self.voi_lut
            .as_ref()
            .filter(|table| counts && !table.levels.is_empty())
    }

    /// Initial window: the first in the file, else `usual_window`, else one from the values (0.5 to 99.5 %; 0..255 for
    /// 8-bit).
    pub fn default_window(&self) -> Window {
        let own = self.windows.first().map(|preset| preset.window);
        match (own.or(self.usual_window), &self.pixels) {
            (Some(window), _) => window,
            (None, Pixels::U8(_) | Pixels::Rgb8(_)) if self.rescale == Rescale::default() => {
                Window::from_range(0.0, 255.0)
            }
            _ => self.auto_window(),
        }
    }

    /// RGBA bytes for display, `columns * rows * 4`, fully opaque.
    ///
    /// Colour images are unchanged with the default window; any other window is applied to each channel.
    pub fn to_rgba(&self, contrast: Contrast<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.pixels.len() * 4);
        match &self.pixels {
            Pixels::U8(v) => {
                let table: Vec<u8> = (0..=255u8)
                    .map(|s| self.displayed_byte_of_stored(contrast, f64::from(s)))
                    .collect();
                v.iter()
                    .for_each(|&s| push_grey(&mut out, table[usize::from(s)]));
            }
            Pixels::U16(v) => {
                let table: Vec<u8> = (0..=u16::MAX)
                    .map(|s| self.displayed_byte_of_stored(contrast, f64::from(s)))
                    .collect();
                v.iter()
                    .for_each(|&s| push_grey(&mut out, table[usize::from(s)]));
            }
            Pixels::I16(v) => {
                let table: Vec<u8> = (i16::MIN..=i16::MAX)
                    .map(|s| self.displayed_byte_of_stored(contrast, f64::from(s)))
                    .collect();
                v.iter()
                    .for_each(|&s| push_grey(&mut out, table[(i32::from(s) + 32768) as usize]));
            }
            Pixels::F32(v) => v.iter().for_each(|&s| {
                let level = self.displayed_byte_of_stored(contrast, f64::from(s));
                push_grey(&mut out, level);
            }),
            Pixels::Rgb8(v) => {
                let table: Vec<u8> = (0..=255u8)
                    .map(|s| self.displayed_byte(contrast, f64::from(s)))
                    .collect();
                v.iter().for_each(|p| {
                    out.extend([
                        table[usize::from(p[0])],
                        table[usize::from(p[1])],
                        table[usize::from(p[2])],
                        255,
                    ])
                });
            }
        }
        out
    }

    /// Displayed brightness of a modality value, 0 (black) to 1 (white).
    pub fn displayed_level(&self, contrast: Contrast<'_>, value: f64) -> f64 {
        let level = contrast.grey_level(value);
        if self.inverted { 1.0 - level } else { level }
    }

    /// Displayed brightness of a modality value, 0 (black) to 255 (white).
    #[inline]
    fn displayed_byte(&self, contrast: Contrast<'_>, value: f64) -> u8 {
        (self.displayed_level(contrast, value) * 255.0).round() as u8
    }

    /// Displayed brightness of a stored value, 0 (black) to 255 (white).
    #[inline]
    fn displayed_byte_of_stored(&self, contrast: Contrast<'_>, stored: f64) -> u8 {
        self.displayed_byte(contrast, self.rescale_stored(stored))
    }

    fn rescale_stored(&self, stored: f64) -> f64 {
        self.rescale.slope * stored + self.rescale.intercept
    }
}

fn push_grey(out: &mut Vec<u8>, level: u8) {
    out.extend([level, level, level, 255]);
}
