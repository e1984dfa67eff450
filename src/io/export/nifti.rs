//! Writes label maps as NIfTI-1 volumes (`.nii.gz`): one byte per voxel, whose value is the label.
//!
//! The header of 348 bytes is written here, because the available library depends on array and matrix libraries. Layout:
//! the NIfTI-1 header `nifti1.h` (NIMH, 2007).

mod header;

use crate::{
    Error, Result,
    io::nifti::{self, NiftiHeader as Source},
};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use header::encode_header;
use labrum_core::{
    geometry::{PixelSpacing, Plane},
    mask::Mask,
    study::{Kind, Series, Slice},
    vector::{cross_product, dot_product, point_along, vector_between, vector_length},
    whole_file,
};
use std::{
    array, fs,
    io::{self, Read, Write},
    path::Path,
    result,
};

const TRIED: &str = "write the NIfTI volume";
const UNEVEN: &str = "the slices are not evenly spaced, as NIfTI requires";
/// Relative tolerance for slice positions on an even grid, and for differences in pixel spacing.
const SAME: f64 = 0.02;

/// The first three rows of the 4x4 matrix from voxels to RAS coordinates (right, anterior, superior) in mm.
type Affine = [[f64; 4]; 3];

/// The grid of a volume. It has blank planes for missing slices.
struct VolumeGrid {
    /// For each plane of the volume, the index of the slice.
    slices: Vec<Option<usize>>,
    /// `None` for images without position and orientation.
    affine: Option<Affine>,
    /// Spacing of columns, rows and planes in mm.
    spacing: [f64; 3],
    warnings: Vec<String>,
}

/// Writes `masks`, one for each slice of `series`, as a compressed NIfTI-1 volume. Returns warnings for the user.
///
/// # Errors
/// If the slices are not evenly spaced, as NIfTI requires, or the file cannot be written.
pub fn write_nifti(path: &Path, series: &Series, masks: &[Mask]) -> Result<Vec<String>> {
    if masks.len() != series.slices.len() || masks.is_empty() {
        return Err(Error::at_path(
            TRIED,
            path,
            "the number of masks does not match the series",
        ));
    }
    let (volume, warnings) = match source_volume(series) {
        Some(source) => {
            let volume = beside_source(&source, series, masks)
                .map_err(|reason| Error::at_path(TRIED, path, reason))?;
            (volume, Vec::new())
        }
        None => encode_volume(series, masks).map_err(|reason| {
            Error::at_path(TRIED, path, reason)
                .with_advice("Choose DICOM-SEG, which stores the position of each slice.")
        })?,
    };
    whole_file::write_checked(
        path,
        TRIED,
        |file| write_packed(file, &volume),
        |written| {
            check_packed(written, &volume).map_err(|reason| Error::at_path(TRIED, path, reason))
        },
    )?;
    Ok(warnings)
}

fn write_packed(file: &mut dyn Write, volume: &[u8]) -> io::Result<()> {
    let mut packed = GzEncoder::new(file, Compression::default());
    packed.write_all(volume)?;
    packed.finish().map(drop)
}

/// Verifies a written volume. The error is a clause.
fn check_packed(written: &Path, volume: &[u8]) -> result::Result<(), String> {
    let mut back = Vec::new();
    let file = fs::File::open(written).map_err(|e| e.to_string())?;
    GzDecoder::new(file)
        .read_to_end(&mut back)
        .map_err(|e| e.to_string())?;
    if back == volume {
        Ok(())
    } else {
        Err("verification failed: the content of the file differs".into())
    }
}

/// Encodes masks on the grid of their slices; also returns warnings.
fn encode_volume(
    series: &Series,
    masks: &[Mask],
) -> result::Result<(Vec<u8>, Vec<String>), String> {
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

/// The NIfTI volume that the series was read from, if it was.
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

/// Encodes masks in the voxel order of the source volume, because other programs expect image and labels to match.
fn beside_source(
    source: &Source,
    series: &Series,
    masks: &[Mask],
) -> result::Result<Vec<u8>, String> {
    let mut stored = vec![None; source.size[2]];
    for (slice, mask) in series.slices.iter().zip(masks) {
        if let Some(place) = stored.get_mut(slice.source.frame as usize % source.size[2].max(1)) {
            *place = Some(mask);
        }
    }
    let affine: Option<Affine> = source.affine.map(|place| {
        let [a, b, c] = place.steps;
        array::from_fn(|axis| lps_to_ras([a[axis], b[axis], c[axis], place.origin[axis]], axis))
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

/// Converts the row for `axis` of an affine from DICOM (LPS) to NIfTI (RAS) coordinates: x and y change sign.
fn lps_to_ras(row: [f64; 4], axis: usize) -> [f64; 4] {
    let sign = if axis < 2 { -1.0 } else { 1.0 };
    // Adding 0.0 turns -0.0 into 0.0.
    row.map(|v| sign * v + 0.0)
}

fn slice_grid(slices: &[Slice]) -> result::Result<VolumeGrid, String> {
    let first = slices.first().ok_or("there is no slice")?;
    let pixel = first.spacing.filter(PixelSpacing::is_physical);
    let (Some(plane), Some(pixel)) = (first.plane, pixel) else {
        let [row, column] = pixel.map_or([1.0; 2], |s| [s.row, s.column]);
        let warning =
            "the images have no position and orientation, so the NIfTI volume has none either";
        let slices = (0..slices.len()).map(Some).collect();
        return Ok(VolumeGrid {
            slices,
            affine: None,
            spacing: [column, row, 1.0],
            warnings: vec![warning.into()],
        });
    };
    let are_alike = slices.iter().all(|slice| {
        slice.spacing.is_some_and(|s| has_same_sides(&s, &pixel))
            && slice.plane.is_some_and(|p| is_parallel(&p, &plane))
    });
    if !are_alike {
        return Err("the slices differ in orientation or pixel spacing".into());
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
            "{missing} slices between segmented ones have no mask and are empty in the NIfTI volume"
        ));
    }
    // The thickness of a single slice is unknown.
    let step = step.unwrap_or_else(|| plane.unit_normal());
    let affine: Affine = array::from_fn(|axis| {
        let along_row = plane.orientation[axis] * pixel.column;
        let down_column = plane.orientation[axis + 3] * pixel.row;
        lps_to_ras(
            [along_row, down_column, step[axis], plane.position[axis]],
            axis,
        )
    });
    Ok(VolumeGrid {
        slices: placed,
        affine: Some(affine),
        spacing: [pixel.column, pixel.row, vector_length(step)],
        warnings,
    })
}

/// True if pixel spacings are equal within [`SAME`].
fn has_same_sides(one: &PixelSpacing, other: &PixelSpacing) -> bool {
    is_close(one.row, other.row) && is_close(one.column, other.column)
}

fn is_close(value: f64, wanted: f64) -> bool {
    (value - wanted).abs() <= SAME * wanted.abs().max(1e-6)
}

fn is_parallel(one: &Plane, other: &Plane) -> bool {
    one.orientation
        .iter()
        .zip(other.orientation)
        .all(|(a, b)| (a - b).abs() < 1e-3)
}

/// The index of each slice on an even grid, and the vector from one grid plane to the next; `None` for a single slice.
fn grid_steps(positions: &[[f64; 3]]) -> result::Result<(Vec<usize>, Option<[f64; 3]>), String> {
    let [first, .., last] = positions else {
        return Ok((vec![0], None));
    };
    let gaps: Vec<f64> = positions
        .windows(2)
        .filter_map(|w| Some(vector_length(vector_between(*w.first()?, *w.get(1)?))))
        .collect();
    let least = gaps.iter().copied().fold(f64::INFINITY, f64::min);
    if least < 1e-3 {
        return Err("some slices have the same position".into());
    }
    let total: usize = gaps.iter().map(|gap| (gap / least).round() as usize).sum();
    if total == 0 || total > 100_000 {
        return Err(UNEVEN.into());
    }
    let step = vector_between(*first, *last).map(|c| c / total as f64);
    let size = vector_length(step);
    let mut steps = Vec::with_capacity(positions.len());
    for position in positions {
        let here = vector_between(*first, *position);
        let at = dot_product(here, step) / (size * size);
        let off = vector_length(point_along(here, step, -at.round()));
        if off > SAME * size.max(0.5)
            || at.round() < 0.0
            || steps.last() == Some(&(at.round() as usize))
        {
            return Err(UNEVEN.into());
        }
        steps.push(at.round() as usize);
    }
    Ok((steps, Some(step)))
}

/// A rotation as the last three components of a unit quaternion; `handed` is -1 if the third axis is mirrored, else 1.
#[derive(Clone, Copy)]
struct Quaternion {
    vector: [f64; 3],
    handed: f64,
}

/// The rotation of an affine; `None` if its axes are not orthogonal (tilted gantry).
fn rotation_quaternion(affine: &Affine, spacing: [f64; 3]) -> Option<Quaternion> {
    let mut r: [[f64; 3]; 3] = array::from_fn(|i| array::from_fn(|j| affine[i][j] / spacing[j]));
    if [(0, 1), (0, 2), (1, 2)]
        .iter()
        .any(|(a, b)| column_product(&r, *a, *b).abs() > 1e-4)
    {
        return None;
    }
    let determinant = dot_product(r[0], cross_product(r[1], r[2]));
    let handed = if determinant < 0.0 { -1.0 } else { 1.0 };
    r.iter_mut().for_each(|row| row[2] *= handed);
    // Compute the largest of the four components first, to avoid division by a small number.
    let squares = [
        1.0 + r[0][0] + r[1][1] + r[2][2],
        1.0 + r[0][0] - r[1][1] - r[2][2],
        1.0 - r[0][0] + r[1][1] - r[2][2],
        1.0 - r[0][0] - r[1][1] + r[2][2],
    ];
    let largest = (0..4).max_by(|a, b| squares[*a].total_cmp(&squares[*b]))?;
    let twice = squares[largest].sqrt();
    let half = twice / 2.0;
    let quarter = 0.5 / twice;
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

/// The dot product of two columns of a matrix.
fn column_product(matrix: &[[f64; 3]; 3], a: usize, b: usize) -> f64 {
    (0..3).map(|i| matrix[i][a] * matrix[i][b]).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evenly_spaced_slices_get_grid_indices_and_uneven_ones_are_refused() {
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
    fn a_rotation_is_recovered_from_its_quaternion() {
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
            assert!(
                turn.is_some_and(|t| matches_affine(t, &affine)),
                "{affine:?}"
            );
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

    /// True if the quaternion gives this affine, by the formula in `nifti1.h`.
    fn matches_affine(turn: Quaternion, affine: &Affine) -> bool {
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
