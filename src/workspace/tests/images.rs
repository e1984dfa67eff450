//! Images that are found again: added, removed, moved, or with one UID.

use super::*;

#[test]
fn masks_follow_their_slices_when_files_are_added_or_removed() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let mut mask = blank();
    paint(&mut workspace, knee, 1, &mut mask, &square(4, 4, 4), 1);
    let has_mask = |workspace: &mut Workspace, instances: &[&str]| -> Vec<bool> {
        assert_eq!(
            workspace.adopt_case(&described("k", instances)).unwrap(),
            knee
        );
        stored(workspace, "k")
            .slices
            .iter()
            .map(|s| s.mask.is_some())
            .collect()
    };
    assert_eq!(
        has_mask(&mut workspace, &["0", "a", "b", "c"]),
        [false, false, true, false]
    );
    assert_eq!(
        workspace.recent_steps(&[knee], 10).unwrap()[0].edits[0].0,
        2
    );
    // The slice with the mask is missing: the mask is kept for later.
    assert_eq!(has_mask(&mut workspace, &["a", "c"]), [false, false]);
    assert!(workspace.recent_steps(&[knee], 10).unwrap().is_empty());
    assert_eq!(has_mask(&mut workspace, &["b"]), [true]);
    assert_eq!(
        stored(&mut workspace, "k").slices[0]
            .mask
            .as_ref()
            .unwrap()
            .to_mask(),
        mask
    );
}

#[test]
fn slices_with_the_same_uid_keep_their_order() {
    let (_folder, mut workspace) = workspace();
    let knee = workspace
        .adopt_case(&described("k", &["a", "a", "a"]))
        .unwrap();
    paint(&mut workspace, knee, 1, &mut blank(), &square(4, 4, 4), 1);
    for _ in 0..2 {
        workspace
            .adopt_case(&described("k", &["a", "a", "a"]))
            .unwrap();
        let touched: Vec<bool> = stored(&mut workspace, "k")
            .slices
            .iter()
            .map(|s| s.is_touched)
            .collect();
        assert_eq!(touched, [false, true, false]);
    }
}

#[test]
fn a_moved_case_is_recognised_and_gets_its_new_paths() {
    let (_folder, mut workspace) = workspace();
    let knee = case(&mut workspace, "k");
    let mut moved = described("k", &["a", "b", "c"]);
    for slice in &mut moved.slices {
        slice.source.path = Path::new("/archive").join(slice.source.path.file_name().unwrap());
    }
    assert_eq!(workspace.adopt_case(&moved).unwrap(), knee);
    assert_eq!(stored(&mut workspace, "k").entry.description, moved);
    // An image file has no instance UID: its slice is recognised by its index.
    let mut picture = described("sha256:1", &["p"]);
    picture.slices[0].sop_instance_uid = None;
    let key = workspace.adopt_case(&picture).unwrap();
    paint(&mut workspace, key, 0, &mut blank(), &square(0, 0, 3), 1);
    picture.slices[0].source.path = "/elsewhere.png".into();
    workspace.adopt_case(&picture).unwrap();
    assert!(stored(&mut workspace, "sha256:1").slices[0].is_touched);
    assert_eq!(workspace.list_cases().unwrap().len(), 2);
}
