//! Writes a picture of the screen as a Secondary Capture image (PS3.3 A.8.1), in the study of the images that it shows.
//!
//! It has no pixel spacing, because its views can have different scales: no program can measure lengths on it.

use crate::{
    file::DicomFile,
    overlay, pixels,
    seg::{
        element::{
            Item, code_sequence, empty_element, file_bytes, new_uid, printable_ascii, put_all,
            sequence_element, sequence_item, text_element, u16_element,
        },
        origin::{Origin, Reference},
    },
};
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::mem::InMemElement;
use labrum_core::{
    Error, Result,
    image::Pixels,
    label::Code,
    study::{Kind, Series, Source},
    whole_file,
};
use std::{collections::BTreeSet, mem, path::Path};

const TRIED: &str = "write the DICOM screenshot";

/// Longest Derivation Description: that of VR ST.
const LONGEST_DESCRIPTION: usize = 1024;

/// A picture of the screen.
#[derive(Clone, Copy, Debug)]
pub struct CapturedPicture<'a> {
    /// Width in pixels, 1..=65535.
    pub columns: usize,
    /// Height in pixels, 1..=65535.
    pub rows: usize,
    /// Red, green and blue: `columns * rows * 3` bytes.
    pub rgb: &'a [u8],
    /// Indices of the slices of the series that it shows; at least one.
    pub slices: &'a [usize],
    /// True if patient or study can be read on it.
    pub shows_patient: bool,
    /// How it was made: Derivation Description, in ASCII, without names.
    pub description: &'a str,
}

/// Summary of a written screenshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CaptureSummary {
    /// SOP Instance UID of the file.
    pub sop_instance_uid: String,
    /// Warnings about values that were missing or invalid in the source.
    pub warnings: Vec<String>,
}

/// Writes a picture of `series` as a Secondary Capture image: a new series of the same study.
///
/// # Errors
/// If the images are not DICOM or can no longer be read, if the picture has no pixels, too many, or not as many as its size
/// says, if it shows no slice of the series, or if the file cannot be written.
pub fn write_file(
    path: &Path,
    series: &Series,
    picture: &CapturedPicture<'_>,
) -> Result<CaptureSummary> {
    if series.kind != Kind::Dicom {
        let reason = "it needs the study of DICOM images, but it shows other image files";
        return Err(Error::at_path(TRIED, path, reason).with_advice("Save it as PNG."));
    }
    let size = picture_size(picture).map_err(|reason| Error::at_path(TRIED, path, reason))?;
    let (bytes, summary) = encode_file(series, picture, size)?;
    whole_file::write_checked(
        path,
        TRIED,
        |file| file.write_all(&bytes),
        |written| verify_written(written, path, picture),
    )?;
    Ok(summary)
}

/// Columns and rows as the header has them; the error is the reason.
fn picture_size(picture: &CapturedPicture<'_>) -> Result<[u16; 2], String> {
    let CapturedPicture { columns, rows, .. } = *picture;
    let side = |length: usize| {
        u16::try_from(length)
            .ok()
            .filter(|side| *side > 0)
            .ok_or_else(|| format!("a DICOM image cannot have {columns} x {rows} pixels"))
    };
    if picture.rgb.len() != columns * rows * 3 {
        return Err("the number of bytes does not match the size of the picture".into());
    }
    Ok([side(columns)?, side(rows)?])
}

/// Reads the written file back and compares its pixels; errors name `path`, its final name.
fn verify_written(written: &Path, path: &Path, picture: &CapturedPicture<'_>) -> Result<()> {
    let source = Source {
        path: written.to_owned(),
        frame: 0,
    };
    let back =
        pixels::load_image(&source).map_err(|error| Error::at_path(TRIED, path, error.reason))?;
    let is_same = matches!(
        &back.pixels,
        Pixels::Rgb8(found) if found.as_flattened() == picture.rgb
    );
    if is_same && (back.columns, back.rows) == (picture.columns, picture.rows) {
        return Ok(());
    }
    let reason = "the written file failed verification";
    Err(Error::at_path(TRIED, path, reason))
}

/// The bytes of the file.
fn encode_file(
    series: &Series,
    picture: &CapturedPicture<'_>,
    size: [u16; 2],
) -> Result<(Vec<u8>, CaptureSummary)> {
    let shown: Option<Vec<_>> = picture
        .slices
        .iter()
        .map(|index| series.slices.get(*index).cloned())
        .collect();
    let slices = shown.filter(|slices| !slices.is_empty()).ok_or_else(|| {
        let reason = "it shows no slice of the series";
        Error::new(TRIED, reason)
    })?;
    let part = Series {
        slices,
        ..series.clone()
    };
    let first = part.slices.first();
    let file = first.and_then(|slice| DicomFile::open(&slice.source.path).ok());
    let burned_in = burned_in_annotation(&part, picture.shows_patient);
    let mut origin = Origin::from_series(&part, true)?;
    let sop_instance_uid = new_uid();
    let warnings = mem::take(&mut origin.warnings);
    let mut dataset = sequence_item(origin.elements);
    let charset = origin.charset.defined_term();
    put_all(
        &mut dataset,
        charset.map(|term| text_element(tags::SPECIFIC_CHARACTER_SET, VR::CS, term)),
    );
    put_all(&mut dataset, series_elements(series, &sop_instance_uid));
    put_all(&mut dataset, device_elements());
    put_all(&mut dataset, image_elements(picture, size));
    put_all(&mut dataset, [laterality(file.as_ref())]);
    put_all(
        &mut dataset,
        burned_in.map(|value| text_element(tags::BURNED_IN_ANNOTATION, VR::CS, value)),
    );
    put_all(&mut dataset, origin.references.map(source_images));
    let bytes = file_bytes(dataset, uids::EXPLICIT_VR_LITTLE_ENDIAN, TRIED)?;
    let summary = CaptureSummary {
        sop_instance_uid,
        warnings,
    };
    Ok((bytes, summary))
}

/// SOP Common and General Series, with the date and time of now.
fn series_elements(series: &Series, sop_instance_uid: &str) -> Vec<InMemElement> {
    let now = jiff::Zoned::now();
    let date = now.strftime("%Y%m%d").to_string();
    let time = now.strftime("%H%M%S").to_string();
    let number = 4000 + series.number.unwrap_or(0).clamp(0, 1_000_000_000);
    let dates = [
        tags::INSTANCE_CREATION_DATE,
        tags::SERIES_DATE,
        tags::CONTENT_DATE,
        tags::DATE_OF_SECONDARY_CAPTURE,
    ];
    let times = [
        tags::INSTANCE_CREATION_TIME,
        tags::SERIES_TIME,
        tags::CONTENT_TIME,
        tags::TIME_OF_SECONDARY_CAPTURE,
    ];
    let mut out = vec![
        text_element(
            tags::SOP_CLASS_UID,
            VR::UI,
            uids::SECONDARY_CAPTURE_IMAGE_STORAGE,
        ),
        text_element(tags::SOP_INSTANCE_UID, VR::UI, sop_instance_uid),
        text_element(tags::MODALITY, VR::CS, "OT"),
        text_element(tags::SERIES_INSTANCE_UID, VR::UI, new_uid()),
        text_element(tags::SERIES_NUMBER, VR::IS, number.to_string()),
        text_element(tags::SERIES_DESCRIPTION, VR::LO, "Screenshot"),
        text_element(tags::INSTANCE_NUMBER, VR::IS, "1"),
    ];
    out.extend(dates.map(|tag| text_element(tag, VR::DA, &date)));
    out.extend(times.map(|tag| text_element(tag, VR::TM, &time)));
    out
}

/// General Equipment and SC Equipment.
fn device_elements() -> [InMemElement; 7] {
    let version = env!("CARGO_PKG_VERSION");
    [
        text_element(tags::MANUFACTURER, VR::LO, "Labrum"),
        text_element(tags::MANUFACTURER_MODEL_NAME, VR::LO, "Labrum"),
        text_element(tags::SOFTWARE_VERSIONS, VR::LO, version),
        text_element(tags::CONVERSION_TYPE, VR::CS, "WSD"),
        text_element(
            tags::SECONDARY_CAPTURE_DEVICE_MANUFACTURER,
            VR::LO,
            "Labrum",
        ),
        text_element(
            tags::SECONDARY_CAPTURE_DEVICE_MANUFACTURER_MODEL_NAME,
            VR::LO,
            "Labrum",
        ),
        text_element(
            tags::SECONDARY_CAPTURE_DEVICE_SOFTWARE_VERSIONS,
            VR::LO,
            version,
        ),
    ]
}

/// General Image and Image Pixel.
fn image_elements(picture: &CapturedPicture<'_>, [columns, rows]: [u16; 2]) -> Vec<InMemElement> {
    let mut bytes = picture.rgb.to_vec();
    if bytes.len() % 2 == 1 {
        bytes.push(0);
    }
    vec![
        text_element(tags::IMAGE_TYPE, VR::CS, "DERIVED\\SECONDARY"),
        // Type 2C: the views may be turned in any way.
        empty_element(tags::PATIENT_ORIENTATION, VR::CS),
        text_element(
            tags::DERIVATION_DESCRIPTION,
            VR::ST,
            printable_ascii(picture.description, LONGEST_DESCRIPTION),
        ),
        u16_element(tags::SAMPLES_PER_PIXEL, &[3]),
        text_element(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB"),
        u16_element(tags::PLANAR_CONFIGURATION, &[0]),
        u16_element(tags::ROWS, &[rows]),
        u16_element(tags::COLUMNS, &[columns]),
        u16_element(tags::BITS_ALLOCATED, &[8]),
        u16_element(tags::BITS_STORED, &[8]),
        u16_element(tags::HIGH_BIT, &[7]),
        u16_element(tags::PIXEL_REPRESENTATION, &[0]),
        DataElement::new(tags::PIXEL_DATA, VR::OB, PrimitiveValue::U8(bytes.into())),
    ]
}

/// Source Image Sequence.
fn source_images(references: Vec<Reference>) -> InMemElement {
    let purpose = Code::new(
        "121322",
        "DCM",
        "Source image for image processing operation",
    );
    let items: Vec<Item> = references
        .iter()
        .map(|reference| {
            let mut item = reference.to_item();
            item.put(code_sequence(
                tags::PURPOSE_OF_REFERENCE_CODE_SEQUENCE,
                &purpose,
            ));
            item
        })
        .collect();
    sequence_element(tags::SOURCE_IMAGE_SEQUENCE, items)
}

/// The side of a paired body part, as the source says; Laterality (type 2C) is empty if that is unknown.
fn laterality(file: Option<&DicomFile>) -> InMemElement {
    let stated = |tag, known: &[&str]| {
        let value = file.and_then(|file| file.data.text_value(tag));
        value.filter(|side| known.contains(&side.as_str()))
    };
    if let Some(side) = stated(tags::IMAGE_LATERALITY, &["R", "L", "U", "B"]) {
        return text_element(tags::IMAGE_LATERALITY, VR::CS, side);
    }
    let side = stated(tags::LATERALITY, &["R", "L"]);
    text_element(tags::LATERALITY, VR::CS, side.unwrap_or_default())
}

/// Burned In Annotation of a picture of these slices: YES if one of them has it, NO if none has; `None` if nobody knows.
fn burned_in_annotation(shown: &Series, shows_patient: bool) -> Option<&'static str> {
    if shows_patient {
        return Some("YES");
    }
    let slices = shown.slices.iter();
    let paths: BTreeSet<&Path> = slices.map(|slice| slice.source.path.as_path()).collect();
    let mut is_known = true;
    for path in paths {
        let file = DicomFile::open(path).ok();
        match file.as_ref().and_then(burned_in_file) {
            Some("YES") => return Some("YES"),
            Some(_) => {}
            None => is_known = false,
        }
    }
    is_known.then_some("NO")
}

/// Burned In Annotation of a picture of the images of a file; `None` if nobody knows, because it does not say.
fn burned_in_file(file: &DicomFile) -> Option<&'static str> {
    let stated = file.data.text_value(tags::BURNED_IN_ANNOTATION);
    match stated.as_deref() {
        Some("YES") => Some("YES"),
        // On the screen they lie over the pixels that it speaks of.
        _ if overlay::are_in(&file.data) => None,
        Some("NO") => Some("NO"),
        _ => is_without_text(file).then_some("NO"),
    }
}

/// True for images as a scanner made them, in whose pixels no scanner writes.
fn is_without_text(file: &DicomFile) -> bool {
    let kind = file.data.text_values(tags::IMAGE_TYPE);
    let is_primary = matches!(
        kind.as_slice(),
        [original, primary, ..] if original == "ORIGINAL" && primary == "PRIMARY"
    );
    let class = file.sop_class.as_str();
    is_primary
        && [
            uids::CT_IMAGE_STORAGE,
            uids::ENHANCED_CT_IMAGE_STORAGE,
            uids::MR_IMAGE_STORAGE,
            uids::ENHANCED_MR_IMAGE_STORAGE,
            uids::POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE,
            uids::ENHANCED_PET_IMAGE_STORAGE,
        ]
        .contains(&class)
}

#[cfg(test)]
mod tests;
