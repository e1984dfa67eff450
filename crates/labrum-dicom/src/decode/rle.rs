//! RLE Lossless, PS3.5 Annex G: a PackBits segment for each byte of each sample.

use super::{super::header::PixelHeader, Samples, Short};

/// Decodes a frame.
pub(super) fn decode_frame(bytes: &[u8], header: &PixelHeader) -> Result<Samples, String> {
    let size = header.allocated as usize / 8;
    let pixels = header.rows * header.columns;
    let wanted = size * header.samples;
    let segments = header_word(bytes, 0).ok_or("the RLE header is truncated")?;
    if segments != wanted {
        return Err(format!(
            "the RLE frame has {segments} segments, expected {wanted}"
        ));
    }
    let starts: Vec<usize> = (1..=segments)
        .map(|index| header_word(bytes, index))
        .collect::<Option<_>>()
        .ok_or("the RLE header is truncated")?;
    // Two bytes unpack to at most 128: do not allocate memory for a frame that claims more.
    if pixels * wanted > bytes.len().saturating_mul(64) {
        return Err(format!(
            "{} bytes of RLE data are too few for {} pixels",
            bytes.len(),
            pixels
        ));
    }
    let mut out = vec![0; pixels * wanted];
    let mut short: Option<Short> = None;
    for (segment, &start) in starts.iter().enumerate() {
        let end = starts.get(segment + 1).copied().unwrap_or(bytes.len());
        // In truncated data, segments end early or are missing.
        let start = start.min(bytes.len());
        let end = end.min(bytes.len());
        let packed = bytes
            .get(start..end)
            .ok_or("the RLE segments are damaged")?;
        let sample = segment / size;
        let byte = segment % size;
        // The most significant byte comes first.
        let first = sample * size + size - 1 - byte;
        let filled = unpack_runs(packed, out.iter_mut().skip(first).step_by(wanted));
        if filled < pixels {
            let rows = short
                .as_ref()
                .map_or(header.rows, |s| s.rows)
                .min(filled / header.columns);
            short = Some(Short {
                rows,
                reason: format!(
                    "RLE segment {} contains {filled} of {pixels} values",
                    segment + 1
                ),
            });
        }
    }
    Ok(Samples {
        bytes: out,
        size,
        short,
        ..Default::default()
    })
}

/// A word of the header: the number of segments, then the offset of each.
fn header_word(bytes: &[u8], index: usize) -> Option<usize> {
    let word = bytes.get(index * 4..index * 4 + 4)?;
    Some(u32::from_le_bytes([word[0], word[1], word[2], word[3]]) as usize)
}

/// Encodes an 8-bit frame with one sample per pixel and rows of `columns` values; the result has an even length.
pub(crate) fn encode_frame(values: &[u8], columns: usize) -> Vec<u8> {
    let mut out = vec![0; 64];
    // One segment, which begins after the 64-byte header.
    out[0] = 1;
    out[4] = 64;
    // PS3.5 G.3.1: runs must not cross the end of a row.
    values
        .chunks(columns.max(1))
        .for_each(|row| pack_row(row, &mut out));
    out.resize(out.len().next_multiple_of(2), 0);
    out
}

fn pack_row(values: &[u8], out: &mut Vec<u8>) {
    let mut literal = 0;
    let mut at = 0;
    while let Some(value) = values.get(at) {
        let run = values[at..]
            .iter()
            .take(128)
            .take_while(|v| *v == value)
            .count();
        // A run of two saves nothing, and interrupts a literal.
        if run >= 3 {
            put_literals(out, &values[literal..at]);
            out.extend([(257 - run) as u8, *value]);
            at += run;
            literal = at;
        } else {
            at += run;
        }
    }
    put_literals(out, &values[literal..]);
}

fn put_literals(out: &mut Vec<u8>, values: &[u8]) {
    for piece in values.chunks(128) {
        out.push(piece.len() as u8 - 1);
        out.extend(piece);
    }
}

/// Unpacks until input or output ends; returns the number of values written.
fn unpack_runs<'a>(packed: &[u8], mut out: impl Iterator<Item = &'a mut u8>) -> usize {
    let mut written = 0;
    let mut at = 0;
    while let Some(&control) = packed.get(at) {
        at += 1;
        let count = usize::from(control.wrapping_neg()) + 1;
        match control {
            0..=127 => {
                for value in packed.iter().skip(at).take(usize::from(control) + 1) {
                    let Some(place) = out.next() else {
                        return written;
                    };
                    *place = *value;
                    written += 1;
                }
                at += usize::from(control) + 1;
            }
            128 => {}
            129..=255 => {
                let Some(value) = packed.get(at) else {
                    return written;
                };
                for _ in 0..count {
                    let Some(place) = out.next() else {
                        return written;
                    };
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
    use super::{encode_frame, unpack_runs};

    #[test]
    fn packed_values_unpack_to_the_same_values() {
        let mut state = 1u32;
        let mut noise = move || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state >> 24
        };
        for columns in [1, 2, 3, 127, 128, 129, 130, 500, 3001] {
            for spread in [1, 2, 5, 200] {
                let length = columns * 3;
                let values: Vec<u8> = (0..length).map(|_| (noise() % spread) as u8).collect();
                let packed = encode_frame(&values, columns);
                assert_eq!(packed.len() % 2, 0);
                assert!(
                    packed.len() <= 64 + length + 3 * (columns / 128 + 1) + 1,
                    "{length} became {}",
                    packed.len()
                );
                let mut out = vec![0; length];
                assert_eq!(unpack_runs(&packed[64..], out.iter_mut()), length);
                assert_eq!(out, values);
            }
        }
    }

    #[test]
    fn literal_and_repeated_runs_are_unpacked() {
        let mut out = [0; 7];
        assert_eq!(unpack_runs(&[2, 1, 2, 3, 0xFD, 9], out.iter_mut()), 7);
        assert_eq!(out, [1, 2, 3, 9, 9, 9, 9]);
    }

    #[test]
    fn a_truncated_run_gives_the_number_of_its_values() {
        assert_eq!(unpack_runs(&[5, 1, 2], [0; 9].iter_mut()), 2);
    }
}
