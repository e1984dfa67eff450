//! Times of one series, and how fast a file asks to be played.

use super::{Fixture, catalog};
use dicom_core::VR;
use dicom_dictionary_std::tags;
use labrum_core::{cine::CineHint, study::Series};

fn heart(number: i32, z: f64, trigger: &str) -> Fixture {
    Fixture::new(2, 2)
        .with_slice_position(number, z)
        .with_text(tags::TRIGGER_TIME, VR::DS, trigger)
        .with_pixels(&[0, 1, 2, 3])
}

/// The series of these files.
fn series_of(files: &[Fixture]) -> Vec<Series> {
    let folder = tempfile::tempdir().unwrap();
    for (place, file) in files.iter().enumerate() {
        file.write_to_folder(folder.path(), &format!("{place}.dcm"));
    }
    catalog(folder.path()).unwrap().studies.remove(0).series
}

/// What a clip of three frames with these elements asks for.
fn asked_by(elements: &[(dicom_core::Tag, VR, &str)]) -> CineHint {
    let clip = Fixture::new(1, 1)
        .with_text(tags::NUMBER_OF_FRAMES, VR::IS, "3")
        .with_pixels(&[1, 2, 3]);
    let clip = elements.iter().fold(clip, |clip, (tag, vr, value)| {
        clip.with_text(*tag, *vr, value)
    });
    series_of(&[clip]).remove(0).cine
}

#[test]
fn the_times_of_a_series_are_linked_by_data_and_not_by_their_names() {
    let series = series_of(&[
        heart(1, 0.0, "10"),
        heart(2, 0.0, "40"),
        heart(3, 8.0, "12"),
        heart(4, 8.0, "44"),
    ]);
    let times: Vec<_> = series
        .iter()
        .filter_map(|s| s.time_point.clone())
        .map(|time| (time.group, time.index, time.count))
        .collect();
    let group = series[0].id.clone();
    assert_eq!(times, [(group.clone(), 0, 2), (group, 1, 2)]);
    assert_ne!(series[0].id, series[1].id);
    let stack = series_of(&[heart(1, 0.0, "10"), heart(2, 8.0, "12")]);
    assert_eq!(stack[0].time_point, None, "each position occurs once");
}

#[test]
fn stacks_that_differ_in_more_than_time_are_different_groups() {
    let kinds = ["ORIGINAL\\PRIMARY\\M", "ORIGINAL\\PRIMARY\\P"];
    let files: Vec<Fixture> = kinds
        .iter()
        .enumerate()
        .flat_map(|(kind, name)| {
            (0..4).map(move |i| {
                let number = kind as i32 * 4 + i + 1;
                heart(
                    number,
                    f64::from(i % 2) * 8.0,
                    &format!("{}", 10 + 30 * (i / 2)),
                )
                .with_text(tags::IMAGE_TYPE, VR::CS, name)
            })
        })
        .collect();
    let series = series_of(&files);
    let groups: Vec<(String, usize)> = series
        .iter()
        .filter_map(|s| s.time_point.clone())
        .map(|time| (time.group, time.index))
        .collect();
    let [first, third] = [&series[0].id, &series[2].id];
    assert_eq!(
        groups,
        [(first, 0), (first, 1), (third, 0), (third, 1)].map(|(id, time)| (id.clone(), time))
    );
}

#[test]
fn the_rate_of_a_clip_is_the_one_that_its_file_asks_for() {
    let frame_time = (tags::FRAME_TIME, VR::DS, "40");
    let recommended = (tags::RECOMMENDED_DISPLAY_FRAME_RATE, VR::IS, "30");
    let vector = (tags::FRAME_TIME_VECTOR, VR::DS, "0\\40\\60");
    let sweeping = (tags::PREFERRED_PLAYBACK_SEQUENCING, VR::IS, "1");
    assert_eq!(asked_by(&[]), CineHint::default());
    assert_eq!(asked_by(&[frame_time]).rate, Some(25.0));
    assert_eq!(asked_by(&[frame_time, recommended]).rate, Some(30.0));
    assert_eq!(
        asked_by(&[(tags::CINE_RATE, VR::IS, "12")]).rate,
        Some(12.0)
    );
    assert_eq!(asked_by(&[vector]).rate, Some(20.0));
    assert_eq!(asked_by(&[(tags::FRAME_TIME, VR::DS, "0")]).rate, None);
    assert!(asked_by(&[sweeping]).is_sweeping);
}
