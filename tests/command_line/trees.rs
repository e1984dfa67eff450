//! Images with the same name in several folders, and exports that resume.

use super::*;
use serde_json::Value;

/// FOLDER/s1/a.png and FOLDER/s2/a.png, which differ, and their masks in FOLDER/masks.
fn subjects(folder: &Path) -> [PathBuf; 2] {
    let images = ["s1", "s2"].map(|name| folder.join("images").join(name).join("a.png"));
    for (i, image) in images.iter().enumerate() {
        let mask = folder.join("masks").join(["s1", "s2"][i]).join("a.png");
        for path in [image, &mask] {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        }
        disc(40, 30, [15.0 + 8.0 * i as f64, 14.0], 9.0, 200)
            .save(image)
            .unwrap();
        disc(40, 30, [15.0 + 8.0 * i as f64, 14.0], 9.0, 255)
            .save(mask)
            .unwrap();
    }
    images
}

fn file_names(coco: &Path) -> Vec<String> {
    let coco: Value = serde_json::from_slice(&std::fs::read(coco).unwrap()).unwrap();
    coco["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|image| image["file_name"].as_str().unwrap().to_owned())
        .collect()
}

/// A workspace with accepted masks for the images below FOLDER/images.
fn workspace(folder: &Path) -> PathBuf {
    let work = folder.join("work");
    succeeds(&[&"workspace", &"create", &work]);
    let [images, masks] = ["images", "masks"].map(|name| folder.join(name));
    succeeds(&[
        &"workspace",
        &"add",
        &images,
        &"-w",
        &work,
        &"--masks",
        &masks,
        &"--accept",
    ]);
    work
}

#[test]
fn images_with_the_same_name_are_distinguished_by_their_folders() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = subjects(folder.path());
    let folders = [a.parent().unwrap(), b.parent().unwrap()];
    for (name, inputs) in [("files", [a.as_path(), b.as_path()]), ("folders", folders)] {
        let out = folder.path().join(name);
        succeeds(&[
            &"segment",
            &inputs[0],
            &inputs[1],
            &"-o",
            &out,
            &"-f",
            &"png,coco",
            &"--model",
            &"fetal-head",
            &"--device",
            &"cpu",
        ]);
        assert_eq!(
            files(&out),
            [
                "coco.json",
                "s1/a.png",
                "s1/labels.json",
                "s2/a.png",
                "s2/labels.json"
            ]
        );
        assert_eq!(file_names(&out.join("coco.json")), ["s1/a.png", "s2/a.png"]);
    }
    let (work, out) = (workspace(folder.path()), folder.path().join("exported"));
    succeeds(&export_arguments(&work, &out, &"png,coco", &[]));
    let pictures: Vec<String> = files(&out)
        .into_iter()
        .filter(|file| file.ends_with(".png"))
        .collect();
    assert_eq!(pictures, ["s1/a.png", "s2/a.png"]);
    assert_eq!(file_names(&out.join("coco.json")), ["s1/a.png", "s2/a.png"]);
    // In one folder, a note says which is which.
    let out = folder.path().join("flat");
    let run = succeeds(&export_arguments(
        &work,
        &out,
        &"png",
        &[&"--name", &"{series}"],
    ));
    assert_eq!(
        files(&out)
            .iter()
            .filter(|file| file.ends_with(".png"))
            .count(),
        2
    );
    assert!(
        run.err.contains("the files of this case are named \"a-2\""),
        "{}",
        run.err
    );
}

#[test]
fn options_that_do_not_apply_are_wrong_usage() {
    let folder = tempfile::tempdir().unwrap();
    let [image, out] = ["a.png", "out"].map(|name| folder.path().join(name));
    picture(&image);
    discs(folder.path());
    let model = folder.path().join("m.safetensors");
    let (data, work) = (folder.path(), folder.path().join("work"));
    let wrong: [Vec<&dyn AsRef<OsStr>>; 8] = [
        vec![&"segment", &image, &"-o", &out, &"--modality", &"CT"],
        vec![&"segment", &image, &"-o", &out, &"--limit", &"1"],
        vec![&"segment", &image, &"-o", &out, &"--name", &"x"],
        vec![&"segment", &image, &"-o", &out, &"--from-pacs", &"x"],
        vec![&"train", &data, &"-o", &model, &"--channels", &"2"],
        vec![&"train", &data, &"-o", &model, &"--steps", &"5"],
        vec![
            &"train",
            &"--workspace",
            &work,
            &"--steps",
            &"5",
            &"--seconds",
            &"5",
        ],
        vec![&"train", &data, &"-o", &model, &"--epochs", &"abc"],
    ];
    for arguments in wrong {
        let run = run(&arguments);
        assert_eq!(run.code, Some(2), "{}", run.err);
        assert!(!run.err.contains("invalid digit"), "{}", run.err);
    }
    assert!(!out.exists() && !model.exists());
}

#[test]
fn system_errors_are_reported_in_plain_words() {
    let folder = tempfile::tempdir().unwrap();
    let [missing, junk, out] =
        ["missing", "junk.safetensors", "out"].map(|name| folder.path().join(name));
    std::fs::write(&junk, "junk that is far from a header").unwrap();
    picture(&folder.path().join("a.png"));
    let image = folder.path().join("a.png");
    let here = folder.path();
    refuses(&[&"plot", &missing, &"--out", &out], &["file not found"]);
    refuses(&[&"plot", &here, &"--out", &out], &["this is a folder"]);
    refuses(
        &[&"segment", &image, &"-o", &out, &"--model", &junk],
        &["not a safetensors file"],
    );
    refuses(&[&"train", &missing, &"-o", &out], &["folder not found"]);
}

#[test]
fn rehearsals_with_too_few_images_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    discs(folder.path());
    let rehearse: [&dyn AsRef<OsStr>; 9] = [
        &"rehearse",
        &folder.path(),
        &"--cases",
        &"2,60",
        &"--steps",
        &"1",
        &"--size",
        &"48",
        &"--device",
    ];
    let cpu: [&dyn AsRef<OsStr>; 1] = [&"cpu"];
    let run = refuses(
        &[&rehearse[..], &cpu].concat(),
        &["not have enough images for 60 training cases"],
    );
    assert!(
        run.err.contains("cannot reach 60 cases: there are only"),
        "{}",
        run.err
    );
}

/// FOLDER/images and FOLDER/masks with `count` images each.
fn many(folder: &Path, count: u32) {
    for kind in ["images", "masks"] {
        std::fs::create_dir_all(folder.join(kind)).unwrap();
    }
    for i in 0..count {
        let name = format!("p{i}.png");
        let center = [30.0 + f64::from(i % 30), 40.0 + f64::from(i / 30)];
        disc(300, 300, center, 19.0, 200)
            .save(folder.join("images").join(&name))
            .unwrap();
        disc(300, 300, center, 19.0, 255)
            .save(folder.join("masks").join(&name))
            .unwrap();
    }
}

#[test]
fn a_repeatedly_killed_export_resumes_with_the_same_command() {
    const COUNT: usize = 90;
    let folder = tempfile::tempdir().unwrap();
    many(folder.path(), COUNT as u32);
    let (work, out) = (workspace(folder.path()), folder.path().join("out"));
    let export = export_arguments(&work, &out, &"png,overlay,csv", &[]);
    let maps = || {
        let all = files(&out).into_iter();
        all.filter(|file| {
            file.ends_with(".png") && !file.ends_with(".overlay.png") && !file.contains("labrum")
        })
        .count()
    };
    let when = |name: &str| {
        let found = files(&out)
            .into_iter()
            .find(|file| file.ends_with(name))
            .unwrap();
        std::fs::metadata(out.join(found))
            .unwrap()
            .modified()
            .unwrap()
    };
    for wanted in [5, 20] {
        let quiet = std::process::Stdio::null;
        let mut child = program(&export)
            .stdout(quiet())
            .stderr(quiet())
            .spawn()
            .unwrap();
        let begun = std::time::Instant::now();
        while maps() < wanted {
            assert!(
                begun.elapsed().as_secs() < 60,
                "the export did not progress within 60 s"
            );
            std::thread::sleep(std::time::Duration::from_millis(2));
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(!out.join("manifest.json").exists());
    let first = when("/p0.png");
    let run = succeeds(&export);
    assert!(run.out.contains("already exported"), "{}", run.out);
    assert_eq!(when("/p0.png"), first, "a complete case is kept");
    assert_eq!(maps(), COUNT);
    let manifest: Value =
        serde_json::from_slice(&std::fs::read(out.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(
        (
            manifest["cases"].as_array().unwrap().len(),
            &manifest["complete"]
        ),
        (COUNT, &true.into())
    );
    assert!(!out.join("manifest.unfinished").exists());
    refuses(&export, &["manifest.json of another export"]);
}

#[test]
#[cfg(unix)]
fn a_stopped_export_resumes_and_does_not_replace_changed_files() {
    const COUNT: usize = 90;
    let folder = tempfile::tempdir().unwrap();
    many(folder.path(), COUNT as u32);
    let (work, out) = (workspace(folder.path()), folder.path().join("out"));
    let export = export_arguments(&work, &out, &"png,overlay", &[]);
    let count = || {
        files(&out)
            .iter()
            .filter(|file| file.ends_with(".overlay.png"))
            .count()
    };
    for is_first in [true, false] {
        let child = start(&mut program(&export));
        let begun = std::time::Instant::now();
        while if is_first {
            count() < 20
        } else {
            !out.join("manifest.unfinished").exists()
        } {
            assert!(begun.elapsed().as_secs() < 60, "no output after 60 s");
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        stop(child);
    }
    let changed = files(&out)
        .into_iter()
        .find(|file| file.ends_with(".overlay.png"));
    if let Some(changed) = &changed {
        std::fs::write(out.join(changed), "mine").unwrap();
        let run = refuses(&export, &["1 of 90 cases could not be written"]);
        assert!(run.err.contains("the file already exists"), "{}", run.err);
        assert_eq!(std::fs::read(out.join(changed)).unwrap(), b"mine");
        std::fs::remove_file(out.join(changed)).unwrap();
    }
    succeeds(&export);
    assert_eq!(count(), COUNT);
}
