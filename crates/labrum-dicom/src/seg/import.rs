//! Lays a segmentation over an opened series as masks.

use super::{
    SegmentationType,
    place::{FramePlaces, Lying, find_frame_slices},
    read::{Segmentation, read_header},
};
use crate::references::Refused;
use labrum_core::{
    Result,
    import::{
        ImportedMasks, MaskChoice,
        choice::{Offered, Taken, tell_apart},
        overlap::Painter,
    },
    label::Label,
    lattice::{GridFit, GridMap},
    mask::Mask,
    study::Series,
};
use std::{collections::BTreeSet, path::Path};

/// Reads all of the segmentation `path`, as [`import_chosen`].
///
/// # Errors
/// As there.
pub fn import_all(path: &Path, series: &Series) -> Result<ImportedMasks> {
    import_chosen(path, series, &MaskChoice::default())
}

/// Reads the segmentation `path` of any type and maker as masks of `series`.
///
/// FRACTIONAL becomes a mask where it is at least half of its Maximum Fractional Value. Where segments overlap, the order
/// that the user gave decides; else the largest fraction, and of equal ones and BINARY ones the smaller segment. Notes
/// tell what had to be decided.
///
/// # Errors
/// Where the file cannot be read, is no segmentation, or belongs to another series: the reason names both.
pub fn import_chosen(path: &Path, series: &Series, choice: &MaskChoice) -> Result<ImportedMasks> {
    let mut seg = read_header(path)?;
    let refused = |reason: String| Refused::from(reason).on_series("segmentation", path, series);
    let offered = seg.labels.iter().zip(&seg.numbers);
    let offered: Vec<Offered<'_>> = offered
        .map(|(label, number)| Offered {
            number: u32::from(*number),
            name: &label.name,
        })
        .collect();
    let taken = Taken::from_choice(&offered, choice)
        .map_err(|reason| refused(reason).with_advice("Choose by name or number."))?;
    let places = find_frame_slices(&seg, series, choice)
        .map_err(|refusal| refusal.on_series("segmentation", path, series))?;
    let mut notes = std::mem::take(&mut seg.notes);
    notes.extend(places.notes.iter().cloned());
    let mut labels: Vec<Label> = taken
        .indices
        .iter()
        .filter_map(|i| seg.labels.get(*i).cloned())
        .collect();
    notes.extend(tell_apart(&mut labels));
    let mut laid = LaidFrames::new(&mut seg, &places, &taken)?;
    let mut masks = Vec::with_capacity(places.covered.len());
    for &slice in &places.covered {
        let values = laid.slice_labels(
            &mut seg,
            places.on.get(&slice).map_or(&[][..], Vec::as_slice),
            series,
        )?;
        let mask = Mask::from_labels(series.columns, series.rows, values);
        masks.push((
            slice,
            mask.ok_or_else(|| refused("its frames are of another size".into()))?,
        ));
    }
    notes.extend(laid.import_notes(&seg, &labels));
    notes.extend(unplaced_frames_note(&mut seg, &places)?);
    notes.extend(renumbering_note(&seg, &taken));
    let numbers: Vec<u32> = taken
        .indices
        .iter()
        .filter_map(|i| seg.numbers.get(*i))
        .map(|n| u32::from(*n))
        .collect();
    let taken = laid.painter.taken_labels(&numbers, &laid.in_file);
    let empty = labels
        .iter()
        .zip(&taken)
        .filter(|(_, taken)| taken.in_file == 0);
    let empty: Vec<String> = empty
        .map(|(label, _)| format!("\"{}\"", label.name))
        .collect();
    if !empty.is_empty() {
        notes.push(format!(
            "no pixel of these slices belongs to {}",
            empty.join(", ")
        ));
    }
    Ok(ImportedMasks {
        labels,
        masks,
        notes,
        taken,
        basis: places.basis,
        is_resampled: places.is_resampled,
    })
}

/// Frames laid over each other, and what had to be decided.
struct LaidFrames {
    /// The label that each segment becomes; 0 for those that are not taken.
    values: Vec<u8>,
    /// For each label its place from below.
    rank: Vec<usize>,
    /// The order alone decides, not how large a fraction is.
    is_ordered: bool,
    painter: Painter,
    /// Pixels of each label in the frames that were laid.
    in_file: Vec<usize>,
    counted: BTreeSet<usize>,
    undescribed: usize,
    /// Pixels of frames that lie beside their slice.
    beside: usize,
}

impl LaidFrames {
    fn new(seg: &mut Segmentation, places: &FramePlaces, taken: &Taken) -> Result<Self> {
        let mut values = vec![0; seg.labels.len()];
        for (value, index) in (1..=u8::MAX).zip(&taken.indices) {
            if let Some(of) = values.get_mut(*index) {
                *of = value;
            }
        }
        let mut laid = Self {
            rank: vec![0; taken.indices.len()],
            in_file: vec![0; taken.indices.len()],
            values,
            is_ordered: taken.has_order(),
            painter: Painter::default(),
            counted: BTreeSet::new(),
            undescribed: 0,
            beside: 0,
        };
        if seg.kind != SegmentationType::LabelMap && taken.indices.len() > 1 {
            laid.count_all(seg, places)?;
        }
        let value = |index: &usize| usize::from(laid.values.get(*index).copied().unwrap_or(0));
        let size = |index: usize| {
            value(&index)
                .checked_sub(1)
                .map_or(0, |label| laid.in_file[label])
        };
        let from_below: Vec<usize> = taken.lowest_first(size).iter().map(value).collect();
        for (rank, label) in from_below.into_iter().enumerate() {
            if let Some(of) = label
                .checked_sub(1)
                .and_then(|label| laid.rank.get_mut(label))
            {
                *of = rank;
            }
        }
        Ok(laid)
    }

    /// How large each label is has to be known before the first is painted.
    fn count_all(&mut self, seg: &mut Segmentation, places: &FramePlaces) -> Result<()> {
        let frames: BTreeSet<usize> = places
            .on
            .values()
            .flatten()
            .map(|lying| lying.frame)
            .collect();
        for frame in frames {
            if self.label_of_frame(seg, frame) != 0 {
                let values = seg.frame_values(frame)?;
                self.count_pixels(seg, frame, &values);
            }
        }
        Ok(())
    }

    /// Counts the pixels of a frame, once.
    fn count_pixels(&mut self, seg: &Segmentation, frame: usize, values: &[u16]) {
        if !self.counted.insert(frame) {
            return;
        }
        if let Some(label) = usize::from(self.label_of_frame(seg, frame)).checked_sub(1) {
            let is_in = |value: &&u16| is_inside(seg, **value);
            self.in_file[label] += values.iter().filter(is_in).count();
            return;
        }
        // A label map.
        for (value, count) in value_runs(values) {
            match usize::from(self.label_of(seg, value)).checked_sub(1) {
                Some(label) => self.in_file[label] += count,
                None if value == 0
                    || Some(value) == seg.padding
                    || seg.numbers.contains(&value) => {}
                None => self.undescribed += count,
            }
        }
    }

    /// The labels of one slice.
    fn slice_labels(
        &mut self,
        seg: &mut Segmentation,
        lying: &[Lying],
        series: &Series,
    ) -> Result<Vec<u8>> {
        let mut lying = lying.to_vec();
        let rank = |label: u8| {
            usize::from(label)
                .checked_sub(1)
                .and_then(|i| self.rank.get(i))
                .copied()
        };
        lying.sort_by_key(|l| rank(self.label_of_frame(seg, l.frame)));
        let mut labels = vec![0u8; series.columns * series.rows];
        let mut largest = vec![
            0u16;
            if self.goes_by_fraction(seg) {
                labels.len()
            } else {
                0
            }
        ];
        for Lying { frame, map } in lying {
            let label = self.label_of_frame(seg, frame);
            if label == 0 && seg.kind != SegmentationType::LabelMap {
                continue;
            }
            let values = seg.frame_values(frame)?;
            self.count_pixels(seg, frame, &values);
            let values = match map.filter(|map| map.fit != GridFit::Same) {
                Some(map) => self.resample_frame(seg, &values, &map, [series.columns, series.rows]),
                None => values,
            };
            match seg.kind {
                SegmentationType::LabelMap => self.label_map(&mut labels, &values, seg),
                _ if self.goes_by_fraction(seg) => {
                    self.paint_fractional(&mut labels, &mut largest, &values, label, seg)
                }
                _ => {
                    for (pixel, _) in labels
                        .iter_mut()
                        .zip(&values)
                        .filter(|(_, value)| is_inside(seg, **value))
                    {
                        self.painter.paint_pixel(pixel, label);
                    }
                }
            }
        }
        Ok(labels)
    }

    /// The values under the pixels of a slice, nearest pixel by nearest pixel; 0 beside the frame.
    fn resample_frame(
        &mut self,
        seg: &Segmentation,
        values: &[u16],
        map: &GridMap,
        to: [usize; 2],
    ) -> Vec<u16> {
        let value = |(column, row): (usize, usize)| {
            map.grid_pixel_at(column, row)
                .and_then(|[x, y, _]| values.get(y * seg.columns + x))
                .copied()
                .unwrap_or(0)
        };
        let moved: Vec<u16> = (0..to[1])
            .flat_map(|row| (0..to[0]).map(move |column| (column, row)))
            .map(value)
            .collect();
        if map.fit == GridFit::Rearranged {
            // Pixel on pixel: what is missing lies beside the slice.
            let inside = |values: &[u16]| {
                values
                    .iter()
                    .filter(|value| is_inside(seg, **value))
                    .count()
            };
            self.beside += inside(values).saturating_sub(inside(&moved));
        }
        moved
    }

    fn goes_by_fraction(&self, seg: &Segmentation) -> bool {
        seg.kind == SegmentationType::Fractional && !self.is_ordered
    }

    fn paint_fractional(
        &mut self,
        labels: &mut [u8],
        largest: &mut [u16],
        values: &[u16],
        label: u8,
        seg: &Segmentation,
    ) {
        for ((pixel, large), &value) in labels.iter_mut().zip(largest).zip(values) {
            if is_inside(seg, value) {
                if value >= *large {
                    self.painter.paint_pixel(pixel, label);
                    *large = value;
                } else {
                    self.painter.record_hidden(*pixel, label);
                }
            }
        }
    }

    fn label_map(&mut self, labels: &mut [u8], values: &[u16], seg: &Segmentation) {
        // The values of a frame come in long runs.
        let mut last = (0, 0);
        for (pixel, &value) in labels
            .iter_mut()
            .zip(values)
            .filter(|(_, value)| **value != 0)
        {
            if last.0 != value {
                last = (value, self.label_of(seg, value));
            }
            if last.1 != 0 {
                self.painter.paint_pixel(pixel, last.1);
            }
        }
    }

    /// 0 for a number that no segment has, or that is not taken.
    fn label_of(&self, seg: &Segmentation, number: u16) -> u8 {
        seg.numbers
            .binary_search(&number)
            .ok()
            .and_then(|i| self.values.get(i))
            .copied()
            .unwrap_or(0)
    }

    /// 0 for a frame of a label map as well.
    fn label_of_frame(&self, seg: &Segmentation, frame: usize) -> u8 {
        seg.frames
            .get(frame)
            .and_then(|f| f.segment)
            .map_or(0, |number| self.label_of(seg, number))
    }

    fn import_notes(&self, seg: &Segmentation, labels: &[Label]) -> Vec<String> {
        let mut notes = Vec::new();
        if seg.kind == SegmentationType::Fractional {
            notes.push(format!(
                "it is FRACTIONAL: pixels of at least half of its maximum ({} of {}) were taken",
                seg.most.div_ceil(2),
                seg.most
            ));
        }
        notes.extend(self.painter.overlap_notes(labels));
        if self.undescribed > 0 {
            notes.push(format!(
                "{} pixels hold values that no segment describes and were left out",
                self.undescribed
            ));
        }
        if self.beside > 0 {
            notes.push(format!(
                "{} of its pixels lie beside the images and were left out",
                self.beside
            ));
        }
        notes
    }
}

/// At least half, in whole numbers; of a bit, 1.
fn is_inside(seg: &Segmentation, value: u16) -> bool {
    match seg.kind {
        SegmentationType::Fractional => u32::from(value) * 2 >= u32::from(seg.most),
        _ => value > 0,
    }
}

/// Equal values that follow each other, with how many they are.
fn value_runs(values: &[u16]) -> impl Iterator<Item = (u16, usize)> {
    values
        .chunk_by(|a, b| a == b)
        .filter_map(|run| Some((*run.first()?, run.len())))
}

/// Frames that hold something and lie on no slice.
fn unplaced_frames_note(seg: &mut Segmentation, places: &FramePlaces) -> Result<Option<String>> {
    let mut count = 0;
    for frame in &places.elsewhere {
        count += usize::from(seg.frame_values(*frame)?.iter().any(|v| *v != 0));
    }
    Ok((count > 0).then(|| {
        format!("{count} of its frames belong to slices that are not here and were left out")
    }))
}

/// Labels are numbered from 1 on, segments of other programs need not be.
fn renumbering_note(seg: &Segmentation, taken: &Taken) -> Option<String> {
    let numbers: Vec<u16> = taken
        .indices
        .iter()
        .filter_map(|i| seg.numbers.get(*i))
        .copied()
        .collect();
    let in_order = numbers
        .iter()
        .enumerate()
        .all(|(i, number)| usize::from(*number) == i + 1);
    let list: Vec<String> = numbers.iter().map(u16::to_string).collect();
    (!in_order).then(|| {
        format!(
            "its segments {} became labels 1 to {}",
            list.join(", "),
            list.len()
        )
    })
}
