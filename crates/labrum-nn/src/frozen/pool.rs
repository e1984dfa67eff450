//! Max pooling 2x2 of the frozen network.

use super::planes::Planes;
use crate::kernels::simd::{MAX_LANES, detected_arch};
use pulp::{Simd, WithSimd};
use rayon::prelude::*;

/// The maximum of each 2x2 block of pixels.
pub(super) fn max_pool_2x2(input: &Planes, out: &mut Planes) {
    let columns = out.columns;
    let pitch = out.channel_pitch();
    let row_length = out.row_length();
    out.inside_mut()
        .par_chunks_mut(row_length)
        .enumerate()
        .for_each(|(row, out)| {
            let rows = [
                input.row_values(2 * row as isize),
                input.row_values(2 * row as isize + 1),
            ];
            detected_arch().dispatch(PoolRows {
                rows,
                in_pitch: input.channel_pitch(),
                out,
                pitch,
                columns,
            });
        });
}

struct PoolRows<'a> {
    rows: [&'a [f32]; 2],
    in_pitch: usize,
    out: &'a mut [f32],
    pitch: usize,
    columns: usize,
}

impl WithSimd for PoolRows<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) {
        let [upper, lower] = self.rows.map(|row| row.chunks_exact(self.in_pitch));
        for ((upper, lower), out) in upper.zip(lower).zip(self.out.chunks_exact_mut(self.pitch)) {
            let pairs = upper[MAX_LANES..]
                .chunks_exact(2)
                .zip(lower[MAX_LANES..].chunks_exact(2));
            for (out, (upper, lower)) in out[MAX_LANES..MAX_LANES + self.columns]
                .iter_mut()
                .zip(pairs)
            {
                *out = upper[0].max(upper[1]).max(lower[0].max(lower[1]));
            }
        }
    }
}
