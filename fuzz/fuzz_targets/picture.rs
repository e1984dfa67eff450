//! PNG, JPEG, TIFF and BMP, as images and as masks.
#![no_main]

use labrum::io::{label_file, label_values::Reading, picture};
use labrum_fuzz::with_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    with_file(bytes, "png", |path| {
        let _ = picture::probe(path);
        let _ = picture::read(path);
        let _ = label_file::values(path);
        let _ = label_file::read(path, Reading::default());
    });
});
