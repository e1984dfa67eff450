//! Assembles the modules and the content tree of a measurement report, and encodes them.

use super::{
    PRODUCT, ReportSummary, Reported, TRIED,
    codes::{self, code, term_sequence},
    content::{code_content, content_item, separate_content, template_element},
    groups::{Grounds, measurement_group},
};
use crate::{
    IMPLEMENTATION_CLASS_UID,
    seg::{
        charset::Charset,
        clean::is_uid,
        element::{
            Item, encoded_text_element, file_bytes, new_uid, one_line, put_all, sequence_element,
            sequence_item, text_element,
        },
        origin::{Origin, Reference},
    },
};
use dicom_core::{VR, header::Header};
use dicom_dictionary_std::{tags, uids};
use dicom_object::mem::InMemElement;
use labrum_core::{Error, Result, study::Series};
use std::{collections::BTreeMap, mem};

/// Explicit VR limits the coordinates of one item to 64 KiB: longer ones need implicit VR.
const MOST_EXPLICIT_POINTS: usize = 5_000;

/// An encoded report.
pub(super) struct EncodedReport {
    pub(super) bytes: Vec<u8>,
    /// Number of measurement groups.
    pub(super) groups: usize,
    pub(super) summary: ReportSummary,
}

/// Encodes the file; the series is DICOM, and there are measurements (checked by the caller).
pub(super) fn encode_file(
    series: &Series,
    measurements: &[Reported<'_>],
    observers: &[String],
) -> Result<EncodedReport> {
    let own_is_ascii = observers.iter().all(|name| name.is_ascii())
        && measurements.iter().all(|m| m.drawn.name.is_ascii());
    let wanted = wanted_slices(series, measurements);
    let part = Series {
        slices: wanted
            .iter()
            .filter_map(|index| series.slices.get(*index as usize).cloned())
            .collect(),
        ..series.clone()
    };
    if part.slices.len() != wanted.len() {
        let reason = "a measurement lies on a slice that the series does not have";
        return Err(Error::new(TRIED, reason));
    }
    let mut origin = Origin::from_series(&part, own_is_ascii)?;
    let references = origin.references.take().ok_or_else(|| {
        Error::new(
            TRIED,
            "an image has no valid UID, or shares its UID with other images",
        )
    })?;
    let evidence = evidence_element(&origin.elements, &references);
    let grounds = Grounds {
        images: wanted.into_iter().zip(references).collect(),
        frame_of_reference: series
            .frame_of_reference_uid
            .clone()
            .filter(|uid| is_uid(uid)),
    };
    let charset = origin.charset.clone();
    let mut warnings = mem::take(&mut origin.warnings);
    let mut groups = Vec::new();
    for reported in measurements {
        match measurement_group(reported, &grounds, &charset) {
            Some(group) => groups.push(group),
            None => warnings.push(format!(
                "the measurement \"{}\" was left out: the series has no valid Frame of Reference UID",
                reported.drawn.name
            )),
        }
    }
    if groups.is_empty() {
        let reason = "the series has no valid Frame of Reference UID";
        return Err(Error::new(TRIED, reason));
    }
    let is_3d = measurements.iter().any(|m| m.drawn.slice().is_none());
    let class = if is_3d {
        uids::COMPREHENSIVE3_DSR_STORAGE
    } else {
        uids::COMPREHENSIVE_SR_STORAGE
    };
    let sop_instance_uid = new_uid();
    let count = groups.len();
    let mut dataset = sequence_item(origin.elements);
    // The attributes of lossy compression apply to images only.
    dataset.retain(|e| {
        e.tag().group() != 0x0028 || e.tag() == tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED
    });
    put_all(
        &mut dataset,
        general_elements(series, class, &sop_instance_uid, &charset),
    );
    put_all(&mut dataset, [evidence]);
    put_all(&mut dataset, root_container(groups, observers, &charset));
    let is_long = measurements
        .iter()
        .any(|m| m.drawn.shape.points().len() > MOST_EXPLICIT_POINTS);
    let syntax = if is_long {
        uids::IMPLICIT_VR_LITTLE_ENDIAN
    } else {
        uids::EXPLICIT_VR_LITTLE_ENDIAN
    };
    Ok(EncodedReport {
        bytes: file_bytes(dataset, syntax, TRIED)?,
        groups: count,
        summary: ReportSummary {
            sop_instance_uid,
            warnings,
        },
    })
}

/// Indices of the slices with measurements, in order; all slices if a measurement lies across them.
fn wanted_slices(series: &Series, measurements: &[Reported<'_>]) -> Vec<u32> {
    if measurements.iter().any(|m| m.drawn.slice().is_none()) {
        return (0..series.slices.len() as u32).collect();
    }
    let mut wanted: Vec<u32> = measurements
        .iter()
        .filter_map(|m| Some(m.drawn.slice()? as u32))
        .collect();
    wanted.sort_unstable();
    wanted.dedup();
    wanted
}

/// SOP Common, SR Document Series, SR Document General and General Equipment.
fn general_elements(
    series: &Series,
    class: &str,
    sop_instance_uid: &str,
    charset: &Charset,
) -> Vec<InMemElement> {
    let now = jiff::Zoned::now();
    let date = now.strftime("%Y%m%d").to_string();
    let time = now.strftime("%H%M%S").to_string();
    let number = 3000 + series.number.unwrap_or(0).clamp(0, 1_000_000_000);
    let mut out = vec![
        text_element(tags::SOP_CLASS_UID, VR::UI, class),
        text_element(tags::SOP_INSTANCE_UID, VR::UI, sop_instance_uid),
        text_element(tags::INSTANCE_CREATION_DATE, VR::DA, &date),
        text_element(tags::INSTANCE_CREATION_TIME, VR::TM, &time),
        text_element(tags::MODALITY, VR::CS, "SR"),
        text_element(tags::SERIES_INSTANCE_UID, VR::UI, new_uid()),
        text_element(tags::SERIES_NUMBER, VR::IS, number.to_string()),
        text_element(tags::SERIES_DESCRIPTION, VR::LO, "Measurements"),
        text_element(tags::SERIES_DATE, VR::DA, &date),
        text_element(tags::SERIES_TIME, VR::TM, &time),
        sequence_element(
            tags::REFERENCED_PERFORMED_PROCEDURE_STEP_SEQUENCE,
            Vec::new(),
        ),
        text_element(tags::MANUFACTURER, VR::LO, PRODUCT),
        text_element(tags::MANUFACTURER_MODEL_NAME, VR::LO, PRODUCT),
        text_element(tags::DEVICE_SERIAL_NUMBER, VR::LO, "1"),
        text_element(tags::SOFTWARE_VERSIONS, VR::LO, env!("CARGO_PKG_VERSION")),
        text_element(tags::INSTANCE_NUMBER, VR::IS, "1"),
        text_element(tags::CONTENT_DATE, VR::DA, &date),
        text_element(tags::CONTENT_TIME, VR::TM, &time),
        text_element(tags::COMPLETION_FLAG, VR::CS, "PARTIAL"),
        text_element(tags::VERIFICATION_FLAG, VR::CS, "UNVERIFIED"),
        text_element(tags::PRELIMINARY_FLAG, VR::CS, "PRELIMINARY"),
        sequence_element(tags::PERFORMED_PROCEDURE_CODE_SEQUENCE, Vec::new()),
    ];
    out.extend(
        charset
            .defined_term()
            .map(|term| text_element(tags::SPECIFIC_CHARACTER_SET, VR::CS, term)),
    );
    out
}

/// Current Requested Procedure Evidence Sequence: the images of the study that the report refers to.
fn evidence_element(elements: &[InMemElement], references: &[Reference]) -> InMemElement {
    let study_uid = elements
        .iter()
        .find(|e| e.tag() == tags::STUDY_INSTANCE_UID)
        .and_then(|e| e.to_str().ok())
        .unwrap_or_default()
        .into_owned();
    let mut series: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    for reference in references {
        let instances = series.entry(&reference.series).or_default();
        instances.insert(&reference.instance, &reference.class);
    }
    let each = series.into_iter().map(|(uid, instances)| {
        let images = instances
            .into_iter()
            .map(|(instance, class)| {
                sequence_item([
                    text_element(tags::REFERENCED_SOP_CLASS_UID, VR::UI, class),
                    text_element(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, instance),
                ])
            })
            .collect();
        sequence_item([
            text_element(tags::SERIES_INSTANCE_UID, VR::UI, uid),
            sequence_element(tags::REFERENCED_SOP_SEQUENCE, images),
        ])
    });
    let study = sequence_item([
        text_element(tags::STUDY_INSTANCE_UID, VR::UI, study_uid),
        sequence_element(tags::REFERENCED_SERIES_SEQUENCE, each.collect()),
    ]);
    sequence_element(
        tags::CURRENT_REQUESTED_PROCEDURE_EVIDENCE_SEQUENCE,
        vec![study],
    )
}

/// The root of the content tree: TID 1500.
fn root_container(groups: Vec<Item>, observers: &[String], charset: &Charset) -> Vec<InMemElement> {
    let mut content = vec![code_content(
        "HAS CONCEPT MOD",
        codes::LANGUAGE,
        &code(codes::ENGLISH),
    )];
    content.extend(observer_context(observers, charset));
    content.push(code_content(
        "HAS CONCEPT MOD",
        codes::PROCEDURE_REPORTED,
        &code(codes::IMAGING_PROCEDURE),
    ));
    let mut measurements = content_item(
        "CONTAINS",
        "CONTAINER",
        codes::IMAGING_MEASUREMENTS,
        [separate_content()],
    );
    measurements.put(sequence_element(tags::CONTENT_SEQUENCE, groups));
    content.push(measurements);
    vec![
        text_element(tags::VALUE_TYPE, VR::CS, "CONTAINER"),
        term_sequence(tags::CONCEPT_NAME_CODE_SEQUENCE, codes::REPORT),
        separate_content(),
        template_element("1500"),
        sequence_element(tags::CONTENT_SEQUENCE, content),
    ]
}

/// TID 1002: the persons who measured; without any, the program.
fn observer_context(observers: &[String], charset: &Charset) -> Vec<Item> {
    const CONTEXT: &str = "HAS OBS CONTEXT";
    let mut content = Vec::new();
    for name in observers {
        let name = charset.encode_text(&one_line(name, 64));
        content.push(code_content(
            CONTEXT,
            codes::OBSERVER_TYPE,
            &code(codes::PERSON),
        ));
        content.push(content_item(
            CONTEXT,
            "PNAME",
            codes::PERSON_NAME,
            [encoded_text_element(tags::PERSON_NAME, VR::PN, name)],
        ));
    }
    if content.is_empty() {
        content.push(code_content(
            CONTEXT,
            codes::OBSERVER_TYPE,
            &code(codes::DEVICE),
        ));
        content.push(content_item(
            CONTEXT,
            "UIDREF",
            codes::DEVICE_UID,
            [text_element(tags::UID, VR::UI, IMPLEMENTATION_CLASS_UID)],
        ));
        for name in [
            codes::DEVICE_NAME,
            codes::DEVICE_MANUFACTURER,
            codes::DEVICE_MODEL,
        ] {
            let text = text_element(tags::TEXT_VALUE, VR::UT, PRODUCT);
            content.push(content_item(CONTEXT, "TEXT", name, [text]));
        }
    }
    content
}
