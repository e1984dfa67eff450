//! Decodes scans of DCT coefficients, T.81 annexes F and G, and transforms them to pixels.

use super::{
    DAMAGED, Tables,
    bits::{BitReader, HuffmanTable},
    markers::{CodingProcess, Component, JpegFrame, JpegScan, ZIGZAG},
};
use std::{array, f32::consts::PI};

/// State that is carried from block to block of a scan.
struct ScanState {
    /// The last DC value of each component.
    predictions: Vec<i32>,
    /// Number of following blocks without further coefficients in this band.
    end_of_band: u32,
}

/// Decodes a scan into the coefficients of its components; `whole` is set to the number of complete rows.
pub(super) fn decode_scan(
    frame: &mut JpegFrame,
    scan: &JpegScan,
    tables: &Tables,
    reader: &mut BitReader<'_>,
    whole: &mut usize,
) -> Result<(), String> {
    for part in &scan.parts {
        frame.components[part.0].allocate_coefficients(tables)?;
    }
    let progressive = frame.process == CodingProcess::Progressive;
    if progressive && scan.spectrum.0 > 0 && scan.parts.len() > 1 {
        return Err(DAMAGED.into());
    }
    let (across, down) = mcu_counts(frame, scan);
    let mut state = ScanState {
        predictions: vec![0; frame.components.len()],
        end_of_band: 0,
    };
    for unit in 0..across * down {
        if tables.restart_interval > 0 && unit > 0 && unit % tables.restart_interval == 0 {
            reader.skip_restart_marker()?;
            state = ScanState {
                predictions: vec![0; frame.components.len()],
                end_of_band: 0,
            };
        }
        let x = unit % across;
        let y = unit / across;
        if x == 0 {
            *whole = whole_rows(frame, scan, y);
        }
        for &(index, dc, ac) in &scan.parts {
            let component = &mut frame.components[index];
            let (wide, high) = if scan.parts.len() == 1 {
                (1, 1)
            } else {
                component.sampling
            };
            for block in 0..wide * high {
                let place =
                    (y * high + block / wide) * component.blocks.0 + x * wide + block % wide;
                let block = component
                    .coefficients
                    .get_mut(place * 64..place * 64 + 64)
                    .ok_or(DAMAGED)?;
                let dc = tables.dc[dc].as_ref();
                let ac = tables.ac[ac].as_ref();
                if progressive {
                    progressive_block(block, scan, (dc, ac), reader, &mut state, index)?;
                } else {
                    let dc = dc.ok_or(DAMAGED)?;
                    let ac = ac.ok_or(DAMAGED)?;
                    sequential_block(block, dc, ac, reader, &mut state.predictions[index])?;
                }
            }
        }
    }
    *whole = frame.rows;
    Ok(())
}

/// Number of image rows that `units` rows of MCUs determine: the last rows of upsampled colour also need the MCUs
/// below.
fn whole_rows(frame: &JpegFrame, scan: &JpegScan, units: usize) -> usize {
    let height = match scan.parts[..] {
        [(only, ..)] => 8 * frame.most.1 / frame.components[only].sampling.1,
        _ => 8 * frame.most.1,
    };
    (units * height)
        .saturating_sub(frame.most.1 - 1)
        .min(frame.rows)
}

/// Number of MCUs across and down. In a scan with one component, MCUs are single blocks, T.81 A.2.
fn mcu_counts(frame: &JpegFrame, scan: &JpegScan) -> (usize, usize) {
    if let [(only, ..)] = scan.parts[..] {
        let (columns, rows) = frame.size_of(&frame.components[only]);
        return (columns.div_ceil(8), rows.div_ceil(8));
    }
    (
        frame.columns.div_ceil(8 * frame.most.0),
        frame.rows.div_ceil(8 * frame.most.1),
    )
}

fn sequential_block(
    block: &mut [i16],
    dc: &HuffmanTable,
    ac: &HuffmanTable,
    reader: &mut BitReader<'_>,
    prediction: &mut i32,
) -> Result<(), String> {
    *prediction += dc_difference(dc, reader)?;
    block[0] = *prediction as i16;
    let mut k = 1;
    while k < 64 {
        let (run, size) = run_and_size(ac, reader)?;
        match (run, size) {
            (15, 0) => k += 16,
            (_, 0) => break,
            _ => {
                k += run;
                *block
                    .get_mut(*ZIGZAG.get(k).ok_or(DAMAGED)?)
                    .ok_or(DAMAGED)? = reader.read_signed(size)? as i16;
                k += 1;
            }
        }
    }
    Ok(())
}

fn dc_difference(table: &HuffmanTable, reader: &mut BitReader<'_>) -> Result<i32, String> {
    let size = u32::from(table.decode_value(reader)?);
    if size > 15 {
        Err(DAMAGED.into())
    } else {
        reader.read_signed(size)
    }
}

fn run_and_size(table: &HuffmanTable, reader: &mut BitReader<'_>) -> Result<(usize, u32), String> {
    let code = table.decode_value(reader)?;
    Ok((usize::from(code >> 4), u32::from(code & 15)))
}

/// Decodes a block of a progressive scan, T.81 G.1.2.
fn progressive_block(
    block: &mut [i16],
    scan: &JpegScan,
    (dc, ac): (Option<&HuffmanTable>, Option<&HuffmanTable>),
    reader: &mut BitReader<'_>,
    state: &mut ScanState,
    index: usize,
) -> Result<(), String> {
    let low = scan.approximation.1;
    match (scan.spectrum.0, scan.approximation.0) {
        (0, 0) => {
            let prediction = &mut state.predictions[index];
            *prediction += dc_difference(dc.ok_or(DAMAGED)?, reader)?;
            block[0] = (*prediction << low) as i16;
            Ok(())
        }
        (0, _) => {
            block[0] |= (reader.read_bits(1)? << low) as i16;
            Ok(())
        }
        (_, 0) => first_band(
            block,
            scan,
            ac.ok_or(DAMAGED)?,
            reader,
            &mut state.end_of_band,
        ),
        _ => refine_band(
            block,
            scan,
            ac.ok_or(DAMAGED)?,
            reader,
            &mut state.end_of_band,
        ),
    }
}

fn first_band(
    block: &mut [i16],
    scan: &JpegScan,
    ac: &HuffmanTable,
    reader: &mut BitReader<'_>,
    end_of_band: &mut u32,
) -> Result<(), String> {
    if *end_of_band > 0 {
        *end_of_band -= 1;
        return Ok(());
    }
    let mut k = scan.spectrum.0;
    while k <= scan.spectrum.1 {
        let (run, size) = run_and_size(ac, reader)?;
        match (run, size) {
            (15, 0) => k += 16,
            (_, 0) => {
                *end_of_band = (1 << run) - 1 + reader.read_bits(run as u32)?;
                break;
            }
            _ => {
                k += run;
                block[*ZIGZAG.get(k).ok_or(DAMAGED)?] =
                    (reader.read_signed(size)? << scan.approximation.1) as i16;
                k += 1;
            }
        }
    }
    Ok(())
}

/// Refinement scan, T.81 G.1.2.3: one more bit for known coefficients, and the new coefficients of this bit.
fn refine_band(
    block: &mut [i16],
    scan: &JpegScan,
    ac: &HuffmanTable,
    reader: &mut BitReader<'_>,
    end_of_band: &mut u32,
) -> Result<(), String> {
    let bit = 1i16 << scan.approximation.1;
    let mut k = scan.spectrum.0;
    while *end_of_band == 0 && k <= scan.spectrum.1 {
        let (mut run, size) = run_and_size(ac, reader)?;
        let mut new = 0;
        match (run, size) {
            (15, 0) => {}
            (_, 0) => {
                *end_of_band = (1 << run) + reader.read_bits(run as u32)?;
                break;
            }
            _ => new = if reader.read_bits(1)? == 1 { bit } else { -bit },
        }
        while k <= scan.spectrum.1 {
            let value = &mut block[ZIGZAG[k]];
            if *value != 0 {
                refine_coefficient(value, bit, reader)?;
            } else if run == 0 {
                *value = new;
                k += 1;
                break;
            } else {
                run -= 1;
            }
            k += 1;
        }
    }
    if *end_of_band > 0 {
        for place in ZIGZAG.iter().take(scan.spectrum.1 + 1).skip(k) {
            if block[*place] != 0 {
                refine_coefficient(&mut block[*place], bit, reader)?;
            }
        }
        *end_of_band -= 1;
    }
    Ok(())
}

/// Refines a known coefficient by one bit, whose value is `bit`.
#[inline]
fn refine_coefficient(value: &mut i16, bit: i16, reader: &mut BitReader<'_>) -> Result<(), String> {
    if reader.read_bits(1)? == 1 && *value & bit == 0 {
        *value += if *value > 0 { bit } else { -bit };
    }
    Ok(())
}

/// The samples of all components at the size of the frame.
pub(super) fn component_planes(frame: &JpegFrame) -> Result<Vec<Vec<u16>>, String> {
    let cosines = cosine_table();
    frame
        .components
        .iter()
        .map(|component| component_plane(component, frame, &cosines))
        .collect()
}

fn component_plane(
    component: &Component,
    frame: &JpegFrame,
    cosines: &[[f32; 8]; 8],
) -> Result<Vec<u16>, String> {
    let table = component.table.ok_or(DAMAGED)?;
    let small = inverse_transform(component, &table, frame.precision, cosines);
    Ok(upsample_component(&small, frame, component))
}

/// `cosines[x][u]` of T.81 A.3.3, including the factor of `u` and 1/2.
fn cosine_table() -> [[f32; 8]; 8] {
    array::from_fn(|x| {
        array::from_fn(|u| {
            let scale = if u == 0 { (0.5f32).sqrt() } else { 1.0 };
            0.5 * scale * ((2 * x + 1) as f32 * u as f32 * PI / 16.0).cos()
        })
    })
}

/// Inverse DCT of all blocks; the plane is `blocks.0 * 8` wide.
fn inverse_transform(
    component: &Component,
    table: &[u16; 64],
    precision: u32,
    cosines: &[[f32; 8]; 8],
) -> Vec<u16> {
    let width = component.blocks.0 * 8;
    let mut out = vec![0; width * component.blocks.1 * 8];
    let middle = (1u32 << (precision - 1)) as f32;
    let most = ((1u32 << precision) - 1) as f32;
    for (index, block) in component.coefficients.chunks_exact(64).enumerate() {
        let start = index / component.blocks.0 * 8 * width + index % component.blocks.0 * 8;
        if block[1..].iter().all(|c| *c == 0) {
            let flat = f32::from(block[0]) * f32::from(table[0]) / 8.0 + middle;
            let flat = flat.round().clamp(0.0, most) as u16;
            (0..8).for_each(|y| out[start + y * width..start + y * width + 8].fill(flat));
            continue;
        }
        // Rows of coefficients first, then columns.
        let mut half = [0f32; 64];
        for v in 0..8 {
            let row: [f32; 8] =
                array::from_fn(|u| f32::from(block[v * 8 + u]) * f32::from(table[v * 8 + u]));
            for x in 0..8 {
                half[v * 8 + x] = (0..8).map(|u| cosines[x][u] * row[u]).sum();
            }
        }
        for y in 0..8 {
            for x in 0..8 {
                let value: f32 = (0..8).map(|v| cosines[y][v] * half[v * 8 + x]).sum();
                out[start + y * width + x] = (value + middle).round().clamp(0.0, most) as u16;
            }
        }
    }
    out
}

/// Upsamples a component to full size, interpolating between the centres of its samples.
fn upsample_component(small: &[u16], frame: &JpegFrame, component: &Component) -> Vec<u16> {
    let stride = component.blocks.0 * 8;
    let (columns, rows) = frame.size_of(component);
    let mut out = Vec::with_capacity(frame.columns * frame.rows);
    if component.sampling == frame.most {
        for row in small.chunks_exact(stride).take(frame.rows) {
            out.extend_from_slice(&row[..frame.columns]);
        }
        return out;
    }
    let across = interpolation_weights(frame.columns, columns, component.sampling.0, frame.most.0);
    let down = interpolation_weights(frame.rows, rows, component.sampling.1, frame.most.1);
    for &(y0, y1, fy) in &down {
        let upper_row = &small[y0 * stride..];
        let lower_row = &small[y1 * stride..];
        for &(x0, x1, fx) in &across {
            let above = interpolate_along_row(upper_row, x0, x1, fx);
            let below = interpolate_along_row(lower_row, x0, x1, fx);
            out.push((above + (below - above) * fy).round() as u16);
        }
    }
    out
}

/// Interpolates between the samples `x0` and `x1`; `weight` is that of the second.
#[inline]
fn interpolate_along_row(row: &[u16], x0: usize, x1: usize, weight: f32) -> f32 {
    let first = f32::from(row[x0]);
    let second = f32::from(row[x1]);
    first + (second - first) * weight
}

/// For each sample at full size: its two neighbours in the subsampled plane, and the weight of the second.
fn interpolation_weights(
    large: usize,
    small: usize,
    sampling: usize,
    most: usize,
) -> Vec<(usize, usize, f32)> {
    let last = small - 1;
    (0..large)
        .map(|i| {
            let place = (i as f32 + 0.5) * sampling as f32 / most as f32 - 0.5;
            let place = place.clamp(0.0, last as f32);
            let first = place as usize;
            (first, (first + 1).min(last), place - first as f32)
        })
        .collect()
}
