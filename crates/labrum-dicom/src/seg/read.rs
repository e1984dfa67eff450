//! Reads segmentations of any type and maker: what their segments mean, what each frame is, and its values.
//!
//! The header goes through the tolerant parser of this crate, which holds every length against the file, and nothing is
//! decoded before its size is known to fit.

use super::{SegmentationType, segments::cielab_to_srgb};
use crate::{
    dataset::DataSet,
    decode::{Samples, decode_frame},
    file::{DicomFile, Unreadable},
    frames::{frame_bytes, verify_extent},
    geometry::{self, functional_group},
    header::PixelHeader,
    references::ReferencedSeries,
    text::decoded_text,
};
use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use labrum_core::{
    Error, Result, codes,
    geometry::{PixelSpacing, Plane},
    guard::catch_panic,
    label::{Code, Label, PALETTE, StoredLabel},
};
use std::path::{Path, PathBuf};

/// The words of every error about reading.
pub(super) const TRIED: &str = "read the segmentation";
/// A mask holds no more labels.
pub(super) const MOST_LABELS: usize = 255;

/// A segmentation whose frames are decoded as they are asked for.
pub struct Segmentation {
    /// BINARY, FRACTIONAL or LABELMAP.
    pub kind: SegmentationType,
    /// Width of the frames.
    pub columns: usize,
    /// Height of the frames.
    pub rows: usize,
    /// Its segments in order of their number, background left out.
    pub labels: Vec<Label>,
    /// Segment Number of each of `labels`.
    pub numbers: Vec<u16>,
    /// What each frame is.
    pub frames: Vec<SegFrame>,
    /// Maximum Fractional Value; 255 where the file does not say.
    pub most: u16,
    /// Pixel Padding Value: belongs to no segment.
    pub padding: Option<u16>,
    /// Frame of Reference UID.
    pub frame_of_reference: Option<String>,
    /// The series that it refers to.
    pub series: Vec<ReferencedSeries>,
    /// What a user should know.
    pub notes: Vec<String>,
    path: PathBuf,
    file: DicomFile,
    header: PixelHeader,
}

/// One frame of a segmentation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SegFrame {
    /// Referenced Segment Number; `None` in a LABELMAP, whose values are segment numbers.
    pub segment: Option<u16>,
    /// SOP Instance UIDs that it was derived from, each with its 1-based frames; none named means all.
    pub sources: Vec<(String, Vec<u32>)>,
    /// 1-based In-Stack Position Number.
    pub stack_position: Option<u32>,
    /// Where it lies.
    pub plane: Option<Plane>,
    /// Distance between its pixels.
    pub spacing: Option<PixelSpacing>,
    /// Spacing Between Slices, mm.
    pub between: Option<f64>,
    /// Slice Thickness, mm.
    pub thickness: Option<f64>,
    /// Temporal Position Index or Temporal Position Time Offset: what orders frames of one place.
    pub time: Option<f64>,
}

/// True where `path` is a DICOM segmentation of a type that [`read_header`] knows.
pub fn is_segmentation(path: &Path) -> bool {
    DicomFile::open(path).is_ok_and(|file| is_class(&file.sop_class))
}

fn is_class(uid: &str) -> bool {
    [
        uids::SEGMENTATION_STORAGE,
        uids::LABEL_MAP_SEGMENTATION_STORAGE,
    ]
    .contains(&uid)
}

/// Reads the header of the segmentation `path`.
///
/// # Errors
/// Where it is none, is damaged, holds more than 255 segments, or is coded in a way that is not supported.
pub fn read_header(path: &Path) -> Result<Segmentation> {
    let failed = |reason: String| Error::at_path(TRIED, path, reason);
    let file = DicomFile::open(path).map_err(|unreadable| match unreadable {
        Unreadable::NotDicom => failed("it is not a DICOM file".into()),
        Unreadable::Failed(reason) => failed(reason),
    })?;
    catch_panic(|| parse_file(path, file))
        .unwrap_or_else(|| Err("it is damaged".into()))
        .map_err(failed)
}

fn parse_file(path: &Path, mut file: DicomFile) -> std::result::Result<Segmentation, String> {
    if !is_class(&file.sop_class) {
        return Err("it is no DICOM segmentation".into());
    }
    if let (Some(broken), None) = (&file.broken, file.pixels) {
        return Err(format!("it is damaged: {broken}"));
    }
    let header = PixelHeader::from_file(&file)?;
    if header.samples != 1 || header.signed || header.allocated > 16 {
        return Err("its values are no segments".into());
    }
    // A mask that is not all there is no mask.
    if let Some(cut) = verify_extent(&mut file, &header)?.cut {
        return Err(cut);
    }
    let kind = segmentation_type(&file, &header)?;
    let described = file
        .data
        .sequence_items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)
        .len();
    if described < header.frames as usize {
        return Err(format!(
            "it has {} frames and describes {described}",
            header.frames
        ));
    }
    let mut notes = Vec::new();
    let (numbers, labels) = read_segments(&file.data, kind, &mut notes)?;
    let frames: Vec<SegFrame> = (0..header.frames)
        .map(|i| read_frame(&file.data, i as usize, &header, kind))
        .collect();
    let undescribed = |f: &SegFrame| f.segment.is_some_and(|s| !numbers.contains(&s));
    if kind != SegmentationType::LabelMap
        && frames.iter().any(|f| f.segment.is_none() || undescribed(f))
    {
        return Err("its frames name segments that it does not describe".into());
    }
    let most = file
        .data
        .integer_value(tags::MAXIMUM_FRACTIONAL_VALUE)
        .filter(|v| (1..=65535).contains(v));
    Ok(Segmentation {
        kind,
        columns: header.columns,
        rows: header.rows,
        labels,
        numbers,
        frames,
        most: most.unwrap_or(255) as u16,
        padding: file
            .data
            .integer_value(tags::PIXEL_PADDING_VALUE)
            .and_then(|v| u16::try_from(v).ok()),
        frame_of_reference: file.data.text_value(tags::FRAME_OF_REFERENCE_UID),
        series: referenced_series(&file.data),
        notes,
        path: path.to_owned(),
        file,
        header,
    })
}

impl Segmentation {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The values of a frame, row after row: 0 or 1, 0..=`most`, or segment numbers.
    ///
    /// # Errors
    /// Where there is no such frame, or it cannot be decoded.
    pub fn frame_values(&mut self, frame: usize) -> Result<Vec<u16>> {
        let count = self.rows * self.columns;
        let values = catch_panic(|| {
            let frame = u32::try_from(frame).map_err(|_| "there is no such frame".to_owned())?;
            let (bytes, first_bit) = frame_bytes(&mut self.file, &self.header, frame)?;
            let samples =
                decode_frame(bytes, first_bit, &self.header, self.file.big_endian_pixels)?;
            if let Some(short) = samples.short {
                return Err(short.reason);
            }
            whole_values(&samples, count).ok_or_else(|| "it holds too few pixels".to_owned())
        });
        values
            .unwrap_or_else(|| Err("it is damaged".into()))
            .map_err(|reason| Error::at_path(TRIED, &self.path, reason))
    }
}

fn whole_values(samples: &Samples, count: usize) -> Option<Vec<u16>> {
    match samples.size {
        0 => {
            let first = samples.first_bit as usize;
            let bit = |i: usize| u16::from(samples.bytes[i / 8] >> (i % 8) & 1);
            (first + count <= samples.bytes.len() * 8)
                .then(|| (first..first + count).map(bit).collect())
        }
        1 => samples
            .bytes
            .get(..count)
            .map(|bytes| bytes.iter().map(|b| u16::from(*b)).collect()),
        2 => {
            let bytes = samples.bytes.get(..2 * count)?;
            Some(
                bytes
                    .chunks_exact(2)
                    .map(|b| u16::from_le_bytes([b[0], b[1]]))
                    .collect(),
            )
        }
        _ => None,
    }
}

fn segmentation_type(
    file: &DicomFile,
    header: &PixelHeader,
) -> std::result::Result<SegmentationType, String> {
    let named = file.data.text_value(tags::SEGMENTATION_TYPE);
    match named.as_deref() {
        Some("BINARY") => Ok(SegmentationType::Binary),
        Some("FRACTIONAL") if header.allocated > 1 => Ok(SegmentationType::Fractional),
        Some("LABELMAP") if header.allocated > 1 => Ok(SegmentationType::LabelMap),
        None if header.allocated == 1 => Ok(SegmentationType::Binary),
        None if file.sop_class == uids::LABEL_MAP_SEGMENTATION_STORAGE => {
            Ok(SegmentationType::LabelMap)
        }
        Some(other) => Err(format!(
            "its Segmentation Type {other} is not supported with {} bits",
            header.allocated
        )),
        None => Err("it does not say its Segmentation Type".into()),
    }
}

/// Numbers and labels in order of the numbers.
fn read_segments(
    data: &DataSet,
    kind: SegmentationType,
    notes: &mut Vec<String>,
) -> std::result::Result<(Vec<u16>, Vec<Label>), String> {
    let mut items: Vec<(u16, &DataSet)> = Vec::new();
    for (i, item) in data
        .sequence_items(tags::SEGMENT_SEQUENCE)
        .iter()
        .enumerate()
    {
        let number = item
            .integer_value(tags::SEGMENT_NUMBER)
            .unwrap_or(i as i64 + 1);
        let number =
            u16::try_from(number).map_err(|_| format!("its Segment Number {number} is none"))?;
        // In a LABELMAP, 0 and the padding are what belongs to no segment.
        let padding = data.integer_value(tags::PIXEL_PADDING_VALUE) == Some(i64::from(number));
        let is_background = number == 0 || (padding && is_background(item));
        if kind == SegmentationType::LabelMap && is_background {
            continue;
        }
        if items.iter().any(|(other, _)| *other == number) {
            return Err(format!("it describes segment {number} twice"));
        }
        items.push((number, item));
    }
    if items.is_empty() {
        return Err("it describes no segment".into());
    }
    if items.len() > MOST_LABELS {
        return Err(format!(
            "it has {} segments, and a mask holds {MOST_LABELS} labels at most",
            items.len()
        ));
    }
    items.sort_by_key(|(number, _)| *number);
    let charset = data.text_values(tags::SPECIFIC_CHARACTER_SET);
    let labels = items
        .iter()
        .enumerate()
        .map(|(i, (_, item))| segment_label(item, i, &charset, notes))
        .collect();
    Ok((
        items.into_iter().map(|(number, _)| number).collect(),
        labels,
    ))
}

/// Code 125040 of DCM.
fn is_background(segment: &DataSet) -> bool {
    let concept = segment.first_item(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE);
    concept
        .and_then(|c| c.text_value(tags::CODE_VALUE))
        .as_deref()
        == Some("125040")
}

fn segment_label(
    segment: &DataSet,
    index: usize,
    charset: &[String],
    notes: &mut Vec<String>,
) -> Label {
    let plain = Label::with_name("", index);
    let of = |tag| {
        segment
            .first_item(tag)
            .map(|item| coded_concept(item, charset))
            .filter(|c| !c.value.is_empty())
    };
    let name = decoded_text(segment, tags::SEGMENT_LABEL, charset);
    let name = if name.is_empty() {
        format!("Label {}", index + 1)
    } else {
        name
    };
    let kind = segment.first_item(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE);
    let modifiers = kind.map_or(&[][..], |k| {
        k.sequence_items(tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE)
    });
    if let Some(region) = segment
        .first_item(tags::ANATOMIC_REGION_SEQUENCE)
        .map(|item| coded_concept(item, charset))
    {
        notes.push(format!(
            "the anatomic region \"{}\" of \"{name}\" is not kept",
            region.meaning
        ));
    }
    let lab = segment.numeric_values(tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE);
    let lab: Option<[f64; 3]> = lab.try_into().ok();
    Label {
        name,
        color: lab.map_or(PALETTE[index % PALETTE.len()], |lab| {
            cielab_to_srgb(lab.map(|v| v.clamp(0.0, 65535.0) as u16))
        }),
        category: of(tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE).unwrap_or(plain.category),
        concept: of(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE).unwrap_or(plain.concept),
        modifiers: modifiers
            .iter()
            .map(|item| coded_concept(item, charset))
            .collect(),
        visible: true,
        locked: false,
        kept: StoredLabel::default(),
    }
}

/// A coded concept; one of the retired scheme SRT in its SNOMED CT form where that is known.
fn coded_concept(item: &DataSet, charset: &[String]) -> Code {
    let value = [
        tags::CODE_VALUE,
        tags::LONG_CODE_VALUE,
        tags::URN_CODE_VALUE,
    ]
    .iter()
    .find_map(|tag| item.text_value(*tag));
    let scheme = item
        .text_value(tags::CODING_SCHEME_DESIGNATOR)
        .unwrap_or_default();
    let value = value.unwrap_or_default();
    if matches!(scheme.as_str(), "SRT" | "SNM3" | "99SDM")
        && let Some(current) = codes::from_srt(&value)
    {
        return current;
    }
    Code {
        value,
        scheme,
        meaning: decoded_text(item, tags::CODE_MEANING, charset),
    }
}

fn read_frame(
    data: &DataSet,
    index: usize,
    header: &PixelHeader,
    kind: SegmentationType,
) -> SegFrame {
    let number = |item: Option<&DataSet>, tag: Tag| {
        item.and_then(|i| i.integer_value(tag)).filter(|n| *n > 0)
    };
    let derivations = group_items(data, index, tags::DERIVATION_IMAGE_SEQUENCE);
    let images = derivations
        .iter()
        .flat_map(|d| d.sequence_items(tags::SOURCE_IMAGE_SEQUENCE));
    let sources = images.filter_map(|image| {
        let frames = image
            .numeric_values(tags::REFERENCED_FRAME_NUMBER)
            .into_iter()
            .map(|n| n as u32)
            .collect();
        Some((image.text_value(tags::REFERENCED_SOP_INSTANCE_UID)?, frames))
    });
    let segment = number(
        functional_group(data, index, tags::SEGMENT_IDENTIFICATION_SEQUENCE),
        tags::REFERENCED_SEGMENT_NUMBER,
    );
    let content = functional_group(data, index, tags::FRAME_CONTENT_SEQUENCE);
    SegFrame {
        segment: segment
            .filter(|_| kind != SegmentationType::LabelMap)
            .and_then(|s| u16::try_from(s).ok()),
        sources: sources.collect(),
        stack_position: number(content, tags::IN_STACK_POSITION_NUMBER)
            .and_then(|p| u32::try_from(p).ok()),
        plane: geometry::frame_plane(data, index, header.frames),
        spacing: geometry::pixel_spacing(data, index),
        between: pixel_measure(data, index, tags::SPACING_BETWEEN_SLICES),
        thickness: pixel_measure(data, index, tags::SLICE_THICKNESS),
        time: content
            .and_then(|c| c.numeric_value(tags::TEMPORAL_POSITION_INDEX))
            .or_else(|| {
                let temporal = functional_group(data, index, tags::TEMPORAL_POSITION_SEQUENCE)?;
                temporal.numeric_value(tags::TEMPORAL_POSITION_TIME_OFFSET)
            }),
    }
}

/// A length of Pixel Measures, mm.
fn pixel_measure(data: &DataSet, index: usize, tag: Tag) -> Option<f64> {
    functional_group(data, index, tags::PIXEL_MEASURES_SEQUENCE)?
        .numeric_value(tag)
        .filter(|mm| *mm > 0.0)
}

/// The items of a functional group macro: the frame's own or the shared ones.
fn group_items(data: &DataSet, frame: usize, macro_tag: Tag) -> &[DataSet] {
    let own = data
        .sequence_items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)
        .get(frame)
        .map(|f| f.sequence_items(macro_tag));
    let shared = || {
        data.first_item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE)
            .map(|s| s.sequence_items(macro_tag))
    };
    own.filter(|items| !items.is_empty())
        .or_else(shared)
        .unwrap_or(&[])
}

fn referenced_series(data: &DataSet) -> Vec<ReferencedSeries> {
    let of = |item: &DataSet| {
        let instances = item.sequence_items(tags::REFERENCED_INSTANCE_SEQUENCE);
        Some(ReferencedSeries {
            uid: item.text_value(tags::SERIES_INSTANCE_UID)?,
            class: instances
                .first()
                .and_then(|i| i.text_value(tags::REFERENCED_SOP_CLASS_UID))
                .unwrap_or_default(),
            instances: instances
                .iter()
                .filter_map(|i| i.text_value(tags::REFERENCED_SOP_INSTANCE_UID))
                .collect(),
        })
    };
    let mut all: Vec<ReferencedSeries> = data
        .sequence_items(tags::REFERENCED_SERIES_SEQUENCE)
        .iter()
        .filter_map(of)
        .collect();
    // Some name the images for the whole object alone, without their series.
    let sources = data.sequence_items(tags::SOURCE_IMAGE_SEQUENCE);
    if all.iter().all(|series| series.instances.is_empty()) && !sources.is_empty() {
        all.push(ReferencedSeries {
            instances: sources
                .iter()
                .filter_map(|i| i.text_value(tags::REFERENCED_SOP_INSTANCE_UID))
                .collect(),
            ..ReferencedSeries::default()
        });
    }
    all
}
