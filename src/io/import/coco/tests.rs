//! Tests of `coco`.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::io::{export::CocoWriter as Written, open};

/// Imports the masks of an image of 7 x 5 pixels from this COCO file.
fn imported(json: &serde_json::Value, choice: &MaskChoice) -> Result<ImportedMasks> {
    let folder = tempfile::tempdir().unwrap();
    let (image, file) = (folder.path().join("a.png"), folder.path().join("x.json"));
    image::GrayImage::new(7, 5).save(&image).unwrap();
    std::fs::write(&file, json.to_string()).unwrap();
    let catalog = open::read_catalog(&[image], &mut |_| {}, &Default::default()).unwrap();
    import_masks(&file, &catalog.studies[0].series[0], choice)
}

fn file(segmentation: serde_json::Value) -> serde_json::Value {
    serde_json::json!({
        "images": [{"id": 4, "file_name": "train/a.png", "width": 7, "height": 5}, {"id": 5, "file_name": "b.png"}],
        "categories": [{"id": 3, "name": "Polyp"}, {"id": 9, "name": "Reflex"}],
        "annotations": [
            {"id": 1, "image_id": 4, "category_id": 9, "segmentation": segmentation},
            {"id": 2, "image_id": 5, "category_id": 3, "segmentation": [[0, 0, 1, 0, 1, 1]]},
        ],
    })
}

fn values(segmentation: serde_json::Value) -> Vec<u8> {
    imported(&file(segmentation), &MaskChoice::default())
        .unwrap()
        .masks[0]
        .1
        .pixel_labels()
        .to_vec()
}

#[test]
fn polygons_and_both_run_length_encodings_give_the_same_pixels() {
    let polygon = values(serde_json::json!([[1, 1, 4, 1, 4, 3, 1, 3]]));
    assert_eq!(polygon.iter().filter(|v| **v == 2).count(), 6);
    assert_eq!((polygon[7 + 1], polygon[2 * 7 + 3], polygon[0]), (2, 2, 0));
    assert_eq!(
        values(serde_json::json!({"size": [5, 7], "counts": [6, 2, 3, 2, 3, 2, 17]})),
        polygon
    );
    // As pycocotools compresses them: from the third on, each as the difference to the one
    // two before.
    assert_eq!(
        values(serde_json::json!({"size": [5, 7], "counts": "623000>"})),
        polygon
    );
}

#[test]
fn exported_masks_with_holes_are_imported_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("a.png");
    image::GrayImage::new(7, 5).save(&image).unwrap();
    let catalog = open::read_catalog(&[image], &mut |_| {}, &Default::default()).unwrap();
    let series = &catalog.studies[0].series[0];
    let mask = Mask::from_labels(
        7,
        5,
        (0..35)
            .map(|i| [1, 1, 1, 0, 2, 1, 0, 1, 0, 2, 1, 1, 1][i * 7 % 13])
            .collect(),
    );
    let mask = mask.unwrap();
    let labels = [Label::with_name("Ring", 0), Label::with_name("Dots", 1)];
    let mut coco = Written::default();
    coco.add_series(
        series,
        &Written::file_names(series),
        std::slice::from_ref(&mask),
        &labels,
    );
    let path = folder.path().join("coco.json");
    coco.write_file(&path).unwrap();
    assert!(is_coco(&path));
    let back = import_masks(&path, series, &MaskChoice::default()).unwrap();
    assert_eq!(back.masks, [(0, mask)]);
    assert_eq!(
        back.labels
            .iter()
            .map(|l| l.name.as_str())
            .collect::<Vec<_>>(),
        ["Ring", "Dots"]
    );
}

#[test]
fn chosen_categories_are_imported_and_invalid_files_are_refused() {
    let square = serde_json::json!([[1, 1, 4, 1, 4, 3, 1, 3]]);
    let only = MaskChoice {
        only: vec!["reflex".into()],
        ..MaskChoice::default()
    };
    let chosen = imported(&file(square.clone()), &only).unwrap();
    assert_eq!(
        (
            chosen.labels.len(),
            chosen.masks[0].1.count_pixels(1),
            chosen.taken[0].number
        ),
        (1, 6, 9)
    );
    let refused = |json: &serde_json::Value| imported(json, &MaskChoice::default()).unwrap_err();
    let mut other = file(square.clone());
    other["images"][0]["file_name"] = "c.png".into();
    assert_eq!(refused(&other).kind, ErrorKind::NotFound);
    let mut scaled = file(square);
    scaled["images"][0]["width"] = 14.into();
    assert!(refused(&scaled).to_string().contains("14 x 5"));
    for counts in [
        serde_json::json!([6, 200]),
        serde_json::json!([6, 2]),
        serde_json::json!("~~"),
    ] {
        let error = refused(&file(serde_json::json!({"size": [5, 7], "counts": counts})));
        assert!(error.to_string().contains("run lengths "), "{error}");
    }
}
