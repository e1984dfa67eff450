//! Which slice is on the canvas, and painting it: on the GPU, or on the CPU if there is none.

use super::{
    gpu::Gpu,
    look::Scene,
    raster::{Area, Raster},
};
use crate::session::{
    Session,
    finding::Finding,
    job::{CaseId, Loaded, SliceKey},
    live::Live,
};
use eframe::{egui_wgpu::RenderState, wgpu::DeviceType};
use egui::{Color32, ColorImage, Painter, Pos2, Rect, TextureHandle, TextureOptions, pos2};
use std::{
    ptr,
    sync::{Arc, Weak},
};

/// The slice on the canvas; while another is loading, this is still the previous one.
#[derive(Default)]
pub(crate) struct Shown(Option<(SliceKey, Arc<Loaded>)>);

impl Shown {
    /// Clears the canvas unless it shows a slice of `case`.
    pub(crate) fn clear_unless(&mut self, case: Option<CaseId>) {
        if self.0.as_ref().map(|(key, _)| key.case) != case {
            self.0 = None;
        }
    }

    /// The slice to show for the one that is wanted. While it is loading, the nearest loaded slice on the way to it, so that
    /// fast scrolling shows intermediate slices.
    pub(crate) fn slice_to_show(
        &mut self,
        session: &Session,
        wanted: SliceKey,
    ) -> Option<(SliceKey, Arc<Loaded>)> {
        let (first, last) = match &self.0 {
            Some((shown, _)) if shown.slice < wanted.slice => (shown.slice + 1, wanted.slice),
            Some((shown, _)) if shown.slice > wanted.slice => (wanted.slice, shown.slice - 1),
            _ => (wanted.slice, wanted.slice),
        };
        let mut slices: Vec<usize> = (first..=last).collect();
        slices.sort_by_key(|slice| slice.abs_diff(wanted.slice));
        let mut keys = slices.into_iter().map(|slice| SliceKey { slice, ..wanted });
        if let Some(found) = keys.find_map(|key| Some((key, session.loaded_slice(key)?.clone()))) {
            self.0 = Some(found);
        }
        self.0.clone()
    }
}

/// Paints the canvas on the GPU or on the CPU.
#[derive(Default)]
pub(crate) struct CanvasPainter {
    /// The GPU to paint on. It is set up when the view is painted first: most views never are.
    card: Option<RenderState>,
    gpu: Option<Gpu>,
    raster: Raster,
    texture: Option<(TextureHandle, Area)>,
}

impl CanvasPainter {
    /// Paints on the GPU from now on, except on software renderers: there our own CPU rasteriser is faster,
    /// because it repaints only what has changed.
    pub(crate) fn use_card(&mut self, state: &RenderState) {
        if state.adapter.get_info().device_type != DeviceType::Cpu {
            self.card = Some(state.clone());
        }
    }

    /// Frees the textures of a view that is not shown.
    pub(crate) fn free_textures(&mut self) {
        self.gpu = None;
        self.texture = None;
        self.raster = Raster::default();
    }

    /// Paints a scene in `rect`. Images too large for a GPU texture are painted on the CPU.
    pub(crate) fn paint_scene(&mut self, painter: &Painter, rect: Rect, scene: &Scene<'_>) {
        if self.gpu.is_none() {
            self.gpu = self.card.as_ref().map(Gpu::new);
        }
        match self
            .gpu
            .as_mut()
            .filter(|gpu| gpu.can_hold(scene.image.columns, scene.image.rows))
        {
            Some(gpu) => {
                gpu.upload_scene(scene);
                painter.extend(gpu.paint_callback(rect).map(egui::Shape::Callback));
            }
            None => self.paint_on_cpu(painter, rect, scene),
        }
    }

    fn paint_on_cpu(&mut self, painter: &Painter, rect: Rect, scene: &Scene<'_>) {
        let per_point = painter.pixels_per_point();
        let min = [rect.min.x, rect.min.y].map(|v| (v * per_point).floor() as i32);
        let max = [rect.max.x, rect.max.y].map(|v| (v * per_point).ceil() as i32);
        let area = Area {
            min,
            size: [0, 1].map(|i| (max[i] - min[i]).max(1) as usize),
        };
        if let Some((part, pixels)) = self.raster.repaint_changes(scene, area) {
            let image = ColorImage::new(part.size, pixels);
            match &mut self.texture {
                Some((texture, old)) if *old == area && part != area => {
                    let at = [0, 1].map(|i| (part.min[i] - area.min[i]) as usize);
                    texture.set_partial(at, image, TextureOptions::NEAREST);
                }
                Some((texture, old)) if texture.size() == area.size => {
                    texture.set(image, TextureOptions::NEAREST);
                    *old = area;
                }
                texture => {
                    *texture = Some((
                        painter
                            .ctx()
                            .load_texture("canvas", image, TextureOptions::NEAREST),
                        area,
                    ));
                }
            }
        }
        if let Some((texture, area)) = &self.texture {
            let end = [0, 1].map(|i| area.min[i] + area.size[i] as i32);
            let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
            painter.image(
                texture.id(),
                Rect::from_min_max(
                    point_of_pixel(area.min, per_point),
                    point_of_pixel(end, per_point),
                ),
                whole,
                Color32::WHITE,
            );
        }
    }
}

/// The top left corner of a screen pixel, in points.
fn point_of_pixel(pixel: [i32; 2], per_point: f32) -> Pos2 {
    pos2(pixel[0] as f32 / per_point, pixel[1] as f32 / per_point)
}

/// The unpacked mask of a slice in a view beside the active one, until the mask changes.
#[derive(Default)]
pub(crate) struct BesideMask(Option<(u64, Live)>);

impl BesideMask {
    /// The mask of a slice; `None` if nothing was drawn or proposed.
    pub(crate) fn get_or_unpack(&mut self, session: &Session, key: SliceKey) -> Option<&Live> {
        let case = session.cases.case_by_id(key.case)?;
        let revision = case.slices.get(key.slice)?.revision;
        let is_same = self
            .0
            .as_ref()
            .is_some_and(|(seen, live)| *seen == revision && live.slice_key() == key);
        if !is_same {
            let mask = session.mask_of(key);
            self.0 = mask.map(|mask| (revision, Live::new(key, mask.into_owned())));
        }
        self.0.as_ref().map(|(_, live)| live)
    }
}

/// Cache of one finding's unpacked mask.
#[derive(Default)]
pub(crate) struct Unpacked(Option<(Weak<Finding>, Live)>);

impl Unpacked {
    /// The unpacked mask of a slice with this finding.
    pub(crate) fn get_or_unpack(&mut self, key: SliceKey, finding: &Arc<Finding>) -> &Live {
        let is_other = self.0.as_ref().is_some_and(|(held, live)| {
            live.slice_key() != key || !ptr::eq(held.as_ptr(), Arc::as_ptr(finding))
        });
        if is_other {
            self.0 = None;
        }
        &self
            .0
            .get_or_insert_with(|| (Arc::downgrade(finding), Live::new(key, finding.to_mask())))
            .1
    }
}
