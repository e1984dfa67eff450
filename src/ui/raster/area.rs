//! Rectangles of the screen, and how they and their pixels lie on a screen that is turned.

use crate::{session::turn::Turn, ui::look::CanvasLook};
use egui::Color32;
use labrum_core::region::PixelRect;
use std::ops::Range;

/// A rectangle in screen pixels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Area {
    /// Top left corner.
    pub min: [i32; 2],
    /// Width and height.
    pub size: [usize; 2],
}

impl Area {
    /// The part of this area that shows the given image pixels, extended by `margin` image pixels.
    pub(super) fn of_pixels(&self, rect: &PixelRect, margin: usize, look: &CanvasLook) -> Self {
        let (left, width) = self.extent_of_pixels(0, &rect.columns, margin, look);
        let (top, height) = self.extent_of_pixels(1, &rect.rows, margin, look);
        Self {
            min: [left, top],
            size: [width, height],
        }
    }

    /// The same along one axis: start and length in screen pixels.
    fn extent_of_pixels(
        &self,
        axis: usize,
        pixels: &Range<usize>,
        margin: usize,
        look: &CanvasLook,
    ) -> (i32, usize) {
        let origin = look.origin[axis];
        let scale = look.scale[axis];
        let first = origin + (pixels.start as f32 - margin as f32) * scale;
        let last = origin + (pixels.end + margin) as f32 * scale;
        let low = (first.floor() as i32 - 1).max(self.min[axis]);
        let high = (last.ceil() as i32 + 1).min(self.min[axis] + self.size[axis] as i32);
        (low, (high - low).max(0) as usize)
    }

    /// Image coordinate, along one axis, of the centre of the screen pixel with this index.
    #[inline]
    pub(super) fn place_on_image(&self, axis: usize, index: usize, look: &CanvasLook) -> f32 {
        let screen = (self.min[axis] + index as i32) as f32 + 0.5;
        (screen - look.origin[axis]) / look.scale[axis]
    }

    pub(super) fn is_empty(&self) -> bool {
        self.size.contains(&0)
    }

    /// The same area of the upright screen, see [`CanvasLook::origin`].
    pub(super) fn on_upright_screen(&self, turn: Turn) -> Self {
        let far = [0, 1].map(|i| self.min[i] + self.size[i] as i32);
        Self::between(turn.to_image(self.min), turn.to_image(far))
    }

    /// The area of the real screen that this one of the upright screen is.
    pub(super) fn on_real_screen(&self, turn: Turn) -> Self {
        let far = [0, 1].map(|i| self.min[i] + self.size[i] as i32);
        Self::between(turn.to_screen(self.min), turn.to_screen(far))
    }

    /// The area with these two opposite corners.
    fn between(a: [i32; 2], b: [i32; 2]) -> Self {
        Self {
            min: [0, 1].map(|i| a[i].min(b[i])),
            size: [0, 1].map(|i| a[i].abs_diff(b[i]) as usize),
        }
    }
}

/// The pixels of an area of the upright screen in the order of the real one, on which it has this size.
pub(super) fn turned_pixels(
    turn: Turn,
    upright: &Area,
    size: [usize; 2],
    pixels: &[Color32],
) -> Vec<Color32> {
    let mut turned = Vec::with_capacity(pixels.len());
    for y in 0..size[1] {
        turned.extend((0..size[0]).map(|x| {
            let [column, row] = turn.upright_pixel(size, [x, y]);
            pixels[row * upright.size[0] + column]
        }));
    }
    turned
}
