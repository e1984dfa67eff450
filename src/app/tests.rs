//! The window as a user sees it: controls are found by their accessible names. Only the network
//! is a fake.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cases;
mod desk;
mod drawing;
mod exporting;
mod identity;
mod pacs;
mod screens;
mod screenshots;
mod slow_share;

use super::*;
use crate::session::{
    job::{ModelEntry, ModelSource},
    settings::ViewMode,
};
use egui::Key;
use egui_kittest::{Harness, kittest::Queryable};
use labrum_core::{
    device::DeviceChoice,
    image::Image,
    label::Label,
    mask::Mask,
    model_card::{Aspect, Config, InputSpec, ModelCard, ModelPurpose},
    prediction::Prediction,
    study::Status,
};
use std::path::Path;

/// A fake network that finds a disc in the middle of each image, blurred on one side.
struct Disc;

impl SegmentationNetwork for Disc {
    fn shipped_models(&mut self) -> Result<Vec<ModelEntry>> {
        let card = ModelCard {
            name: "Disc".into(),
            version: "1.0.0".into(),
            config: Config::S,
            labels: vec![Label::with_name("Disc", 0)],
            input: InputSpec {
                channels: 1,
                columns: 64,
                rows: 64,
                aspect: Aspect::Kept,
                mean: vec![0.0],
                std: vec![1.0],
            },
            takes_prompts: false,
            without_channels: Vec::new(),
            purpose: ModelPurpose {
                summary: "heads".into(),
                modalities: vec!["US".into()],
                picture_words: vec!["head".into()],
                ..Default::default()
            },
            looks: None,
            trained_on: Default::default(),
            held_out: None,
            parent: None,
        };
        Ok(vec![ModelEntry {
            source: ModelSource::Shipped(0),
            card: Arc::new(card),
        }])
    }

    fn read_model(&mut self, path: &Path) -> Result<ModelEntry> {
        Err(Error::at_path("read the model", path, "it is not one"))
    }

    fn probe_device(&mut self, _: DeviceChoice) -> Result<String> {
        Ok("Test device".into())
    }

    fn prepare_model(&mut self, _: &ModelEntry, _: DeviceChoice) -> Result<String> {
        Ok("Test device".into())
    }

    fn segment_image(&mut self, image: &Image) -> Result<Prediction> {
        let (w, h) = (image.columns as f64, image.rows as f64);
        let radius = w.min(h) / 3.0;
        let at = |i: usize| {
            let (x, y) = (
                (i % image.columns) as f64 + 0.5 - w / 2.0,
                (i / image.columns) as f64 + 0.5 - h / 2.0,
            );
            let blur = if x > radius / 2.0 { 20.0 } else { 0.3 };
            1.0 / (1.0 + ((x.hypot(y) - radius) / blur).exp())
        };
        let p: Vec<f64> = (0..image.columns * image.rows).map(at).collect();
        let labels = p.iter().map(|p| u8::from(*p >= 0.5)).collect();
        let probabilities = vec![p.iter().map(|p| (p * 65535.0) as u16).collect()];
        Ok(Prediction {
            mask: Mask::from_labels(image.columns, image.rows, labels).unwrap(),
            probabilities,
        })
    }

    fn take_notice(&mut self) -> Option<String> {
        None
    }
}

struct Bench {
    harness: Harness<'static, Option<LabrumApp>>,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(paths: Vec<PathBuf>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_owned();
        Self::with_data(folder, &data, paths)
    }

    /// With nothing open.
    fn with_settings(settings: Settings) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().to_owned();
        Self::build(settings, folder, &data, Vec::new())
    }

    /// With its data in the folder `data`.
    fn with_data(folder: tempfile::TempDir, data: &Path, paths: Vec<PathBuf>) -> Self {
        Self::build(Settings::default(), folder, data, paths)
    }

    fn build(
        settings: Settings,
        folder: tempfile::TempDir,
        data: &Path,
        paths: Vec<PathBuf>,
    ) -> Self {
        let at = |name| folder.path().join(name);
        let places = AppFolders {
            config: at("config"),
            cache: at("cache"),
            data: data.join("data"),
        };
        let mut begin = Some((settings, places, paths));
        let frame = move |ui: &mut egui::Ui, app: &mut Option<LabrumApp>| {
            if let Some((settings, places, paths)) = begin.take() {
                let mut new =
                    LabrumApp::new(ui.ctx(), settings, places, || Box::new(Disc)).unwrap();
                new.open_at_startup(paths, None);
                *app = Some(new);
            }
            app.as_mut().unwrap().run_frame(ui);
        };
        // Frame times as on a real screen, so that two clicks can be a double-click.
        let builder = Harness::builder()
            .with_size([1280.0, 800.0])
            .with_step_dt(1.0 / 60.0)
            .with_max_steps(64);
        let harness = builder.build_ui_state(frame, None);
        Self { harness, folder }
    }

    fn session(&self) -> &Session {
        self.harness.state().as_ref().unwrap().session()
    }

    /// Runs frames until `done`.
    fn until(&mut self, what: &str, done: impl Fn(&Session) -> bool) {
        let begun = Instant::now();
        while !done(self.session()) {
            let session = self.session();
            let (cases, notices) = (session.cases.len(), &session.notices.list);
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "timed out waiting for {what}; {cases} cases, {notices:?}"
            );
            std::thread::sleep(Duration::from_millis(5));
            self.harness.step();
        }
        self.harness.step();
    }

    fn click(&mut self, name: &str) {
        self.harness.get_by_label(name).click();
        self.harness.step();
        self.harness.step();
    }
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/samples")
}

#[test]
fn a_sample_is_opened_segmented_viewed_and_exported() {
    let mut bench = Bench::new(Vec::new());
    bench.click("Open sample Fetal head");
    bench.until("the mask", |s| {
        s.cases
            .current_case()
            .is_some_and(|c| c.measured_slice_count() == 1)
    });
    assert_eq!(
        bench.session().cases.current_case().unwrap().status,
        Status::Proposed
    );
    bench.until("the image", |s| s.current_loaded().is_some());
    assert!(bench.harness.query_by_label("Longest diameter").is_some());

    for (name, mode) in [
        ("Outline", ViewMode::Outline),
        ("Confidence", ViewMode::Confidence),
        ("Hidden", ViewMode::Hidden),
        ("Fill", ViewMode::Fill),
    ] {
        bench.click(name);
        assert_eq!(bench.session().settings.view_mode, mode);
    }
    bench.click("Next uncertain boundary");
    assert!(bench.session().viewports.focus.is_some());

    bench.click("Export");
    bench.harness.run_steps(4);
    let out = bench.folder.path().join("out");
    bench.harness.get_by_label("Export folder").focus();
    bench.harness.step();
    bench
        .harness
        .key_press_modifiers(egui::Modifiers::COMMAND, Key::A);
    bench.harness.step();
    bench
        .harness
        .get_by_label("Export folder")
        .type_text(out.to_str().unwrap());
    bench.harness.step();
    bench
        .harness
        .get_all_by_label("Export")
        .last()
        .unwrap()
        .click();
    bench.harness.step();
    bench.until("the export", |s| {
        s.exporting.is_none() && !s.notices.list.is_empty()
    });
    let written: Vec<_> = std::fs::read_dir(&out)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(
        written.len(),
        3,
        "a label map, its labels and a DICOM-SEG: {written:?}; {:?}",
        bench.session().notices.list
    );
    assert!(bench.harness.query_by_label("Show folder").is_some());
}

#[test]
fn accepting_shows_the_next_case() {
    let mut bench = Bench::new(vec![samples().join("fetal-head")]);
    bench.until("the mask", |s| {
        s.cases
            .current_case()
            .is_some_and(|c| c.measured_slice_count() == 1)
    });
    bench.click("Accept and next");
    assert_eq!(bench.session().cases[0].status, Status::Accepted);
    assert_eq!(bench.session().cases.current, Some(1));
    bench.harness.key_press(Key::Backspace);
    bench.harness.step();
    assert_eq!(bench.session().cases[1].status, Status::Skipped);
}

#[test]
fn a_series_without_a_matching_model_says_why_and_can_be_scrolled_by_key() {
    let mut bench = Bench::new(vec![samples().join("sarcoma-ct")]);
    bench.until("the image", |s| s.current_loaded().is_some());
    assert!(
        bench
            .harness
            .query_by_label_contains("for US, but this series is CT")
            .is_some()
    );
    assert_eq!(
        bench.session().cases.current_case().unwrap().slices.len(),
        12
    );
    let before = bench.session().cases.current_case().unwrap().slice;
    bench.harness.key_press(Key::ArrowDown);
    bench.harness.step();
    assert_eq!(
        bench.session().cases.current_case().unwrap().slice,
        before + 1
    );
    bench.harness.key_press(Key::End);
    bench.harness.step();
    assert_eq!(bench.session().cases.current_case().unwrap().slice, 11);
}

#[test]
fn a_path_that_cannot_be_opened_is_named_in_a_message() {
    let mut bench = Bench::new(vec!["/no/such/folder".into()]);
    bench.until("the message", |s| !s.notices.list.is_empty());
    assert!(
        bench.session().notices.list[0]
            .text
            .contains("/no/such/folder")
    );
    assert!(
        bench.harness.query_by_label("Open folder").is_some(),
        "the start screen stays"
    );
    bench.click("Dismiss");
    assert!(bench.session().notices.list.is_empty());
}

#[test]
fn the_palette_finds_and_runs_a_command() {
    let mut bench = Bench::new(vec![samples().join("sarcoma-ct")]);
    bench.until("the image", |s| s.current_loaded().is_some());
    bench
        .harness
        .key_press_modifiers(egui::Modifiers::COMMAND, Key::P);
    bench.harness.step();
    bench.harness.step();
    bench
        .harness
        .get_by_label("Find a command")
        .type_text("first sl");
    bench.harness.step();
    bench.harness.key_press(Key::Enter);
    bench.harness.step();
    assert_eq!(bench.session().cases.current_case().unwrap().slice, 0);
}

/// Needs a graphics adapter, which may be software:
/// `cargo test --release --lib -- --ignored the_mask_is_drawn`.
#[test]
#[ignore = "needs a graphics adapter"]
fn the_mask_is_drawn_at_its_position() {
    let mut bench = Bench::new(vec![samples().join("fetal-head")]);
    bench.until("mask and image", |s| {
        s.current_loaded().is_some()
            && s.cases
                .current_case()
                .is_some_and(|c| c.measured_slice_count() == 1)
    });
    bench.harness.run_steps(20);
    let mut pixels = |mode: &str| {
        bench.click(mode);
        bench.harness.run_steps(4);
        let image = bench.harness.render().unwrap();
        // The centre of the canvas, and a point outside of the disc.
        [[620, 330], [320, 330]].map(|[x, y]| image.get_pixel(x, y).0)
    };
    let (fill, hidden) = (pixels("Fill"), pixels("Hidden"));
    let blue_over_red = |p: [u8; 4]| i32::from(p[2]) - i32::from(p[0]);
    assert!(
        blue_over_red(fill[0]) > 20,
        "the fill has the colour of its label: {fill:?}"
    );
    assert_eq!(
        blue_over_red(hidden[0]),
        0,
        "without the mask the image is grey: {hidden:?}"
    );
    assert_eq!(
        fill[1], hidden[1],
        "outside of the mask the image is unchanged"
    );
}
