//! The patient is shown on the image, and gets into no workspace, settings, log, title of the window or de-identified export.

use super::{
    exporting::{export, names, type_into},
    *,
};
use crate::session::{settings::ExportOptions, tool_options::ToolKind};
use dicom_core::VR;
use dicom_dictionary_std::tags;
use egui::{Modifiers, ViewportCommand, ViewportId};
use labrum_core::export_format::ExportFormat;
use labrum_dicom::fixture::Fixture;
use std::sync::Mutex;

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

/// Keeps what is logged: all of Labrum, and warnings of other crates.
struct KeptLog;

static KEPT: Mutex<String> = Mutex::new(String::new());

impl log::Log for KeptLog {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target().starts_with("labrum") || metadata.level() <= log::Level::Warn
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = format!("{}: {}\n", record.target(), record.args());
            KEPT.lock().unwrap().push_str(&line);
        }
    }

    fn flush(&self) {}
}

/// Runs frames until `done`, and a few more; returns the titles that the window got.
fn titles_until(bench: &mut Bench, done: impl Fn(&Session) -> bool) -> Vec<String> {
    let (begun, mut titles, mut more) = (Instant::now(), Vec::new(), 0);
    while more < 3 {
        assert!(begun.elapsed() < Duration::from_secs(30), "{titles:?}");
        more += usize::from(done(bench.session()));
        std::thread::sleep(Duration::from_millis(5));
        bench.harness.step();
        let output = &bench.harness.output().viewport_output[&ViewportId::ROOT];
        titles.extend(output.commands.iter().filter_map(|command| match command {
            ViewportCommand::Title(title) => Some(title.clone()),
            _ => None,
        }));
    }
    titles
}

/// A window that exports de-identified, on the image of the patient, with its mask.
fn deidentifying(folder: &Path) -> (Bench, Vec<String>) {
    let formats = vec![
        ExportFormat::LabelMap,
        ExportFormat::Csv,
        ExportFormat::Json,
        ExportFormat::DrawnCsv,
        ExportFormat::StructuredReport,
    ];
    let settings = Settings {
        export: ExportOptions {
            formats,
            deidentify: true,
            ..ExportOptions::default()
        },
        ..Settings::default()
    };
    let place = tempfile::tempdir().unwrap();
    let data = place.path().to_owned();
    let mut bench = Bench::build(settings, place, &data, vec![image_of_patient(folder)]);
    let titles = titles_until(&mut bench, |s| {
        s.current_loaded().is_some() && s.live_mask().is_some_and(|l| !l.mask().is_blank())
    });
    (bench, titles)
}

/// Paints, and draws a length that is named after the patient.
fn paint_and_measure(bench: &mut Bench) {
    bench.key(Key::B, Modifiers::NONE);
    let stroke = [bench.at(-40.0, -40.0), bench.at(40.0, -40.0)];
    bench.draw(&stroke);
    bench.key(Key::L, Modifiers::SHIFT);
    assert_eq!(bench.session().tools.active_tool(), ToolKind::Measure);
    let ends = [bench.at(-60.0, 60.0), bench.at(60.0, 60.0)];
    bench.draw(&ends);
    bench
        .harness
        .get_by_label("Edit measurement")
        .scroll_to_me();
    bench.harness.run_steps(4);
    bench.click("Edit measurement");
    bench
        .harness
        .get_by_label("Name of the measurement")
        .type_text(" of Zyxwvut");
    bench.harness.run_steps(2);
    bench.click("Save");
    let drawn = bench.session().cases[0].measurements.all();
    assert!(drawn[0].name.contains("Zyxwvut"), "{drawn:?}");
}

#[test]
fn a_patient_is_in_no_log_title_setting_or_deidentified_export() {
    log::set_logger(&KeptLog).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let scans = tempfile::tempdir().unwrap();
    let (mut bench, mut titles) = deidentifying(scans.path());
    // The window may have got it before the first frame that was looked at.
    titles.push(bench.harness.state().as_ref().unwrap().window.title.clone());
    paint_and_measure(&mut bench);
    bench.key(Key::S, Modifiers::COMMAND);
    bench.harness.run_steps(4);
    let out = bench.folder.path().join("out");
    type_into(&mut bench, "Export folder", out.to_str().unwrap());
    let said = export(&mut bench);
    assert_eq!(secrets_in(said.as_bytes()), [""; 0], "in the message");
    bench.until("the work to be saved", |s| s.workspace.unsaved_count() == 0);
    bench
        .harness
        .key_press_modifiers(Modifiers::COMMAND, Key::W);
    titles.extend(titles_until(&mut bench, |s| s.cases.is_empty()));

    let written = names(&out);
    for ending in [".dcm", ".drawn.csv", ".measurements.json", ".sr.dcm"] {
        let is_there = written.iter().any(|name| name.ends_with(ending));
        assert!(is_there, "{ending}: {written:?}; {said}");
    }
    let config = bench.folder.path().join("config");
    let Bench { harness, folder } = bench;
    let settings = config.join("settings.json");
    let begun = Instant::now();
    while !std::fs::read_to_string(&settings).is_ok_and(|text| text.contains("\"mouse\"")) {
        assert!(begun.elapsed() < Duration::from_secs(30), "no settings");
        std::thread::sleep(Duration::from_millis(5));
    }
    drop(harness);
    for place in [&out, &config] {
        for name in names(place) {
            let bytes = std::fs::read(place.join(&name)).unwrap();
            assert_eq!(secrets_in(name.as_bytes()), [""; 0], "{name}");
            assert_eq!(secrets_in(&bytes), [""; 0], "in {name}");
        }
    }
    assert!(
        titles.iter().any(|t| t.ends_with(" - Labrum")),
        "{titles:?}"
    );
    assert_eq!(secrets_in(titles.concat().as_bytes()), [""; 0]);
    log::warn!(target: "labrum", "the log is kept");
    let log = KEPT.lock().unwrap().clone();
    assert!(log.contains("labrum: the log is kept"), "{log}");
    assert_eq!(secrets_in(log.as_bytes()), [""; 0], "{log}");
    drop(folder);
}
