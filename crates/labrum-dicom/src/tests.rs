//! The reader with unusual, old and malicious files.
#![allow(clippy::unwrap_used)]

mod cine;
mod compressed;
mod damaged;
mod diffusion;
mod display;
mod one_uid;
mod series;
mod suv;
mod unknown;
mod who_and_when;

use super::fixture::{BIG_ENDIAN, EXPLICIT, Fixture, IMPLICIT, RLE};
use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use labrum_core::{
    Result,
    geometry::SpacingSource,
    image::{Image, Pixels, Rescale},
    study::{Catalog, Source},
};
use std::path::Path;

fn frame(fixture: &Fixture, frame: u32) -> Result<Image> {
    let folder = tempfile::tempdir().unwrap();
    let path = fixture.write_to_folder(folder.path(), "image");
    crate::load_image(&Source { path, frame })
}

fn image(fixture: &Fixture) -> Image {
    frame(fixture, 0).unwrap()
}

fn refusal(fixture: &Fixture) -> String {
    frame(fixture, 0).unwrap_err().reason
}

fn catalog(path: &Path) -> Result<Catalog> {
    crate::catalog::scan_path(path)
}

#[test]
fn unsigned_signed_and_partly_used_words_are_read() {
    let base = Fixture::new(2, 1);
    assert_eq!(
        image(&base.clone().with_pixels(&[1, 65_535])).pixels,
        Pixels::U16(vec![1, 65_535])
    );
    let signed = base
        .clone()
        .with_bit_layout(16, 12, true)
        .with_pixels(&[0x0FFF, 0x07FF]);
    assert_eq!(image(&signed).pixels, Pixels::I16(vec![-1, 2047]));
    // An overlay in the upper four bits is not part of the value.
    let overlaid = base
        .clone()
        .with_bit_layout(16, 12, false)
        .with_pixels(&[0xF001, 0x1FFF]);
    assert_eq!(image(&overlaid).pixels, Pixels::U16(vec![1, 4095]));
    let high = base
        .with_bit_layout(16, 12, false)
        .with_number(tags::HIGH_BIT, 15)
        .with_pixels(&[0x0010, 0xFFF0]);
    assert_eq!(image(&high).pixels, Pixels::U16(vec![1, 4095]));
}

#[test]
fn values_of_32_bits_and_floats_are_read() {
    let long = Fixture::new(2, 1)
        .with_bit_layout(32, 32, false)
        .with_pixels(&[5, 0, 0, 1]);
    assert_eq!(image(&long).pixels, Pixels::F32(vec![5.0, 65_536.0]));
    let float = Fixture::new(1, 1).with_bytes(
        tags::FLOAT_PIXEL_DATA,
        VR::OF,
        1.5f32.to_le_bytes().to_vec(),
    );
    assert_eq!(image(&float).pixels, Pixels::F32(vec![1.5]));
}

#[test]
fn every_uncompressed_transfer_syntax_is_read() {
    for syntax in [EXPLICIT, IMPLICIT, BIG_ENDIAN] {
        let file = Fixture::new(2, 1).with_transfer_syntax(syntax);
        let file = if syntax == BIG_ENDIAN {
            big_endian_header(file)
        } else {
            file
        };
        let file = file.with_pixels(&[258, 3]);
        assert_eq!(image(&file).pixels, Pixels::U16(vec![258, 3]), "{syntax}");
        assert_eq!(
            image(&file.without_meta()).pixels,
            Pixels::U16(vec![258, 3]),
            "{syntax} without meta header"
        );
    }
}

/// Repeats the numbers in big-endian byte order.
fn big_endian_header(file: Fixture) -> Fixture {
    file.with_bit_layout(16, 16, false)
        .with_number(tags::ROWS, 1)
        .with_number(tags::COLUMNS, 2)
        .with_number(tags::SAMPLES_PER_PIXEL, 1)
}

#[test]
fn bits_of_frames_that_end_within_a_byte_are_unpacked() {
    // 3 x 3 pixels, three frames: 27 bits, least significant first.
    let file = Fixture::new(3, 3)
        .with_bit_layout(1, 1, false)
        .with_text(tags::NUMBER_OF_FRAMES, VR::IS, "3")
        .pixel_bytes(&[0b0000_0001, 0b0000_0010, 0b0000_0100, 0b0000_0111]);
    let first = |at: usize| Pixels::U8((0..9).map(|i| u8::from(i == at)).collect());
    assert_eq!(frame(&file, 0).unwrap().pixels, first(0));
    assert_eq!(frame(&file, 1).unwrap().pixels, first(0));
    assert_eq!(
        frame(&file, 2).unwrap().pixels,
        Pixels::U8(vec![1, 0, 0, 0, 0, 0, 1, 1, 1])
    );
}

#[test]
fn colour_is_read_by_pixel_by_plane_and_from_ybr() {
    let colors = Pixels::Rgb8(vec![[1, 2, 3], [4, 5, 6]]);
    let by_pixel = Fixture::new(2, 1)
        .with_photometric("RGB")
        .pixel_bytes(&[1, 2, 3, 4, 5, 6]);
    assert_eq!(image(&by_pixel).pixels, colors);
    let planes = Fixture::new(2, 1)
        .with_photometric("RGB")
        .with_number(tags::PLANAR_CONFIGURATION, 1);
    assert_eq!(
        image(&planes.pixel_bytes(&[1, 4, 2, 5, 3, 6])).pixels,
        colors
    );
    let full = Fixture::new(1, 1)
        .with_photometric("YBR_FULL")
        .pixel_bytes(&[76, 85, 255, 0]);
    assert_eq!(image(&full).pixels, Pixels::Rgb8(vec![[254, 0, 0]]));
    let half = Fixture::new(2, 1)
        .with_photometric("YBR_FULL_422")
        .pixel_bytes(&[76, 10, 128, 128]);
    assert_eq!(image(&half).pixels, Pixels::Rgb8(vec![[76; 3], [10; 3]]));
}

#[test]
fn palette_colour_becomes_rgb() {
    let file = Fixture::new(3, 1)
        .with_photometric("PALETTE COLOR")
        .with_words(
            tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
            VR::US,
            &[2, 1, 16],
        )
        .with_words(
            tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
            VR::US,
            &[2, 1, 16],
        )
        .with_words(
            tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DESCRIPTOR,
            VR::US,
            &[2, 1, 16],
        )
        .with_words(
            tags::RED_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            VR::OW,
            &[0x1000, 0xFF00],
        )
        .with_words(
            tags::GREEN_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            VR::OW,
            &[0x2000, 0],
        )
        .with_words(
            tags::BLUE_PALETTE_COLOR_LOOKUP_TABLE_DATA,
            VR::OW,
            &[0x3000, 0],
        )
        .pixel_bytes(&[0, 1, 2, 0]);
    assert_eq!(
        image(&file).pixels,
        Pixels::Rgb8(vec![[16, 32, 48], [16, 32, 48], [255, 0, 0]])
    );
}

#[test]
fn display_attributes_are_read() {
    let file = Fixture::new(2, 1)
        .with_bit_layout(16, 16, true)
        .with_text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME1")
        .with_text(tags::RESCALE_SLOPE, VR::DS, "2")
        .with_text(tags::RESCALE_INTERCEPT, VR::DS, "-1024")
        .with_text(tags::WINDOW_CENTER, VR::DS, "40\\-600")
        .with_text(tags::WINDOW_WIDTH, VR::DS, "400\\1500")
        .with_text(tags::WINDOW_CENTER_WIDTH_EXPLANATION, VR::LO, "SOFT\\LUNG")
        .with_words(tags::PIXEL_PADDING_VALUE, VR::US, &[0xFFFF])
        .with_pixels(&[0, 10]);
    let image = image(&file);
    assert!(image.inverted);
    assert_eq!(image.modality_value(1), -1004.0);
    assert_eq!(image.unit.as_deref(), Some("HU"));
    assert_eq!(image.padding, Some((-1026.0, -1026.0)));
    let windows: Vec<_> = image
        .windows
        .iter()
        .map(|w| (w.name.as_str(), w.window.center, w.window.width))
        .collect();
    assert_eq!(windows, [("SOFT", 40.0, 400.0), ("LUNG", -600.0, 1500.0)]);
}

#[test]
fn modality_and_voi_tables_are_read() {
    let table = |first: u16, bits: u16, values: &[u16]| {
        Fixture::empty_item()
            .with_words(
                tags::LUT_DESCRIPTOR,
                VR::US,
                &[values.len() as u16, first, bits],
            )
            .with_words(tags::LUT_DATA, VR::US, values)
            .with_text(tags::MODALITY_LUT_TYPE, VR::LO, "OD")
    };
    let file = Fixture::new(3, 1)
        .with_sequence(tags::MODALITY_LUT_SEQUENCE, table(1, 16, &[100, 200]))
        .with_sequence(tags::VOILUT_SEQUENCE, table(100, 8, &[0, 255]))
        .with_pixels(&[0, 1, 2]);
    let image = image(&file);
    assert_eq!(image.pixels, Pixels::U16(vec![100, 100, 200]));
    assert_eq!(
        (image.rescale, image.unit.as_deref()),
        (Rescale::default(), Some("OD"))
    );
    assert_eq!(image.voi_lut.unwrap().levels, [0.0, 1.0]);
}

#[test]
fn spacing_has_its_source() {
    let source = |file: Fixture| {
        image(&file.with_pixels(&[0]))
            .spacing
            .map(|s| (s.row, s.column, s.source))
    };
    let base = Fixture::new(1, 1);
    assert_eq!(source(base.clone()), None);
    let patient = base
        .clone()
        .with_text(tags::PIXEL_SPACING, VR::DS, "0.5\\0.25");
    assert_eq!(
        source(patient.clone()),
        Some((0.5, 0.25, SpacingSource::PixelSpacing))
    );
    let imager = patient.with_text(tags::IMAGER_PIXEL_SPACING, VR::DS, "0.5\\0.25");
    assert_eq!(
        source(imager),
        Some((0.5, 0.25, SpacingSource::ImagerPixelSpacing))
    );
    let region = Fixture::empty_item()
        .with_number(tags::PHYSICAL_UNITS_X_DIRECTION, 3)
        .with_number(tags::PHYSICAL_UNITS_Y_DIRECTION, 3)
        .with_bytes(
            tags::PHYSICAL_DELTA_X,
            VR::FD,
            0.02f64.to_le_bytes().to_vec(),
        )
        .with_bytes(
            tags::PHYSICAL_DELTA_Y,
            VR::FD,
            0.01f64.to_le_bytes().to_vec(),
        );
    let ultrasound = base
        .clone()
        .with_sequence(tags::SEQUENCE_OF_ULTRASOUND_REGIONS, region);
    assert_eq!(
        source(ultrasound),
        Some((0.1, 0.2, SpacingSource::UltrasoundRegion))
    );
    let aspect = base.with_text(tags::PIXEL_ASPECT_RATIO, VR::IS, "2\\1");
    assert_eq!(
        source(aspect),
        Some((2.0, 1.0, SpacingSource::AspectRatioOnly))
    );
}

#[test]
fn overlays_are_read_from_their_own_planes_and_from_unused_bits() {
    let origin = [1i16, 2]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect::<Vec<u8>>();
    let plane = Fixture::new(4, 3)
        .with_bit_layout(16, 12, false)
        .with_number(Tag(0x6000, 0x0010), 2)
        .with_number(Tag(0x6000, 0x0011), 2)
        .with_bytes(Tag(0x6000, 0x0050), VR::SS, origin)
        .with_number(Tag(0x6000, 0x0100), 1)
        .with_number(Tag(0x6000, 0x0102), 0)
        .with_text(Tag(0x6000, 0x1500), VR::LO, "Scale")
        .with_bytes(Tag(0x6000, 0x3000), VR::OW, vec![0b0000_1001, 0])
        // The second plane is in bit 15 of the pixels.
        .with_number(Tag(0x6002, 0x0010), 3)
        .with_number(Tag(0x6002, 0x0011), 4)
        .with_number(Tag(0x6002, 0x0100), 16)
        .with_number(Tag(0x6002, 0x0102), 15);
    let mut pixels = [5u16; 12];
    pixels[11] |= 0x8000;
    let image = image(&plane.with_pixels(&pixels));
    assert_eq!(image.pixels, Pixels::U16(vec![5; 12]));
    let drawn: Vec<(&str, Vec<(usize, usize)>)> = image
        .overlays
        .iter()
        .map(|o| {
            (
                o.name.as_str(),
                o.region.spans().iter().map(|s| (s.start, s.row)).collect(),
            )
        })
        .collect();
    assert_eq!(
        drawn,
        [("Scale", vec![(1, 0), (2, 1)]), ("Overlay 2", vec![(3, 2)])]
    );
}

#[test]
fn an_image_without_a_plane_has_the_patient_orientation_of_the_file() {
    let file =
        Fixture::new(1, 1)
            .with_pixels(&[0])
            .with_text(tags::PATIENT_ORIENTATION, VR::CS, "A\\F");
    assert_eq!(image(&file).orientation, Some(["A".into(), "F".into()]));
    assert_eq!(
        image(
            &file
                .clone()
                .with_text(tags::PATIENT_ORIENTATION, VR::CS, "A\\?")
        )
        .orientation,
        None
    );
    assert_eq!(image(&file.with_slice_position(1, 0.0)).orientation, None);
}

#[test]
fn unsupported_colours_and_transfer_syntaxes_are_named() {
    let four = Fixture::new(2, 1)
        .with_photometric("CMYK")
        .with_number(tags::SAMPLES_PER_PIXEL, 4)
        .pixel_bytes(&[0; 8]);
    assert!(
        refusal(&four).contains("Photometric Interpretation CMYK"),
        "{}",
        refusal(&four)
    );
    assert!(refusal(&four).contains("convert it to RGB"));
    let video = Fixture::new(2, 1)
        .with_transfer_syntax("1.2.840.10008.1.2.4.100")
        .with_fragments(&[&[0; 4]]);
    assert!(
        refusal(&video).contains("MPEG2 Main Profile / Main Level"),
        "{}",
        refusal(&video)
    );
}
