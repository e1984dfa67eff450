//! Folders of images and masks: pairing, subjects, splits, and what is refused.

#![allow(clippy::unwrap_used)]
use super::*;
use image::GrayImage;
use labrum_core::label::Label;

/// A folder with images of 4 x 3 pixels at these paths.
fn folder(paths: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for path in paths {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        GrayImage::from_fn(4, 3, |x, _| image::Luma([255 * u8::from(x > 1)]))
            .save(path)
            .unwrap();
    }
    folder
}

fn opened(folder: &tempfile::TempDir) -> Result<Dataset> {
    open_folder(folder.path(), &FolderOptions::default())
}

fn pairs(folder: &tempfile::TempDir) -> Vec<DatasetPair> {
    opened(folder).unwrap().pairs
}

/// Saves a mask of 4 x 3 pixels with these values in its columns.
fn mask(folder: &tempfile::TempDir, name: &str, values: [u8; 4]) {
    let picture = GrayImage::from_fn(4, 3, |x, _| image::Luma([values[x as usize]]));
    picture
        .save(folder.path().join("masks").join(name))
        .unwrap();
}

fn named(name: &str) -> DatasetPair {
    let subject = name.split('_').next().unwrap_or(name).to_owned();
    DatasetPair {
        name: name.into(),
        image: PathBuf::new(),
        frame: 0,
        mask: PathBuf::new(),
        subject,
        reading: ValueReading::default(),
    }
}

#[test]
fn images_are_paired_with_masks_by_name_whatever_the_extension() {
    let folder = folder(&[
        "images/b.png",
        "images/a.JPG",
        "masks/a.bmp",
        "masks/b.png",
        "masks/c.png",
    ]);
    std::fs::write(folder.path().join("images/notes.txt"), "x").unwrap();
    let pairs = pairs(&folder);
    assert_eq!(
        pairs.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
        ["a", "b"]
    );
    let (image, mask) = pairs[0].load_image_and_mask().unwrap();
    assert_eq!((image.columns, image.rows), (4, 3));
    assert_eq!(mask.pixel_labels(), [0, 0, 1, 1].repeat(3));
}

#[test]
fn an_image_without_a_mask_is_named_in_the_error() {
    let folder = folder(&["images/a.png", "images/b.png", "masks/a.png"]);
    assert!(opened(&folder).unwrap_err().to_string().contains("b.png"));
}

#[test]
fn list_files_assign_images_to_training_validation_and_hold_out() {
    let folder = folder(&["images/a.png", "images/b.png", "images/c.png"]);
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let pairs = ["a", "b", "c"].map(named);
    let (train, rest) = (
        file("train.txt", "# a comment\nc\n\na.png\n"),
        file("rest.txt", "b\r\n"),
    );
    let parts = SplitLists::read_files(&[train.clone(), rest.clone()])
        .unwrap()
        .apply(&pairs)
        .unwrap();
    let names = parts
        .each_ref()
        .map(|part| part.iter().map(|p| p.name.as_str()).collect::<Vec<_>>());
    assert_eq!(names, [vec!["c", "a"], vec!["b"], vec![]]);
    assert_eq!(only_listed(&pairs, &rest).unwrap(), [named("b")]);
    let refused = |files: &[PathBuf], part: &str| {
        let found = SplitLists::read_files(files)
            .and_then(|lists| lists.apply(&pairs))
            .unwrap_err()
            .to_string();
        assert!(found.contains(part), "{found}");
    };
    refused(&[train.clone(), file("twice.txt", "a\n")], "\"a\"");
    refused(&[file("other.txt", "d\n")], "\"d\"");
    refused(&[file("none.txt", "\n")], "the list is empty");
    refused(&[folder.path().join("missing.txt")], "missing.txt");
}

#[test]
fn lengths_come_from_a_table() {
    let folder = folder(&["images/a.png"]);
    assert!(read_lengths(folder.path()).unwrap().is_empty());
    let table = folder.path().join("pixel_spacing_mm.csv");
    std::fs::write(
        &table,
        "name,pixel_spacing_mm,head_circumference_mm\na.png,0.25,180.5\n",
    )
    .unwrap();
    let expected = Lengths {
        pixel_spacing: 0.25,
        circumference: Some(180.5),
    };
    assert_eq!(read_lengths(folder.path()).unwrap()["a"], expected);
    std::fs::write(&table, "name,pixel_spacing_mm\na,-1\n").unwrap();
    assert!(
        read_lengths(folder.path())
            .unwrap_err()
            .to_string()
            .contains("\"-1\" of \"a\"")
    );
    std::fs::write(&table, "name,spacing\na,1\n").unwrap();
    assert!(read_lengths(folder.path()).is_err());
}

#[test]
fn two_images_with_the_same_name_are_refused() {
    let folder = folder(&["images/a.png", "images/a.bmp", "masks/a.png"]);
    let message = opened(&folder).unwrap_err().to_string();
    assert!(
        message.contains("a.png") && message.contains("a.bmp"),
        "{message}"
    );
}

#[test]
fn missing_and_empty_folders_are_named_in_the_error() {
    assert!(
        open_folder(Path::new("/nowhere"), &FolderOptions::default())
            .unwrap_err()
            .to_string()
            .contains("/nowhere/images")
    );
    let folder = folder(&["masks/a.png"]);
    std::fs::create_dir(folder.path().join("images")).unwrap();
    assert!(opened(&folder).unwrap_err().to_string().contains("images"));
}

#[test]
fn a_mask_that_differs_in_size_from_its_image_is_refused() {
    let folder = folder(&["images/a.png", "masks/a.png"]);
    GrayImage::new(5, 3)
        .save(folder.path().join("masks/a.png"))
        .unwrap();
    let message = pairs(&folder)[0]
        .load_image_and_mask()
        .unwrap_err()
        .to_string();
    for part in ["masks/a.png", "images/a.png", "5 x 3", "4 x 3"] {
        assert!(message.contains(part), "{message}");
    }
}

#[test]
fn subjects_csv_overrides_subjects_from_file_names() {
    let folder = folder(&["images/1.png", "images/2.png", "masks/1.png", "masks/2.png"]);
    let write = |text: &str| std::fs::write(folder.path().join("subjects.csv"), text).unwrap();
    write("subject,name\nA, 1.png\n");
    let subjects: Vec<_> = pairs(&folder).into_iter().map(|p| p.subject).collect();
    assert_eq!(subjects, ["A", "2"]);
    write("1,A\n");
    assert!(
        opened(&folder)
            .unwrap_err()
            .to_string()
            .contains("subjects.csv")
    );
}

#[test]
fn no_subject_is_in_both_the_training_and_the_hold_out_set() {
    let pairs: Vec<DatasetPair> = (0..400)
        .map(|i| named(&format!("{:03}_{}", i / 2, i % 2)))
        .collect();
    let (training, held_out) = split_by_subject(&pairs, 0.2, 7);
    assert_eq!(training.len() + held_out.len(), 400);
    assert!((50..110).contains(&held_out.len()), "{}", held_out.len());
    assert!(
        !held_out
            .iter()
            .any(|h| training.iter().any(|t| t.subject == h.subject))
    );
    assert_eq!(
        split_by_subject(&pairs, 0.2, 7),
        (training.clone(), held_out.clone())
    );
    assert_ne!(split_by_subject(&pairs, 0.2, 8).1, held_out);
    // Subjects stay in their set when others are added.
    let (_, of_half) = split_by_subject(&pairs[..200], 0.2, 7);
    assert_eq!(
        of_half,
        held_out
            .iter()
            .filter(|p| p.name.as_str() < "100")
            .cloned()
            .collect::<Vec<_>>()
    );
}

#[test]
fn a_split_of_two_subjects_leaves_one_in_each_set() {
    for seed in 0..20 {
        let (training, held_out) = split_by_subject(&["a", "b"].map(named), 0.1, seed);
        assert_eq!((training.len(), held_out.len()), (1, 1));
    }
    assert_eq!(split_by_subject(&["a", "b"].map(named), 0.0, 1).1, []);
}

#[test]
fn one_value_rule_applies_to_all_masks_of_a_folder() {
    let folder = folder(&["images/a.png", "images/b.png", "masks/a.png", "masks/b.png"]);
    let labels = |folder: &tempfile::TempDir| {
        pairs(folder)
            .iter()
            .map(|p| p.load_image_and_mask().unwrap().1.pixel_labels()[..4].to_vec())
            .collect::<Vec<_>>()
    };
    assert_eq!(labels(&folder), [[0, 0, 1, 1], [0, 0, 1, 1]]);
    mask(&folder, "a.png", [0, 3, 3, 200]);
    mask(&folder, "b.png", [0, 0, 200, 200]);
    assert_eq!(labels(&folder), [[0, 3, 3, 200], [0, 0, 200, 200]]);
    let found = opened(&folder).unwrap();
    assert_eq!(
        (found.notes.len(), found.labels.values),
        (1, [3, 200].into())
    );
    mask(&folder, "a.png", [0, 1, 2, 2]);
    let error = opened(&folder).unwrap_err().to_string();
    assert!(
        error.contains("b.png") && error.contains("labels.json"),
        "{error}"
    );
    let wishes = FolderOptions {
        threshold: Some(2),
        ..FolderOptions::default()
    };
    let read = open_folder(folder.path(), &wishes).unwrap().pairs[0]
        .load_image_and_mask()
        .unwrap();
    assert_eq!(read.1.pixel_labels()[..4], [0, 0, 1, 1]);
    let list = r#"{"labels": [{"value": 1, "name": "Liver"}, {"value": 2, "name": "Cyst"}, {"value": 200, "name": "Mass"}]}"#;
    for place in ["labels.json", "masks/labels.json"] {
        std::fs::write(folder.path().join(place), list).unwrap();
        let found = opened(&folder).unwrap();
        assert_eq!(
            found.pairs[1]
                .load_image_and_mask()
                .unwrap()
                .1
                .pixel_labels()[..4],
            [0, 0, 200, 200]
        );
        assert_eq!(found.labels.label_for(200).name, "Mass");
        assert_eq!(found.labels.label_for(7), Label::with_name("Label 7", 6));
        std::fs::remove_file(folder.path().join(place)).unwrap();
    }
}

#[test]
fn composed_and_decomposed_accents_match() {
    let folder = folder(&[
        "images/fe\u{301}mur.png",
        "masks/f\u{e9}mur.png",
        "images/b.png",
        "masks/b.png",
    ]);
    let table = "name,subject\nfe\u{301}mur,Zoe\u{308}\nb,Zo\u{eb}\n";
    std::fs::write(folder.path().join("subjects.csv"), table).unwrap();
    let pairs = pairs(&folder);
    assert_eq!((pairs[1].name.as_str(), pairs.len()), ("f\u{e9}mur", 2));
    assert_eq!(pairs[0].subject, pairs[1].subject);
    let list = folder.path().join("list.txt");
    std::fs::write(&list, "fe\u{301}mur.png\n").unwrap();
    assert_eq!(only_listed(&pairs, &list).unwrap().len(), 1);
}

#[test]
fn a_folder_with_a_single_subject_cannot_be_split() {
    let folder = folder(&[
        "images/1_a.png",
        "images/1_b.png",
        "masks/1_a.png",
        "masks/1_b.png",
    ]);
    let found = opened(&folder).unwrap();
    let error = found
        .refuse_one_subject("train on")
        .unwrap_err()
        .to_string();
    for part in [
        "all 2 images belong to one subject, \"1\"",
        "subjects.csv",
        "--subject-pattern",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let pattern = Some("_(.)$".parse().unwrap());
    let other = open_folder(
        folder.path(),
        &FolderOptions {
            subject_pattern: pattern,
            ..FolderOptions::default()
        },
    )
    .unwrap();
    other.refuse_one_subject("train on").unwrap();
    assert_eq!(
        other.check_subjects("train on", &["a".into()]).unwrap(),
        ["a".to_owned()].into()
    );
    let error = other
        .check_subjects("train on", &["c".into()])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("no image belongs to subject \"c\""),
        "{error}"
    );
}

#[test]
fn each_name_that_begins_with_a_date_is_its_own_subject_and_a_note_says_so() {
    let folder = folder(&[
        "images/20200314_1.png",
        "masks/20200314_1.png",
        "images/20200314_2.png",
        "masks/20200314_2.png",
    ]);
    let found = opened(&folder).unwrap();
    assert_ne!(found.pairs[0].subject, found.pairs[1].subject);
    assert!(
        found.notes[0].contains("2 images have names that begin with a date"),
        "{:?}",
        found.notes
    );
}

#[test]
fn a_subject_table_that_matches_no_image_is_refused() {
    let folder = folder(&["images/a.png", "masks/a.png"]);
    std::fs::write(folder.path().join("subjects.csv"), "name,subject\nb,A\n").unwrap();
    assert!(
        opened(&folder)
            .unwrap_err()
            .to_string()
            .contains("subjects.csv")
    );
}
