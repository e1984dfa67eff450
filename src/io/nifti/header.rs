//! Parses the header of a NIfTI volume: versions 1 (`nifti1.h`, NIMH 2007) and 2 (`nifti2.h`, 2011), in both byte orders.

use crate::io::numbers::NumberKind;
use labrum_core::{image::Rescale, lattice::Affine};
use serde::{Deserialize, Serialize};
use std::array;

/// Size of the version 2 header, the longer one, in bytes.
pub(super) const LONGEST: usize = 540;
/// Maximum width and height of a slice in pixels.
const MOST_SIDE: usize = 16_384;
/// Maximum number of pixels in a slice.
const MOST_PIXELS: usize = 1 << 28;
/// Maximum number of slices in a volume, over all times.
const MOST_SLICES: usize = 1 << 16;
/// sform and qform are considered equal if the far corner differs by less than this, in mm.
const SAME_PLACE: f64 = 0.1;

/// The content of the header.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct NiftiHeader {
    /// Voxels along the three axes, as stored; the first axis varies fastest.
    pub(crate) size: [usize; 3],
    /// Number of volumes (times) in the file.
    pub(crate) times: usize,
    /// Data type of the voxels.
    pub(crate) number: NumberKind,
    /// Slope and intercept from stored to real values.
    pub(crate) rescale: Rescale,
    /// From voxel indices to patient coordinates (LPS, mm); `None` if not specified.
    pub(crate) affine: Option<Affine>,
    /// Voxel size along the three axes in mm; `None` if not specified.
    pub(crate) spacing: Option<[f64; 3]>,
    /// Remarks for the user.
    pub(crate) notes: Vec<String>,
    /// File offset of the voxels.
    pub(super) offset: u64,
    pub(super) big_endian: bool,
}

impl NiftiHeader {
    /// Size of a stored slice in bytes.
    pub(super) fn slice_bytes(&self) -> u64 {
        (self.size[0] * self.size[1] * self.number.byte_size()) as u64
    }

    /// File offset of the end of the voxels.
    pub(super) fn voxels_end(&self) -> u64 {
        self.offset.saturating_add(
            self.slice_bytes()
                .saturating_mul((self.size[2] * self.times) as u64),
        )
    }
}

/// True for the first bytes of a NIfTI volume of either version, as a single file or a file pair.
pub(super) fn is_header(head: &[u8]) -> bool {
    Fields::from_head(head).is_some()
}

/// Reads the header. The error is the reason, a clause.
pub(super) fn parse_header(head: &[u8]) -> Result<NiftiHeader, String> {
    let fields = Fields::from_head(head).ok_or("not a NIfTI volume")?;
    if !fields.is_one_file {
        return Err(
            "the voxels are in a separate file (.img); save the volume as a single .nii file"
                .into(),
        );
    }
    let (size, times) = volume_size(&fields.axis_dims())?;
    let number = number_kind(fields.i16_at(fields.offset_for_version(70, 12)))?;
    let mut notes = Vec::new();
    let (affine, spacing) = voxel_placement(&fields, size, &mut notes);
    let offset = if fields.is_second {
        fields.i64_at(168) as f64
    } else {
        fields.f32_at(108)
    };
    let least = if fields.is_second { 544.0 } else { 352.0 };
    if !(offset.is_finite() && (0.0..1e15).contains(&offset)) {
        return Err(format!("the voxel offset {offset} is not valid"));
    }
    // Some programs leave the voxel offset at 0.
    let offset = if offset < least - 4.0 { least } else { offset };
    let slope = fields.real_at(112, 176);
    let intercept = fields.real_at(116, 184);
    let is_scaled =
        slope != 0.0 && slope.is_finite() && intercept.is_finite() && !number.is_color();
    let rescale = if is_scaled {
        Rescale { slope, intercept }
    } else {
        Rescale::default()
    };
    Ok(NiftiHeader {
        size,
        times,
        number,
        rescale,
        affine,
        spacing,
        notes,
        offset: offset as u64,
        big_endian: fields.big_endian,
    })
}

/// Access to the fields of either version by their byte offsets.
struct Fields<'a> {
    head: &'a [u8],
    big_endian: bool,
    is_second: bool,
    is_one_file: bool,
}

impl<'a> Fields<'a> {
    fn from_head(head: &'a [u8]) -> Option<Self> {
        let size: [u8; 4] = head.get(..4)?.try_into().ok()?;
        let big_endian = matches!(i32::from_be_bytes(size), 348 | 540);
        let size = if big_endian {
            i32::from_be_bytes(size)
        } else {
            i32::from_le_bytes(size)
        };
        let (is_second, magic) = match size {
            348 => (false, head.get(344..348)?),
            540 if head.len() >= LONGEST => (true, head.get(4..8)?),
            _ => return None,
        };
        let is_one_file = match magic {
            b"n+1\0" | b"n+2\0" => true,
            b"ni1\0" | b"ni2\0" => false,
            _ => return None,
        };
        Some(Self {
            head,
            big_endian,
            is_second,
            is_one_file,
        })
    }

    fn offset_for_version(&self, first: usize, second: usize) -> usize {
        if self.is_second { second } else { first }
    }

    fn bytes_at<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut bytes: [u8; N] = self
            .head
            .get(at..at + N)
            .and_then(|b| b.try_into().ok())
            .unwrap_or([0; N]);
        if self.big_endian {
            bytes.reverse();
        }
        bytes
    }

    fn i16_at(&self, at: usize) -> i16 {
        i16::from_le_bytes(self.bytes_at(at))
    }

    fn i64_at(&self, at: usize) -> i64 {
        i64::from_le_bytes(self.bytes_at(at))
    }

    fn f32_at(&self, at: usize) -> f64 {
        f64::from(f32::from_le_bytes(self.bytes_at(at)))
    }

    /// Single precision at `first` in version 1, double at `second` in version 2.
    fn real_at(&self, first: usize, second: usize) -> f64 {
        if self.is_second {
            f64::from_le_bytes(self.bytes_at(second))
        } else {
            self.f32_at(first)
        }
    }

    fn reals_at<const N: usize>(&self, first: usize, second: usize) -> [f64; N] {
        array::from_fn(|i| self.real_at(first + 4 * i, second + 8 * i))
    }

    /// A code: 16 bits in version 1, 32 bits in version 2.
    fn code_at(&self, first: usize, second: usize) -> i32 {
        if self.is_second {
            i32::from_le_bytes(self.bytes_at(second))
        } else {
            i32::from(self.i16_at(first))
        }
    }

    /// The `dim` field: the number of dimensions, and the size of each.
    fn axis_dims(&self) -> [i64; 8] {
        array::from_fn(|i| {
            if self.is_second {
                self.i64_at(16 + 8 * i)
            } else {
                i64::from(self.i16_at(40 + 2 * i))
            }
        })
    }
}

/// Voxels along the three axes, and the number of volumes.
fn volume_size(dims: &[i64; 8]) -> Result<([usize; 3], usize), String> {
    let axes = dims[0];
    if !(1..=7).contains(&axes) {
        return Err(format!("{axes} dimensions are not supported"));
    }
    let values = (4..7)
        .map(|axis| voxels_along_axis(dims, axis))
        .collect::<Result<Vec<_>, _>>()?;
    if let Some(more) = values.iter().find(|n| **n > 1) {
        return Err(format!("{more} values per voxel are not supported"));
    }
    let columns = voxels_along_axis(dims, 0)?;
    let rows = voxels_along_axis(dims, 1)?;
    let slices = voxels_along_axis(dims, 2)?;
    let times = voxels_along_axis(dims, 3)?;
    if columns > MOST_SIDE || rows > MOST_SIDE || columns * rows > MOST_PIXELS {
        return Err(format!(
            "the slices are too large: {columns} x {rows} pixels"
        ));
    }
    let all = slices.checked_mul(times).filter(|n| *n <= MOST_SLICES);
    all.ok_or(format!(
        "the volume is too large: {slices} slices at {times} times"
    ))?;
    Ok(([columns, rows, slices], times))
}

/// The number of voxels along an axis (0-based); 1 if the volume has fewer axes.
fn voxels_along_axis(dims: &[i64; 8], axis: usize) -> Result<usize, String> {
    let [axes, counts @ ..] = *dims;
    if axis >= axes as usize {
        return Ok(1);
    }
    let wanted = counts.get(axis).copied().unwrap_or(1);
    usize::try_from(wanted)
        .ok()
        .filter(|count| *count > 0)
        .ok_or(format!(
            "{wanted} voxels along axis {} are not valid",
            axis + 1
        ))
}

fn number_kind(code: i16) -> Result<NumberKind, String> {
    Ok(match code {
        2 => NumberKind::U8,
        4 => NumberKind::I16,
        8 => NumberKind::I32,
        16 => NumberKind::F32,
        64 => NumberKind::F64,
        128 => NumberKind::Rgb,
        256 => NumberKind::I8,
        512 => NumberKind::U16,
        768 => NumberKind::U32,
        1024 => NumberKind::I64,
        1280 => NumberKind::U64,
        2304 => NumberKind::Rgba,
        1 => return Err("1-bit voxels are not supported".into()),
        32 | 1792 | 2048 => {
            return Err("complex voxel values are not supported".into());
        }
        _ => return Err(format!("voxel data type {code} is not supported")),
    })
}

/// Position, orientation and size of the voxels.
fn voxel_placement(
    fields: &Fields<'_>,
    size: [usize; 3],
    notes: &mut Vec<String>,
) -> (Option<Affine>, Option<[f64; 3]>) {
    let units = if fields.is_second {
        fields.code_at(0, 500)
    } else {
        i32::from(fields.head.get(123).copied().unwrap_or(0))
    };
    // Units: metres, micrometres, else millimetres.
    let mm = match units & 7 {
        1 => 1000.0,
        3 => 0.001,
        _ => 1.0,
    };
    let pixdim: [f64; 8] = fields.reals_at(76, 104);
    let sizes: [f64; 3] = array::from_fn(|i| pixdim[i + 1].abs() * mm);
    let sizes = sizes
        .iter()
        .all(|s| s.is_finite() && *s > 1e-6 && *s < 1e6)
        .then_some(sizes);
    let [qform, sform] = [
        (fields.code_at(252, 344), qform_affine(fields, &pixdim)),
        (fields.code_at(254, 348), sform_affine(fields)),
    ]
    .map(|(code, affine)| (code > 0).then(|| ras_to_lps(affine, mm)).filter(is_sound));
    if fields.code_at(254, 348) > 0 && sform.is_none()
        || fields.code_at(252, 344) > 0 && sform.is_none() && qform.is_none()
    {
        notes.push("position and orientation in the header are not valid and were ignored".into());
    }
    let corner = size.map(|n| n as f64);
    if let (Some(a), Some(b)) = (&sform, &qform)
        && (0..3).any(|i| {
            (a.map_point(corner)[i] - b.map_point(corner)[i]).abs()
                > SAME_PLACE + 1e-3 * b.map_point(corner)[i].abs()
        })
    {
        notes.push("sform and qform give different positions; the sform is used".into());
    }
    let affine = sform.or(qform);
    (affine, affine.map(|a| a.step_lengths()).or(sizes))
}

/// Method 3: the three rows of the sform matrix.
fn sform_affine(fields: &Fields<'_>) -> Affine {
    let rows: [[f64; 4]; 3] = [
        fields.reals_at(280, 400),
        fields.reals_at(296, 432),
        fields.reals_at(312, 464),
    ];
    Affine {
        steps: [
            matrix_column(&rows, 0),
            matrix_column(&rows, 1),
            matrix_column(&rows, 2),
        ],
        origin: matrix_column(&rows, 3),
    }
}

fn matrix_column(rows: &[[f64; 4]; 3], column: usize) -> [f64; 3] {
    array::from_fn(|row| rows[row][column])
}

/// Method 2: the qform quaternion and the voxel sizes.
fn qform_affine(fields: &Fields<'_>, pixdim: &[f64; 8]) -> Affine {
    let [b, c, d]: [f64; 3] = fields.reals_at(256, 352);
    let origin = fields.reals_at(268, 376);
    let rest = 1.0 - (b * b + c * c + d * d);
    // A rotation by 180 degrees, whose first component is 0 up to rounding.
    let (a, [b, c, d]) = if rest < 1e-7 {
        let length = (b * b + c * c + d * d).sqrt();
        (0.0, [b, c, d].map(|v| v / length))
    } else {
        (rest.sqrt(), [b, c, d])
    };
    let third = if pixdim[0] < 0.0 { -1.0 } else { 1.0 };
    let columns = [
        [
            a * a + b * b - c * c - d * d,
            2.0 * (b * c + a * d),
            2.0 * (b * d - a * c),
        ],
        [
            2.0 * (b * c - a * d),
            a * a + c * c - b * b - d * d,
            2.0 * (c * d + a * b),
        ],
        [
            2.0 * (b * d + a * c),
            2.0 * (c * d - a * b),
            a * a + d * d - c * c - b * b,
        ],
    ];
    let sizes = [pixdim[1], pixdim[2], third * pixdim[3]];
    Affine {
        steps: array::from_fn(|axis| columns[axis].map(|v| v * sizes[axis])),
        origin,
    }
}

/// True if the origin is a plausible number and the axes are linearly independent.
fn is_sound(affine: &Affine) -> bool {
    affine.origin.iter().all(|v| v.abs() < 1e6) && affine.inverse().is_some()
}

/// Converts NIfTI coordinates (RAS) to DICOM coordinates (LPS) in mm.
fn ras_to_lps(ras: Affine, mm: f64) -> Affine {
    Affine {
        steps: ras.steps.map(|step| vector_to_lps(step, mm)),
        origin: vector_to_lps(ras.origin, mm),
    }
}

/// As [`ras_to_lps`], for one vector. Adding 0.0 turns -0.0 into 0.0.
fn vector_to_lps([x, y, z]: [f64; 3], mm: f64) -> [f64; 3] {
    [-x * mm + 0.0, -y * mm + 0.0, z * mm]
}
