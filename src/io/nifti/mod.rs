//! Reads NIfTI volumes (`.nii`, `.nii.gz`) as images and as masks. The reader is our own, because the header is short and
//! must be checked against the file before anything is allocated.
//!
//! A volume is displayed slice by slice along its third axis. If the file has an orientation, rows and columns are displayed
//! in the radiological convention (head or front up, the patient's left on the right).

mod file;
mod header;
mod import;
#[cfg(test)]
pub(crate) mod tests;

pub(super) use import::{import_masks, stored_from_shown, stored_labels};

use super::picture::part_id;
use crate::{Error, Result};
pub(crate) use header::NiftiHeader;
use labrum_core::{
    cine::TimePoint,
    containment::{self, Plain},
    geometry::{PixelSpacing, Plane, SpacingSource},
    image::Image,
    lattice::Affine,
    naming::file_name_text,
    orientation::Orientation,
    stack::upright_directions,
    study::{Kind, Series, Slice, Source, os_path},
    vector::{dot_product, vector_length},
};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const TRIED: &str = "read the NIfTI volume";
/// Maximum cosine of the angle between rows and columns; beyond, DICOM cannot represent the plane.
const SQUARE: f64 = 1e-3;
/// Volumes have the same voxel grid if their corners differ by at most this fraction of a voxel.
const SAME_VOXEL: f64 = 0.1;

/// True if a file begins with a NIfTI header, compressed or not.
pub(crate) fn is_nifti(path: &Path) -> bool {
    file::begins_like_one(path)
}

/// The header of a volume.
///
/// # Errors
/// If the file is not a NIfTI volume, is truncated or damaged, or is of an unsupported type.
pub(crate) fn read_header(path: &Path) -> Result<NiftiHeader> {
    file::read_header(path).map_err(|reason| volume_error(path, reason))
}

fn volume_error(path: &Path, reason: impl ToString) -> Error {
    Error::at_path(TRIED, path, reason)
}

/// As [`read_header`], in a child process.
pub(crate) fn header_of(path: &Path) -> Result<NiftiHeader> {
    containment::read_in_child(ReadHeader {
        path: path.to_owned(),
    })
    .map(|header| header.0)
}

/// Request for the header of a volume.
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

/// How stored voxels map to displayed slices.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct VoxelLayout {
    /// How rows and columns are rotated or mirrored.
    pub(crate) orientation: Orientation,
    /// True if the last stored slice is displayed first.
    pub(crate) reversed: bool,
    /// From voxel indices to patient coordinates, if DICOM can represent the planes of the slices.
    affine: Option<Affine>,
}

impl VoxelLayout {
    /// The layout of a volume.
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
        if dot_product(a, b).abs() > SQUARE {
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
            reversed: dot_product(normal, through) < 0.0,
            ..turned
        }
    }

    /// Plane and spacing of a stored slice, as displayed.
    fn slice_plane(&self, header: &NiftiHeader, slice: usize) -> Option<(Plane, PixelSpacing)> {
        let affine = self.affine?;
        let size = (header.size[0], header.size[1]);
        let (column, row) = self.orientation.stored_pixel(size, (0, 0));
        let position = affine.map_point([column as f64, row as f64, slice as f64]);
        // An axis with a single voxel has a direction too.
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
        let [a, b, c] = unit_vector(right);
        let [d, e, f] = unit_vector(down);
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

    /// As [`Self::slice_plane`]; only the spacing in the header if slices have no plane.
    fn plane_and_spacing(
        &self,
        header: &NiftiHeader,
        slice: usize,
    ) -> (Option<Plane>, Option<PixelSpacing>) {
        if let Some((plane, spacing)) = self.slice_plane(header, slice) {
            return (Some(plane), Some(spacing));
        }
        let spacing = header.spacing.map(|[column, row, _]| PixelSpacing {
            row,
            column,
            source: SpacingSource::Nifti,
        });
        (None, spacing)
    }
}

/// The series of a volume, one for each time.
///
/// # Errors
/// As [`read_header`].
pub(super) fn read_series(path: &Path) -> Result<Vec<Series>> {
    let header = read_header(path)?;
    let layout = VoxelLayout::from_header(&header);
    let parts = (0..header.times).map(|time| series_of_time(path, &header, &layout, time));
    Ok(parts.collect())
}

fn series_of_time(path: &Path, header: &NiftiHeader, layout: &VoxelLayout, time: usize) -> Series {
    let mut notes = header.notes.clone();
    if header.affine.is_some() && layout.affine.is_none() {
        notes.push(
            "rows and columns are not perpendicular, so position and orientation were ignored"
                .into(),
        );
    }
    if header.times > 1 {
        notes.push(format!("time {} of {}", time + 1, header.times));
    }
    let (columns, rows) = layout
        .orientation
        .shown_size((header.size[0], header.size[1]));
    let slices = slices_as_shown(path, header, layout, time);
    let file = path.display().to_string();
    Series {
        id: part_id(&file, time),
        description: file_name_text(path),
        number: (header.times > 1).then_some(time as i64 + 1),
        color: header.number.is_color(),
        notes,
        time_point: (header.times > 1).then_some(TimePoint {
            group: file,
            index: time,
            count: header.times,
        }),
        ..Series::from_slices(Kind::Picture, columns, rows, slices)
    }
}

/// The slices of one time in display order.
fn slices_as_shown(
    path: &Path,
    header: &NiftiHeader,
    layout: &VoxelLayout,
    time: usize,
) -> Vec<Slice> {
    let mut slices = Vec::with_capacity(header.size[2]);
    for stored in 0..header.size[2] {
        let (plane, spacing) = layout.plane_and_spacing(header, stored);
        slices.push(Slice {
            plane,
            spacing,
            ..Slice::from_source(Source {
                path: path.to_owned(),
                frame: (time * header.size[2] + stored) as u32,
            })
        });
    }
    if layout.reversed {
        slices.reverse();
    }
    slices
}

/// Reads one slice of a volume, as displayed. `frame` is the index of the stored slice over all times.
///
/// # Errors
/// As [`read_header`], and if the voxels are truncated or damaged.
pub(super) fn read_slice(path: &Path, frame: u32) -> Result<Image> {
    let header = read_header(path)?;
    let stored = frame as usize;
    if stored >= header.size[2] * header.times {
        let reason = format!("the file has no slice {}", stored + 1);
        return Err(volume_error(path, reason));
    }
    let bytes =
        file::read_slice(path, &header, stored).map_err(|reason| volume_error(path, reason))?;
    let pixels = header.number.decode_pixels(&bytes, header.big_endian);
    let image = Image::new(header.size[0], header.size[1], pixels)
        .ok_or_else(|| volume_error(path, "the file is truncated"))?;
    let layout = VoxelLayout::from_header(&header);
    let (plane, spacing) = layout.plane_and_spacing(&header, stored % header.size[2]);
    let image = layout.orientation.orient_image(Image {
        rescale: header.rescale,
        ..image
    });
    Ok(Image {
        spacing,
        plane,
        ..image
    })
}

/// How the slices of a volume are rotated or mirrored for display; as stored if it cannot be read.
pub(super) fn slice_orientation(path: &Path) -> Orientation {
    file::read_header(path).map_or(Orientation::AS_STORED, |header| {
        VoxelLayout::from_header(&header).orientation
    })
}

/// True if two volumes have the same voxel grid in the same order, so that their slices correspond.
pub(super) fn same_voxels(a: &Path, b: &Path) -> bool {
    let (Ok(a), Ok(b)) = (file::read_header(a), file::read_header(b)) else {
        return false;
    };
    let affines = a.affine.zip(b.affine);
    a.size == b.size && affines.is_none_or(|(one, other)| lie_alike(one, other, a.size))
}

/// True if the corners of two volumes of this size agree within [`SAME_VOXEL`].
fn lie_alike(one: Affine, other: Affine, size: [usize; 3]) -> bool {
    let shortest_step = one.step_lengths().into_iter().fold(f64::INFINITY, f64::min);
    let most = SAME_VOXEL * shortest_step;
    let mut corners = [[0.0; 3]; 4];
    for axis in 0..3 {
        corners[axis + 1][axis] = size[axis] as f64;
    }
    corners.into_iter().all(|index| {
        let of_one = one.map_point(index);
        let of_other = other.map_point(index);
        (0..3).all(|i| (of_one[i] - of_other[i]).abs() <= most)
    })
}

fn unit_vector(v: [f64; 3]) -> [f64; 3] {
    let length = vector_length(v);
    if length > 0.0 {
        v.map(|c| c / length)
    } else {
        v
    }
}
