//! Makes pictures ready for the screen: window and level, reduction, RGBA, tile by tile.

use super::{Outbox, mailbox::Mailbox};
use crate::{
    domain::image::{Image, Pixels, Window},
    session::{
        job::{Event, RenderRequest, Tile, TileKey},
        tiles::{TILE, covered},
    },
};

/// Rows of a tile that are worked out at once: bounds the memory for tiles of reduced size.
const BAND: usize = 64;

/// Makes tiles until the mailbox is closed. A request is finished before the newest one is begun, so that dragging a
/// window shows every step that there is time for.
pub(super) fn work(mailbox: &Mailbox<RenderRequest>, outbox: &Outbox) {
    while let Some(request) = mailbox.take() {
        for &tile in &request.tiles {
            let (size, rgba) = render(&request.image, request.window, request.is_default, tile);
            let (key, window) = (request.key, request.window);
            if !outbox.send(Event::Tile(Tile { key, window, tile, size, rgba })) {
                return;
            }
        }
    }
}

/// Width, height and RGBA bytes of a tile.
fn render(image: &Image, window: Window, is_default: bool, tile: TileKey) -> ([usize; 2], Vec<u8>) {
    let to_rgba = |part: &Image| {
        let by_table = if is_default { part.to_rgba_by_table() } else { None };
        by_table.unwrap_or_else(|| part.to_rgba(window))
    };
    let [across, down] = covered(tile, image.columns, image.rows);
    if tile.level == 0 && across.len() == image.columns && down.len() == image.rows {
        return ([image.columns, image.rows], to_rgba(image));
    }
    let factor = 1usize << tile.level;
    let size = [across.len().div_ceil(factor), down.len().div_ceil(factor)];
    let mut rgba = Vec::with_capacity(size[0] * size[1] * 4);
    for band in (0..size[1]).step_by(BAND) {
        let rows = down.start + band * factor..(down.start + (band + BAND) * factor).min(down.end);
        let part = crop(image, across.clone(), rows);
        reduce(&to_rgba(&part), part.columns, part.rows, factor, &mut rgba);
    }
    debug_assert!(size[0] <= TILE && size[1] <= TILE);
    (size, rgba)
}

/// Appends the means of squares of `factor` pixels.
fn reduce(rgba: &[u8], columns: usize, rows: usize, factor: usize, out: &mut Vec<u8>) {
    if factor == 1 {
        return out.extend_from_slice(rgba);
    }
    for y in (0..rows).step_by(factor) {
        for x in (0..columns).step_by(factor) {
            let (x_end, y_end) = ((x + factor).min(columns), (y + factor).min(rows));
            let mut sums = [0u32; 3];
            for row in y..y_end {
                for pixel in rgba[(row * columns + x) * 4..(row * columns + x_end) * 4].chunks_exact(4) {
                    (0..3).for_each(|c| sums[c] += u32::from(pixel[c]));
                }
            }
            let n = ((x_end - x) * (y_end - y)) as u32;
            out.extend([0, 1, 2].map(|c| ((sums[c] + n / 2) / n) as u8));
            out.push(255);
        }
    }
}

/// A part of an image with all else as it is.
fn crop(image: &Image, across: std::ops::Range<usize>, down: std::ops::Range<usize>) -> Image {
    let (columns, rows) = (across.len(), down.len());
    let pixels = pick(&image.pixels, down.flat_map(|y| across.clone().map(move |x| y * image.columns + x)));
    with_pixels(image, columns, rows, pixels)
}

/// An image of `columns` x `rows` pixels taken at even distances.
pub(super) fn sampled(image: &Image, columns: usize, rows: usize) -> Image {
    let at = |i: usize, n: usize, of: usize| (2 * i + 1) * of / (2 * n);
    let indices = (0..rows).flat_map(|y| {
        (0..columns).map(move |x| at(y, rows, image.rows) * image.columns + at(x, columns, image.columns))
    });
    with_pixels(image, columns, rows, pick(&image.pixels, indices))
}

fn with_pixels(image: &Image, columns: usize, rows: usize, pixels: Pixels) -> Image {
    Image {
        columns,
        rows,
        pixels,
        rescale: image.rescale,
        unit: None,
        inverted: image.inverted,
        windows: image.windows.clone(),
        voi_lut: image.voi_lut.clone(),
        padding: image.padding,
        spacing: None,
        plane: None,
    }
}

fn pick(pixels: &Pixels, indices: impl Iterator<Item = usize>) -> Pixels {
    match pixels {
        Pixels::U8(v) => Pixels::U8(indices.map(|i| v[i]).collect()),
        Pixels::U16(v) => Pixels::U16(indices.map(|i| v[i]).collect()),
        Pixels::I16(v) => Pixels::I16(indices.map(|i| v[i]).collect()),
        Pixels::F32(v) => Pixels::F32(indices.map(|i| v[i]).collect()),
        Pixels::Rgb8(v) => Pixels::Rgb8(indices.map(|i| v[i]).collect()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::session::tiles::{overview_level, touching};

    #[test]
    fn tiles_put_together_are_the_picture() {
        let (columns, rows) = (1500, 1100);
        let pixels: Vec<u8> = (0..columns * rows).map(|i| (i % 251) as u8).collect();
        let image = Image::new(columns, rows, Pixels::U8(pixels.clone())).unwrap();
        for tile in touching(0, [0.0; 2], [columns as f32, rows as f32], columns, rows) {
            let [across, down] = covered(tile, columns, rows);
            let (size, rgba) = render(&image, image.default_window(), true, tile);
            assert_eq!(size, [across.len(), down.len()]);
            for (i, pixel) in rgba.chunks_exact(4).enumerate() {
                let (x, y) = (across.start + i % size[0], down.start + i / size[0]);
                assert_eq!(pixel[0], pixels[y * columns + x]);
            }
        }
    }

    #[test]
    fn the_overview_of_a_large_picture_is_one_tile_of_means() {
        let (columns, rows) = (3000, 2000);
        let pixels = (0..columns * rows).map(|i| if (i % columns) % 2 == 0 { 100 } else { 200 }).collect();
        let image = Image::new(columns, rows, Pixels::U8(pixels)).unwrap();
        let level = overview_level(columns, rows);
        let (size, rgba) = render(&image, image.default_window(), true, TileKey { level, column: 0, row: 0 });
        assert_eq!(size, [750, 500]);
        assert!(rgba.chunks_exact(4).all(|p| p == [150, 150, 150, 255]));
    }
}
