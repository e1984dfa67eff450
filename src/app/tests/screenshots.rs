//! Screenshots with the pixels of a rendered window: `cargo test --release --lib -- --ignored screenshot`.

use super::*;
use egui::Modifiers;

/// Replaces the text of a field.
fn fill_in(bench: &mut Bench, field: &str, text: &str) {
    bench.harness.get_by_label(field).focus();
    bench.harness.step();
    bench
        .harness
        .key_press_modifiers(Modifiers::COMMAND, Key::A);
    bench.harness.step();
    bench.harness.get_by_label(field).type_text(text);
    bench.harness.step();
}

#[test]
#[ignore = "needs Vulkan"]
fn a_screenshot_is_saved_with_and_without_masks() {
    let mut bench = Bench::new(vec![samples().join("fetal-head")]);
    bench.until("mask and image", |s| {
        s.current_loaded().is_some()
            && s.cases
                .current_case()
                .is_some_and(|c| c.measured_slice_count() == 1)
    });
    let out = bench.folder.path().join("out");
    let canvas = bench.harness.get_by_label_contains("Image:").rect();
    let mut blue_over_red = Vec::new();
    for name in ["with", "without"] {
        bench
            .harness
            .key_press_modifiers(Modifiers::COMMAND | Modifiers::SHIFT, Key::P);
        bench.harness.run_steps(4);
        fill_in(&mut bench, "Export folder", out.to_str().unwrap());
        fill_in(&mut bench, "Name of the file", name);
        if name == "without" {
            bench.click("Masks");
        }
        bench.click("Save");
        let path = out.join(format!("{name}.png"));
        bench.until("the file", |s| {
            path.exists() && !s.notices.list.is_empty() && s.notices.errors.is_empty()
        });
        let picture = image::open(&path).unwrap().into_rgb8();
        let size = [picture.width(), picture.height()].map(|side| side as f32);
        let whole = [canvas.width(), canvas.height()];
        assert!(
            (0..2).all(|i| (size[i] - whole[i]).abs() <= 1.0),
            "{size:?}, {whole:?}"
        );
        // Below the middle, where the diameter is drawn.
        let middle = picture
            .get_pixel(picture.width() / 2, picture.height() * 3 / 5)
            .0;
        blue_over_red.push(i32::from(middle[2]) - i32::from(middle[0]));
        assert_eq!(
            bench.session().settings.view_mode,
            ViewMode::Fill,
            "nothing is changed"
        );
    }
    assert!(blue_over_red[0] > 20, "the colour of the mask");
    assert_eq!(blue_over_red[1], 0, "the image is grey");
}
