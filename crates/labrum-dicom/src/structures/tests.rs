//! Contours in patient coordinates become the pixels that they enclose.
#![allow(clippy::unwrap_used)]

use super::{import_masks as import_chosen, *};
use crate::fixture::Fixture;
use dicom_core::VR;
use dicom_dictionary_std::tags;
use tempfile::TempDir;

const SIDE: u16 = 10;
/// The note if no image is referenced.
const BY_PLACE: &str = "it refers to no images; its contours were placed by position";

/// Three slices 4 mm apart, pixels of 0.5 x 0.25 mm (rows lie 0.5 mm apart), the first pixel at 1, 2 mm.
fn series(folder: &TempDir) -> Series {
    for (number, z) in [(1, 0.0), (2, 4.0), (3, 8.0)] {
        Fixture::new(SIDE, SIDE)
            .with_text(tags::FRAME_OF_REFERENCE_UID, VR::UI, "1.2.9")
            .with_slice_position(number, z)
            .with_pixels(&[0; 100])
            .write_to_folder(folder.path(), &format!("{number}.dcm"));
    }
    let catalog = crate::catalog::scan_path(folder.path()).unwrap();
    catalog.studies[0].series[0].clone()
}

/// Points in pixels (column, row; whole numbers are centres) on the plane at `z` mm, as Contour Data.
fn data(points: &[[f64; 2]], z: f64) -> String {
    let point = |[x, y]: &[f64; 2]| format!("{}\\{}\\{z}", 1.0 + 0.25 * x, 2.0 + 0.5 * y);
    points.iter().map(point).collect::<Vec<_>>().join("\\")
}

/// The corners of a square of whole pixels.
fn square(first: f64, last: f64) -> Vec<[f64; 2]> {
    let (a, b) = (first - 0.5, last + 0.5);
    vec![[a, a], [b, a], [b, b], [a, b]]
}

fn contour(kind: &str, points: &[[f64; 2]], z: f64) -> Fixture {
    Fixture::empty_item()
        .with_text(tags::CONTOUR_GEOMETRIC_TYPE, VR::CS, kind)
        .with_text(tags::CONTOUR_DATA, VR::DS, &data(points, z))
}

/// One region for each name, with its contours.
fn set(regions: &[(&str, Vec<Fixture>)], frame: &str) -> Fixture {
    let mut file = Fixture::item_file("1.2.840.10008.5.1.4.1.1.481.3");
    for (i, (name, contours)) in regions.iter().enumerate() {
        let number = (i + 1).to_string();
        let about = Fixture::empty_item()
            .with_text(tags::ROI_NUMBER, VR::IS, &number)
            .with_text(tags::REFERENCED_FRAME_OF_REFERENCE_UID, VR::UI, frame)
            .with_text(tags::ROI_NAME, VR::LO, name);
        let mut drawn = Fixture::empty_item()
            .with_text(tags::REFERENCED_ROI_NUMBER, VR::IS, &number)
            .with_text(tags::ROI_DISPLAY_COLOR, VR::IS, "255\\0\\10");
        for contour in contours {
            drawn = drawn.append_item(tags::CONTOUR_SEQUENCE, contour.clone());
        }
        file = file
            .append_item(tags::STRUCTURE_SET_ROI_SEQUENCE, about)
            .append_item(tags::ROI_CONTOUR_SEQUENCE, drawn);
    }
    file
}

fn import(path: &Path, series: &Series) -> Result<ImportedMasks> {
    import_chosen(path, series, &MaskChoice::default())
}

fn imported(regions: &[(&str, Vec<Fixture>)]) -> ImportedMasks {
    let folder = tempfile::tempdir().unwrap();
    let series = series(&folder);
    import(
        &set(regions, "1.2.9").write_to_folder(folder.path(), "set.dcm"),
        &series,
    )
    .unwrap()
}

/// The labels along the diagonal.
fn diagonal(mask: &Mask) -> Vec<u8> {
    (0..i64::from(SIDE)).map(|i| mask.label_at(i, i)).collect()
}

#[test]
fn a_contour_fills_the_pixels_whose_centres_it_encloses_on_its_slice() {
    let got = imported(&[(
        "Tumour",
        vec![contour("CLOSED_PLANAR", &square(2.0, 5.0), 4.0)],
    )]);
    assert_eq!(
        (got.labels[0].name.as_str(), got.labels[0].color),
        ("Tumour", [255, 0, 10])
    );
    assert_eq!(got.masks.len(), 1);
    let (slice, mask) = &got.masks[0];
    assert_eq!(
        (*slice, diagonal(mask)),
        (1, vec![0, 0, 1, 1, 1, 1, 0, 0, 0, 0])
    );
    assert_eq!(mask.pixel_labels().iter().filter(|l| **l == 1).count(), 16);
}

#[test]
fn a_contour_inside_a_contour_is_a_hole_and_so_is_a_keyhole() {
    let ring = vec![
        contour("CLOSED_PLANAR", &square(1.0, 8.0), 0.0),
        contour("CLOSED_PLANAR", &square(4.0, 5.0), 0.0),
    ];
    // The same as one contour: the outline, a channel of zero width, around the hole, and back.
    let mut keyhole = square(1.0, 8.0);
    keyhole.push(keyhole[0]);
    let mut hole = square(4.0, 5.0);
    hole.push(hole[0]);
    keyhole.extend(hole.into_iter().rev());
    let single = vec![contour("CLOSED_PLANAR", &keyhole, 0.0)];
    let (ring, single) = (imported(&[("Ring", ring)]), imported(&[("Ring", single)]));
    assert_eq!(diagonal(&ring.masks[0].1), [0, 1, 1, 1, 0, 0, 1, 1, 1, 0]);
    assert_eq!(single.masks, ring.masks);
}

#[test]
fn regions_become_labels_and_overlaps_are_noted() {
    let one = vec![contour("CLOSED_PLANAR", &square(0.0, 4.0), 0.0)];
    let other = vec![contour("CLOSED_PLANAR", &square(4.0, 6.0), 0.0)];
    let got = imported(&[("One", one), ("Other", other)]);
    assert_eq!(diagonal(&got.masks[0].1), [1, 1, 1, 1, 2, 2, 2, 0, 0, 0]);
    assert_eq!(
        got.notes,
        [
            BY_PLACE,
            "\"One\" lost 1 pixel to \"Other\", which covers it"
        ]
    );
    assert_eq!(
        (got.taken[0].in_file, got.taken[0].left, got.taken[1].left),
        (25, 24, 9)
    );
}

#[test]
fn contours_between_two_slices_do_not_cancel_each_other() {
    // Drawn on planes 1 mm below and above the second slice.
    let both = [3.0, 5.0]
        .map(|z| contour("CLOSED_PLANAR", &square(2.0, 5.0), z))
        .to_vec();
    let got = imported(&[("Fine", both)]);
    assert_eq!(got.masks.len(), 1);
    assert_eq!(
        (got.masks[0].0, diagonal(&got.masks[0].1)),
        (1, vec![0, 0, 1, 1, 1, 1, 0, 0, 0, 0])
    );
}

#[test]
fn a_contour_halfway_between_two_slices_is_assigned_to_the_first_and_a_note_says_so() {
    for z in [1.9999, 2.0, 2.0001] {
        let got = imported(&[(
            "Between",
            vec![contour("CLOSED_PLANAR", &square(2.0, 5.0), z)],
        )]);
        assert_eq!(
            got.masks
                .iter()
                .map(|(slice, _)| *slice)
                .collect::<Vec<_>>(),
            [0],
            "{z}"
        );
        let said = "its contours lie up to 2.00 mm from the slices; each was assigned to the nearest slice";
        assert!(got.notes.iter().any(|note| note == said), "{:?}", got.notes);
    }
}

#[test]
fn contours_without_an_area_or_off_the_slices_are_skipped_with_a_note() {
    let region = vec![
        contour("CLOSED_PLANAR", &square(2.0, 5.0), 0.0),
        contour("CLOSED_PLANAR", &square(2.0, 5.0), 40.0),
        contour("POINT", &[[1.0, 1.0]], 0.0),
    ];
    let got = imported(&[
        ("Mixed", region),
        ("Isocentre", vec![contour("POINT", &[[1.0, 1.0]], 0.0)]),
    ]);
    assert_eq!(got.labels.len(), 1);
    assert_eq!(
        got.notes,
        [
            "contours of \"Mixed\" without an area were skipped: 1 of type POINT",
            "\"Isocentre\" has only contours without an area (1 of type POINT) and was skipped",
            BY_PLACE,
            "contours skipped because they lie on no slice of the opened series: 1"
        ]
    );
}

#[test]
fn another_frame_of_reference_is_refused_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let series = series(&folder);
    let regions = [(
        "Tumour",
        vec![contour("CLOSED_PLANAR", &square(2.0, 5.0), 4.0)],
    )];
    let path = set(&regions, "1.2.8").write_to_folder(folder.path(), "set.dcm");
    let error = import(&path, &series).unwrap_err().to_string();
    assert!(
        error.contains("frame of reference 1.2.8 differs from that of the series, 1.2.9"),
        "{error}"
    );
    let path = set(&[], "1.2.9").write_to_folder(folder.path(), "set.dcm");
    assert!(
        import(&path, &series)
            .unwrap_err()
            .reason
            .contains("no closed contours")
    );
}

/// Adds a reference to instance 1.2.3.`number`, as numbered by [`series`].
fn drawn_on(contour: Fixture, number: usize) -> Fixture {
    let image = Fixture::empty_item().with_text(
        tags::REFERENCED_SOP_INSTANCE_UID,
        VR::UI,
        &format!("1.2.3.{number}"),
    );
    contour.with_sequence(tags::CONTOUR_IMAGE_SEQUENCE, image)
}

#[test]
fn contours_of_other_images_are_placed_by_position_only_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let series = series(&folder);
    let contour = drawn_on(contour("CLOSED_PLANAR", &square(2.0, 5.0), 4.0), 77);
    let path = set(&[("Tumour", vec![contour])], "1.2.9").write_to_folder(folder.path(), "set.dcm");
    let error = import(&path, &series).unwrap_err().to_string();
    assert!(
        error.contains("refers to instance 1.2.3.77") && error.contains("--by-position"),
        "{error}"
    );
    let choice = MaskChoice {
        by_position: true,
        ..MaskChoice::default()
    };
    let got = import_chosen(&path, &series, &choice).unwrap();
    assert_eq!((got.masks.len(), got.basis), (1, Basis::Position));
    assert_eq!(
        got.notes,
        ["its contours were placed by position as requested, not by the images they refer to"]
    );
}

#[test]
fn contours_whose_references_contradict_their_position_are_placed_by_position() {
    let folder = tempfile::tempdir().unwrap();
    let series = series(&folder);
    let at = |z: f64, number| drawn_on(contour("CLOSED_PLANAR", &square(2.0, 5.0), z), number);
    // The second references the first image but lies on the third, like the third contour; the last
    // references an unknown image.
    let contours = vec![at(0.0, 1), at(8.0, 1), at(8.0, 3), at(4.0, 77)];
    let got = import(
        &set(&[("Tumour", contours)], "1.2.9").write_to_folder(folder.path(), "set.dcm"),
        &series,
    )
    .unwrap();
    assert_eq!(
        got.masks
            .iter()
            .map(|(slice, _)| *slice)
            .collect::<Vec<_>>(),
        [0, 2]
    );
    assert_eq!(
        got.notes,
        [
            "contours skipped because they lie on no slice of the opened series: 1",
            "contours placed by position because they refer to images in other planes: 1"
        ]
    );
}

#[test]
fn of_images_at_one_position_the_referenced_one_is_used_or_one_must_be_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let mut series = series(&folder);
    series.slices.truncate(1);
    let mut later = series.slices[0].clone();
    later.sop_instance_uid = Some("1.2.3.9".into());
    series.slices.push(later);
    let contour = || contour("CLOSED_PLANAR", &square(2.0, 5.0), 0.0);
    let named = set(&[("Tumour", vec![drawn_on(contour(), 9)])], "1.2.9")
        .write_to_folder(folder.path(), "named.dcm");
    assert_eq!(import(&named, &series).unwrap().masks[0].0, 1);
    let nameless =
        set(&[("Tumour", vec![contour()])], "1.2.9").write_to_folder(folder.path(), "nameless.dcm");
    let error = import(&nameless, &series).unwrap_err().to_string();
    assert!(
        error.contains("2 images lie at the same position (images 1, 2)"),
        "{error}"
    );
    let choice = MaskChoice {
        time: Some(2),
        ..MaskChoice::default()
    };
    assert_eq!(
        import_chosen(&nameless, &series, &choice).unwrap().masks[0].0,
        1
    );
}

#[test]
fn duplicate_contours_count_once_and_overlapping_ones_are_united() {
    let mut again = square(2.0, 5.0);
    again.rotate_left(2);
    again.reverse();
    let twice = [square(2.0, 5.0), again]
        .map(|c| contour("CLOSED_PLANAR", &c, 4.0))
        .to_vec();
    assert_eq!(
        diagonal(&imported(&[("Twice", twice)]).masks[0].1),
        [0, 0, 1, 1, 1, 1, 0, 0, 0, 0]
    );
    let both = [square(1.0, 4.0), square(3.0, 7.0)];
    let of_type =
        |kind| imported(&[("Both", both.iter().map(|c| contour(kind, c, 4.0)).collect())]);
    assert_eq!(
        diagonal(&of_type("CLOSED_PLANAR").masks[0].1),
        [0, 1, 1, 1, 1, 1, 1, 1, 0, 0]
    );
    assert_eq!(
        diagonal(&of_type("CLOSEDPLANAR_XOR").masks[0].1),
        [0, 1, 1, 0, 0, 1, 1, 1, 0, 0]
    );
}

#[test]
fn small_regions_cover_large_ones_in_any_order_and_each_can_be_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let series = series(&folder);
    let region = |name, first, last| {
        (
            name,
            vec![contour("CLOSED_PLANAR", &square(first, last), 0.0)],
        )
    };
    let regions = [region("Nodule", 4.0, 5.0), region("Lung", 1.0, 8.0)];
    let path = set(&regions, "1.2.9").write_to_folder(folder.path(), "set.dcm");
    let got = import(&path, &series).unwrap();
    assert_eq!(diagonal(&got.masks[0].1), [0, 2, 2, 2, 1, 1, 2, 2, 2, 0]);
    let choice = MaskChoice {
        only: vec!["lung".into()],
        ..MaskChoice::default()
    };
    let lung = import_chosen(&path, &series, &choice).unwrap();
    assert_eq!(diagonal(&lung.masks[0].1), [0, 1, 1, 1, 1, 1, 1, 1, 1, 0]);
    let choice = MaskChoice {
        order: vec!["Lung".into()],
        ..MaskChoice::default()
    };
    let hidden = import_chosen(&path, &series, &choice).unwrap();
    assert_eq!(
        hidden.loss_reason().unwrap(),
        "\"Nodule\" has no pixels left: other labels cover all of it"
    );
}

#[test]
fn equal_names_and_other_frames_of_reference_are_noted() {
    let folder = tempfile::tempdir().unwrap();
    let series = series(&folder);
    let region = |name, first, last| {
        (
            name,
            vec![contour("CLOSED_PLANAR", &square(first, last), 0.0)],
        )
    };
    let other = Fixture::empty_item()
        .with_text(tags::ROI_NUMBER, VR::IS, "3")
        .with_text(tags::REFERENCED_FRAME_OF_REFERENCE_UID, VR::UI, "1.2.8")
        .with_text(tags::ROI_NAME, VR::LO, "Elsewhere");
    let drawn = Fixture::empty_item()
        .with_text(tags::REFERENCED_ROI_NUMBER, VR::IS, "3")
        .with_sequence(
            tags::CONTOUR_SEQUENCE,
            contour("CLOSED_PLANAR", &square(1.0, 8.0), 0.0),
        );
    let file = set(&[region("GTV", 1.0, 2.0), region("GTV", 4.0, 5.0)], "1.2.9")
        .append_item(tags::STRUCTURE_SET_ROI_SEQUENCE, other)
        .append_item(tags::ROI_CONTOUR_SEQUENCE, drawn);
    let got = import(&file.write_to_folder(folder.path(), "set.dcm"), &series).unwrap();
    assert_eq!(
        got.labels
            .iter()
            .map(|l| l.name.as_str())
            .collect::<Vec<_>>(),
        ["GTV (1)", "GTV (2)"]
    );
    let says = |words: &str| got.notes.iter().any(|n| n.contains(words));
    assert!(
        says("\"Elsewhere\" has another frame of reference")
            && says("several labels had the same name"),
        "{:?}",
        got.notes
    );
}
