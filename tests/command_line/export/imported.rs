//! Masks of others that `labrum import-masks` writes anew: names, values and edges.

use super::*;

/// An image and a folder with its label map: two of the three labels have the same name, and the
/// third differs only in case.
fn lesions(folder: &Path) -> [PathBuf; 2] {
    let (picture, maps) = (folder.join("liver.png"), folder.join("maps"));
    std::fs::create_dir(&maps).unwrap();
    image::GrayImage::from_fn(12, 4, |x, _| image::Luma([x as u8 * 9]))
        .save(&picture)
        .unwrap();
    image::GrayImage::from_fn(12, 4, |x, _| image::Luma([x as u8 / 3]))
        .save(maps.join("liver.png"))
        .unwrap();
    let list = r#"{"labels": [{"value": 1, "name": "Lesion"}, {"value": 2, "name": "Lesion"}, {"value": 3, "name": "lesion"}]}"#;
    std::fs::write(maps.join("labels.json"), list).unwrap();
    [picture, maps]
}

#[test]
fn labels_with_the_same_name_get_separate_files_categories_and_rows() {
    let folder = tempfile::tempdir().unwrap();
    let [picture, maps] = lesions(folder.path());
    let out = folder.path().join("out");
    succeeds(&[
        &"import-masks",
        &maps,
        &"--of",
        &picture,
        &"--out",
        &out,
        &"--format",
        &"labels,coco,csv",
    ]);
    let masks: Vec<String> = files(&out)
        .into_iter()
        .filter(|name| name.ends_with(".png"))
        .collect();
    assert_eq!(masks.len(), 3, "{masks:?}");
    for name in &masks {
        let white = image::open(out.join(name))
            .unwrap()
            .into_luma8()
            .pixels()
            .filter(|p| p.0[0] == 255)
            .count();
        assert_eq!(white, 12, "{name}");
    }
    let lower: std::collections::BTreeSet<String> =
        masks.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(
        lower.len(),
        3,
        "the names also differ without regard to case"
    );
    let coco: serde_json::Value =
        serde_json::from_slice(&std::fs::read(out.join("liver.coco.json")).unwrap()).unwrap();
    let names: Vec<&str> = coco["categories"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["Lesion", "Lesion (2)", "lesion"]);
    let csv = std::fs::read_to_string(out.join("liver.measurements.csv")).unwrap();
    assert!(
        names
            .iter()
            .all(|name| csv.contains(&format!(",{name},12,"))),
        "{csv}"
    );
    // The masks of the single labels give the same label map again.
    let again = folder.path().join("again");
    succeeds(&[&"import-masks", &out, &"--of", &picture, &"--out", &again]);
    let back =
        labrum::io::label_file::read_mask(&again.join("liver.png"), Default::default()).unwrap();
    assert_eq!(
        back.pixel_labels()[..12],
        [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    );
}

#[test]
fn a_label_keeps_its_value_in_label_maps() {
    let folder = tempfile::tempdir().unwrap();
    let [picture, maps] = lesions(folder.path());
    let list = r#"{"labels": [{"value": 3, "name": "Organ"}, {"value": 200, "name": "Tumour"}]}"#;
    std::fs::write(maps.join("labels.json"), list).unwrap();
    image::GrayImage::from_fn(12, 4, |x, _| image::Luma([200 * (x as u8 / 6)]))
        .save(maps.join("liver.png"))
        .unwrap();
    let import = |out: &Path, format: &str| {
        succeeds(&[
            &"import-masks",
            &maps,
            &"--of",
            &picture,
            &"--out",
            &out,
            &"--format",
            &format,
        ]);
        files(out)
    };
    let out = folder.path().join("map");
    import(&out, "png");
    let map =
        labrum::io::label_file::read_mask(&out.join("liver.png"), Default::default()).unwrap();
    assert_eq!((map.count_pixels(200), map.count_pixels(1)), (24, 0));
    assert_eq!(
        labrum::io::export::read_labels(&out.join("labels.json")).unwrap()[199].name,
        "Tumour"
    );
    let labels = import(&folder.path().join("labels"), "labels");
    assert_eq!(
        labels,
        ["labels.json", "liver.Organ.png", "liver.Tumour.png"]
    );
}

#[test]
fn soft_edges_are_only_imported_with_a_threshold() {
    let folder = tempfile::tempdir().unwrap();
    let [picture, maps] = lesions(folder.path());
    std::fs::remove_file(maps.join("labels.json")).unwrap();
    image::GrayImage::from_fn(12, 4, |x, _| {
        image::Luma([[0, 0, 0, 40, 110, 180, 230, 255, 255, 255, 255, 255][x as usize]])
    })
    .save(maps.join("liver.png"))
    .unwrap();
    let out = folder.path().join("out");
    refuses(
        &[&"import-masks", &maps, &"--of", &picture, &"--out", &out],
        &["liver.png", "soft edges", "--threshold 128"],
    );
    succeeds(&[
        &"import-masks",
        &maps,
        &"--of",
        &picture,
        &"--out",
        &out,
        &"--threshold",
        &"128",
    ]);
    let map =
        labrum::io::label_file::read_mask(&out.join("liver.png"), Default::default()).unwrap();
    assert_eq!(map.count_pixels(1), 7 * 4);
}
