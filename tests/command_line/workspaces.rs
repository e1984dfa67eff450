//! Workspaces on the command line: created, filled, listed, and how they find their images again.

mod places;

use super::{Run, disc, export_arguments, files, program, refuses, run, succeeds};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// FOLDER/polyps/images and FOLDER/polyps/masks with three discs, black and white.
fn polyps(folder: &Path) -> PathBuf {
    let polyps = folder.join("polyps");
    for kind in ["images", "masks"] {
        std::fs::create_dir_all(polyps.join(kind)).unwrap();
    }
    for (i, name) in ["a", "b", "c"].into_iter().enumerate() {
        let center = [14.0 + 3.0 * i as f64, 14.0];
        disc(40, 30, center, 6.0 + i as f64, 255)
            .save(polyps.join(format!("masks/{name}.png")))
            .unwrap();
        let mut image = disc(40, 30, center, 6.0 + i as f64, 90);
        image
            .enumerate_pixels_mut()
            .for_each(|(x, y, p)| p.0[0] += (x * (3 + i as u32) + y * 5) as u8 % 90);
        image
            .save(polyps.join(format!("images/{name}.png")))
            .unwrap();
    }
    polyps
}

/// Runs `labrum workspace` with `at` as the working directory.
fn workspace(at: &Path, arguments: &[&dyn AsRef<OsStr>]) -> Run {
    let all: Vec<&dyn AsRef<OsStr>> = [&[&"workspace" as &dyn AsRef<OsStr>], arguments].concat();
    program(&all).current_dir(at).output().unwrap().into()
}

/// A workspace FOLDER/work with three accepted cases; all paths are given relative to FOLDER.
fn seeded(folder: &Path) -> PathBuf {
    polyps(folder);
    assert_eq!(
        workspace(folder, &[&"create", &"work", &"--label", &"Polyp"]).code,
        Some(0)
    );
    let add: [&dyn AsRef<OsStr>; 7] = [
        &"add",
        &"polyps/images",
        &"--workspace",
        &"work",
        &"--masks",
        &"polyps/masks",
        &"--accept",
    ];
    let added = workspace(folder, &add);
    assert_eq!(added.code, Some(0), "{}", added.err);
    assert!(
        added
            .out
            .contains("Added 3 cases; 0 were already in the workspace; 3 received masks"),
        "{}",
        added.out
    );
    folder.join("work")
}

fn list(work: &Path) -> Value {
    let run = succeeds(&[&"workspace", &"list", &"--workspace", &work, &"--json"]);
    serde_json::from_str(&run.out).unwrap()
}

fn missing(work: &Path) -> usize {
    let listed = list(work);
    let cases = listed["cases"].as_array().unwrap();
    cases
        .iter()
        .filter(|case| !case["missing"].as_array().unwrap().is_empty())
        .count()
}

/// Exports all label maps from the working directory / and compares them with the imported masks.
#[track_caller]
fn exports_its_masks(work: &Path, masks: &Path, out: &Path) {
    exports_masks(work, masks, out, ["a.png", "b.png", "c.png"]);
}

/// As [`exports_its_masks`], for images that were renamed to `called`.
#[track_caller]
fn exports_masks(work: &Path, masks: &Path, out: &Path, called: [&str; 3]) {
    let export = export_arguments(&work, &out, &"png", &[&"--name", &"{series}"]);
    let run: Run = program(&export).current_dir("/").output().unwrap().into();
    assert_eq!(run.code, Some(0), "{}", run.err);
    for (name, called) in ["a.png", "b.png", "c.png"].into_iter().zip(called) {
        let exported =
            labrum::io::label_file::read_mask(&out.join(called), Default::default()).unwrap();
        let given = image::open(masks.join(name)).unwrap().into_luma8();
        let given: Vec<u8> = given.pixels().map(|p| u8::from(p.0[0] == 255)).collect();
        assert_eq!(exported.pixel_labels(), given, "{name}");
    }
}

#[test]
fn a_workspace_is_filled_with_images_labels_and_masks() {
    let folder = tempfile::tempdir().unwrap();
    let work = seeded(folder.path());
    let listed = list(&work);
    assert_eq!(listed["labels"][0]["name"], "Polyp");
    for (case, name) in listed["cases"]
        .as_array()
        .unwrap()
        .iter()
        .zip(["a.png", "b.png", "c.png"])
    {
        assert_eq!(
            (&case["name"], &case["status"]),
            (&name.into(), &"accepted".into())
        );
        assert_eq!(
            (&case["slices_with_mask"], &case["labels"]),
            (&1.into(), &serde_json::json!(["Polyp"]))
        );
    }
    // A removed case comes back with its work when it is added again.
    let removed = workspace(folder.path(), &[&"remove", &"b.png", &"-w", &"work"]);
    assert!(
        removed.code == Some(0) && removed.out.contains("b.png; 2 cases are left"),
        "{} {}",
        removed.out,
        removed.err
    );
    assert_eq!(list(&work)["cases"].as_array().unwrap().len(), 2);
    // Adding the same again neither fails nor duplicates anything.
    let at = folder.path();
    let again: [&dyn AsRef<OsStr>; 6] = [
        &"add",
        &"polyps/images",
        &"-w",
        &"work",
        &"-m",
        &"polyps/masks",
    ];
    let run = workspace(at, &again);
    assert!(
        run.code == Some(0)
            && run
                .out
                .contains("Added 0 cases; 3 were already in the workspace"),
        "{}{}",
        run.out,
        run.err
    );
    // Existing masks are only replaced with --overwrite.
    disc(40, 30, [20.0, 20.0], 5.0, 255)
        .save(at.join("polyps/masks/a.png"))
        .unwrap();
    let run = workspace(at, &again);
    assert!(
        run.code == Some(1) && run.err.contains("a.png: cannot add the masks: 1 slice has"),
        "{}",
        run.err
    );
    // A label list with more details still means the same label.
    let list = r#"{"labels": [{"value": 1, "name": "Polyp", "concept": {"value": "41329004", "scheme": "SCT", "meaning": "Polyp"}}]}"#;
    std::fs::write(at.join("polyps/masks/labels.json"), list).unwrap();
    let overwrite: [&dyn AsRef<OsStr>; 1] = [&"--overwrite"];
    assert_eq!(
        workspace(at, &[&again[..], &overwrite].concat()).code,
        Some(0)
    );
    assert_eq!(self::list(&work)["labels"].as_array().unwrap().len(), 1);
    exports_its_masks(&work, &at.join("polyps/masks"), &at.join("out"));
}

#[test]
fn masks_are_proposals_until_cases_are_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    polyps(at);
    std::fs::remove_file(at.join("polyps/masks/c.png")).unwrap();
    assert_eq!(workspace(at, &[&"create", &"work"]).code, Some(0));
    refuses(
        &[&"workspace", &"create", &at.join("work")],
        &["the folder is not empty"],
    );
    let add: [&dyn AsRef<OsStr>; 7] = [
        &"add",
        &"polyps/images",
        &"-w",
        &"work",
        &"-m",
        &"polyps/masks",
        &"--proposals",
    ];
    let run = workspace(at, &add);
    assert!(
        run.code == Some(0) && run.out.contains("2 received masks"),
        "{}{}",
        run.out,
        run.err
    );
    let status = |i: usize| {
        list(&at.join("work"))["cases"][i]["status"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        [status(0), status(1), status(2)],
        ["proposed", "proposed", "new"]
    );
    let accept = |what: &'static str| workspace(at, &[&"accept", &what, &"-w", &"work"]);
    assert_eq!(accept("polyps/images/b.png").code, Some(0));
    assert_eq!([status(0), status(1)], ["proposed", "accepted"]);
    assert_eq!(accept("1-2").code, Some(0));
    assert_eq!([status(0), status(1)], ["accepted", "accepted"]);
    let run = accept("c.png");
    assert!(
        run.code == Some(1) && run.err.contains("c.png: no mask to accept"),
        "{}",
        run.err
    );
    let run = accept("7");
    assert!(
        run.code == Some(2) && run.err.contains("no case \"7\""),
        "{}",
        run.err
    );
    let nothing: [&dyn AsRef<OsStr>; 6] = [
        &"add",
        &"polyps/images",
        &"-w",
        &"work",
        &"-m",
        &"work/models",
    ];
    assert!(
        workspace(at, &nothing)
            .err
            .contains("none of the masks belongs to any of the images")
    );
}

#[test]
fn a_missing_workspace_is_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let reasons = [
        "nowhere\"",
        "no workspace found in this folder",
        "workspace create",
    ];
    refuses(&[&"workspace", &"list", &"-w", &nowhere], &reasons);
    assert!(!nowhere.exists());
    assert_eq!(run(&[&"workspace", &"list"]).code, Some(2));
}

#[test]
fn labels_of_a_new_workspace_need_distinct_names() {
    let folder = tempfile::tempdir().unwrap();
    for labels in [
        &["--label", ""][..],
        &["--label", "Polyp", "--label", "polyp"],
    ] {
        let mut create: Vec<&dyn AsRef<OsStr>> = vec![&"create", &"work"];
        create.extend(labels.iter().map(|word| word as &dyn AsRef<OsStr>));
        let run = workspace(folder.path(), &create);
        assert_eq!(run.code, Some(2), "{labels:?}: {}", run.err);
        assert!(!folder.path().join("work").exists());
    }
}

#[test]
fn images_without_a_mask_and_identical_images_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let polyps = polyps(at);
    std::fs::copy(
        polyps.join("images/a.png"),
        polyps.join("images/a copy.png"),
    )
    .unwrap();
    std::fs::remove_file(polyps.join("masks/c.png")).unwrap();
    assert_eq!(workspace(at, &[&"create", &"work"]).code, Some(0));
    let add: [&dyn AsRef<OsStr>; 7] = [
        &"add",
        &"polyps/images",
        &"-w",
        &"work",
        &"-m",
        &"polyps/masks",
        &"--accept",
    ];
    let json: [&dyn AsRef<OsStr>; 1] = [&"--json"];
    let run = workspace(at, &[&add[..], &json].concat());
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.err.contains("1 case has no mask: c.png"), "{}", run.err);
    assert!(run.err.contains("identical to \""), "{}", run.err);
    let added: Value = serde_json::from_str(&run.out).unwrap();
    let of = |name: &str| {
        added
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["name"] == name)
            .unwrap()
            .clone()
    };
    assert_eq!(
        (&of("c.png")["has_no_mask"], &of("b.png")["has_no_mask"]),
        (&true.into(), &false.into())
    );
    let same = [of("a.png"), of("a copy.png")].map(|one| one["same_as"].clone());
    assert_eq!(
        same.iter().filter(|path| path.is_string()).count(),
        1,
        "{same:?}"
    );
}

#[test]
fn images_of_one_subject_are_on_the_same_side_of_the_split() {
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    std::fs::create_dir(&images).unwrap();
    for subject in 0..10u32 {
        for (turn, name) in ["HC", "2HC"].into_iter().enumerate() {
            let mut image = disc(40, 30, [20.0, 15.0], 4.0 + f64::from(subject), 90);
            let change = |(x, y, p): (u32, u32, &mut image::Luma<u8>)| {
                p.0[0] += (x * (3 + subject) + y * (5 + 7 * turn as u32)) as u8 % 90;
            };
            image.enumerate_pixels_mut().for_each(change);
            image
                .save(images.join(format!("{subject:03}_{name}.png")))
                .unwrap();
        }
    }
    assert_eq!(
        workspace(folder.path(), &[&"create", &"work"]).code,
        Some(0)
    );
    assert_eq!(
        workspace(folder.path(), &[&"add", &"images", &"-w", &"work"]).code,
        Some(0)
    );
    let listed = list(&folder.path().join("work"));
    let cases = listed["cases"].as_array().unwrap();
    for pair in cases.chunks(2) {
        let name = |case: &Value| case["name"].as_str().unwrap()[..3].to_owned();
        assert_eq!(name(&pair[0]), name(&pair[1]));
        assert_eq!(pair[0]["side"], pair[1]["side"], "{}", pair[0]["name"]);
    }
    assert_eq!(
        cases
            .iter()
            .filter(|case| case["side"] == "hold-out")
            .count(),
        4
    );
}

#[test]
fn a_workspace_that_another_process_has_open_can_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let work = seeded(folder.path());
    let open = labrum::workspace::Workspace::open(&work).unwrap();
    let run = succeeds(&[&"workspace", &"list", &"-w", &work, &"--json"]);
    assert!(
        run.err.contains("another Labrum process (") && run.err.contains("has the workspace open"),
        "{}",
        run.err
    );
    let listed: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(
        (listed["cases"].as_array().unwrap().len(), &listed["folder"]),
        (3, &work.to_str().unwrap().into())
    );
    succeeds(&[&"models", &"--workspace", &work]);
    exports_its_masks(
        &work,
        &folder.path().join("polyps/masks"),
        &folder.path().join("out"),
    );
    let run = refuses(
        &[&"workspace", &"remove", &"1", &"-w", &work],
        &["another Labrum process ("],
    );
    assert!(!run.err.contains("window ("), "{}", run.err);
    open.close().unwrap();
}
