//! `labrum bench open`: times the way from an image file to its mask.

use super::{BenchFigure, figure_from_times};
use crate::io::open;
use crate::session::finding::Finding;
use crate::{Error, Result, shipped};
use labrum_core::{label::Label, whole_file};
use labrum_nn::{
    bench::{self, Load, Measured},
    checkpoint,
    infer::{Segmenter, bare_card},
};
use std::path::{Path, PathBuf};
use std::{hint, time::Instant};

/// Times opening an image and computing mask, outlines and measurements, as in the window: first cold, then warm.
pub(super) fn measure_run(load: Load, picture: Option<&Path>) -> Result<Vec<BenchFigure>> {
    let folder = tempfile::tempdir().map_err(|e| Error::new("create a folder for an image", e))?;
    let path = match picture {
        Some(path) => path.to_owned(),
        None => made_picture(folder.path(), load.size)?,
    };
    let model = folder.path().join("bench.safetensors");
    write_model(&model, load)?;
    let start = Instant::now();
    let mut segmenter = Segmenter::load_from_path(&model, load.device)?;
    open_and_segment(&path, &mut segmenter)?;
    let cold_time = start.elapsed();
    let mut warm_times = Vec::new();
    for _ in 0..load.runs {
        let start = Instant::now();
        open_and_segment(&path, &mut segmenter)?;
        warm_times.push(start.elapsed());
    }
    let device = segmenter.device_name().to_owned();
    let cold = Measured {
        device: device.clone(),
        times: vec![cold_time],
        tally: None,
        gpu_counts: None,
    };
    let warm = Measured {
        device,
        times: warm_times,
        tally: None,
        gpu_counts: None,
    };
    Ok(vec![
        figure_from_times("open_cold", load, cold),
        figure_from_times("open_warm", load, warm),
    ])
}

fn open_and_segment(path: &Path, segmenter: &mut Segmenter) -> Result<()> {
    let catalog = open::read_catalog(&[path.to_owned()], &mut |_| {}, &Default::default())?;
    let series = catalog
        .studies
        .iter()
        .flat_map(|study| &study.series)
        .next()
        .ok_or_else(|| no_picture_error(path))?;
    let slice = series
        .slices
        .first()
        .ok_or_else(|| no_picture_error(path))?;
    let image = open::load_slice(&slice.source, series.kind)?;
    let prediction = segmenter.segment_slice(&image)?;
    let labels: Vec<Label> = segmenter.model_card().labels.clone();
    let finding = Finding::from_prediction(
        &prediction,
        segmenter.model_card().name.as_str().into(),
        labels.into(),
        &image.length_scale(),
    );
    hint::black_box(finding);
    Ok(())
}

fn no_picture_error(path: &Path) -> Error {
    Error::at_path("open", path, "no image found")
}

/// Writes a grey image with some structure and returns its path.
fn made_picture(folder: &Path, size: usize) -> Result<PathBuf> {
    let path = folder.join("picture.png");
    let pixels = (0..size * size)
        .map(|index| grey_of_pattern(index, size))
        .collect();
    let image = image::GrayImage::from_raw(size as u32, size as u32, pixels)
        .ok_or_else(|| write_picture_error(&path, "too large"))?;
    image
        .save(&path)
        .map_err(|e| write_picture_error(&path, e))?;
    Ok(path)
}

/// Grey value of a pixel in a pattern of rings and stripes; `index` counts row by row in a square of side `size`.
#[inline]
fn grey_of_pattern(index: usize, size: usize) -> u8 {
    let x = (index % size) as f64 / size as f64 - 0.5;
    let y = (index / size) as f64 / size as f64 - 0.5;
    (128.0 + 90.0 * (9.0 * x.hypot(y)).cos() + 30.0 * (40.0 * x).sin()) as u8
}

fn write_picture_error(path: &Path, reason: impl ToString) -> Error {
    Error::at_path("write an image", path, reason)
}

/// Writes a model file: with the weights of a shipped model of this size, for realistic masks, else with random weights.
fn write_model(path: &Path, load: Load) -> Result<()> {
    let shipped = shipped::all_models()?
        .into_iter()
        .find(|model| model.card.config == load.config);
    let weights = match shipped {
        Some(model) => checkpoint::from_bytes(model.bytes)?.1,
        None => bench::random_weights(load.config)?,
    };
    // A card with an input of 256 x 256.
    let card = bare_card("bench", checkpoint::detect_architecture(&weights)?);
    let bytes = checkpoint::to_bytes(&card, &weights)?;
    whole_file::write_atomically(path, "write the model", |file| file.write_all(&bytes))
}
