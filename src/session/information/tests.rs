//! The corners of slices and reformatted views.
#![allow(clippy::unwrap_used)]

use super::{
    super::{Action, command::UserCommand, ortho},
    *,
};
use labrum_core::{geometry::PixelSpacing, scale::ScaledRegion, study::Source};

fn slice(orientation: [f64; 6], position: [f64; 3]) -> Slice {
    Slice {
        plane: Some(Plane {
            position,
            orientation,
        }),
        thickness: Some(8.0),
        spacing: Some(PixelSpacing {
            row: 0.5,
            column: 0.5,
            source: SpacingSource::PixelSpacing,
        }),
        ..bare_slice()
    }
}

fn bare_slice() -> Slice {
    Slice::from_source(Source {
        path: "/scans/image".into(),
        frame: 0,
    })
}

fn lines_of(slice: Slice, kind: Kind) -> Vec<String> {
    let series = Series::from_slices(kind, 101, 101, vec![slice.clone()]);
    place_lines(&slice, &series)
}

#[test]
fn a_slice_tells_its_position_thickness_and_the_source_of_its_spacing() {
    let axial = slice([1.0, 0.0, 0.0, 0.0, 1.0, 0.0], [10.0, 20.0, -90.2]);
    assert_eq!(
        lines_of(axial, Kind::Dicom),
        ["F 90.2 mm · 8 mm thick", "mm from Pixel Spacing"]
    );
    let sagittal = slice([0.0, 1.0, 0.0, 0.0, 0.0, -1.0], [32.4, 0.0, 0.0]);
    assert_eq!(lines_of(sagittal, Kind::Dicom)[0], "L 32.4 mm · 8 mm thick");
    let half = std::f64::consts::FRAC_1_SQRT_2;
    let mut oblique = slice([1.0, 0.0, 0.0, 0.0, half, half], [0.0, 0.0, 10.0]);
    oblique.thickness = None;
    assert_eq!(lines_of(oblique, Kind::Dicom)[0], "Position 7.1 mm");
}

#[test]
fn an_almost_axial_slice_has_the_position_of_its_middle() {
    // Tilted by 4 degrees: 50 pixels of 0.5 mm further down it lies 1.7 mm higher.
    let (sin, cos) = 4f64.to_radians().sin_cos();
    let tilted = slice([1.0, 0.0, 0.0, 0.0, cos, sin], [0.0; 3]);
    assert_eq!(lines_of(tilted, Kind::Dicom)[0], "H 1.7 mm · 8 mm thick");
}

#[test]
fn every_source_of_the_pixel_spacing_is_named() {
    let from = |source| {
        let spacing = Some(PixelSpacing {
            row: 0.5,
            column: 0.5,
            source,
        });
        let slice = Slice {
            spacing,
            ..bare_slice()
        };
        lines_of(slice, Kind::Dicom).remove(0)
    };
    let named = [
        SpacingSource::PixelSpacing,
        SpacingSource::ImagerPixelSpacing,
        SpacingSource::UltrasoundRegion,
        SpacingSource::AspectRatioOnly,
        SpacingSource::Picture,
        SpacingSource::Nifti,
    ]
    .map(from);
    assert_eq!(
        named,
        [
            "mm from Pixel Spacing",
            "mm from Imager Pixel Spacing",
            "mm from the ultrasound region",
            "No pixel spacing (only Pixel Aspect Ratio)",
            "mm from pixel_spacing_mm.csv",
            "mm from NIfTI header",
        ]
    );
    assert_eq!(lines_of(bare_slice(), Kind::Dicom), ["No pixel spacing"]);
    assert_eq!(
        lines_of(bare_slice(), Kind::Picture),
        ["No pixel spacing (no pixel_spacing_mm.csv)"]
    );
    let regions = vec![ScaledRegion {
        low: [0, 0],
        high: [50, 50],
        spacing: slice([0.0; 6], [0.0; 3]).spacing,
        has_priority: true,
    }];
    let ultrasound = Slice {
        regions,
        ..bare_slice()
    };
    assert_eq!(
        lines_of(ultrasound, Kind::Dicom),
        ["mm from the ultrasound regions"]
    );
}

#[test]
fn patient_and_study_are_in_the_corners_of_every_view_until_they_are_hidden() {
    let mut session = ortho::tests::shown();
    let patient = ["Doe, Jane", "ID MRN-17", "Born 1957-03-02 · F"];
    let study = ["Chest", "2004-01-19 07:20"];
    let case = session.cases.current_case().unwrap();
    let on_slice = session.slice_information(case, 2);
    assert_eq!(on_slice.patient, patient);
    assert_eq!(on_slice.study, study);
    assert_eq!(on_slice.slice, ["H 14.0 mm", "mm from Pixel Spacing"]);
    let views = session.viewports.ortho_views().unwrap();
    let across = session.across_information(case, views, ViewPlane::Row);
    assert_eq!(across.patient, patient);
    assert_eq!(across.study, study);
    assert!(across.slice[0].starts_with("P "), "{:?}", across.slice);

    session.change_settings(|s| s.information = false);
    let case = session.cases.current_case().unwrap();
    let views = session.viewports.ortho_views().unwrap();
    for hidden in [
        session.slice_information(case, 2),
        session.across_information(case, views, ViewPlane::Row),
    ] {
        assert_eq!(hidden.joined_lines(), "");
    }
}

#[test]
fn the_series_adds_its_number_and_its_time_and_its_date_only_if_that_differs() {
    let session = ortho::tests::shown();
    let mut case = session.cases.current_case().unwrap().clone();
    let mut series = Series::clone(&case.series);
    series.number = Some(3);
    series.time = "07:27:30".into();
    series.date = "2004-01-19".into();
    case.series = series.clone().into();
    assert_eq!(study_lines(&case)[2], "Series 3 · 07:27");
    series.date = "2004-01-20".into();
    case.series = series.into();
    assert_eq!(study_lines(&case)[2], "Series 3 · 2004-01-20 07:27");
}

#[test]
fn image_files_have_neither_patient_nor_study() {
    let session = ortho::tests::shown();
    let mut case = session.cases.current_case().unwrap().clone();
    let series = Series {
        kind: Kind::Picture,
        ..Series::clone(&case.series)
    };
    case.series = series.into();
    let information = session.slice_information(&case, 0);
    assert!(information.patient.is_empty() && information.study.is_empty());
    assert_eq!(information.slice.len(), 2);
}

#[test]
fn the_settings_and_the_workspace_learn_nothing_of_the_patient() {
    let mut session = ortho::tests::shown();
    for command in [UserCommand::NothingHere, UserCommand::ToggleTheme] {
        session.apply_action(Action::Command(command));
    }
    let settings = serde_json::to_string(&session.settings).unwrap();
    let job_texts: Vec<String> = session
        .take_jobs()
        .iter()
        .map(|job| format!("{job:?}"))
        .collect();
    assert!(job_texts.len() >= 2, "{job_texts:?}");
    let debug = format!("{:?}", session.cases.current_case());
    for text in job_texts.iter().chain([&settings, &debug]) {
        for secret in ["Doe", "Jane", "MRN-17", "1957-03-02"] {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
}
