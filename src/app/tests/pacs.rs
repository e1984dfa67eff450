//! The round trip through a real Orthanc in the window: find, open, segment and send, although
//! the server is killed meanwhile.

use super::*;
use labrum_core::pacs::{SendState, Server};
use orthanc::Orthanc;

#[path = "../../../tests/pacs/orthanc.rs"]
mod orthanc;

/// Waits until `is_so` is true.
#[track_caller]
fn until(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(
            begun.elapsed() < limit,
            "timed out after {limit:?} waiting for {what}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn samples(name: &str) -> Vec<PathBuf> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/assets/samples")).join(name);
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    files.sort();
    files
}

fn click(bench: &mut Bench, label: &str) {
    bench
        .harness
        .get_all_by_label(label)
        .last()
        .unwrap()
        .click();
    bench.harness.run_steps(4);
}

/// Adds the server to the settings.
fn add_server(bench: &mut Bench, orthanc: &Orthanc) {
    let server = Server {
        name: "Archive".into(),
        address: orthanc.web(),
        ..Server::default()
    };
    let settings = Settings {
        servers: vec![server],
        ..bench.session().settings.clone()
    };
    bench
        .harness
        .state_mut()
        .as_mut()
        .unwrap()
        .session
        .apply_action(Action::SetSettings(settings));
}

fn find_and_open(bench: &mut Bench, words: &str) {
    bench
        .harness
        .key_press_modifiers(egui::Modifiers::COMMAND, Key::R);
    bench.harness.run_steps(4);
    click(bench, "Search");
    bench.until("the list of studies", |s| {
        s.pacs.found.as_ref().is_some_and(|f| !f.studies.is_empty())
    });
    bench.harness.run_steps(4);
    bench
        .harness
        .get_all_by_label_contains(words)
        .last()
        .unwrap()
        .click();
    bench.harness.run_steps(4);
    bench.until("the list of series", |s| !s.pacs.series.is_empty());
    click(bench, "Open study");
}

#[test]
#[ignore = "needs Orthanc"]
fn a_study_is_opened_segmented_and_sent_back_although_the_server_is_killed() {
    let mut orthanc = Orthanc::start();
    samples("cardiac-mr")
        .iter()
        .for_each(|file| orthanc.keep(file));
    assert_eq!(orthanc.objects(), 12);
    let mut bench = Bench::new(Vec::new());
    add_server(&mut bench, &orthanc);

    find_and_open(&mut bench, "SCD0000101");
    bench.until("the study to open", |s| {
        s.cases
            .first()
            .is_some_and(|c| c.slices.len() == 12 && c.is_restored)
    });
    assert!(!bench.harness.state().as_ref().unwrap().window.has_dialog());
    bench.until("the slice to be decoded", |s| s.current_loaded().is_some());

    // The model is for ultrasound, so it must be chosen explicitly.
    bench
        .harness
        .state_mut()
        .as_mut()
        .unwrap()
        .session
        .apply_action(Action::ChooseModel(Some(ModelSource::Shipped(0))));
    bench
        .harness
        .key_press_modifiers(egui::Modifiers::SHIFT, Key::R);
    bench.until("masks on all slices", |s| {
        s.cases[0].measured_slice_count() == 12
    });

    // The server is down when the segmentation is sent, and comes back.
    orthanc.kill();
    bench
        .harness
        .key_press_modifiers(egui::Modifiers::COMMAND | egui::Modifiers::SHIFT, Key::S);
    bench.harness.run_steps(4);
    click(&mut bench, "Send");
    bench.until("the item to wait for a retry", |s| {
        s.pacs
            .queue
            .first()
            .is_some_and(|i| i.state == SendState::Waiting && i.trouble.is_some())
    });
    bench.harness.run_steps(4);
    assert!(
        bench
            .harness
            .query_by_label_contains("Send queue: Sending 1")
            .is_some()
    );
    orthanc.restart();
    bench.until("the item to be sent", |s| {
        s.pacs
            .queue
            .first()
            .is_some_and(|i| i.state == SendState::Sent)
    });
    assert_eq!((orthanc.objects(), orthanc.arrivals()), (13, 13));
    let item = bench.session().pacs.queue[0].clone();

    // After reopening, the segmentation is in the same study.
    bench
        .harness
        .key_press_modifiers(egui::Modifiers::COMMAND, Key::W);
    bench.harness.run_steps(4);
    find_and_open(&mut bench, "SCD0000101");
    bench.until("the study to open again", |s| {
        s.cases.first().is_some_and(|c| c.slices.len() == 12)
    });
    let cache = bench.folder.path().join("cache/pacs");
    let files = walkdir::WalkDir::new(cache)
        .into_iter()
        .filter_map(|e| e.ok());
    let names: Vec<String> = files
        .map(|e| e.file_name().to_string_lossy().into_owned())
        .collect();
    assert!(
        names.contains(&format!("{}.dcm", item.sop_uid)),
        "{names:?}"
    );

    // Importing it again shows that nothing was lost.
    bench.until("the masks of the workspace", |s| {
        s.cases[0].is_restored && s.current_loaded().is_some()
    });
    bench
        .harness
        .key_press_modifiers(egui::Modifiers::COMMAND | egui::Modifiers::SHIFT, Key::I);
    bench.until("the import", |s| {
        s.notices
            .list
            .iter()
            .any(|n| n.text.contains("on 12 slices are identical"))
    });
}

/// Stores a series of `count` parallel slices of the patient SCD0000101 on the server.
fn keep_series(orthanc: &Orthanc, folder: &Path, count: usize) {
    use dicom_core::{DataElement, VR};
    use dicom_dictionary_std::tags;
    let original = dicom_object::open_file(&samples("cardiac-mr")[0]).unwrap();
    for number in 0..count {
        let mut object = original.clone();
        let sop = format!("2.25.7000000{number:04}");
        let position = format!("0\\0\\{number}");
        for (tag, vr, value) in [
            (tags::SOP_INSTANCE_UID, VR::UI, &sop),
            (tags::INSTANCE_NUMBER, VR::IS, &number.to_string()),
            (tags::IMAGE_POSITION_PATIENT, VR::DS, &position),
            (
                tags::IMAGE_ORIENTATION_PATIENT,
                VR::DS,
                &"1\\0\\0\\0\\1\\0".to_owned(),
            ),
        ] {
            object.put(DataElement::new(tag, vr, value.as_str()));
        }
        object.meta_mut().media_storage_sop_instance_uid = sop;
        object.meta_mut().update_information_group_length();
        let path = folder.join(format!("{number:04}.dcm"));
        object.write_to_file(&path).unwrap();
        orthanc.keep(&path);
    }
}

#[test]
#[ignore = "needs Orthanc"]
fn a_study_is_received_completely_although_the_server_is_killed() {
    const SLICES: usize = 150;
    let mut orthanc = Orthanc::start();
    let mut bench = Bench::new(Vec::new());
    keep_series(&orthanc, bench.folder.path(), SLICES);
    assert_eq!(orthanc.objects(), SLICES);
    add_server(&mut bench, &orthanc);

    find_and_open(&mut bench, "SCD0000101");
    let cache = bench.folder.path().join("cache/pacs");
    let received = || {
        let files = walkdir::WalkDir::new(&cache)
            .into_iter()
            .filter_map(|e| e.ok());
        files
            .filter(|e| e.path().extension().is_some_and(|e| e == "dcm"))
            .count()
    };
    for part in [3, 40] {
        until("the first slices", Duration::from_secs(30), || {
            bench.harness.step();
            received() >= part
        });
        orthanc.kill();
        assert!(
            received() < SLICES,
            "all slices arrived before the server was killed"
        );
        std::thread::sleep(Duration::from_millis(700));
        orthanc.restart();
    }
    bench.until("the study to open", |s| {
        s.cases.first().is_some_and(|c| c.slices.len() == SLICES)
    });
    assert_eq!(received(), SLICES);
    bench.until("the slice to be decoded", |s| s.current_loaded().is_some());
}
