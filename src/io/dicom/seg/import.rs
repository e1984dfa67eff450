//! Lays a segmentation over an opened series as masks.

use super::{
    SegmentationType,
    place::{Places, places},
    read::{Segmentation, read},
};
use crate::{
    Error, Result,
    domain::{mask::Mask, study::Series},
    io::import::Imported,
};
use std::path::Path;

/// Reads the segmentation `path` of any type and maker as masks of `series`.
///
/// FRACTIONAL becomes a mask where it is at least half of its Maximum Fractional Value; where fractional segments
/// overlap, the largest wins, and of BINARY ones the later. A note tells what had to be decided.
///
/// # Errors
/// Where the file cannot be read, is no segmentation, or belongs to another series: the reason names both.
pub fn import(path: &Path, series: &Series) -> Result<Imported> {
    let mut seg = read(path)?;
    let refused = |reason| Error::at("lay the segmentation over the series", path, reason);
    let places = places(&seg, series).map_err(|reason| {
        let advice = "Open the series that it was made from, then import it.";
        refused(reason).advise(advice)
    })?;
    let mut notes = std::mem::take(&mut seg.notes);
    notes.extend(places.notes.iter().cloned());
    let mut laid = Laid::default();
    let mut masks = Vec::with_capacity(places.covered.len());
    for &slice in &places.covered {
        let labels = laid.slice(&mut seg, &places, slice)?;
        let mask = Mask::from_labels(seg.columns, seg.rows, labels);
        masks.push((slice, mask.ok_or_else(|| refused("its frames are of another size".into()))?));
    }
    notes.extend(laid.notes(&seg));
    notes.extend(elsewhere(&mut seg, &places)?);
    if let Some(note) = renumbered(&seg) {
        notes.push(note);
    }
    Ok(Imported { labels: seg.labels, masks, notes })
}

/// What had to be decided while frames were laid over each other.
#[derive(Default)]
struct Laid {
    overlapping: usize,
    undescribed: usize,
}

impl Laid {
    /// The labels of one slice.
    fn slice(&mut self, seg: &mut Segmentation, places: &Places, slice: usize) -> Result<Vec<u8>> {
        let here = |(i, at): (usize, &Option<usize>)| (*at == Some(slice)).then_some(i);
        let mut frames: Vec<usize> = places.slices.iter().enumerate().filter_map(here).collect();
        frames.sort_by_key(|i| seg.frames[*i].segment);
        let mut labels = vec![0u8; seg.columns * seg.rows];
        let mut largest = vec![0u16; if seg.kind == SegmentationType::Fractional { labels.len() } else { 0 }];
        for frame in frames {
            let values = seg.values(frame)?;
            let label = seg.frames[frame].segment.map_or(0, |number| label_of(seg, number));
            match seg.kind {
                SegmentationType::Binary => self.binary(&mut labels, &values, label),
                SegmentationType::Fractional => self.fractional(&mut labels, &mut largest, &values, label, seg.most),
                SegmentationType::LabelMap => self.label_map(&mut labels, &values, seg),
            }
        }
        Ok(labels)
    }

    fn binary(&mut self, labels: &mut [u8], values: &[u16], label: u8) {
        for (old, _) in labels.iter_mut().zip(values).filter(|(_, value)| **value > 0) {
            self.overlapping += usize::from(*old != 0 && *old != label);
            *old = label;
        }
    }

    fn fractional(&mut self, labels: &mut [u8], largest: &mut [u16], values: &[u16], label: u8, most: u16) {
        for ((old, large), &value) in labels.iter_mut().zip(largest).zip(values) {
            if is_half(value, most) {
                self.overlapping += usize::from(*old != 0 && *old != label);
                if value > *large {
                    (*old, *large) = (label, value);
                }
            }
        }
    }

    fn label_map(&mut self, labels: &mut [u8], values: &[u16], seg: &Segmentation) {
        // The values of a frame come in long runs.
        let mut last = (0, 0);
        for (old, &value) in labels.iter_mut().zip(values).filter(|(_, value)| **value != 0) {
            if last.0 != value {
                last = (value, label_of(seg, value));
            }
            self.undescribed += usize::from(last.1 == 0 && Some(value) != seg.padding);
            if last.1 != 0 {
                *old = last.1;
            }
        }
    }

    fn notes(&self, seg: &Segmentation) -> Vec<String> {
        let mut notes = Vec::new();
        if seg.kind == SegmentationType::Fractional {
            notes.push(format!(
                "it is FRACTIONAL: pixels of at least half of its maximum ({} of {}) were taken",
                seg.most.div_ceil(2),
                seg.most
            ));
        }
        if self.overlapping > 0 {
            let who = if seg.kind == SegmentationType::Binary { "the later" } else { "the larger" };
            notes.push(format!("its segments overlap in {} pixels, {who} segment was taken there", self.overlapping));
        }
        if self.undescribed > 0 {
            notes.push(format!("{} pixels hold values that no segment describes and were left out", self.undescribed));
        }
        notes
    }
}

/// At least half, in whole numbers.
fn is_half(value: u16, most: u16) -> bool {
    u32::from(value) * 2 >= u32::from(most)
}

/// 0 for a number that no segment has.
fn label_of(seg: &Segmentation, number: u16) -> u8 {
    seg.numbers.binary_search(&number).map_or(0, |i| i as u8 + 1)
}

/// Frames that hold something and lie on no slice.
fn elsewhere(seg: &mut Segmentation, places: &Places) -> Result<Option<String>> {
    let mut count = 0;
    for (frame, _) in places.slices.iter().enumerate().filter(|(_, slice)| slice.is_none()) {
        count += usize::from(seg.values(frame)?.iter().any(|v| *v != 0));
    }
    Ok((count > 0).then(|| format!("{count} of its frames belong to slices that are not here and were left out")))
}

/// Labels are numbered from 1 on, segments of other programs need not be.
fn renumbered(seg: &Segmentation) -> Option<String> {
    let in_order = seg.numbers.iter().enumerate().all(|(i, number)| usize::from(*number) == i + 1);
    let list: Vec<String> = seg.numbers.iter().map(u16::to_string).collect();
    (!in_order).then(|| format!("its segments {} became labels 1 to {}", list.join(", "), list.len()))
}
