//! The painted canvas: grey values, outlines, and partial repaints.
#![allow(clippy::unwrap_used, clippy::panic)]

mod turned;

use super::{fixture::*, *};
use crate::{
    session::{live::Live, turn::Turn, view::ViewPlacement},
    ui::look::GreyLevels,
};
use labrum_core::{
    color_map::ColorMap,
    image::{Contrast, Pixels, Window},
    mask::Rule,
    region::Span,
};

fn paint(scene: &Scene<'_>, area: Area) -> Vec<Color32> {
    let (part, pixels) = Raster::default().repaint_changes(scene, area).unwrap();
    assert_eq!(part, area);
    pixels
}

/// The area of a whole canvas.
fn area_of(size: [usize; 2]) -> Area {
    Area { min: [0, 0], size }
}

fn plain(image: &Image, scale: f32, window: Window) -> CanvasLook {
    CanvasLook::new(
        ViewPlacement::upright([scale; 2], [0.0; 2]),
        1.0,
        GreyLevels::from_image(image, window, false),
    )
}

#[test]
fn a_position_lies_in_the_pixel_that_begins_at_or_before_it() {
    for position in [-2.5f32, -2.0, -0.1, -0.0, 0.0, 0.9, 1.0, 511.99997, 1e9] {
        assert_eq!(
            edge::pixel_at(position),
            position.floor() as i64,
            "{position}"
        );
    }
}

#[test]
fn at_full_size_the_canvas_matches_labrum_core() {
    let picture = test_picture(300, 200);
    let Pixels::I16(values) = &picture.pixels else {
        panic!("not 16 bits")
    };
    let kinds = [
        picture.pixels.clone(),
        Pixels::U16(values.iter().map(|v| *v as u16).collect()),
        Pixels::U8(values.iter().map(|v| (*v / 8) as u8).collect()),
        Pixels::F32(values.iter().map(|v| f32::from(*v) * 1.37).collect()),
        Pixels::Rgb8(
            values
                .iter()
                .map(|v| [*v as u8, (*v / 3) as u8, (*v / 7) as u8])
                .collect(),
        ),
    ];
    for pixels in kinds {
        let image = Arc::new(Image::new(300, 200, pixels).unwrap());
        let window = image.auto_window();
        let look = plain(&image, 1.0, window);
        let scene = bare_scene(&image, &look);
        let painted = paint(&scene, area_of([300, 200]));
        let expected = image.to_rgba(Contrast::Window(window));
        for (pixel, expected) in painted.iter().zip(expected.chunks_exact(4)) {
            let off = (0..3)
                .map(|c| pixel[c].abs_diff(expected[c]))
                .max()
                .unwrap();
            assert!(off <= 1, "{pixel:?} {expected:?}");
        }
    }
}

#[test]
fn a_reduced_image_averages_its_pixels() {
    let stripes = (0..400 * 400)
        .map(|i| if i % 2 == 0 { 100 } else { 200 })
        .collect();
    let image = Arc::new(Image::new(400, 400, Pixels::U8(stripes)).unwrap());
    let look = plain(&image, 0.25, image.default_window());
    let scene = bare_scene(&image, &look);
    let painted = paint(&scene, area_of([100, 100]));
    assert!(
        painted.iter().all(|p| p.r() == 150),
        "stripes finer than the screen are grey"
    );
}

#[test]
fn from_a_zoom_of_six_pixels_are_drawn_as_squares() {
    let image = Arc::new(
        Image::new(
            40,
            40,
            Pixels::U8((0..1600).map(|i| (i * 7 % 256) as u8).collect()),
        )
        .unwrap(),
    );
    let mut labels = vec![0; 1600];
    labels[20 * 40 + 20] = 1;
    let live = live_mask(40, 40, labels);
    for scale in [6.0, 9.0, 20.0] {
        let mut look = plain(&image, scale, image.default_window());
        look.layers = LabelLayers::Fill;
        look.labels[1] = [1.0, 0.0, 0.0, 1.0];
        let scene = Scene {
            labels: Some(&live),
            ..bare_scene(&image, &look)
        };
        let side = (40.0 * scale) as usize;
        let painted = paint(&scene, area_of([side, side]));
        for (i, pixel) in painted.iter().enumerate() {
            let [x, y] = [i % side, i / side].map(|v| ((v as f32 + 0.5) / scale) as usize);
            let is_red = pixel.r() == 255 && pixel.g() == 0;
            assert_eq!(is_red, (x, y) == (20, 20), "exactly this pixel is filled");
        }
    }
}

#[test]
fn an_outline_has_constant_width_and_no_gaps_at_every_zoom() {
    let (side, radius) = (256usize, 80.0f64);
    let image = test_picture(side, side);
    let is_in =
        |i: usize| (((i % side) as f64 - 127.5).hypot((i / side) as f64 - 127.5) < radius) as u8;
    let live = live_mask(side, side, (0..side * side).map(is_in).collect());
    for scale in [0.3f32, 0.7, 1.0, 1.7, 2.5, 4.0, 5.9, 6.0, 10.0] {
        let mut look = plain(&image, scale, image.default_window());
        (look.layers, look.half_line) = (LabelLayers::Fill, 0.875);
        look.labels[1] = [1.0, 0.0, 0.0, 0.0];
        let mut black = look.clone();
        black.labels[1] = [0.0, 0.0, 0.0, 0.0];
        let size = (side as f32 * scale) as usize;
        let area = area_of([size, size]);
        let of = |look: &CanvasLook| {
            let scene = Scene {
                image: &image,
                labels: Some(&live),
                reference: None,
                preview: None,
                look,
            };
            paint(&scene, area)
        };
        // The difference between black and red is the line.
        let (red, black) = (of(&look), of(&black));
        let cover: Vec<f64> = red
            .iter()
            .zip(&black)
            .map(|(r, b)| f64::from(r.r() - b.r()) / 255.0)
            .collect();
        // Pixel edges are longer than the circle that they approximate.
        let length = if scale >= 6.0 {
            8.0 * radius
        } else {
            std::f64::consts::TAU * radius
        } * f64::from(scale);
        let width = cover.iter().sum::<f64>() / length;
        assert!(
            (1.4..2.3).contains(&width),
            "at {scale} the line is {width} wide"
        );
        for degree in 0..360 {
            let angle = f64::from(degree).to_radians();
            let on_ray = |r: f64| {
                let at = |v: f64| ((v * r + 128.0) * f64::from(scale)) as usize;
                cover[at(angle.sin()).min(size - 1) * size + at(angle.cos()).min(size - 1)]
            };
            let peak = (0..400)
                .map(|k| on_ray(radius - 4.0 + f64::from(k) * 0.02))
                .fold(0.0, f64::max);
            assert!(
                peak > 0.6,
                "at {scale} the line breaks at {degree} degrees: {peak}"
            );
        }
    }
}

#[test]
fn single_pixels_and_thin_lines_are_visible_at_every_zoom() {
    let (columns, rows) = (200, 160);
    let image = test_picture(columns, rows);
    let marks = [(20, 30), (77, 91), (150, 12)];
    let mut labels = vec![0; columns * rows];
    marks.iter().for_each(|(x, y)| labels[y * columns + x] = 1);
    (10..100).for_each(|x| labels[120 * columns + x] = 1);
    let live = live_mask(columns, rows, labels);
    for scale in [0.4f32, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0] {
        let mut look = plain(&image, scale, image.default_window());
        (look.layers, look.half_line) = (LabelLayers::Outline, 0.875);
        look.labels[1] = [0.0, 1.0, 0.0, 0.0];
        let size = [columns, rows].map(|v| (v as f32 * scale) as usize);
        let scene = Scene {
            labels: Some(&live),
            ..bare_scene(&image, &look)
        };
        let painted = paint(&scene, Area { min: [0, 0], size });
        let is_green = |x: f32, y: f32| {
            let near = |v: f32, end: usize| {
                ((v * scale) as usize).saturating_sub(2)..((v * scale) as usize + 3).min(end)
            };
            let mut all =
                near(y, size[1]).flat_map(|y| near(x, size[0]).map(move |x| y * size[0] + x));
            all.any(|i| painted[i].g() > 150 && painted[i].r() < 110)
        };
        for (x, y) in marks {
            let edge = if scale >= 6.0 { 1.0 } else { 0.5 };
            assert!(
                is_green(x as f32 + edge, y as f32 + 0.5),
                "the pixel at {x}, {y} is not visible at {scale}"
            );
        }
        assert!(
            (12..98).all(|x| is_green(x as f32, 120.0)),
            "the line breaks at {scale}"
        );
    }
}

#[test]
fn a_partial_repaint_gives_the_same_canvas_as_a_full_one() {
    let (columns, rows) = (200, 150);
    let image = test_picture(columns, rows);
    let area = Area {
        min: [5, 3],
        size: [300, 240],
    };
    let reference = moved_labels(columns, rows);
    for (scale, layers) in [
        (0.4, LabelLayers::Fill),
        (1.6, LabelLayers::Outline),
        (3.0, LabelLayers::Fill),
        (9.0, LabelLayers::Outline),
        (0.7, LabelLayers::Difference),
        (2.0, LabelLayers::Difference),
    ] {
        let mut live = live_mask(columns, rows, test_labels(columns, rows));
        let look = usual_look(&image, [scale, scale * 1.1], layers);
        let mut raster = Raster::default();
        let mut canvas = Vec::new();
        for step in 0..12usize {
            let (x, y) = (10 + step * 7 % 90, 8 + step * 11 % 100);
            let stroke = Region::from_spans(
                (y..y + 9)
                    .map(|row| Span {
                        row,
                        start: x,
                        end: x + 12,
                    })
                    .collect(),
            );
            let scene = Scene {
                image: &image,
                labels: Some(&live),
                reference: (layers == LabelLayers::Difference).then_some(&reference),
                preview: Some(&stroke),
                look: &look,
            };
            if let Some((part, pixels)) = raster.repaint_changes(&scene, area) {
                assert!(step == 0 || part != area, "the repaint was not partial");
                put(&mut canvas, area, part, &pixels);
            }
            assert!(canvas == paint(&scene, area), "at {scale}, step {step}");
            live.edit_mask(|mask| mask.paint_region(&stroke, (step % 4) as u8, &Rule::FREE));
        }
    }
}

fn put(canvas: &mut Vec<Color32>, area: Area, part: Area, pixels: &[Color32]) {
    canvas.resize(area.size[0] * area.size[1], Color32::RED);
    for (row, line) in pixels.chunks(part.size[0]).enumerate() {
        let y = (part.min[1] - area.min[1]) as usize + row;
        let start = y * area.size[0] + (part.min[0] - area.min[0]) as usize;
        canvas[start..start + part.size[0]].copy_from_slice(line);
    }
}

#[test]
fn nothing_is_repainted_without_a_change() {
    let image = test_picture(64, 64);
    let live: Live = live_mask(64, 64, test_labels(64, 64));
    let look = usual_look(&image, [2.0, 2.0], LabelLayers::Fill);
    let scene = Scene {
        labels: Some(&live),
        ..bare_scene(&image, &look)
    };
    let area = area_of([128, 128]);
    let mut raster = Raster::default();
    assert!(raster.repaint_changes(&scene, area).is_some());
    assert!(raster.repaint_changes(&scene, area).is_none());
}

#[test]
fn the_difference_view_tints_added_and_removed_pixels() {
    let image = Arc::new(Image::new(30, 10, Pixels::U8(vec![0; 300])).unwrap());
    let strip = |from: usize, to: usize| {
        (0..300)
            .map(|i| u8::from((from..to).contains(&(i % 30))))
            .collect()
    };
    let (now, then) = (
        live_mask(30, 10, strip(10, 20)),
        live_mask(30, 10, strip(5, 15)),
    );
    let mut look = plain(&image, 8.0, image.default_window());
    look = look.with_labels(LabelLayers::Difference, &[], &[], 0.35);
    let scene = Scene {
        image: &image,
        labels: Some(&now),
        reference: Some(&then),
        preview: None,
        look: &look,
    };
    let painted = paint(&scene, area_of([240, 80]));
    let at = |column: usize| painted[44 * 240 + column * 8 + 4];
    let tinted = |c: [u8; 3]| c.map(|v| (f32::from(v) * DIFFERENCE_OPACITY).round() as u8);
    let is = |pixel: Color32, c: [u8; 3]| (0..3).all(|i| pixel[i].abs_diff(tinted(c)[i]) <= 1);
    assert!(is(at(17), ADDED), "{:?}", at(17));
    assert!(is(at(7), REMOVED), "{:?}", at(7));
    assert_eq!(
        (at(12), at(2)),
        (Color32::BLACK, Color32::BLACK),
        "pixels in both masks or in neither are not tinted"
    );
}

#[test]
fn a_colour_map_colours_grey_images_and_leaves_colour_images() {
    let grey = Arc::new(Image::new(16, 16, Pixels::U8((0..=255).collect())).unwrap());
    let colored = Image::new(1, 1, Pixels::Rgb8(vec![[10, 200, 30]])).unwrap();
    for map in ColorMap::ALL {
        let look = plain(&grey, 1.0, Window::from_range(0.0, 255.0));
        let look = look.with_picture_style(map, true);
        let scene = bare_scene(&grey, &look);
        let painted = paint(&scene, area_of([16, 16]));
        let expected = map.colors().map(|[r, g, b]| Color32::from_rgb(r, g, b));
        assert!(painted == expected, "{map:?}");

        let image = Arc::new(colored.clone());
        let look = plain(&image, 1.0, Window::from_range(0.0, 255.0));
        let look = look.with_picture_style(map, true);
        let scene = Scene {
            image: &image,
            look: &look,
            ..scene
        };
        let painted = paint(&scene, area_of([1, 1]));
        assert_eq!(painted, [Color32::from_rgb(10, 200, 30)], "{map:?}");
    }
}

#[test]
fn without_interpolation_enlarged_pixels_are_squares_and_with_it_they_blend() {
    let checks = (0..64).map(|i| 255 * ((i % 8 + i / 8) % 2) as u8);
    let image = Arc::new(Image::new(8, 8, Pixels::U8(checks.collect())).unwrap());
    for interpolates in [false, true] {
        let look = plain(&image, 3.0, Window::from_range(0.0, 255.0));
        let look = look.with_picture_style(ColorMap::Grey, interpolates);
        let scene = bare_scene(&image, &look);
        let painted = paint(&scene, area_of([24, 24]));
        let blended = painted.iter().filter(|p| !matches!(p.r(), 0 | 255)).count();
        assert_eq!(blended > 0, interpolates, "{blended} blended pixels");
    }
}

#[test]
fn an_inverted_image_has_the_opposite_brightness() {
    let image = Arc::new(Image::new(16, 16, Pixels::U8((0..=255).collect())).unwrap());
    let window = Window::from_range(0.0, 255.0);
    let levels = GreyLevels::from_image(&image, window, false).inverted_if(true);
    let look = CanvasLook {
        levels,
        ..plain(&image, 1.0, window)
    };
    let scene = bare_scene(&image, &look);
    let painted = paint(&scene, area_of([16, 16]));
    let is_opposite = |(i, p): (usize, &Color32)| usize::from(p.r()) + i == 255;
    assert!(painted.iter().enumerate().all(is_opposite));
    assert!(!levels.inverted_if(true).inverted, "twice is as before");
}
