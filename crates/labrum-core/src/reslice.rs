//! Images and masks of orthogonal views of a stack, and the slice pixels under what is drawn on these views.

use super::{
    image::{Image, Pixels, Rescale},
    mask::{Mask, PackedMask},
    region::{Region, Span},
    stack::{Pane, Stack, ViewPlane},
};
use std::{collections::BTreeMap, mem, sync::Arc};

/// The image of a view through cell `index` of its axis: one line per layer, from the nearest pixels of its slice.
/// Gaps and slices that are not loaded yet are black. `None` while no slice is loaded.
pub fn view_image(
    stack: &Stack,
    pane: &Pane,
    index: usize,
    slices: &[Option<Arc<Image>>],
) -> Option<Image> {
    let size = stack.slice_size();
    let there: Vec<Option<&Image>> = slices
        .iter()
        .map(|slice| {
            slice
                .as_deref()
                .filter(|image| [image.columns, image.rows] == size)
        })
        .collect();
    let first = there.iter().flatten().next()?;
    let black_is_high = first.inverted;
    let is_uniform = there
        .iter()
        .flatten()
        .all(|image| has_same_values(image, first));
    macro_rules! stored {
        ($kind:ident, $low:expr, $high:expr) => {
            Pixels::$kind(gather_layers(
                stack,
                pane,
                index,
                if black_is_high { $high } else { $low },
                |slice, line| {
                    if let Some(Some(Image {
                        pixels: Pixels::$kind(stored),
                        ..
                    })) = there.get(slice)
                    {
                        line(&|i| stored.get(i).copied());
                    }
                },
            ))
        };
    }
    let pixels = match &first.pixels {
        _ if !is_uniform => {
            let blank = if black_is_high { f32::MAX } else { f32::MIN };
            Pixels::F32(gather_layers(stack, pane, index, blank, |slice, line| {
                if let Some(Some(image)) = there.get(slice) {
                    line(&|i| (i < image.pixels.len()).then(|| image.modality_value(i) as f32));
                }
            }))
        }
        Pixels::U8(_) => stored!(U8, 0, u8::MAX),
        Pixels::U16(_) => stored!(U16, 0, u16::MAX),
        Pixels::I16(_) => stored!(I16, i16::MIN, i16::MAX),
        Pixels::F32(_) => stored!(F32, f32::MIN, f32::MAX),
        Pixels::Rgb8(_) => stored!(Rgb8, [0; 3], [0; 3]),
    };
    Some(Image {
        columns: pane.size[0],
        rows: pane.size[1],
        pixels,
        rescale: if is_uniform {
            first.rescale
        } else {
            Rescale::default()
        },
        unit: first.unit.clone(),
        suv_factor: None,
        inverted: first.inverted,
        windows: first.windows.clone(),
        voi_lut: first.voi_lut.clone(),
        usual_window: first.usual_window,
        padding: first.padding,
        spacing: None,
        regions: Vec::new(),
        plane: None,
        orientation: None,
        overlays: Vec::new(),
        truncated: None,
    })
}

/// True if stored values mean the same in both images, so that no conversion is needed.
fn has_same_values(image: &Image, other: &Image) -> bool {
    mem::discriminant(&image.pixels) == mem::discriminant(&other.pixels)
        && image.rescale == other.rescale
}

/// Callback that receives a function from pixel index to value and reads one line with it.
type Line<'a, T> = &'a mut dyn FnMut(&dyn Fn(usize) -> Option<T>);

/// Fills a view layer by layer; `read` gets the slice index and passes its pixel values to the callback.
fn gather_layers<T: Copy>(
    stack: &Stack,
    pane: &Pane,
    index: usize,
    blank: T,
    mut read: impl FnMut(usize, Line<'_, T>),
) -> Vec<T> {
    let mut out = vec![blank; pane.size[0] * pane.size[1]];
    let columns = stack.slice_size()[0];
    let along = usize::from(pane.plane == ViewPlane::Column);
    for layer in 0..stack.size[2] {
        let Some(slice) = stack.slice_of_layer(layer) else {
            continue;
        };
        read(slice, &mut |value| {
            for i in 0..stack.size[along] {
                let mut cell = [index, index, layer];
                cell[along] = i;
                let pixel = stack.pixel_of(slice, cell[0], cell[1]);
                let value = pixel.and_then(|[column, row]| value(row * columns + column));
                if let (Some(value), Some(place)) = (value, out.get_mut(pane.pixel_offset(cell))) {
                    *place = value;
                }
            }
        });
    }
    out
}

/// A mask of a slice as it is stored.
#[derive(Clone, Copy, Debug)]
pub enum HeldMask<'a> {
    /// Uncompressed.
    Open(&'a Mask),
    /// Run-length encoded.
    Packed(&'a PackedMask),
}

/// The mask of a view through cell `index` of its axis; `mask_of` returns the mask of a slice.
pub fn view_mask<'a>(
    stack: &Stack,
    pane: &Pane,
    index: usize,
    mask_of: impl Fn(usize) -> Option<HeldMask<'a>>,
) -> Mask {
    let mut labels = vec![0; pane.size[0] * pane.size[1]];
    let along = usize::from(pane.plane == ViewPlane::Column);
    let [columns, rows] = stack.slice_size();
    let mut line = vec![0; if along == 1 { rows } else { columns }];
    for layer in 0..stack.size[2] {
        let Some(slice) = stack.slice_of_layer(layer) else {
            continue;
        };
        let Some(held) = mask_of(slice) else { continue };
        // The column or row of the slice under this view is the same for the whole line.
        let fixed = (0..stack.size[along]).find_map(|i| {
            let pixel = if along == 1 {
                stack.pixel_of(slice, index, i)
            } else {
                stack.pixel_of(slice, i, index)
            };
            pixel.map(|p| p[1 - along])
        });
        let Some(fixed) = fixed else { continue };
        line.fill(0);
        match (held, along) {
            (HeldMask::Open(mask), 1) => {
                (0..rows).for_each(|row| line[row] = mask.label_at(fixed as i64, row as i64))
            }
            (HeldMask::Open(mask), _) => (0..columns)
                .for_each(|column| line[column] = mask.label_at(column as i64, fixed as i64)),
            (HeldMask::Packed(mask), 1) => mask.read_column(fixed, &mut line),
            (HeldMask::Packed(mask), _) => mask.read_row(fixed, &mut line),
        }
        if line.iter().all(|label| *label == 0) {
            continue;
        }
        for i in 0..stack.size[along] {
            let mut cell = [index, index, layer];
            cell[along] = i;
            if let Some(pixel) = stack.pixel_of(slice, cell[0], cell[1])
                && let (Some(label), Some(place)) = (
                    line.get(pixel[along]),
                    labels.get_mut(pane.pixel_offset(cell)),
                )
            {
                *place = *label;
            }
        }
    }
    Mask::from_labels(pane.size[0], pane.size[1], labels)
        .unwrap_or_else(|| Mask::new_blank(pane.size[0], pane.size[1]))
}

/// The slice pixels under a region of a view through cell `index` of its axis, sorted by slice.
pub fn slices_under(
    stack: &Stack,
    pane: &Pane,
    index: usize,
    region: &Region,
) -> Vec<(usize, Region)> {
    let mut spans: BTreeMap<usize, Vec<Span>> = BTreeMap::new();
    for span in region.spans().iter().filter(|s| s.row < pane.size[1]) {
        for column in span.start..span.end.min(pane.size[0]) {
            let [x, y, layer] = pane.cell_at_pixel([column, span.row], index);
            let Some(slice) = stack.slice_of_layer(layer) else {
                continue;
            };
            if let Some([x, y]) = stack.pixel_of(slice, x, y) {
                spans.entry(slice).or_default().push(Span {
                    row: y,
                    start: x,
                    end: x + 1,
                });
            }
        }
    }
    spans
        .into_iter()
        .map(|(slice, spans)| (slice, Region::from_spans(spans)))
        .collect()
}

#[cfg(test)]
mod tests;
