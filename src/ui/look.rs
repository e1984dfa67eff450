//! How the canvas is to look, for the shader (`gpu/canvas.wgsl`) and its CPU counterpart (`raster.rs`).

use crate::session::{live::Live, settings::ViewMode, turn::Turn, view::ViewPlacement};
use labrum_core::{
    color_map::{COLORS, ColorMap},
    image::{Image, VoiFunction, Window},
    label::Label,
    region::Region,
};
use std::sync::Arc;

/// From this scale on (screen pixels per image pixel), image and labels are shown as square pixels.
pub const PIXELS_FROM: f32 = 6.0;

/// How values become grey levels: the functions of [`Window::grey_level`], or the file's VOI lookup table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Function {
    /// A ramp from 0 to 1.
    Ramp = 0,
    /// A sigmoid.
    Sigmoid = 1,
    /// A step from 0 to 1.
    Threshold = 2,
    /// Looked up in a table.
    Table = 3,
}

/// From stored values to grey levels.
///
/// `x = slope * (stored - pivot) + offset`. Near the centre of the window both terms are small, so that single
/// precision is enough for any stored values.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GreyLevels {
    /// The function of x; for [`Function::Table`], x is the index into the table.
    pub function: Function,
    /// Change of x per stored value.
    pub slope: f32,
    /// Stored value near the centre of the window.
    pub pivot: f32,
    /// x at the pivot.
    pub offset: f32,
    /// High values are dark: MONOCHROME1, or inverted by the user.
    pub inverted: bool,
}

impl GreyLevels {
    /// The grey levels of an image with a window; `is_default` if the user has not chosen it.
    pub fn from_image(image: &Image, window: Window, is_default: bool) -> Self {
        let (slope, intercept) = if image.is_color() {
            (1.0, 0.0)
        } else {
            (image.rescale.slope, image.rescale.intercept)
        };
        let table = image.active_voi_lut().filter(|_| is_default);
        // x = scale * (modality value - center) + at_center
        let (function, center, scale, at_center) = match (table, window.function) {
            (Some(table), _) => (Function::Table, table.first, 1.0, 0.0),
            (None, VoiFunction::Linear) if window.width > 1.0 => (
                Function::Ramp,
                window.center - 0.5,
                1.0 / (window.width - 1.0),
                0.5,
            ),
            (None, VoiFunction::Linear) if window.width == 1.0 => {
                (Function::Threshold, window.center - 0.5, 1.0, 0.0)
            }
            (None, VoiFunction::Linear | VoiFunction::LinearExact) => {
                (Function::Ramp, window.center, 1.0 / window.width, 0.5)
            }
            (None, VoiFunction::Sigmoid) => {
                (Function::Sigmoid, window.center, 1.0 / window.width, 0.0)
            }
        };
        let middle = ((center - intercept) / slope).round();
        let pivot = if middle.is_finite() {
            middle.clamp(-1e6, 1e6) as f32
        } else {
            0.0
        };
        let offset = scale * (slope * f64::from(pivot) + intercept - center) + at_center;
        Self {
            function,
            slope: (scale * slope) as f32,
            pivot,
            offset: offset as f32,
            inverted: image.inverted,
        }
    }

    /// The same with bright and dark exchanged if `is_inverted`.
    pub fn inverted_if(self, is_inverted: bool) -> Self {
        Self {
            inverted: self.inverted != is_inverted,
            ..self
        }
    }

    /// Grey level 0..=1 of a stored value, including MONOCHROME1. Counterpart of `level` in the shader.
    pub fn displayed_level(&self, stored: f32, table: &[f32]) -> f32 {
        let x = self.slope * (stored.clamp(-1e30, 1e30) - self.pivot) + self.offset;
        let level = match self.function {
            Function::Ramp => x.clamp(0.0, 1.0),
            Function::Sigmoid => 1.0 / (1.0 + (-4.0 * x).exp()),
            Function::Threshold => f32::from(u8::from(x > 0.0)),
            Function::Table => table
                .get((x.max(0.0) as usize).min(table.len().saturating_sub(1)))
                .map_or(0.0, |l| *l),
        };
        let level = if self.inverted { 1.0 - level } else { level };
        // NaN has no grey level: show black.
        if level.is_nan() { 0.0 } else { level }
    }
}

/// The VOI lookup table of an image, which applies until the user chooses a window.
pub fn table_of(image: &Image) -> Option<&[f32]> {
    image.active_voi_lut().map(|table| table.levels.as_slice())
}

/// How labels are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelLayers {
    /// Labels are not drawn.
    Nothing = 0,
    /// Fill and a fine outline.
    Fill = 1,
    /// Outline only, with a dark rim.
    Outline = 2,
    /// Differences from the proposal, with a fine outline.
    Difference = 3,
}

impl LabelLayers {
    /// The layers of a view mode. [`ViewMode::Confidence`] is drawn from contours instead.
    pub fn for_view_mode(mode: ViewMode) -> Self {
        match mode {
            ViewMode::Fill => Self::Fill,
            ViewMode::Outline => Self::Outline,
            ViewMode::Difference => Self::Difference,
            ViewMode::Confidence | ViewMode::Hidden => Self::Nothing,
        }
    }
}

/// In the mask, not in the proposal. The colours of the difference view are colour-blind safe (Okabe and Ito) and
/// differ from the first label colours.
pub const ADDED: [u8; 3] = [230, 159, 0];
/// In the proposal, not in the mask.
pub const REMOVED: [u8; 3] = [0, 114, 178];
/// In both, with different labels.
pub const RELABELLED: [u8; 3] = [240, 228, 66];
/// Opacity of the difference colours.
pub const DIFFERENCE_OPACITY: f32 = 0.6;

/// Everything that determines a screen pixel except image and masks. Lengths are in screen pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct CanvasLook {
    /// Position of the top left corner of the image on the upright screen: the screen turned back about its own top left
    /// corner, so that the rows of the image run to the right.
    pub origin: [f32; 2],
    /// Flips and rotations, from the upright screen to the real one.
    pub turn: Turn,
    /// Screen pixels per image pixel, along its rows and down its columns.
    pub scale: [f32; 2],
    /// Grey levels.
    pub levels: GreyLevels,
    /// Colours of grey images; colour images keep theirs.
    pub color_map: ColorMap,
    /// Interpolate between pixels where they are enlarged; else pixels and labels are squares at any zoom.
    pub interpolates: bool,
    /// How labels are drawn.
    pub layers: LabelLayers,
    /// Half the width of an outline.
    pub half_line: f32,
    /// Width of the dark rim beside the outline.
    pub rim: f32,
    /// Opacity of outline and rim, 0..=1.
    pub line_opacity: f32,
    /// Screen pixels per point.
    pub pixels_per_point: f32,
    /// Red, green, blue (0..=1, gamma) and fill opacity for each label value; an opacity below 0 hides the label.
    pub labels: Box<[[f32; 4]; 256]>,
    /// Colour of the tool preview, 0..=1.
    pub preview: [f32; 3],
}

/// Half width of a line between two labels, on either side, relative to an ordinary one.
pub const SHARED: f32 = 1.6;
/// Opacity of the dark rim.
pub const RIM_OPACITY: f32 = 110.0 / 255.0;
/// Opacity of a preview, in the stripes and between them.
pub const PREVIEW_OPACITY: [f32; 2] = [0.6, 0.25];

impl CanvasLook {
    /// A look without labels.
    pub fn new(placement: ViewPlacement, pixels_per_point: f32, levels: GreyLevels) -> Self {
        Self {
            origin: placement
                .turn
                .to_image(placement.origin)
                .map(|v| v * pixels_per_point),
            turn: placement.turn,
            scale: placement.scale.map(|v| v * pixels_per_point),
            levels,
            color_map: ColorMap::Grey,
            interpolates: true,
            layers: LabelLayers::Nothing,
            half_line: 0.0,
            rim: 0.0,
            line_opacity: 1.0,
            pixels_per_point,
            labels: Box::new([[1.0, 1.0, 1.0, 0.0]; 256]),
            preview: [1.0; 3],
        }
    }

    /// Sets the colours of grey images, and whether pixels are interpolated.
    pub fn with_picture_style(self, color_map: ColorMap, interpolates: bool) -> Self {
        Self {
            color_map,
            interpolates,
            ..self
        }
    }

    /// The colours of the picture for the levels 0 to 255, 0..=1; `None` if its levels are shown as they are.
    pub fn picture_colors(&self, image: &Image) -> Option<Box<[[f32; 3]; COLORS]>> {
        let is_mapped = self.color_map != ColorMap::Grey && !image.is_color();
        is_mapped.then(|| {
            let colors = self.color_map.colors();
            Box::new(colors.map(|color| color.map(|c| f32::from(c) / 255.0)))
        })
    }

    /// Adds labels: `labels[i]` is the label with value i + 1. Invisible labels and those in `hidden` are left out.
    pub fn with_labels(
        mut self,
        layers: LabelLayers,
        labels: &[Label],
        hidden: &[u8],
        opacity: f32,
    ) -> Self {
        // Widths in points: outline with fill, outline only, rim.
        const FINE: f32 = 1.25;
        const LINE: f32 = 1.75;
        const RIM: f32 = 1.0;
        let is_alone = layers == LabelLayers::Outline;
        self.layers = layers;
        self.half_line = if is_alone { LINE } else { FINE } * self.pixels_per_point / 2.0;
        self.rim = if is_alone {
            RIM * self.pixels_per_point
        } else {
            0.0
        };
        let opacity = if layers == LabelLayers::Fill {
            opacity.clamp(0.0, 1.0)
        } else {
            0.0
        };
        for (value, label) in (1..=255u8).zip(labels) {
            let [r, g, b] = label.color.map(|c| f32::from(c) / 255.0);
            let is_hidden = !label.visible || hidden.contains(&value);
            self.labels[usize::from(value)] = [r, g, b, if is_hidden { -1.0 } else { opacity }];
        }
        // Values without a label are shown in white, so that nothing in the mask stays invisible.
        for entry in self.labels.iter_mut().skip(labels.len() + 1) {
            entry[3] = opacity;
        }
        self
    }

    /// Multiplies the opacity of fills and outlines by `share`.
    pub fn with_faded_labels(mut self, share: f32) -> Self {
        self.line_opacity *= share;
        // Hidden labels stay hidden.
        self.labels
            .iter_mut()
            .filter(|entry| entry[3] > 0.0)
            .for_each(|entry| entry[3] *= share);
        self
    }

    /// How far the outline extends from an edge.
    pub fn outline_reach(&self) -> f32 {
        (self.half_line + self.rim).max(self.half_line * SHARED) + 0.5
    }

    /// True if labels are drawn.
    pub fn draws_labels(&self) -> bool {
        self.layers != LabelLayers::Nothing
    }
}

/// The content of the canvas.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The image.
    pub image: &'a Arc<Image>,
    /// Its labels.
    pub labels: Option<&'a Live>,
    /// The model's proposal, for [`LabelLayers::Difference`].
    pub reference: Option<&'a Live>,
    /// The pixels that the active tool would change.
    pub preview: Option<&'a Region>,
    /// How to draw it.
    pub look: &'a CanvasLook,
}

/// Width of the box filter in image pixels, at `scale` screen pixels per image pixel: one screen pixel when reduced,
/// one image pixel (bilinear interpolation) when enlarged, and one screen pixel again from [`PIXELS_FROM`] on, or always
/// without interpolation. Counterpart of `filter_width` in the shader.
pub(crate) fn filter_width(scale: f32, interpolates: bool) -> f32 {
    if scale <= 1.0 || !interpolates {
        return 1.0 / scale;
    }
    let t = ((scale - 4.0) / (PIXELS_FROM - 4.0)).clamp(0.0, 1.0);
    let t = t * t * (3.0 - 2.0 * t);
    1.0 + (1.0 / scale - 1.0) * t
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use labrum_core::image::{Contrast, Pixels, Rescale, VoiLut};

    /// The largest difference of a displayed grey level from that of `labrum_core`, 0..=255.
    fn largest_deviation(image: &Image, window: Window, is_default: bool) -> i32 {
        let contrast = if is_default {
            image.first_contrast()
        } else {
            Contrast::Window(window)
        };
        let expected = image.to_rgba(contrast);
        let levels = GreyLevels::from_image(image, window, is_default);
        let table = table_of(image).unwrap_or_default();
        let Pixels::U16(stored) = &image.pixels else {
            panic!("not 16 bits")
        };
        let level = |s: &u16| (levels.displayed_level(f32::from(*s), table) * 255.0).round() as i32;
        let pairs = stored.iter().zip(expected.chunks_exact(4));
        pairs
            .map(|(s, pixel)| (level(s) - i32::from(pixel[0])).abs())
            .max()
            .unwrap()
    }

    fn all_values() -> Image {
        let mut image = Image::new(256, 256, Pixels::U16((0..=u16::MAX).collect())).unwrap();
        image.rescale = Rescale {
            slope: 1.0,
            intercept: -1024.0,
        };
        image
    }

    #[test]
    fn grey_levels_match_labrum_core_for_every_voi_function() {
        for function in [
            VoiFunction::Linear,
            VoiFunction::LinearExact,
            VoiFunction::Sigmoid,
        ] {
            for (center, width) in [
                (40.0, 400.0),
                (60_000.0, 7.0),
                (-500.5, 1.0),
                (300.0, 0.5),
                (20_000.0, 60_000.0),
            ] {
                for (slope, inverted) in [(1.0, false), (-0.75, true)] {
                    let mut image = all_values();
                    (image.rescale.slope, image.inverted) = (slope, inverted);
                    let window = Window {
                        center,
                        width,
                        function,
                    };
                    assert!(
                        largest_deviation(&image, window, false) <= 1,
                        "{window:?} {slope}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_voi_lut_of_a_file_applies_until_a_window_is_chosen() {
        let mut image = all_values();
        let levels: Vec<f32> = (0..1000).map(|i| ((i * i) % 997) as f32 / 997.0).collect();
        image.voi_lut = Some(VoiLut {
            first: 200.0,
            levels,
        });
        assert_eq!(largest_deviation(&image, Window::new(0.0, 100.0), true), 0);
        assert!(largest_deviation(&image, Window::new(0.0, 100.0), false) <= 1);
    }

    #[test]
    fn a_flat_rescale_shows_one_level() {
        let mut image = all_values();
        image.rescale = Rescale {
            slope: 0.0,
            intercept: 50.0,
        };
        assert!(largest_deviation(&image, Window::new(50.0, 100.0), false) <= 1);
    }

    #[test]
    fn fading_keeps_hidden_labels_hidden() {
        let image = all_values();
        let placement = ViewPlacement::upright([1.0; 2], [0.0; 2]);
        let labels = [Label::with_name("A", 0), Label::with_name("B", 1)];
        let look = CanvasLook::new(
            placement,
            1.0,
            GreyLevels::from_image(&image, Window::new(0.0, 100.0), false),
        );
        let look = look
            .with_labels(LabelLayers::Fill, &labels, &[2], 0.4)
            .with_faded_labels(0.5);
        assert_eq!(
            (look.labels[1][3], look.labels[2][3], look.line_opacity),
            (0.2, -1.0, 0.5)
        );
    }

    #[test]
    fn the_filter_is_wide_when_zoomed_out_and_narrow_when_zoomed_in() {
        assert_eq!(filter_width(0.25, true), 4.0);
        assert_eq!(filter_width(1.0, true), 1.0);
        assert_eq!(filter_width(3.0, true), 1.0);
        assert_eq!(filter_width(8.0, true), 0.125);
        // Without interpolation, a screen pixel shows one pixel of the image.
        assert_eq!(filter_width(0.25, false), 4.0);
        assert_eq!(filter_width(3.0, false), 1.0 / 3.0);
    }
}
