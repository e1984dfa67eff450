//! How a picture is cut into tiles: small ones are one tile, large ones are shown in the detail that the zoom needs.

use super::job::TileKey;

/// Side of a tile in texture pixels.
pub const TILE: usize = 1024;

/// The level at which the whole picture is one tile.
pub fn overview_level(columns: usize, rows: usize) -> u8 {
    let mut level = 0;
    while columns.max(rows).div_ceil(1 << level) > TILE {
        level += 1;
    }
    level
}

/// The level whose pixels are no larger than the screen's, at `scale` screen pixels for one pixel of the picture.
pub fn level_for(scale: f32, overview: u8) -> u8 {
    let wanted = (1.0 / scale.max(1e-6)).log2().floor().max(0.0);
    (wanted as u8).min(overview)
}

/// Columns and rows of the picture that a tile covers: `[start, end)` each.
pub fn covered(tile: TileKey, columns: usize, rows: usize) -> [std::ops::Range<usize>; 2] {
    let side = TILE << tile.level;
    let range = |at: u16, end: usize| {
        let start = (usize::from(at) * side).min(end);
        start..(start + side).min(end)
    };
    [range(tile.column, columns), range(tile.row, rows)]
}

/// The tiles of a level that touch a part of the picture, given by its smallest and largest x and y.
pub fn touching(level: u8, low: [f32; 2], high: [f32; 2], columns: usize, rows: usize) -> Vec<TileKey> {
    let side = (TILE << level) as f32;
    let range = |low: f32, high: f32, end: usize| {
        let last = ((end - 1) as f32 / side) as u16;
        let at = |v: f32| ((v.max(0.0) / side) as u16).min(last);
        at(low)..=at(high)
    };
    let across = range(low[0], high[0], columns);
    range(low[1], high[1], rows)
        .flat_map(|row| across.clone().map(move |column| TileKey { level, column, row }))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_slice_is_one_tile() {
        assert_eq!(overview_level(512, 512), 0);
        assert_eq!(touching(0, [-5.0, -5.0], [600.0, 600.0], 512, 512).len(), 1);
    }

    #[test]
    fn a_large_picture_is_shown_in_the_detail_of_the_screen() {
        let overview = overview_level(9000, 5000);
        assert_eq!(overview, 4);
        assert_eq!(level_for(0.1, overview), 3);
        assert_eq!(level_for(2.0, overview), 0);
        assert_eq!(touching(0, [100.0, 100.0], [900.0, 900.0], 9000, 5000).len(), 1);
    }

    #[test]
    fn the_tiles_of_a_level_cover_the_picture_once() {
        let (columns, rows) = (2500, 1500);
        let tiles = touching(1, [0.0, 0.0], [2500.0, 1500.0], columns, rows);
        let covered: usize = tiles.iter().map(|t| covered(*t, columns, rows)).map(|[x, y]| x.len() * y.len()).sum();
        assert_eq!(covered, columns * rows);
    }
}
