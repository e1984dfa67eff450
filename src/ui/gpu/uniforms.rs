//! The look as the bytes that the shader reads: `Look` in `canvas.wgsl`.

use crate::ui::{
    look::{
        ADDED, DIFFERENCE_OPACITY, PREVIEW_OPACITY, RELABELLED, REMOVED, RIM_OPACITY, Scene,
        table_of,
    },
    raster::{BACKGROUND, stripe_period},
};
use labrum_core::image::Pixels;

/// Width of the texture that holds a table of levels.
pub(super) const TABLE_WIDTH: usize = 256;

/// How many bytes there are: twelve and 256 vectors of four single-precision numbers.
pub(super) const BYTES: usize = (12 + 256) * 16;

/// The bytes for a scene, on a target that stores linear light or not.
pub(super) fn scene_bytes(scene: &Scene<'_>, is_linear: bool) -> Vec<u8> {
    let (look, image) = (scene.look, scene.image);
    let kind = match image.pixels {
        Pixels::U8(_) | Pixels::U16(_) => 0.0,
        Pixels::I16(_) => 1.0,
        Pixels::F32(_) => 2.0,
        Pixels::Rgb8(_) => 3.0,
    };
    let levels = look.levels;
    let last = table_of(image).map_or(0, |t| t.len() - 1) as f32;
    let flag = |is: bool| f32::from(u8::from(is));
    let tint = |color: [u8; 3]| {
        let [r, g, b] = color.map(|c| f32::from(c) / 255.0);
        [r, g, b, DIFFERENCE_OPACITY]
    };
    let [r, g, b] = look.preview;
    let head = [
        [look.origin[0], look.origin[1], look.scale[0], look.scale[1]],
        [
            image.columns as f32,
            image.rows as f32,
            kind,
            f32::from(levels.function as u8),
        ],
        [
            levels.slope,
            levels.pivot,
            levels.offset,
            flag(levels.inverted),
        ],
        [
            last,
            TABLE_WIDTH as f32,
            f32::from(look.layers as u8),
            stripe_period(look),
        ],
        [
            look.half_line,
            look.rim,
            look.outline_reach(),
            flag(is_linear),
        ],
        [
            flag(scene.labels.is_some()),
            flag(scene.reference.is_some()),
            flag(scene.preview.is_some()),
            RIM_OPACITY,
        ],
        [BACKGROUND[0], BACKGROUND[1], BACKGROUND[2], 1.0],
        tint(ADDED),
        tint(REMOVED),
        tint(RELABELLED),
        [r, g, b, 1.0],
        [
            PREVIEW_OPACITY[0],
            PREVIEW_OPACITY[1],
            look.line_opacity,
            0.0,
        ],
    ];
    let all = head.iter().chain(look.labels.iter()).flatten();
    all.flat_map(|value| value.to_le_bytes()).collect()
}
