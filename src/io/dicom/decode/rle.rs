//! RLE Lossless, PS3.5 Annex G: for each byte of each sample a segment of PackBits.

use super::{super::header::Header, Samples, Short};

/// Decodes a frame.
pub(super) fn decode(bytes: &[u8], header: &Header) -> Result<Samples, String> {
    let size = header.allocated as usize / 8;
    let pixels = header.rows * header.columns;
    let wanted = size * header.samples;
    let word = |index: usize| {
        let at = bytes.get(index * 4..index * 4 + 4)?;
        Some(u32::from_le_bytes([at[0], at[1], at[2], at[3]]) as usize)
    };
    let segments = word(0).ok_or("its RLE header is cut off")?;
    if segments != wanted {
        return Err(format!("its RLE frame has {segments} segments, {wanted} are due"));
    }
    let starts: Vec<usize> = (1..=segments).map(word).collect::<Option<_>>().ok_or("its RLE header is cut off")?;
    // Two bytes unpack to 128 at most: a frame that claims more is not allocated.
    if pixels * wanted > bytes.len().saturating_mul(64) {
        return Err(format!("{} bytes of RLE cannot hold {} pixels", bytes.len(), pixels));
    }
    let mut out = vec![0; pixels * wanted];
    let mut short: Option<Short> = None;
    for (segment, &start) in starts.iter().enumerate() {
        let end = starts.get(segment + 1).copied().unwrap_or(bytes.len());
        // Of a stream that is cut off, the segments end early or are not there.
        let (start, end) = (start.min(bytes.len()), end.min(bytes.len()));
        let packed = bytes.get(start..end).ok_or("its RLE segments are damaged")?;
        let (sample, byte) = (segment / size, segment % size);
        // The most significant byte comes first.
        let first = sample * size + size - 1 - byte;
        let filled = unpack(packed, out.iter_mut().skip(first).step_by(wanted));
        if filled < pixels {
            let rows = short.as_ref().map_or(header.rows, |s| s.rows).min(filled / header.columns);
            short = Some(Short {
                rows,
                reason: format!("its RLE segment {} holds {filled} of {pixels} values", segment + 1),
            });
        }
    }
    Ok(Samples { bytes: out, size, short, ..Default::default() })
}

/// Unpacks until either side ends; returns how many were written.
fn unpack<'a>(packed: &[u8], mut out: impl Iterator<Item = &'a mut u8>) -> usize {
    let mut written = 0;
    let mut at = 0;
    while let Some(&control) = packed.get(at) {
        at += 1;
        let count = usize::from(control.wrapping_neg()) + 1;
        match control {
            0..=127 => {
                for value in packed.iter().skip(at).take(usize::from(control) + 1) {
                    let Some(place) = out.next() else { return written };
                    *place = *value;
                    written += 1;
                }
                at += usize::from(control) + 1;
            }
            128 => {}
            129..=255 => {
                let Some(value) = packed.get(at) else { return written };
                for _ in 0..count {
                    let Some(place) = out.next() else { return written };
                    *place = *value;
                    written += 1;
                }
                at += 1;
            }
        }
    }
    written
}

#[cfg(test)]
mod tests {
    use super::unpack;

    #[test]
    fn literal_and_repeated_runs_are_unpacked() {
        let mut out = [0; 7];
        assert_eq!(unpack(&[2, 1, 2, 3, 0xFD, 9], out.iter_mut()), 7);
        assert_eq!(out, [1, 2, 3, 9, 9, 9, 9]);
    }

    #[test]
    fn a_run_that_ends_early_says_how_many_there_are() {
        assert_eq!(unpack(&[5, 1, 2], [0; 9].iter_mut()), 2);
    }
}
