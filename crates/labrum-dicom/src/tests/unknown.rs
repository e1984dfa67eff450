//! Elements whose VR was lost: UN, PS3.5 6.2.2.

use super::*;
use labrum_core::image::Window;

/// A sequence item as stored in UN: implicit little endian.
fn unknown(item: Fixture) -> Vec<u8> {
    let content = item.with_transfer_syntax(IMPLICIT).to_bytes();
    let mut bytes = vec![0xFE, 0xFF, 0x00, 0xE0];
    bytes.extend((content.len() as u32).to_le_bytes());
    bytes.extend(content);
    bytes
}

#[test]
fn sequences_with_vr_un_are_read_whatever_they_contain() {
    let region = || {
        Fixture::empty_item()
            .with_number(tags::PHYSICAL_UNITS_X_DIRECTION, 3)
            .with_number(tags::PHYSICAL_UNITS_Y_DIRECTION, 3)
            .with_bytes(
                tags::PHYSICAL_DELTA_X,
                VR::FD,
                0.03f64.to_le_bytes().to_vec(),
            )
            .with_bytes(
                tags::PHYSICAL_DELTA_Y,
                VR::FD,
                0.03f64.to_le_bytes().to_vec(),
            )
    };
    let column = |file: Fixture| image(&file.with_pixels(&[7])).spacing.map(|s| s.column);
    let regions = tags::SEQUENCE_OF_ULTRASOUND_REGIONS;
    let with = |value: Vec<u8>| Fixture::new(1, 1).with_bytes(regions, VR::UN, value);
    assert_eq!(column(with(unknown(region()))), Some(0.3));
    // Explicit VR, which some writers leave in it.
    let mut explicit = vec![0xFE, 0xFF, 0x00, 0xE0];
    let content = region().to_bytes();
    explicit.extend((content.len() as u32).to_le_bytes());
    explicit.extend(content);
    assert_eq!(column(with(explicit)), Some(0.3));
    // Neither: the rest of the file is still read.
    assert_eq!(column(with(vec![1, 2, 3, 4, 5, 6, 7, 8, 9, 10])), None);
    assert_eq!(column(with(Vec::new())), None);
    // Nested sequences, with private elements beside them.
    let measures = Fixture::empty_item().with_text(tags::PIXEL_SPACING, VR::DS, "0.5\\0.25");
    let group =
        Fixture::empty_item().with_bytes(tags::PIXEL_MEASURES_SEQUENCE, VR::UN, unknown(measures));
    let nested = Fixture::new(1, 1)
        .with_bytes(Tag(0x0009, 0x1001), VR::UN, unknown(region()))
        .with_bytes(
            Tag(0x0019, 0x1001),
            VR::UN,
            b"private, of any kind".to_vec(),
        )
        .with_bytes(
            tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE,
            VR::UN,
            unknown(group),
        );
    assert_eq!(column(nested), Some(0.25));
}

#[test]
fn values_with_vr_un_get_the_vr_of_the_dictionary() {
    let un = |syntax: &'static str| {
        let file = Fixture::new(2, 1).with_transfer_syntax(syntax);
        let file = if syntax == BIG_ENDIAN {
            big_endian_header(file)
        } else {
            file
        };
        image(
            &file
                .with_bytes(tags::SMALLEST_IMAGE_PIXEL_VALUE, VR::UN, vec![1, 0])
                .with_bytes(tags::BITS_STORED, VR::UN, vec![12, 0])
                .with_bytes(tags::HIGH_BIT, VR::UN, vec![11, 0])
                .with_bytes(tags::WINDOW_CENTER, VR::UN, b"40".to_vec())
                .with_bytes(tags::WINDOW_WIDTH, VR::UN, b"400 ".to_vec())
                .with_pixels(&[0xF001, 2]),
        )
    };
    for syntax in [EXPLICIT, BIG_ENDIAN] {
        let image = un(syntax);
        assert_eq!(image.pixels, Pixels::U16(vec![1, 2]), "{syntax}");
        assert_eq!(image.default_window(), Window::new(40.0, 400.0), "{syntax}");
    }
}
