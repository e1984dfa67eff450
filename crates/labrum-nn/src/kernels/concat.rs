//! Concatenates the channels of two batches on the CPU, and splits them again.

use super::buffers::take_buffer;
use rayon::prelude::*;

/// Joins `a` and `b` sample by sample; `lengths` is the number of values per sample of each.
pub(super) fn join_channels([a, b]: [&[f32]; 2], lengths: [usize; 2]) -> Vec<f32> {
    let mut out = take_buffer(a.len() + b.len());
    let samples = a.par_chunks(lengths[0]).zip(b.par_chunks(lengths[1]));
    out.par_chunks_mut(lengths[0] + lengths[1])
        .zip(samples)
        .for_each(|(out, (a, b))| {
            let (to_a, to_b) = out.split_at_mut(lengths[0]);
            to_a.copy_from_slice(a);
            to_b.copy_from_slice(b);
        });
    out
}

/// Splits `joined` into the two batches that [`join_channels`] joined.
pub(super) fn split_channels(joined: &[f32], lengths: [usize; 2]) -> [Vec<f32>; 2] {
    let whole = lengths[0] + lengths[1];
    let samples = joined.len() / whole;
    let mut parts = lengths.map(|length| take_buffer(samples * length));
    let [a, b] = &mut parts;
    let outs = a
        .par_chunks_mut(lengths[0])
        .zip(b.par_chunks_mut(lengths[1]));
    joined
        .par_chunks(whole)
        .zip(outs)
        .for_each(|(joined, (a, b))| {
            a.copy_from_slice(&joined[..lengths[0]]);
            b.copy_from_slice(&joined[lengths[0]..]);
        });
    parts
}
