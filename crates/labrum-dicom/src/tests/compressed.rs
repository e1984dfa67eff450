//! Pixels that are compressed.

use super::*;

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
