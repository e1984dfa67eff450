//! Reads Grayscale Softcopy Presentation States (PS3.3 A.33.1): what they say about the view of other images.
//!
//! The reader is tolerant: what is damaged or not supported is left out, and named in
//! [`PresentationState::not_shown`].

mod annotations;
mod attach;

pub use attach::attach_states;

use super::{
    dataset::DataSet,
    file::DicomFile,
    moments::{display_date, display_time},
    references::uid_and_frames,
    text::decoded_text,
};
use annotations::AnnotationReader;
use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use labrum_core::{
    image::{Rescale, VoiFunction, Window},
    presentation::{DisplayedArea, PresentationState, ReferencedImage, Scoped, Shutter},
};

/// True for the class of presentation states that are applied.
pub(crate) fn is_grey_state(sop_class: &str) -> bool {
    sop_class == uids::GRAYSCALE_SOFTCOPY_PRESENTATION_STATE_STORAGE
}

/// Reads a presentation state; the error is the reason, a clause.
pub(crate) fn read_state(file: &mut DicomFile) -> Result<PresentationState, String> {
    if let Some(reason) = &file.broken {
        return Err(format!("the presentation state is damaged: {reason}"));
    }
    let DicomFile { bytes, data, .. } = file;
    let data = &*data;
    let images: Vec<ReferencedImage> = data
        .sequence_items(tags::REFERENCED_SERIES_SEQUENCE)
        .iter()
        .flat_map(referenced_images)
        .collect();
    if images.is_empty() {
        return Err("the presentation state refers to no image".into());
    }
    let charset = data.text_values(tags::SPECIFIC_CHARACTER_SET);
    let mut remarks = Remarks::default();
    let quarter_turns = quarter_turns(data, &mut remarks);
    let windows = windows(data, &mut remarks);
    let areas = displayed_areas(data, &mut remarks);
    let shutters = shutters(data, &mut remarks);
    remark_on_tables(data, &mut remarks);
    let annotations = AnnotationReader::new(bytes, &charset, &mut remarks).read_all(data);
    let level = data
        .numeric_value(tags::SHUTTER_PRESENTATION_VALUE)
        .unwrap_or(0.0);
    Ok(PresentationState {
        uid: data.text_value(tags::SOP_INSTANCE_UID).unwrap_or_default(),
        label: data.text_value(tags::CONTENT_LABEL).unwrap_or_default(),
        description: decoded_text(data, tags::CONTENT_DESCRIPTION, &charset),
        created: creation_moment(data),
        images,
        rescale: Rescale {
            slope: data
                .numeric_value(tags::RESCALE_SLOPE)
                .filter(|slope| *slope != 0.0)
                .unwrap_or(1.0),
            intercept: data.numeric_value(tags::RESCALE_INTERCEPT).unwrap_or(0.0),
        },
        windows,
        is_inverted: data.text_value(tags::PRESENTATION_LUT_SHAPE).as_deref() == Some("INVERSE"),
        quarter_turns,
        is_flipped: data.text_value(tags::IMAGE_HORIZONTAL_FLIP).as_deref() == Some("Y"),
        areas,
        shutters,
        shutter_level: (level / 65_535.0).clamp(0.0, 1.0) as f32,
        annotations,
        not_shown: remarks.0,
    })
}

/// What is not shown, each once.
#[derive(Default)]
struct Remarks(Vec<String>);

impl Remarks {
    fn add(&mut self, clause: &str) {
        if !self.0.iter().any(|known| known == clause) {
            self.0.push(clause.to_owned());
        }
    }
}

/// The images that an item refers to.
fn referenced_images(item: &DataSet) -> Vec<ReferencedImage> {
    item.sequence_items(tags::REFERENCED_IMAGE_SEQUENCE)
        .iter()
        .filter_map(uid_and_frames)
        .map(|(uid, frames)| ReferencedImage { uid, frames })
        .collect()
}

/// "2024-01-31 10:11:12", as far as it is known.
fn creation_moment(data: &DataSet) -> String {
    let date = display_date(data, tags::PRESENTATION_CREATION_DATE);
    let time = display_time(data, tags::PRESENTATION_CREATION_TIME);
    format!("{date} {time}").trim().to_owned()
}

/// Clockwise rotations by 90 degrees.
fn quarter_turns(data: &DataSet, remarks: &mut Remarks) -> u8 {
    let degrees = data.integer_value(tags::IMAGE_ROTATION).unwrap_or(0);
    match degrees.rem_euclid(360) {
        0 => 0,
        90 => 1,
        180 => 2,
        270 => 3,
        _ => {
            remarks.add("its rotation is not a multiple of 90 degrees and is not applied");
            0
        }
    }
}

fn windows(data: &DataSet, remarks: &mut Remarks) -> Vec<Scoped<Window>> {
    let mut out = Vec::new();
    for item in data.sequence_items(tags::SOFTCOPY_VOILUT_SEQUENCE) {
        let function = match item.text_value(tags::VOILUT_FUNCTION).as_deref() {
            Some("LINEAR_EXACT") => VoiFunction::LinearExact,
            Some("SIGMOID") => VoiFunction::Sigmoid,
            _ => VoiFunction::Linear,
        };
        let center = item.numeric_value(tags::WINDOW_CENTER);
        let width = item
            .numeric_value(tags::WINDOW_WIDTH)
            .filter(|width| *width > 0.0);
        match center.zip(width) {
            Some((center, width)) => out.push(Scoped {
                images: referenced_images(item),
                content: Window {
                    center,
                    width,
                    function,
                },
            }),
            None if item.has_value(tags::VOILUT_SEQUENCE) => {
                remarks.add("its VOI lookup table is not applied")
            }
            None => remarks.add("one of its windows is damaged and is not applied"),
        }
    }
    out
}

/// Displayed Area TLHC and BRHC are pixels, counted from 1, and belong to the area; after a rotation or flip the upper left
/// one on the screen may be another corner on the image.
fn displayed_areas(data: &DataSet, remarks: &mut Remarks) -> Vec<Scoped<DisplayedArea>> {
    let mut out = Vec::new();
    for item in data.sequence_items(tags::DISPLAYED_AREA_SELECTION_SEQUENCE) {
        let corners = item
            .numeric_array::<2>(tags::DISPLAYED_AREA_TOP_LEFT_HAND_CORNER)
            .zip(item.numeric_array::<2>(tags::DISPLAYED_AREA_BOTTOM_RIGHT_HAND_CORNER));
        let Some((first, last)) = corners else {
            remarks.add("one of its displayed areas is damaged and is not applied");
            continue;
        };
        if matches!(
            item.text_value(tags::PRESENTATION_SIZE_MODE).as_deref(),
            Some("TRUE SIZE" | "MAGNIFY")
        ) {
            remarks.add("its magnification is not applied: the displayed area fills the view");
        }
        out.push(Scoped {
            images: referenced_images(item),
            content: DisplayedArea {
                low: [0, 1].map(|axis| (first[axis].min(last[axis]) - 1.0) as f32),
                high: [0, 1].map(|axis| first[axis].max(last[axis]) as f32),
            },
        });
    }
    out
}

/// Display Shutter: edges are columns and rows, points are rows and columns, counted from 1.
fn shutters(data: &DataSet, remarks: &mut Remarks) -> Vec<Shutter> {
    let mut out = Vec::new();
    for shape in data.text_values(tags::SHUTTER_SHAPE) {
        let shutter = match shape.as_str() {
            "RECTANGULAR" => rectangular_shutter(data),
            "CIRCULAR" => circular_shutter(data),
            "POLYGONAL" => polygonal_shutter(data),
            _ => {
                remarks.add("its bitmap shutter is not applied");
                continue;
            }
        };
        match shutter {
            Some(shutter) => out.push(shutter),
            None => remarks.add("its shutter is damaged and is not applied"),
        }
    }
    if out.is_empty() && data.has_value(tags::SHUTTER_OVERLAY_GROUP) {
        remarks.add("its bitmap shutter is not applied");
    }
    out
}

/// A number as a coordinate.
fn coordinate(data: &DataSet, tag: Tag) -> Option<f32> {
    data.numeric_value(tag).map(|value| value as f32)
}

fn rectangular_shutter(data: &DataSet) -> Option<Shutter> {
    let left = coordinate(data, tags::SHUTTER_LEFT_VERTICAL_EDGE)?;
    let right = coordinate(data, tags::SHUTTER_RIGHT_VERTICAL_EDGE)?;
    let upper = coordinate(data, tags::SHUTTER_UPPER_HORIZONTAL_EDGE)?;
    let lower = coordinate(data, tags::SHUTTER_LOWER_HORIZONTAL_EDGE)?;
    (left <= right && upper <= lower).then_some(Shutter::Rectangle {
        low: [left - 1.0, upper - 1.0],
        high: [right, lower],
    })
}

fn circular_shutter(data: &DataSet) -> Option<Shutter> {
    let [row, column] = data.numeric_array::<2>(tags::CENTER_OF_CIRCULAR_SHUTTER)?;
    let radius = coordinate(data, tags::RADIUS_OF_CIRCULAR_SHUTTER)?;
    (radius > 0.0).then_some(Shutter::Circle {
        center: [column as f32 - 0.5, row as f32 - 0.5],
        radius,
    })
}

fn polygonal_shutter(data: &DataSet) -> Option<Shutter> {
    let values = data.numeric_values(tags::VERTICES_OF_THE_POLYGONAL_SHUTTER);
    let corners: Vec<[f32; 2]> = values
        .as_chunks::<2>()
        .0
        .iter()
        .map(|[row, column]| [*column as f32 - 0.5, *row as f32 - 0.5])
        .collect();
    (corners.len() >= 3).then_some(Shutter::Polygon(corners))
}

/// What changes grey levels in a way that is not applied, and overlays.
fn remark_on_tables(data: &DataSet, remarks: &mut Remarks) {
    for (tag, clause) in [
        (
            tags::MODALITY_LUT_SEQUENCE,
            "its modality lookup table is not applied",
        ),
        (
            tags::PRESENTATION_LUT_SEQUENCE,
            "its presentation lookup table is not applied",
        ),
        (
            tags::MASK_SUBTRACTION_SEQUENCE,
            "its subtraction is not applied",
        ),
    ] {
        if data.has_value(tag) {
            remarks.add(clause);
        }
    }
    let has_overlay = data
        .elements
        .keys()
        .any(|tag| (0x6000..=0x601E).contains(&tag.group()) && tag.element() == 0x3000);
    if has_overlay {
        remarks.add("its overlays are not shown");
    }
}

#[cfg(test)]
mod tests;
