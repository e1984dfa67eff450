//! Initial display of grey values.

use super::*;
use labrum_core::image::Window;

#[test]
fn without_a_window_low_bit_depths_use_the_full_range_and_ct_a_soft_tissue_window() {
    let levels = |file: Fixture| -> Vec<u8> {
        let image = image(&file.with_text(tags::MODALITY, VR::CS, "OT"));
        image
            .to_rgba(image.first_contrast())
            .chunks_exact(4)
            .map(|p| p[0])
            .collect()
    };
    let base = Fixture::new(2, 1);
    assert_eq!(
        levels(
            base.clone()
                .with_bit_layout(1, 1, false)
                .pixel_bytes(&[0b10, 0])
        ),
        [0, 255]
    );
    assert_eq!(
        levels(
            base.clone()
                .with_bit_layout(8, 1, false)
                .pixel_bytes(&[0, 1])
        ),
        [0, 255]
    );
    assert_eq!(
        levels(
            base.clone()
                .with_bit_layout(8, 4, false)
                .pixel_bytes(&[5, 15])
        ),
        [85, 255]
    );
    assert_eq!(
        levels(
            base.clone()
                .with_bit_layout(16, 7, false)
                .with_pixels(&[0, 127])
        ),
        [0, 255]
    );
    assert_eq!(
        levels(
            base.clone()
                .with_bit_layout(8, 4, true)
                .pixel_bytes(&[0x08, 0x07])
        ),
        [0, 255]
    );
    let inverted = base.clone().with_bit_layout(8, 1, false).with_text(
        tags::PHOTOMETRIC_INTERPRETATION,
        VR::CS,
        "MONOCHROME1",
    );
    assert_eq!(levels(inverted.pixel_bytes(&[0, 1])), [255, 0]);
    let scaled =
        base.clone()
            .with_bit_layout(8, 2, false)
            .with_text(tags::RESCALE_SLOPE, VR::DS, "-10");
    assert_eq!(levels(scaled.pixel_bytes(&[0, 3])), [255, 0]);
    assert_eq!(
        levels(
            base.clone()
                .with_bit_layout(8, 8, false)
                .pixel_bytes(&[1, 51])
        ),
        [1, 51]
    );
    let ct = image(
        &base
            .clone()
            .with_text(tags::RESCALE_INTERCEPT, VR::DS, "-1024")
            .with_pixels(&[0, 1064]),
    );
    assert_eq!(ct.default_window(), Window::SOFT_TISSUE);
    let screenshot = image(&base.with_bit_layout(8, 8, false).pixel_bytes(&[0, 255]));
    assert_eq!(screenshot.default_window(), Window::from_range(0.0, 255.0));
}

#[test]
fn an_inverse_presentation_lut_shape_inverts_grey_levels_once() {
    let shape = |photometric: &str, shape: &str| {
        let file = Fixture::new(2, 1).with_bit_layout(8, 8, false).with_text(
            tags::PHOTOMETRIC_INTERPRETATION,
            VR::CS,
            photometric,
        );
        let image = image(
            &file
                .with_text(tags::PRESENTATION_LUT_SHAPE, VR::CS, shape)
                .pixel_bytes(&[0, 255]),
        );
        image.to_rgba(image.first_contrast())[0]
    };
    assert_eq!(shape("MONOCHROME2", "IDENTITY"), 0);
    assert_eq!(shape("MONOCHROME2", "INVERSE"), 255);
    assert_eq!(shape("MONOCHROME1", "INVERSE"), 255);
}

#[test]
fn a_voi_lut_of_a_frame_takes_precedence_over_that_of_the_file() {
    let table = |levels: &[u16]| {
        Fixture::empty_item()
            .with_words(tags::LUT_DESCRIPTOR, VR::US, &[levels.len() as u16, 0, 8])
            .with_words(tags::LUT_DATA, VR::US, levels)
    };
    let of_frame = Fixture::empty_item().with_sequence(tags::VOILUT_SEQUENCE, table(&[255, 0]));
    let group = Fixture::empty_item().with_sequence(tags::FRAME_VOILUT_SEQUENCE, of_frame);
    let file = Fixture::new(2, 1)
        .with_sequence(tags::VOILUT_SEQUENCE, table(&[0, 255]))
        .with_sequence(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, group)
        .with_pixels(&[0, 1]);
    let image = image(&file);
    let levels: Vec<u8> = image
        .to_rgba(image.first_contrast())
        .chunks_exact(4)
        .map(|p| p[0])
        .collect();
    assert_eq!(levels, [255, 0]);
}
