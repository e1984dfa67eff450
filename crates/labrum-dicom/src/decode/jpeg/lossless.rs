//! Lossless scans, T.81 annex H.

use super::{
    DAMAGED, Tables,
    bits::{BitReader, HuffmanTable},
    markers::{Component, JpegFrame, JpegScan},
};

/// Decodes a scan into the samples of its components; `whole` is set to the number of complete rows.
pub(super) fn decode_scan(
    frame: &mut JpegFrame,
    scan: &JpegScan,
    tables: &Tables,
    reader: &mut BitReader<'_>,
    whole: &mut usize,
) -> Result<(), String> {
    let (columns, rows) = (frame.columns, frame.rows);
    let predictor = scan.spectrum.0;
    let shift = scan.approximation.1;
    if !(1..=7).contains(&predictor) {
        return Err(DAMAGED.into());
    }
    let middle = 1i32 << (frame.precision - shift - 1);
    let huffman: Vec<&HuffmanTable> = scan
        .parts
        .iter()
        .map(|(_, dc, _)| tables.dc[*dc].as_ref())
        .collect::<Option<_>>()
        .ok_or(DAMAGED)?;
    for part in &scan.parts {
        frame.components[part.0].samples = vec![0; columns * rows];
    }
    // The point transform is undone at the end, because predictions use the shifted samples.
    for part in &scan.parts {
        frame.components[part.0].shift = shift;
    }
    // The row in which prediction restarted: in it, only the left neighbour is used.
    let mut first_row = 0;
    for row in 0..rows {
        for column in 0..columns {
            let place = row * columns + column;
            let restarts =
                tables.restart_interval > 0 && place > 0 && place % tables.restart_interval == 0;
            if restarts {
                reader.skip_restart_marker()?;
                first_row = row;
            }
            for (part, table) in scan.parts.iter().zip(&huffman) {
                let samples = &mut frame.components[part.0].samples;
                let predicted = if (place == 0 || restarts) && row == first_row {
                    middle
                } else if row == first_row {
                    i32::from(samples[place - 1])
                } else if column == 0 {
                    i32::from(samples[place - columns])
                } else {
                    let left = i32::from(samples[place - 1]);
                    let above = i32::from(samples[place - columns]);
                    let above_left = i32::from(samples[place - columns - 1]);
                    predict_sample(predictor, left, above, above_left)
                };
                let size = u32::from(table.decode_value(reader)?);
                let difference = match size {
                    0..=15 => reader.read_signed(size)?,
                    16 => 32_768,
                    _ => return Err(DAMAGED.into()),
                };
                samples[place] = (predicted + difference) as u16;
            }
        }
        *whole = row + 1;
    }
    Ok(())
}

/// The samples of a component at full depth.
pub(super) fn component_samples(mut component: Component) -> Vec<u16> {
    let shift = component.shift;
    if shift > 0 {
        component
            .samples
            .iter_mut()
            .for_each(|sample| *sample <<= shift);
    }
    component.samples
}

/// Predicts a sample from its neighbours, T.81 table H.1.
fn predict_sample(predictor: usize, a: i32, b: i32, c: i32) -> i32 {
    match predictor {
        1 => a,
        2 => b,
        3 => c,
        4 => a + b - c,
        5 => a + ((b - c) >> 1),
        6 => b + ((a - c) >> 1),
        _ => (a + b) >> 1,
    }
}
