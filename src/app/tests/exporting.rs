//! Exports in the window, from the shortcut to the files.

use super::*;
use labrum_core::export_format::ExportFormat;

/// Two accepted cases, with the export dialog open.
fn two_accepted_cases() -> Bench {
    let mut bench = Bench::new(vec![samples().join("fetal-head")]);
    for case in 0..2 {
        bench.until("the mask", |s| {
            s.cases.current == Some(case)
                && s.cases
                    .current_case()
                    .is_some_and(|c| c.measured_slice_count() == 1)
        });
        bench.click("Accept and next");
    }
    bench.until("the workspace", |s| s.workspace.meter.accepted == 2);
    bench
        .harness
        .key_press_modifiers(egui::Modifiers::COMMAND, Key::S);
    bench.harness.run_steps(4);
    bench
}

pub(super) fn type_into(bench: &mut Bench, field: &str, text: &str) {
    bench.harness.get_by_label(field).focus();
    bench.harness.step();
    bench
        .harness
        .key_press_modifiers(egui::Modifiers::COMMAND, Key::A);
    bench.harness.step();
    bench.harness.get_by_label(field).type_text(text);
    bench.harness.step();
}

/// Presses the button of the dialog and waits for the end; returns the last message.
pub(super) fn export(bench: &mut Bench) -> String {
    bench
        .harness
        .get_all_by_label("Export")
        .last()
        .unwrap()
        .click();
    bench.harness.run_steps(2);
    bench.until("the export", |s| {
        s.exporting.is_none() && !s.notices.list.is_empty()
    });
    let text = bench.session().notices.list.last().unwrap().text.clone();
    bench.harness.run_steps(2);
    text
}

pub(super) fn names(folder: &Path) -> Vec<String> {
    let all = walkdir::WalkDir::new(folder)
        .sort_by_file_name()
        .into_iter()
        .filter_map(std::result::Result::ok);
    let files = all.filter(|e| e.file_type().is_file());
    files
        .map(|e| e.path().strip_prefix(folder).unwrap().display().to_string())
        .collect()
}

#[test]
fn all_accepted_cases_are_exported_and_files_are_not_replaced_unasked() {
    let mut bench = two_accepted_cases();
    let out = bench.folder.path().join("out");
    bench.click("All accepted cases of the workspace (2)");
    type_into(&mut bench, "Names of the files", "{label}/{series}");
    type_into(&mut bench, "Export folder", out.to_str().unwrap());
    let said = export(&mut bench);
    assert!(said.contains("2 cases"), "{said}");
    let written = names(&out);
    assert!(written.contains(&"manifest.json".into()), "{written:?}");
    let masks: Vec<&String> = written
        .iter()
        .filter(|n| n.starts_with("Disc/") && n.ends_with(".png"))
        .collect();
    assert_eq!(masks.len(), 2, "{written:?}");

    // Again into the same folder: refused because of existing files. The options are remembered.
    bench
        .harness
        .key_press_modifiers(egui::Modifiers::COMMAND, Key::S);
    bench.harness.run_steps(4);
    bench.click("All accepted cases of the workspace (2)");
    let said = export(&mut bench);
    assert!(said.contains("of another export"), "{said}");
    assert_eq!(names(&out), written);
}

#[test]
fn an_export_is_deidentified_and_its_options_are_remembered() {
    let mut bench = two_accepted_cases();
    let out = bench.folder.path().join("out");
    bench.click("All accepted cases of the workspace (2)");
    bench.click("De-identify");
    // Scroll down to it.
    bench
        .harness
        .get_by_label("Shift dates instead of removing them")
        .scroll_to_me();
    bench.harness.run_steps(4);
    bench.click("Shift dates instead of removing them");
    bench.click("COCO JSON");
    type_into(&mut bench, "Export folder", out.to_str().unwrap());
    let said = export(&mut bench);
    assert!(
        said.contains("2 cases") && said.contains("Warnings"),
        "{said}"
    );
    let written = names(&out);
    assert_eq!(
        written.iter().filter(|n| n.starts_with("images/")).count(),
        2,
        "{written:?}"
    );
    assert!(!written.iter().any(|n| n.contains("fetal")), "{written:?}");
    assert!(written.contains(&"coco.json".into()));
    let options = &bench.session().settings.export;
    let is_remembered =
        options.deidentify && options.shift_dates && options.formats.contains(&ExportFormat::Coco);
    assert!(is_remembered, "{options:?}");
    let key = bench
        .folder
        .path()
        .join("data")
        .join("My work")
        .join("deidentification.key");
    assert!(key.is_file(), "the next export uses the same pseudonyms");
}

#[test]
fn a_cancelled_export_leaves_no_partial_files() {
    let mut bench = two_accepted_cases();
    let out = bench.folder.path().join("out");
    bench.click("All accepted cases of the workspace (2)");
    type_into(&mut bench, "Export folder", out.to_str().unwrap());
    bench
        .harness
        .get_all_by_label("Export")
        .last()
        .unwrap()
        .click();
    bench.harness.step();
    bench.harness.key_press(Key::Escape);
    bench.until("the end of the export", |s| s.exporting.is_none());
    for name in names(&out) {
        assert!(!name.ends_with(".part"), "{name}");
    }
}
