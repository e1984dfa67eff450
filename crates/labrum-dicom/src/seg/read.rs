//! Reads segmentations of any type and vendor: their segments, the description of each frame, and its values.
//!
//! The header is read by the tolerant parser of this crate, which checks every length, and nothing is decoded before
//! its size is checked.

mod frame;

use self::frame::read_frame;
use super::{SegmentationType, segments::cielab_to_srgb};
use crate::{
    dataset::DataSet,
    decode::{Samples, decode_frame},
    file::{DicomFile, Unreadable},
    frames::{frame_bytes, verify_extent},
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
use std::{
    path::{Path, PathBuf},
    result,
};

/// For [`Error::tried`].
pub(super) const TRIED: &str = "read the segmentation";
/// Maximum number of labels of a mask.
pub(super) const MOST_LABELS: usize = 255;

/// A segmentation whose frames are decoded on demand.
pub struct Segmentation {
    /// BINARY, FRACTIONAL or LABELMAP.
    pub kind: SegmentationType,
    /// Width of the frames.
    pub columns: usize,
    /// Height of the frames.
    pub rows: usize,
    /// Its segments in order of their number, without background.
    pub labels: Vec<Label>,
    /// Segment Number of each of `labels`.
    pub numbers: Vec<u16>,
    /// Description of each frame.
    pub frames: Vec<SegFrame>,
    /// Maximum Fractional Value; 255 if it is missing.
    pub most: u16,
    /// Pixel Padding Value, which belongs to no segment.
    pub padding: Option<u16>,
    /// Frame of Reference UID.
    pub frame_of_reference: Option<String>,
    /// The series that it refers to.
    pub series: Vec<ReferencedSeries>,
    /// Remarks for the user.
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
    /// SOP Instance UIDs that it was derived from, each with its 1-based frames; no frames means all.
    pub sources: Vec<(String, Vec<u32>)>,
    /// 1-based In-Stack Position Number.
    pub stack_position: Option<u32>,
    /// Plane in patient coordinates.
    pub plane: Option<Plane>,
    /// Pixel spacing.
    pub spacing: Option<PixelSpacing>,
    /// Spacing Between Slices, mm.
    pub between: Option<f64>,
    /// Slice Thickness, mm.
    pub thickness: Option<f64>,
    /// Temporal Position Index or Temporal Position Time Offset, which orders frames at the same position.
    pub time: Option<f64>,
}

/// True if `path` is a DICOM segmentation of a type that [`read_header`] supports.
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
/// If the file is not a segmentation, is damaged, has more than 255 segments, or has an unsupported encoding.
pub fn read_header(path: &Path) -> Result<Segmentation> {
    let file = DicomFile::open(path).map_err(|unreadable| {
        let reason = match unreadable {
            Unreadable::NotDicom => "not a DICOM file".to_owned(),
            Unreadable::Failed(reason) => reason,
        };
        Error::at_path(TRIED, path, reason)
    })?;
    catch_panic(|| parse_file(path, file))
        .unwrap_or_else(|| Err("the file is damaged".into()))
        .map_err(|reason| Error::at_path(TRIED, path, reason))
}

fn parse_file(path: &Path, mut file: DicomFile) -> result::Result<Segmentation, String> {
    if !is_class(&file.sop_class) {
        return Err("not a DICOM segmentation".into());
    }
    if let (Some(broken), None) = (&file.broken, file.pixels) {
        return Err(format!("the file is damaged: {broken}"));
    }
    let header = PixelHeader::from_file(&file)?;
    if header.samples != 1 || header.signed || header.allocated > 16 {
        return Err("its pixel format is not allowed for segmentations".into());
    }
    // Incomplete masks are refused.
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
            "it has {} frames, but describes only {described}",
            header.frames
        ));
    }
    let mut notes = Vec::new();
    let (numbers, labels) = read_segments(&file.data, kind, &mut notes)?;
    let frames: Vec<SegFrame> = (0..header.frames)
        .map(|i| read_frame(&file.data, i as usize, &header, kind))
        .collect();
    let are_described = frames
        .iter()
        .all(|f| f.segment.is_some_and(|segment| numbers.contains(&segment)));
    if kind != SegmentationType::LabelMap && !are_described {
        return Err("its frames refer to segments that it does not describe".into());
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
    /// Path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The values of a frame, row after row: 0 or 1, 0..=`most`, or segment numbers.
    ///
    /// # Errors
    /// If the frame does not exist or cannot be decoded.
    pub fn frame_values(&mut self, frame: usize) -> Result<Vec<u16>> {
        let count = self.rows * self.columns;
        let values = catch_panic(|| {
            let frame = u32::try_from(frame).map_err(|_| "the frame does not exist".to_owned())?;
            let (bytes, first_bit) = frame_bytes(&mut self.file, &self.header, frame)?;
            let samples =
                decode_frame(bytes, first_bit, &self.header, self.file.big_endian_pixels)?;
            if let Some(short) = samples.short {
                return Err(short.reason);
            }
            whole_values(&samples, count).ok_or_else(|| "the frame has too few pixels".to_owned())
        });
        values
            .unwrap_or_else(|| Err("the file is damaged".into()))
            .map_err(|reason| Error::at_path(TRIED, &self.path, reason))
    }
}

fn whole_values(samples: &Samples, count: usize) -> Option<Vec<u16>> {
    match samples.size {
        0 => {
            let first = samples.first_bit as usize;
            let bits = first..first + count;
            (bits.end <= samples.bytes.len() * 8)
                .then(|| bits.map(|index| bit_at(&samples.bytes, index)).collect())
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

/// The bit at `index`, 0 or 1; the lowest bit of a byte comes first.
#[inline]
fn bit_at(bytes: &[u8], index: usize) -> u16 {
    u16::from(bytes[index / 8] >> (index % 8) & 1)
}

fn segmentation_type(
    file: &DicomFile,
    header: &PixelHeader,
) -> result::Result<SegmentationType, String> {
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
            "Segmentation Type {other} is not supported with {} bits",
            header.allocated
        )),
        None => Err("Segmentation Type is missing".into()),
    }
}

/// Segment numbers and labels, in order of the numbers.
fn read_segments(
    data: &DataSet,
    kind: SegmentationType,
    notes: &mut Vec<String>,
) -> result::Result<(Vec<u16>, Vec<Label>), String> {
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
            u16::try_from(number).map_err(|_| format!("Segment Number {number} is not valid"))?;
        // In a LABELMAP, 0 and the padding value belong to no segment.
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
        return Err("it describes no segments".into());
    }
    if items.len() > MOST_LABELS {
        return Err(format!(
            "it has {} segments, but a mask can have at most {MOST_LABELS} labels",
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

/// True for a segment of background, code 125040 of DCM.
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
    let category = named_concept(
        segment,
        tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE,
        charset,
    );
    let concept = named_concept(
        segment,
        tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE,
        charset,
    );
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
            "the anatomic region \"{}\" of \"{name}\" was not imported",
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
        category: category.unwrap_or(plain.category),
        concept: concept.unwrap_or(plain.concept),
        modifiers: modifiers
            .iter()
            .map(|item| coded_concept(item, charset))
            .collect(),
        visible: true,
        locked: false,
        kept: StoredLabel::default(),
    }
}

/// The first concept of a sequence; `None` if it has no code.
fn named_concept(segment: &DataSet, sequence: Tag, charset: &[String]) -> Option<Code> {
    segment
        .first_item(sequence)
        .map(|item| coded_concept(item, charset))
        .filter(|concept| !concept.value.is_empty())
}

/// A coded concept; codes of the retired scheme SRT are converted to SNOMED CT if known.
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

fn referenced_series(data: &DataSet) -> Vec<ReferencedSeries> {
    let mut all: Vec<ReferencedSeries> = data
        .sequence_items(tags::REFERENCED_SERIES_SEQUENCE)
        .iter()
        .filter_map(series_of_item)
        .collect();
    // Some files list the source images only for the whole object, without their series.
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

/// A series with its instances, from an item of Referenced Series Sequence; `None` if it has no UID.
fn series_of_item(item: &DataSet) -> Option<ReferencedSeries> {
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
}
