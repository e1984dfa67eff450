//! Fits images to the network's input, and resizes its probabilities back to the size of the image.

use fast_image_resize::{
    FilterType, ResizeAlg, ResizeOptions, Resizer, images::TypedImage, images::TypedImageRef,
    pixels::F32,
};
use labrum_core::{
    Error, Result,
    image::{Image, Pixels},
    mask::{Mask, labels_in},
    model_card::{Aspect, InputSpec},
    prediction::Prediction,
};
use std::fmt;

/// A width and a height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// Width in pixels.
    pub columns: usize,
    /// Height in pixels.
    pub rows: usize,
}

impl Size {
    fn pixel_count(self) -> usize {
        self.columns * self.rows
    }
}

/// Where an image lies in the network's input.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputPlacement {
    /// Input pixels to the left of the image.
    pub left: usize,
    /// Input pixels above the image.
    pub top: usize,
    /// Size of the image when fitted to the input.
    pub inner: Size,
    /// Size of the image itself.
    pub source: Size,
    /// Size of the input.
    pub input: Size,
}

impl InputPlacement {
    /// Fits an image of size `source` into `input`, centred and with its aspect ratio kept.
    pub fn centred_in_input(source: Size, input: Size) -> Self {
        let scale = f64::min(
            input.columns as f64 / source.columns as f64,
            input.rows as f64 / source.rows as f64,
        );
        let inner = Size {
            columns: scaled_side(source.columns, scale, input.columns),
            rows: scaled_side(source.rows, scale, input.rows),
        };
        Self {
            left: (input.columns - inner.columns) / 2,
            top: (input.rows - inner.rows) / 2,
            inner,
            source,
            input,
        }
    }

    /// Stretches an image of size `source` to fill `input`, ignoring its aspect ratio.
    pub fn stretched_to_input(source: Size, input: Size) -> Self {
        Self {
            left: 0,
            top: 0,
            inner: input,
            source,
            input,
        }
    }

    /// Crops an input plane to the part that shows the image.
    fn cut_out(&self, plane: &[f32]) -> Vec<f32> {
        let rows = plane
            .chunks_exact(self.input.columns)
            .skip(self.top)
            .take(self.inner.rows);
        rows.flat_map(|row| &row[self.left..self.left + self.inner.columns])
            .copied()
            .collect()
    }

    /// Copies the fitted image `inner` into its place in a plane of the input's size.
    fn put_in<T: Copy>(&self, inner: &[T], plane: &mut [T]) {
        let rows = plane.chunks_exact_mut(self.input.columns).skip(self.top);
        for (row, values) in rows.zip(inner.chunks_exact(self.inner.columns)) {
            row[self.left..self.left + self.inner.columns].copy_from_slice(values);
        }
    }
}

/// The scaled side in whole pixels, 1 to `most`.
fn scaled_side(side: usize, scale: f64, most: usize) -> usize {
    ((side as f64 * scale).round() as usize).clamp(1, most)
}

/// Where an image of size `source` lies in the input.
pub fn input_placement(source: Size, spec: &InputSpec) -> InputPlacement {
    let size = Size {
        columns: spec.columns,
        rows: spec.rows,
    };
    match spec.aspect {
        Aspect::Kept => InputPlacement::centred_in_input(source, size),
        Aspect::Stretched => InputPlacement::stretched_to_input(source, size),
    }
}

/// The network's input, `[channels, rows, columns]`, normalised, and where the image lies in it.
///
/// Errors: an image or an input without pixels.
pub fn fit_to_input(image: &Image, spec: &InputSpec) -> Result<(Vec<f32>, InputPlacement)> {
    let (mut input, placement) = fit_raw(image, spec)?;
    normalise_channels(&mut input, spec);
    Ok((input, placement))
}

/// Like [`fit_to_input`], but not normalised: values 0..=1, padding 0.
pub fn fit_raw(image: &Image, spec: &InputSpec) -> Result<(Vec<f32>, InputPlacement)> {
    let source = Size {
        columns: image.columns,
        rows: image.rows,
    };
    let placement = input_placement(source, spec);
    let size = placement.input;
    if source.pixel_count() == 0 || size.pixel_count() == 0 || spec.channels == 0 {
        return Err(Error::new(
            "resize the image for the network",
            "the image or the network's input has no pixels",
        ));
    }
    let mut input = Vec::with_capacity(spec.channels * size.pixel_count());
    for levels in display_channels(image, spec.channels) {
        let mut plane = vec![0.0; size.pixel_count()];
        placement.put_in(&resize_plane(&levels, source, placement.inner)?, &mut plane);
        input.extend(plane);
    }
    // A grey image is repeated in all channels.
    while input.len() < spec.channels * size.pixel_count() {
        input.extend_from_within(..size.pixel_count());
    }
    Ok((input, placement))
}

/// The grey levels of an image as it is first shown, 0..=1, row after row: the luma of a colour image.
pub fn grey_levels(image: &Image) -> Vec<f32> {
    display_channels(image, 1).swap_remove(0)
}

/// Applies `(value - mean) / std` per channel to one or more consecutive inputs `[channels, rows, columns]`.
pub fn normalise_channels(input: &mut [f32], spec: &InputSpec) {
    let planes = input.chunks_exact_mut((spec.columns * spec.rows).max(1));
    for (plane, channel) in planes.zip((0..spec.channels).cycle()) {
        let mean = spec.mean.get(channel).copied().unwrap_or(0.0);
        let std = spec.std.get(channel).copied().unwrap_or(1.0);
        plane
            .iter_mut()
            .for_each(|value| *value = (*value - mean) / std);
    }
}

/// The target labels for the network: `mask`, placed like its image.
///
/// Each label is resized like the image and the largest share wins, so that boundaries do not shift. Errors: a mask
/// whose size differs from the placement's source.
pub fn fit_mask(mask: &Mask, placement: &InputPlacement) -> Result<Vec<u8>> {
    let size = Size {
        columns: mask.columns(),
        rows: mask.rows(),
    };
    if size != placement.source {
        return Err(Error::new(
            "resize the mask for the network",
            "mask and image have different sizes",
        ));
    }
    let mut covers = Vec::new();
    for label in labels_in(mask.pixel_labels().iter().copied()) {
        let inside: Vec<f32> = mask
            .pixel_labels()
            .iter()
            .map(|&l| f32::from(u8::from(l == label)))
            .collect();
        covers.push((label, resize_plane(&inside, size, placement.inner)?));
    }
    let mut plane = vec![0; placement.input.pixel_count()];
    placement.put_in(&most_likely_labels(&covers, placement.inner), &mut plane);
    Ok(plane)
}

/// Converts probabilities `[classes, rows, columns]` at the size of the input to a prediction at the size of the
/// source.
///
/// Class 0 is background; the probabilities of a pixel sum to 1. Errors: the wrong number of probabilities.
pub fn restore_to_source(
    probabilities: &[f32],
    classes: usize,
    placement: &InputPlacement,
) -> Result<Prediction> {
    if !(2..=256).contains(&classes)
        || probabilities.len() != classes * placement.input.pixel_count()
    {
        return Err(Error::new(
            "read the network's output",
            "its size does not match the input",
        ));
    }
    let mut maps = Vec::new();
    for (plane, label) in probabilities
        .chunks_exact(placement.input.pixel_count())
        .zip(0..=255u8)
        .skip(1)
    {
        let inner = placement.cut_out(plane);
        maps.push((
            label,
            resize_plane(&inner, placement.inner, placement.source)?,
        ));
    }
    let Size { columns, rows } = placement.source;
    let labels = most_likely_labels(&maps, placement.source);
    let mask =
        Mask::from_labels(columns, rows, labels).unwrap_or_else(|| Mask::new_blank(columns, rows));
    Ok(Prediction {
        mask,
        probabilities: maps
            .into_iter()
            .map(|(_, map)| to_u16_levels(&map))
            .collect(),
    })
}

/// Scales 0..=1 to 0..=65535.
fn to_u16_levels(probabilities: &[f32]) -> Vec<u16> {
    probabilities
        .iter()
        .map(|p| (p.clamp(0.0, 1.0) * 65535.0).round() as u16)
        .collect()
}

/// The label with the largest share at each pixel; 0 where the remaining share, the background's, is at least as large.
fn most_likely_labels(shares: &[(u8, Vec<f32>)], size: Size) -> Vec<u8> {
    let mut labels = vec![0; size.pixel_count()];
    for (i, out) in labels.iter_mut().enumerate() {
        let mut best = 1.0 - shares.iter().map(|(_, share)| share[i]).sum::<f32>();
        for (label, share) in shares {
            if share[i] > best {
                *out = *label;
                best = share[i];
            }
        }
    }
    labels
}

/// The image as it is displayed, values 0..=1: three planes for a colour image if `wanted` is 3, else one.
fn display_channels(image: &Image, wanted: usize) -> Vec<Vec<f32>> {
    let contrast = image.first_contrast();
    match &image.pixels {
        Pixels::Rgb8(pixels) if wanted == 3 => {
            let table: Vec<f32> = (0..=255u8)
                .map(|v| image.displayed_level(contrast, f64::from(v)) as f32)
                .collect();
            (0..3)
                .map(|channel| {
                    pixels
                        .iter()
                        .map(|p| table[usize::from(p[channel])])
                        .collect()
                })
                .collect()
        }
        Pixels::U8(pixels) => {
            let table: Vec<f32> = (0..=255u8)
                .map(|stored| {
                    let rescale = &image.rescale;
                    let value = rescale.slope * f64::from(stored) + rescale.intercept;
                    image.displayed_level(contrast, value) as f32
                })
                .collect();
            vec![pixels.iter().map(|&v| table[usize::from(v)]).collect()]
        }
        pixels => vec![
            (0..pixels.len())
                .map(|i| image.displayed_level(contrast, image.modality_value(i)) as f32)
                .collect(),
        ],
    }
}

/// Resizes one plane bilinearly with half-pixel centres; when shrinking, every source pixel contributes.
fn resize_plane(plane: &[f32], from: Size, to: Size) -> Result<Vec<f32>> {
    if from == to {
        return Ok(plane.to_vec());
    }
    let pixels: Vec<F32> = plane.iter().map(|&v| F32::new(v)).collect();
    let source = TypedImageRef::new(side_to_u32(from.columns)?, side_to_u32(from.rows)?, &pixels)
        .map_err(not_resized)?;
    let mut target = TypedImage::<F32>::new(side_to_u32(to.columns)?, side_to_u32(to.rows)?);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new()
        .resize_typed(&source, &mut target, &options)
        .map_err(not_resized)?;
    Ok(target.pixels().iter().map(|pixel| pixel.0).collect())
}

fn side_to_u32(side: usize) -> Result<u32> {
    u32::try_from(side).map_err(not_resized)
}

fn not_resized(e: impl fmt::Display) -> Error {
    Error::new("resize the image", e)
}

#[cfg(test)]
mod tests;
