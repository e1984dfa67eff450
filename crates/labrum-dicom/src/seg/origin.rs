//! What a new object copies from its source: patient, study, references to its instances, lossy compression.

use super::{
    charset::Charset,
    clean::{has_leading_zero, is_uid, sanitize_value},
    element::{
        Item, code_item, decimal_element, empty_element, encoded_text_element, new_uid,
        sequence_element, sequence_item, text_element,
    },
};
use crate::{
    dataset::DataSet,
    file::{DicomFile, Unreadable},
    geometry::functional_group,
};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::mem::InMemElement;
use labrum_core::{
    Error, Result,
    label::Code,
    study::{Kind, Series, Slice},
};
use std::{collections::HashMap, fs, path::Path};

/// The source instance of a slice, or a frame of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    pub(crate) series: String,
    pub(crate) class: String,
    pub(crate) instance: String,
    /// 1-based; only for multi-frame instances.
    pub(crate) frame: Option<u32>,
}

impl Reference {
    /// An item of a sequence of referenced images.
    pub(crate) fn to_item(&self) -> Item {
        let mut item = sequence_item([
            text_element(tags::REFERENCED_SOP_CLASS_UID, VR::UI, &self.class),
            text_element(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, &self.instance),
        ]);
        if let Some(frame) = self.frame {
            let frame = frame.to_string();
            item.put(text_element(tags::REFERENCED_FRAME_NUMBER, VR::IS, frame));
        }
        item
    }
}

/// Everything that is copied from the source.
pub(crate) struct Origin {
    /// Patient, Patient Study and General Study modules, and lossy compression.
    pub(crate) elements: Vec<InMemElement>,
    pub(crate) charset: Charset,
    /// One per slice; `None` for image files that are not DICOM and for instances without a valid UID.
    pub(crate) references: Option<Vec<Reference>>,
    /// Position Reference Indicator, in `charset`.
    pub(crate) position_reference: Vec<u8>,
    /// Slice Thickness, mm.
    pub(crate) slice_thickness: Option<f64>,
    /// Warnings about missing or invalid values.
    pub(crate) warnings: Vec<String>,
}

/// What to write if the source has no valid value: an empty element (type 2), or none (type 3).
enum Otherwise {
    Empty,
    Absent,
}

/// The attributes copied from the modules Patient, General Study and Patient Study.
const COPIED: [(Tag, VR, Otherwise); 18] = [
    (tags::PATIENT_NAME, VR::PN, Otherwise::Empty),
    (tags::PATIENT_ID, VR::LO, Otherwise::Empty),
    (tags::ISSUER_OF_PATIENT_ID, VR::LO, Otherwise::Absent),
    (tags::PATIENT_BIRTH_DATE, VR::DA, Otherwise::Empty),
    (tags::PATIENT_SEX, VR::CS, Otherwise::Empty),
    (tags::PATIENT_COMMENTS, VR::LT, Otherwise::Absent),
    (tags::STUDY_DATE, VR::DA, Otherwise::Empty),
    (tags::STUDY_TIME, VR::TM, Otherwise::Empty),
    (tags::ACCESSION_NUMBER, VR::SH, Otherwise::Empty),
    (tags::REFERRING_PHYSICIAN_NAME, VR::PN, Otherwise::Empty),
    (tags::STUDY_ID, VR::SH, Otherwise::Empty),
    (tags::STUDY_DESCRIPTION, VR::LO, Otherwise::Absent),
    (tags::PATIENT_AGE, VR::AS, Otherwise::Absent),
    (tags::PATIENT_SIZE, VR::DS, Otherwise::Absent),
    (tags::PATIENT_WEIGHT, VR::DS, Otherwise::Absent),
    (tags::PATIENT_IDENTITY_REMOVED, VR::CS, Otherwise::Absent),
    (tags::DEIDENTIFICATION_METHOD, VR::LO, Otherwise::Absent),
    (
        tags::LONGITUDINAL_TEMPORAL_INFORMATION_MODIFIED,
        VR::CS,
        Otherwise::Absent,
    ),
];

impl Origin {
    /// Reads the headers of the source files. `own_is_ascii`: the texts that will be added are ASCII.
    pub(crate) fn from_series(series: &Series, own_is_ascii: bool) -> Result<Self> {
        match series.kind {
            Kind::Picture => Ok(Self::of_picture(series, own_is_ascii)),
            Kind::Dicom => Self::of_dicom(series, own_is_ascii),
        }
    }

    /// Image files that are not DICOM have no patient: makes a new study.
    fn of_picture(series: &Series, own_is_ascii: bool) -> Self {
        let lossy = series
            .slices
            .first()
            .and_then(|slice| jpeg_ratio(series, slice));
        let mut elements: Vec<InMemElement> = COPIED
            .iter()
            .filter(|(_, _, otherwise)| matches!(otherwise, Otherwise::Empty))
            .map(|(tag, vr, _)| empty_element(*tag, *vr))
            .collect();
        elements.push(text_element(tags::STUDY_INSTANCE_UID, VR::UI, new_uid()));
        elements.extend(lossy_compression_elements(lossy.map(|ratio| {
            LossyCompression {
                ratios: vec![ratio],
                methods: vec![JPEG.into()],
            }
        })));
        Self {
            elements,
            charset: if own_is_ascii {
                Charset::Ascii
            } else {
                Charset::Utf8
            },
            references: None,
            position_reference: Vec::new(),
            slice_thickness: None,
            warnings: vec![if series.slices.iter().all(|slice| slice.plane.is_some()) {
                "the source is not DICOM: patient and study are left empty".into()
            } else {
                "the source is an image file: patient and study are left empty, the position is \
                 synthetic"
                    .into()
            }],
        }
    }

    fn of_dicom(series: &Series, own_is_ascii: bool) -> Result<Self> {
        let first = series
            .slices
            .first()
            .ok_or_else(|| Error::new("write the segmentation", "the series has no slices"))?;
        let file = open_file(&first.source.path)?;
        let mut warnings = Vec::new();
        let copied = cleaned_attributes(&file.data, &mut warnings);
        let position_reference = sanitize_value(
            VR::LO,
            file.data
                .value_bytes(tags::POSITION_REFERENCE_INDICATOR)
                .unwrap_or(&[]),
        );
        let named = file.data.text_value(tags::SPECIFIC_CHARACTER_SET);
        let values = copied
            .iter()
            .map(|(_, _, value)| value.as_slice())
            .chain([position_reference.as_slice()]);
        let (charset, guessed) = Charset::for_copied_texts(named.as_deref(), values, own_is_ascii);
        if guessed {
            warnings.push(format!(
                "the source does not state its character set; {} is assumed",
                charset.defined_term().unwrap_or("ASCII")
            ));
        }
        let mut elements: Vec<_> = copied
            .into_iter()
            .map(|(tag, vr, value)| encoded_text_element(tag, vr, value))
            .collect();
        elements.extend(deidentification_sequence(&file.data));
        elements.push(study_uid(&file.data, &mut warnings));
        elements.extend(lossy_compression_elements(LossyCompression::from_file(
            &file,
            &first.source.path,
        )));
        let references = source_references(series, &file, &mut warnings);
        let measures = functional_group(
            &file.data,
            first.source.frame as usize,
            tags::PIXEL_MEASURES_SEQUENCE,
        );
        let slice_thickness =
            positive_thickness(&file.data).or_else(|| measures.and_then(positive_thickness));
        Ok(Self {
            elements,
            charset,
            references,
            position_reference,
            slice_thickness,
            warnings,
        })
    }
}

fn open_file(path: &Path) -> Result<DicomFile> {
    DicomFile::open(path).map_err(|why| {
        let reason = match why {
            Unreadable::NotDicom => "no longer a DICOM file".into(),
            Unreadable::Failed(reason) => reason,
        };
        Error::at_path("read the header of", path, reason)
            .with_advice("Patient and study of the new object are taken from it.")
    })
}

/// Slice Thickness of a dataset or an item, mm.
fn positive_thickness(data: &DataSet) -> Option<f64> {
    data.numeric_value(tags::SLICE_THICKNESS)
        .filter(|t| *t > 0.0)
}

/// The cleaned values of [`COPIED`].
fn cleaned_attributes(data: &DataSet, warnings: &mut Vec<String>) -> Vec<(Tag, VR, Vec<u8>)> {
    let mut out = Vec::new();
    for (tag, vr, otherwise) in &COPIED {
        let raw = data.value_bytes(*tag).unwrap_or(&[]);
        let mut value = sanitize_value(*vr, raw);
        if *tag == tags::PATIENT_SEX && !matches!(value.as_slice(), b"M" | b"F" | b"O") {
            value.clear();
        }
        if value.is_empty() && raw.iter().any(|b| *b > b' ') {
            warnings.push(format!(
                "{} of the source is not valid and was omitted",
                element_name(*tag)
            ));
        }
        let most = match *vr {
            VR::SH => 16,
            VR::LO => 64,
            _ => usize::MAX,
        };
        if value.len() > most
            && std::str::from_utf8(&value).map_or(true, |t| t.chars().count() > most)
        {
            if matches!(*tag, tags::STUDY_DESCRIPTION | tags::STUDY_ID) && value.is_ascii() {
                value.truncate(most);
                warnings.push(format!(
                    "{} of the source is too long and was shortened",
                    element_name(*tag)
                ));
            } else {
                warnings.push(format!(
                    "{} of the source is longer than DICOM allows and was kept",
                    element_name(*tag)
                ));
            }
        }
        if !value.is_empty() || matches!(otherwise, Otherwise::Empty) {
            out.push((*tag, *vr, value));
        }
    }
    out
}

/// De-identification Method Code Sequence of the source, if there is one.
fn deidentification_sequence(data: &DataSet) -> Option<InMemElement> {
    let items = data
        .sequence_items(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE)
        .iter()
        .map(|item| {
            let [value, scheme, meaning] = [
                tags::CODE_VALUE,
                tags::CODING_SCHEME_DESIGNATOR,
                tags::CODE_MEANING,
            ]
            .map(|tag| item.text_value(tag).unwrap_or_default());
            code_item(&Code::new(&value, &scheme, &meaning))
        });
    let items: Vec<_> = items.collect();
    (!items.is_empty())
        .then(|| sequence_element(tags::DEIDENTIFICATION_METHOD_CODE_SEQUENCE, items))
}

/// The name of an element in warnings.
fn element_name(tag: Tag) -> String {
    use dicom_core::dictionary::{DataDictionary, DataDictionaryEntry};
    let entry = dicom_dictionary_std::StandardDataDictionary.by_tag(tag);
    entry.map_or_else(|| tag.to_string(), |e| e.alias().to_owned())
}

fn study_uid(data: &DataSet, warnings: &mut Vec<String>) -> InMemElement {
    let uid = data
        .text_value(tags::STUDY_INSTANCE_UID)
        .filter(|uid| is_uid(uid))
        .unwrap_or_else(|| {
            warnings
                .push("the source has no valid Study Instance UID; a new one was created".into());
            new_uid()
        });
    text_element(tags::STUDY_INSTANCE_UID, VR::UI, uid)
}

/// The source of each slice; `None` if one has no valid UID, because incomplete references would be misleading.
fn source_references(
    series: &Series,
    first: &DicomFile,
    warnings: &mut Vec<String>,
) -> Option<Vec<Reference>> {
    let first_path = series.slices.first()?.source.path.as_path();
    let mut whole_files: HashMap<&Path, Option<Reference>> = HashMap::new();
    let references: Option<Vec<Reference>> = series
        .slices
        .iter()
        .map(|slice| {
            let path = slice.source.path.as_path();
            let whole = whole_files.entry(path).or_insert_with(|| {
                if path == first_path {
                    whole_file(series, first)
                } else {
                    whole_file_at(series, path, first)
                }
            });
            slice_reference(slice, whole.as_ref()?)
        })
        .collect();
    match &references {
        None if series.slices.iter().any(Slice::shares_its_uid) => warnings.push(
            "different images of the source share one SOP Instance UID; the new object has no \
             references to them, only positions"
                .into(),
        ),
        None => warnings.push(
            "an image of the source has no valid UID; the new object has no references to its \
             source"
                .into(),
        ),
        // A corrected UID would refer to another instance, or to none.
        Some(all) if all.iter().any(breaks_uid_rules) => warnings.push(
            "UIDs of the source are not valid in DICOM (leading zeros); they are used unchanged"
                .into(),
        ),
        Some(_) => {}
    }
    references
}

/// The reference that all frames of the file `path` share; if it cannot be opened, it is assumed to be like `first`.
fn whole_file_at(series: &Series, path: &Path, first: &DicomFile) -> Option<Reference> {
    let own = DicomFile::open(path).ok();
    whole_file(series, own.as_ref().unwrap_or(first))
}

/// The reference of a slice, given the one that all frames of its file share; `None` if it has no unique UID.
fn slice_reference(slice: &Slice, whole: &Reference) -> Option<Reference> {
    let instance = slice.sop_instance_uid.clone().filter(|uid| is_uid(uid))?;
    let frame = slice.source.frame + 1;
    Some(Reference {
        instance,
        frame: whole.frame.map(|_| frame),
        ..whole.clone()
    })
}

/// True if a UID has leading zeros, which the standard forbids.
fn breaks_uid_rules(reference: &Reference) -> bool {
    has_leading_zero(&reference.instance) || has_leading_zero(&reference.series)
}

fn valid_uid(uid: String) -> Option<String> {
    is_uid(&uid).then_some(uid)
}

/// The reference that all frames of a file share.
fn whole_file(series: &Series, file: &DicomFile) -> Option<Reference> {
    let series_uid = file.data.text_value(tags::SERIES_INSTANCE_UID);
    let frames = file.data.integer_value(tags::NUMBER_OF_FRAMES).unwrap_or(1);
    Some(Reference {
        series: series_uid
            .and_then(valid_uid)
            .or_else(|| valid_uid(series.id.clone()))?,
        class: valid_uid(file.sop_class.clone()).or_else(|| valid_uid(series.sop_class.clone()))?,
        instance: String::new(),
        frame: (frames > 1).then_some(1),
    })
}

/// Lossy Image Compression Method (0028,2114) of JPEG.
const JPEG: &str = "ISO_10918_1";

/// Lossy compression of the source pixels.
struct LossyCompression {
    ratios: Vec<f64>,
    methods: Vec<String>,
}

impl LossyCompression {
    /// From the header, or from the transfer syntax if the header does not say.
    fn from_file(file: &DicomFile, path: &Path) -> Option<Self> {
        let data = &file.data;
        let method = match file.transfer_syntax.as_str() {
            uids::JPEG_BASELINE8_BIT | uids::JPEG_EXTENDED12_BIT => Some(JPEG),
            uids::JPEGLS_NEAR_LOSSLESS => Some("ISO_14495_1"),
            uids::JPEG2000 => Some("ISO_15444_1"),
            _ => None,
        };
        if data.text_value(tags::LOSSY_IMAGE_COMPRESSION).as_deref() != Some("01")
            && method.is_none()
        {
            return None;
        }
        let mut ratios = data.numeric_values(tags::LOSSY_IMAGE_COMPRESSION_RATIO);
        let mut methods = data.text_values(tags::LOSSY_IMAGE_COMPRESSION_METHOD);
        methods.retain(|m| !sanitize_value(VR::CS, m.as_bytes()).is_empty());
        if ratios.is_empty() {
            ratios.push(size_ratio(data, path));
        }
        if methods.is_empty() {
            methods.push(method.unwrap_or(JPEG).into());
        }
        // Both lists have one value per compression step.
        let steps = ratios.len().min(methods.len());
        ratios.truncate(steps);
        methods.truncate(steps);
        Some(Self { ratios, methods })
    }
}

/// Approximate compression ratio, for headers without one: size of the uncompressed pixels over size of the file.
fn size_ratio(data: &DataSet, path: &Path) -> f64 {
    let frame_pixels = number_or_one(data, tags::ROWS) * number_or_one(data, tags::COLUMNS);
    let pixels = frame_pixels * number_or_one(data, tags::NUMBER_OF_FRAMES);
    let sample_bytes = (number_or_one(data, tags::BITS_ALLOCATED) / 8.0).ceil();
    let bytes = pixels * number_or_one(data, tags::SAMPLES_PER_PIXEL) * sample_bytes;
    compression_ratio(bytes, path)
}

/// A number in the header; 1 if it is missing or smaller.
fn number_or_one(data: &DataSet, tag: Tag) -> f64 {
    data.numeric_value(tag).unwrap_or(1.0).max(1.0)
}

/// The ratio of `uncompressed` to the size of the file, to one decimal, at least 1.
fn compression_ratio(uncompressed: f64, path: &Path) -> f64 {
    let file = fs::metadata(path).map_or(0, |m| m.len()).max(1) as f64;
    ((uncompressed / file * 10.0).round() / 10.0).max(1.0)
}

/// The compression ratio of a JPEG file; `None` for other image files.
fn jpeg_ratio(series: &Series, slice: &Slice) -> Option<f64> {
    let path = &slice.source.path;
    let extension = path.extension()?.to_str()?.to_lowercase();
    let samples = if series.color { 3 } else { 1 };
    let is_jpeg = matches!(extension.as_str(), "jpg" | "jpeg" | "jfif");
    is_jpeg.then(|| compression_ratio((series.columns * series.rows * samples) as f64, path))
}

/// The elements of lossy compression.
fn lossy_compression_elements(loss: Option<LossyCompression>) -> Vec<InMemElement> {
    let Some(LossyCompression { ratios, methods }) = loss else {
        return vec![text_element(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "00")];
    };
    vec![
        text_element(tags::LOSSY_IMAGE_COMPRESSION, VR::CS, "01"),
        decimal_element(tags::LOSSY_IMAGE_COMPRESSION_RATIO, &ratios),
        text_element(
            tags::LOSSY_IMAGE_COMPRESSION_METHOD,
            VR::CS,
            methods.join("\\"),
        ),
    ]
}
