//! The reader with unusual, old and malicious files.
#![allow(clippy::unwrap_used)]

mod cine;
mod diffusion;
mod display;
mod one_uid;
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
fn rle_in_several_fragments_is_decoded() {
    let header = |starts: &[u32]| -> Vec<u8> {
        let mut words = vec![starts.len() as u32];
        words.extend(starts);
        words.resize(16, 0);
        words.iter().flat_map(|w| w.to_le_bytes()).collect()
    };
    let mut packed = header(&[64, 66]);
    packed.extend([0xFF, 1, 0x01, 2, 3, 0]);
    let file = Fixture::new(2, 1)
        .with_transfer_syntax(RLE)
        .with_fragments(&[&packed[..10], &packed[10..]]);
    assert_eq!(image(&file).pixels, Pixels::U16(vec![258, 259]));
    let many = header(&[64; 15]);
    assert_eq!(
        refusal(
            &Fixture::new(2, 1)
                .with_transfer_syntax(RLE)
                .with_fragments(&[&many])
        ),
        "the RLE frame has 15 segments, expected 2"
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
fn files_with_a_false_size_are_refused() {
    let cut = Fixture::new(100, 100).with_pixels(&[1, 2, 3]);
    assert_eq!(refusal(&cut), "expected 20000 bytes of pixel data, found 6");
    let huge = Fixture::new(30_000, 30_000).with_pixels(&[1]);
    assert!(
        refusal(&huge).contains("30000 x 30000"),
        "{}",
        refusal(&huge)
    );
    let none = Fixture::new(0, 5).with_pixels(&[1]);
    assert_eq!(refusal(&none), "Columns is 0, but must be positive");
    let many = Fixture::new(1000, 1000)
        .with_text(tags::NUMBER_OF_FRAMES, VR::IS, "100000")
        .with_pixels(&[0; 8]);
    assert!(
        refusal(&many).contains("bytes of pixel data"),
        "{}",
        refusal(&many)
    );
    let empty_rle = Fixture::new(16_000, 16_000)
        .with_transfer_syntax(RLE)
        .with_fragments(&[&[0; 64]]);
    assert!(
        refusal(&empty_rle).contains("compressed bytes are too few"),
        "{}",
        refusal(&empty_rle)
    );
}

#[test]
fn a_file_truncated_anywhere_is_shown_in_part_or_an_error_and_never_panics() {
    let pixels: Vec<u16> = (100..116).collect();
    let whole = Fixture::new(4, 4)
        .with_slice_position(1, 0.0)
        .with_pixels(&pixels)
        .to_bytes();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut");
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).unwrap();
        let image = crate::load_image(&Source {
            path: path.clone(),
            frame: 0,
        });
        let rows = (length + 32).saturating_sub(whole.len()) / 8;
        let catalog = catalog(&path).unwrap();
        let Some(study) = catalog.studies.first() else {
            assert!(
                rows == 0 && image.is_err(),
                "{length} of {} bytes",
                whole.len()
            );
            continue;
        };
        let notes = &study.series[0].notes;
        assert_eq!(
            notes[0],
            "1 image is truncated: the missing lower rows are shown black"
        );
        let image = image.unwrap();
        assert!(
            image
                .truncated
                .unwrap()
                .starts_with(&format!("the lower {} of 4 rows are missing", 4 - rows))
        );
        // Missing pixels have the lowest value of the rest.
        let shown: Vec<u16> = (0..16)
            .map(|i| if i < 4 * rows { pixels[i] } else { 100 })
            .collect();
        assert_eq!(image.pixels, Pixels::U16(shown));
    }
}

#[test]
fn only_the_frames_present_in_a_truncated_file_are_listed() {
    let file = Fixture::new(4, 4)
        .with_text(tags::NUMBER_OF_FRAMES, VR::IS, "3")
        .with_pixels(&[7; 48]);
    let whole = file.to_bytes();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut");
    std::fs::write(&path, &whole[..whole.len() - 48]).unwrap();
    let catalog = catalog(&path).unwrap();
    let series = &catalog.studies[0].series[0];
    assert_eq!(series.slices.len(), 2);
    assert!(
        series.notes[0].starts_with("1 of 3 images are missing"),
        "{:?}",
        series.notes
    );
    assert!(
        crate::load_image(&series.slices[0].source)
            .unwrap()
            .truncated
            .is_none()
    );
    assert!(
        crate::load_image(&series.slices[1].source)
            .unwrap()
            .truncated
            .is_some()
    );
    let third = crate::load_image(&Source { path, frame: 2 }).unwrap_err();
    assert!(
        third
            .reason
            .starts_with("frame 3 is missing: the file is truncated"),
        "{}",
        third.reason
    );
}

#[test]
fn half_of_the_expected_pixel_data_is_refused() {
    let halved = Fixture::new(4, 4).pixel_bytes(&[7; 16]);
    assert_eq!(
        refusal(&halved),
        "expected 32 bytes of pixel data, found 16"
    );
}

#[test]
fn truncated_colour_planes_are_shown_where_all_three_are_present() {
    let planes = Fixture::new(2, 4)
        .with_photometric("RGB")
        .with_number(tags::PLANAR_CONFIGURATION, 1);
    let whole = planes.pixel_bytes(&(0..24).collect::<Vec<u8>>()).to_bytes();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut");
    std::fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    let image = crate::load_image(&Source {
        path: path.clone(),
        frame: 0,
    })
    .unwrap();
    let shown = [
        [0, 8, 16],
        [1, 9, 17],
        [0; 3],
        [0; 3],
        [0; 3],
        [0; 3],
        [0; 3],
        [0; 3],
    ];
    assert_eq!(image.pixels, Pixels::Rgb8(shown.to_vec()));
    std::fs::write(&path, &whole[..whole.len() - 8]).unwrap();
    assert!(crate::load_image(&Source { path, frame: 0 }).is_err());
}

#[test]
fn truncated_rle_is_shown_in_part() {
    // One byte per pixel: four rows of two, of which three are present.
    let mut packed: Vec<u8> = [1u32, 64].iter().flat_map(|w| w.to_le_bytes()).collect();
    packed.resize(64, 0);
    packed.extend([7, 10, 11, 12, 13, 14, 15]);
    let file = Fixture::new(2, 4)
        .with_bit_layout(8, 8, false)
        .with_transfer_syntax(RLE)
        .with_fragments(&[&packed]);
    let image = image(&file);
    assert_eq!(
        image.pixels,
        Pixels::U8(vec![10, 11, 12, 13, 14, 15, 10, 10])
    );
    let told = "the lower 1 of 4 rows are missing: RLE segment 1 contains 6 of 8 values";
    assert_eq!(image.truncated.as_deref(), Some(told));
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

#[test]
fn flipped_bytes_never_panic() {
    let whole = Fixture::new(4, 4)
        .with_slice_position(1, 0.0)
        .with_pixels(&[7; 16])
        .to_bytes();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flipped");
    for at in 132..whole.len() {
        for value in [0x00, 0xFF] {
            let mut bytes = whole.clone();
            bytes[at] = value;
            std::fs::write(&path, &bytes).unwrap();
            let _ = catalog(&path);
            let _ = crate::load_image(&Source {
                path: path.clone(),
                frame: 0,
            });
        }
    }
}

#[test]
fn slices_of_a_folder_become_a_series_ordered_by_position() {
    let folder = tempfile::tempdir().unwrap();
    for (number, z) in [(1, 9.0), (2, 3.0), (3, 6.0)] {
        Fixture::new(2, 1)
            .with_slice_position(number, z)
            .with_pixels(&[number as u16; 2])
            .write_to_folder(folder.path(), &format!("{number}.x"));
    }
    let catalog = catalog(folder.path()).unwrap();
    let series = &catalog.studies[0].series[0];
    assert_eq!(
        series
            .slices
            .iter()
            .filter_map(|s| s.instance_number)
            .collect::<Vec<_>>(),
        [2, 3, 1]
    );
    assert_eq!(series.slice_spacing(), Some(3.0));
    assert_eq!((series.columns, series.rows), (2, 1));
    let image = crate::load_image(&series.slices[2].source).unwrap();
    assert_eq!(image.pixels, Pixels::U16(vec![1, 1]));
    assert_eq!(image.plane.map(|p| p.position), Some([1.0, 2.0, 9.0]));
}

#[test]
fn frames_of_a_multi_frame_file_are_slices_with_their_own_position() {
    let position = |z: &str| {
        let place = Fixture::empty_item().with_text(
            tags::IMAGE_POSITION_PATIENT,
            VR::DS,
            &format!("0\\0\\{z}"),
        );
        Fixture::empty_item().with_sequence(tags::PLANE_POSITION_SEQUENCE, place)
    };
    let direction = Fixture::empty_item().with_text(
        tags::IMAGE_ORIENTATION_PATIENT,
        VR::DS,
        "1\\0\\0\\0\\1\\0",
    );
    let shared = Fixture::empty_item().with_sequence(tags::PLANE_ORIENTATION_SEQUENCE, direction);
    let mut file = Fixture::new(1, 1)
        .with_text(tags::NUMBER_OF_FRAMES, VR::IS, "2")
        .with_sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, shared)
        .with_sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, position("5"))
        .with_pixels(&[10, 20]);
    file = file.append_item(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, position("2"));
    let folder = tempfile::tempdir().unwrap();
    let path = file.write_to_folder(folder.path(), "enhanced");
    let catalog = catalog(&path).unwrap();
    let slices = &catalog.studies[0].series[0].slices;
    assert_eq!(
        slices.iter().map(|s| s.source.frame).collect::<Vec<_>>(),
        [1, 0]
    );
    assert_eq!(
        crate::load_image(&slices[0].source).unwrap().pixels,
        Pixels::U16(vec![20])
    );
}

#[test]
fn frames_of_an_enhanced_object_have_their_own_rescale_window_spacing_and_time() {
    let frame = |z: &str, time: u16, slope: &str, center: &str, spacing: &str| {
        let place = Fixture::empty_item().with_text(
            tags::IMAGE_POSITION_PATIENT,
            VR::DS,
            &format!("0\\0\\{z}"),
        );
        let time = Fixture::empty_item().with_bytes(
            tags::TEMPORAL_POSITION_INDEX,
            VR::UL,
            u32::from(time).to_le_bytes().to_vec(),
        );
        let values = Fixture::empty_item()
            .with_text(tags::RESCALE_INTERCEPT, VR::DS, "-10")
            .with_text(tags::RESCALE_SLOPE, VR::DS, slope)
            .with_text(tags::RESCALE_TYPE, VR::LO, "HU");
        let window = Fixture::empty_item()
            .with_text(tags::WINDOW_CENTER, VR::DS, center)
            .with_text(tags::WINDOW_WIDTH, VR::DS, "100");
        let measures = Fixture::empty_item().with_text(tags::PIXEL_SPACING, VR::DS, spacing);
        Fixture::empty_item()
            .with_sequence(tags::PLANE_POSITION_SEQUENCE, place)
            .with_sequence(tags::FRAME_CONTENT_SEQUENCE, time)
            .with_sequence(tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE, values)
            .with_sequence(tags::FRAME_VOILUT_SEQUENCE, window)
            .with_sequence(tags::PIXEL_MEASURES_SEQUENCE, measures)
    };
    let direction = Fixture::empty_item().with_text(
        tags::IMAGE_ORIENTATION_PATIENT,
        VR::DS,
        "1\\0\\0\\0\\1\\0",
    );
    let shared = Fixture::empty_item().with_sequence(tags::PLANE_ORIENTATION_SEQUENCE, direction);
    let groups = tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE;
    // Two positions at two time points each, stored with time varying fastest.
    let file = Fixture::new(1, 1)
        .with_text(tags::NUMBER_OF_FRAMES, VR::IS, "4")
        .with_sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, shared)
        .append_item(groups, frame("5", 1, "1", "10", "0.5\\0.25"))
        .append_item(groups, frame("5", 2, "2", "20", "0.5\\0.25"))
        .append_item(groups, frame("2", 1, "3", "30", "0.5\\0.25"))
        .append_item(groups, frame("2", 2, "4", "40", "0.5\\0.25"))
        .with_pixels(&[10, 20, 30, 40]);
    let folder = tempfile::tempdir().unwrap();
    let path = file.write_to_folder(folder.path(), "enhanced");
    let catalog = catalog(&path).unwrap();
    let series = &catalog.studies[0].series;
    let frames = |i: usize| {
        series[i]
            .slices
            .iter()
            .map(|s| s.source.frame)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (series.len(), frames(0), frames(1)),
        (2, vec![2, 0], vec![3, 1])
    );
    assert_eq!(
        (
            series[0].slice_spacing(),
            series[0].slices[0].spacing.map(|s| s.column)
        ),
        (Some(3.0), Some(0.25))
    );
    let image = crate::load_image(&Source { path, frame: 3 }).unwrap();
    assert_eq!(
        (
            image.modality_value(0),
            image.windows[0].window.center,
            image.unit.as_deref()
        ),
        (150.0, 40.0, Some("HU"))
    );
    assert_eq!(image.plane.map(|p| p.position[2]), Some(2.0));
}

#[test]
fn an_image_truncated_in_its_header_is_damaged_and_not_skipped() {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/samples/cardiac-mr");
    let whole = std::fs::read(
        std::fs::read_dir(samples)
            .unwrap()
            .next()
            .unwrap()
            .unwrap()
            .path(),
    )
    .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cut");
    let header = whole.len() - 256 * 256 * 2;
    for length in (300..header).step_by(13) {
        std::fs::write(&path, &whole[..length]).unwrap();
        assert!(
            matches!(
                super::catalog::read_file_header(&path),
                super::catalog::FileContent::Broken(_)
            ),
            "{length} bytes"
        );
    }
}

#[test]
fn a_video_transfer_syntax_is_refused_as_video() {
    let video = Fixture::new(2, 1)
        .with_transfer_syntax("1.2.840.10008.1.2.4.102")
        .with_fragments(&[&[0; 4]]);
    assert!(refusal(&video).contains("is video"), "{}", refusal(&video));
}

/// A test file of pydicom.
fn compressed(name: &str) -> Image {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures/pydicom")
        .join(name);
    crate::load_image(&Source { path, frame: 0 }).unwrap()
}

/// The largest difference of two colour images.
fn difference(a: &Image, b: &Image) -> u8 {
    let (Pixels::Rgb8(a), Pixels::Rgb8(b)) = (&a.pixels, &b.pixels) else {
        return u8::MAX;
    };
    assert_eq!(a.len(), b.len());
    a.as_flattened()
        .iter()
        .zip(b.as_flattened())
        .map(|(a, b)| a.abs_diff(*b))
        .max()
        .unwrap_or(0)
}

#[test]
fn a_grey_image_has_the_same_pixels_however_it_is_compressed() {
    let by_rle = compressed("MR_small_RLE.dcm");
    assert_eq!(by_rle.pixels.len(), 64 * 64);
    assert_eq!(
        compressed("MR_small_jpeg_ls_lossless.dcm").pixels,
        by_rle.pixels
    );
    assert_eq!(
        compressed("MR_small_jp2klossless.dcm").pixels,
        by_rle.pixels
    );
}

#[test]
fn a_colour_image_has_the_same_pixels_however_it_is_compressed() {
    let by_rle = compressed("SC_rgb_rle.dcm");
    assert_eq!(
        difference(&compressed("SC_rgb_jpeg_gdcm.dcm"), &by_rle),
        0,
        "lossless JPEG"
    );
    assert_eq!(
        difference(&compressed("SC_rgb_gdcm_KY.dcm"), &by_rle),
        0,
        "JPEG 2000"
    );
    for (name, most) in [
        ("SC_rgb_jls_lossy_sample.dcm", 2),
        ("SC_rgb_jls_lossy_line.dcm", 2),
        ("SC_rgb_dcmtk_+eb+cr.dcm", 2),
        ("SC_rgb_dcmtk_+eb+cy+s2.dcm", 7),
    ] {
        assert!(difference(&compressed(name), &by_rle) <= most, "{name}");
    }
}

#[test]
fn lossy_jpeg_of_12_bits_is_decoded() {
    let image = compressed("JPGExtended.dcm");
    // Values decoded by pydicom, within one grey level.
    for (row, expected) in [
        (300, [36.0, 37.0, 37.0, 38.0]),
        (303, [32.0, 33.0, 33.0, 34.0]),
    ] {
        for (column, value) in (100..104).zip(expected) {
            assert!(
                (image.modality_value(row * image.columns + column) - value).abs() <= 1.0,
                "row {row}, column {column}"
            );
        }
    }
}

#[test]
fn clips_of_a_series_stay_separate() {
    let folder = tempfile::tempdir().unwrap();
    for number in [1, 2] {
        Fixture::new(2, 1)
            .with_text(tags::SOP_INSTANCE_UID, VR::UI, &format!("1.2.3.{number}"))
            .with_text(tags::NUMBER_OF_FRAMES, VR::IS, "3")
            .with_pixels(&[0; 6])
            .write_to_folder(folder.path(), &format!("clip{number}"));
    }
    let catalog = catalog(folder.path()).unwrap();
    let sizes: Vec<_> = catalog.studies[0]
        .series
        .iter()
        .map(|s| s.slices.len())
        .collect();
    assert_eq!(sizes, [3, 3]);
}
