//! Instances that share one SOP Instance UID.

use super::*;
use labrum_core::study::Slice;

fn anonymised(number: i32, z: f64, pixel: u16) -> Fixture {
    Fixture::new(1, 1)
        .with_slice_position(number, z)
        .with_text(tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.9")
        .with_pixels(&[pixel])
}

/// File name and UID of each slice, in order.
fn slices(folder: &Path) -> Vec<(String, String)> {
    let series = catalog(folder).unwrap().studies.remove(0).series;
    let name = |s: &Slice| {
        s.source
            .path
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned()
    };
    series
        .iter()
        .flat_map(|s| &s.slices)
        .map(|s| (name(s), s.sop_instance_uid.clone().unwrap()))
        .collect()
}

#[test]
fn different_images_are_kept_with_stable_uids_and_copies_count_once() {
    let folder = tempfile::tempdir().unwrap();
    for (file, image) in [
        ("a.dcm", anonymised(1, 0.0, 5)),
        ("b.dcm", anonymised(2, 3.0, 5)),
        ("c.dcm", anonymised(3, 6.0, 5)),
        ("copy.dcm", anonymised(2, 3.0, 5)),
    ] {
        image.write_to_folder(folder.path(), file);
    }
    let found = catalog(folder.path()).unwrap();
    let series = &found.studies[0].series[0];
    assert_eq!(series.slices.len(), 3);
    assert!(
        series
            .slices
            .iter()
            .all(|s| s.shares_its_uid() && s.uid_in_file() == Some("1.2.3.9"))
    );
    assert!(
        series.notes[0].contains("share one SOP Instance UID"),
        "{:?}",
        series.notes
    );
    assert_eq!(found.passed_over.len(), 1);
    assert!(found.passed_over[0].path.ends_with("copy.dcm"));
    // Each keeps its UID if files are renamed or removed.
    let before = slices(folder.path());
    let names: std::collections::HashSet<_> = before.iter().map(|(_, name)| name).collect();
    assert_eq!(names.len(), 3);
    std::fs::rename(folder.path().join("c.dcm"), folder.path().join("0.dcm")).unwrap();
    std::fs::remove_file(folder.path().join("a.dcm")).unwrap();
    let after = slices(folder.path());
    assert_eq!(
        after.iter().map(|(_, name)| name).collect::<Vec<_>>(),
        [&before[1].1, &before[2].1]
    );
}

#[test]
fn images_at_one_position_with_different_pixels_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    anonymised(1, 0.0, 5).write_to_folder(folder.path(), "a.dcm");
    anonymised(1, 0.0, 6).write_to_folder(folder.path(), "b.dcm");
    assert_eq!(slices(folder.path()).len(), 2);
}

#[test]
fn a_copy_in_another_encoding_is_a_copy_and_does_not_share_the_uid() {
    let folder = tempfile::tempdir().unwrap();
    anonymised(1, 0.0, 5).write_to_folder(folder.path(), "a.dcm");
    anonymised(1, 0.0, 5)
        .with_transfer_syntax(IMPLICIT)
        .write_to_folder(folder.path(), "b.dcm");
    let slices = slices(folder.path());
    assert_eq!(slices, [("a.dcm".to_owned(), "1.2.3.9".to_owned())]);
}
