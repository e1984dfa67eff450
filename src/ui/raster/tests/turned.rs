//! Images that are turned.

use super::*;

/// The screen position of the first pixel of a turned image that fills `size` screen pixels from (0, 0) on.
fn corner_of(turn: Turn, size: [f32; 2]) -> [f32; 2] {
    let along_row = turn.to_screen([1.0, 0.0]);
    let down_column = turn.to_screen([0.0, 1.0]);
    [0, 1].map(|i| {
        let runs_back = along_row[i] + down_column[i] < 0.0;
        if runs_back { size[i] } else { 0.0 }
    })
}

#[test]
fn a_turned_image_has_the_pixels_of_the_upright_one_at_their_turned_places() {
    let (columns, rows) = (30, 20);
    let image = test_picture(columns, rows);
    let live = live_mask(columns, rows, test_labels(columns, rows));
    for scale in [0.5f32, 1.0, 2.0, 7.0] {
        let upright = turned_look(
            &image,
            [scale; 2],
            LabelLayers::Fill,
            Turn::UPRIGHT,
            [0.0; 2],
        );
        let scene = Scene {
            labels: Some(&live),
            ..bare_scene(&image, &upright)
        };
        let size = [columns, rows].map(|n| (n as f32 * scale) as usize);
        let expected = paint(&scene, Area { min: [0, 0], size });
        for turn in Turn::all() {
            let shown = turn.swapped(size);
            let origin = corner_of(turn, shown.map(|n| n as f32));
            let look = turned_look(&image, [scale; 2], LabelLayers::Fill, turn, origin);
            let turned = Scene {
                look: &look,
                ..scene
            };
            let painted = paint(
                &turned,
                Area {
                    min: [0, 0],
                    size: shown,
                },
            );
            for (i, pixel) in painted.iter().enumerate() {
                let [column, row] = turn.upright_pixel(shown, [i % shown[0], i / shown[0]]);
                let wanted = expected[row * size[0] + column];
                let off = (0..3).map(|c| pixel[c].abs_diff(wanted[c])).max().unwrap();
                assert!(off <= 1, "{turn:?} at {scale}: {pixel:?} {wanted:?}");
            }
        }
    }
}

#[test]
fn a_partial_repaint_of_a_turned_image_gives_the_same_canvas_as_a_full_one() {
    let (columns, rows) = (120, 90);
    let image = test_picture(columns, rows);
    let area = Area {
        min: [5, 3],
        size: [260, 240],
    };
    for turn in Turn::all() {
        let mut live = live_mask(columns, rows, test_labels(columns, rows));
        let look = turned_look(&image, [1.6, 1.8], LabelLayers::Fill, turn, [131.3, 117.7]);
        let mut raster = Raster::default();
        let mut canvas = Vec::new();
        for step in 0..6usize {
            let (x, y) = (5 + step * 7 % 60, 4 + step * 11 % 50);
            let spans = (y..y + 9).map(|row| Span {
                row,
                start: x,
                end: x + 12,
            });
            let stroke = Region::from_spans(spans.collect());
            let scene = Scene {
                image: &image,
                labels: Some(&live),
                reference: None,
                preview: Some(&stroke),
                look: &look,
            };
            if let Some((part, pixels)) = raster.repaint_changes(&scene, area) {
                assert!(step == 0 || part != area, "the repaint was not partial");
                put(&mut canvas, area, part, &pixels);
            }
            assert!(canvas == paint(&scene, area), "{turn:?}, step {step}");
            live.edit_mask(|mask| mask.paint_region(&stroke, (step % 4) as u8, &Rule::FREE));
        }
    }
}
