//! Ultrasound images with several calibrated regions.

use super::catalog_of;
use crate::io::export::Measurements;
use dicom_core::VR;
use dicom_dictionary_std::tags;
use labrum_core::{label::Label, mask::Mask};
use labrum_dicom::fixture::Fixture;

/// Columns `from` to `to` of an image of ten rows; units and mm per pixel in x and y.
fn region(from: u32, to: u32, units: [u16; 2], mm: [f64; 2]) -> Fixture {
    let long = |item: Fixture, tag, v: u32| item.with_bytes(tag, VR::UL, v.to_le_bytes().to_vec());
    let item = [
        (tags::REGION_LOCATION_MIN_X0, from),
        (tags::REGION_LOCATION_MIN_Y0, 0),
        (tags::REGION_LOCATION_MAX_X1, to),
        (tags::REGION_LOCATION_MAX_Y1, 9),
    ]
    .into_iter()
    .fold(Fixture::empty_item(), |item, (tag, v)| long(item, tag, v));
    item.with_number(tags::PHYSICAL_UNITS_X_DIRECTION, units[0])
        .with_number(tags::PHYSICAL_UNITS_Y_DIRECTION, units[1])
        .with_bytes(
            tags::PHYSICAL_DELTA_X,
            VR::FD,
            (mm[0] / 10.0).to_le_bytes().to_vec(),
        )
        .with_bytes(
            tags::PHYSICAL_DELTA_Y,
            VR::FD,
            (mm[1] / 10.0).to_le_bytes().to_vec(),
        )
}

#[test]
fn a_measurement_has_the_scale_of_its_region_or_a_reason_why_not() {
    let file = Fixture::new(32, 10)
        .with_text(tags::MODALITY, VR::CS, "US")
        .with_text(tags::PIXEL_SPACING, VR::DS, "9\\9")
        .append_item(
            tags::SEQUENCE_OF_ULTRASOUND_REGIONS,
            region(0, 9, [3, 3], [0.5, 0.5]),
        )
        .append_item(
            tags::SEQUENCE_OF_ULTRASOUND_REGIONS,
            region(10, 19, [3, 3], [0.2, 0.1]),
        )
        .append_item(
            tags::SEQUENCE_OF_ULTRASOUND_REGIONS,
            region(20, 29, [4, 3], [1.0, 0.5]),
        )
        .with_pixels(&[0; 320]);
    let folder = tempfile::tempdir().unwrap();
    file.write_to_folder(folder.path(), "us.dcm");
    let series = catalog_of(folder.path())
        .unwrap()
        .studies
        .remove(0)
        .series
        .remove(0);
    assert_eq!(
        series.slices[0].spacing, None,
        "the image as a whole has no scale"
    );
    assert!(
        series.notes[0].contains("the ultrasound regions have different scales"),
        "{:?}",
        series.notes
    );
    // 2 x 2 pixels per label: in either B-mode region, across both, in the M-mode, outside of all.
    let places = [3, 12, 9, 24, 30];
    let label = |i: usize| {
        let row = i / 32;
        let at = places.get(row / 2).copied().unwrap_or(99);
        if (at..at + 2).contains(&(i % 32)) {
            row as u8 / 2 + 1
        } else {
            0
        }
    };
    let mask = Mask::from_labels(32, 10, (0..320).map(label).collect()).unwrap();
    let labels = ["left", "right", "both", "time", "none"].map(|name| Label::with_name(name, 0));
    let measured = Measurements::from_masks(&series, &[0], &[mask], &labels, &mut |_| None);
    let of = |i: usize| {
        let m = &measured.slices[i];
        (
            m.unit,
            m.area,
            m.row_spacing_mm,
            m.unit_reason.unwrap_or_default(),
        )
    };
    assert_eq!(of(0), ("mm", 1.0, Some(0.5), ""));
    assert_eq!(of(1), ("mm", 0.08, Some(0.1), ""));
    assert_eq!(
        of(2),
        (
            "px",
            4.0,
            None,
            "no single ultrasound region contains all of it"
        )
    );
    assert_eq!(
        of(3),
        (
            "px",
            4.0,
            None,
            "the ultrasound region does not show lengths in both directions"
        )
    );
    assert_eq!(
        of(4),
        (
            "px",
            4.0,
            None,
            "part of it lies outside the calibrated ultrasound regions"
        )
    );
}

#[test]
fn an_image_with_an_m_mode_region_has_no_overall_scale() {
    let folder = tempfile::tempdir().unwrap();
    Fixture::new(32, 10)
        .with_text(tags::MODALITY, VR::CS, "US")
        .append_item(
            tags::SEQUENCE_OF_ULTRASOUND_REGIONS,
            region(0, 19, [3, 3], [0.5, 0.5]),
        )
        .append_item(
            tags::SEQUENCE_OF_ULTRASOUND_REGIONS,
            region(20, 31, [4, 3], [1.0, 0.5]),
        )
        .with_pixels(&[0; 320])
        .write_to_folder(folder.path(), "us.dcm");
    let series = catalog_of(folder.path())
        .unwrap()
        .studies
        .remove(0)
        .series
        .remove(0);
    assert_eq!(series.slices[0].spacing, None);
    let scale = series.slices[0].length_scale();
    assert_eq!(
        (
            scale.spacing_at(3, 3).map(|s| s.row),
            scale.spacing_at(25, 3)
        ),
        (Some(0.5), None)
    );
    let path = folder.path().join("out.nii.gz");
    crate::io::export::write_nifti(&path, &series, &[Mask::new_blank(32, 10)]).unwrap();
    let header = crate::io::nifti::read_header(&path).unwrap();
    assert_eq!((header.affine, header.spacing), (None, Some([1.0; 3])));
}
