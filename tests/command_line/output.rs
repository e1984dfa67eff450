//! What `segment` writes, and what it never touches.

use super::*;
use std::collections::BTreeSet;

/// Columns, rows and values of a label map as they are in the file.
fn label_map(path: &Path) -> (u32, u32, Vec<u8>) {
    let mut decoder =
        png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap()));
    decoder.set_transformations(png::Transformations::IDENTITY);
    let mut reader = decoder.read_info().unwrap();
    let mut values = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut values).unwrap();
    assert_eq!(
        (frame.color_type, frame.bit_depth),
        (png::ColorType::Indexed, png::BitDepth::Eight)
    );
    (frame.width, frame.height, values)
}

/// `segment` with the fetal head model on the CPU.
fn segment(sources: &[&Path], out: &Path) -> Run {
    segment_and(sources, out, &[])
}

fn segment_and(sources: &[&Path], out: &Path, more: &[&dyn AsRef<OsStr>]) -> Run {
    let mut arguments: Vec<&dyn AsRef<OsStr>> = vec![&"segment"];
    sources.iter().for_each(|source| arguments.push(source));
    let rest: [&dyn AsRef<OsStr>; 6] = [&"--out", &out, &"--model", &MODEL, &"--device", &"cpu"];
    run(&[&arguments[..], &rest, more].concat())
}

#[test]
fn each_ultrasound_sample_gets_all_requested_files() {
    let folder = tempfile::tempdir().unwrap();
    let formats = "png,seg,overlay,csv,json";
    let source = sample("fetal-head");
    let arguments: [&dyn AsRef<OsStr>; 10] = [
        &"segment",
        &source,
        &"--out",
        &folder.path(),
        &"--format",
        &formats,
        &"--probabilities",
        &"--json",
        &"--device",
        &"cpu",
    ];
    let outcomes: serde_json::Value = serde_json::from_str(&succeeds(&arguments).out).unwrap();
    let mut expected = BTreeSet::new();
    for image in files(&source).iter().filter(|name| name.ends_with(".png")) {
        let stem = image.trim_end_matches(".png");
        let endings = [
            "png",
            "overlay.png",
            "probability.png",
            "seg.dcm",
            "measurements.csv",
            "measurements.json",
        ];
        expected.extend(endings.map(|ending| format!("{stem}.{ending}")));
        let (columns, rows, values) = label_map(&folder.path().join(image));
        assert_eq!(
            (columns, rows),
            image::image_dimensions(source.join(image)).unwrap()
        );
        assert_eq!(
            values.iter().copied().collect::<BTreeSet<u8>>(),
            BTreeSet::from([0, 1]),
            "{image}"
        );
        let probability =
            image::open(folder.path().join(format!("{stem}.probability.png"))).unwrap();
        assert_eq!((probability.width(), probability.height()), (columns, rows));
        assert_eq!(probability.color(), image::ColorType::L16);
    }
    expected.insert("labels.json".into());
    assert_eq!(expected.len(), 4 * 6 + 1);
    assert_eq!(
        files(folder.path()).into_iter().collect::<BTreeSet<_>>(),
        expected
    );
    let told: usize = outcomes
        .as_array()
        .unwrap()
        .iter()
        .map(|o| o["files"].as_array().unwrap().len())
        .sum();
    assert_eq!(told, expected.len());
}

#[test]
fn a_series_without_a_matching_model_lists_the_models() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let image = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/pydicom/MR_small_RLE.dcm"
    );
    let parts = [
        "MR_small_RLE.dcm",
        "\"Fetal head\"",
        "\"Left ventricle\": ",
        "does not look like",
        "--model",
    ];
    refuses(&[&"segment", &image, &"--out", &out], &parts);
    assert!(!out.exists());
}

#[test]
fn every_sample_is_segmented_by_its_own_model() {
    let samples = [
        ("fetal-head", "Fetal head", 4),
        ("cardiac-mr", "Left ventricle", 9),
        ("sarcoma-ct", "Soft-tissue sarcoma", 12),
    ];
    for (name, label, count) in samples {
        let folder = tempfile::tempdir().unwrap();
        let rest: [&dyn AsRef<OsStr>; 4] = [&"--format", &"json", &"--device", &"cpu"];
        let start: [&dyn AsRef<OsStr>; 4] = [&"segment", &sample(name), &"--out", &folder.path()];
        succeeds(&[&start[..], &rest].concat());
        let mut found = Vec::new();
        for file in files(folder.path()) {
            let text = std::fs::read_to_string(folder.path().join(file)).unwrap();
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            found.extend(json["slices"].as_array().unwrap().iter().cloned());
        }
        // The first position of the heart and the last two have no left ventricle.
        assert_eq!(found.len(), count, "{name}");
        assert!(found.iter().all(|f| f["name"] == label), "{name}");
    }
}

#[test]
fn a_chosen_model_runs_on_other_images_with_a_warning() {
    let folder = tempfile::tempdir().unwrap();
    let run = segment(&[&sample("cardiac-mr")], folder.path());
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(
        run.err.contains("warning") && run.err.contains("MR"),
        "{}",
        run.err
    );
    let written = files(folder.path());
    assert_eq!(
        written
            .iter()
            .filter(|name| name.ends_with(".seg.dcm"))
            .count(),
        1
    );
    assert_eq!(
        written.iter().filter(|name| name.ends_with(".png")).count(),
        12
    );
    dicom_object::open_file(
        folder
            .path()
            .join(written.iter().find(|n| n.ends_with(".seg.dcm")).unwrap()),
    )
    .unwrap();
}

#[test]
fn good_files_are_segmented_and_bad_ones_reported() {
    let folder = tempfile::tempdir().unwrap();
    let [good, text, cut, missing] =
        ["good.png", "text.png", "cut.png", "missing.png"].map(|n| folder.path().join(n));
    let out = folder.path().join("out");
    picture(&good);
    std::fs::write(&text, "words").unwrap();
    let whole = std::fs::read(&good).unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    for bad in [&text, &cut, &missing] {
        let run = segment(&[bad, &good], &out);
        assert_eq!(run.code, Some(1), "{}", run.err);
        let name = bad.file_name().unwrap().to_str().unwrap();
        assert!(
            run.err
                .lines()
                .any(|line| line.contains(name) && line.contains("cannot ")),
            "{}",
            run.err
        );
        assert_eq!(files(&out), ["good.png", "labels.json"]);
        std::fs::remove_dir_all(&out).unwrap();
    }
}

#[test]
fn images_with_the_same_name_get_separate_result_folders() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let sources = ["one", "two"].map(|name| folder.path().join(name));
    for source in &sources {
        std::fs::create_dir(source).unwrap();
        picture(&source.join("a.png"));
    }
    let run = segment(&[&sources[0], &sources[1]], &out);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_eq!(
        files(&out),
        [
            "one/a.png",
            "one/labels.json",
            "two/a.png",
            "two/labels.json"
        ]
    );
    // In one folder, a note says which is which.
    let (flat, out) = (folder.path().join("flat"), folder.path().join("named"));
    std::fs::create_dir(&flat).unwrap();
    ["a.png", "a.bmp"]
        .iter()
        .for_each(|name| picture(&flat.join(name)));
    let run = segment(&[&flat], &out);
    assert!(
        run.err
            .contains("the name \"a\" is taken by another image; using \"a-2\""),
        "{}",
        run.err
    );
    assert_eq!(files(&out), ["a-2.png", "a.png", "labels.json"]);
}

#[test]
fn a_label_map_never_replaces_its_image() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.png");
    picture(&source);
    picture(&folder.path().join("b.png"));
    let before = std::fs::read(&source).unwrap();
    let named_otherwise = folder
        .path()
        .join("..")
        .join(folder.path().file_name().unwrap());
    for (input, out) in [
        (folder.path(), folder.path()),
        (&source, folder.path()),
        (&source, &named_otherwise),
    ] {
        assert_refused(
            &segment(&[input], out),
            &["a.png\"", "never changed", "--out"],
        );
        assert_eq!(std::fs::read(&source).unwrap(), before);
        assert_eq!(files(folder.path()), ["a.png", "b.png"]);
    }
}

#[test]
fn no_result_replaces_another() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    // The overlay of the first has the same name as the label map of the second.
    let sources = ["a.png", "a.overlay.png"].map(|name| folder.path().join(name));
    sources.iter().for_each(|source| picture(source));
    let arguments: [&dyn AsRef<OsStr>; 8] = [
        &"segment",
        &folder.path(),
        &"--out",
        &out,
        &"--model",
        &MODEL,
        &"--format",
        &"png,overlay",
    ];
    refuses(&arguments, &["a.overlay.png", "two output files"]);
    assert!(!out.exists());
}

#[test]
fn results_within_the_input_are_not_segmented_again() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("masks");
    picture(&folder.path().join("a.png"));
    for more in [&[] as &[&dyn AsRef<OsStr>], &[&"--overwrite"]] {
        let run = segment_and(&[folder.path()], &out, more);
        assert_eq!(run.code, Some(0), "{}", run.err);
        assert_eq!(files(&out), ["a.png", "labels.json"]);
    }
}

#[test]
fn existing_results_are_replaced_by_overwrite_and_kept_by_resume() {
    let folder = tempfile::tempdir().unwrap();
    let (images, out) = (folder.path().join("images"), folder.path().join("out"));
    std::fs::create_dir(&images).unwrap();
    picture(&images.join("a.png"));
    assert_eq!(segment(&[&images], &out).code, Some(0));
    std::fs::write(out.join("a.png"), "a person's own").unwrap();
    picture(&images.join("b.png"));
    assert_refused(
        &segment(&[&images], &out),
        &[
            "a.png",
            "the file already exists",
            "--resume",
            "--overwrite",
        ],
    );
    assert_eq!(
        files(&out),
        ["a.png", "labels.json"],
        "nothing must be written"
    );
    let run = segment_and(&[&images], &out, &[&"--resume"]);
    assert!(
        run.code == Some(0) && run.out.contains("1 series was already done"),
        "{}{}",
        run.out,
        run.err
    );
    assert_eq!(std::fs::read(out.join("a.png")).unwrap(), b"a person's own");
    assert_eq!(files(&out), ["a.png", "b.png", "labels.json"]);
    assert_eq!(
        segment_and(&[&images], &out, &[&"--overwrite"]).code,
        Some(0)
    );
    assert_eq!(label_map(&out.join("a.png")).0, 40);
}

#[test]
fn a_folder_tree_is_kept_and_gets_one_annotation_file() {
    let folder = tempfile::tempdir().unwrap();
    let (images, out) = (folder.path().join("images"), folder.path().join("out"));
    for place in ["s1 \u{ab}x\u{bb}", "s2/left"] {
        std::fs::create_dir_all(images.join(place)).unwrap();
        picture(&images.join(place).join("\u{ab}a\u{bb}.png"));
    }
    let run = segment_and(&[&images], &out, &[&"-f", &"png,coco"]);
    assert_eq!(run.code, Some(0), "{}", run.err);
    let [one, two] = [
        "s1 \u{ab}x\u{bb}/\u{ab}a\u{bb}.png",
        "s2/left/\u{ab}a\u{bb}.png",
    ];
    let lists = ["s1 \u{ab}x\u{bb}/labels.json", "s2/left/labels.json"];
    assert_eq!(files(&out), ["coco.json", lists[0], one, lists[1], two]);
    let coco = || -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(out.join("coco.json")).unwrap()).unwrap()
    };
    let whole = coco();
    let names = whole["images"]
        .as_array()
        .unwrap()
        .iter()
        .map(|i| i["file_name"].as_str().unwrap());
    assert_eq!(names.collect::<BTreeSet<_>>(), BTreeSet::from([one, two]));
    // A resumed run reads the masks of finished series from their label maps.
    std::fs::remove_file(out.join(two)).unwrap();
    std::fs::remove_file(out.join("coco.json")).unwrap();
    let run = segment_and(&[&images], &out, &[&"-f", &"png,coco", &"--resume"]);
    assert!(
        run.code == Some(0) && run.out.contains("1 series was already done"),
        "{}{}",
        run.out,
        run.err
    );
    assert_eq!(coco(), whole);
}

#[test]
fn a_format_that_cannot_hold_a_mask_is_reported_and_the_others_are_written() {
    let folder = tempfile::tempdir().unwrap();
    let (source, out, none) = (
        folder.path().join("a.png"),
        folder.path().join("out"),
        folder.path().join("none"),
    );
    picture(&source);
    let run = segment_and(&[&source], &out, &[&"--format", &"png,rtstruct,csv"]);
    assert_refused(&run, &["1 file could not be written"]);
    assert!(run.err.contains("a.png as rtstruct: "), "{}", run.err);
    assert_eq!(files(&out), ["a.measurements.csv", "a.png", "labels.json"]);
    assert_eq!(
        segment_and(&[&source], &none, &[&"--format", &"rtstruct"]).code,
        Some(1)
    );
    assert!(!none.exists());
}

#[test]
fn a_built_in_model_can_be_chosen_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let source = sample("fetal-head/fetal-head-011_HC.png");
    succeeds(&[
        &"segment",
        &source,
        &"-o",
        &out,
        &"--model",
        &"fetal-head",
        &"--device",
        &"cpu",
    ]);
    refuses(
        &[
            &"segment",
            &source,
            &"-o",
            &out,
            &"--model",
            &"foetal-head",
            &"--device",
            &"cpu",
        ],
        &["foetal-head"],
    );
}

#[test]
fn a_compact_model_finds_the_same_object_with_half_the_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let small = folder.path().join("small.safetensors");
    succeeds(&[&"compact", &MODEL, &"--out", &small]);
    refuses(&[&"compact", &MODEL, &"--out", &small], &["already exists"]);
    let size = |path: &Path| std::fs::metadata(path).unwrap().len();
    assert!(size(&small) * 10 < size(Path::new(MODEL)) * 6);

    let source = sample("fetal-head/fetal-head-011_HC.png");
    let masks = [Path::new(MODEL), &small].map(|model| {
        let out = folder.path().join(model.file_stem().unwrap());
        succeeds(&[
            &"segment",
            &source,
            &"-o",
            &out,
            &"--model",
            &model,
            &"--device",
            &"cpu",
        ]);
        labrum::io::label_file::read_mask(&out.join("fetal-head-011_HC.png"), Default::default())
            .unwrap()
    });
    let pixels = masks.map(|mask| mask.pixel_labels().to_vec());
    let differing = pixels[0].iter().zip(&pixels[1]).filter(|(a, b)| a != b);
    assert!(differing.count() < 20);
}

#[test]
fn a_failed_series_leaves_no_files() {
    let folder = tempfile::tempdir().unwrap();
    let in_the_way = folder.path().join("slice-03.png");
    std::fs::create_dir(&in_the_way).unwrap();
    let run = segment(&[&sample("cardiac-mr")], folder.path());
    assert_refused(
        &run,
        &["slice-03.png", "a folder with that name already exists"],
    );
    assert_eq!(files(folder.path()), [""; 0]);
}
