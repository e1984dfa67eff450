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

/// As [`fit`], not normalised yet: 0..=1, 0 in the padding.
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
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use labrum_core::{image::WindowPreset, metrics};

    fn spec(channels: usize, columns: usize, rows: usize) -> InputSpec {
        InputSpec {
            channels,
            columns,
            rows,
            aspect: Aspect::Kept,
            mean: vec![0.0; channels],
            std: vec![1.0; channels],
        }
    }

    fn grey(columns: usize, rows: usize, values: Vec<u8>) -> Image {
        Image::new(columns, rows, Pixels::U8(values)).unwrap()
    }

    fn disc(columns: usize, rows: usize, x: f64, y: f64, radius: f64) -> Mask {
        let inside =
            |i: usize| ((i % columns) as f64 - x).hypot((i / columns) as f64 - y) <= radius;
        Mask::from_labels(
            columns,
            rows,
            (0..columns * rows).map(|i| u8::from(inside(i))).collect(),
        )
        .unwrap()
    }

    fn centroid(mask: &Mask) -> (f64, f64) {
        let inside: Vec<usize> = (0..mask.pixel_labels().len())
            .filter(|&i| mask.pixel_labels()[i] == 1)
            .collect();
        let mean =
            |of: &dyn Fn(usize) -> usize| inside.iter().map(|&i| of(i)).sum::<usize>() as f64;
        let n = inside.len() as f64;
        (
            mean(&|i| i % mask.columns()) / n,
            mean(&|i| i / mask.columns()) / n,
        )
    }

    /// Probabilities that say exactly what `labels` says.
    fn certain(labels: &[u8], classes: usize) -> Vec<f32> {
        (0..classes)
            .flat_map(|class| {
                labels
                    .iter()
                    .map(move |&l| f32::from(u8::from(usize::from(l) == class)))
            })
            .collect()
    }

    #[test]
    fn an_image_of_the_input_s_size_stays_as_it_is() {
        let values: Vec<u8> = (0..32 * 16).map(|i| (i % 256) as u8).collect();
        let (input, placement) =
            fit_to_input(&grey(32, 16, values.clone()), &spec(1, 32, 16)).unwrap();
        assert_eq!(
            (placement.left, placement.top, placement.inner),
            (
                0,
                0,
                Size {
                    columns: 32,
                    rows: 16
                }
            )
        );
        assert!(
            input
                .iter()
                .zip(&values)
                .all(|(v, s)| (v - f32::from(*s) / 255.0).abs() < 1e-6)
        );
    }

    #[test]
    fn a_wide_image_is_centred_and_padded_with_zero_before_normalisation() {
        let spec = InputSpec {
            mean: vec![0.5],
            std: vec![0.25],
            ..spec(1, 32, 32)
        };
        let (input, placement) = fit_to_input(&grey(64, 32, vec![255; 64 * 32]), &spec).unwrap();
        assert_eq!(
            (placement.left, placement.top, placement.inner.rows),
            (0, 8, 16)
        );
        assert_eq!(&input[..32 * 8], [-2.0; 32 * 8]);
        assert!(
            input[32 * 8..32 * 24]
                .iter()
                .all(|v| (v - 2.0).abs() < 1e-5)
        );
        assert_eq!(&input[32 * 24..], [-2.0; 32 * 8]);
    }

    #[test]
    fn a_stretched_image_fills_the_input_and_comes_back_in_its_own_proportions() {
        let spec = InputSpec {
            aspect: Aspect::Stretched,
            ..spec(1, 32, 32)
        };
        let (input, placement) = fit_to_input(&grey(64, 32, vec![255; 64 * 32]), &spec).unwrap();
        assert!(input.iter().all(|v| *v == 1.0));
        let left_half: Vec<u8> = (0..64 * 32).map(|i| u8::from(i % 64 < 32)).collect();
        let mask = Mask::from_labels(64, 32, left_half).unwrap();
        let fitted = fit_mask(&mask, &placement).unwrap();
        assert!(
            fitted
                .iter()
                .enumerate()
                .all(|(i, &label)| label == u8::from(i % 32 < 16))
        );
        assert_eq!(
            restore_to_source(&certain(&fitted, 2), 2, &placement)
                .unwrap()
                .mask,
            mask
        );
    }

    #[test]
    fn grey_fills_three_channels_and_colour_becomes_luma_in_one() {
        let (input, _) = fit_raw(&grey(16, 16, vec![51; 256]), &spec(3, 16, 16)).unwrap();
        assert_eq!(input.len(), 3 * 256);
        assert!(input.iter().all(|v| (v - 0.2).abs() < 1e-6));
        let color = Image::new(16, 16, Pixels::Rgb8(vec![[255, 0, 51]; 256])).unwrap();
        let (input, _) = fit_raw(&color, &spec(1, 16, 16)).unwrap();
        assert!(
            (input[7] - (0.299 + 0.114 * 0.2)).abs() < 1e-4,
            "{}",
            input[7]
        );
        let (input, _) = fit_raw(&color, &spec(3, 16, 16)).unwrap();
        assert_eq!((input[0], input[256], input[600]), (1.0, 0.0, 0.2));
    }

    #[test]
    fn the_image_s_own_window_counts_and_the_lowest_value_of_monochrome1_is_white() {
        let mut image = Image::new(16, 16, Pixels::I16(vec![40; 256])).unwrap();
        let window = labrum_core::image::Window::from_range(0.0, 160.0);
        image.windows.push(WindowPreset {
            name: String::new(),
            window,
        });
        assert!((fit_raw(&image, &spec(1, 16, 16)).unwrap().0[0] - 0.25).abs() < 1e-6);
        image.inverted = true;
        assert!((fit_raw(&image, &spec(1, 16, 16)).unwrap().0[0] - 0.75).abs() < 1e-6);
    }

    #[test]
    fn a_network_sees_what_a_person_sees_at_first() {
        let mut by_table = grey(16, 16, (0..=255).collect());
        let levels = (0..=255u8).map(|v| 1.0 - f32::from(v) / 255.0).collect();
        by_table.voi_lut = Some(labrum_core::image::VoiLut { first: 0.0, levels });
        let mut usual = Image::new(
            16,
            16,
            Pixels::I16((-500..-500 + 256 * 4).step_by(4).collect()),
        )
        .unwrap();
        usual.usual_window = Some(labrum_core::image::Window::SOFT_TISSUE);
        let mut inverted = grey(16, 16, (0..=255).collect());
        inverted.inverted = true;
        for image in [by_table, usual, inverted] {
            let (seen, _) = fit_raw(&image, &spec(1, 16, 16)).unwrap();
            let shown = image.to_rgba(image.first_contrast());
            let differ = seen
                .iter()
                .zip(shown.chunks_exact(4))
                .any(|(v, p)| (v * 255.0 - f32::from(p[0])).abs() > 0.51);
            assert!(!differ, "{:?}", image.pixels);
        }
    }

    /// Whole pixels move the centroid of a single disc at random; what many share would be a shift.
    #[test]
    fn a_mask_survives_the_way_there_and_back_at_any_scale() {
        for (scale, columns, rows) in [
            (0.3, 400, 300),
            (0.48, 500, 370),
            (1.0, 200, 160),
            (2.5, 96, 64),
        ] {
            let source = Size { columns, rows };
            let scaled = |side: usize| (side as f64 * scale) as usize;
            let placement = InputPlacement::centred_in_input(
                source,
                Size {
                    columns: scaled(columns),
                    rows: scaled(rows) + 40,
                },
            );
            let mut shift = [0.0, 0.0];
            for step in 0..10 {
                let (x, y) = (
                    0.45 * columns as f64 + 0.37 * f64::from(step),
                    0.5 * rows as f64 + 0.61 * f64::from(step),
                );
                let mask = disc(columns, rows, x, y, 0.3 * rows as f64);
                let fitted = fit_mask(&mask, &placement).unwrap();
                let back = restore_to_source(&certain(&fitted, 2), 2, &placement)
                    .unwrap()
                    .mask;
                let dice = metrics::score_masks(&back, &mask, [1.0, 1.0]).unwrap().dice;
                assert!(dice > 0.97, "scale {scale}: Dice {dice}");
                let (there, here) = (centroid(&back), centroid(&mask));
                shift = [
                    shift[0] + (there.0 - here.0) / 10.0,
                    shift[1] + (there.1 - here.1) / 10.0,
                ];
            }
            assert!(
                shift[0].hypot(shift[1]) < 0.1,
                "scale {scale}: shifted by {shift:?}"
            );
        }
    }

    #[test]
    fn several_labels_keep_their_places() {
        let labels: Vec<u8> = (0..90 * 60).map(|i| [0, 1, 3][(i % 90) / 30]).collect();
        let mask = Mask::from_labels(90, 60, labels).unwrap();
        let placement = InputPlacement::centred_in_input(
            Size {
                columns: 90,
                rows: 60,
            },
            Size {
                columns: 48,
                rows: 48,
            },
        );
        let fitted = fit_mask(&mask, &placement).unwrap();
        let back = restore_to_source(&certain(&fitted, 4), 4, &placement).unwrap();
        assert_eq!(
            (
                back.mask.label_at(10, 30),
                back.mask.label_at(45, 30),
                back.mask.label_at(80, 30)
            ),
            (0, 1, 3)
        );
        assert_eq!(back.probabilities.len(), 3);
        assert_eq!(
            (back.label_probability(3, 80), back.label_probability(2, 80)),
            (1.0, 0.0)
        );
        assert_eq!(back.mask.count_pixels(2), 0);
    }

    #[test]
    fn answers_and_masks_of_another_size_are_refused() {
        let placement = InputPlacement::centred_in_input(
            Size {
                columns: 9,
                rows: 6,
            },
            Size {
                columns: 16,
                rows: 16,
            },
        );
        assert!(restore_to_source(&[0.0; 16], 2, &placement).is_err());
        assert!(fit_mask(&Mask::new_blank(6, 9), &placement).is_err());
    }

    #[test]
    fn a_line_of_pixels_still_has_a_place() {
        let (input, placement) =
            fit_raw(&grey(1000, 1, vec![255; 1000]), &spec(1, 32, 32)).unwrap();
        assert_eq!((placement.inner.rows, placement.top), (1, 15));
        assert_eq!(input.iter().filter(|v| **v > 0.0).count(), 32);
    }
}
