//! Puts the modules of a segmentation together and encodes them.

use super::{
    AlgorithmType, Authorship, Content, Options, SegmentationType,
    charset::Charset,
    element::{ascii, empty, encoded, file_bytes, item, new_uid, shorts, text},
    frames::{FrameToWrite, multi_frame, referenced_series},
    origin::Origin,
    pack::Packer,
    segments::{label_name, segments},
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

const TRIED: &str = "write the segmentation";
const PRODUCT: &str = "Labrum";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A segmentation before it is on disk.
pub(super) struct EncodedSegmentation {
    pub(super) bytes: Vec<u8>,
    pub(super) sop_instance_uid: String,
    pub(super) series_instance_uid: String,
    pub(super) frames: Vec<FrameToWrite>,
    pub(super) warnings: Vec<String>,
}

/// The file's bytes. The content must fit the series (checked by the caller).
pub(super) fn encode(
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
        .chain([series.description.clone(), creator(authors).to_owned()])
        .all(|t| t.is_ascii());
    let mut origin = Origin::of(series, own_is_ascii)?;
    let mut warnings = std::mem::take(&mut origin.warnings);
    let space = SeriesGeometry::of(series, &origin, options.synthetic_geometry, &mut warnings);
    let frames = plan(given, labels.len(), options.skip_empty_frames);
    let pixels = pixel_data(&frames, given, series.columns * series.rows)?;
    let (sop_instance_uid, series_instance_uid) = (new_uid(), new_uid());

    let mut dataset = item(std::mem::take(&mut origin.elements));
    let mut put =
        |elements: Vec<InMemElement>| elements.into_iter().for_each(|e| drop(dataset.put(e)));
    put(general(
        series,
        given.kind(),
        authors,
        &sop_instance_uid,
        &series_instance_uid,
    ));
    put(equipment());
    put(content(
        series,
        creator(authors),
        &origin.charset,
        space.as_ref(),
    ));
    put(image(series, given.kind(), frames.len()));
    put(vec![segments(
        labels,
        authors,
        given.kind(),
        &origin.charset,
    )]);
    put(multi_frame(&frames, &origin, space.as_ref()));
    put(references(&frames, &origin));
    put(frame_of_reference(space.as_ref(), &origin));
    let syntax = if options.rle && given.kind() != SegmentationType::Binary {
        put(vec![compressed(&pixels, frames.len(), series)]);
        uids::RLE_LOSSLESS
    } else {
        put(vec![DataElement::new(
            tags::PIXEL_DATA,
            VR::OB,
            PrimitiveValue::U8(pixels.into()),
        )]);
        uids::EXPLICIT_VR_LITTLE_ENDIAN
    };
    if options.rle && given.kind() == SegmentationType::Binary {
        warnings.push("BINARY is written uncompressed: DICOM knows no RLE of single bits".into());
    }
    Ok(EncodedSegmentation {
        bytes: file_bytes(dataset, syntax, TRIED)?,
        sop_instance_uid,
        series_instance_uid,
        frames,
        warnings,
    })
}

/// Who drew, as far as a name is known.
fn creator(authors: &[Authorship]) -> &str {
    authors
        .iter()
        .map(|a| a.person.trim())
        .find(|p| !p.is_empty())
        .unwrap_or_default()
}

/// Which frames are written: segment after segment, every slice; of a label map every slice.
fn plan(given: Content<'_>, labels: usize, skip_empty: bool) -> Vec<FrameToWrite> {
    let segments: Vec<Option<u8>> = match given.kind() {
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
    let holds: Vec<[bool; 256]> = slices.map(|slice| present(given, slice)).collect();
    let is_empty = |f: &&FrameToWrite| match f.segment {
        Some(segment) => !holds[f.slice][usize::from(segment)],
        None => holds[f.slice][1..].iter().all(|held| !held),
    };
    let frames: Vec<FrameToWrite> = all.iter().filter(|f| !is_empty(f)).copied().collect();
    // A segmentation without any frame is none.
    if frames.is_empty() {
        all.into_iter().take(1).collect()
    } else {
        frames
    }
}

/// Which labels a slice holds.
fn present(given: Content<'_>, slice: usize) -> [bool; 256] {
    let mut present = [false; 256];
    match given {
        Content::Binary(masks) | Content::LabelMap(masks) => {
            masks[slice]
                .labels()
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
    let is_binary = given.kind() == SegmentationType::Binary;
    let values = frames.len() * pixels;
    let bytes = if is_binary {
        values.div_ceil(8)
    } else {
        values
    };
    if bytes >= u32::MAX as usize {
        let reason = "its frames take more than the 4 GiB that DICOM allows";
        return Err(Error::new("write the segmentation", reason).advise("Leave out empty frames."));
    }
    if is_binary {
        let mut packer = Packer::with_capacity(values);
        for frame in frames {
            given
                .values(frame.slice, frame.segment)
                .iter()
                .for_each(|&value| packer.push(value != 0));
        }
        return Ok(packer.finish());
    }
    let mut out = Vec::with_capacity(bytes.next_multiple_of(2));
    frames
        .iter()
        .for_each(|frame| out.extend(given.values(frame.slice, frame.segment)));
    out.resize(bytes.next_multiple_of(2), 0);
    Ok(out)
}

/// One fragment of RLE for each frame of 8 bits.
fn compressed(pixels: &[u8], frames: usize, series: &Series) -> InMemElement {
    let each = pixels
        .chunks_exact(series.columns * series.rows)
        .take(frames);
    let fragments: Vec<Vec<u8>> = each
        .map(|frame| rle::encode(frame, series.columns))
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
fn general(
    series: &Series,
    kind: SegmentationType,
    authors: &[Authorship],
    sop_instance_uid: &str,
    series_uid: &str,
) -> Vec<InMemElement> {
    let now = jiff::Zoned::now();
    let (date, time) = (
        now.strftime("%Y%m%d").to_string(),
        now.strftime("%H%M%S").to_string(),
    );
    let number = 1000 + series.number.unwrap_or(0).clamp(0, 1_000_000_000);
    let model = authors
        .iter()
        .find(|a| a.algorithm_type != AlgorithmType::Manual);
    let by = model.map_or("Segmentation".to_owned(), |author| {
        format!("Segmentation by {}", author.name())
    });
    let class = match kind {
        SegmentationType::LabelMap => uids::LABEL_MAP_SEGMENTATION_STORAGE,
        SegmentationType::Binary | SegmentationType::Fractional => uids::SEGMENTATION_STORAGE,
    };
    vec![
        text(tags::SOP_CLASS_UID, VR::UI, class),
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
        text(
            tags::DEVICE_SERIAL_NUMBER,
            VR::LO,
            IMPLEMENTATION_VERSION_NAME,
        ),
        text(tags::SOFTWARE_VERSIONS, VR::LO, VERSION),
    ]
}

/// Content Identification and what is to be said about the source.
fn content(
    series: &Series,
    creator: &str,
    charset: &Charset,
    space: Option<&SeriesGeometry>,
) -> Vec<InMemElement> {
    let synthetic = space.is_some_and(|s| s.is_synthetic);
    let description = match series.kind {
        Kind::Picture if synthetic => "Segmentation of a picture, synthetic geometry",
        Kind::Picture => "Segmentation of a volume that is not DICOM",
        Kind::Dicom if synthetic => "Segmentation, synthetic geometry",
        Kind::Dicom => "Segmentation",
    };
    let mut out = vec![
        text(tags::CONTENT_LABEL, VR::CS, "SEGMENTATION"),
        text(tags::CONTENT_DESCRIPTION, VR::LO, description),
        encoded(
            tags::CONTENT_CREATOR_NAME,
            VR::PN,
            charset.encode(&one_line(creator, 64)),
        ),
    ];
    if let Some(term) = charset.term() {
        out.push(text(tags::SPECIFIC_CHARACTER_SET, VR::CS, term));
    }
    if series.kind == Kind::Picture {
        let files = format!(
            "Made from a picture that is not DICOM: {}",
            series.description
        );
        out.push(encoded(
            tags::STUDY_DESCRIPTION,
            VR::LO,
            charset.encode(&one_line(&series.description, 64)),
        ));
        out.push(encoded(
            tags::DERIVATION_DESCRIPTION,
            VR::ST,
            charset.encode(&one_line(&files, 200)),
        ));
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
    text.chars()
        .map(|c| if c.is_control() || c == '\\' { ' ' } else { c })
        .take(most)
        .collect()
}

/// General Image, Image Pixel and Segmentation Image without the segments.
fn image(series: &Series, kind: SegmentationType, frames: usize) -> Vec<InMemElement> {
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
        text(tags::IMAGE_TYPE, VR::CS, "DERIVED\\PRIMARY"),
        text(tags::INSTANCE_NUMBER, VR::IS, "1"),
        shorts(tags::SAMPLES_PER_PIXEL, &[1]),
        text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2"),
        text(tags::NUMBER_OF_FRAMES, VR::IS, frames.to_string()),
        shorts(tags::ROWS, &[series.rows as u16]),
        shorts(tags::COLUMNS, &[series.columns as u16]),
        shorts(tags::BITS_ALLOCATED, &[bits]),
        shorts(tags::BITS_STORED, &[bits]),
        shorts(tags::HIGH_BIT, &[bits - 1]),
        shorts(tags::PIXEL_REPRESENTATION, &[0]),
        text(tags::SEGMENTATION_TYPE, VR::CS, kind.term()),
        text(tags::SEGMENTS_OVERLAP, VR::CS, overlap),
    ];
    match kind {
        SegmentationType::Binary => {}
        SegmentationType::Fractional => {
            out.push(text(
                tags::SEGMENTATION_FRACTIONAL_TYPE,
                VR::CS,
                "PROBABILITY",
            ));
            out.push(shorts(tags::MAXIMUM_FRACTIONAL_VALUE, &[255]));
        }
        // Background is a value that every frame may hold, described as segment 0 and not to be shown.
        SegmentationType::LabelMap => {
            out.push(shorts(tags::PIXEL_PADDING_VALUE, &[0]));
            out.push(text(tags::PRESENTATION_LUT_SHAPE, VR::CS, "IDENTITY"));
        }
    }
    out
}

fn references(frames: &[FrameToWrite], origin: &Origin) -> Vec<InMemElement> {
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
        text(
            tags::FRAME_OF_REFERENCE_UID,
            VR::UI,
            &space.frame_of_reference,
        ),
        encoded(tags::POSITION_REFERENCE_INDICATOR, VR::LO, indicator),
    ]
}
