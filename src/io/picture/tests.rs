//! Image files are read with the right values and colours; damaged ones are refused.

#![allow(clippy::unwrap_used)]
use super::*;
use image::{GrayImage, ImageBuffer, Luma, LumaA, Rgb, Rgba};
use std::path::PathBuf;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn save(&self, name: &str, image: impl Into<DynamicImage>) -> PathBuf {
        let path = self.0.path().join(name);
        image.into().save(&path).unwrap();
        path
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

#[test]
fn grey_values_of_8_and_16_bits_are_kept() {
    let folder = Folder::new();
    let grey = GrayImage::from_raw(2, 1, vec![7, 250]).unwrap();
    for name in ["a.png", "a.tiff"] {
        assert_eq!(
            read_image(&folder.save(name, grey.clone()), 0)
                .unwrap()
                .pixels,
            Pixels::U8(vec![7, 250]),
            "{name}"
        );
    }
    let deep: ImageBuffer<Luma<u16>, _> = ImageBuffer::from_raw(2, 1, vec![7u16, 60_000]).unwrap();
    assert_eq!(
        read_image(&folder.save("deep.png", deep), 0)
            .unwrap()
            .pixels,
        Pixels::U16(vec![7, 60_000])
    );
}

#[test]
fn colour_is_read_and_alpha_is_blended_over_black() {
    let folder = Folder::new();
    let opaque: ImageBuffer<Rgb<u8>, _> = ImageBuffer::from_raw(1, 1, vec![1, 2, 3]).unwrap();
    for name in ["a.png", "a.bmp", "a.tiff"] {
        let path = folder.save(name, opaque.clone());
        assert_eq!(
            read_image(&path, 0).unwrap().pixels,
            Pixels::Rgb8(vec![[1, 2, 3]]),
            "{name}"
        );
    }
    let clear: ImageBuffer<Rgba<u8>, _> =
        ImageBuffer::from_raw(2, 1, vec![9, 9, 9, 0, 200, 100, 0, 128]).unwrap();
    assert_eq!(
        read_image(&folder.save("b.png", clear), 0).unwrap().pixels,
        Pixels::Rgb8(vec![[0; 3], [100, 50, 0]])
    );
    let grey: ImageBuffer<LumaA<u8>, _> = ImageBuffer::from_raw(1, 1, vec![200, 51]).unwrap();
    assert_eq!(
        read_image(&folder.save("c.png", grey), 0).unwrap().pixels,
        Pixels::U8(vec![40])
    );
    let deep: ImageBuffer<Rgb<u16>, _> =
        ImageBuffer::from_raw(1, 1, vec![0u16, 257 * 7, 65_535]).unwrap();
    assert_eq!(
        read_image(&folder.save("d.png", deep), 0).unwrap().pixels,
        Pixels::Rgb8(vec![[0, 7, 255]])
    );
}

#[test]
fn truncated_images_are_refused() {
    let folder = Folder::new();
    let noise = GrayImage::from_fn(64, 64, |x, y| Luma([(x * 7 + y * 13) as u8]));
    for name in ["a.png", "a.jpg", "a.bmp", "a.tiff"] {
        let whole = std::fs::read(folder.save(name, noise.clone())).unwrap();
        let cut = folder.write(&format!("cut-{name}"), &whole[..whole.len() / 2]);
        assert!(read_image(&cut, 0).is_err(), "{name}");
    }
}

#[test]
fn empty_and_oversized_images_are_refused_before_they_are_decoded() {
    let folder = Folder::new();
    let header = |columns: u32, rows: u32| {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\x0DIHDR".to_vec();
        bytes.extend(columns.to_be_bytes());
        bytes.extend(rows.to_be_bytes());
        bytes.extend([8, 0, 0, 0, 0]);
        let check = crc(&bytes[12..]);
        bytes.extend(check.to_be_bytes());
        bytes.extend(b"\0\0\0\0IDAT\x35\xAF\x06\x1E");
        bytes
    };
    let huge = probe_header(&folder.write("huge.png", &header(30_000, 30_000))).unwrap_err();
    assert!(huge.reason.contains("30000 x 30000"), "{huge}");
    let claim = probe_header(&folder.write("claim.png", &header(16_000, 16_000))).unwrap_err();
    assert!(
        claim
            .reason
            .contains("compressed bytes cannot hold 256000000"),
        "{claim}"
    );
    let none = probe_header(&folder.write("none.png", &header(0, 0))).unwrap_err();
    assert_eq!(none.reason, "the image has no pixels (0 x 0)");
    assert!(read_image(&folder.write("none.png", &header(0, 0)), 0).is_err());
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| {
            if c & 1 == 1 {
                c >> 1 ^ 0xEDB8_8320
            } else {
                c >> 1
            }
        })
    })
}

#[test]
fn the_pixel_spacing_comes_from_a_table_next_to_the_image() {
    let folder = Folder::new();
    folder.write(
        "pixel_spacing_mm.csv",
        b"name,pixel_spacing_mm\nother,9\nhead,0.25\n",
    );
    let spacing = read_image(&folder.save("head.png", GrayImage::new(1, 1)), 0)
        .unwrap()
        .spacing
        .unwrap();
    assert_eq!(
        (spacing.row, spacing.column, spacing.source),
        (0.25, 0.25, SpacingSource::Picture)
    );
    assert_eq!(
        read_image(&folder.save("hand.png", GrayImage::new(1, 1)), 0)
            .unwrap()
            .spacing,
        None
    );
}

#[test]
fn other_files_are_refused_with_the_reason() {
    let folder = Folder::new();
    let text = probe_header(&folder.write("a.png", b"words")).unwrap_err();
    assert_eq!(
        text.reason,
        "not an image file (PNG, JPEG, TIFF, BMP or WebP)"
    );
    assert_eq!(
        probe_header(&folder.0.path().join("none.png"))
            .unwrap_err()
            .reason,
        "file not found"
    );
}
