//! Reads binary segmentations into masks: what proves that a written file holds what it should.

use super::{pack::unpack, segments::srgb};
use crate::{
    Error, Result,
    domain::{
        label::{Code, Label, PALETTE},
        mask::Mask,
        study::Series,
    },
};
use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use std::{collections::HashMap, path::Path};

/// A binary segmentation.
#[derive(Clone, Debug, PartialEq)]
pub struct Segmentation {
    /// Width of the frames.
    pub columns: usize,
    /// Height of the frames.
    pub rows: usize,
    /// Segments 1..=n.
    pub labels: Vec<Label>,
    /// What each frame is.
    pub frames: Vec<SegFrame>,
    bits: Vec<u8>,
}

/// One frame of a segmentation.
#[derive(Clone, Debug, PartialEq)]
pub struct SegFrame {
    /// Referenced Segment Number.
    pub segment: u16,
    /// SOP Instance UID and 1-based frame (1 for single-frame images) of the source.
    pub source: Option<(String, u32)>,
    /// 1-based In-Stack Position Number.
    pub stack_position: Option<u32>,
}

/// Reads the segmentation `path`: BINARY, uncompressed, at most 255 segments.
pub fn read(path: &Path) -> Result<Segmentation> {
    let failed = |reason: &str| Error::at("read the segmentation", path, reason);
    let file = dicom_object::open_file(path).map_err(|e| failed(&e.to_string()))?;
    let class = string(&file, tags::SOP_CLASS_UID);
    if class.as_deref() != Some(uids::SEGMENTATION_STORAGE) {
        return Err(failed("it is no DICOM segmentation"));
    }
    let number = |tag, name: &str| integer(&file, tag).ok_or_else(|| failed(&format!("it does not say its {name}")));
    let (rows, columns) = (number(tags::ROWS, "Rows")?, number(tags::COLUMNS, "Columns")?);
    if number(tags::BITS_ALLOCATED, "Bits Allocated")? != 1 {
        return Err(failed("it is not BINARY"));
    }
    let element = file.get(tags::PIXEL_DATA).ok_or_else(|| failed("it has no pixel data"))?;
    let bits = element.to_bytes().map_err(|_| failed("its pixels are compressed"))?.into_owned();
    let frames: Vec<SegFrame> = items(&file, tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE).iter().map(frame).collect();
    let (rows, columns) = (rows as usize, columns as usize);
    if frames.is_empty() || unpack(&bits, frames.len() - 1, rows * columns).is_none() {
        return Err(failed("it holds fewer pixels than its frames need"));
    }
    let segments = items(&file, tags::SEGMENT_SEQUENCE);
    if segments.len() > 255 || frames.iter().any(|f| f.segment == 0 || usize::from(f.segment) > segments.len()) {
        return Err(failed("its frames name segments that it does not describe"));
    }
    let labels = segments.iter().enumerate().map(|(i, s)| label(s, i)).collect();
    Ok(Segmentation { columns, rows, labels, frames, bits })
}

impl Segmentation {
    /// The pixels of a frame; `None` where there is no such frame.
    pub fn pixels(&self, frame: usize) -> Option<Vec<bool>> {
        unpack(&self.bits, frame, self.columns * self.rows)
    }

    /// One mask for each slice of `series`. Frames find their slice by source instance and frame, and those without
    /// a source by their place in the stack. Where segments overlap, the later one wins.
    pub fn masks(&self, series: &Series) -> Result<Vec<Mask>> {
        let failed = |reason: String| Error::new("lay the segmentation over the series", reason);
        if (self.columns, self.rows) != (series.columns, series.rows) {
            let (columns, rows) = (series.columns, series.rows);
            return Err(failed(format!("it is {} x {}, the series {columns} x {rows}", self.columns, self.rows)));
        }
        let mut by_source = HashMap::new();
        for (i, slice) in series.slices.iter().enumerate() {
            if let Some(uid) = &slice.sop_instance_uid {
                by_source.insert((uid.as_str(), slice.source.frame + 1), i);
            }
        }
        let mut labels = vec![vec![0u8; self.columns * self.rows]; series.slices.len()];
        for (i, frame) in self.frames.iter().enumerate() {
            let slice = match &frame.source {
                Some((uid, number)) => by_source.get(&(uid.as_str(), *number)).copied(),
                None => frame.stack_position.map(|p| p as usize - 1),
            };
            let target = slice.and_then(|s| labels.get_mut(s));
            let (Some(target), Some(pixels)) = (target, self.pixels(i)) else {
                return Err(failed(format!("frame {} belongs to none of its slices", i + 1)));
            };
            let marked = target.iter_mut().zip(pixels).filter(|(_, bit)| *bit);
            marked.for_each(|(label, _)| *label = frame.segment as u8);
        }
        let mask = |labels| Mask::from_labels(self.columns, self.rows, labels);
        labels.into_iter().map(|l| mask(l).ok_or_else(|| failed("its size does not fit".into()))).collect()
    }
}

fn frame(groups: &InMemDicomObject) -> SegFrame {
    let segment = first(groups, tags::SEGMENT_IDENTIFICATION_SEQUENCE);
    let content = first(groups, tags::FRAME_CONTENT_SEQUENCE);
    let derivation = first(groups, tags::DERIVATION_IMAGE_SEQUENCE);
    let source = derivation.and_then(|d| first(d, tags::SOURCE_IMAGE_SEQUENCE)).and_then(|image| {
        let frame = integer(image, tags::REFERENCED_FRAME_NUMBER).unwrap_or(1);
        Some((string(image, tags::REFERENCED_SOP_INSTANCE_UID)?, frame))
    });
    let in_stack = content.and_then(|c| integer(c, tags::IN_STACK_POSITION_NUMBER));
    SegFrame {
        segment: segment.and_then(|s| integer(s, tags::REFERENCED_SEGMENT_NUMBER)).map_or(0, |n| n as u16),
        source,
        stack_position: in_stack.filter(|p| *p > 0),
    }
}

fn label(segment: &InMemDicomObject, index: usize) -> Label {
    let code = |tag| {
        let item = first(segment, tag);
        let part = |tag| item.and_then(|c| string(c, tag)).unwrap_or_default();
        let value =
            Some(part(tags::CODE_VALUE)).filter(|v| !v.is_empty()).unwrap_or_else(|| part(tags::LONG_CODE_VALUE));
        Code { value, scheme: part(tags::CODING_SCHEME_DESIGNATOR), meaning: part(tags::CODE_MEANING) }
    };
    let lab = segment.get(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE).and_then(|e| e.to_multi_int::<u16>().ok());
    let lab: Option<[u16; 3]> = lab.and_then(|values| values.try_into().ok());
    Label {
        name: string(segment, tags::SEGMENT_LABEL).unwrap_or_default(),
        color: lab.map_or(PALETTE[index % PALETTE.len()], srgb),
        category: code(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE),
        concept: code(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE),
        visible: true,
        locked: false,
    }
}

fn items(object: &InMemDicomObject, tag: Tag) -> &[InMemDicomObject] {
    object.get(tag).and_then(|e| e.items()).unwrap_or(&[])
}

fn first(object: &InMemDicomObject, tag: Tag) -> Option<&InMemDicomObject> {
    items(object, tag).first()
}

fn string(object: &InMemDicomObject, tag: Tag) -> Option<String> {
    let text = object.get(tag)?.to_str().ok()?;
    Some(text.trim_matches(|c: char| c == '\0' || c.is_whitespace()).to_owned())
}

fn integer(object: &InMemDicomObject, tag: Tag) -> Option<u32> {
    object.get(tag)?.to_int().ok()
}
