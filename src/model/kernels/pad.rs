//! Planes with a border of zeros, so that a convolution is sums over shifted windows of one long row.

use rayon::prelude::*;
use std::borrow::Cow;

/// Planes of `rows` x `columns` with `border` zeros on every side, one after another.
pub(super) struct Padded<'a> {
    /// All planes.
    pub data: Cow<'a, [f32]>,
    /// From one row to the next.
    pub pitch: usize,
    /// From one plane to the next.
    pub plane: usize,
}

impl<'a> Padded<'a> {
    /// Adds a border to every plane of `x`; without one nothing is copied.
    pub(super) fn new(x: &'a [f32], rows: usize, columns: usize, border: usize) -> Self {
        let pitch = columns + 2 * border;
        let plane = (rows + 2 * border) * pitch;
        if border == 0 {
            return Self { data: Cow::Borrowed(x), pitch, plane };
        }
        let mut data = vec![0.0; x.len() / (rows * columns) * plane];
        data.par_chunks_mut(plane).zip(x.par_chunks(rows * columns)).for_each(|(to, from)| {
            for (row, values) in from.chunks_exact(columns).enumerate() {
                let start = (row + border) * pitch + border;
                to[start..start + columns].copy_from_slice(values);
            }
        });
        Self { data: Cow::Owned(data), pitch, plane }
    }
}
