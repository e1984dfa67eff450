//! Presentation states are read as the standard says, and what is not shown is named.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::{
    catalog::{FileContent, read_file_header, scan_path},
    fixture::Fixture,
};
use dicom_core::VR;
use labrum_core::presentation::{
    Graphic, GraphicShape, GraphicText, GraphicUnit, ImageKey, Justification, TextAnchor, TextBox,
};
use tempfile::TempDir;

/// The item of a referenced image.
fn image(uid: &str, frames: &str) -> Fixture {
    let item = Fixture::empty_item().with_text(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, uid);
    match frames {
        "" => item,
        frames => item.with_text(tags::REFERENCED_FRAME_NUMBER, VR::IS, frames),
    }
}

/// A presentation state of the images 1.2.3.1 and, frames 2 and 3, 1.2.3.2.
fn state() -> Fixture {
    let series = Fixture::empty_item()
        .append_item(tags::REFERENCED_IMAGE_SEQUENCE, image("1.2.3.1", ""))
        .append_item(tags::REFERENCED_IMAGE_SEQUENCE, image("1.2.3.2", "2\\3"));
    Fixture::item_file(uids::GRAYSCALE_SOFTCOPY_PRESENTATION_STATE_STORAGE)
        .with_sequence(tags::REFERENCED_SERIES_SEQUENCE, series)
        .with_text(tags::CONTENT_LABEL, VR::CS, "REPORT")
        .with_text(tags::PRESENTATION_CREATION_DATE, VR::DA, "20240131")
        .with_text(tags::PRESENTATION_CREATION_TIME, VR::TM, "101112")
}

fn singles(values: &[f32]) -> Vec<u8> {
    values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect()
}

fn read(fixture: &Fixture) -> PresentationState {
    let folder = tempfile::tempdir().unwrap();
    let path = fixture.write_to_folder(folder.path(), "state.dcm");
    match read_file_header(&path) {
        FileContent::Presentation(state) => *state,
        FileContent::NoImage(reason) | FileContent::Broken(reason) => panic!("{reason}"),
        _ => panic!("not read as a presentation state"),
    }
}

fn graphic(kind: &str, unit: &str, values: &[f32]) -> Fixture {
    Fixture::empty_item()
        .with_text(tags::GRAPHIC_ANNOTATION_UNITS, VR::CS, unit)
        .with_number(tags::NUMBER_OF_GRAPHIC_POINTS, (values.len() / 2) as u16)
        .with_bytes(tags::GRAPHIC_DATA, VR::FL, singles(values))
        .with_text(tags::GRAPHIC_TYPE, VR::CS, kind)
        .with_text(tags::GRAPHIC_FILLED, VR::CS, "N")
}

/// A presentation state with these graphic objects on all of its images.
fn with_graphics(graphics: &[Fixture]) -> PresentationState {
    let item = graphics
        .iter()
        .fold(Fixture::empty_item(), |item, graphic| {
            item.append_item(tags::GRAPHIC_OBJECT_SEQUENCE, graphic.clone())
        });
    read(&state().with_sequence(tags::GRAPHIC_ANNOTATION_SEQUENCE, item))
}

#[test]
fn a_state_is_read_with_its_images() {
    let read = read(&state());
    assert_eq!(read.display_name(), "REPORT, 2024-01-31 10:11:12");
    let refers = |uid, frame| read.refers_to(ImageKey { uid, frame });
    assert!(refers("1.2.3.1", 1) && refers("1.2.3.2", 3));
    assert!(!refers("1.2.3.2", 1) && !refers("1.2.3.9", 1));
    let plain = PresentationState {
        uid: read.uid.clone(),
        label: read.label.clone(),
        created: read.created.clone(),
        images: read.images.clone(),
        ..PresentationState::default()
    };
    assert_eq!(read, plain, "nothing else is said");
}

#[test]
fn greys_turns_and_areas_are_read() {
    let window = Fixture::empty_item()
        .with_text(tags::WINDOW_CENTER, VR::DS, "40")
        .with_text(tags::WINDOW_WIDTH, VR::DS, "400")
        .append_item(tags::REFERENCED_IMAGE_SEQUENCE, image("1.2.3.1", ""));
    let sigmoid = Fixture::empty_item()
        .with_text(tags::WINDOW_CENTER, VR::DS, "-600")
        .with_text(tags::WINDOW_WIDTH, VR::DS, "1500")
        .with_text(tags::VOILUT_FUNCTION, VR::CS, "SIGMOID")
        .append_item(tags::REFERENCED_IMAGE_SEQUENCE, image("1.2.3.2", "2"));
    let longs = |[x, y]: [i32; 2]| [x.to_le_bytes(), y.to_le_bytes()].concat();
    // Flipped: the upper left corner on the screen is the upper right one on the image.
    let area = Fixture::empty_item()
        .with_bytes(
            tags::DISPLAYED_AREA_TOP_LEFT_HAND_CORNER,
            VR::SL,
            longs([100, 11]),
        )
        .with_bytes(
            tags::DISPLAYED_AREA_BOTTOM_RIGHT_HAND_CORNER,
            VR::SL,
            longs([21, 60]),
        )
        .with_text(tags::PRESENTATION_SIZE_MODE, VR::CS, "SCALE TO FIT");
    let read = read(
        &state()
            .append_item(tags::SOFTCOPY_VOILUT_SEQUENCE, window)
            .append_item(tags::SOFTCOPY_VOILUT_SEQUENCE, sigmoid)
            .with_sequence(tags::DISPLAYED_AREA_SELECTION_SEQUENCE, area)
            .with_text(tags::PRESENTATION_LUT_SHAPE, VR::CS, "INVERSE")
            .with_number(tags::IMAGE_ROTATION, 270)
            .with_text(tags::IMAGE_HORIZONTAL_FLIP, VR::CS, "Y")
            .with_text(tags::RESCALE_SLOPE, VR::DS, "1")
            .with_text(tags::RESCALE_INTERCEPT, VR::DS, "-1024"),
    );
    let windows: Vec<Window> = read.windows.iter().map(|scoped| scoped.content).collect();
    let second = Window {
        function: VoiFunction::Sigmoid,
        ..Window::new(-600.0, 1500.0)
    };
    assert_eq!(windows, [Window::new(40.0, 400.0), second]);
    assert_eq!(read.windows[1].images[0].frames, [2]);
    assert!(read.is_inverted && read.is_flipped);
    assert_eq!(read.quarter_turns, 3);
    assert_eq!(read.rescale.intercept, -1024.0);
    let key = ImageKey {
        uid: "1.2.3.1",
        frame: 1,
    };
    let area = read.area_on(key).unwrap();
    assert_eq!((area.low, area.high), ([20.0, 10.0], [100.0, 60.0]));
    assert!(read.not_shown.is_empty(), "{:?}", read.not_shown);
}

#[test]
fn shutters_are_read_with_rows_before_columns() {
    let read = read(
        &state()
            .with_text(
                tags::SHUTTER_SHAPE,
                VR::CS,
                "RECTANGULAR\\CIRCULAR\\POLYGONAL",
            )
            .with_text(tags::SHUTTER_LEFT_VERTICAL_EDGE, VR::IS, "3")
            .with_text(tags::SHUTTER_RIGHT_VERTICAL_EDGE, VR::IS, "20")
            .with_text(tags::SHUTTER_UPPER_HORIZONTAL_EDGE, VR::IS, "5")
            .with_text(tags::SHUTTER_LOWER_HORIZONTAL_EDGE, VR::IS, "30")
            .with_text(tags::CENTER_OF_CIRCULAR_SHUTTER, VR::IS, "15\\10")
            .with_text(tags::RADIUS_OF_CIRCULAR_SHUTTER, VR::IS, "9")
            .with_text(
                tags::VERTICES_OF_THE_POLYGONAL_SHUTTER,
                VR::IS,
                "1\\2\\1\\9\\7\\9",
            )
            .with_number(tags::SHUTTER_PRESENTATION_VALUE, u16::MAX),
    );
    assert_eq!(
        read.shutters,
        [
            Shutter::Rectangle {
                low: [2.0, 4.0],
                high: [20.0, 30.0],
            },
            Shutter::Circle {
                center: [9.5, 14.5],
                radius: 9.0,
            },
            Shutter::Polygon(vec![[1.5, 0.5], [8.5, 0.5], [8.5, 6.5]]),
        ]
    );
    assert_eq!(read.shutter_level, 1.0);
}

#[test]
fn graphics_become_points_and_lines() {
    let read = with_graphics(&[
        graphic("POINT", "PIXEL", &[3.5, 4.5]),
        graphic("POLYLINE", "DISPLAY", &[0.0, 0.0, 0.5, 1.0]),
        graphic("CIRCLE", "PIXEL", &[10.0, 20.0, 13.0, 24.0]),
        graphic(
            "ELLIPSE",
            "PIXEL",
            &[0.0, 5.0, 20.0, 5.0, 10.0, 2.0, 10.0, 8.0],
        ),
        graphic("INTERPOLATED", "PIXEL", &[0.0, 0.0, 4.0, 4.0, 8.0, 0.0]),
    ]);
    let graphics = &read.annotations[0].content.graphics;
    let pixel = |shape| Graphic {
        unit: GraphicUnit::Pixel,
        shape,
    };
    assert_eq!(graphics[0], pixel(GraphicShape::Point([3.5, 4.5])));
    assert_eq!(graphics[1].unit, GraphicUnit::Display);
    let lines: Vec<&Vec<[f32; 2]>> = graphics
        .iter()
        .filter_map(|graphic| match &graphic.shape {
            GraphicShape::Line(points) => Some(points),
            GraphicShape::Point(_) => None,
        })
        .collect();
    assert_eq!(*lines[0], [[0.0, 0.0], [0.5, 1.0]]);
    for [x, y] in lines[1].iter().copied() {
        assert!(((x - 10.0).hypot(y - 20.0) - 5.0).abs() < 1e-4);
    }
    for [x, y] in lines[2].iter().copied() {
        let place = ((x - 10.0) / 10.0).powi(2) + ((y - 5.0) / 3.0).powi(2);
        assert!((place - 1.0).abs() < 1e-4);
    }
    for corner in [[0.0, 0.0], [4.0, 4.0], [8.0, 0.0]] {
        assert!(
            lines[3].contains(&corner),
            "the curve goes through {corner:?}"
        );
    }
    assert!(read.not_shown.is_empty(), "{:?}", read.not_shown);
}

#[test]
fn a_long_line_is_read_though_it_does_not_stay_with_the_header() {
    let values: Vec<f32> = (0..6000).map(|i| i as f32 / 8.0).collect();
    let read = with_graphics(&[graphic("POLYLINE", "PIXEL", &values)]);
    let GraphicShape::Line(points) = &read.annotations[0].content.graphics[0].shape else {
        panic!("not a line")
    };
    assert_eq!(points.len(), 3000);
    assert_eq!(points[2999], [5998.0 / 8.0, 5999.0 / 8.0]);
}

#[test]
fn far_too_many_graphics_are_not_all_read() {
    let circle = graphic("CIRCLE", "PIXEL", &[10.0, 20.0, 13.0, 24.0]);
    let circles: Vec<Fixture> = std::iter::repeat_n(circle, 3200).collect();
    let read = with_graphics(&circles);
    let graphics = &read.annotations[0].content.graphics;
    assert!((3000..3200).contains(&graphics.len()), "{}", graphics.len());
    assert_eq!(
        read.not_shown,
        ["some of its graphics are not shown, because there are too many"]
    );
}

#[test]
fn texts_have_a_box_or_an_anchor() {
    let boxed = Fixture::empty_item()
        .with_text(tags::UNFORMATTED_TEXT_VALUE, VR::ST, "Läsion\r\n12 mm")
        .with_text(tags::BOUNDING_BOX_ANNOTATION_UNITS, VR::CS, "DISPLAY")
        .with_bytes(
            tags::BOUNDING_BOX_TOP_LEFT_HAND_CORNER,
            VR::FL,
            singles(&[0.1, 0.2]),
        )
        .with_bytes(
            tags::BOUNDING_BOX_BOTTOM_RIGHT_HAND_CORNER,
            VR::FL,
            singles(&[0.5, 0.25]),
        )
        .with_text(
            tags::BOUNDING_BOX_TEXT_HORIZONTAL_JUSTIFICATION,
            VR::CS,
            "RIGHT",
        );
    let anchored = Fixture::empty_item()
        .with_text(tags::UNFORMATTED_TEXT_VALUE, VR::ST, "here")
        .with_text(tags::ANCHOR_POINT_ANNOTATION_UNITS, VR::CS, "PIXEL")
        .with_bytes(tags::ANCHOR_POINT, VR::FL, singles(&[7.0, 8.0]))
        .with_text(tags::ANCHOR_POINT_VISIBILITY, VR::CS, "Y");
    let nowhere = Fixture::empty_item().with_text(tags::UNFORMATTED_TEXT_VALUE, VR::ST, "nowhere");
    let item = Fixture::empty_item()
        .append_item(tags::TEXT_OBJECT_SEQUENCE, boxed)
        .append_item(tags::TEXT_OBJECT_SEQUENCE, anchored)
        .append_item(tags::TEXT_OBJECT_SEQUENCE, nowhere);
    let read = read(
        &state()
            .with_text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192")
            .with_sequence(tags::GRAPHIC_ANNOTATION_SEQUENCE, item),
    );
    let expected = [
        GraphicText {
            text: "Läsion\n12 mm".into(),
            text_box: Some(TextBox {
                unit: GraphicUnit::Display,
                corners: [[0.1, 0.2], [0.5, 0.25]],
                justification: Justification::Right,
            }),
            anchor: None,
        },
        GraphicText {
            text: "here".into(),
            text_box: None,
            anchor: Some(TextAnchor {
                unit: GraphicUnit::Pixel,
                point: [7.0, 8.0],
                is_visible: true,
            }),
        },
    ];
    assert_eq!(read.annotations[0].content.texts, expected);
    assert_eq!(
        read.not_shown,
        ["texts without a place in pixels or on the display are not shown"]
    );
}

#[test]
fn what_is_not_shown_is_named_once() {
    let table = Fixture::empty_item().with_sequence(
        tags::VOILUT_SEQUENCE,
        Fixture::empty_item().with_number(tags::LUT_DATA, 1),
    );
    let item = Fixture::empty_item()
        .append_item(
            tags::GRAPHIC_OBJECT_SEQUENCE,
            graphic("POLYLINE", "MATRIX", &[0.0, 0.0, 1.0, 1.0]),
        )
        .append_item(
            tags::GRAPHIC_OBJECT_SEQUENCE,
            graphic("SPIRAL", "PIXEL", &[0.0, 0.0]),
        )
        .append_item(
            tags::GRAPHIC_OBJECT_SEQUENCE,
            graphic("POLYLINE", "PIXEL", &[0.0, f32::NAN, 1.0, 1.0]),
        );
    let read = read(
        &state()
            .append_item(tags::SOFTCOPY_VOILUT_SEQUENCE, table.clone())
            .append_item(tags::SOFTCOPY_VOILUT_SEQUENCE, table)
            .with_sequence(tags::GRAPHIC_ANNOTATION_SEQUENCE, item)
            .with_sequence(tags::PRESENTATION_LUT_SEQUENCE, image("1.2.3.1", ""))
            .with_text(tags::SHUTTER_SHAPE, VR::CS, "BITMAP")
            .with_number(tags::IMAGE_ROTATION, 45)
            .with_words(Tag(0x6000, 0x3000), VR::OW, &[1]),
    );
    assert_eq!(
        read.not_shown,
        [
            "its rotation is not a multiple of 90 degrees and is not applied",
            "its VOI lookup table is not applied",
            "its bitmap shutter is not applied",
            "its presentation lookup table is not applied",
            "its overlays are not shown",
            "graphics in units other than pixels or the display are not shown",
            "graphics that are damaged or of an unknown type are not shown",
        ]
    );
    assert!(read.annotations.is_empty() && read.windows.is_empty());
}

/// Two CT slices in a folder.
fn images(folder: &TempDir) {
    for number in [1, 2] {
        Fixture::new(2, 2)
            .with_slice_position(number, f64::from(number))
            .with_pixels(&[0; 4])
            .write_to_folder(folder.path(), &format!("{number}.dcm"));
    }
}

#[test]
fn states_go_to_the_series_that_they_refer_to_the_newest_first() {
    let folder = tempfile::tempdir().unwrap();
    images(&folder);
    let named = |label: &str, uid: &str, year: &str| {
        state()
            .with_text(tags::CONTENT_LABEL, VR::CS, label)
            .with_text(tags::SOP_INSTANCE_UID, VR::UI, uid)
            .with_text(
                tags::PRESENTATION_CREATION_DATE,
                VR::DA,
                &format!("{year}0131"),
            )
    };
    named("OLD", "1.9.1", "2023").write_to_folder(folder.path(), "old.dcm");
    named("NEW", "1.9.2", "2024").write_to_folder(folder.path(), "new.dcm");
    named("NEW", "1.9.2", "2024").write_to_folder(folder.path(), "copy.dcm");
    let elsewhere =
        Fixture::empty_item().append_item(tags::REFERENCED_IMAGE_SEQUENCE, image("1.2.3.77", ""));
    named("OTHER", "1.9.3", "2024")
        .with_sequence(tags::REFERENCED_SERIES_SEQUENCE, elsewhere)
        .write_to_folder(folder.path(), "other.dcm");
    Fixture::item_file(uids::COLOR_SOFTCOPY_PRESENTATION_STATE_STORAGE)
        .write_to_folder(folder.path(), "color.dcm");
    let catalog = scan_path(folder.path()).unwrap();
    let series = &catalog.studies[0].series[0];
    let labels: Vec<&str> = series
        .presentations
        .iter()
        .map(|state| state.label.as_str())
        .collect();
    assert_eq!(labels, ["NEW", "OLD"]);
    let passed: Vec<(&str, bool)> = catalog
        .passed_over
        .iter()
        .map(|passed| (passed.reason.as_str(), passed.is_failure))
        .collect();
    assert_eq!(
        passed,
        [
            (
                "not an image (Color Presentation State, which is not applied)",
                false
            ),
            (
                "a presentation state for images that are not among these files",
                false
            ),
        ]
    );
}

#[test]
fn a_state_without_images_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let empty = Fixture::item_file(uids::GRAYSCALE_SOFTCOPY_PRESENTATION_STATE_STORAGE)
        .write_to_folder(folder.path(), "state.dcm");
    let FileContent::NoImage(reason) = read_file_header(&empty) else {
        panic!("read as something else")
    };
    assert_eq!(reason, "the presentation state refers to no image");
}
