//! Label maps as NIfTI-1 volumes (`.nii.gz`): one byte for each voxel, the value is the label.
//!
//! The header is written here rather than by a library: it is 348 bytes, and the library that there is brings arrays and
//! matrices of its own along. Layout: the NIfTI-1 header `nifti1.h` (NIMH, 2007).

use crate::{
    Error, Result,
    io::nifti::{self, NiftiHeader as Source},
};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use labrum_core::{
    geometry::PixelSpacing,
    mask::Mask,
    study::{Kind, Series, Slice},
    whole_file,
};
use std::{
    io::{Read, Write},
    path::Path,
};

const TRIED: &str = "write the NIfTI volume";
const HEADER: usize = 352;
/// Slices may lie this part of their distance off an even grid; pixels and directions this far off each other.
const SAME: f64 = 0.02;

/// Where voxels lie: columns of a 4x4 matrix without its last row, mm, in RAS (x to the right, y to the front, z up).
type Affine = [[f64; 4]; 3];

/// A volume: slices of the series, and between them those that are missing.
struct VolumeGrid {
    /// For each plane of the volume the slice of the series.
    slices: Vec<Option<usize>>,
    /// `None` for images that have no place in space.
    affine: Option<Affine>,
    /// mm, columns, rows, planes.
    spacing: [f64; 3],
    warnings: Vec<String>,
}

/// Writes `masks`, one for each slice of `series`, as a compressed NIfTI-1 volume. Tells what a person should know.
///
/// # Errors
/// Where the slices lie on no even grid (NIfTI has no other), and where the file cannot be written.
pub fn write_nifti(path: &Path, series: &Series, masks: &[Mask]) -> Result<Vec<String>> {
    let failed = |reason: String| Error::at_path(TRIED, path, reason);
    if masks.len() != series.slices.len() || masks.is_empty() {
        return Err(failed("the masks do not fit the series".into()));
    }
    let (volume, warnings) = match source_volume(series) {
        Some(source) => (
            beside_source(&source, series, masks).map_err(failed)?,
            Vec::new(),
        ),
        None => encode_volume(series, masks).map_err(|reason| {
            failed(reason).with_advice("Choose DICOM-SEG, which says of each slice where it lies.")
        })?,
    };
    let check = |written: &Path| {
        let mut back = Vec::new();
        let file = std::fs::File::open(written).map_err(|e| failed(e.to_string()))?;
        GzDecoder::new(file)
            .read_to_end(&mut back)
            .map_err(|e| failed(e.to_string()))?;
        if back == volume {
            Ok(())
        } else {
            Err(failed("reading it back gave something else".into()))
        }
    };
    let fill = |file: &mut dyn Write| {
        let mut packed = GzEncoder::new(file, Compression::default());
        packed.write_all(&volume)?;
        packed.finish().map(drop)
    };
    whole_file::write_checked(path, TRIED, fill, check)?;
    Ok(warnings)
}

/// Masks on the grid of their slices, and what to warn of.
fn encode_volume(
    series: &Series,
    masks: &[Mask],
) -> std::result::Result<(Vec<u8>, Vec<String>), String> {
    let grid = slice_grid(&series.slices)?;
    let mut volume = encode_header([series.columns, series.rows, grid.slices.len()], &grid)?;
    let blank = vec![0; series.columns * series.rows];
    for slice in &grid.slices {
        volume.extend(
            slice
                .and_then(|i| masks.get(i))
                .map_or(blank.as_slice(), Mask::pixel_labels),
        );
    }
    Ok((volume, grid.warnings))
}

/// The volume that the series was read from, where it is one.
fn source_volume(series: &Series) -> Option<Source> {
    let path = &series
        .slices
        .first()
        .filter(|_| series.kind == Kind::Picture)?
        .source
        .path;
    let is_one = series.slices.iter().all(|slice| slice.source.path == *path);
    if is_one {
        nifti::header_of(path).ok()
    } else {
        None
    }
}

/// Masks in the very voxels of the image, as it stores them: other programs want image and labels of one order.
fn beside_source(
    source: &Source,
    series: &Series,
    masks: &[Mask],
) -> std::result::Result<Vec<u8>, String> {
    let mut stored = vec![None; source.size[2]];
    for (slice, mask) in series.slices.iter().zip(masks) {
        if let Some(place) = stored.get_mut(slice.source.frame as usize % source.size[2].max(1)) {
            *place = Some(mask);
        }
    }
    let affine = source.affine.map(|place| {
        // LPS to RAS.
        let row = |i: usize| {
            let sign = if i < 2 { -1.0 } else { 1.0 };
            let [a, b, c] = place.steps;
            [a[i], b[i], c[i], place.origin[i]].map(|v| sign * v + 0.0)
        };
        [row(0), row(1), row(2)]
    });
    let spacing = source.spacing.unwrap_or([1.0; 3]);
    let mut volume = encode_header(
        source.size,
        &VolumeGrid {
            slices: Vec::new(),
            affine,
            spacing,
            warnings: Vec::new(),
        },
    )?;
    volume.extend(nifti::stored_from_shown(source, &stored));
    Ok(volume)
}

fn slice_grid(slices: &[Slice]) -> std::result::Result<VolumeGrid, String> {
    let first = slices.first().ok_or("there is no slice")?;
    let pixel = first.spacing.filter(PixelSpacing::is_physical);
    let (Some(plane), Some(pixel)) = (first.plane, pixel) else {
        let [row, column] = pixel.map_or([1.0; 2], |s| [s.row, s.column]);
        let warning = "the images have no place in space: the NIfTI volume has none either";
        let slices = (0..slices.len()).map(Some).collect();
        return Ok(VolumeGrid {
            slices,
            affine: None,
            spacing: [column, row, 1.0],
            warnings: vec![warning.into()],
        });
    };
    let close = |a: f64, b: f64| (a - b).abs() <= SAME * b.abs().max(1e-6);
    let alike = |slice: &Slice| {
        let spacing = slice
            .spacing
            .is_some_and(|s| close(s.row, pixel.row) && close(s.column, pixel.column));
        let orientation = slice.plane.map(|p| p.orientation);
        spacing
            && orientation.is_some_and(|o| {
                o.iter()
                    .zip(plane.orientation)
                    .all(|(a, b)| (a - b).abs() < 1e-3)
            })
    };
    if !slices.iter().all(alike) {
        return Err("its slices differ in direction or in the size of their pixels".into());
    }
    let positions: Vec<[f64; 3]> = slices
        .iter()
        .filter_map(|s| s.plane)
        .map(|p| p.position)
        .collect();
    let (steps, step) = grid_steps(&positions)?;
    let mut placed = vec![None; steps.last().map_or(1, |last| last + 1)];
    for (slice, at) in steps.iter().enumerate() {
        if let Some(place) = placed.get_mut(*at) {
            *place = Some(slice);
        }
    }
    let missing = placed.iter().filter(|p| p.is_none()).count();
    let mut warnings = Vec::new();
    if missing > 0 {
        warnings.push(format!(
            "{missing} slices between others have no mask; they are empty in the NIfTI volume"
        ));
    }
    // One slice has a thickness that is not known here.
    let step = step.unwrap_or_else(|| plane.unit_normal());
    let direction = |i: usize| {
        let [x, y] = [plane.orientation[i], plane.orientation[i + 3]];
        // LPS to RAS.
        let sign = if i < 2 { -1.0 } else { 1.0 };
        [x * pixel.column, y * pixel.row, step[i], plane.position[i]].map(|v| sign * v + 0.0)
    };
    let length = step.iter().map(|v| v * v).sum::<f64>().sqrt();
    let affine = Some([direction(0), direction(1), direction(2)]);
    Ok(VolumeGrid {
        slices: placed,
        affine,
        spacing: [pixel.column, pixel.row, length],
        warnings,
    })
}

/// For each slice its place on an even grid, and the way from one place to the next; `None` for a single slice.
fn grid_steps(
    positions: &[[f64; 3]],
) -> std::result::Result<(Vec<usize>, Option<[f64; 3]>), String> {
    let [first, .., last] = positions else {
        return Ok((vec![0], None));
    };
    let way = |a: &[f64; 3], b: &[f64; 3]| -> [f64; 3] { std::array::from_fn(|i| b[i] - a[i]) };
    let length = |v: [f64; 3]| v.iter().map(|c| c * c).sum::<f64>().sqrt();
    let gaps: Vec<f64> = positions
        .windows(2)
        .filter_map(|w| Some(length(way(w.first()?, w.get(1)?))))
        .collect();
    let uneven = || "its slices are not evenly spaced, and NIfTI knows no other volumes".to_owned();
    let least = gaps.iter().copied().fold(f64::INFINITY, f64::min);
    if least < 1e-3 {
        return Err("some of its slices lie at the same place".into());
    }
    let total: usize = gaps.iter().map(|gap| (gap / least).round() as usize).sum();
    if total == 0 || total > 100_000 {
        return Err(uneven());
    }
    let step = way(first, last).map(|c| c / total as f64);
    let size = length(step);
    let mut steps = Vec::with_capacity(positions.len());
    for position in positions {
        let here = way(first, position);
        let at = here.iter().zip(step).map(|(a, b)| a * b).sum::<f64>() / (size * size);
        let off = length(std::array::from_fn(|i| here[i] - step[i] * at.round()));
        if off > SAME * size.max(0.5)
            || at.round() < 0.0
            || steps.last() == Some(&(at.round() as usize))
        {
            return Err(uneven());
        }
        steps.push(at.round() as usize);
    }
    Ok((steps, Some(step)))
}

/// The header and the four bytes that say that nothing follows it.
fn encode_header(size: [usize; 3], grid: &VolumeGrid) -> std::result::Result<Vec<u8>, String> {
    let dim = |n: usize| {
        i16::try_from(n).map_err(|_| format!("{n} voxels along one side are too many for NIfTI-1"))
    };
    let mut out = NiftiBytes(vec![0; HEADER]);
    out.put_i32(0, 348);
    let [columns, rows, planes] = size;
    let sizes = [3, dim(columns)?, dim(rows)?, dim(planes)?, 1, 1, 1, 1];
    (0..)
        .zip(sizes)
        .for_each(|(i, size)| out.put_i16(40 + 2 * i, size));
    // Labels (NIFTI_INTENT_LABEL), unsigned bytes of 8 bits.
    out.put_i16(68, 1002);
    out.put_i16(70, 2);
    out.put_i16(72, 8);
    let turn = grid
        .affine
        .as_ref()
        .and_then(|a| rotation_quaternion(a, grid.spacing));
    out.put_f32(76, turn.map_or(1.0, |t| t.handed));
    (0..)
        .zip(grid.spacing)
        .for_each(|(i, size)| out.put_f32(80 + 4 * i, size));
    out.put_f32(108, HEADER as f64);
    out.put_f32(112, 1.0);
    // Lengths are mm.
    out.0[123] = 2;
    out.put_text(148, "Labels by Labrum");
    if let Some(affine) = grid.affine {
        out.put_i16(254, 1);
        (0..)
            .zip(affine.into_iter().flatten())
            .for_each(|(i, v)| out.put_f32(280 + 4 * i, v));
        if let Some(turn) = turn {
            out.put_i16(252, 1);
            (0..)
                .zip(turn.vector)
                .for_each(|(i, v)| out.put_f32(256 + 4 * i, v));
            (0..)
                .zip(affine)
                .for_each(|(i, row)| out.put_f32(268 + 4 * i, row[3]));
        }
    }
    out.put_text(344, "n+1");
    Ok(out.0)
}

struct NiftiBytes(Vec<u8>);

impl NiftiBytes {
    fn put_bytes(&mut self, at: usize, bytes: &[u8]) {
        if let Some(place) = self.0.get_mut(at..at + bytes.len()) {
            place.copy_from_slice(bytes);
        }
    }

    fn put_i32(&mut self, at: usize, value: i32) {
        self.put_bytes(at, &value.to_le_bytes());
    }

    fn put_i16(&mut self, at: usize, value: i16) {
        self.put_bytes(at, &value.to_le_bytes());
    }

    fn put_f32(&mut self, at: usize, value: f64) {
        self.put_bytes(at, &(value as f32).to_le_bytes());
    }

    fn put_text(&mut self, at: usize, text: &str) {
        self.put_bytes(at, text.as_bytes());
    }
}

/// A turn as the last three parts of a unit quaternion, and whether the third axis is mirrored (-1).
#[derive(Clone, Copy)]
struct Quaternion {
    vector: [f64; 3],
    handed: f64,
}

/// The turn of an affine; `None` where its axes are not at right angles (a tilted gantry).
fn rotation_quaternion(affine: &Affine, spacing: [f64; 3]) -> Option<Quaternion> {
    let mut r: [[f64; 3]; 3] =
        std::array::from_fn(|i| std::array::from_fn(|j| affine[i][j] / spacing[j]));
    let dot =
        |r: &[[f64; 3]; 3], a: usize, b: usize| (0..3).map(|i| r[i][a] * r[i][b]).sum::<f64>();
    if [(0, 1), (0, 2), (1, 2)]
        .iter()
        .any(|(a, b)| dot(&r, *a, *b).abs() > 1e-4)
    {
        return None;
    }
    let determinant = r[0][0] * (r[1][1] * r[2][2] - r[1][2] * r[2][1])
        - r[0][1] * (r[1][0] * r[2][2] - r[1][2] * r[2][0])
        + r[0][2] * (r[1][0] * r[2][1] - r[1][1] * r[2][0]);
    let handed = if determinant < 0.0 { -1.0 } else { 1.0 };
    r.iter_mut().for_each(|row| row[2] *= handed);
    // The largest of the four parts is worked out first, so that nothing is divided by a small number.
    let squares = [
        1.0 + r[0][0] + r[1][1] + r[2][2],
        1.0 + r[0][0] - r[1][1] - r[2][2],
        1.0 - r[0][0] + r[1][1] - r[2][2],
        1.0 - r[0][0] - r[1][1] + r[2][2],
    ];
    let largest = (0..4).max_by(|a, b| squares[*a].total_cmp(&squares[*b]))?;
    let twice = squares[largest].sqrt();
    let (half, quarter) = (twice / 2.0, 0.5 / twice);
    let [a, b, c, d] = match largest {
        0 => [
            half,
            (r[2][1] - r[1][2]) * quarter,
            (r[0][2] - r[2][0]) * quarter,
            (r[1][0] - r[0][1]) * quarter,
        ],
        1 => [
            (r[2][1] - r[1][2]) * quarter,
            half,
            (r[0][1] + r[1][0]) * quarter,
            (r[0][2] + r[2][0]) * quarter,
        ],
        2 => [
            (r[0][2] - r[2][0]) * quarter,
            (r[0][1] + r[1][0]) * quarter,
            half,
            (r[1][2] + r[2][1]) * quarter,
        ],
        _ => [
            (r[1][0] - r[0][1]) * quarter,
            (r[0][2] + r[2][0]) * quarter,
            (r[1][2] + r[2][1]) * quarter,
            half,
        ],
    };
    let sign = if a < 0.0 { -1.0 } else { 1.0 };
    Some(Quaternion {
        vector: [b, c, d].map(|v| sign * v),
        handed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_on_an_even_grid_find_their_place_and_others_are_refused() {
        let at = |z: f64| [1.0, 2.0, z];
        assert_eq!(
            grid_steps(&[at(0.0), at(5.0), at(15.0)]),
            Ok((vec![0, 1, 3], Some([0.0, 0.0, 5.0])))
        );
        assert_eq!(grid_steps(&[at(3.0)]), Ok((vec![0], None)));
        assert_eq!(
            grid_steps(&[at(4.0), at(2.0)]),
            Ok((vec![0, 1], Some([0.0, 0.0, -2.0])))
        );
        assert!(grid_steps(&[at(0.0), at(5.0), at(12.0)]).is_err());
        assert!(grid_steps(&[at(0.0), at(0.0)]).is_err());
    }

    #[test]
    fn a_turn_comes_back_from_its_quaternion() {
        let (s, c) = 0.3f64.sin_cos();
        for affine in [
            [
                [-2.0, 0.0, 0.0, 1.0],
                [0.0, -3.0, 0.0, 2.0],
                [0.0, 0.0, 5.0, 3.0],
            ],
            [
                [2.0 * c, -3.0 * s, 0.0, 0.0],
                [2.0 * s, 3.0 * c, 0.0, 0.0],
                [0.0, 0.0, -5.0, 0.0],
            ],
            [
                [0.0, 0.0, 5.0, 0.0],
                [-2.0, 0.0, 0.0, 0.0],
                [0.0, -3.0, 0.0, 0.0],
            ],
        ] {
            let turn = rotation_quaternion(&affine, [2.0, 3.0, 5.0]);
            assert!(turn.is_some_and(|t| back(t, &affine)), "{affine:?}");
        }
        assert!(
            rotation_quaternion(
                &[
                    [1.0, 0.0, 0.2, 0.0],
                    [0.0, 1.0, 0.0, 0.0],
                    [0.0, 0.0, 1.0, 0.0]
                ],
                [1.0; 3]
            )
            .is_none()
        );
    }

    /// By the formula of the standard's header.
    fn back(turn: Quaternion, affine: &Affine) -> bool {
        let [b, c, d] = turn.vector;
        let a = (1.0 - b * b - c * c - d * d).max(0.0).sqrt();
        let r = [
            [
                a * a + b * b - c * c - d * d,
                2.0 * (b * c - a * d),
                2.0 * (b * d + a * c),
            ],
            [
                2.0 * (b * c + a * d),
                a * a + c * c - b * b - d * d,
                2.0 * (c * d - a * b),
            ],
            [
                2.0 * (b * d - a * c),
                2.0 * (c * d + a * b),
                a * a + d * d - b * b - c * c,
            ],
        ];
        let sizes = [2.0, 3.0, 5.0 * turn.handed];
        (0..3).all(|i| (0..3).all(|j| (r[i][j] * sizes[j] - affine[i][j]).abs() < 1e-6))
    }
}
