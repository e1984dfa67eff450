//! How the picture on the canvas is to look, for the shader (`gpu/canvas.wgsl`) and its twin on the CPU (`raster.rs`).

use crate::session::{live::Live, settings::ViewMode, view::ViewPlacement};
use labrum_core::{
    image::{Image, VoiFunction, Window},
    label::Label,
    region::Region,
};
use std::sync::Arc;

/// Screen pixels for one pixel of the picture from which on true pixels are shown, picture and labels.
pub const PIXELS_FROM: f32 = 6.0;

/// How values become levels: the functions of [`Window::grey_level`], and the file's own table.
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
/// With `x = slope * (stored - pivot) + offset`: near the middle of the window both terms are small, so that single
/// precision is enough, whatever the stored values are.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct GreyLevels {
    /// What is done with x; for [`Function::Table`], x is the place in the table.
    pub function: Function,
    /// See above.
    pub slope: f32,
    /// See above.
    pub pivot: f32,
    /// See above.
    pub offset: f32,
    /// MONOCHROME1.
    pub inverted: bool,
}

impl GreyLevels {
    /// The levels of an image through a window; `is_default` where the user chose none.
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

    /// The level 0..=1 of a stored value, MONOCHROME1 taken into account. Twin of `level` in the shader.
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
        // Not a number on a curve.
        if level.is_nan() { 0.0 } else { level }
    }
}

/// The levels of the table that an image is shown by while the user has chosen no window.
pub fn table_of(image: &Image) -> Option<&[f32]> {
    image.active_voi_lut().map(|table| table.levels.as_slice())
}

/// What is drawn of the labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LabelLayers {
    /// Nothing.
    Nothing = 0,
    /// Fill and a fine outline.
    Fill = 1,
    /// The outline alone, with a dark rim.
    Outline = 2,
    /// What was added to the proposal, what was removed, and a fine outline.
    Difference = 3,
}

impl LabelLayers {
    /// Of a view mode: the outline of [`ViewMode::Confidence`] is drawn from contours, not here.
    pub fn for_view_mode(mode: ViewMode) -> Self {
        match mode {
            ViewMode::Fill => Self::Fill,
            ViewMode::Outline => Self::Outline,
            ViewMode::Difference => Self::Difference,
            ViewMode::Confidence | ViewMode::Hidden => Self::Nothing,
        }
    }
}

/// Colours of the difference view: told apart by colour-blind people (Okabe and Ito), and not those of a usual label.
pub const ADDED: [u8; 3] = [230, 159, 0];
/// In the proposal, not in the mask.
pub const REMOVED: [u8; 3] = [0, 114, 178];
/// In both, with different labels.
pub const RELABELLED: [u8; 3] = [240, 228, 66];
/// How opaque they are.
pub const DIFFERENCE_OPACITY: f32 = 0.6;

/// All that decides about a pixel on the screen but the image and the masks. Lengths are in screen pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct CanvasLook {
    /// The place on the screen of the left upper corner of the picture.
    pub origin: [f32; 2],
    /// Screen pixels for one pixel of the picture, across and down.
    pub scale: [f32; 2],
    /// Grey levels.
    pub levels: GreyLevels,
    /// What is drawn of the labels.
    pub layers: LabelLayers,
    /// Half the width of an outline.
    pub half_line: f32,
    /// Width of the dark rim beside it.
    pub rim: f32,
    /// How opaque an outline and its rim are, 0..=1.
    pub line_opacity: f32,
    /// Screen pixels for one point.
    pub pixels_per_point: f32,
    /// Red, green, blue (0..=1, gamma) and opacity of the fill for each label; an opacity below 0 hides it.
    pub labels: Box<[[f32; 4]; 256]>,
    /// Colour of what the tool in hand would do.
    pub preview: [f32; 3],
}

/// Of a line between two labels, the part on either side against half of an ordinary one.
pub const SHARED: f32 = 1.6;
/// How opaque the dark rim is.
pub const RIM_OPACITY: f32 = 110.0 / 255.0;
/// How opaque a preview is, in the stripes and between them.
pub const PREVIEW_OPACITY: [f32; 2] = [0.6, 0.25];

impl CanvasLook {
    /// A look with no labels yet.
    pub fn new(placement: ViewPlacement, pixels_per_point: f32, levels: GreyLevels) -> Self {
        Self {
            origin: placement.origin.map(|v| v * pixels_per_point),
            scale: placement.scale.map(|v| v * pixels_per_point),
            levels,
            layers: LabelLayers::Nothing,
            half_line: 0.0,
            rim: 0.0,
            line_opacity: 1.0,
            pixels_per_point,
            labels: Box::new([[1.0, 1.0, 1.0, 0.0]; 256]),
            preview: [1.0; 3],
        }
    }

    /// Draws labels: `labels[i]` is the label of value i + 1; those in `hidden` and invisible ones are left out.
    pub fn with_labels(
        mut self,
        layers: LabelLayers,
        labels: &[Label],
        hidden: &[u8],
        opacity: f32,
    ) -> Self {
        /// Widths of outlines in points: beside a fill, alone, and the rim.
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
        // Values that no label stands for are shown too, white: nothing that will be written is kept from sight.
        for entry in self.labels.iter_mut().skip(labels.len() + 1) {
            entry[3] = opacity;
        }
        self
    }

    /// The same labels, fainter: fills and outlines have this share of their opacity.
    pub fn with_faded_labels(mut self, share: f32) -> Self {
        self.line_opacity *= share;
        // What is hidden stays hidden.
        self.labels
            .iter_mut()
            .filter(|entry| entry[3] > 0.0)
            .for_each(|entry| entry[3] *= share);
        self
    }

    /// How far from an edge its outline can be seen.
    pub fn outline_reach(&self) -> f32 {
        (self.half_line + self.rim).max(self.half_line * SHARED) + 0.5
    }

    /// True where labels or anything else over the picture is drawn.
    pub fn draws_labels(&self) -> bool {
        self.layers != LabelLayers::Nothing
    }
}

/// What is on the canvas.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The picture.
    pub image: &'a Arc<Image>,
    /// Its labels.
    pub labels: Option<&'a Live>,
    /// What the model proposed, for [`LabelLayers::Difference`].
    pub reference: Option<&'a Live>,
    /// The pixels that the tool in hand would change.
    pub preview: Option<&'a Region>,
    /// How all of it looks.
    pub look: &'a CanvasLook,
}

/// Width of the box that the picture is averaged over, in its pixels, at `scale` screen pixels for each of them: a
/// screen pixel when it is reduced, one of its own (which is bilinear interpolation) when it is enlarged, and a screen
/// pixel again where true pixels are to be seen. Twin of `filter_width` in the shader.
pub(crate) fn filter_width(scale: f32) -> f32 {
    if scale <= 1.0 {
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

    /// Every stored value's level against the one of the domain, 0..=255.
    fn worst(image: &Image, window: Window, is_default: bool) -> i32 {
        let contrast = if is_default {
            image.first_contrast()
        } else {
            Contrast::Window(window)
        };
        let expected = image.to_rgba(contrast);
        let levels = GreyLevels::from_image(image, window, is_default);
        let table = table_of(image).unwrap_or_default();
        let Pixels::U16(stored) = &image.pixels else {
            panic!("the tests are about 16 bits")
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
    fn levels_are_those_of_the_domain_through_every_function() {
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
                    assert!(worst(&image, window, false) <= 1, "{window:?} {slope}");
                }
            }
        }
    }

    #[test]
    fn a_files_own_table_counts_until_a_window_is_chosen() {
        let mut image = all_values();
        let levels: Vec<f32> = (0..1000).map(|i| ((i * i) % 997) as f32 / 997.0).collect();
        image.voi_lut = Some(VoiLut {
            first: 200.0,
            levels,
        });
        assert_eq!(worst(&image, Window::new(0.0, 100.0), true), 0);
        assert!(worst(&image, Window::new(0.0, 100.0), false) <= 1);
    }

    #[test]
    fn a_flat_rescale_shows_one_level() {
        let mut image = all_values();
        image.rescale = Rescale {
            slope: 0.0,
            intercept: 50.0,
        };
        assert!(worst(&image, Window::new(50.0, 100.0), false) <= 1);
    }

    #[test]
    fn what_fades_keeps_hidden_labels_hidden() {
        let image = all_values();
        let placement = ViewPlacement {
            scale: [1.0; 2],
            origin: [0.0; 2],
        };
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
    fn the_filter_grows_from_a_screen_pixel_to_a_pixel_and_back() {
        assert_eq!(filter_width(0.25), 4.0);
        assert_eq!(filter_width(1.0), 1.0);
        assert_eq!(filter_width(3.0), 1.0);
        assert_eq!(filter_width(8.0), 0.125);
    }
}
