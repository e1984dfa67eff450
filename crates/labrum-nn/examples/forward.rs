//! Segments a made picture with a model file: `cargo run --release --example forward -- MODEL`

use labrum_core::{
    Error, Result,
    device::DeviceChoice,
    image::{Image, Pixels},
};
use labrum_nn::infer::Segmenter;
use std::path::PathBuf;

fn main() -> Result<()> {
    let path = std::env::args_os().nth(1).map(PathBuf::from);
    let path = path.ok_or_else(|| Error::new("segment", "give a model file"))?;
    let mut model = Segmenter::load_from_path(&path, DeviceChoice::Cpu)?;
    let pixels = (0..256 * 256).map(|i| (i % 256) as u8).collect();
    let image = Image::new(256, 256, Pixels::U8(pixels))
        .ok_or_else(|| Error::new("make the picture", "its size"))?;
    let mask = model.segment_slice(&image)?.mask;
    println!("{} pixels of label 1", mask.count_pixels(1));
    Ok(())
}
