//! Multi-frame Dimension and Functional Groups modules: the segment and slice of each frame.

use super::{
    element::{
        Item, code_sequence, decimal_element, new_uid, sequence_element, sequence_item,
        tag_element, text_element, u16_element, u32_element,
    },
    origin::{Origin, Reference},
    space::{Measures, SeriesGeometry},
};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::mem::InMemElement;
use labrum_core::label::Code;

/// One frame to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameToWrite {
    /// Segment number, which is the label; `None` if the frame contains all labels.
    pub(super) segment: Option<u8>,
    /// 0-based index of the slice.
    pub(super) slice: usize,
}

/// Dimension organization, dimension indices, shared and per-frame functional groups.
pub(super) fn multi_frame(
    frames: &[FrameToWrite],
    origin: &Origin,
    space: Option<&SeriesGeometry>,
) -> Vec<InMemElement> {
    // If positions do not identify slices, the position in the stack does.
    let by_position = space.filter(|s| s.has_distinct_positions()).is_some();
    let organization = new_uid();
    let mut indices = Vec::new();
    if frames.iter().any(|f| f.segment.is_some()) {
        indices.push(dimension_item(
            &organization,
            tags::REFERENCED_SEGMENT_NUMBER,
            tags::SEGMENT_IDENTIFICATION_SEQUENCE,
            "Segment",
        ));
    }
    if by_position {
        indices.push(dimension_item(
            &organization,
            tags::IMAGE_POSITION_PATIENT,
            tags::PLANE_POSITION_SEQUENCE,
            "Position",
        ));
    } else {
        indices.push(dimension_item(
            &organization,
            tags::STACK_ID,
            tags::FRAME_CONTENT_SEQUENCE,
            "Stack",
        ));
        indices.push(dimension_item(
            &organization,
            tags::IN_STACK_POSITION_NUMBER,
            tags::FRAME_CONTENT_SEQUENCE,
            "In-Stack Position",
        ));
    }
    let per_frame = frames
        .iter()
        .map(|f| frame_item(*f, by_position, origin, space))
        .collect();
    vec![
        sequence_element(
            tags::DIMENSION_ORGANIZATION_SEQUENCE,
            vec![sequence_item([text_element(
                tags::DIMENSION_ORGANIZATION_UID,
                VR::UI,
                &organization,
            )])],
        ),
        sequence_element(tags::DIMENSION_INDEX_SEQUENCE, indices),
        sequence_element(
            tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
            vec![shared_item(space)],
        ),
        sequence_element(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, per_frame),
    ]
}

fn dimension_item(organization: &str, pointer: Tag, group: Tag, label: &str) -> Item {
    sequence_item([
        text_element(tags::DIMENSION_ORGANIZATION_UID, VR::UI, organization),
        tag_element(tags::DIMENSION_INDEX_POINTER, pointer),
        tag_element(tags::FUNCTIONAL_GROUP_POINTER, group),
        text_element(tags::DIMENSION_DESCRIPTION_LABEL, VR::LO, label),
    ])
}

/// Shared Functional Groups: what all frames have in common.
fn shared_item(space: Option<&SeriesGeometry>) -> Item {
    let mut shared = sequence_item([]);
    if let Some(space) = space.filter(|s| s.has_one_measure()) {
        shared.put(pixel_measures_sequence(&space.measures[0]));
    }
    if let Some(space) = space.filter(|s| s.has_one_orientation()) {
        shared.put(plane_orientation_sequence(&space.planes[0].orientation));
    }
    shared
}

fn frame_item(
    frame: FrameToWrite,
    by_position: bool,
    origin: &Origin,
    space: Option<&SeriesGeometry>,
) -> Item {
    let place = frame.slice as u32 + 1;
    let mut index: Vec<u32> = frame.segment.map(u32::from).into_iter().collect();
    index.extend((!by_position).then_some(1));
    index.push(place);
    let content = sequence_item([
        u32_element(tags::DIMENSION_INDEX_VALUES, &index),
        text_element(tags::STACK_ID, VR::SH, "1"),
        u32_element(tags::IN_STACK_POSITION_NUMBER, &[place]),
    ]);
    let mut out = sequence_item([sequence_element(
        tags::FRAME_CONTENT_SEQUENCE,
        vec![content],
    )]);
    if let Some(segment) = frame.segment {
        let identification = sequence_item([u16_element(
            tags::REFERENCED_SEGMENT_NUMBER,
            &[u16::from(segment)],
        )]);
        out.put(sequence_element(
            tags::SEGMENT_IDENTIFICATION_SEQUENCE,
            vec![identification],
        ));
    }
    if let Some(reference) = origin.references.as_ref().and_then(|r| r.get(frame.slice)) {
        out.put(sequence_element(
            tags::DERIVATION_IMAGE_SEQUENCE,
            vec![derivation_image_item(reference)],
        ));
    }
    if let Some(space) = space {
        let position = decimal_element(
            tags::IMAGE_POSITION_PATIENT,
            &space.planes[frame.slice].position,
        );
        out.put(sequence_element(
            tags::PLANE_POSITION_SEQUENCE,
            vec![sequence_item([position])],
        ));
        if !space.has_one_orientation() {
            out.put(plane_orientation_sequence(
                &space.planes[frame.slice].orientation,
            ));
        }
        if !space.has_one_measure() {
            out.put(pixel_measures_sequence(&space.measures[frame.slice]));
        }
    }
    out
}

fn pixel_measures_sequence(measures: &Measures) -> InMemElement {
    let spacing = decimal_element(tags::PIXEL_SPACING, &measures.spacing);
    let mut out = sequence_item([
        spacing,
        decimal_element(tags::SLICE_THICKNESS, &[measures.thickness]),
    ]);
    if let Some(between) = measures.between_slices {
        out.put(decimal_element(tags::SPACING_BETWEEN_SLICES, &[between]));
    }
    sequence_element(tags::PIXEL_MEASURES_SEQUENCE, vec![out])
}

fn plane_orientation_sequence(orientation: &[f64; 6]) -> InMemElement {
    let orientation = decimal_element(tags::IMAGE_ORIENTATION_PATIENT, orientation);
    sequence_element(
        tags::PLANE_ORIENTATION_SEQUENCE,
        vec![sequence_item([orientation])],
    )
}

fn derivation_image_item(reference: &Reference) -> Item {
    let purpose = Code::new(
        "121322",
        "DCM",
        "Source image for image processing operation",
    );
    let mut source = referenced_instance(reference);
    if let Some(frame) = reference.frame {
        source.put(text_element(
            tags::REFERENCED_FRAME_NUMBER,
            VR::IS,
            frame.to_string(),
        ));
    }
    source.put(code_sequence(
        tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE,
        &purpose,
    ));
    source.put(text_element(
        tags::SPATIAL_LOCATIONS_PRESERVED,
        VR::CS,
        "YES",
    ));
    sequence_item([
        sequence_element(tags::SOURCE_IMAGE_SEQUENCE, vec![source]),
        code_sequence(
            tags::DERIVATION_CODE_SEQUENCE,
            &Code::new("113076", "DCM", "Segmentation"),
        ),
    ])
}

fn referenced_instance(reference: &Reference) -> Item {
    sequence_item([
        text_element(tags::REFERENCED_SOP_CLASS_UID, VR::UI, &reference.class),
        text_element(
            tags::REFERENCED_SOP_INSTANCE_UID,
            VR::UI,
            &reference.instance,
        ),
    ])
}

/// Common Instance Reference module: exactly the instances that `frames` refer to.
pub(super) fn referenced_series(frames: &[FrameToWrite], references: &[Reference]) -> InMemElement {
    let mut slices: Vec<usize> = frames.iter().map(|f| f.slice).collect();
    slices.sort_unstable();
    slices.dedup();
    // Series in order of first occurrence; frames of an instance are consecutive.
    let mut series: Vec<(&str, Vec<&Reference>)> = Vec::new();
    for reference in slices.iter().filter_map(|&s| references.get(s)) {
        let at = series
            .iter()
            .position(|(uid, _)| *uid == reference.series)
            .unwrap_or_else(|| {
                series.push((&reference.series, Vec::new()));
                series.len() - 1
            });
        let instances = &mut series[at].1;
        if instances
            .last()
            .is_none_or(|last| last.instance != reference.instance)
        {
            instances.push(reference);
        }
    }
    let items = series.into_iter().map(|(uid, instances)| {
        let instances = instances.into_iter().map(referenced_instance).collect();
        sequence_item([
            text_element(tags::SERIES_INSTANCE_UID, VR::UI, uid),
            sequence_element(tags::REFERENCED_INSTANCE_SEQUENCE, instances),
        ])
    });
    sequence_element(tags::REFERENCED_SERIES_SEQUENCE, items.collect())
}
