//! The pixels of one slice and how they become grey levels on the screen.

use super::{
    geometry::{PixelSpacing, Plane},
    region::Region,
    scale::{Scale, ScaledRegion},
};
use serde::{Deserialize, Serialize};

/// Stored values, row after row, as they came from the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Pixels {
    /// 8-bit grey.
    U8(Vec<u8>),
    /// 16-bit grey, unsigned.
    U16(Vec<u16>),
    /// 16-bit grey, signed.
    I16(Vec<i16>),
    /// Grey that fits no 16 bits.
    F32(Vec<f32>),
    /// Colour, 8 bits a channel; 16-bit colour is scaled down to it.
    Rgb8(Vec<[u8; 3]>),
}

impl Pixels {
    /// How many pixels there are.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(v) => v.len(),
            Self::U16(v) => v.len(),
            Self::I16(v) => v.len(),
            Self::F32(v) => v.len(),
            Self::Rgb8(v) => v.len(),
        }
    }

    /// True for an image without pixels.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What they cost in memory.
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
    /// Window Width (0028,1051), at least a hair above 0.
    pub width: f64,
    /// How values in the window map to grey levels.
    pub function: VoiFunction,
}

impl Window {
    /// What radiologists begin with on a CT.
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

    /// The window that spreads `low..=high` over all grey levels.
    pub fn from_range(low: f64, high: f64) -> Self {
        Self {
            center: (low + high) / 2.0,
            width: (high - low).max(1e-6),
            function: VoiFunction::LinearExact,
        }
    }

    /// Grey level 0..=1 of a modality value (before MONOCHROME1 is taken into account).
    pub fn grey_level(&self, value: f64) -> f64 {
        match self.function {
            VoiFunction::Linear if self.width > 1.0 => {
                ((value - (self.center - 0.5)) / (self.width - 1.0) + 0.5).clamp(0.0, 1.0)
            }
            // PS3.3 C.11.2.1.2: a width of 1 is a threshold.
            VoiFunction::Linear if self.width == 1.0 => f64::from(value > self.center - 0.5),
            VoiFunction::Linear | VoiFunction::LinearExact => {
                ((value - self.center) / self.width + 0.5).clamp(0.0, 1.0)
            }
            VoiFunction::Sigmoid => 1.0 / (1.0 + (-4.0 * (value - self.center) / self.width).exp()),
        }
    }
}

/// A window that the file or the modality suggests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WindowPreset {
    /// Window Center & Width Explanation, or a usual name: "Lung".
    pub name: String,
    /// The window itself.
    pub window: Window,
}

/// VOI LUT Sequence (0028,3010): a table from modality values to grey levels.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VoiLut {
    /// The modality value of the first entry; those below take it too.
    pub first: f64,
    /// Grey levels 0..=1; values past the end take the last.
    pub levels: Vec<f32>,
}

impl VoiLut {
    /// Grey level 0..=1 of a modality value (before MONOCHROME1 is taken into account).
    pub fn grey_level(&self, value: f64) -> f64 {
        let last = self.levels.len().saturating_sub(1);
        let at = ((value - self.first).max(0.0) as usize).min(last);
        self.levels.get(at).map_or(0.0, |l| f64::from(*l))
    }
}

/// How values become grey levels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Contrast<'a> {
    /// Through a window.
    Window(Window),
    /// By the file's own table.
    Table(&'a VoiLut),
}

impl Contrast<'_> {
    /// Grey level 0..=1 of a modality value (before [`Image::inverted`] is taken into account).
    pub fn grey_level(&self, value: f64) -> f64 {
        match self {
            Self::Window(window) => window.grey_level(value),
            Self::Table(table) => table.grey_level(value),
        }
    }
}

/// A drawing that is stored with the image: text, a scale, a marked place (overlay planes, groups 60xx).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overlay {
    /// Its label or description: "Overlay 1" where the file has none.
    pub name: String,
    /// Its pixels.
    pub region: Region,
}

/// One slice, frame or picture.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Image {
    /// Width in pixels.
    pub columns: usize,
    /// Height in pixels.
    pub rows: usize,
    /// `columns * rows` stored values.
    pub pixels: Pixels,
    /// To modality values.
    pub rescale: Rescale,
    /// Unit of the modality values: "HU".
    pub unit: Option<String>,
    /// MONOCHROME1, or a Presentation LUT Shape of INVERSE: the lowest value is white.
    pub inverted: bool,
    /// The file's own windows, first one first.
    pub windows: Vec<WindowPreset>,
    /// The file's own table; used where it has no window.
    pub voi_lut: Option<VoiLut>,
    /// What it is shown through where the file has neither: soft tissue for CT, all values that few bits can store.
    pub usual_window: Option<Window>,
    /// Pixel Padding Value or Range, in modality values: not part of the auto window.
    pub padding: Option<(f64, f64)>,
    /// Distance between pixels where it is known.
    pub spacing: Option<PixelSpacing>,
    /// Parts with scales of their own (ultrasound).
    pub regions: Vec<ScaledRegion>,
    /// Place in the patient where it is known.
    pub plane: Option<Plane>,
    /// Patient Orientation (0020,0020) where there is no plane: letters of the side that rows, then columns, run to.
    pub orientation: Option<[String; 2]>,
    /// Drawings that are stored with it; no part of the pixels.
    pub overlays: Vec<Overlay>,
    /// Where the file is cut off or damaged: what is missing, a clause. Missing rows hold the value that is shown black.
    pub truncated: Option<String>,
}

impl Image {
    /// An image of `pixels` about which nothing else is known. `None` where the number of pixels is wrong.
    pub fn new(columns: usize, rows: usize, pixels: Pixels) -> Option<Self> {
        (columns.checked_mul(rows)? == pixels.len() && !pixels.is_empty()).then_some(Self {
            columns,
            rows,
            pixels,
            rescale: Rescale::default(),
            unit: None,
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

    /// What lengths on it are.
    pub fn length_scale(&self) -> Scale {
        Scale {
            spacing: self.spacing,
            regions: self.regions.clone(),
        }
    }

    /// True for RGB.
    pub fn is_color(&self) -> bool {
        matches!(self.pixels, Pixels::Rgb8(_))
    }

    /// Red, green and blue of a pixel, where the picture is coloured.
    pub fn rgb_at(&self, index: usize) -> Option<[u8; 3]> {
        match &self.pixels {
            Pixels::Rgb8(v) => v.get(index).copied(),
            _ => None,
        }
    }

    /// Modality value of pixel `index` (luma of ITU-R BT.601 for colour).
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

    /// How it is first shown: on the screen, in overlays and thumbnails, and to a network.
    pub fn first_contrast(&self) -> Contrast<'_> {
        self.active_voi_lut()
            .map_or_else(|| Contrast::Window(self.default_window()), Contrast::Table)
    }

    /// How it is shown where `chosen` is the window that a user chose. The one to begin with is no choice: it stands for
    /// the file's own table, where that counts.
    pub fn contrast_for_window(&self, chosen: Option<Window>) -> Contrast<'_> {
        match (chosen, self.active_voi_lut()) {
            (Some(window), None) => Contrast::Window(window),
            (Some(window), Some(_)) if window != self.default_window() => Contrast::Window(window),
            _ => self.first_contrast(),
        }
    }

    /// The file's own table, where it counts: the file has no window.
    pub fn active_voi_lut(&self) -> Option<&VoiLut> {
        let counts = self.windows.is_empty() && !self.is_color();
        self.voi_lut
            .as_ref()
            .filter(|table| counts && !table.levels.is_empty())
    }

    /// The window to begin with: the file's first, else the usual one, else one from the values (0.5 to 99.5 %; 0..255
    /// for 8-bit).
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

    /// A window from the 0.5 and 99.5 percentile of the values, padding left out.
    pub fn auto_window(&self) -> Window {
        let n = self.pixels.len();
        // A sample of some 60,000 pixels tells the percentiles as well as all of them.
        let step = (n / 60_000).max(1);
        let mut values: Vec<f64> = (0..n)
            .step_by(step)
            .map(|i| self.modality_value(i))
            .filter(|v| {
                v.is_finite() && self.padding.is_none_or(|(low, high)| *v < low || *v > high)
            })
            .collect();
        if values.is_empty() {
            return Window::from_range(0.0, 255.0);
        }
        values.sort_by(f64::total_cmp);
        let at = |q: f64| values[((values.len() - 1) as f64 * q).round() as usize];
        let (low, high) = (at(0.005), at(0.995));
        if high > low {
            Window::from_range(low, high)
        } else {
            Window::from_range(low - 0.5, low + 0.5)
        }
    }

    /// RGBA bytes for the screen, `columns * rows * 4`, fully opaque.
    ///
    /// Colour keeps its own colours where the window is the default one; else the window acts on each channel.
    pub fn to_rgba(&self, contrast: Contrast<'_>) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.pixels.len() * 4);
        let grey = |value: f64| (self.displayed_level(contrast, value) * 255.0).round() as u8;
        match &self.pixels {
            Pixels::U8(v) => {
                let table: Vec<u8> = (0..=255u8)
                    .map(|s| grey(self.rescale_stored(f64::from(s))))
                    .collect();
                v.iter()
                    .for_each(|&s| push_grey(&mut out, table[usize::from(s)]));
            }
            Pixels::U16(v) => {
                let table: Vec<u8> = (0..=u16::MAX)
                    .map(|s| grey(self.rescale_stored(f64::from(s))))
                    .collect();
                v.iter()
                    .for_each(|&s| push_grey(&mut out, table[usize::from(s)]));
            }
            Pixels::I16(v) => {
                let table: Vec<u8> = (i16::MIN..=i16::MAX)
                    .map(|s| grey(self.rescale_stored(f64::from(s))))
                    .collect();
                v.iter()
                    .for_each(|&s| push_grey(&mut out, table[(i32::from(s) + 32768) as usize]));
            }
            Pixels::F32(v) => v
                .iter()
                .for_each(|&s| push_grey(&mut out, grey(self.rescale_stored(f64::from(s))))),
            Pixels::Rgb8(v) => {
                let table: Vec<u8> = (0..=255u8).map(|s| grey(f64::from(s))).collect();
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

    /// What is seen of a modality value, 0 (black) to 1 (white).
    pub fn displayed_level(&self, contrast: Contrast<'_>, value: f64) -> f64 {
        let level = contrast.grey_level(value);
        if self.inverted { 1.0 - level } else { level }
    }

    fn rescale_stored(&self, stored: f64) -> f64 {
        self.rescale.slope * stored + self.rescale.intercept
    }
}

fn push_grey(out: &mut Vec<u8>, level: u8) {
    out.extend([level, level, level, 255]);
}
