//! Encodes the header of a NIfTI-1 volume of labels.

use super::{VolumeGrid, rotation_quaternion};
use std::result;

/// Size of the header in bytes: the offset of the voxels.
const HEADER: usize = 352;

/// The header, including the four bytes that say that there are no extensions.
pub(super) fn encode_header(
    size: [usize; 3],
    grid: &VolumeGrid,
) -> result::Result<Vec<u8>, String> {
    let mut out = NiftiBytes(vec![0; HEADER]);
    out.put_i32(0, 348);
    // Three dimensions with their voxels; the four remaining dimensions have size 1.
    out.put_i16(40, 3);
    for (axis, voxels) in (0..).zip(size) {
        out.put_i16(42 + 2 * axis, side_in_header(voxels)?);
    }
    (0..4).for_each(|axis| out.put_i16(48 + 2 * axis, 1));
    // Intent NIFTI_INTENT_LABEL, data type unsigned char, 8 bits.
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
    // Unit: mm.
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

/// The size of a dimension in the header.
fn side_in_header(voxels: usize) -> result::Result<i16, String> {
    i16::try_from(voxels)
        .map_err(|_| format!("{voxels} voxels in one dimension exceed the limit of NIfTI-1"))
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
