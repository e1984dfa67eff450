//! Segments a synthetic image with a model file: `cargo run --release --example forward -- MODEL`

use labrum_core::{
    Error, Result,
    device::DeviceChoice,
    image::{Image, Pixels},
};
use labrum_nn::infer::Segmenter;
use std::path::PathBuf;

fn main() -> Result<()> {
    let path = std::env::args_os().nth(1).map(PathBuf::from);
    let path = path.ok_or_else(|| Error::new("segment", "no model file given"))?;
    let mut model = Segmenter::load_from_path(&path, DeviceChoice::Cpu)?;
    let pixels = (0..256 * 256).map(|i| (i % 256) as u8).collect();
    let image = Image::new(256, 256, Pixels::U8(pixels))
        .ok_or_else(|| Error::new("create the test image", "wrong number of pixels"))?;
    let mask = model.segment_slice(&image)?.mask;
    println!("{} pixels of label 1", mask.count_pixels(1));
    Ok(())
}
