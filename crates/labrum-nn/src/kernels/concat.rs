//! Joining the channels of two batches of samples on the CPU, and taking them apart.

use rayon::prelude::*;

/// Sample after sample of `a` and `b`, which have `lengths` numbers for each.
pub(super) fn join_channels([a, b]: [&[f32]; 2], lengths: [usize; 2]) -> Vec<f32> {
    let mut out = vec![0.0; a.len() + b.len()];
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

/// The two batches that [`join_channels`] made `joined` of.
pub(super) fn split_channels(joined: &[f32], lengths: [usize; 2]) -> [Vec<f32>; 2] {
    let whole = lengths[0] + lengths[1];
    let samples = joined.len() / whole;
    let mut parts = lengths.map(|length| vec![0.0; samples * length]);
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
