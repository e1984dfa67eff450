//! Tests of `label_file`.
#![allow(clippy::unwrap_used)]

use super::super::label_values;
use super::*;
use image::{GrayAlphaImage, GrayImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba, RgbaImage};

fn read_back(name: &str, save: impl Fn(&Path)) -> Result<Mask> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    save(&path);
    let set = [(path.clone(), mask_values(&path, 0)?)];
    read_mask(&path, label_values::find_rule(&set, None, None)?.reading)
}

fn grey(values: [u8; 4]) -> Result<Mask> {
    read_back("m.png", |path| {
        GrayImage::from_vec(2, 2, values.to_vec())
            .unwrap()
            .save(path)
            .unwrap()
    })
}

#[test]
fn black_and_white_is_background_and_label_1() {
    assert_eq!(grey([0, 255, 255, 0]).unwrap().pixel_labels(), [0, 1, 1, 0]);
    assert_eq!(grey([0, 200, 0, 0]).unwrap().pixel_labels(), [0, 1, 0, 0]);
    assert_eq!(grey([255; 4]).unwrap().pixel_labels(), [1; 4]);
    assert_eq!(grey([0; 4]).unwrap().pixel_labels(), [0; 4]);
}

#[test]
fn other_grey_values_are_label_values() {
    assert_eq!(grey([0, 1, 2, 3]).unwrap().pixel_labels(), [0, 1, 2, 3]);
    assert_eq!(grey([0, 1, 0, 1]).unwrap().pixel_labels(), [0, 1, 0, 1]);
    assert_eq!(
        grey([0, 128, 255, 0]).unwrap().pixel_labels(),
        [0, 128, 255, 0]
    );
}

#[test]
fn grey_rgb_and_16_bit_masks_are_accepted() {
    let mask = read_back("m.bmp", |path| {
        RgbImage::from_fn(2, 1, |x, _| Rgb([255 * x as u8; 3]))
            .save(path)
            .unwrap();
    });
    assert_eq!(mask.unwrap().pixel_labels(), [0, 1]);
    let deep = |high: u16| {
        read_back("m.png", move |path| {
            ImageBuffer::<Luma<u16>, _>::from_vec(2, 1, vec![0, high])
                .unwrap()
                .save(path)
                .unwrap();
        })
    };
    assert_eq!(deep(65535).unwrap().pixel_labels(), [0, 1]);
    assert_eq!(deep(7).unwrap().pixel_labels(), [0, 7]);
}

#[test]
fn white_in_a_jpeg_is_label_1() {
    let mask = read_back("m.jpg", |path| {
        GrayImage::from_fn(32, 32, |x, _| Luma([if x < 15 { 0 } else { 255 }]))
            .save(path)
            .unwrap();
    });
    assert_eq!(mask.unwrap().count_pixels(1), 17 * 32);
}

#[test]
fn white_is_label_1_whatever_the_colour_of_transparent_pixels() {
    for nothing in [[255, 255, 255, 0], [0, 0, 0, 0], [255, 0, 0, 0]] {
        for alpha in [255, 100] {
            let mask = read_back("m.png", |path| {
                let pixel = |x, _| {
                    Rgba(if x == 1 {
                        [255, 255, 255, alpha]
                    } else {
                        nothing
                    })
                };
                RgbaImage::from_fn(3, 1, pixel).save(path).unwrap();
            });
            assert_eq!(mask.unwrap().pixel_labels(), [0, 1, 0]);
        }
    }
}

#[test]
fn labels_on_a_transparent_background_keep_their_values() {
    let mask = read_back("m.png", |path| {
        let value = |x: u32| if x == 0 { [9, 0] } else { [x as u8, 255] };
        GrayAlphaImage::from_fn(4, 1, |x, _| LumaA(value(x)))
            .save(path)
            .unwrap();
    });
    assert_eq!(mask.unwrap().pixel_labels(), [0, 1, 2, 3]);
}

#[test]
fn a_jpeg_that_was_saved_as_png_is_refused() {
    for is_box in [false, true] {
        let inside = |x: u32, y: u32| match is_box {
            true => (9..41).contains(&x) && (11..50).contains(&y),
            false => (f64::from(x) - 31.0).hypot(f64::from(y) - 33.0) < 20.0,
        };
        let disc = GrayImage::from_fn(64, 64, |x, y| Luma([255 * u8::from(inside(x, y))]));
        let mut jpeg = Vec::new();
        disc.write_to(&mut Cursor::new(&mut jpeg), ImageFormat::Jpeg)
            .unwrap();
        let noisy = image::load_from_memory(&jpeg).unwrap();
        let error = read_back("m.png", |path| noisy.save(path).unwrap())
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("soft edges") && error.contains("--threshold 128"),
            "{error}"
        );
    }
}

#[test]
fn colours_are_refused() {
    let error = read_back("m.png", |path| {
        RgbImage::from_pixel(2, 2, Rgb([255, 0, 0]))
            .save(path)
            .unwrap()
    });
    assert!(error.unwrap_err().to_string().contains("m.png"));
}

#[test]
fn a_single_high_label_in_a_palette_keeps_its_value() {
    let mask = read_back("m.png", |path| {
        let mask = Mask::from_labels(2, 1, vec![0, 200]).unwrap();
        let labels: Vec<_> = (0..200)
            .map(|i| labrum_core::label::Label::with_name("x", i))
            .collect();
        crate::io::export::label_map(path, &mask, &labels).unwrap();
    });
    assert_eq!(mask.unwrap().pixel_labels(), [0, 200]);
}

/// Label maps are exported with a palette.
#[test]
fn a_palette_image_is_read_by_its_indices() {
    for (depth, packed) in [
        (png::BitDepth::Eight, vec![0, 1, 2, 1, 0, 0]),
        (png::BitDepth::Two, vec![24, 64]),
    ] {
        let mask = read_back("m.png", |path| {
            let mut encoder = png::Encoder::new(std::fs::File::create(path).unwrap(), 3, 2);
            encoder.set_color(png::ColorType::Indexed);
            encoder.set_depth(depth);
            encoder.set_palette(vec![0, 0, 0, 86, 180, 233, 230, 159, 0]);
            encoder
                .write_header()
                .unwrap()
                .write_image_data(&packed)
                .unwrap();
        });
        assert_eq!(mask.unwrap().pixel_labels(), [0, 1, 2, 1, 0, 0]);
    }
}
