//! Assembles the modules of a structure set and encodes them.

use super::{StructureSetSummary, TRIED, keyhole};
use crate::seg::{
    AlgorithmType, Authorship,
    charset::Charset,
    clean::is_uid,
    element::{
        Item, code_sequence, empty_element, encoded_text_element, file_bytes, new_uid,
        printable_ascii, put_all, sequence_element, sequence_item, text_element,
    },
    origin::{Origin, Reference},
};
use dicom_core::{VR, header::Header};
use dicom_dictionary_std::{tags, uids};
use dicom_object::mem::InMemElement;
use labrum_core::{
    Error, Result,
    boundary::{Point, trace_contours},
    label::Label,
    mask::Mask,
    study::{Series, Slice},
};
use std::mem;

/// SOP class for references to the study: retired, but there is no other.
const DETACHED_STUDY_MANAGEMENT: &str = "1.2.840.10008.3.1.2.3.1";

/// An encoded structure set.
pub(super) struct EncodedStructureSet {
    pub(super) bytes: Vec<u8>,
    pub(super) summary: StructureSetSummary,
}

/// Encodes the file. The masks must match the series (checked by the caller).
pub(super) fn encode_file(
    series: &Series,
    masks: &[Mask],
    labels: &[Label],
    authors: &[Authorship],
) -> Result<EncodedStructureSet> {
    let own_is_ascii =
        labels.iter().all(|l| l.name.is_ascii()) && authors.iter().all(|a| a.person.is_ascii());
    let mut origin = Origin::from_series(series, own_is_ascii)?;
    let Some(references) = origin.references.take() else {
        return Err(Error::new(
            TRIED,
            "a source image has no valid UID, or shares its UID with other images",
        ));
    };
    let frame_of_reference = series
        .frame_of_reference_uid
        .clone()
        .filter(|uid| is_uid(uid))
        .unwrap_or_else(|| {
            origin.warnings.push(
                "the source has no valid Frame of Reference UID; a new one was created".into(),
            );
            new_uid()
        });
    let sop_instance_uid = new_uid();
    let charset = origin.charset.clone();
    let mut dataset = sequence_item(mem::take(&mut origin.elements));
    let study_uid = dataset
        .get(tags::STUDY_INSTANCE_UID)
        .and_then(|e| e.to_str().ok())
        .unwrap_or_default()
        .into_owned();
    // The attributes of lossy compression apply to images only.
    dataset.retain(|e| {
        e.tag().group() != 0x0028 || e.tag() == tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED
    });
    put_all(
        &mut dataset,
        general_elements(series, authors, &sop_instance_uid, &charset),
    );
    put_all(
        &mut dataset,
        structure_set(labels, authors, &frame_of_reference, &charset),
    );
    put_all(
        &mut dataset,
        [
            text_element(tags::FRAME_OF_REFERENCE_UID, VR::UI, &frame_of_reference),
            empty_element(tags::POSITION_REFERENCE_INDICATOR, VR::LO),
            referenced_frame(&frame_of_reference, &study_uid, &references),
        ],
    );
    let mut contours = 0;
    let rois: Vec<Item> = (1..=labels.len() as u8)
        .zip(labels)
        .map(|(number, label)| {
            let lines = contours_of(series, masks, number, &references);
            contours += lines.len();
            roi_contour(number, label, lines)
        })
        .collect();
    let observations = (1..)
        .zip(labels)
        .map(|(number, label)| observation_item(number, label, authors))
        .collect();
    put_all(
        &mut dataset,
        [
            sequence_element(tags::ROI_CONTOUR_SEQUENCE, rois),
            sequence_element(tags::RTROI_OBSERVATIONS_SEQUENCE, observations),
        ],
    );
    let summary = StructureSetSummary {
        sop_instance_uid,
        contours,
        warnings: origin.warnings,
    };
    // Explicit VR would limit a contour to about two thousand points (64 KiB of text).
    let bytes = file_bytes(dataset, uids::IMPLICIT_VR_LITTLE_ENDIAN, TRIED)?;
    Ok(EncodedStructureSet { bytes, summary })
}

/// SOP Common, RT Series and General Equipment.
fn general_elements(
    series: &Series,
    authors: &[Authorship],
    sop_instance_uid: &str,
    charset: &Charset,
) -> Vec<InMemElement> {
    let (date, time) = date_and_time();
    let number = 2000 + series.number.unwrap_or(0).clamp(0, 1_000_000_000);
    let person = authors
        .iter()
        .map(|a| a.person.trim())
        .find(|p| !p.is_empty())
        .unwrap_or_default();
    let mut out = vec![
        text_element(tags::SOP_CLASS_UID, VR::UI, uids::RT_STRUCTURE_SET_STORAGE),
        text_element(tags::SOP_INSTANCE_UID, VR::UI, sop_instance_uid),
        text_element(tags::INSTANCE_CREATION_DATE, VR::DA, &date),
        text_element(tags::INSTANCE_CREATION_TIME, VR::TM, &time),
        text_element(tags::MODALITY, VR::CS, "RTSTRUCT"),
        text_element(tags::SERIES_INSTANCE_UID, VR::UI, new_uid()),
        text_element(tags::SERIES_NUMBER, VR::IS, number.to_string()),
        text_element(
            tags::SERIES_DESCRIPTION,
            VR::LO,
            "Segmentation as structure set",
        ),
        text_element(tags::SERIES_DATE, VR::DA, &date),
        text_element(tags::SERIES_TIME, VR::TM, &time),
        encoded_text_element(tags::OPERATORS_NAME, VR::PN, charset.encode_text(person)),
        text_element(tags::MANUFACTURER, VR::LO, "Labrum"),
        text_element(tags::MANUFACTURER_MODEL_NAME, VR::LO, "Labrum"),
        text_element(tags::SOFTWARE_VERSIONS, VR::LO, env!("CARGO_PKG_VERSION")),
        text_element(tags::INSTANCE_NUMBER, VR::IS, "1"),
    ];
    out.extend(
        charset
            .defined_term()
            .map(|term| text_element(tags::SPECIFIC_CHARACTER_SET, VR::CS, term)),
    );
    out
}

fn date_and_time() -> (String, String) {
    let now = jiff::Zoned::now();
    (
        now.strftime("%Y%m%d").to_string(),
        now.strftime("%H%M%S").to_string(),
    )
}

/// Structure Set module, without its references.
fn structure_set(
    labels: &[Label],
    authors: &[Authorship],
    frame_of_reference: &str,
    charset: &Charset,
) -> Vec<InMemElement> {
    let (date, time) = date_and_time();
    let rois = labels.iter().enumerate().map(|(i, label)| {
        let name: String = label
            .name
            .chars()
            .filter(|c| !c.is_control() && *c != '\\')
            .take(64)
            .collect();
        let mut roi = sequence_item([
            text_element(tags::ROI_NUMBER, VR::IS, (i + 1).to_string()),
            text_element(
                tags::REFERENCED_FRAME_OF_REFERENCE_UID,
                VR::UI,
                frame_of_reference,
            ),
            encoded_text_element(tags::ROI_NAME, VR::LO, charset.encode_text(&name)),
        ]);
        if let Some(author) = authors.get(i).or(authors.first()) {
            let (algorithm, description) = generation_algorithm(author);
            roi.put(text_element(
                tags::ROI_GENERATION_ALGORITHM,
                VR::CS,
                algorithm,
            ));
            if !description.is_empty() {
                roi.put(text_element(
                    tags::ROI_GENERATION_DESCRIPTION,
                    VR::LO,
                    description,
                ));
            }
        }
        roi
    });
    vec![
        text_element(tags::STRUCTURE_SET_LABEL, VR::SH, "SEGMENTATION"),
        text_element(tags::STRUCTURE_SET_DATE, VR::DA, date),
        text_element(tags::STRUCTURE_SET_TIME, VR::TM, time),
        sequence_element(tags::STRUCTURE_SET_ROI_SEQUENCE, rois.collect()),
    ]
}

/// ROI Generation Algorithm and ROI Generation Description.
fn generation_algorithm(author: &Authorship) -> (&'static str, String) {
    match author.algorithm_type {
        AlgorithmType::Automatic => ("AUTOMATIC", model_and_version(author)),
        AlgorithmType::Semiautomatic => ("SEMIAUTOMATIC", model_and_version(author)),
        AlgorithmType::Manual => ("MANUAL", String::new()),
    }
}

fn model_and_version(author: &Authorship) -> String {
    let text = format!("{} {}", author.model.trim(), author.model_version.trim());
    printable_ascii(text.trim(), 64)
}

/// Referenced Frame of Reference Sequence: study, series and instances.
fn referenced_frame(
    frame_of_reference: &str,
    study_uid: &str,
    references: &[Reference],
) -> InMemElement {
    let mut series: Vec<(&str, Vec<&Reference>)> = Vec::new();
    for reference in references {
        match series.iter_mut().find(|(uid, _)| *uid == reference.series) {
            Some((_, instances)) => instances.push(reference),
            None => series.push((&reference.series, vec![reference])),
        }
    }
    let each = series.into_iter().map(|(uid, instances)| {
        let images = instances.into_iter().map(Reference::to_item).collect();
        sequence_item([
            text_element(tags::SERIES_INSTANCE_UID, VR::UI, uid),
            sequence_element(tags::CONTOUR_IMAGE_SEQUENCE, images),
        ])
    });
    let study = sequence_item([
        text_element(
            tags::REFERENCED_SOP_CLASS_UID,
            VR::UI,
            DETACHED_STUDY_MANAGEMENT,
        ),
        text_element(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, study_uid),
        sequence_element(tags::RT_REFERENCED_SERIES_SEQUENCE, each.collect()),
    ]);
    let frame = sequence_item([
        text_element(tags::FRAME_OF_REFERENCE_UID, VR::UI, frame_of_reference),
        sequence_element(tags::RT_REFERENCED_STUDY_SEQUENCE, vec![study]),
    ]);
    sequence_element(tags::REFERENCED_FRAME_OF_REFERENCE_SEQUENCE, vec![frame])
}

fn roi_contour(number: u8, label: &Label, contours: Vec<Item>) -> Item {
    let color = label.color.map(|c| c.to_string()).join("\\");
    let mut roi = sequence_item([
        text_element(tags::ROI_DISPLAY_COLOR, VR::IS, color),
        text_element(tags::REFERENCED_ROI_NUMBER, VR::IS, number.to_string()),
    ]);
    if !contours.is_empty() {
        roi.put(sequence_element(tags::CONTOUR_SEQUENCE, contours));
    }
    roi
}

/// The contours of a label on all slices.
fn contours_of(series: &Series, masks: &[Mask], label: u8, references: &[Reference]) -> Vec<Item> {
    let slices = series.slices.iter().zip(masks).zip(references);
    slices
        .flat_map(|((slice, mask), reference)| {
            let lines = keyhole::closed_lines(&trace_contours(mask, label));
            lines
                .into_iter()
                .filter_map(|line| contour_item(slice, &line, reference))
        })
        .collect()
}

fn contour_item(slice: &Slice, line: &[Point], reference: &Reference) -> Option<Item> {
    let plane = slice.plane?;
    let spacing = slice.spacing?;
    // Image Position is the centre of the first pixel, half a pixel from its corner.
    let points = line
        .iter()
        .map(|[x, y]| plane.patient_from_pixel(spacing, x - 0.5, y - 0.5));
    let numbers: Vec<String> = points.flatten().map(decimal_millimetres).collect();
    Some(sequence_item([
        sequence_element(tags::CONTOUR_IMAGE_SEQUENCE, vec![reference.to_item()]),
        text_element(tags::CONTOUR_GEOMETRIC_TYPE, VR::CS, "CLOSED_PLANAR"),
        text_element(
            tags::NUMBER_OF_CONTOUR_POINTS,
            VR::IS,
            line.len().to_string(),
        ),
        text_element(tags::CONTOUR_DATA, VR::DS, numbers.join("\\")),
    ]))
}

/// A length in mm as a decimal string with up to four decimals.
fn decimal_millimetres(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" {
        "0".into()
    } else {
        text.to_owned()
    }
}

fn observation_item(number: u16, label: &Label, authors: &[Authorship]) -> Item {
    let person = authors
        .get(usize::from(number) - 1)
        .or(authors.first())
        .map_or("", |a| a.person.as_str());
    let is_named = [
        &label.concept.value,
        &label.concept.scheme,
        &label.concept.meaning,
    ]
    .iter()
    .all(|p| !p.is_empty());
    let mut out = sequence_item([
        text_element(tags::OBSERVATION_NUMBER, VR::IS, number.to_string()),
        text_element(tags::REFERENCED_ROI_NUMBER, VR::IS, number.to_string()),
        empty_element(tags::RTROI_INTERPRETED_TYPE, VR::CS),
        text_element(tags::ROI_INTERPRETER, VR::PN, printable_ascii(person, 64)),
    ]);
    if is_named && label.concept.scheme != "SRT" {
        out.put(code_sequence(
            tags::RTROI_IDENTIFICATION_CODE_SEQUENCE,
            &label.concept,
        ));
    }
    out
}
