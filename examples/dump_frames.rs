//! Decodes the first, the middle and the last frame of each DICOM file below a folder and writes them as `.npy` with a
//! line of JSON each, for `tests/peers/compare_pixels.py`.
//!
//! `dump_frames FOLDER OUT`

use labrum::io::open;
use labrum_core::{
    image::{Image, Pixels},
    progress::Cancel,
    study::{Kind, Source},
};
use std::{
    error::Error,
    fs::{File, create_dir_all},
    io::{BufWriter, Write},
    path::{Path, PathBuf},
    time::Instant,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(folder), Some(out)) = (arguments.next(), arguments.next()) else {
        return Err("usage: dump_frames FOLDER OUT".into());
    };
    create_dir_all(&out)?;
    let mut index = BufWriter::new(File::create(out.join("index.jsonl"))?);
    for (number, entry) in walkdir::WalkDir::new(&folder)
        .sort_by_file_name()
        .into_iter()
        .flatten()
        .enumerate()
    {
        if !entry.file_type().is_file() {
            continue;
        }
        let catalog =
            open::read_catalog(&[entry.path().to_owned()], &mut |_| {}, &Cancel::default());
        let refused = catalog.as_ref().err().map(ToString::to_string);
        let frames: usize = catalog
            .iter()
            .flat_map(|c| &c.studies)
            .flat_map(|s| &s.series)
            .map(|s| s.slices.len())
            .sum();
        let first = catalog.iter().flat_map(|c| &c.studies).next();
        // All groups and components of the name, for comparison.
        let name = first.map_or(String::new(), |s| {
            s.patient
                .name
                .trim_end_matches(['^', '='])
                .replace('^', " ")
        });
        let description = first.map_or("", |s| s.description.as_str());
        let last = frames.max(1) - 1;
        let mut wanted = vec![0, last / 2, last];
        wanted.dedup();
        for frame in wanted {
            let file = format!("{number}-{frame}.npy");
            let mut line = dump(
                entry.path(),
                frame,
                refused.as_deref(),
                &out.join(&file),
                &file,
            )?;
            line["patient"] = name.as_str().into();
            line["study"] = description.into();
            writeln!(index, "{line}")?;
        }
    }
    Ok(())
}

fn dump(
    path: &Path,
    frame: usize,
    refused: Option<&str>,
    out: &Path,
    name: &str,
) -> Result<serde_json::Value, Box<dyn Error>> {
    let start = Instant::now();
    let image = open::load_slice(
        &Source {
            path: path.to_owned(),
            frame: frame as u32,
        },
        Kind::Dicom,
    );
    let mut line = serde_json::json!({
        "path": path, "frame": frame, "catalog": refused, "ms": start.elapsed().as_millis() as u64
    });
    match image {
        Ok(image) => {
            write_npy(&image, out)?;
            line["npy"] = name.into();
            line["slope"] = image.rescale.slope.into();
            line["intercept"] = image.rescale.intercept.into();
            line["inverted"] = image.inverted.into();
            if let Some(truncated) = image.truncated {
                line["truncated"] = truncated.into();
            }
        }
        Err(error) => line["error"] = error.to_string().into(),
    }
    Ok(line)
}

/// NumPy's format, version 1.
fn write_npy(image: &Image, path: &Path) -> Result<(), Box<dyn Error>> {
    let (kind, bytes): (&str, Vec<u8>) = match &image.pixels {
        Pixels::U8(v) => ("|u1", v.clone()),
        Pixels::U16(v) => ("<u2", v.iter().flat_map(|p| p.to_le_bytes()).collect()),
        Pixels::I16(v) => ("<i2", v.iter().flat_map(|p| p.to_le_bytes()).collect()),
        Pixels::F32(v) => ("<f4", v.iter().flat_map(|p| p.to_le_bytes()).collect()),
        Pixels::Rgb8(v) => ("|u1", v.as_flattened().to_vec()),
    };
    let color = if image.is_color() { ", 3" } else { "" };
    let shape = format!("({}, {}{color})", image.rows, image.columns);
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}");
    while (header.len() + 11) % 64 != 0 {
        header.push(' ');
    }
    header.push('\n');
    let mut file = File::create(path)?;
    file.write_all(b"\x93NUMPY\x01\x00")?;
    file.write_all(&(header.len() as u16).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    Ok(file.write_all(&bytes)?)
}
