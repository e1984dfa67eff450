//! What `segment` writes, and what it never touches.

use super::*;
use std::collections::BTreeSet;

/// Columns, rows and values of a label map as they are in the file.
fn label_map(path: &Path) -> (u32, u32, Vec<u8>) {
    let mut decoder = png::Decoder::new(std::io::BufReader::new(std::fs::File::open(path).unwrap()));
    decoder.set_transformations(png::Transformations::IDENTITY);
    let mut reader = decoder.read_info().unwrap();
    let mut values = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut values).unwrap();
    assert_eq!((frame.color_type, frame.bit_depth), (png::ColorType::Indexed, png::BitDepth::Eight));
    (frame.width, frame.height, values)
}

/// `segment` with the fetal head model on the CPU.
fn segment(sources: &[&Path], out: &Path) -> Run {
    let mut arguments: Vec<&dyn AsRef<OsStr>> = vec![&"segment"];
    sources.iter().for_each(|source| arguments.push(source));
    let rest: [&dyn AsRef<OsStr>; 6] = [&"--out", &out, &"--model", &MODEL, &"--device", &"cpu"];
    run(&[&arguments[..], &rest].concat())
}

#[test]
fn each_ultrasound_sample_gets_all_that_was_asked_for() {
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
        let endings = ["png", "overlay.png", "probability.png", "seg.dcm", "measurements.csv", "measurements.json"];
        expected.extend(endings.map(|ending| format!("{stem}.{ending}")));
        let (columns, rows, values) = label_map(&folder.path().join(image));
        assert_eq!((columns, rows), image::image_dimensions(source.join(image)).unwrap());
        assert_eq!(values.iter().copied().collect::<BTreeSet<u8>>(), BTreeSet::from([0, 1]), "{image}");
        let probability = image::open(folder.path().join(format!("{stem}.probability.png"))).unwrap();
        assert_eq!((probability.width(), probability.height()), (columns, rows));
        assert_eq!(probability.color(), image::ColorType::L16);
    }
    expected.insert("labels.json".into());
    assert_eq!(expected.len(), 4 * 6 + 1);
    assert_eq!(files(folder.path()).into_iter().collect::<BTreeSet<_>>(), expected);
    let told: usize = outcomes.as_array().unwrap().iter().map(|o| o["files"].as_array().unwrap().len()).sum();
    assert_eq!(told, expected.len());
}

#[test]
fn a_series_that_no_model_is_for_names_the_models() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let parts = ["slice-01.dcm", "MR", "\"Fetal head\"", "--model"];
    refuses(&[&"segment", &sample("cardiac-mr"), &"--out", &out], &parts);
    assert!(!out.exists());
}

#[test]
fn a_named_model_runs_on_what_it_is_not_for_and_warns() {
    let folder = tempfile::tempdir().unwrap();
    let run = segment(&[&sample("cardiac-mr")], folder.path());
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert!(run.err.contains("warning") && run.err.contains("MR"), "{}", run.err);
    let written = files(folder.path());
    assert_eq!(written.iter().filter(|name| name.ends_with(".seg.dcm")).count(), 1);
    assert_eq!(written.iter().filter(|name| name.ends_with(".png")).count(), 12);
    dicom_object::open_file(folder.path().join(written.iter().find(|n| n.ends_with(".seg.dcm")).unwrap())).unwrap();
}

#[test]
fn good_files_are_written_and_bad_ones_named() {
    let folder = tempfile::tempdir().unwrap();
    let [good, text, cut, missing] = ["good.png", "text.png", "cut.png", "missing.png"].map(|n| folder.path().join(n));
    let out = folder.path().join("out");
    picture(&good);
    std::fs::write(&text, "words").unwrap();
    let whole = std::fs::read(&good).unwrap();
    std::fs::write(&cut, &whole[..whole.len() / 2]).unwrap();
    for bad in [&text, &cut, &missing] {
        let run = segment(&[bad, &good], &out);
        assert_eq!(run.code, Some(1), "{}", run.err);
        let name = bad.file_name().unwrap().to_str().unwrap();
        assert!(run.err.lines().any(|line| line.contains(name) && line.contains("cannot ")), "{}", run.err);
        assert_eq!(files(&out), ["good.png", "labels.json"]);
        std::fs::remove_dir_all(&out).unwrap();
    }
}

#[test]
fn images_of_one_name_get_two_results() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let sources = ["one", "two"].map(|name| folder.path().join(name));
    for source in &sources {
        std::fs::create_dir(source).unwrap();
        picture(&source.join("a.png"));
    }
    let run = segment(&[&sources[0], &sources[1]], &out);
    assert_eq!(run.code, Some(0), "{}", run.err);
    assert_eq!(files(&out), ["a-2.png", "a.png", "labels.json"]);
}

#[test]
fn a_label_map_never_takes_the_place_of_its_image() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.png");
    picture(&source);
    picture(&folder.path().join("b.png"));
    let before = std::fs::read(&source).unwrap();
    let named_otherwise = folder.path().join("..").join(folder.path().file_name().unwrap());
    for (input, out) in [(folder.path(), folder.path()), (&source, folder.path()), (&source, &named_otherwise)] {
        assert_refused(&segment(&[input], out), &["a.png\"", "never changed", "--out"]);
        assert_eq!(std::fs::read(&source).unwrap(), before);
        assert_eq!(files(folder.path()), ["a.png", "b.png"]);
    }
}

#[test]
fn no_result_takes_the_place_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    // The overlay of the first is called like the label map of the second.
    let sources = ["a.png", "a.overlay.png"].map(|name| folder.path().join(name));
    sources.iter().for_each(|source| picture(source));
    let arguments: [&dyn AsRef<OsStr>; 8] =
        [&"segment", &folder.path(), &"--out", &out, &"--model", &MODEL, &"--format", &"png,overlay"];
    refuses(&arguments, &["a.overlay.png", "two results"]);
    assert!(!out.exists());
}

#[test]
fn results_within_the_input_are_not_segmented_again() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("masks");
    picture(&folder.path().join("a.png"));
    for _ in 0..2 {
        let run = segment(&[folder.path()], &out);
        assert_eq!(run.code, Some(0), "{}", run.err);
        assert_eq!(files(&out), ["a.png", "labels.json"]);
    }
}

#[test]
fn of_a_series_that_fails_nothing_is_left() {
    let folder = tempfile::tempdir().unwrap();
    let in_the_way = folder.path().join("slice-03.png");
    std::fs::create_dir(&in_the_way).unwrap();
    let run = segment(&[&sample("cardiac-mr")], folder.path());
    assert_refused(&run, &["slice-03.png", "a folder of that name is in the way"]);
    assert_eq!(files(folder.path()), [""; 0]);
}
