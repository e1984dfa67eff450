//! Zoom and pan: the position of the image on the canvas, independent of the GUI toolkit.

use super::turn::Turn;
use std::ops::RangeInclusive;

/// Smallest and largest zoom, in screen points per pixel column.
const SCALES: RangeInclusive<f32> = 0.01..=100.0;

/// The rectangle of the canvas on the screen, in points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Canvas {
    /// Upper left corner.
    pub min: [f32; 2],
    /// Width and height.
    pub size: [f32; 2],
}

impl Canvas {
    fn center(&self) -> [f32; 2] {
        [
            self.min[0] + self.size[0] / 2.0,
            self.min[1] + self.size[1] / 2.0,
        ]
    }
}

/// The size of the image in pixels, the height of a pixel relative to its width, and how it is turned on the screen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PictureExtent {
    /// Columns.
    pub columns: f32,
    /// Rows.
    pub rows: f32,
    /// Row spacing divided by column spacing: 1 for square pixels.
    pub aspect: f32,
    /// Flips and rotations.
    pub turn: Turn,
}

impl PictureExtent {
    /// Width and height on the screen at one point per pixel column.
    fn size_on_screen(&self) -> [f32; 2] {
        self.turn.swapped([self.columns, self.rows * self.aspect])
    }
}

/// Zoom and pan of one case.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum View {
    /// The whole image, as large as fits.
    #[default]
    Fit,
    /// Chosen by hand.
    Free {
        /// Screen points per pixel column.
        scale: f32,
        /// The pixel (x, y from the upper left corner of the image) at the centre of the canvas.
        center: [f32; 2],
    },
}

/// A view on a given canvas and image: converts pixels to screen points and back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ViewPlacement {
    /// Screen points per pixel column and per pixel row.
    pub scale: [f32; 2],
    /// Screen position of the corner of the image where its first pixel is.
    pub origin: [f32; 2],
    /// Flips and rotations of the image.
    pub turn: Turn,
}

impl ViewPlacement {
    /// The placement of an image that is neither flipped nor rotated.
    pub fn upright(scale: [f32; 2], origin: [f32; 2]) -> Self {
        Self {
            scale,
            origin,
            turn: Turn::default(),
        }
    }

    /// Screen position of an image position (pixels from the corner of the first pixel).
    pub fn screen_from_image(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let [across, down] = self.turn.to_screen([x * self.scale[0], y * self.scale[1]]);
        [self.origin[0] + across, self.origin[1] + down]
    }

    /// Image position of a screen position.
    pub fn image_from_screen(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let away = [x - self.origin[0], y - self.origin[1]];
        let [along_row, down_column] = self.turn.to_image(away);
        [along_row / self.scale[0], down_column / self.scale[1]]
    }

    /// Width and height on the screen, in points, of a width and height on the image, in pixels.
    pub fn size_on_screen(&self, [width, height]: [f32; 2]) -> [f32; 2] {
        self.turn
            .swapped([width * self.scale[0], height * self.scale[1]])
    }
}

impl View {
    /// The placement of the image on the canvas.
    pub fn place_picture(&self, canvas: Canvas, extent: PictureExtent) -> ViewPlacement {
        let (scale, center) = match *self {
            Self::Fit => (
                fit_scale(canvas, extent),
                [extent.columns / 2.0, extent.rows / 2.0],
            ),
            Self::Free { scale, center } => (scale, center),
        };
        let scale = [scale, scale * extent.aspect];
        let middle = canvas.center();
        let [across, down] = extent
            .turn
            .to_screen([center[0] * scale[0], center[1] * scale[1]]);
        ViewPlacement {
            scale,
            origin: [middle[0] - across, middle[1] - down],
            turn: extent.turn,
        }
    }

    /// A zoom and pan, moved into their limits.
    pub(super) fn free_at(scale: f32, center: [f32; 2], extent: PictureExtent) -> Self {
        Self::Free {
            scale: scale.clamp(*SCALES.start(), *SCALES.end()),
            center: keep_on_picture(center, extent),
        }
    }

    /// Zooms by `factor`; the pixel under `pointer` stays in place.
    pub fn zoom_at(
        &mut self,
        factor: f32,
        pointer: [f32; 2],
        canvas: Canvas,
        extent: PictureExtent,
    ) {
        let before = self.place_picture(canvas, extent);
        let fixed = before.image_from_screen(pointer);
        let scale = (before.scale[0] * factor).clamp(*SCALES.start(), *SCALES.end());
        let middle = canvas.center();
        let from_middle = [pointer[0] - middle[0], pointer[1] - middle[1]];
        let [along_row, down_column] = extent.turn.to_image(from_middle);
        let center = [
            fixed[0] - along_row / scale,
            fixed[1] - down_column / (scale * extent.aspect),
        ];
        *self = Self::Free {
            scale,
            center: keep_on_picture(center, extent),
        };
    }

    /// Moves the image by `delta` points.
    pub fn pan_by(&mut self, delta: [f32; 2], canvas: Canvas, extent: PictureExtent) {
        let placed = self.place_picture(canvas, extent);
        let middle = placed.image_from_screen(canvas.center());
        let [along_row, down_column] = extent.turn.to_image(delta);
        let center = [
            middle[0] - along_row / placed.scale[0],
            middle[1] - down_column / placed.scale[1],
        ];
        *self = Self::Free {
            scale: placed.scale[0],
            center: keep_on_picture(center, extent),
        };
    }

    /// Shows a part of the image as large as fits, with some of its surroundings.
    pub fn show_part(
        &mut self,
        low: [f32; 2],
        high: [f32; 2],
        canvas: Canvas,
        extent: PictureExtent,
    ) {
        /// The share of the canvas that the part takes, and how far a small part is enlarged beyond the whole image.
        const SHARE: f32 = 0.7;
        const MOST: f32 = 16.0;
        let wanted = filling_scale(low, high, canvas, extent) * SHARE;
        let scale = wanted
            .min(fit_scale(canvas, extent) * MOST)
            .clamp(*SCALES.start(), *SCALES.end());
        *self = Self::Free {
            scale,
            center: middle_of(low, high),
        };
    }

    /// Shows an area, which may extend beyond the image, as large as fits.
    pub fn show_area(
        &mut self,
        low: [f32; 2],
        high: [f32; 2],
        canvas: Canvas,
        extent: PictureExtent,
    ) {
        let scale = filling_scale(low, high, canvas, extent).clamp(*SCALES.start(), *SCALES.end());
        *self = Self::Free {
            scale,
            center: keep_on_picture(middle_of(low, high), extent),
        };
    }

    /// Centres a part of the image and zooms in until it is easy to see; never zooms out.
    pub fn focus_on(
        &mut self,
        low: [f32; 2],
        high: [f32; 2],
        canvas: Canvas,
        extent: PictureExtent,
    ) {
        let wanted = filling_scale(low, high, canvas, extent) / 4.0;
        let fit = fit_scale(canvas, extent);
        let now = self.place_picture(canvas, extent).scale[0];
        let scale = wanted
            .min(fit * 4.0)
            .max(now)
            .clamp(*SCALES.start(), *SCALES.end());
        *self = Self::Free {
            scale,
            center: middle_of(low, high),
        };
    }
}

/// The scale at which a part of the image is as large as fits on the canvas.
fn filling_scale(low: [f32; 2], high: [f32; 2], canvas: Canvas, extent: PictureExtent) -> f32 {
    let span = span_on_screen(low, high, extent);
    (canvas.size[0] / span[0]).min(canvas.size[1] / span[1])
}

fn middle_of(low: [f32; 2], high: [f32; 2]) -> [f32; 2] {
    [(low[0] + high[0]) / 2.0, (low[1] + high[1]) / 2.0]
}

/// Width and height on the screen of a part of the image, at least one pixel each, at one point per pixel column.
fn span_on_screen(low: [f32; 2], high: [f32; 2], extent: PictureExtent) -> [f32; 2] {
    extent.turn.swapped([
        (high[0] - low[0]).max(1.0),
        (high[1] - low[1]).max(1.0) * extent.aspect,
    ])
}

fn fit_scale(canvas: Canvas, extent: PictureExtent) -> f32 {
    const MARGIN: f32 = 8.0;
    let [width, height] = extent.size_on_screen();
    let wide = (canvas.size[0] - 2.0 * MARGIN) / width;
    let high = (canvas.size[1] - 2.0 * MARGIN) / height;
    wide.min(high).clamp(*SCALES.start(), *SCALES.end())
}

fn keep_on_picture(center: [f32; 2], extent: PictureExtent) -> [f32; 2] {
    [
        center[0].clamp(0.0, extent.columns),
        center[1].clamp(0.0, extent.rows),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANVAS: Canvas = Canvas {
        min: [100.0, 50.0],
        size: [800.0, 600.0],
    };
    const EXTENT: PictureExtent = PictureExtent {
        columns: 256.0,
        rows: 128.0,
        aspect: 1.5,
        turn: Turn::UPRIGHT,
    };

    /// The same image in all eight ways.
    fn turned_extents() -> [PictureExtent; 8] {
        Turn::all().map(|turn| PictureExtent { turn, ..EXTENT })
    }

    fn is_near(a: [f32; 2], b: [f32; 2]) -> bool {
        (a[0] - b[0]).abs() < 1e-2 && (a[1] - b[1]).abs() < 1e-2
    }

    #[test]
    fn the_pixel_under_the_pointer_stays_when_zooming() {
        for extent in turned_extents() {
            let mut view = View::Fit;
            let pointer = [300.0, 320.0];
            let before = view
                .place_picture(CANVAS, extent)
                .image_from_screen(pointer);
            view.zoom_at(1.7, pointer, CANVAS, extent);
            let after = view
                .place_picture(CANVAS, extent)
                .image_from_screen(pointer);
            assert!(is_near(before, after), "{before:?} {after:?} {extent:?}");
        }
    }

    #[test]
    fn a_fitted_image_lies_inside_the_canvas_and_keeps_its_aspect_ratio() {
        for extent in turned_extents() {
            let placed = View::Fit.place_picture(CANVAS, extent);
            let first = placed.screen_from_image([0.0, 0.0]);
            let last = placed.screen_from_image([256.0, 128.0]);
            for [x, y] in [first, last] {
                assert!((100.0..=900.0).contains(&x) && (50.0..=650.0).contains(&y));
            }
            let size = [0, 1].map(|i| (last[i] - first[i]).abs());
            let [width, height] = extent.turn.swapped(size);
            assert!((height / width - 128.0 * 1.5 / 256.0).abs() < 1e-4);
            let shown = placed.size_on_screen([256.0, 128.0]);
            assert!(is_near(shown, size), "{shown:?} {size:?}");
        }
    }

    #[test]
    fn screen_and_image_positions_are_inverse_however_the_image_is_turned() {
        for extent in turned_extents() {
            let placed = View::Fit.place_picture(CANVAS, extent);
            for at in [[0.0, 0.0], [17.5, 99.0], [256.0, 128.0]] {
                let back = placed.image_from_screen(placed.screen_from_image(at));
                assert!(is_near(back, at), "{back:?} {at:?}");
            }
        }
    }

    #[test]
    fn panning_moves_the_image_with_the_pointer() {
        for extent in turned_extents() {
            let mut view = View::Fit;
            let before = view
                .place_picture(CANVAS, extent)
                .screen_from_image([10.0, 10.0]);
            view.pan_by([12.0, -7.0], CANVAS, extent);
            let after = view
                .place_picture(CANVAS, extent)
                .screen_from_image([10.0, 10.0]);
            assert!(
                is_near(after, [before[0] + 12.0, before[1] - 7.0]),
                "{before:?} {after:?}"
            );
        }
    }

    #[test]
    fn a_part_is_shown_whole_and_large() {
        for extent in turned_extents() {
            let mut view = View::Fit;
            view.show_part([20.0, 30.0], [120.0, 44.0], CANVAS, extent);
            let placed = view.place_picture(CANVAS, extent);
            let ends = [[20.0, 30.0], [120.0, 44.0]].map(|at| placed.screen_from_image(at));
            for [x, y] in ends {
                assert!((100.0..=900.0).contains(&x) && (50.0..=650.0).contains(&y));
            }
            let covered = [0, 1].map(|i| (ends[1][i] - ends[0][i]).abs() / CANVAS.size[i]);
            assert!(
                (covered[0].max(covered[1]) - 0.7).abs() < 0.01,
                "{covered:?}"
            );
        }
    }

    #[test]
    fn an_area_fills_the_canvas() {
        for extent in turned_extents() {
            let mut view = View::Fit;
            view.show_area([20.0, 30.0], [120.0, 44.0], CANVAS, extent);
            let placed = view.place_picture(CANVAS, extent);
            let ends = [[20.0, 30.0], [120.0, 44.0]].map(|at| placed.screen_from_image(at));
            let covered = [0, 1].map(|i| (ends[1][i] - ends[0][i]).abs() / CANVAS.size[i]);
            assert!(
                (covered[0].max(covered[1]) - 1.0).abs() < 1e-3,
                "{covered:?}"
            );
        }
    }

    #[test]
    fn a_single_pixel_is_not_shown_larger_than_its_surroundings_need() {
        let mut view = View::Fit;
        view.show_part([20.0, 30.0], [21.0, 31.0], CANVAS, EXTENT);
        let largest = View::Fit.place_picture(CANVAS, EXTENT).scale[0] * 16.0;
        assert!(view.place_picture(CANVAS, EXTENT).scale[0] <= largest + 1e-3);
    }

    #[test]
    fn focusing_shows_the_whole_area() {
        for extent in turned_extents() {
            let mut view = View::Fit;
            view.focus_on([20.0, 30.0], [40.0, 44.0], CANVAS, extent);
            let placed = view.place_picture(CANVAS, extent);
            for corner in [[20.0, 30.0], [40.0, 44.0]] {
                let [x, y] = placed.screen_from_image(corner);
                assert!((100.0..=900.0).contains(&x) && (50.0..=650.0).contains(&y));
            }
        }
    }
}
