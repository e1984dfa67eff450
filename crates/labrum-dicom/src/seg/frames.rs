//! Multi-frame Dimension and Functional Groups modules: which segment and which slice each frame is.

use super::{
    element::{Item, code, decimals, item, longs, new_uid, sequence, shorts, text},
    origin::{Origin, Reference},
    space::{Measures, SeriesGeometry},
};
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::mem::InMemElement;
use labrum_core::label::Code;

/// One frame to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameToWrite {
    /// Segment number: the label; `None` where the frame holds all of them.
    pub(super) segment: Option<u8>,
    /// 0-based.
    pub(super) slice: usize,
}

/// Dimension organization, its indices and both kinds of functional groups.
pub(super) fn multi_frame(
    frames: &[FrameToWrite],
    origin: &Origin,
    space: Option<&SeriesGeometry>,
) -> Vec<InMemElement> {
    // Where positions cannot tell slices apart, their place in the stack does.
    let by_position = space.filter(|s| s.has_distinct_positions()).is_some();
    let organization = new_uid();
    let index = |tag, group, label: &str| dimension(&organization, tag, group, label);
    let mut indices = Vec::new();
    if frames.iter().any(|f| f.segment.is_some()) {
        indices.push(index(
            tags::REFERENCED_SEGMENT_NUMBER,
            tags::SEGMENT_IDENTIFICATION_SEQUENCE,
            "Segment",
        ));
    }
    if by_position {
        indices.push(index(
            tags::IMAGE_POSITION_PATIENT,
            tags::PLANE_POSITION_SEQUENCE,
            "Position",
        ));
    } else {
        indices.push(index(tags::STACK_ID, tags::FRAME_CONTENT_SEQUENCE, "Stack"));
        indices.push(index(
            tags::IN_STACK_POSITION_NUMBER,
            tags::FRAME_CONTENT_SEQUENCE,
            "Place in the stack",
        ));
    }
    let per_frame = frames
        .iter()
        .map(|f| frame_item(*f, by_position, origin, space))
        .collect();
    vec![
        sequence(
            tags::DIMENSION_ORGANIZATION_SEQUENCE,
            vec![item([text(
                tags::DIMENSION_ORGANIZATION_UID,
                VR::UI,
                &organization,
            )])],
        ),
        sequence(tags::DIMENSION_INDEX_SEQUENCE, indices),
        sequence(
            tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
            vec![shared_item(space)],
        ),
        sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, per_frame),
    ]
}

fn dimension(organization: &str, pointer: Tag, group: Tag, label: &str) -> Item {
    let tag = |tag, value: Tag| {
        DataElement::new(tag, VR::AT, PrimitiveValue::Tags([value].as_slice().into()))
    };
    item([
        text(tags::DIMENSION_ORGANIZATION_UID, VR::UI, organization),
        tag(tags::DIMENSION_INDEX_POINTER, pointer),
        tag(tags::FUNCTIONAL_GROUP_POINTER, group),
        text(tags::DIMENSION_DESCRIPTION_LABEL, VR::LO, label),
    ])
}

/// What all frames have in common.
fn shared_item(space: Option<&SeriesGeometry>) -> Item {
    let mut shared = item([]);
    if let Some(space) = space.filter(|s| s.has_one_measure()) {
        shared.put(measures(&space.measures[0]));
    }
    if let Some(space) = space.filter(|s| s.has_one_orientation()) {
        shared.put(orientation(&space.planes[0].orientation));
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
    let content = item([
        longs(tags::DIMENSION_INDEX_VALUES, &index),
        text(tags::STACK_ID, VR::SH, "1"),
        longs(tags::IN_STACK_POSITION_NUMBER, &[place]),
    ]);
    let mut out = item([sequence(tags::FRAME_CONTENT_SEQUENCE, vec![content])]);
    if let Some(segment) = frame.segment {
        let identification = item([shorts(
            tags::REFERENCED_SEGMENT_NUMBER,
            &[u16::from(segment)],
        )]);
        out.put(sequence(
            tags::SEGMENT_IDENTIFICATION_SEQUENCE,
            vec![identification],
        ));
    }
    if let Some(reference) = origin.references.as_ref().and_then(|r| r.get(frame.slice)) {
        out.put(sequence(
            tags::DERIVATION_IMAGE_SEQUENCE,
            vec![derivation(reference)],
        ));
    }
    if let Some(space) = space {
        let position = decimals(
            tags::IMAGE_POSITION_PATIENT,
            &space.planes[frame.slice].position,
        );
        out.put(sequence(
            tags::PLANE_POSITION_SEQUENCE,
            vec![item([position])],
        ));
        if !space.has_one_orientation() {
            out.put(orientation(&space.planes[frame.slice].orientation));
        }
        if !space.has_one_measure() {
            out.put(measures(&space.measures[frame.slice]));
        }
    }
    out
}

fn measures(measures: &Measures) -> InMemElement {
    let spacing = decimals(tags::PIXEL_SPACING, &measures.spacing);
    let mut out = item([
        spacing,
        decimals(tags::SLICE_THICKNESS, &[measures.thickness]),
    ]);
    if let Some(between) = measures.between_slices {
        out.put(decimals(tags::SPACING_BETWEEN_SLICES, &[between]));
    }
    sequence(tags::PIXEL_MEASURES_SEQUENCE, vec![out])
}

fn orientation(orientation: &[f64; 6]) -> InMemElement {
    let orientation = decimals(tags::IMAGE_ORIENTATION_PATIENT, orientation);
    sequence(tags::PLANE_ORIENTATION_SEQUENCE, vec![item([orientation])])
}

fn derivation(reference: &Reference) -> Item {
    let purpose = Code::new(
        "121322",
        "DCM",
        "Source image for image processing operation",
    );
    let mut source = instance(reference);
    if let Some(frame) = reference.frame {
        source.put(text(
            tags::REFERENCED_FRAME_NUMBER,
            VR::IS,
            frame.to_string(),
        ));
    }
    source.put(code(tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE, &purpose));
    source.put(text(tags::SPATIAL_LOCATIONS_PRESERVED, VR::CS, "YES"));
    item([
        sequence(tags::SOURCE_IMAGE_SEQUENCE, vec![source]),
        code(
            tags::DERIVATION_CODE_SEQUENCE,
            &Code::new("113076", "DCM", "Segmentation"),
        ),
    ])
}

fn instance(reference: &Reference) -> Item {
    item([
        text(tags::REFERENCED_SOP_CLASS_UID, VR::UI, &reference.class),
        text(
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
    // In order of first sight; frames of one instance stand together.
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
        let instances = instances.into_iter().map(instance).collect();
        item([
            text(tags::SERIES_INSTANCE_UID, VR::UI, uid),
            sequence(tags::REFERENCED_INSTANCE_SEQUENCE, instances),
        ])
    });
    sequence(tags::REFERENCED_SERIES_SEQUENCE, items.collect())
}
