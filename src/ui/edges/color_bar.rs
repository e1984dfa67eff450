//! The bar of the colour map: which colour stands for which value.

use super::{AROUND, PictureEdges, SearchDirection, annotation_font};
use crate::{
    session::appearance::Appearance,
    ui::{
        look::{Function, GreyLevels, table_of},
        theme::ON_CANVAS,
    },
};
use egui::{Align2, Color32, Rect, pos2, vec2};
use labrum_core::{
    color_map::{COLORS, ColorMap},
    image::{Image, Window},
};

/// Width of the bar, and its height in a high view, in points.
const WIDTH: f32 = 10.0;
const HEIGHT: f32 = 110.0;

/// Number of colours that are drawn.
const STEPS: usize = 64;

impl PictureEdges<'_> {
    /// The bar at the right edge, with its lowest and highest value; nothing for colour images and without a map.
    /// `is_default` if the user has not chosen the window.
    pub(in crate::ui) fn color_bar(
        &mut self,
        image: &Image,
        window: Window,
        is_default: bool,
        appearance: Appearance,
    ) {
        let height = HEIGHT.min(self.room.height() * 0.35);
        let is_needed = appearance.color_map != ColorMap::Grey && !image.is_color();
        if !is_needed || height < 3.0 * annotation_font().size {
            return;
        }
        let levels = GreyLevels::from_image(image, window, is_default);
        let levels = levels.inverted_if(appearance.is_inverted);
        let [low, high] = value_range(image, window, levels);
        let words = [high, low].map(|value| value_text(image, value, high - low));
        let texts = words.map(|words| {
            self.painter
                .layout_no_wrap(words, annotation_font(), ON_CANVAS)
        });
        let text_width = texts[0].size().x.max(texts[1].size().x);
        let size = vec2(text_width + WIDTH + 3.0 * AROUND.x, height + 2.0 * AROUND.x);
        let ways = [SearchDirection::Up, SearchDirection::Down];
        let Some(place) = self.find_free_rect(Align2::RIGHT_CENTER, size, &ways) else {
            return;
        };
        self.painter
            .rect_filled(place, 3.0, Color32::from_black_alpha(150));
        let inner = place.shrink(AROUND.x);
        let bar = Rect::from_min_max(pos2(inner.right() - WIDTH, inner.top()), inner.max);
        self.paint_steps(
            bar,
            &bar_colors(image, levels, appearance.color_map, [low, high]),
        );
        let [top, bottom] = texts;
        let right = bar.left() - AROUND.x;
        for (text, y) in [
            (top, bar.top()),
            (bottom.clone(), bar.bottom() - bottom.size().y),
        ] {
            let at = pos2(right - text.size().x, y);
            self.painter.galley(at, text, ON_CANVAS);
        }
        self.taken.push(place);
    }

    /// Paints colours from the bottom of the bar to its top.
    fn paint_steps(&self, bar: Rect, colors: &[Color32]) {
        let step = bar.height() / colors.len() as f32;
        for (at, color) in colors.iter().enumerate() {
            let bottom = bar.bottom() - at as f32 * step;
            // A little higher, so that no gap remains between two colours.
            let top = (bottom - step - 0.5).max(bar.top());
            let part = Rect::from_min_max(pos2(bar.left(), top), pos2(bar.right(), bottom));
            self.painter.rect_filled(part, 0.0, *color);
        }
    }
}

/// The values at the bottom and at the top of the bar.
fn value_range(image: &Image, window: Window, levels: GreyLevels) -> [f64; 2] {
    match image.active_voi_lut() {
        Some(table) if levels.function == Function::Table => {
            let last = table.levels.len().saturating_sub(1) as f64;
            [table.first, table.first + last]
        }
        _ => [
            window.center - window.width / 2.0,
            window.center + window.width / 2.0,
        ],
    }
}

/// "1200 HU", with decimals where the bar covers a small range.
fn value_text(image: &Image, value: f64, range: f64) -> String {
    let digits = usize::from(range < 10.0) * 2;
    let unit = image
        .unit
        .as_deref()
        .map_or(String::new(), |unit| format!(" {unit}"));
    format!("{value:.digits$}{unit}")
}

/// The colours of the bar from the bottom to the top: those that the values have in the image.
fn bar_colors(
    image: &Image,
    levels: GreyLevels,
    color_map: ColorMap,
    [low, high]: [f64; 2],
) -> Vec<Color32> {
    let table = table_of(image).unwrap_or_default();
    let colors = color_map.colors();
    (0..STEPS)
        .map(|step| {
            let value = low + (high - low) * (step as f64 + 0.5) / STEPS as f64;
            let stored = (value - image.rescale.intercept) / image.rescale.slope;
            let level = levels.displayed_level(stored as f32, table);
            let [r, g, b] = colors[((level * 255.0 + 0.5) as usize).min(COLORS - 1)];
            Color32::from_rgb(r, g, b)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use labrum_core::image::{Pixels, Rescale};

    fn ct() -> Image {
        let mut image = Image::new(2, 1, Pixels::U16(vec![0, 2000])).unwrap();
        image.rescale = Rescale {
            slope: 1.0,
            intercept: -1024.0,
        };
        image.unit = Some("HU".into());
        image
    }

    #[test]
    fn the_bar_has_the_colours_of_the_values_of_the_window() {
        let (image, window) = (ct(), Window::new(40.0, 400.0));
        let levels = GreyLevels::from_image(&image, window, false);
        let range = value_range(&image, window, levels);
        assert_eq!(range, [-160.0, 240.0]);
        assert_eq!(value_text(&image, range[1], 400.0), "240 HU");
        let ends = |levels| {
            let colors = bar_colors(&image, levels, ColorMap::Rainbow, range);
            let channel = |c: Color32| (c.r() > 200, c.b() > 200);
            (channel(colors[0]), channel(colors[STEPS - 1]))
        };
        let (blue, red) = ((false, true), (true, false));
        assert_eq!(ends(levels), (blue, red));
        assert_eq!(ends(levels.inverted_if(true)), (red, blue));
    }

    #[test]
    fn small_ranges_have_decimals() {
        assert_eq!(value_text(&ct(), 1.25, 2.5), "1.25 HU");
    }
}
