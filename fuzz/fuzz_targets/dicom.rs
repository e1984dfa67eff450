//! The DICOM reader: header, then the pixels of the first frames.
#![no_main]

use labrum::io::open;
use labrum_core::progress::Cancel;
use labrum_fuzz::with_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    with_file(bytes, "dcm", |path| {
        let Ok(catalog) = open::read_catalog(&[path.to_owned()], &mut |_| {}, &Cancel::default())
        else {
            return;
        };
        let series = catalog.studies.iter().flat_map(|study| &study.series);
        for (slice, kind) in
            series.flat_map(|s| s.slices.iter().take(3).map(move |slice| (slice, s.kind)))
        {
            let _ = open::decode_slice(&slice.source, kind);
        }
    });
});
