//! The patient is shown on the image, and gets neither into the workspace nor into the settings.

use super::*;
use dicom_core::VR;
use dicom_dictionary_std::tags;
use labrum_dicom::fixture::Fixture;

/// Names and numbers that occur nowhere else.
const SECRETS: [&str; 5] = [
    "zyxwvut",
    "qwertzina",
    "mrn-7391-xk",
    "1948-12-31",
    "19481231",
];

/// An ultrasound image of a named patient.
fn image_of_patient(folder: &Path) -> PathBuf {
    let pixels: Vec<u16> = (0..64 * 64).map(|i| i % 251).collect();
    Fixture::new(64, 64)
        .with_slice_position(1, 5.0)
        .with_text(tags::MODALITY, VR::CS, "US")
        .with_text(tags::PATIENT_NAME, VR::PN, "Zyxwvut^Qwertzina")
        .with_text(tags::PATIENT_ID, VR::LO, "MRN-7391-XK")
        .with_text(tags::PATIENT_BIRTH_DATE, VR::DA, "19481231")
        .with_text(tags::PATIENT_SEX, VR::CS, "F")
        .with_text(tags::STUDY_DATE, VR::DA, "20240315")
        .with_pixels(&pixels)
        .write_to_folder(folder, "image.dcm")
}

/// The secrets in a text or in the bytes of a file, ignoring case.
fn secrets_in(bytes: &[u8]) -> Vec<&'static str> {
    let lower = bytes.to_ascii_lowercase();
    let is_in = |secret: &&str| lower.windows(secret.len()).any(|w| w == secret.as_bytes());
    SECRETS.into_iter().filter(is_in).collect()
}

#[test]
fn a_patient_is_shown_and_stored_nowhere() {
    let scans = tempfile::tempdir().unwrap();
    let mut bench = Bench::new(vec![image_of_patient(scans.path())]);
    bench.until("the mask", |s| {
        s.cases
            .current_case()
            .is_some_and(|c| c.measured_slice_count() == 1)
    });
    bench.until("the image", |s| s.current_loaded().is_some());
    let shown = "Zyxwvut, Qwertzina; ID MRN-7391-XK; Born 1948-12-31 · F";
    assert!(bench.harness.query_by_label_contains(shown).is_some());
    bench
        .harness
        .key_press_modifiers(egui::Modifiers::COMMAND, Key::D);
    bench.until("the header", |s| {
        s.headers.header_of(s.cases[0].slice_key()).is_some()
    });
    bench
        .harness
        .get_by_label("Search the header")
        .type_text("PatientName");
    bench.harness.run_steps(2);
    let row = "(0010,0010), PN, PatientName, Zyxwvut^Qwertzina";
    assert!(bench.harness.query_by_label(row).is_some());
    assert_eq!(
        secrets_in(format!("{:?}", bench.session()).as_bytes()),
        [""; 0],
        "in what can be logged"
    );
    bench.click("Close");

    bench.click("Accept and next");
    bench.harness.key_press(Key::F3);
    bench.harness.step();
    bench.until("the work to be saved", |s| {
        s.workspace.unsaved_count() == 0 && s.cases[0].status == Status::Accepted
    });
    let Bench { harness, folder } = bench;
    let settings = folder.path().join("config/settings.json");
    let begun = Instant::now();
    while !std::fs::read_to_string(&settings).is_ok_and(|text| text.contains("\"information\"")) {
        assert!(begun.elapsed() < Duration::from_secs(30), "no settings");
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(harness);
    let mut looked_at = 0;
    for entry in walkdir::WalkDir::new(folder.path()) {
        let entry = entry.unwrap();
        if entry.file_type().is_file() {
            let bytes = std::fs::read(entry.path()).unwrap();
            assert_eq!(secrets_in(&bytes), [""; 0], "in {}", entry.path().display());
            looked_at += 1;
        }
    }
    assert!(looked_at >= 2, "the workspace and the settings");
}
