//! How a workspace finds its images again.

use super::*;

#[test]
fn a_workspace_created_with_relative_paths_works_from_any_folder() {
    let folder = tempfile::tempdir().unwrap();
    let work = seeded(folder.path());
    assert_eq!(missing(&work), 0);
    exports_its_masks(
        &work,
        &folder.path().join("polyps/masks"),
        &folder.path().join("out"),
    );
}

#[test]
fn relative_paths_of_an_older_version_are_found_beside_the_workspace() {
    let folder = tempfile::tempdir().unwrap();
    let work = seeded(folder.path());
    let database = rusqlite::Connection::open(work.join("workspace.sqlite")).unwrap();
    let length = folder.path().to_string_lossy().chars().count() as i64 + 2;
    database
        .execute(
            "UPDATE slice SET path = substr(path, ?1), beside = NULL",
            [length],
        )
        .unwrap();
    let typed: String = database
        .query_row("SELECT path FROM slice ORDER BY path LIMIT 1", (), |r| {
            r.get(0)
        })
        .unwrap();
    assert_eq!(typed, "polyps/images/a.png");
    database.close().unwrap();
    assert_eq!(missing(&work), 0);
    exports_its_masks(
        &work,
        &folder.path().join("polyps/masks"),
        &folder.path().join("out"),
    );
}

#[test]
fn a_workspace_and_images_moved_together_find_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (before, after) = (
        folder.path().join("before"),
        folder.path().join("elsewhere/after"),
    );
    std::fs::create_dir_all(&before).unwrap();
    std::fs::create_dir_all(folder.path().join("elsewhere")).unwrap();
    seeded(&before);
    std::fs::rename(&before, &after).unwrap();
    assert_eq!(missing(&after.join("work")), 0);
    exports_its_masks(
        &after.join("work"),
        &after.join("polyps/masks"),
        &folder.path().join("out"),
    );
}

#[test]
fn moved_and_renamed_images_are_located_by_content() {
    let folder = tempfile::tempdir().unwrap();
    let work = seeded(folder.path());
    let (images, there) = (
        folder.path().join("polyps/images"),
        folder.path().join("archive/2026/endoscopy"),
    );
    std::fs::create_dir_all(&there).unwrap();
    for (old, new) in [
        ("a.png", "0001.png"),
        ("b.png", "b.png"),
        ("c.png", "0003.png"),
    ] {
        std::fs::rename(images.join(old), there.join(new)).unwrap();
    }
    assert_eq!(missing(&work), 3);
    let out = folder.path().join("none");
    let run = refuses(
        &[&"export", &"--workspace", &work, &"-o", &out, &"-f", &"png"],
        &["3 of 3 cases could not be written"],
    );
    assert!(run.err.contains("labrum workspace locate"), "{}", run.err);
    assert!(!out.exists());
    let other = folder.path().join("polyps/masks");
    refuses(
        &[&"workspace", &"locate", &other, &"-w", &work],
        &["the images of 3 cases were not found in these folders"],
    );
    let run = succeeds(&[
        &"workspace",
        &"locate",
        &folder.path().join("archive"),
        &"-w",
        &work,
    ]);
    assert!(
        run.out
            .contains("Found the images of 3 cases; 0 still missing"),
        "{}",
        run.out
    );
    assert_eq!(missing(&work), 0);
    let (masks, out) = (
        folder.path().join("polyps/masks"),
        folder.path().join("out"),
    );
    exports_masks(&work, &masks, &out, ["0001.png", "b.png", "0003.png"]);
}

#[test]
fn an_image_replaced_by_another_does_not_get_its_mask() {
    let folder = tempfile::tempdir().unwrap();
    let work = seeded(folder.path());
    let images = folder.path().join("polyps/images");
    std::fs::copy(images.join("b.png"), images.join("a.png")).unwrap();
    let out = folder.path().join("out");
    let export = export_arguments(&work, &out, &"png", &[]);
    let run = refuses(&export, &["1 of 3 cases could not be written"]);
    assert!(
        run.err
            .contains("the file has changed since the case was saved"),
        "{}",
        run.err
    );
    assert_eq!(
        files(&out)
            .iter()
            .filter(|file| file.ends_with(".png"))
            .count(),
        2
    );
}

#[test]
fn locate_is_suggested_and_needs_an_existing_folder() {
    let folder = tempfile::tempdir().unwrap();
    let work = seeded(folder.path());
    let nowhere = folder.path().join("nowhere");
    refuses(
        &[&"workspace", &"locate", &nowhere, &"-w", &work],
        &["nowhere\"", "folder not found"],
    );
    std::fs::remove_file(folder.path().join("polyps/images/b.png")).unwrap();
    refuses(
        &[&"train", &"--workspace", &work, &"--dry-run"],
        &["b.png", "labrum workspace locate FOLDER --workspace"],
    );
}
