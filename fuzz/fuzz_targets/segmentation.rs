//! The readers of segmentations and measurement reports: segments, frames, and masks and measurements laid over a series.
#![no_main]

use labrum::io::{import, open};
use labrum_core::{import::MaskChoice, progress::Cancel, study::Series};
use labrum_dicom::seg;
use labrum_fuzz::with_file;
use libfuzzer_sys::fuzz_target;
use std::{path::Path, sync::OnceLock};

/// The series that the segmentations of the corpus are of.
fn series() -> &'static Series {
    static SERIES: OnceLock<Series> = OnceLock::new();
    SERIES.get_or_init(|| {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../tests/fixtures/syntaxes/explicit-little-endian.dcm"
        );
        let catalog = open::read_catalog(
            &[Path::new(path).to_owned()],
            &mut |_| {},
            &Cancel::default(),
        );
        catalog.expect("the fixture").studies[0].series[0].clone()
    })
}

fuzz_target!(|bytes: &[u8]| {
    with_file(bytes, "dcm", |path| {
        if let Ok(mut segmentation) = seg::read_header(path) {
            for frame in 0..segmentation.frames.len().min(5) {
                let _ = segmentation.frame_values(frame);
            }
        }
        let _ = import::read_masks(&[path.to_owned()], series(), &MaskChoice::default());
        let _ = import::read_measurements(&[path.to_owned()], series());
    });
});
