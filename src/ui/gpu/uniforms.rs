//! Serialises the look for the shader: `Look` in `canvas.wgsl`.

use crate::ui::{
    look::{
        ADDED, DIFFERENCE_OPACITY, PREVIEW_OPACITY, RELABELLED, REMOVED, RIM_OPACITY, Scene,
        table_of,
    },
    raster::{BACKGROUND, stripe_period},
};
use labrum_core::{color_map::COLORS, image::Pixels};

/// Width of the lookup table texture.
pub(super) const TABLE_WIDTH: usize = 256;

/// Size in bytes: 13 vectors of four `f32`, and one for each label and each colour of the map.
pub(super) const BYTES: usize = (13 + 256 + COLORS) * 16;

/// The bytes for a scene; `is_linear` if the render target stores linear light.
pub(super) fn scene_bytes(scene: &Scene<'_>, is_linear: bool) -> Vec<u8> {
    let look = scene.look;
    let image = scene.image;
    let kind = match image.pixels {
        Pixels::U8(_) | Pixels::U16(_) => 0.0,
        Pixels::I16(_) => 1.0,
        Pixels::F32(_) => 2.0,
        Pixels::Rgb8(_) => 3.0,
    };
    let levels = look.levels;
    let last = table_of(image).map_or(0, |t| t.len() - 1) as f32;
    let [r, g, b] = look.preview;
    let colors = look.picture_colors(image);
    let across = look.turn.to_image([1.0, 0.0]);
    let down = look.turn.to_image([0.0, 1.0]);
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
            flag_value(levels.inverted),
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
            flag_value(is_linear),
        ],
        [
            flag_value(scene.labels.is_some()),
            flag_value(scene.reference.is_some()),
            flag_value(scene.preview.is_some()),
            RIM_OPACITY,
        ],
        [BACKGROUND[0], BACKGROUND[1], BACKGROUND[2], 1.0],
        difference_tint(ADDED),
        difference_tint(REMOVED),
        difference_tint(RELABELLED),
        [r, g, b, flag_value(look.interpolates)],
        [
            PREVIEW_OPACITY[0],
            PREVIEW_OPACITY[1],
            look.line_opacity,
            flag_value(colors.is_some()),
        ],
        [across[0], down[0], across[1], down[1]],
    ];
    // Without a map the shader does not read the colours.
    let colors: Vec<[f32; 4]> = match &colors {
        Some(map) => map.iter().map(|[r, g, b]| [*r, *g, *b, 1.0]).collect(),
        None => vec![[0.0; 4]; COLORS],
    };
    let all = head.iter().chain(look.labels.iter()).chain(&colors);
    all.flatten()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

/// 1 for true, 0 for false: the shader reads numbers only.
fn flag_value(is_set: bool) -> f32 {
    f32::from(u8::from(is_set))
}

/// Red, green, blue (0..=1) and opacity.
fn difference_tint(color: [u8; 3]) -> [f32; 4] {
    let [r, g, b] = color.map(|c| f32::from(c) / 255.0);
    [r, g, b, DIFFERENCE_OPACITY]
}
