//! Files that are truncated or contradict themselves.

use super::*;

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
                crate::catalog::read_file_header(&path),
                crate::catalog::FileContent::Broken(_)
            ),
            "{length} bytes"
        );
    }
}
