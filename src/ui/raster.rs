//! The canvas painted on the CPU, for computers without a usable GPU: the same as `gpu/canvas.wgsl`, in Rust.
//!
//! Keep both in step; a test compares them. Only the changed part of the screen is repainted.

mod area;
mod edge;
mod tones;

use super::look::{
    ADDED, CanvasLook, DIFFERENCE_OPACITY, LabelLayers, PREVIEW_OPACITY, RELABELLED, REMOVED,
    RIM_OPACITY, SHARED, Scene, filter_width,
};
use crate::session::live::Live;
use area::turned_pixels;
use edge::{EdgeFinder, LabelRun, NearestEdge};
use egui::Color32;
use labrum_core::{
    color_map::COLORS,
    image::Image,
    mask::Mask,
    region::{PixelRect, Region},
};
use std::{
    array, ptr,
    sync::{Arc, Weak},
    thread,
};
use tones::{Taps, ToneRows};

pub use area::Area;
pub use edge::Calm;
pub use tones::Tones;

/// Colour around the image, 0..=1.
pub(super) const BACKGROUND: [f32; 3] = [0.0; 3];

/// Distance between the stripes of a preview, in screen pixels.
pub(super) fn stripe_period(look: &CanvasLook) -> f32 {
    (8.0 * look.pixels_per_point).round().max(2.0)
}

/// Paints the canvas, and remembers what it painted last.
#[derive(Debug, Default)]
pub struct Raster {
    painted: Option<Painted>,
    calm: Calm,
    tones: Tones,
}

/// The state from which the pixels on the screen were painted.
#[derive(Debug)]
struct Painted {
    area: Area,
    look: CanvasLook,
    image: Weak<Image>,
    labels: Option<u64>,
    reference: Option<u64>,
    preview: Option<Region>,
}

impl Raster {
    /// Paints what has changed; `None` if nothing has. The first call paints all of `area`.
    pub fn repaint_changes(
        &mut self,
        scene: &Scene<'_>,
        area: Area,
    ) -> Option<(Area, Vec<Color32>)> {
        let turn = scene.look.turn;
        let (upright, pixels) = self.repaint_upright(scene, area.on_upright_screen(turn))?;
        if turn.is_upright() {
            return Some((upright, pixels));
        }
        let part = upright.on_real_screen(turn);
        Some((part, turned_pixels(turn, &upright, part.size, &pixels)))
    }

    /// As [`Self::repaint_changes`], with areas of the upright screen.
    fn repaint_upright(&mut self, scene: &Scene<'_>, area: Area) -> Option<(Area, Vec<Color32>)> {
        let dirty = self.dirty_area(scene, area);
        if let Some(labels) = scene.labels {
            let since = self
                .painted
                .as_ref()
                .and_then(|p| labels.dirty_since(p.labels?));
            self.calm.update_from_mask(labels.mask(), since.as_ref());
        }
        self.tones.fit_to_image(scene.image, &scene.look.levels);
        if dirty.is_empty() {
            return None;
        }
        self.painted = Some(Painted {
            area,
            look: scene.look.clone(),
            image: Arc::downgrade(scene.image),
            labels: scene.labels.map(|l| l.mask_version()),
            reference: scene.reference.map(|l| l.mask_version()),
            preview: scene.preview.cloned(),
        });
        Some((dirty, composite_area(scene, &self.calm, &self.tones, dirty)))
    }

    fn dirty_area(&self, scene: &Scene<'_>, area: Area) -> Area {
        let Some(painted) = &self.painted else {
            return area;
        };
        let is_same = painted.area == area
            && painted.look == *scene.look
            && ptr::eq(painted.image.as_ptr(), Arc::as_ptr(scene.image))
            && painted.labels.is_some() == scene.labels.is_some()
            && painted.reference.is_some() == scene.reference.is_some();
        if !is_same {
            return area;
        }
        let (Some(labels), Some(reference)) = (
            changed_pixels(scene.labels, painted.labels),
            changed_pixels(scene.reference, painted.reference),
        ) else {
            return area;
        };
        let preview = match (&painted.preview, scene.preview) {
            (old, new) if old.as_ref() == new => PixelRect::default(),
            (old, new) => [old.as_ref(), new]
                .into_iter()
                .flatten()
                .fold(PixelRect::default(), |a, r| a.union(&r.bounds())),
        };
        let rect = labels.union(&reference).union(&preview);
        if rect.is_empty() {
            return Area::default();
        }
        let margin = scene.labels.map_or(1, |l| {
            EdgeFinder::new(l.mask(), &self.calm, scene.look).change_margin()
        });
        area.of_pixels(&rect, margin.max(3), scene.look)
    }
}

/// The pixels of `area` of the upright screen, row by row. `calm` and `tones` must be up to date with the scene.
pub fn composite_area(scene: &Scene<'_>, calm: &Calm, tones: &Tones, area: Area) -> Vec<Color32> {
    // Below this number of pixels, starting threads takes longer than painting.
    const SMALL: usize = 1 << 17;
    let pixels = area.size[0] * area.size[1];
    let threads = if pixels < SMALL {
        1
    } else {
        thread::available_parallelism()
            .map_or(1, usize::from)
            .min(4)
    };
    let mut out = vec![Color32::BLACK; pixels];
    let paint_rows = if scene.image.is_color() {
        paint_rows::<3>
    } else {
        paint_rows::<1>
    };
    let rows = area.size[1].div_ceil(threads).max(1);
    let bands = out
        .chunks_mut((rows * area.size[0]).max(1))
        .enumerate()
        .map(|(band, out)| {
            let min = [area.min[0], area.min[1] + (band * rows) as i32];
            (
                Area {
                    min,
                    size: [area.size[0], out.len() / area.size[0]],
                },
                out,
            )
        });
    if threads == 1 {
        bands.for_each(|(part, out)| paint_rows(scene, calm, tones, part, out));
    } else {
        thread::scope(|scope| {
            for (part, out) in bands {
                scope.spawn(move || paint_rows(scene, calm, tones, part, out));
            }
        });
    }
    out
}

/// Where a mask has changed since version `seen`; `None` if unknown.
fn changed_pixels(mask: Option<&Live>, seen: Option<u64>) -> Option<PixelRect> {
    match mask.zip(seen) {
        Some((mask, seen)) => mask.dirty_since(seen),
        None => Some(PixelRect::default()),
    }
}

/// Paints rows of an image with `N` channels.
fn paint_rows<const N: usize>(
    scene: &Scene<'_>,
    calm: &Calm,
    tones: &Tones,
    area: Area,
    out: &mut [Color32],
) {
    let look = scene.look;
    let image = scene.image;
    let places: Vec<f32> = (0..area.size[0])
        .map(|k| area.place_on_image(0, k, look))
        .collect();
    // First and last screen column inside the image.
    let left = places.partition_point(|x| *x < 0.0);
    let right = places
        .partition_point(|x| *x < image.columns as f32)
        .max(left);
    let across = Taps::for_places(
        places[left..right].iter().copied(),
        filter_width(look.scale[0], look.interpolates),
        image.columns,
    );
    let down = Taps::for_places(
        (0..area.size[1]).map(|k| area.place_on_image(1, k, look)),
        filter_width(look.scale[1], look.interpolates),
        image.rows,
    );
    let mut rows = ToneRows::<N>::new(image, tones, across, down);
    let labels = scene.labels.filter(|_| look.draws_labels());
    let layers = RasterOverlay {
        scene,
        edges: labels.map(|l| EdgeFinder::new(l.mask(), calm, look)),
        preview: scene
            .preview
            .map(|region| Spans::from_region(region, image.rows)),
        period: stripe_period(look),
    };
    let color_map = look.picture_colors(image);
    let mut colors = vec![BACKGROUND; area.size[0]];
    for (row, out) in out.chunks_mut(area.size[0]).enumerate() {
        let y = area.place_on_image(1, row, look);
        let is_in_rows = y >= 0.0 && y < image.rows as f32;
        colors.fill(BACKGROUND);
        if is_in_rows && left < right {
            rows.fill_row(row, &mut colors[left..right]);
            if let Some(map) = &color_map {
                color_levels(map, &mut colors[left..right]);
            }
        }
        if layers.edges.is_some() || layers.preview.is_some() {
            let screen_y = area.min[1] + row as i32;
            let mut run = LabelRun::default();
            for (k, color) in colors.iter_mut().enumerate() {
                let is_inside = is_in_rows && (left..right).contains(&k);
                *color = layers.composite_pixel(
                    *color,
                    [places[k], y],
                    [area.min[0] + k as i32, screen_y],
                    is_inside,
                    &mut run,
                );
            }
        }
        for (out, color) in out.iter_mut().zip(&colors) {
            let [r, g, b] = color.map(|v| (v * 255.0 + 0.5) as u8);
            *out = Color32::from_rgb(r, g, b);
        }
    }
}

/// Replaces grey levels by the colours of a map.
fn color_levels(map: &[[f32; 3]; COLORS], colors: &mut [[f32; 3]]) {
    for color in colors {
        let level = (color[0] * 255.0 + 0.5) as usize;
        *color = map[level.min(COLORS - 1)];
    }
}

/// Everything drawn over the image. Counterpart of `overlay` in the shader.
struct RasterOverlay<'a> {
    scene: &'a Scene<'a>,
    edges: Option<EdgeFinder<'a>>,
    preview: Option<Spans<'a>>,
    period: f32,
}

impl RasterOverlay<'_> {
    fn composite_pixel(
        &self,
        below: [f32; 3],
        p: [f32; 2],
        at: [i32; 2],
        is_inside: bool,
        run: &mut LabelRun,
    ) -> [f32; 3] {
        let look = self.scene.look;
        let nothing = NearestEdge {
            own: 0,
            other: 0,
            distance: edge::FAR,
        };
        let edge = self
            .edges
            .as_ref()
            .map_or(nothing, |edges| edges.nearest_to(p, run));
        let mut color = below;
        if is_inside {
            match (&self.edges, self.scene.reference) {
                (Some(edges), Some(reference)) if look.layers == LabelLayers::Difference => {
                    if let Some(tint) = reference_difference(look, edges.mask, reference.mask(), p)
                    {
                        color = blend_over(
                            color,
                            tint.map(|c| f32::from(c) / 255.0),
                            DIFFERENCE_OPACITY,
                        );
                    }
                }
                _ if edge.own != 0 => {
                    let [r, g, b, opacity] = look.labels[usize::from(edge.own)];
                    color = blend_over(color, [r, g, b], opacity);
                }
                _ => {}
            }
            if self.preview.as_ref().is_some_and(|spans| spans.contains(p)) {
                let along = ((at[0] + at[1]) as f32).rem_euclid(self.period);
                color = blend_over(
                    color,
                    look.preview,
                    PREVIEW_OPACITY[usize::from(along >= self.period / 2.0)],
                );
            }
        }
        if edge.distance < look.outline_reach() {
            let [r, g, b, _] =
                look.labels[usize::from(if edge.own == 0 { edge.other } else { edge.own })];
            if look.rim > 0.0 {
                let rim =
                    (look.half_line + look.rim - edge.distance + 0.5).clamp(0.0, 1.0) * RIM_OPACITY;
                color = blend_over(color, [0.0; 3], rim * look.line_opacity);
            }
            // Two labels share an edge: each draws a line on its own side.
            let half_line = look.half_line
                * if edge.own != 0 && edge.other != 0 {
                    SHARED
                } else {
                    1.0
                };
            let line = (half_line - edge.distance + 0.5).clamp(0.0, 1.0);
            color = blend_over(color, [r, g, b], line * look.line_opacity);
        }
        color
    }
}

fn blend_over(below: [f32; 3], color: [f32; 3], opacity: f32) -> [f32; 3] {
    array::from_fn(|c| below[c] + (color[c] - below[c]) * opacity)
}

/// The difference colour at p; `None` if mask and reference agree. When the image is reduced, one differing pixel under
/// the screen pixel is enough.
fn reference_difference(
    look: &CanvasLook,
    now: &Mask,
    then: &Mask,
    p: [f32; 2],
) -> Option<[u8; 3]> {
    let is_reduced = look.scale[0].min(look.scale[1]) < 1.0;
    let half = look.scale.map(|s| {
        if is_reduced {
            (0.5 / s).clamp(0.0, 2.0)
        } else {
            0.0
        }
    });
    let ends = [now.columns(), now.rows()];
    let [across, down] = [0, 1].map(|i| {
        let first = (p[i] - half[i]).max(0.0).floor() as i64;
        first..=((p[i] + half[i]).min(ends[i] as f32 - 1.0).floor() as i64).max(first)
    });
    for y in down {
        for x in across.clone() {
            match (now.label_at(x, y), then.label_at(x, y)) {
                (now, then) if now == then => {}
                (_, 0) => return Some(ADDED),
                (0, _) => return Some(REMOVED),
                _ => return Some(RELABELLED),
            }
        }
    }
    None
}

/// A region indexed by row, for fast lookup of single pixels.
struct Spans<'a> {
    region: &'a Region,
    /// Index of the first span of each row.
    rows: Vec<u32>,
}

impl<'a> Spans<'a> {
    fn from_region(region: &'a Region, rows: usize) -> Self {
        let spans = region.spans();
        let mut starts = Vec::with_capacity(rows + 1);
        let mut at = 0;
        for row in 0..=rows {
            while spans.get(at).is_some_and(|s| s.row < row) {
                at += 1;
            }
            starts.push(at as u32);
        }
        Self {
            region,
            rows: starts,
        }
    }

    /// True if the image position `p` is inside the region.
    fn contains(&self, p: [f32; 2]) -> bool {
        let [column, row] = p.map(|v| v as usize);
        let Some([first, last]) = self.rows.get(row..row + 2).and_then(|r| r.first_chunk()) else {
            return false;
        };
        let spans = &self.region.spans()[*first as usize..*last as usize];
        spans.iter().any(|s| s.start <= column && column < s.end)
    }
}

#[cfg(test)]
pub(super) mod fixture;
#[cfg(test)]
mod tests;
