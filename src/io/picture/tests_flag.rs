//! Images with an EXIF orientation flag, and their masks, are rotated as in other programs.

#![allow(clippy::unwrap_used)]

use super::{
    fixture::{MadePage, Writing},
    *,
};
use crate::io::{
    dataset::{self, FolderOptions},
    import,
    label_file::{self, MaskOf},
    label_values::ValueReading,
    open as files,
};
use image::{
    GrayImage, ImageEncoder, Luma, RgbImage,
    codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder},
};
use labrum_core::{
    import::MaskChoice,
    mask::Mask,
    progress::Cancel,
    study::{Kind, Series, Source},
};
use std::path::PathBuf;

/// Black is background, white is label 1.
const WHITE: ValueReading = ValueReading::AtLeast(128);

/// Stored columns and rows.
const STORED: (u32, u32) = (24, 16);

/// EXIF data with only the orientation flag.
fn exif(flag: u16) -> Vec<u8> {
    let mut exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01".to_vec();
    exif.extend(flag.to_be_bytes());
    exif.extend([0; 6]);
    exif
}

/// The upper left quarter of the stored image is white.
fn is_white(x: u32, y: u32) -> bool {
    x < STORED.0 / 2 && y < STORED.1 / 2
}

fn grey() -> GrayImage {
    GrayImage::from_fn(STORED.0, STORED.1, |x, y| {
        Luma([if is_white(x, y) { 255 } else { 0 }])
    })
}

/// The image in a file of each format, with this orientation flag.
fn pictures(folder: &Path, flag: u16) -> Vec<PathBuf> {
    let stored = grey();
    let color = RgbImage::from_fn(STORED.0, STORED.1, |x, y| {
        image::Rgb(stored.get_pixel(x, y).0.repeat(3).try_into().unwrap())
    });
    let encode = |name: &str, fill: &dyn Fn(&mut Vec<u8>)| {
        let path = folder.join(format!("{flag}-{name}"));
        let mut bytes = Vec::new();
        fill(&mut bytes);
        std::fs::write(&path, bytes).unwrap();
        path
    };
    macro_rules! encoder {
        ($encoder:expr, $image:expr) => {{
            let mut encoder = $encoder;
            encoder.set_exif_metadata(exif(flag)).unwrap();
            $image.write_with_encoder(encoder).unwrap();
        }};
    }
    vec![
        encode("a.png", &|bytes| encoder!(PngEncoder::new(bytes), stored)),
        encode("a.jpg", &|bytes| {
            encoder!(JpegEncoder::new_with_quality(bytes, 95), stored)
        }),
        encode("a.webp", &|bytes| {
            encoder!(WebPEncoder::new_lossless(bytes), color)
        }),
        encode("a.tif", &|bytes| {
            let size = (u64::from(STORED.0), u64::from(STORED.1));
            let page =
                MadePage::new(size, 8, 1, stored.as_raw().clone()).with_field(274, u64::from(flag));
            bytes.extend(Writing::default().encode_file(&[page]));
        }),
    ]
}

/// The white quarter of the image: column and row, each 0 or 1.
fn white_quarter(image: &Image) -> (usize, usize) {
    let at = |column: usize, row: usize| {
        image.modality_value(
            (image.rows * (2 * row + 1) / 4) * image.columns + image.columns * (2 * column + 1) / 4,
        ) > 128.0
    };
    let white: Vec<(usize, usize)> = [(0, 0), (1, 0), (0, 1), (1, 1)]
        .into_iter()
        .filter(|(c, r)| at(*c, *r))
        .collect();
    assert_eq!(white.len(), 1);
    white[0]
}

/// The quarter that is white when displayed, for flags 1 to 8 of the EXIF standard.
const SHOWN: [(usize, usize); 8] = [
    (0, 0),
    (1, 0),
    (1, 1),
    (0, 1),
    (0, 0),
    (1, 0),
    (1, 1),
    (0, 1),
];

fn series(path: &Path) -> Series {
    files::read_catalog(&[path.to_owned()], &mut |_| {}, &Cancel::default())
        .unwrap()
        .studies
        .remove(0)
        .series
        .remove(0)
}

#[test]
fn images_of_every_format_are_rotated_by_their_orientation_flag() {
    let folder = tempfile::tempdir().unwrap();
    for (flag, quarter) in (1..).zip(SHOWN) {
        for path in pictures(folder.path(), flag) {
            let series = series(&path);
            let size = if flag > 4 { (16, 24) } else { (24, 16) };
            let image = files::load_slice(&series.slices[0].source, Kind::Picture).unwrap();
            assert_eq!((series.columns, series.rows), size, "{}", path.display());
            assert_eq!((image.columns, image.rows), size, "{}", path.display());
            assert_eq!(white_quarter(&image), quarter, "{}", path.display());
        }
    }
}

#[test]
fn an_orientation_flag_after_the_pixels_of_a_png_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let before = std::fs::read(&pictures(folder.path(), 6)[0]).unwrap();
    let at = before.windows(4).position(|w| w == b"eXIf").unwrap() - 4;
    let length = 12 + exif(6).len();
    let mut behind = before.clone();
    let chunk: Vec<u8> = behind.drain(at..at + length).collect();
    let end = behind.len() - 12;
    behind.splice(end..end, chunk);
    let path = folder.path().join("behind.png");
    std::fs::write(&path, behind).unwrap();
    assert_eq!(
        probe_header(&path).map(|p| (p.columns, p.rows)).unwrap(),
        (16, 24)
    );
}

#[test]
fn a_mask_in_the_stored_orientation_is_rotated_like_its_image() {
    let folder = tempfile::tempdir().unwrap();
    let image = &pictures(folder.path(), 6)[1];
    let of = MaskOf {
        source: Source {
            path: image.clone(),
            frame: 0,
        },
        size: (16, 24),
    };
    let upright = image::imageops::rotate90(&grey());
    let save = |name: &str, mask: &GrayImage| {
        let path = folder.path().join(name);
        mask.save(&path).unwrap();
        path
    };
    let [stored, shown] = [save("stored.png", &grey()), save("shown.png", &upright)];
    let expected =
        Mask::from_labels(16, 24, upright.pixels().map(|p| p.0[0] / 255).collect()).unwrap();
    assert_eq!(
        label_file::read_on(&shown, 0, WHITE, &of).unwrap(),
        (expected.clone(), None)
    );
    let (mask, note) = label_file::read_on(&stored, 0, WHITE, &of).unwrap();
    assert_eq!(mask, expected);
    assert!(note.unwrap().contains("as stored"));
    // A mask with its own flag.
    let flagged = &pictures(folder.path(), 6)[0];
    assert_eq!(
        label_file::read_on(flagged, 0, WHITE, &of).unwrap(),
        (expected.clone(), None)
    );
    assert_eq!(label_file::read_mask(flagged, WHITE).unwrap(), expected);

    let imported = import::read_masks(&[stored], &series(image), &MaskChoice::default()).unwrap();
    assert_eq!(imported.masks, [(0, expected)]);
    assert!(
        imported.notes.iter().any(|note| note.contains("as stored")),
        "{:?}",
        imported.notes
    );
}

#[test]
fn a_mask_that_fits_both_ways_is_read_as_displayed_and_a_note_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let mask = folder.path().join("mask.png");
    grey().save(&mask).unwrap();
    let expected =
        Mask::from_labels(24, 16, grey().pixels().map(|p| p.0[0] / 255).collect()).unwrap();
    for flag in 1..=4 {
        for image in pictures(folder.path(), flag) {
            let imported = import::read_masks(
                std::slice::from_ref(&mask),
                &series(&image),
                &MaskChoice::default(),
            )
            .unwrap();
            assert_eq!(imported.masks, [(0, expected.clone())]);
            let is_said = imported
                .notes
                .iter()
                .any(|note| note.contains("read as drawn on the image as displayed"));
            assert_eq!(is_said, flag > 1, "{flag}: {:?}", imported.notes);
        }
        // With the same flag as its image, a mask is unambiguous.
        let [own, image] = [0, 1].map(|i| pictures(folder.path(), flag)[i].clone());
        let of = MaskOf {
            source: Source {
                path: image,
                frame: 0,
            },
            size: (24, 16),
        };
        assert_eq!(label_file::read_on(&own, 0, WHITE, &of).unwrap().1, None);
    }
}

#[test]
fn images_and_masks_of_a_folder_are_rotated_alike() {
    let folder = tempfile::tempdir().unwrap();
    let [images, masks] = ["images", "masks"].map(|name| folder.path().join(name));
    for place in [&images, &masks] {
        std::fs::create_dir(place).unwrap();
    }
    for flag in [6, 8] {
        std::fs::rename(
            &pictures(folder.path(), flag)[1],
            images.join(format!("{flag}.jpg")),
        )
        .unwrap();
        grey().save(masks.join(format!("{flag}.png"))).unwrap();
    }
    for pair in dataset::open_folder(folder.path(), &FolderOptions::default())
        .unwrap()
        .pairs
    {
        let (image, mask) = pair.load_image_and_mask().unwrap();
        assert_eq!((image.columns, image.rows), (16, 24));
        let agree = mask
            .pixel_labels()
            .iter()
            .enumerate()
            .filter(|(i, l)| (image.modality_value(*i) > 128.0) == (**l == 1))
            .count();
        assert_eq!(agree, 16 * 24, "{}", pair.name);
    }
}
