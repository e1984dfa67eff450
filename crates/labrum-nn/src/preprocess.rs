//! From an image to the network's input, and from its probabilities back to the size of the image.

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

/// A width and a height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Size {
    /// Width.
    pub columns: usize,
    /// Height.
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
    /// Size of the image in the input.
    pub inner: Size,
    /// Size of the image itself.
    pub source: Size,
    /// Size of the input.
    pub input: Size,
}

impl InputPlacement {
    /// An image of `source` pixels, as large as fits into the middle of `input` pixels.
    pub fn centred_in_input(source: Size, input: Size) -> Self {
        let scale = f64::min(
            input.columns as f64 / source.columns as f64,
            input.rows as f64 / source.rows as f64,
        );
        let scaled =
            |side: usize, most: usize| ((side as f64 * scale).round() as usize).clamp(1, most);
        let inner = Size {
            columns: scaled(source.columns, input.columns),
            rows: scaled(source.rows, input.rows),
        };
        let (left, top) = (
            (input.columns - inner.columns) / 2,
            (input.rows - inner.rows) / 2,
        );
        Self {
            left,
            top,
            inner,
            source,
            input,
        }
    }

    /// An image of `source` pixels that fills `input` pixels, whatever becomes of its proportions.
    pub fn stretched_to_input(source: Size, input: Size) -> Self {
        Self {
            left: 0,
            top: 0,
            inner: input,
            source,
            input,
        }
    }

    /// The part of an input plane that shows the image.
    fn cut_out(&self, plane: &[f32]) -> Vec<f32> {
        let rows = plane
            .chunks_exact(self.input.columns)
            .skip(self.top)
            .take(self.inner.rows);
        rows.flat_map(|row| &row[self.left..self.left + self.inner.columns])
            .copied()
            .collect()
    }

    /// Puts `inner` pixels into the middle of a plane of the input's size.
    fn put_in<T: Copy>(&self, inner: &[T], plane: &mut [T]) {
        let rows = plane.chunks_exact_mut(self.input.columns).skip(self.top);
        for (row, values) in rows.zip(inner.chunks_exact(self.inner.columns)) {
            row[self.left..self.left + self.inner.columns].copy_from_slice(values);
        }
    }
}

/// Where an image of `source` pixels lies in the input.
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

/// As [`fit_to_input`], not normalised yet: 0..=1, 0 in the padding.
pub fn fit_raw(image: &Image, spec: &InputSpec) -> Result<(Vec<f32>, InputPlacement)> {
    let source = Size {
        columns: image.columns,
        rows: image.rows,
    };
    let placement = input_placement(source, spec);
    let size = placement.input;
    if source.pixel_count() == 0 || size.pixel_count() == 0 || spec.channels == 0 {
        return Err(Error::new(
            "fit the image to the network",
            "one of them has no pixels",
        ));
    }
    let mut input = Vec::with_capacity(spec.channels * size.pixel_count());
    for levels in display_channels(image, spec.channels) {
        let mut plane = vec![0.0; size.pixel_count()];
        placement.put_in(&resize_plane(&levels, source, placement.inner)?, &mut plane);
        input.extend(plane);
    }
    // A grey image fills all channels.
    while input.len() < spec.channels * size.pixel_count() {
        input.extend_from_within(..size.pixel_count());
    }
    Ok((input, placement))
}

/// `(value - mean) / std`, channel by channel, of one or more inputs `[channels, rows, columns]` on end.
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

/// The labels that the network should find in its input: those of `mask`, placed as its image is.
///
/// Each label is resized as the image is and the largest share wins, so that boundaries stay where they are. Errors: a
/// mask that is not of the size of the placement's source.
pub fn fit_mask(mask: &Mask, placement: &InputPlacement) -> Result<Vec<u8>> {
    let size = Size {
        columns: mask.columns(),
        rows: mask.rows(),
    };
    if size != placement.source {
        return Err(Error::new(
            "fit the mask to the network",
            "mask and image are not of the same size",
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

/// The prediction at the size of the source from probabilities `[classes, rows, columns]` at the size of the input.
///
/// Class 0 is background; the classes of a pixel sum to 1. Errors: another number of probabilities.
pub fn restore_to_source(
    probabilities: &[f32],
    classes: usize,
    placement: &InputPlacement,
) -> Result<Prediction> {
    if !(2..=256).contains(&classes)
        || probabilities.len() != classes * placement.input.pixel_count()
    {
        return Err(Error::new(
            "read the network's answer",
            "it does not have the size of its input",
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
    let to_u16 = |map: Vec<f32>| {
        map.iter()
            .map(|p| (p.clamp(0.0, 1.0) * 65535.0).round() as u16)
            .collect()
    };
    Ok(Prediction {
        mask,
        probabilities: maps.into_iter().map(|(_, map)| to_u16(map)).collect(),
    })
}

/// For each pixel the label with the largest share, 0 where what they leave to the background is as large.
fn most_likely_labels(shares: &[(u8, Vec<f32>)], size: Size) -> Vec<u8> {
    let mut labels = vec![0; size.pixel_count()];
    for (i, out) in labels.iter_mut().enumerate() {
        let mut best = 1.0 - shares.iter().map(|(_, share)| share[i]).sum::<f32>();
        for (label, share) in shares {
            if share[i] > best {
                (*out, best) = (*label, share[i]);
            }
        }
    }
    labels
}

/// What a person sees of the image, 0..=1: three planes where colour is asked for and there, else one.
fn display_channels(image: &Image, wanted: usize) -> Vec<Vec<f32>> {
    let contrast = image.first_contrast();
    let level = |value: f64| image.displayed_level(contrast, value) as f32;
    let modality = |stored: f64| level(image.rescale.slope * stored + image.rescale.intercept);
    match &image.pixels {
        Pixels::Rgb8(pixels) if wanted == 3 => {
            let table: Vec<f32> = (0..=255u8).map(|v| level(f64::from(v))).collect();
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
            let table: Vec<f32> = (0..=255u8).map(|v| modality(f64::from(v))).collect();
            vec![pixels.iter().map(|&v| table[usize::from(v)]).collect()]
        }
        pixels => vec![
            (0..pixels.len())
                .map(|i| level(image.modality_value(i)))
                .collect(),
        ],
    }
}

/// Resizes one plane bilinearly; half-pixel centres, and every source pixel counts where it shrinks.
fn resize_plane(plane: &[f32], from: Size, to: Size) -> Result<Vec<f32>> {
    if from == to {
        return Ok(plane.to_vec());
    }
    let failed = |reason: String| Error::new("resize the image", reason);
    let side = |side: usize| u32::try_from(side).map_err(|e| failed(e.to_string()));
    let pixels: Vec<F32> = plane.iter().map(|&v| F32::new(v)).collect();
    let source = TypedImageRef::new(side(from.columns)?, side(from.rows)?, &pixels)
        .map_err(|e| failed(e.to_string()))?;
    let mut target = TypedImage::<F32>::new(side(to.columns)?, side(to.rows)?);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new()
        .resize_typed(&source, &mut target, &options)
        .map_err(|e| failed(e.to_string()))?;
    Ok(target.pixels().iter().map(|pixel| pixel.0).collect())
}

#[cfg(test)]
mod tests;
