//! PNG, JPEG, TIFF, BMP, WebP and NIfTI, as images and as masks.
#![no_main]

use labrum::io::{label_file, label_values::ValueReading, open};
use labrum_core::{
    progress::Cancel,
    study::{Kind, Source},
};
use labrum_fuzz::with_file;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    with_file(bytes, "png", |path| {
        let _ = open::read_catalog(&[path.to_owned()], &mut |_| {}, &Cancel::default());
        for frame in 0..2 {
            let _ = open::load_slice(
                &Source {
                    path: path.to_owned(),
                    frame,
                },
                Kind::Picture,
            );
        }
        let _ = label_file::mask_values(path, 0);
        let _ = label_file::read_mask(path, ValueReading::default());
    });
});
