//! Exports and commands that keep the patient to themselves.

use super::*;

/// All bytes below a folder, including file names, in lower case.
fn everything(folder: &Path) -> String {
    let mut all = String::new();
    for file in files(folder) {
        all += &file;
        let bytes = std::fs::read(folder.join(&file)).unwrap();
        all += &String::from_utf8_lossy(&bytes);
    }
    all.to_lowercase()
}

#[test]
fn deidentified_images_and_masks_match_and_contain_no_patient_data() {
    let folder = tempfile::tempdir().unwrap();
    let [work, out, again, scans] =
        ["work", "out", "again", "scans"].map(|name| folder.path().join(name));
    named_patient(&scans, "cardiac-mr");
    workspace(&work, &scans, Status::Accepted);
    let before = everything(&scans);
    let export = |out: &PathBuf, dates: &str| {
        let formats = "seg,seg-labelmap,rtstruct,nifti,png,coco,json,csv";
        let person = "Reader^Qwertzina";
        let more: [&dyn AsRef<OsStr>; 5] =
            [&"--deidentify", &"--dates", &dates, &"--person", &person];
        succeeds(&export_arguments(&work, out, &formats, &more))
    };
    let run = export(&out, "remove");
    let written = everything(&out);
    for secret in [
        "zyxwvut",
        "qwertzina",
        "mrn-7391",
        "ward nine",
        "19481231",
        "20240315",
        "2024-03-15",
    ] {
        assert!(!written.contains(secret), "{secret} is in the files");
        assert!(
            !(run.out.clone() + &run.err).to_lowercase().contains(secret),
            "{secret} is in the output"
        );
    }
    assert_eq!(everything(&scans), before, "the originals are unchanged");
    // Opened together, the segmentation finds its slices in the new images.
    let (_, _, images) = series_of(&out.join("images"));
    assert_eq!(images.slices.len(), 12);
    let segs = files(&out)
        .into_iter()
        .filter(|f| f.ends_with(".seg.dcm"))
        .collect::<Vec<_>>();
    assert_eq!(segs.len(), 2, "{segs:?}");
    for seg in segs {
        let imported = labrum_dicom::seg::import_all(&out.join(&seg), &images).unwrap();
        assert!(
            imported
                .masks
                .iter()
                .any(|(_, mask)| mask.count_pixels(1) == 49),
            "{seg}"
        );
    }
    // The same key gives the same UIDs; dates are shifted, not removed.
    export(&again, "shift");
    let (study, date, other) = series_of(&again.join("images"));
    assert_eq!(other.id, images.id);
    assert!(
        !study.is_empty() && !date.is_empty() && date != "2024-03-15",
        "{date}"
    );
    assert!(!everything(&again).contains("qwertzina"));
    let key = std::fs::read_to_string(work.join("deidentification.key")).unwrap();
    assert!(!written.contains(key.trim()));
}

#[test]
fn deidentified_pictures_lose_their_metadata() {
    let folder = tempfile::tempdir().unwrap();
    let [work, out] = ["work", "out"].map(|name| folder.path().join(name));
    let path = folder.path().join("Qwertzina-scan.png");
    let file = std::fs::File::create(&path).unwrap();
    let mut encoder = png::Encoder::new(file, 40, 40);
    encoder.set_color(png::ColorType::Grayscale);
    encoder
        .add_text_chunk("Comment".into(), format!("of {NAME}"))
        .unwrap();
    encoder
        .write_header()
        .unwrap()
        .write_image_data(&[100; 1600])
        .unwrap();
    workspace(&work, &path, Status::Accepted);
    succeeds(&export_arguments(
        &work,
        &out,
        &"png,seg,coco",
        &[&"--deidentify"],
    ));
    let written = everything(&out);
    assert!(!written.contains("qwertzina") && !written.contains("zyxwvut"));
    let images: Vec<String> = files(&out)
        .into_iter()
        .filter(|f| f.starts_with("images/"))
        .collect();
    assert_eq!(images.len(), 1, "{images:?}");
    assert_eq!(
        image::open(out.join(&images[0]))
            .unwrap()
            .into_luma8()
            .get_pixel(3, 3)
            .0,
        [100]
    );
}

#[test]
fn no_command_logs_patient_data_at_any_log_level() {
    let folder = tempfile::tempdir().unwrap();
    let [work, out, scans] = ["work", "out", "scans"].map(|name| folder.path().join(name));
    let paths = named_patient(&scans, "cardiac-mr");
    workspace(&work, &scans, Status::Accepted);
    // One file truncated in its pixel data, and one in its header.
    let bytes = std::fs::read(&paths[0]).unwrap();
    std::fs::write(scans.join("cut.dcm"), &bytes[..bytes.len() / 2]).unwrap();
    std::fs::write(scans.join("short.dcm"), &bytes[..700]).unwrap();
    let commands: Vec<Vec<&dyn AsRef<OsStr>>> = vec![
        vec![&"info", &scans],
        vec![&"info", &scans, &"--json"],
        vec![&"segment", &scans, &"--out", &out, &"--device", &"cpu"],
        vec![
            &"segment",
            &scans,
            &"--out",
            &out,
            &"--device",
            &"cpu",
            &"--model",
            &crate::MODEL,
            &"--format",
            &"seg,csv,json",
        ],
        export_arguments(&work, &out, &"seg,rtstruct,nifti,coco", &[&"--deidentify"]),
        vec![&"export", &"--workspace", &work, &"--out", &out],
        vec![&"models", &"--workspace", &work, &"report"],
        vec![&"train", &"--workspace", &work, &"--dry-run"],
        vec![&"evaluate", &crate::MODEL, &scans],
    ];
    for arguments in commands {
        let mut command = program(&arguments);
        command.env("RUST_LOG", "trace");
        let run: crate::Run = command.output().unwrap().into();
        // The series description is shown to the user, so "Qwertzina" in it is not searched for.
        let log = run.err.to_lowercase();
        for secret in ["zyxwvut", "mrn-7391", "19481231"] {
            assert!(
                !log.contains(secret),
                "{secret} is in the log of {:?}: {log}",
                command.get_args()
            );
            assert!(
                !run.out.to_lowercase().contains(secret),
                "{secret} is in the output of {:?}",
                command.get_args()
            );
        }
    }
}

#[test]
fn a_workspace_made_on_the_command_line_holds_nothing_of_the_patient() {
    let folder = tempfile::tempdir().unwrap();
    let [work, scans] = ["work", "scans"].map(|name| folder.path().join(name));
    named_patient(&scans, "cardiac-mr");
    succeeds(&[&"workspace", &"create", &work, &"--label", &"Heart"]);
    succeeds(&[&"workspace", &"add", &scans, &"--workspace", &work]);
    let stored = everything(&work);
    assert!(stored.contains("heart"), "the label is stored");
    for secret in ["zyxwvut", "mrn-7391", "19481231", "1948-12-31"] {
        assert!(!stored.contains(secret), "{secret} is in the workspace");
    }
}
