//! Patient, dates and slice thickness, as they are shown in the corners of an image.

use super::*;
use labrum_core::study::Study;

fn study(file: &Fixture) -> Study {
    let folder = tempfile::tempdir().unwrap();
    file.write_to_folder(folder.path(), "image");
    catalog(folder.path()).unwrap().studies.remove(0)
}

#[test]
fn patient_study_and_series_are_read_from_the_header() {
    let file = Fixture::new(1, 1)
        .with_text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 192")
        .with_text(tags::PATIENT_NAME, VR::PN, "Wang^XiaoDong=王^小東")
        .with_text(tags::PATIENT_ID, VR::LO, " MRN-17 ")
        .with_text(tags::PATIENT_BIRTH_DATE, VR::DA, "19570302")
        .with_text(tags::PATIENT_SEX, VR::CS, "F")
        .with_text(tags::STUDY_DESCRIPTION, VR::LO, "Heart")
        .with_text(tags::STUDY_DATE, VR::DA, "20040119")
        .with_text(tags::STUDY_TIME, VR::TM, "072011.25")
        .with_text(tags::SERIES_DATE, VR::DA, "20040120")
        .with_text(tags::SERIES_TIME, VR::TM, "0005")
        .with_text(tags::SLICE_THICKNESS, VR::DS, "2.5")
        .with_pixels(&[0]);
    let study = study(&file);
    let patient = &study.patient;
    assert_eq!(patient.name, "Wang^XiaoDong=王^小東");
    assert_eq!(patient.display_name(), "Wang, XiaoDong (王 小東)");
    assert_eq!(
        [&patient.id, &patient.birth_date, &patient.sex],
        ["MRN-17", "1957-03-02", "F"]
    );
    assert_eq!(
        [&study.description, &study.date, &study.time],
        ["Heart", "2004-01-19", "07:20:11"]
    );
    let series = &study.series[0];
    assert_eq!([&series.date, &series.time], ["2004-01-20", "00:05"]);
    assert_eq!(series.slices[0].thickness, Some(2.5));
    assert!(!format!("{study:?}").contains("MRN-17"));
}

#[test]
fn what_is_missing_or_invalid_is_left_out() {
    let bare = study(&Fixture::new(1, 1).with_pixels(&[0]));
    assert_eq!(bare.patient, Default::default());
    assert_eq!(bare.time, "");
    assert_eq!(bare.series[0].slices[0].thickness, None);
    let odd = Fixture::new(1, 1)
        .with_text(tags::PATIENT_BIRTH_DATE, VR::DA, "1957")
        .with_text(tags::STUDY_TIME, VR::TM, "afternoon")
        .with_text(tags::SLICE_THICKNESS, VR::DS, "0")
        .with_pixels(&[0]);
    let odd = study(&odd);
    assert_eq!([&odd.patient.birth_date, &odd.time], ["", ""]);
    assert_eq!(odd.series[0].slices[0].thickness, None);
}

#[test]
fn the_thickness_of_a_multi_frame_image_is_in_its_functional_groups() {
    let measures = Fixture::empty_item().with_text(tags::SLICE_THICKNESS, VR::DS, "1.25");
    let shared = Fixture::empty_item().with_sequence(tags::PIXEL_MEASURES_SEQUENCE, measures);
    let file = Fixture::new(1, 1)
        .with_sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, shared)
        .with_text(tags::NUMBER_OF_FRAMES, VR::IS, "2")
        .with_pixels(&[0, 1]);
    let series = study(&file).series.remove(0);
    let found: Vec<_> = series.slices.iter().map(|s| s.thickness).collect();
    assert_eq!(found, [Some(1.25); 2]);
}
