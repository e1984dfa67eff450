//! Assembles the modules of a segmentation and encodes them.

use super::{
    AlgorithmType, Authorship, Content, Options, SegmentationType,
    charset::Charset,
    element::{
        empty_element, encoded_text_element, file_bytes, new_uid, one_line, printable_ascii,
        put_all, sequence_item, text_element, u16_element,
    },
    frames::{FrameToWrite, multi_frame, referenced_series},
    origin::Origin,
    pack::Packer,
    segments::{label_name, segment_sequence},
    space::SeriesGeometry,
};
use crate::{IMPLEMENTATION_VERSION_NAME, decode::rle};
use dicom_core::{DataElement, PrimitiveValue, VR, value::PixelFragmentSequence};
use dicom_dictionary_std::{tags, uids};
use dicom_object::mem::InMemElement;
use labrum_core::{
    Error, Result,
    label::Label,
    study::{Kind, Series},
};
use std::mem;

const TRIED: &str = "write the segmentation";
const PRODUCT: &str = "Labrum";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// An encoded segmentation.
pub(super) struct EncodedSegmentation {
    pub(super) bytes: Vec<u8>,
    pub(super) sop_instance_uid: String,
    pub(super) series_instance_uid: String,
    pub(super) frames: Vec<FrameToWrite>,
    pub(super) warnings: Vec<String>,
}

/// Encodes the file. The content must match the series (checked by the caller).
pub(super) fn encode_file(
    series: &Series,
    given: Content<'_>,
    labels: &[Label],
    authors: &[Authorship],
    options: Options,
) -> Result<EncodedSegmentation> {
    let names = labels
        .iter()
        .enumerate()
        .map(|(i, label)| label_name(label, i as u16 + 1));
    let own_is_ascii = names
        .chain([
            series.description.clone(),
            content_creator(authors).to_owned(),
        ])
        .all(|t| t.is_ascii());
    let mut origin = Origin::from_series(series, own_is_ascii)?;
    let mut warnings = mem::take(&mut origin.warnings);
    let space =
        SeriesGeometry::from_series(series, &origin, options.synthetic_geometry, &mut warnings);
    let frames = plan_frames(given, labels.len(), options.skip_empty_frames);
    let pixels = pixel_data(&frames, given, series.columns * series.rows)?;
    let sop_instance_uid = new_uid();
    let series_instance_uid = new_uid();

    let mut dataset = sequence_item(mem::take(&mut origin.elements));
    let kind = given.segmentation_type();
    put_all(
        &mut dataset,
        sop_and_series_elements(
            series,
            kind,
            authors,
            &sop_instance_uid,
            &series_instance_uid,
        ),
    );
    put_all(&mut dataset, equipment_elements());
    let creator = content_creator(authors);
    put_all(
        &mut dataset,
        content_elements(series, creator, &origin.charset, space.as_ref()),
    );
    put_all(&mut dataset, image_elements(series, kind, frames.len()));
    dataset.put(segment_sequence(labels, authors, kind, &origin.charset));
    put_all(&mut dataset, multi_frame(&frames, &origin, space.as_ref()));
    put_all(&mut dataset, reference_elements(&frames, &origin));
    put_all(&mut dataset, frame_of_reference(space.as_ref(), &origin));
    let syntax = if options.rle && kind != SegmentationType::Binary {
        dataset.put(rle_pixel_data(&pixels, frames.len(), series));
        uids::RLE_LOSSLESS
    } else {
        dataset.put(DataElement::new(
            tags::PIXEL_DATA,
            VR::OB,
            PrimitiveValue::U8(pixels.into()),
        ));
        uids::EXPLICIT_VR_LITTLE_ENDIAN
    };
    if options.rle && kind == SegmentationType::Binary {
        warnings.push(
            "BINARY is written uncompressed: DICOM does not allow RLE for 1-bit pixels".into(),
        );
    }
    Ok(EncodedSegmentation {
        bytes: file_bytes(dataset, syntax, TRIED)?,
        sop_instance_uid,
        series_instance_uid,
        frames,
        warnings,
    })
}

/// The first person named; empty if there is none.
fn content_creator(authors: &[Authorship]) -> &str {
    authors
        .iter()
        .map(|a| a.person.trim())
        .find(|p| !p.is_empty())
        .unwrap_or_default()
}

/// The frames to write: for each segment every slice, or for a label map every slice once.
fn plan_frames(given: Content<'_>, labels: usize, skip_empty: bool) -> Vec<FrameToWrite> {
    let segments: Vec<Option<u8>> = match given.segmentation_type() {
        SegmentationType::LabelMap => vec![None],
        _ => (1..=labels as u8).map(Some).collect(),
    };
    let slices = 0..given.len();
    let all = segments.into_iter().flat_map(|segment| {
        slices
            .clone()
            .map(move |slice| FrameToWrite { segment, slice })
    });
    let all: Vec<FrameToWrite> = all.collect();
    if !skip_empty {
        return all;
    }
    let holds: Vec<[bool; 256]> = slices.map(|slice| labels_present(given, slice)).collect();
    let frames: Vec<FrameToWrite> = all
        .iter()
        .filter(|frame| holds_something(**frame, &holds[frame.slice]))
        .copied()
        .collect();
    // A segmentation needs at least one frame.
    if frames.is_empty() {
        all.into_iter().take(1).collect()
    } else {
        frames
    }
}

/// True if a frame is not empty; `present` are the labels of its slice.
fn holds_something(frame: FrameToWrite, present: &[bool; 256]) -> bool {
    match frame.segment {
        Some(segment) => present[usize::from(segment)],
        None => present[1..].iter().any(|is_present| *is_present),
    }
}

/// The labels that occur on a slice.
fn labels_present(given: Content<'_>, slice: usize) -> [bool; 256] {
    let mut present = [false; 256];
    match given {
        Content::Binary(masks) | Content::LabelMap(masks) => {
            masks[slice]
                .pixel_labels()
                .iter()
                .for_each(|&l| present[usize::from(l)] = true);
        }
        Content::Fractional(maps) => {
            for (map, held) in maps[slice].iter().zip(&mut present[1..]) {
                *held = map.iter().any(|p| super::in_255ths(*p) > 0);
            }
        }
    }
    present
}

fn pixel_data(frames: &[FrameToWrite], given: Content<'_>, pixels: usize) -> Result<Vec<u8>> {
    let is_binary = given.segmentation_type() == SegmentationType::Binary;
    let values = frames.len() * pixels;
    let bytes = if is_binary {
        values.div_ceil(8)
    } else {
        values
    };
    if bytes >= u32::MAX as usize {
        let reason = "the frames need more than the 4 GiB that DICOM allows";
        return Err(
            Error::new("write the segmentation", reason).with_advice("Leave out empty frames.")
        );
    }
    if is_binary {
        let mut packer = Packer::with_capacity(values);
        for frame in frames {
            given
                .stored_values(frame.slice, frame.segment)
                .iter()
                .for_each(|&value| packer.push_bit(value != 0));
        }
        return Ok(packer.finish());
    }
    let mut out = Vec::with_capacity(bytes.next_multiple_of(2));
    frames
        .iter()
        .for_each(|frame| out.extend(given.stored_values(frame.slice, frame.segment)));
    out.resize(bytes.next_multiple_of(2), 0);
    Ok(out)
}

/// One RLE fragment per 8-bit frame.
fn rle_pixel_data(pixels: &[u8], frames: usize, series: &Series) -> InMemElement {
    let each = pixels
        .chunks_exact(series.columns * series.rows)
        .take(frames);
    let fragments: Vec<Vec<u8>> = each
        .map(|frame| rle::encode_frame(frame, series.columns))
        .collect();
    let mut offset = 0;
    let offsets: Vec<u32> = fragments
        .iter()
        .map(|fragment| {
            let here = offset;
            offset += fragment.len() as u32 + 8;
            here
        })
        .collect();
    DataElement::new(
        tags::PIXEL_DATA,
        VR::OB,
        PixelFragmentSequence::new(offsets, fragments),
    )
}

/// SOP Common and General Series.
fn sop_and_series_elements(
    series: &Series,
    kind: SegmentationType,
    authors: &[Authorship],
    sop_instance_uid: &str,
    series_uid: &str,
) -> Vec<InMemElement> {
    let now = jiff::Zoned::now();
    let date = now.strftime("%Y%m%d").to_string();
    let time = now.strftime("%H%M%S").to_string();
    let number = 1000 + series.number.unwrap_or(0).clamp(0, 1_000_000_000);
    let model = authors
        .iter()
        .find(|a| a.algorithm_type != AlgorithmType::Manual);
    let by = model.map_or("Segmentation".to_owned(), |author| {
        format!("Segmentation by {}", author.recorded_model())
    });
    let class = match kind {
        SegmentationType::LabelMap => uids::LABEL_MAP_SEGMENTATION_STORAGE,
        SegmentationType::Binary | SegmentationType::Fractional => uids::SEGMENTATION_STORAGE,
    };
    vec![
        text_element(tags::SOP_CLASS_UID, VR::UI, class),
        text_element(tags::SOP_INSTANCE_UID, VR::UI, sop_instance_uid),
        text_element(tags::INSTANCE_CREATION_DATE, VR::DA, &date),
        text_element(tags::INSTANCE_CREATION_TIME, VR::TM, &time),
        text_element(tags::CONTENT_DATE, VR::DA, &date),
        text_element(tags::CONTENT_TIME, VR::TM, &time),
        text_element(tags::SERIES_DATE, VR::DA, date),
        text_element(tags::SERIES_TIME, VR::TM, time),
        text_element(tags::MODALITY, VR::CS, "SEG"),
        text_element(tags::SERIES_INSTANCE_UID, VR::UI, series_uid),
        text_element(tags::SERIES_NUMBER, VR::IS, number.to_string()),
        text_element(tags::SERIES_DESCRIPTION, VR::LO, printable_ascii(&by, 64)),
    ]
}

/// General and Enhanced General Equipment.
fn equipment_elements() -> Vec<InMemElement> {
    vec![
        text_element(tags::MANUFACTURER, VR::LO, PRODUCT),
        text_element(tags::MANUFACTURER_MODEL_NAME, VR::LO, PRODUCT),
        // Required by the standard; all copies of a version count as the same device.
        text_element(
            tags::DEVICE_SERIAL_NUMBER,
            VR::LO,
            IMPLEMENTATION_VERSION_NAME,
        ),
        text_element(tags::SOFTWARE_VERSIONS, VR::LO, VERSION),
    ]
}

/// Content Identification, and remarks about the source.
fn content_elements(
    series: &Series,
    creator: &str,
    charset: &Charset,
    space: Option<&SeriesGeometry>,
) -> Vec<InMemElement> {
    let synthetic = space.is_some_and(|s| s.is_synthetic);
    let description = match series.kind {
        Kind::Picture if synthetic => "Segmentation of an image file, synthetic geometry",
        Kind::Picture => "Segmentation of a volume that is not DICOM",
        Kind::Dicom if synthetic => "Segmentation, synthetic geometry",
        Kind::Dicom => "Segmentation",
    };
    let mut out = vec![
        text_element(tags::CONTENT_LABEL, VR::CS, "SEGMENTATION"),
        text_element(tags::CONTENT_DESCRIPTION, VR::LO, description),
        encoded_text_element(
            tags::CONTENT_CREATOR_NAME,
            VR::PN,
            charset.encode_text(&one_line(creator, 64)),
        ),
    ];
    if let Some(term) = charset.defined_term() {
        out.push(text_element(tags::SPECIFIC_CHARACTER_SET, VR::CS, term));
    }
    if series.kind == Kind::Picture {
        let files = format!(
            "Made from an image that is not DICOM: {}",
            series.description
        );
        out.push(encoded_text_element(
            tags::STUDY_DESCRIPTION,
            VR::LO,
            charset.encode_text(&one_line(&series.description, 64)),
        ));
        out.push(encoded_text_element(
            tags::DERIVATION_DESCRIPTION,
            VR::ST,
            charset.encode_text(&one_line(&files, 200)),
        ));
    }
    if synthetic {
        let comment = "Frame of reference, position and orientation are synthetic: the source has no geometry.";
        out.push(text_element(tags::IMAGE_COMMENTS, VR::LT, comment));
    }
    if space.is_none() {
        // Type 2C: required if there is no Image Orientation; its value is unknown.
        out.push(empty_element(tags::PATIENT_ORIENTATION, VR::CS));
    }
    out
}

/// General Image, Image Pixel and Segmentation Image without the segments.
fn image_elements(series: &Series, kind: SegmentationType, frames: usize) -> Vec<InMemElement> {
    let bits = if kind == SegmentationType::Binary {
        1
    } else {
        8
    };
    let overlap = if kind == SegmentationType::Fractional {
        "UNDEFINED"
    } else {
        "NO"
    };
    let mut out = vec![
        text_element(tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY"),
        text_element(tags::INSTANCE_NUMBER, VR::IS, "1"),
        u16_element(tags::SAMPLES_PER_PIXEL, &[1]),
        text_element(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
        text_element(tags::NUMBER_OF_FRAMES, VR::IS, frames.to_string()),
        u16_element(tags::ROWS, &[series.rows as u16]),
        u16_element(tags::COLUMNS, &[series.columns as u16]),
        u16_element(tags::BITS_ALLOCATED, &[bits]),
        u16_element(tags::BITS_STORED, &[bits]),
        u16_element(tags::HIGH_BIT, &[bits - 1]),
        u16_element(tags::PIXEL_REPRESENTATION, &[0]),
        text_element(tags::SEGMENTATION_TYPE, VR::CS, kind.defined_term()),
        text_element(tags::SEGMENTS_OVERLAP, VR::CS, overlap),
    ];
    match kind {
        SegmentationType::Binary => {}
        SegmentationType::Fractional => {
            out.push(text_element(
                tags::SEGMENTATION_FRACTIONAL_TYPE,
                VR::CS,
                "PROBABILITY",
            ));
            out.push(u16_element(tags::MAXIMUM_FRACTIONAL_VALUE, &[255]));
        }
        // Background is described as segment 0; as padding value it is not displayed.
        SegmentationType::LabelMap => {
            out.push(u16_element(tags::PIXEL_PADDING_VALUE, &[0]));
            out.push(text_element(
                tags::PRESENTATION_LUT_SHAPE,
                VR::CS,
                "IDENTITY",
            ));
        }
    }
    out
}

fn reference_elements(frames: &[FrameToWrite], origin: &Origin) -> Vec<InMemElement> {
    origin
        .references
        .iter()
        .map(|references| referenced_series(frames, references))
        .collect()
}

fn frame_of_reference(space: Option<&SeriesGeometry>, origin: &Origin) -> Vec<InMemElement> {
    let Some(space) = space else {
        return Vec::new();
    };
    let indicator = if space.is_synthetic {
        Vec::new()
    } else {
        origin.position_reference.clone()
    };
    vec![
        text_element(
            tags::FRAME_OF_REFERENCE_UID,
            VR::UI,
            &space.frame_of_reference,
        ),
        encoded_text_element(tags::POSITION_REFERENCE_INDICATOR, VR::LO, indicator),
    ]
}
