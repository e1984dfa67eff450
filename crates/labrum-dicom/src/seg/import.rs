//! Imports a segmentation as masks of an opened series.

use super::{
    SegmentationType,
    place::{FramePlaces, Lying, find_frame_slices},
    read::{Segmentation, read_header},
};
use crate::references::Refused;
use labrum_core::{
    Error, Result,
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
use std::{collections::BTreeSet, mem, path::Path};

/// Reads all segments of the segmentation `path`, see [`import_chosen`].
///
/// # Errors
/// See [`import_chosen`].
pub fn import_all(path: &Path, series: &Series) -> Result<ImportedMasks> {
    import_chosen(path, series, &MaskChoice::default())
}

/// Reads the segmentation `path`, of any type and vendor, as masks of `series`.
///
/// FRACTIONAL pixels belong to the mask if they have at least half of the Maximum Fractional Value. Where segments
/// overlap, the order chosen by the user decides; otherwise the largest fraction wins, and for equal fractions and
/// BINARY the smaller segment. Notes report such decisions.
///
/// # Errors
/// If the file cannot be read, is not a segmentation, or belongs to another series; the reason names both series.
pub fn import_chosen(path: &Path, series: &Series, choice: &MaskChoice) -> Result<ImportedMasks> {
    let mut seg = read_header(path)?;
    let offered = seg.labels.iter().zip(&seg.numbers);
    let offered: Vec<Offered<'_>> = offered
        .map(|(label, number)| Offered {
            number: u32::from(*number),
            name: &label.name,
        })
        .collect();
    let taken = Taken::from_choice(&offered, choice).map_err(|reason| {
        import_error(reason, path, series).with_advice("Choose by name or number.")
    })?;
    let places = find_frame_slices(&seg, series, choice)
        .map_err(|refusal| import_error(refusal, path, series))?;
    let mut notes = mem::take(&mut seg.notes);
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
        let mask = Mask::from_labels(series.columns, series.rows, values).ok_or_else(|| {
            import_error(
                "the size of its frames differs from that of the images".to_owned(),
                path,
                series,
            )
        })?;
        masks.push((slice, mask));
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
            "labels without pixels on these slices: {}",
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

/// The error about a segmentation that cannot be applied to `series`.
fn import_error(why: impl Into<Refused>, path: &Path, series: &Series) -> Error {
    let refused: Refused = why.into();
    refused.on_series("segmentation", path, series)
}

/// Combines frames to masks, and counts what is reported in notes.
struct LaidFrames {
    /// The label of each segment; 0 for segments that were not chosen.
    values: Vec<u8>,
    /// For each label its rank in drawing order, the lowest first.
    rank: Vec<usize>,
    /// True if the chosen order decides, not the size of fractions.
    is_ordered: bool,
    painter: Painter,
    /// Number of pixels of each label in the frames used.
    in_file: Vec<usize>,
    counted: BTreeSet<usize>,
    undescribed: usize,
    /// Number of pixels that lie outside their slice.
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
        let from_below: Vec<usize> = taken
            .lowest_first(|index| laid.size_of_segment(index))
            .into_iter()
            .map(|index| laid.label_of_segment(index))
            .collect();
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

    /// The label of the segment at this index; 0 if it was not chosen.
    fn label_of_segment(&self, index: usize) -> usize {
        usize::from(self.values.get(index).copied().unwrap_or(0))
    }

    /// Number of pixels of the segment at this index in the frames counted; 0 if it was not chosen.
    fn size_of_segment(&self, index: usize) -> usize {
        self.label_of_segment(index)
            .checked_sub(1)
            .map_or(0, |label| self.in_file[label])
    }

    /// The rank of a label in drawing order; `None` if there is no such label.
    fn rank_of_label(&self, label: u8) -> Option<usize> {
        let index = usize::from(label).checked_sub(1)?;
        self.rank.get(index).copied()
    }

    /// Counts the pixels of all labels, which must be known before painting.
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

    /// Counts the pixels of a frame, unless it was counted before.
    fn count_pixels(&mut self, seg: &Segmentation, frame: usize, values: &[u16]) {
        if !self.counted.insert(frame) {
            return;
        }
        if let Some(label) = usize::from(self.label_of_frame(seg, frame)).checked_sub(1) {
            self.in_file[label] += count_inside(seg, values);
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
        lying.sort_by_key(|l| self.rank_of_label(self.label_of_frame(seg, l.frame)));
        let mut labels = vec![0u8; series.columns * series.rows];
        let fractions = if self.goes_by_fraction(seg) {
            labels.len()
        } else {
            0
        };
        let mut largest = vec![0u16; fractions];
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

    /// The values of a frame at the pixels of a slice, by nearest neighbour; 0 outside the frame.
    fn resample_frame(
        &mut self,
        seg: &Segmentation,
        values: &[u16],
        map: &GridMap,
        to: [usize; 2],
    ) -> Vec<u16> {
        let [columns, rows] = to;
        let mut moved: Vec<u16> = Vec::with_capacity(columns * rows);
        for row in 0..rows {
            for column in 0..columns {
                let value = map
                    .grid_pixel_at(column, row)
                    .and_then(|[x, y, _]| values.get(y * seg.columns + x));
                moved.push(value.copied().unwrap_or(0));
            }
        }
        if map.fit == GridFit::Rearranged {
            // The grids match pixel by pixel, so missing pixels lie outside the slice.
            self.beside += count_inside(seg, values).saturating_sub(count_inside(seg, &moved));
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

    /// The label of a segment number; 0 if there is no such segment or it was not chosen.
    fn label_of(&self, seg: &Segmentation, number: u16) -> u8 {
        seg.numbers
            .binary_search(&number)
            .ok()
            .and_then(|i| self.values.get(i))
            .copied()
            .unwrap_or(0)
    }

    /// The label of a frame; 0 also for frames of a label map.
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
                "it is FRACTIONAL: pixels with at least half of the maximum value ({} of {}) were \
                 used",
                seg.most.div_ceil(2),
                seg.most
            ));
        }
        notes.extend(self.painter.overlap_notes(labels));
        if self.undescribed > 0 {
            notes.push(format!(
                "pixels ignored because no segment describes their value: {}",
                self.undescribed
            ));
        }
        if self.beside > 0 {
            notes.push(format!(
                "pixels ignored because they lie outside the images: {}",
                self.beside
            ));
        }
        notes
    }
}

/// True for at least half of the maximum value of FRACTIONAL, else for any value but 0.
#[inline]
fn is_inside(seg: &Segmentation, value: u16) -> bool {
    match seg.kind {
        SegmentationType::Fractional => u32::from(value) * 2 >= u32::from(seg.most),
        _ => value > 0,
    }
}

/// Number of pixels of a frame that belong to its segment.
fn count_inside(seg: &Segmentation, values: &[u16]) -> usize {
    values
        .iter()
        .filter(|value| is_inside(seg, **value))
        .count()
}

/// Runs of equal values, with their lengths.
fn value_runs(values: &[u16]) -> impl Iterator<Item = (u16, usize)> {
    values
        .chunk_by(|a, b| a == b)
        .filter_map(|run| Some((*run.first()?, run.len())))
}

/// Note about frames that are not empty but lie on no slice.
fn unplaced_frames_note(seg: &mut Segmentation, places: &FramePlaces) -> Result<Option<String>> {
    let mut count = 0;
    for frame in &places.elsewhere {
        count += usize::from(seg.frame_values(*frame)?.iter().any(|v| *v != 0));
    }
    Ok((count > 0).then(|| {
        format!("frames skipped because they lie on no slice of the opened series: {count}")
    }))
}

/// Note about renumbering: labels are numbered from 1, segments of other programs need not be.
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
            "its segments {} were renumbered as labels 1 to {}",
            list.join(", "),
            list.len()
        )
    })
}
