//! Writes a synthetic CT series: a body with a spine, and lungs that change from slice to slice;
//! one file per slice.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::Path,
};

/// Size of the series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// Number of slices, one file each.
    pub(crate) slices: usize,
    /// Rows and columns.
    pub(crate) side: usize,
    /// Distance between slices in mm.
    pub(crate) gap: f64,
}

/// Writes the series into `folder`; the file names are not in slice order.
pub(crate) fn write(folder: &Path, wanted: Wanted) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for slice in 0..wanted.slices {
        // 7919 is a prime, so each number occurs once.
        let shuffled = (slice * 7919) % wanted.slices.max(1);
        write_slice(&folder.join(format!("IM{shuffled:05}.dcm")), slice, wanted)?;
    }
    Ok(())
}

fn write_slice(path: &Path, slice: usize, wanted: Wanted) -> io::Result<()> {
    let uid = format!("1.2.826.0.1.3680043.10.1.{}.{}", wanted.slices, slice + 1);
    let class = "1.2.840.10008.5.1.4.1.1.2";
    let mut meta = Vec::new();
    element(&mut meta, (2, 1), "OB", &[0, 1]);
    text(&mut meta, (2, 2), "UI", class);
    text(&mut meta, (2, 3), "UI", &uid);
    text(&mut meta, (2, 0x10), "UI", "1.2.840.10008.1.2.1");
    text(&mut meta, (2, 0x12), "UI", "1.2.826.0.1.3680043.10.2");
    let mut data = Vec::new();
    text(&mut data, (8, 8), "CS", "ORIGINAL\\PRIMARY\\AXIAL");
    text(&mut data, (8, 0x16), "UI", class);
    text(&mut data, (8, 0x18), "UI", &uid);
    text(&mut data, (8, 0x20), "DA", "20240131");
    text(&mut data, (8, 0x60), "CS", "CT");
    text(&mut data, (8, 0x1030), "LO", "Made study");
    text(&mut data, (8, 0x103E), "LO", "Made CT");
    text(&mut data, (0x10, 0x10), "PN", "Nobody^Made");
    text(&mut data, (0x10, 0x20), "LO", "MADE-1");
    text(
        &mut data,
        (0x20, 0xD),
        "UI",
        &format!("1.2.826.0.1.3680043.10.3.{}", wanted.slices),
    );
    text(
        &mut data,
        (0x20, 0xE),
        "UI",
        &format!("1.2.826.0.1.3680043.10.4.{}", wanted.slices),
    );
    text(&mut data, (0x20, 0x11), "IS", "1");
    text(&mut data, (0x20, 0x13), "IS", &(slice + 1).to_string());
    text(
        &mut data,
        (0x20, 0x32),
        "DS",
        &format!("-180\\-180\\{:.3}", slice as f64 * wanted.gap),
    );
    text(&mut data, (0x20, 0x37), "DS", "1\\0\\0\\0\\1\\0");
    text(&mut data, (0x20, 0x52), "UI", "1.2.826.0.1.3680043.10.5");
    element(&mut data, (0x28, 2), "US", &1u16.to_le_bytes());
    text(&mut data, (0x28, 4), "CS", "MONOCHROME2");
    element(
        &mut data,
        (0x28, 0x10),
        "US",
        &(wanted.side as u16).to_le_bytes(),
    );
    element(
        &mut data,
        (0x28, 0x11),
        "US",
        &(wanted.side as u16).to_le_bytes(),
    );
    text(&mut data, (0x28, 0x30), "DS", "0.7\\0.7");
    for (tag, value) in [(0x100, 16u16), (0x101, 16), (0x102, 15), (0x103, 1)] {
        element(&mut data, (0x28, tag), "US", &value.to_le_bytes());
    }
    text(&mut data, (0x28, 0x1052), "DS", "0");
    text(&mut data, (0x28, 0x1053), "DS", "1");
    element(&mut data, (0x7FE0, 0x10), "OW", &pixels(slice, wanted));
    let mut out = BufWriter::new(File::create(path)?);
    out.write_all(&[0; 128])?;
    out.write_all(b"DICM")?;
    let mut length = Vec::new();
    element(
        &mut length,
        (2, 0),
        "UL",
        &(meta.len() as u32).to_le_bytes(),
    );
    [length, meta, data]
        .iter()
        .try_for_each(|part| out.write_all(part))?;
    out.flush()
}

/// Hounsfield units: air, a body, two lungs that grow and shrink, a spine.
fn pixels(slice: usize, wanted: Wanted) -> Vec<u8> {
    let side = wanted.side as f64;
    let along = slice as f64 / wanted.slices.max(1) as f64;
    let lung = (along * std::f64::consts::PI).sin() * 0.17;
    let mut out = Vec::with_capacity(wanted.side * wanted.side * 2);
    let mut noise = slice as u32 ^ 0x9E37_79B9;
    for y in 0..wanted.side {
        for x in 0..wanted.side {
            let (u, v) = (x as f64 / side - 0.5, y as f64 / side - 0.5);
            let inside = |cx: f64, cy: f64, rx: f64, ry: f64| {
                ((u - cx) / rx).powi(2) + ((v - cy) / ry).powi(2) < 1.0
            };
            let tissue = match () {
                () if !inside(0.0, 0.0, 0.42, 0.3) => -1000.0,
                () if inside(0.0, 0.19, 0.045, 0.05) => 700.0,
                () if lung > 0.02
                    && (inside(-0.2, -0.02, lung, lung * 1.1)
                        || inside(0.2, -0.02, lung, lung * 1.1)) =>
                {
                    -820.0
                }
                () if inside(0.03, -0.08, 0.1, 0.08) => 60.0,
                () => 30.0,
            };
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            out.extend_from_slice(&((tissue + f64::from(noise >> 27)) as i16).to_le_bytes());
        }
    }
    out
}

fn text(out: &mut Vec<u8>, tag: (u16, u16), vr: &str, value: &str) {
    let mut bytes = value.as_bytes().to_vec();
    if bytes.len() % 2 == 1 {
        bytes.push(if vr == "UI" { 0 } else { b' ' });
    }
    element(out, tag, vr, &bytes);
}

/// Explicit VR, little endian.
fn element(out: &mut Vec<u8>, tag: (u16, u16), vr: &str, value: &[u8]) {
    out.extend_from_slice(&tag.0.to_le_bytes());
    out.extend_from_slice(&tag.1.to_le_bytes());
    out.extend_from_slice(vr.as_bytes());
    if ["OB", "OW"].contains(&vr) {
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&(value.len() as u32).to_le_bytes());
    } else {
        out.extend_from_slice(&(value.len() as u16).to_le_bytes());
    }
    out.extend_from_slice(value);
}
