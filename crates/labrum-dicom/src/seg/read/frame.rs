//! Reads the description of a frame of a segmentation: its segment, source images and position.

use super::{SegFrame, SegmentationType};
use crate::{
    dataset::DataSet,
    geometry::{self, functional_group},
    header::PixelHeader,
    references::uid_and_frames,
};
use dicom_core::Tag;
use dicom_dictionary_std::tags;

/// Reads a frame from its functional groups.
pub(super) fn read_frame(
    data: &DataSet,
    index: usize,
    header: &PixelHeader,
    kind: SegmentationType,
) -> SegFrame {
    let derivations = group_items(data, index, tags::DERIVATION_IMAGE_SEQUENCE);
    let sources = derivations
        .iter()
        .flat_map(|d| d.sequence_items(tags::SOURCE_IMAGE_SEQUENCE))
        .filter_map(uid_and_frames);
    let segment = positive_number(
        functional_group(data, index, tags::SEGMENT_IDENTIFICATION_SEQUENCE),
        tags::REFERENCED_SEGMENT_NUMBER,
    );
    let content = functional_group(data, index, tags::FRAME_CONTENT_SEQUENCE);
    SegFrame {
        segment: segment
            .filter(|_| kind != SegmentationType::LabelMap)
            .and_then(|s| u16::try_from(s).ok()),
        sources: sources.collect(),
        stack_position: positive_number(content, tags::IN_STACK_POSITION_NUMBER)
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

/// A number that starts at 1.
fn positive_number(item: Option<&DataSet>, tag: Tag) -> Option<i64> {
    item?.integer_value(tag).filter(|n| *n > 0)
}

/// A length in Pixel Measures, mm.
fn pixel_measure(data: &DataSet, index: usize, tag: Tag) -> Option<f64> {
    functional_group(data, index, tags::PIXEL_MEASURES_SEQUENCE)?
        .numeric_value(tag)
        .filter(|mm| *mm > 0.0)
}

/// The items of a functional group macro: those of the frame, else the shared ones.
fn group_items(data: &DataSet, frame: usize, macro_tag: Tag) -> &[DataSet] {
    let own = data
        .sequence_items(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE)
        .get(frame)
        .map(|f| f.sequence_items(macro_tag));
    if let Some(own) = own.filter(|items| !items.is_empty()) {
        return own;
    }
    data.first_item(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE)
        .map(|shared| shared.sequence_items(macro_tag))
        .unwrap_or_default()
}
