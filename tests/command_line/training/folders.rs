//! Folders of images and masks: what can be trained on.

use super::*;

#[test]
fn unusable_training_data_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let (data, model) = (
        folder.path().join("data"),
        folder.path().join("model.safetensors"),
    );
    let refused = |parts: &[&str]| {
        assert_refused(
            &train(&data, &model, &["--epochs", "1"])
                .output()
                .unwrap()
                .into(),
            parts,
        );
        assert!(!model.exists());
    };
    refused(&["data/images", "\"images\" and \"masks\""]);
    discs(&data);
    let image = data.join("images/disc-a.png");
    let whole = std::fs::read(&image).unwrap();
    std::fs::write(&image, &whole[..whole.len() / 2]).unwrap();
    refused(&["images/disc-a.png", "truncated"]);
    std::fs::write(&image, &whole).unwrap();
    std::fs::write(data.join("masks/disc-b.png"), "words").unwrap();
    refused(&["masks/disc-b.png"]);
    std::fs::remove_file(data.join("masks/disc-b.png")).unwrap();
    refused(&["images/disc-b.png", "there is no mask for it"]);
}

/// Replaces the label value in the mask of each disc.
fn revalue(data: &Path, value: impl Fn(usize) -> u8) {
    for (number, name) in files(&data.join("masks")).into_iter().enumerate() {
        let path = data.join("masks").join(name);
        let mut mask = image::open(&path).unwrap().into_luma8();
        mask.pixels_mut()
            .for_each(|p| p.0[0] = if p.0[0] > 0 { value(number) } else { 0 });
        mask.save(path).unwrap();
    }
}

#[test]
fn only_label_values_that_occur_are_trained_and_they_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let (data, model) = (
        folder.path().join("data"),
        folder.path().join("model.safetensors"),
    );
    discs(&data);
    revalue(&data, |number| if number % 2 == 0 { 3 } else { 200 });
    let refused = train(&data, &model, &["--epochs", "1"])
        .output()
        .unwrap()
        .into();
    assert_refused(
        &refused,
        &["disc-b.png", "0 and 200", "labels.json", "--threshold 1"],
    );
    let list = r#"{"labels": [{"value": 3, "name": "Organ"}, {"value": 200, "name": "Tumour"}]}"#;
    std::fs::write(data.join("masks/labels.json"), list).unwrap();
    trained(
        &data,
        &model,
        &["--epochs", "1", "--batch", "4", "--held-out", "0"],
    );
    let bytes = std::fs::read(&model).unwrap();
    let card = labrum_nn::checkpoint::read_card(&bytes).unwrap();
    let names: Vec<&str> = card
        .labels
        .iter()
        .map(|label| label.name.as_str())
        .collect();
    assert_eq!(
        (names, card.trained_on.values),
        (vec!["Organ", "Tumour"], vec![3, 200])
    );
    mean_dice(&model, &data);
    // Without the list, the values in the model card apply.
    std::fs::remove_file(data.join("masks/labels.json")).unwrap();
    revalue(&data, |_| 3);
    mean_dice(&model, &data);
    trained(
        &data,
        &model,
        &[
            "--epochs",
            "1",
            "--threshold",
            "3",
            "--held-out",
            "0",
            "--overwrite",
        ],
    );
}

#[test]
fn a_split_that_holds_out_no_subject_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (data, model) = (
        folder.path().join("data"),
        folder.path().join("model.safetensors"),
    );
    discs(&data);
    for kind in ["images", "masks"] {
        for name in files(&data.join(kind)) {
            let from = data.join(kind).join(&name);
            std::fs::rename(&from, data.join(kind).join(format!("7_{name}"))).unwrap();
        }
    }
    let refused = |more: &[&str], parts: &[&str]| {
        assert_refused(&train(&data, &model, more).output().unwrap().into(), parts);
    };
    let all = [
        "all 12 images belong to one subject, \"7\"",
        "subjects.csv",
        "--subject-pattern",
    ];
    refused(&["--held-out", "0.2"], &all);
    refused(
        &["--held-out-subjects", "8"],
        &["no image belongs to subject \"8\""],
    );
    refused(
        &["--subject-pattern", "^P"],
        &["7_disc-a.png", "--subject-pattern"],
    );
    refuses(&[&"rehearse", &data, &"--cases", &"3"], &all);
    let run = trained(
        &data,
        &model,
        &[
            "--epochs",
            "1",
            "--subject-pattern",
            "disc-(.)",
            "--held-out",
            "0.2",
        ],
    );
    assert!(run.err.contains("validation Dice"), "{}", run.err);
    let alone = trained(
        &data,
        &model,
        &["--epochs", "1", "--held-out", "0", "--overwrite"],
    );
    assert!(
        alone.err.contains("training Dice") && !alone.err.contains("validation Dice"),
        "{}",
        alone.err
    );
}
