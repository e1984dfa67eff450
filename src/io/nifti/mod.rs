//! NIfTI volumes (`.nii`, `.nii.gz`) as images and as masks: a reader of its own, since the header is short and every claim
//! in it has to be held against the file before anything is allocated.
//!
//! A volume is shown slice by slice along its third axis. Its rows and columns are turned for the eye as a radiologist has
//! them (head or front up, the patient's left on the right), where the file says how it lies in the patient.

mod file;
mod header;
mod import;
#[cfg(test)]
pub(crate) mod tests;

pub(super) use import::{import_masks, stored_from_shown, stored_labels};

use super::{open::name_of, picture::part_id};
use crate::{Error, Result};
pub(crate) use header::NiftiHeader;
use labrum_core::{
    containment::{self, Plain},
    geometry::{PixelSpacing, Plane, SpacingSource},
    image::Image,
    lattice::Affine,
    orientation::Orientation,
    stack::upright_directions,
    study::{Kind, Series, Slice, Source, os_path},
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const TRIED: &str = "read the NIfTI volume";
/// Rows and columns that are further off a right angle (cosine) have no plane as DICOM knows it.
const SQUARE: f64 = 1e-3;
/// Volumes whose corners are this part of a voxel off each other have the same voxels.
const SAME_VOXEL: f64 = 0.1;

/// True where a file begins like a NIfTI volume, compressed or not.
pub(crate) fn is_nifti(path: &Path) -> bool {
    file::begins_like_one(path)
}

/// The header of a volume.
///
/// # Errors
/// Where the file is no NIfTI volume, claims what it cannot hold, or holds what is not supported.
pub(crate) fn read_header(path: &Path) -> Result<NiftiHeader> {
    file::read_header(path).map_err(|reason| Error::at_path(TRIED, path, reason))
}

/// As [`read_header`], in a child process.
pub(crate) fn header_of(path: &Path) -> Result<NiftiHeader> {
    containment::read_in_child(ReadHeader {
        path: path.to_owned(),
    })
    .map(|header| header.0)
}

/// The header of a volume.
#[derive(Serialize, Deserialize)]
pub(in crate::io) struct ReadHeader {
    #[serde(with = "os_path")]
    path: PathBuf,
}

impl containment::Request for ReadHeader {
    const NAME: &'static str = "header of a volume";
    const TRIED: &'static str = TRIED;
    type Answer = Plain<NiftiHeader>;

    fn path(&self) -> &Path {
        &self.path
    }

    fn read_in_process(self) -> Result<Plain<NiftiHeader>> {
        read_header(&self.path).map(Plain)
    }
}

/// How stored voxels become slices on the screen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct VoxelLayout {
    /// Of rows and columns.
    pub(crate) orientation: Orientation,
    /// The last stored slice is shown first.
    pub(crate) reversed: bool,
    /// Where voxels lie, if slices have a plane as DICOM knows it.
    affine: Option<Affine>,
}

impl VoxelLayout {
    /// Of a volume.
    pub(crate) fn from_header(header: &NiftiHeader) -> Self {
        let flat = Self {
            orientation: Orientation::AS_STORED,
            reversed: false,
            affine: None,
        };
        let Some(affine) = header.affine else {
            return flat;
        };
        let [across, down, through] = affine.steps;
        let [a, b] = [across, down].map(unit_vector);
        if (0..3).map(|i| a[i] * b[i]).sum::<f64>().abs() > SQUARE {
            return flat;
        }
        let (second_is_down, [right_backwards, down_backwards]) = upright_directions(a, b);
        let orientation = if second_is_down {
            Orientation {
                transposed: false,
                columns_reversed: right_backwards,
                rows_reversed: down_backwards,
            }
        } else {
            Orientation {
                transposed: true,
                columns_reversed: down_backwards,
                rows_reversed: right_backwards,
            }
        };
        let turned = Self {
            orientation,
            reversed: false,
            affine: Some(affine),
        };
        let normal = turned
            .slice_plane(header, 0)
            .map_or([0.0; 3], |(plane, _)| plane.unit_normal());
        Self {
            reversed: (0..3).map(|i| normal[i] * through[i]).sum::<f64>() < 0.0,
            ..turned
        }
    }

    /// Plane and spacing of a stored slice as it is shown.
    fn slice_plane(&self, header: &NiftiHeader, slice: usize) -> Option<(Plane, PixelSpacing)> {
        let affine = self.affine?;
        let size = (header.size[0], header.size[1]);
        let at = |x: usize, y: usize| {
            let (column, row) = self.orientation.stored_pixel(size, (x, y));
            affine.map_point([column as f64, row as f64, slice as f64])
        };
        let position = at(0, 0);
        // One voxel along a side has a direction all the same.
        let [across, down, _] = affine.steps;
        let Orientation {
            transposed,
            columns_reversed,
            rows_reversed,
        } = self.orientation;
        let columns = if columns_reversed {
            across.map(|v| -v)
        } else {
            across
        };
        let rows = if rows_reversed {
            down.map(|v| -v)
        } else {
            down
        };
        let [right, down] = if transposed {
            [rows, columns]
        } else {
            [columns, rows]
        };
        let ([a, b, c], [d, e, f]) = (unit_vector(right), unit_vector(down));
        let spacing = PixelSpacing {
            row: vector_length(down),
            column: vector_length(right),
            source: SpacingSource::Nifti,
        };
        Some((
            Plane {
                position,
                orientation: [a, b, c, d, e, f],
            },
            spacing,
        ))
    }
}

/// The series of a volume: one, or one for each time.
///
/// # Errors
/// As [`read_header`].
pub(super) fn read_series(path: &Path) -> Result<Vec<Series>> {
    let header = read_header(path)?;
    let layout = VoxelLayout::from_header(&header);
    let flat_spacing = header.spacing.map(|[column, row, _]| PixelSpacing {
        row,
        column,
        source: SpacingSource::Nifti,
    });
    let slices = |time: usize| {
        let slice = |stored: usize| {
            let place = layout.slice_plane(&header, stored);
            Slice {
                plane: place.map(|(plane, _)| plane),
                spacing: place.map_or(flat_spacing, |(_, spacing)| Some(spacing)),
                ..Slice::from_source(Source {
                    path: path.to_owned(),
                    frame: (time * header.size[2] + stored) as u32,
                })
            }
        };
        let mut slices: Vec<Slice> = (0..header.size[2]).map(slice).collect();
        if layout.reversed {
            slices.reverse();
        }
        slices
    };
    let (columns, rows) = layout
        .orientation
        .shown_size((header.size[0], header.size[1]));
    let one = |time: usize| {
        let mut notes = header.notes.clone();
        if header.affine.is_some() && layout.affine.is_none() {
            notes.push("its rows and columns are not at right angles: its place in the patient is left out".into());
        }
        if header.times > 1 {
            notes.push(format!("time {} of {}", time + 1, header.times));
        }
        Series {
            id: part_id(&path.display().to_string(), time),
            description: name_of(path),
            number: (header.times > 1).then_some(time as i64 + 1),
            color: header.number.is_color(),
            notes,
            ..Series::from_slices(Kind::Picture, columns, rows, slices(time))
        }
    };
    Ok((0..header.times).map(one).collect())
}

/// One slice of a volume, as it is shown. `frame` counts stored slices, of all times.
///
/// # Errors
/// As [`read_header`], and where the voxels are cut off or damaged.
pub(super) fn read_slice(path: &Path, frame: u32) -> Result<Image> {
    let failed = |reason: String| Error::at_path(TRIED, path, reason);
    let header = read_header(path)?;
    let stored = frame as usize;
    if stored >= header.size[2] * header.times {
        return Err(failed(format!("it has no slice {}", stored + 1)));
    }
    let bytes = file::read_slice(path, &header, stored).map_err(failed)?;
    let pixels = header.number.decode_pixels(&bytes, header.big_endian);
    let image = Image::new(header.size[0], header.size[1], pixels)
        .ok_or_else(|| failed("it is cut off".into()))?;
    let layout = VoxelLayout::from_header(&header);
    let place = layout.slice_plane(&header, stored % header.size[2]);
    let flat = header.spacing.map(|[column, row, _]| PixelSpacing {
        row,
        column,
        source: SpacingSource::Nifti,
    });
    let image = layout.orientation.orient_image(Image {
        rescale: header.rescale,
        ..image
    });
    let spacing = place.map_or(flat, |(_, spacing)| Some(spacing));
    Ok(Image {
        spacing,
        plane: place.map(|(plane, _)| plane),
        ..image
    })
}

/// How the slices of a volume are turned; as they are stored where it cannot be read.
pub(super) fn slice_orientation(path: &Path) -> Orientation {
    file::read_header(path).map_or(Orientation::AS_STORED, |header| {
        VoxelLayout::from_header(&header).orientation
    })
}

/// Whether two volumes have the same voxels in the same order, so that slices of one lie on those of the other.
pub(super) fn same_voxels(a: &Path, b: &Path) -> bool {
    let (Ok(a), Ok(b)) = (file::read_header(a), file::read_header(b)) else {
        return false;
    };
    let alike = |one: Affine, other: Affine| {
        let most = SAME_VOXEL * one.step_lengths().into_iter().fold(f64::INFINITY, f64::min);
        let close = |index: [f64; 3]| {
            one.map_point(index)
                .iter()
                .zip(other.map_point(index))
                .all(|(a, b)| (a - b).abs() <= most)
        };
        let far = a.size.map(|n| n as f64);
        close([0.0; 3])
            && (0..3).all(|axis| {
                close(std::array::from_fn(
                    |i| if i == axis { far[i] } else { 0.0 },
                ))
            })
    };
    a.size == b.size && a.affine.zip(b.affine).is_none_or(|(a, b)| alike(a, b))
}

fn vector_length(v: [f64; 3]) -> f64 {
    v.iter().map(|c| c * c).sum::<f64>().sqrt()
}

fn unit_vector(v: [f64; 3]) -> [f64; 3] {
    let length = vector_length(v);
    if length > 0.0 {
        v.map(|c| c / length)
    } else {
        v
    }
}
