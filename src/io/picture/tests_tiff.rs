//! TIFF files as written by microscopes, ImageJ and napari.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::{
    fixture::{MadePage, Writing},
    *,
};
use crate::io::{label_file, label_values::ValueReading, open as files};
use labrum_core::{
    progress::Cancel,
    study::{Kind, Series},
};
use std::path::PathBuf;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

fn series(path: &Path) -> Vec<Series> {
    files::read_catalog(&[path.to_owned()], &mut |_| {}, &Cancel::default())
        .unwrap()
        .studies
        .remove(0)
        .series
}

fn values(series: &Series) -> Vec<Pixels> {
    series
        .slices
        .iter()
        .map(|s| files::load_slice(&s.source, Kind::Picture).unwrap().pixels)
        .collect()
}

/// Numbers as bytes in either byte order.
macro_rules! bytes {
    ($big_endian:expr, $values:expr) => {
        $values
            .iter()
            .flat_map(|v| {
                if $big_endian {
                    v.to_be_bytes()
                } else {
                    v.to_le_bytes()
                }
            })
            .collect::<Vec<u8>>()
    };
}

#[test]
fn signed_wide_and_float_values_are_kept_in_every_byte_order_and_format() {
    let folder = Folder::new();
    for writing in Writing::ALL {
        let big = writing.big_endian;
        let kinds = [
            (
                16,
                2,
                bytes!(big, [-1000i16, 7]),
                Pixels::I16(vec![-1000, 7]),
            ),
            (
                16,
                1,
                bytes!(big, [60_000u16, 7]),
                Pixels::U16(vec![60_000, 7]),
            ),
            (8, 2, bytes!(big, [-100i8, 7]), Pixels::I16(vec![-100, 7])),
            (
                32,
                1,
                bytes!(big, [100_000u32, 7]),
                Pixels::F32(vec![100_000.0, 7.0]),
            ),
            (
                32,
                2,
                bytes!(big, [-100_000i32, 7]),
                Pixels::F32(vec![-100_000.0, 7.0]),
            ),
            (
                32,
                3,
                bytes!(big, [0.25f32, -7.5]),
                Pixels::F32(vec![0.25, -7.5]),
            ),
            (
                64,
                3,
                bytes!(big, [0.25f64, -7.5]),
                Pixels::F32(vec![0.25, -7.5]),
            ),
            (
                16,
                3,
                bytes!(big, [0x3C00u16, 0xC000]),
                Pixels::F32(vec![1.0, -2.0]),
            ),
            (
                32,
                3,
                bytes!(big, [f32::NAN, 7.0]),
                Pixels::F32(vec![7.0, 7.0]),
            ),
        ];
        for (bits, format, data, expected) in kinds {
            let file = writing.encode_file(&[MadePage::new((2, 1), bits, format, data)]);
            let found = series(&folder.write("a.tif", &file));
            assert_eq!(
                values(&found[0]),
                [expected],
                "{bits} bits of kind {format}, {writing:?}"
            );
        }
    }
}

#[test]
fn values_with_fewer_than_8_bits_are_unpacked_row_by_row() {
    let folder = Folder::new();
    let read = |bits: u64, data: Vec<u8>| {
        let path = folder.write(
            "a.tif",
            &Writing::default().encode_file(&[MadePage::new((3, 2), bits, 1, data)]),
        );
        super::read_image(&path, 0).unwrap().pixels
    };
    assert_eq!(
        read(1, vec![0b1010_0000, 0b0110_0000]),
        Pixels::U8(vec![255, 0, 255, 0, 255, 255])
    );
    assert_eq!(
        read(4, vec![0x0F, 0x30, 0x50, 0xF0]),
        Pixels::U8(vec![0, 255, 51, 85, 0, 255])
    );
    let twelve = vec![0x00, 0x1F, 0xFF, 0x80, 0x00, 0x12, 0x34, 0x56, 0x78, 0x90];
    assert_eq!(
        read(12, twelve),
        Pixels::U16(vec![0x001, 0xFFF, 0x800, 0x123, 0x456, 0x789])
    );
    let mask = MadePage::new((3, 2), 4, 1, vec![0x01, 0x20, 0x30, 0x40]);
    let path = folder.write("mask.tif", &Writing::default().encode_file(&[mask]));
    assert_eq!(
        label_file::read_mask(&path, ValueReading::Values)
            .unwrap()
            .pixel_labels(),
        [0, 1, 2, 3, 0, 4],
        "labels are not scaled"
    );
}

#[test]
fn white_is_zero_images_are_inverted() {
    let folder = Folder::new();
    let read = |page: MadePage| {
        super::read_image(
            &folder.write(
                "a.tif",
                &Writing::default().encode_file(&[MadePage {
                    photometric: 0,
                    ..page
                }]),
            ),
            0,
        )
        .unwrap()
    };
    assert_eq!(
        read(MadePage::new((2, 1), 8, 1, vec![0, 200])).pixels,
        Pixels::U8(vec![255, 55])
    );
    assert_eq!(
        read(MadePage::new((2, 1), 1, 1, vec![0b0100_0000])).pixels,
        Pixels::U8(vec![255, 0])
    );
    let signed = read(MadePage::new((2, 1), 16, 2, bytes!(false, [-5i16, 5])));
    assert_eq!(
        (signed.pixels, signed.inverted),
        (Pixels::I16(vec![-5, 5]), true)
    );
}

#[test]
fn palettes_give_colours_for_images_and_indices_for_masks() {
    let folder = Folder::new();
    let page = |red: [u64; 4]| {
        let colors = red
            .into_iter()
            .chain([0, 0, 65_535, 0])
            .chain([0, 0, 0, 65_535])
            .collect();
        let mut page = MadePage::new((4, 1), 2, 1, vec![0b0001_1011]);
        page.photometric = 3;
        page.more.push((320, 3, colors));
        page
    };
    for writing in Writing::ALL {
        let path = folder.write("a.tif", &writing.encode_file(&[page([0, 65_535, 0, 0])]));
        let found = series(&path);
        assert!(found[0].color);
        assert_eq!(
            values(&found[0]),
            [Pixels::Rgb8(vec![
                [0; 3],
                [255, 0, 0],
                [0, 255, 0],
                [0, 0, 255]
            ])]
        );
        assert_eq!(
            label_file::read_mask(&path, ValueReading::Values)
                .unwrap()
                .pixel_labels(),
            [0, 1, 2, 3]
        );
    }
    let grey: Vec<u64> = [0, 20, 40, 60].map(|v| 257 * v).repeat(3);
    let mut page = page([0; 4]);
    page.more = vec![(320, 3, grey)];
    let path = folder.write("grey.tif", &Writing::default().encode_file(&[page]));
    assert!(!series(&path)[0].color);
    assert_eq!(
        super::read_image(&path, 0).unwrap().pixels,
        Pixels::U8(vec![0, 20, 40, 60])
    );
}

#[test]
fn pages_of_the_first_size_form_a_stack_and_a_note_counts_the_others() {
    let folder = Folder::new();
    let page = |value: u8| MadePage::new((2, 1), 8, 1, vec![value; 2]);
    let reduced = MadePage::new((1, 1), 8, 1, vec![9]).with_field(254, 1);
    let other = MadePage::new((3, 1), 8, 1, vec![9; 3]);
    for writing in Writing::ALL {
        let path = folder.write(
            "a.tif",
            &writing.encode_file(&[page(1), reduced.clone(), page(2), other.clone(), page(3)]),
        );
        let found = series(&path);
        assert_eq!(found.len(), 1);
        let expected: Vec<Pixels> = (1..=3).map(|v| Pixels::U8(vec![v; 2])).collect();
        assert_eq!(values(&found[0]), expected);
        assert_eq!(
            found[0].notes,
            ["1 page was skipped: the size or pixel format differs from that of the first page"]
        );
    }
}

#[test]
fn a_broken_or_circular_chain_of_pages_ends() {
    let folder = Folder::new();
    let page = |value: u8| MadePage::new((2, 1), 8, 1, vec![value; 2]);
    let file = Writing::default().encode_file(&[page(1), page(2)]);
    let first = u32::from_le_bytes(file[4..8].try_into().unwrap());
    for next in [first, 1_000_000] {
        let mut broken = file.clone();
        let end = broken.len();
        broken[end - 4..].copy_from_slice(&next.to_le_bytes());
        let found = series(&folder.write("a.tif", &broken));
        assert_eq!(found[0].slices.len(), 2);
        assert_eq!(found[0].notes, ["the file is damaged after page 2"]);
    }
    let wide = MadePage::new((60_000, 60_000), 8, 1, vec![1]);
    let error = probe_header(&folder.write("wide.tif", &Writing::default().encode_file(&[wide])))
        .unwrap_err();
    assert!(error.reason.contains("60000 x 60000"), "{error}");
    let claim = MadePage::new((16_000, 16_000), 32, 1, vec![1]);
    let error = probe_header(&folder.write("claim.tif", &Writing::default().encode_file(&[claim])))
        .unwrap_err();
    assert!(error.reason.contains("cannot hold"), "{error}");
}

#[test]
fn an_imagej_stack_with_a_single_directory_has_all_its_slices() {
    let folder = Folder::new();
    let mut page = MadePage::new((2, 1), 16, 1, bytes!(true, [1u16, 2, 3, 4, 5, 6]));
    page.description = "ImageJ=1.54f\nimages=3\nslices=3\nmin=0.0\n".into();
    // Its strip is the first slice; the others follow in the file.
    page.more.push((279, 4, vec![4]));
    let writing = Writing {
        big_endian: true,
        is_large: false,
    };
    let found = series(&folder.write("a.tif", &writing.encode_file(std::slice::from_ref(&page))));
    let expected = [[1, 2], [3, 4], [5, 6]].map(|v| Pixels::U16(v.to_vec()));
    assert_eq!(values(&found[0]), expected);
    page.description = "ImageJ=1.54f\nimages=4\nchannels=2\nslices=2\nhyperstack=true\n".into();
    page.data = bytes!(true, [1u16, 2, 3, 4, 5, 6, 7, 8]);
    let found = series(&folder.write("b.tif", &writing.encode_file(std::slice::from_ref(&page))));
    let [first, second] = found.as_slice() else {
        panic!("{} series", found.len())
    };
    assert_eq!(
        values(first),
        [Pixels::U16(vec![1, 2]), Pixels::U16(vec![5, 6])]
    );
    assert_eq!(second.notes, ["channel 2 of 2"]);
}
