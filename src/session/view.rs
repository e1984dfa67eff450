//! Zoom and pan: the position of the image on the canvas, independent of the GUI toolkit.

/// Smallest and largest zoom, in screen points per pixel column.
const SCALES: std::ops::RangeInclusive<f32> = 0.01..=100.0;

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

/// The size of the image in pixels, and the height of a pixel relative to its width.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PictureExtent {
    /// Columns.
    pub columns: f32,
    /// Rows.
    pub rows: f32,
    /// Row spacing divided by column spacing: 1 for square pixels.
    pub aspect: f32,
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
    /// Position of the upper left corner of the image on the screen.
    pub origin: [f32; 2],
}

impl ViewPlacement {
    /// Screen position of an image position (pixels from the upper left corner).
    pub fn screen_from_image(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [
            self.origin[0] + x * self.scale[0],
            self.origin[1] + y * self.scale[1],
        ]
    }

    /// Image position of a screen position.
    pub fn image_from_screen(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        [
            (x - self.origin[0]) / self.scale[0],
            (y - self.origin[1]) / self.scale[1],
        ]
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
        ViewPlacement {
            scale,
            origin: [
                middle[0] - center[0] * scale[0],
                middle[1] - center[1] * scale[1],
            ],
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
        let center = [
            fixed[0] - (pointer[0] - middle[0]) / scale,
            fixed[1] - (pointer[1] - middle[1]) / (scale * extent.aspect),
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
        let center = [
            middle[0] - delta[0] / placed.scale[0],
            middle[1] - delta[1] / placed.scale[1],
        ];
        *self = Self::Free {
            scale: placed.scale[0],
            center: keep_on_picture(center, extent),
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
        let span = [
            (high[0] - low[0]).max(1.0),
            (high[1] - low[1]).max(1.0) * extent.aspect,
        ];
        let wanted = (canvas.size[0] / span[0]).min(canvas.size[1] / span[1]) / 4.0;
        let fit = fit_scale(canvas, extent);
        let now = self.place_picture(canvas, extent).scale[0];
        let scale = wanted
            .min(fit * 4.0)
            .max(now)
            .clamp(*SCALES.start(), *SCALES.end());
        *self = Self::Free {
            scale,
            center: [(low[0] + high[0]) / 2.0, (low[1] + high[1]) / 2.0],
        };
    }
}

fn fit_scale(canvas: Canvas, extent: PictureExtent) -> f32 {
    const MARGIN: f32 = 8.0;
    let wide = (canvas.size[0] - 2.0 * MARGIN) / extent.columns;
    let high = (canvas.size[1] - 2.0 * MARGIN) / (extent.rows * extent.aspect);
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
    };

    #[test]
    fn the_pixel_under_the_pointer_stays_when_zooming() {
        let mut view = View::Fit;
        let pointer = [300.0, 320.0];
        let before = view
            .place_picture(CANVAS, EXTENT)
            .image_from_screen(pointer);
        view.zoom_at(1.7, pointer, CANVAS, EXTENT);
        let after = view
            .place_picture(CANVAS, EXTENT)
            .image_from_screen(pointer);
        assert!(
            (before[0] - after[0]).abs() < 1e-3 && (before[1] - after[1]).abs() < 1e-3,
            "{before:?} {after:?}"
        );
    }

    #[test]
    fn a_fitted_image_lies_inside_the_canvas_and_keeps_its_aspect_ratio() {
        let placed = View::Fit.place_picture(CANVAS, EXTENT);
        let [left, top] = placed.screen_from_image([0.0, 0.0]);
        let [right, bottom] = placed.screen_from_image([256.0, 128.0]);
        assert!(left >= 100.0 && top >= 50.0 && right <= 900.0 && bottom <= 650.0);
        assert!(((bottom - top) / (right - left) - 128.0 * 1.5 / 256.0).abs() < 1e-4);
    }

    #[test]
    fn panning_moves_the_image_with_the_pointer() {
        let mut view = View::Fit;
        let before = view
            .place_picture(CANVAS, EXTENT)
            .screen_from_image([10.0, 10.0]);
        view.pan_by([12.0, -7.0], CANVAS, EXTENT);
        let after = view
            .place_picture(CANVAS, EXTENT)
            .screen_from_image([10.0, 10.0]);
        assert!(
            (after[0] - before[0] - 12.0).abs() < 1e-3 && (after[1] - before[1] + 7.0).abs() < 1e-3
        );
    }

    #[test]
    fn focusing_shows_the_whole_area() {
        let mut view = View::Fit;
        view.focus_on([20.0, 30.0], [40.0, 44.0], CANVAS, EXTENT);
        let placed = view.place_picture(CANVAS, EXTENT);
        for corner in [[20.0, 30.0], [40.0, 44.0]] {
            let [x, y] = placed.screen_from_image(corner);
            assert!((100.0..=900.0).contains(&x) && (50.0..=650.0).contains(&y));
        }
    }
}
