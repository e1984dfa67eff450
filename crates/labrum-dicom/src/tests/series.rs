//! Files that become series.

use super::*;

#[test]
fn slices_of_a_folder_become_a_series_ordered_by_position() {
    let folder = tempfile::tempdir().unwrap();
    for (number, z) in [(1, 9.0), (2, 3.0), (3, 6.0)] {
        Fixture::new(2, 1)
            .with_slice_position(number, z)
            .with_pixels(&[number as u16; 2])
            .write_to_folder(folder.path(), &format!("{number}.x"));
    }
    let catalog = catalog(folder.path()).unwrap();
    let series = &catalog.studies[0].series[0];
    assert_eq!(
        series
            .slices
            .iter()
            .filter_map(|s| s.instance_number)
            .collect::<Vec<_>>(),
        [2, 3, 1]
    );
    assert_eq!(series.slice_spacing(), Some(3.0));
    assert_eq!((series.columns, series.rows), (2, 1));
    let image = crate::load_image(&series.slices[2].source).unwrap();
    assert_eq!(image.pixels, Pixels::U16(vec![1, 1]));
    assert_eq!(image.plane.map(|p| p.position), Some([1.0, 2.0, 9.0]));
}

#[test]
fn frames_of_a_multi_frame_file_are_slices_with_their_own_position() {
    let position = |z: &str| {
        let place = Fixture::empty_item().with_text(
            tags::IMAGE_POSITION_PATIENT,
            VR::DS,
            &format!("0\\0\\{z}"),
        );
        Fixture::empty_item().with_sequence(tags::PLANE_POSITION_SEQUENCE, place)
    };
    let direction = Fixture::empty_item().with_text(
        tags::IMAGE_ORIENTATION_PATIENT,
        VR::DS,
        "1\\0\\0\\0\\1\\0",
    );
    let shared = Fixture::empty_item().with_sequence(tags::PLANE_ORIENTATION_SEQUENCE, direction);
    let mut file = Fixture::new(1, 1)
        .with_text(tags::NUMBER_OF_FRAMES, VR::IS, "2")
        .with_sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, shared)
        .with_sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, position("5"))
        .with_pixels(&[10, 20]);
    file = file.append_item(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, position("2"));
    let folder = tempfile::tempdir().unwrap();
    let path = file.write_to_folder(folder.path(), "enhanced");
    let catalog = catalog(&path).unwrap();
    let slices = &catalog.studies[0].series[0].slices;
    assert_eq!(
        slices.iter().map(|s| s.source.frame).collect::<Vec<_>>(),
        [1, 0]
    );
    assert_eq!(
        crate::load_image(&slices[0].source).unwrap().pixels,
        Pixels::U16(vec![20])
    );
}

#[test]
fn frames_of_an_enhanced_object_have_their_own_rescale_window_spacing_and_time() {
    let frame = |z: &str, time: u16, slope: &str, center: &str, spacing: &str| {
        let place = Fixture::empty_item().with_text(
            tags::IMAGE_POSITION_PATIENT,
            VR::DS,
            &format!("0\\0\\{z}"),
        );
        let time = Fixture::empty_item().with_bytes(
            tags::TEMPORAL_POSITION_INDEX,
            VR::UL,
            u32::from(time).to_le_bytes().to_vec(),
        );
        let values = Fixture::empty_item()
            .with_text(tags::RESCALE_INTERCEPT, VR::DS, "-10")
            .with_text(tags::RESCALE_SLOPE, VR::DS, slope)
            .with_text(tags::RESCALE_TYPE, VR::LO, "HU");
        let window = Fixture::empty_item()
            .with_text(tags::WINDOW_CENTER, VR::DS, center)
            .with_text(tags::WINDOW_WIDTH, VR::DS, "100");
        let measures = Fixture::empty_item().with_text(tags::PIXEL_SPACING, VR::DS, spacing);
        Fixture::empty_item()
            .with_sequence(tags::PLANE_POSITION_SEQUENCE, place)
            .with_sequence(tags::FRAME_CONTENT_SEQUENCE, time)
            .with_sequence(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE, values)
            .with_sequence(tags::FRAME_VOILUT_SEQUENCE, window)
            .with_sequence(tags::PIXEL_MEASURES_SEQUENCE, measures)
    };
    let direction = Fixture::empty_item().with_text(
        tags::IMAGE_ORIENTATION_PATIENT,
        VR::DS,
        "1\\0\\0\\0\\1\\0",
    );
    let shared = Fixture::empty_item().with_sequence(tags::PLANE_ORIENTATION_SEQUENCE, direction);
    let groups = tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE;
    // Two positions at two time points each, stored with time varying fastest.
    let file = Fixture::new(1, 1)
        .with_text(tags::NUMBER_OF_FRAMES, VR::IS, "4")
        .with_sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, shared)
        .append_item(groups, frame("5", 1, "1", "10", "0.5\\0.25"))
        .append_item(groups, frame("5", 2, "2", "20", "0.5\\0.25"))
        .append_item(groups, frame("2", 1, "3", "30", "0.5\\0.25"))
        .append_item(groups, frame("2", 2, "4", "40", "0.5\\0.25"))
        .with_pixels(&[10, 20, 30, 40]);
    let folder = tempfile::tempdir().unwrap();
    let path = file.write_to_folder(folder.path(), "enhanced");
    let catalog = catalog(&path).unwrap();
    let series = &catalog.studies[0].series;
    let frames = |i: usize| {
        series[i]
            .slices
            .iter()
            .map(|s| s.source.frame)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (series.len(), frames(0), frames(1)),
        (2, vec![2, 0], vec![3, 1])
    );
    assert_eq!(
        (
            series[0].slice_spacing(),
            series[0].slices[0].spacing.map(|s| s.column)
        ),
        (Some(3.0), Some(0.25))
    );
    let image = crate::load_image(&Source { path, frame: 3 }).unwrap();
    assert_eq!(
        (
            image.modality_value(0),
            image.windows[0].window.center,
            image.unit.as_deref()
        ),
        (150.0, 40.0, Some("HU"))
    );
    assert_eq!(image.plane.map(|p| p.position[2]), Some(2.0));
}

#[test]
fn clips_of_a_series_stay_separate() {
    let folder = tempfile::tempdir().unwrap();
    for number in [1, 2] {
        Fixture::new(2, 1)
            .with_text(tags::SOP_INSTANCE_UID, VR::UI, &format!("1.2.3.{number}"))
            .with_text(tags::NUMBER_OF_FRAMES, VR::IS, "3")
            .with_pixels(&[0; 6])
            .write_to_folder(folder.path(), &format!("clip{number}"));
    }
    let catalog = catalog(folder.path()).unwrap();
    let sizes: Vec<_> = catalog.studies[0]
        .series
        .iter()
        .map(|s| s.slices.len())
        .collect();
    assert_eq!(sizes, [3, 3]);
}
