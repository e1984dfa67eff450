//! Puts the modules of a segmentation together and encodes them.

use super::{
    AlgorithmType, Authorship, Options,
    charset::Charset,
    element::{Item, ascii, empty, encoded, item, new_uid, shorts, text},
    frames::{Frame, multi_frame, referenced_series},
    origin::Origin,
    pack::Packer,
    segments::{label_name, segments},
    space::Space,
};
use crate::{
    Error, Result,
    domain::{
        label::Label,
        mask::Mask,
        study::{Kind, Series},
    },
};
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{mem::InMemElement, meta::FileMetaTableBuilder};

/// Names this implementation in the file meta information: a UUID of our own under 2.25.
const IMPLEMENTATION_CLASS_UID: &str = "2.25.107151289873141573553993236747910725121";
/// At most 16 characters.
const IMPLEMENTATION_VERSION_NAME: &str = concat!("LABRUM_", env!("CARGO_PKG_VERSION"));
const PRODUCT: &str = "Labrum";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A segmentation before it is on disk.
pub(super) struct Encoded {
    pub(super) bytes: Vec<u8>,
    pub(super) sop_instance_uid: String,
    pub(super) series_instance_uid: String,
    pub(super) frames: usize,
    pub(super) warnings: Vec<String>,
}

/// The file's bytes. The masks must fit the series (checked by the caller).
pub(super) fn encode(
    series: &Series,
    masks: &[Mask],
    labels: &[Label],
    author: &Authorship,
    options: Options,
) -> Result<Encoded> {
    let names = labels.iter().enumerate().map(|(i, label)| label_name(label, i as u16 + 1));
    let own_is_ascii = names.chain([series.description.clone(), author.person.clone()]).all(|t| t.is_ascii());
    let mut origin = Origin::of(series, own_is_ascii)?;
    let mut warnings = std::mem::take(&mut origin.warnings);
    let space = Space::of(series, &origin, options.synthetic_geometry, &mut warnings);
    let frames = plan(masks, labels.len(), options.skip_empty_frames);
    let pixels = pixel_data(&frames, masks)?;
    let (sop_instance_uid, series_instance_uid) = (new_uid(), new_uid());

    let mut dataset = item(std::mem::take(&mut origin.elements));
    let mut put = |elements: Vec<InMemElement>| elements.into_iter().for_each(|e| drop(dataset.put(e)));
    put(general(series, author, &sop_instance_uid, &series_instance_uid));
    put(equipment());
    put(content(series, author, &origin.charset, space.as_ref()));
    put(image(masks, frames.len()));
    put(vec![segments(labels, author, &origin.charset)]);
    put(multi_frame(&frames, &origin, space.as_ref()));
    put(references(&frames, &origin));
    put(frame_of_reference(space.as_ref(), &origin));
    put(vec![DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(pixels.into()))]);
    Ok(Encoded { bytes: bytes(dataset)?, sop_instance_uid, series_instance_uid, frames: frames.len(), warnings })
}

/// Which frames are written: segment after segment, every slice.
fn plan(masks: &[Mask], labels: usize, skip_empty: bool) -> Vec<Frame> {
    let all = || (1..=labels as u8).flat_map(|segment| (0..masks.len()).map(move |slice| Frame { segment, slice }));
    if !skip_empty {
        return all().collect();
    }
    let holds: Vec<[bool; 256]> = masks
        .iter()
        .map(|mask| {
            let mut present = [false; 256];
            mask.labels().iter().for_each(|&l| present[usize::from(l)] = true);
            present
        })
        .collect();
    let frames: Vec<Frame> = all().filter(|f| holds[f.slice][usize::from(f.segment)]).collect();
    // A segmentation without any frame is none.
    if frames.is_empty() { all().take(1).collect() } else { frames }
}

fn pixel_data(frames: &[Frame], masks: &[Mask]) -> Result<Vec<u8>> {
    let bits = frames.iter().map(|f| masks[f.slice].labels().len()).sum::<usize>();
    if bits.div_ceil(8) >= u32::MAX as usize {
        let reason = "its frames take more than the 4 GiB that DICOM allows";
        return Err(Error::new("write the segmentation", reason).advise("Leave out empty frames."));
    }
    let mut packer = Packer::with_capacity(bits);
    for frame in frames {
        masks[frame.slice].labels().iter().for_each(|&label| packer.push(label == frame.segment));
    }
    Ok(packer.finish())
}

/// SOP Common and General Series.
fn general(series: &Series, author: &Authorship, sop_instance_uid: &str, series_uid: &str) -> Vec<InMemElement> {
    let now = jiff::Zoned::now();
    let (date, time) = (now.strftime("%Y%m%d").to_string(), now.strftime("%H%M%S").to_string());
    let number = 1000 + series.number.unwrap_or(0).clamp(0, 1_000_000_000);
    let by = match author.algorithm_type {
        AlgorithmType::Manual => "Segmentation".to_owned(),
        _ => format!("Segmentation by {}", author.name()),
    };
    vec![
        text(tags::SOP_CLASS_UID, VR::UI, uids::SEGMENTATION_STORAGE),
        text(tags::SOP_INSTANCE_UID, VR::UI, sop_instance_uid),
        text(tags::INSTANCE_CREATION_DATE, VR::DA, &date),
        text(tags::INSTANCE_CREATION_TIME, VR::TM, &time),
        text(tags::CONTENT_DATE, VR::DA, &date),
        text(tags::CONTENT_TIME, VR::TM, &time),
        text(tags::SERIES_DATE, VR::DA, date),
        text(tags::SERIES_TIME, VR::TM, time),
        text(tags::MODALITY, VR::CS, "SEG"),
        text(tags::SERIES_INSTANCE_UID, VR::UI, series_uid),
        text(tags::SERIES_NUMBER, VR::IS, number.to_string()),
        text(tags::SERIES_DESCRIPTION, VR::LO, ascii(&by, 64)),
    ]
}

/// General and Enhanced General Equipment.
fn equipment() -> Vec<InMemElement> {
    vec![
        text(tags::MANUFACTURER, VR::LO, PRODUCT),
        text(tags::MANUFACTURER_MODEL_NAME, VR::LO, PRODUCT),
        // The standard wants one of every program; all copies of a version are the same device.
        text(tags::DEVICE_SERIAL_NUMBER, VR::LO, IMPLEMENTATION_VERSION_NAME),
        text(tags::SOFTWARE_VERSIONS, VR::LO, VERSION),
    ]
}

/// Content Identification and what is to be said about the source.
fn content(series: &Series, author: &Authorship, charset: &Charset, space: Option<&Space>) -> Vec<InMemElement> {
    let synthetic = space.is_some_and(|s| s.is_synthetic);
    let description = match series.kind {
        Kind::Picture => "Segmentation of a picture, synthetic geometry",
        Kind::Dicom if synthetic => "Segmentation, synthetic geometry",
        Kind::Dicom => "Segmentation",
    };
    let mut out = vec![
        text(tags::CONTENT_LABEL, VR::CS, "SEGMENTATION"),
        text(tags::CONTENT_DESCRIPTION, VR::LO, description),
        encoded(tags::CONTENT_CREATOR_NAME, VR::PN, charset.encode(&one_line(&author.person, 64))),
    ];
    if let Some(term) = charset.term() {
        out.push(text(tags::SPECIFIC_CHARACTER_SET, VR::CS, term));
    }
    if series.kind == Kind::Picture {
        let files = format!("Made from a picture that is not DICOM: {}", series.description);
        out.push(encoded(tags::STUDY_DESCRIPTION, VR::LO, charset.encode(&one_line(&series.description, 64))));
        out.push(encoded(tags::DERIVATION_DESCRIPTION, VR::ST, charset.encode(&one_line(&files, 200))));
    }
    if synthetic {
        let comment = "Frame of reference, position and orientation are synthetic: the source has no geometry.";
        out.push(text(tags::IMAGE_COMMENTS, VR::LT, comment));
    }
    if space.is_none() {
        // Type 2C: required without an orientation in space, and unknown.
        out.push(empty(tags::PATIENT_ORIENTATION, VR::CS));
    }
    out
}

/// `text` without control characters and backslashes, at most `most` characters.
fn one_line(text: &str, most: usize) -> String {
    text.chars().map(|c| if c.is_control() || c == '\\' { ' ' } else { c }).take(most).collect()
}

/// General Image, Image Pixel and Segmentation Image without the segments.
fn image(masks: &[Mask], frames: usize) -> Vec<InMemElement> {
    let (rows, columns) = masks.first().map_or((0, 0), |m| (m.rows() as u16, m.columns() as u16));
    vec![
        text(tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY"),
        text(tags::INSTANCE_NUMBER, VR::IS, "1"),
        shorts(tags::SAMPLES_PER_PIXEL, &[1]),
        text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
        text(tags::NUMBER_OF_FRAMES, VR::IS, frames.to_string()),
        shorts(tags::ROWS, &[rows]),
        shorts(tags::COLUMNS, &[columns]),
        shorts(tags::BITS_ALLOCATED, &[1]),
        shorts(tags::BITS_STORED, &[1]),
        shorts(tags::HIGH_BIT, &[0]),
        shorts(tags::PIXEL_REPRESENTATION, &[0]),
        text(tags::SEGMENTATION_TYPE, VR::CS, "BINARY"),
        text(tags::SEGMENTS_OVERLAP, VR::CS, "NO"),
    ]
}

fn references(frames: &[Frame], origin: &Origin) -> Vec<InMemElement> {
    origin.references.iter().map(|references| referenced_series(frames, references)).collect()
}

fn frame_of_reference(space: Option<&Space>, origin: &Origin) -> Vec<InMemElement> {
    let Some(space) = space else { return Vec::new() };
    let indicator = if space.is_synthetic { Vec::new() } else { origin.position_reference.clone() };
    vec![
        text(tags::FRAME_OF_REFERENCE_UID, VR::UI, &space.frame_of_reference),
        encoded(tags::POSITION_REFERENCE_INDICATOR, VR::LO, indicator),
    ]
}

fn bytes(dataset: Item) -> Result<Vec<u8>> {
    let failed = |reason: String| Error::new("write the segmentation", reason);
    let meta = FileMetaTableBuilder::new()
        .transfer_syntax(uids::EXPLICIT_VR_LITTLE_ENDIAN)
        .implementation_class_uid(IMPLEMENTATION_CLASS_UID)
        .implementation_version_name(IMPLEMENTATION_VERSION_NAME);
    let file = dataset.with_meta(meta).map_err(|e| failed(e.to_string()))?;
    let mut bytes = Vec::new();
    file.write_all(&mut bytes).map_err(|e| failed(e.to_string()))?;
    Ok(bytes)
}
