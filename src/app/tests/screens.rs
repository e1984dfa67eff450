//! Snapshots of the main screens, compared where a software Vulkan is available:
//! `cargo test --lib screens -- --ignored`. After an intended change, `UPDATE_SNAPSHOTS=1` writes
//! them again; look at each before it is committed.

use super::*;
use crate::session::settings::Theme;
use egui_kittest::SnapshotOptions;

/// Compares a screen once all animations have ended.
fn compare(bench: &mut Bench, name: &str) {
    // Messages and button highlights fade.
    bench.harness.run_steps(90);
    // Other driver versions render a few edges of letters differently.
    let options = SnapshotOptions::new().max_failed_pixels(200_usize);
    bench.harness.snapshot_options(name, &options);
}

fn press(bench: &mut Bench, modifiers: egui::Modifiers, key: Key) {
    bench.harness.key_press_modifiers(modifiers, key);
    bench.harness.run_steps(4);
}

/// Waits for what the first frames do not show yet: the workspace in its list, and the device.
fn wait_for_start(bench: &mut Bench) {
    bench.until("the list of workspaces", |s| !s.workspace.recent.is_empty());
    bench.until("the device", |s| !s.models.device.is_empty());
}

/// A bundled sample with its mask.
fn open_sample(bench: &mut Bench) {
    bench.click("Open sample Fetal head");
    bench.until("the mask", |s| {
        s.cases
            .current_case()
            .is_some_and(|c| c.measured_slice_count() == 1)
    });
    bench.until("the image", |s| s.current_loaded().is_some());
}

#[test]
#[ignore = "needs Vulkan"]
fn the_screens_match_their_snapshots() {
    let mut bench = Bench::new(Vec::new());
    wait_for_start(&mut bench);
    compare(&mut bench, "start");

    open_sample(&mut bench);
    compare(&mut bench, "case");

    bench.click("Confidence");
    compare(&mut bench, "confidence");
    bench.click("Fill");

    press(&mut bench, egui::Modifiers::NONE, Key::B);
    compare(&mut bench, "brush");

    press(&mut bench, egui::Modifiers::COMMAND, Key::Comma);
    compare(&mut bench, "settings");
    press(&mut bench, egui::Modifiers::NONE, Key::Escape);

    press(&mut bench, egui::Modifiers::NONE, Key::F1);
    compare(&mut bench, "keys");
    press(&mut bench, egui::Modifiers::NONE, Key::Escape);

    press(&mut bench, egui::Modifiers::COMMAND, Key::P);
    compare(&mut bench, "palette");
}

#[test]
#[ignore = "needs Vulkan"]
fn the_light_theme_matches_its_snapshot() {
    let settings = Settings {
        theme: Theme::Light,
        ..Settings::default()
    };
    let mut bench = Bench::with_settings(settings);
    wait_for_start(&mut bench);
    open_sample(&mut bench);
    compare(&mut bench, "light");
}
