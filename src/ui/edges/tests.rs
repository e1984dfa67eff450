//! Tests of `edges`.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::session::{information::ImageInformation, turn::Turn, view::ViewPlacement};
use labrum_core::{
    geometry::{PixelSpacing, SpacingSource},
    image::{Image, Pixels},
    scale::ScaledRegion,
};

#[test]
fn the_scale_bar_has_the_scale_of_the_region_below_it_or_is_omitted() {
    let region = |from: u32, to: u32, mm: f64| ScaledRegion {
        low: [from, 0],
        high: [to, 99],
        spacing: Some(PixelSpacing {
            row: mm,
            column: mm,
            source: SpacingSource::UltrasoundRegion,
        }),
        has_priority: true,
    };
    let image = Image::new(300, 100, Pixels::U8(vec![0; 30_000])).unwrap();
    let image = Image {
        regions: vec![region(0, 149, 0.5), region(150, 299, 0.1)],
        ..image
    };
    // One point per pixel: the bar has at least 60 points, in the lower left corner.
    let placement = ViewPlacement::upright([1.0; 2], [0.0; 2]);
    let under = |left: f32| mm_per_point(&image, pos2(left, 90.0), placement);
    assert_eq!([under(10.0), under(160.0)], [Some(0.5), Some(0.1)]);
    assert_eq!(
        [under(100.0), under(280.0), under(-20.0)],
        [None; 3],
        "across two regions, and partly outside of the image"
    );
    // Rotated clockwise, columns run to the left: the bar lies along one of the columns, within its region.
    let turned = ViewPlacement {
        scale: [1.0, 2.0],
        origin: [200.0, 0.0],
        turn: Turn::UPRIGHT.rotated_right(),
    };
    let under = |top: f32| mm_per_point(&image, pos2(20.0, top), turned);
    assert_eq!([under(10.0), under(160.0)], [Some(0.25), Some(0.05)]);
}

#[test]
fn orientation_letters_avoid_other_texts() {
    let room = Rect::from_min_max(pos2(0.0, 0.0), pos2(400.0, 300.0));
    let words = Rect::from_min_max(pos2(12.0, 0.0), pos2(240.0, 48.0));
    let more = Rect::from_min_max(pos2(12.0, 52.0), pos2(300.0, 80.0));
    let size = vec2(20.0, 16.0);
    let top = |taken: &[Rect]| {
        nearest_free_rect(
            room,
            taken,
            Align2::CENTER_TOP,
            size,
            &[SearchDirection::Down],
        )
        .map(|place| place.top())
    };
    assert_eq!(
        [top(&[]), top(&[words]), top(&[words, more])],
        [Some(0.0), Some(51.0), Some(83.0)]
    );
    let all = Rect::from_min_max(pos2(0.0, 0.0), pos2(400.0, 200.0));
    assert_eq!(top(&[all]), None, "too far from the upper edge");
    assert_eq!(
        nearest_free_rect(
            room,
            &[],
            Align2::LEFT_BOTTOM,
            vec2(420.0, 20.0),
            &[SearchDirection::Up]
        ),
        None,
        "wider than the view"
    );
}

fn long_information() -> ImageInformation {
    ImageInformation {
        patient: [
            "Featherstonehaugh-Cholmondeley, Prof. Dr. Maximiliana Theodora Wilhelmina",
            "ID 1234567890-1234567890-1234567890",
            "Born 1957-03-02 \u{b7} F",
        ]
        .map(String::from)
        .into(),
        study: [
            "Cardiac magnetic resonance with contrast, stress and rest",
            "2004-01-19 07:20",
            "Series 12 \u{b7} 07:27",
        ]
        .map(String::from)
        .into(),
        slice: ["F 90.2 mm \u{b7} 8 mm thick", "mm from Pixel Spacing"]
            .map(String::from)
            .into(),
    }
}

#[test]
fn texts_at_the_edges_never_overlap() {
    let information = long_information();
    for (width, height) in [
        (120.0, 60.0),
        (104.0, 170.0),
        (155.0, 500.0),
        (280.0, 340.0),
        (900.0, 600.0),
    ] {
        for zoom in [0.2, 0.5, 1.0, 4.0] {
            let rect = Rect::from_min_size(pos2(30.0, 20.0), vec2(width, height));
            let mut taken = Vec::new();
            let frame = |ui: &mut egui::Ui| {
                let painter = ui.painter_at(rect);
                let mut edges = PictureEdges::for_rect(&painter, rect);
                edges.write_title(&["Oblique sagittal (43\u{b0})".into(), "129 / 256".into()]);
                edges.write_patient(&information);
                edges.write_state(&["C 465  W 930".into(), "Zoom 100 %".into()]);
                edges.write_remarks(&["The slices are not evenly spaced.".into()]);
                edges.write_side_letters(["LAF", "RPH", "FP", "HA"].map(String::from));
                edges.scale_bar(|_| Some(0.7 / zoom));
                edges.write_study_and_slice(&information);
                taken.clone_from(&edges.taken);
            };
            drop(
                egui_kittest::Harness::builder()
                    .with_size([1000.0, 700.0])
                    .build_ui(frame),
            );
            for (at, one) in taken.iter().enumerate() {
                assert!(rect.expand(1.0).contains_rect(*one), "{one:?} in {rect:?}");
                for other in &taken[at + 1..] {
                    assert!(
                        !one.shrink(0.5).intersects(other.shrink(0.5)),
                        "{one:?}, {other:?} in {rect:?}"
                    );
                }
            }
            assert!(taken.len() > 1, "{rect:?}");
        }
    }
}

#[test]
fn texts_at_one_side_share_their_edge() {
    let information = long_information();
    let rect = Rect::from_min_size(pos2(30.0, 20.0), vec2(900.0, 600.0));
    let mut taken = Vec::new();
    let frame = |ui: &mut egui::Ui| {
        let painter = ui.painter_at(rect);
        let mut edges = PictureEdges::for_rect(&painter, rect);
        edges.write_title(&["Heart".into()]);
        edges.write_patient(&information);
        edges.write_state(&["C 465  W 930".into(), "Zoom 100 %".into()]);
        edges.write_remarks(&["The slices are not evenly spaced.".into()]);
        edges.write_side_letters(["L", "R", "", ""].map(String::from));
        edges.write_study_and_slice(&information);
        taken.clone_from(&edges.taken);
    };
    drop(
        egui_kittest::Harness::builder()
            .with_size([1000.0, 700.0])
            .build_ui(frame),
    );
    let is_near = |a: f32, b: f32| (a - b).abs() < 0.01;
    let left = taken
        .iter()
        .filter(|one| is_near(one.left(), rect.left() + 8.0));
    let right = taken
        .iter()
        .filter(|one| is_near(one.right(), rect.right() - 8.0));
    // The title, patient, remarks, slice and a letter; the state, study and a letter.
    assert_eq!([left.count(), right.count()], [5, 3], "{taken:?}");
}

/// The number of annotations of a view of this size with a title, information and nothing else.
fn annotation_count(size: Vec2, information: &ImageInformation) -> (usize, bool) {
    let rect = Rect::from_min_size(pos2(10.0, 10.0), size);
    let mut found = (0, false);
    let frame = |ui: &mut egui::Ui| {
        let painter = ui.painter_at(rect);
        let mut edges = PictureEdges::for_rect(&painter, rect);
        edges.write_title(&["Heart".into(), "1 / 12".into()]);
        edges.write_patient(information);
        edges.write_study_and_slice(information);
        let whole = rect.expand(1.0);
        found = (
            edges.taken.len(),
            edges.taken.iter().all(|one| whole.contains_rect(*one)),
        );
    };
    drop(
        egui_kittest::Harness::builder()
            .with_size([1000.0, 700.0])
            .build_ui(frame),
    );
    found
}

#[test]
fn corners_are_cut_or_left_out_in_small_views_and_empty_when_hidden() {
    let information = long_information();
    assert_eq!(
        annotation_count(vec2(900.0, 600.0), &information),
        (4, true)
    );
    assert_eq!(
        annotation_count(vec2(300.0, 300.0), &information),
        (4, true),
        "long lines are cut"
    );
    let (count, is_inside) = annotation_count(vec2(60.0, 50.0), &information);
    assert!(is_inside && count < 4, "{count}");
    assert_eq!(
        annotation_count(vec2(900.0, 600.0), &ImageInformation::default()),
        (1, true)
    );
}
