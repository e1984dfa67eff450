//! Colour maps: grey levels shown in colour, for the screen only.

use std::array;

/// How grey levels are coloured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColorMap {
    /// Black to white.
    #[default]
    Grey,
    /// Black over red and orange to white, as for nuclear medicine (compare "Hot Iron" in DICOM PS3.6 B.1).
    HotIron,
    /// Black over purple and orange to light yellow, with an even increase in brightness (matplotlib).
    Inferno,
    /// Dark blue over green to yellow, with an even increase in brightness; safe for colour-blind readers (matplotlib).
    Viridis,
    /// Blue over green and yellow to red.
    Rainbow,
}

/// Number of colours of a map.
pub const COLORS: usize = 256;

/// Colours of matplotlib's maps at equal distances.
const INFERNO: [[u8; 3]; 10] = [
    [0, 0, 4],
    [27, 12, 65],
    [74, 12, 107],
    [120, 28, 109],
    [165, 44, 96],
    [207, 68, 70],
    [237, 105, 37],
    [251, 155, 6],
    [247, 209, 61],
    [252, 255, 164],
];
const VIRIDIS: [[u8; 3]; 10] = [
    [68, 1, 84],
    [72, 40, 120],
    [62, 73, 137],
    [49, 104, 142],
    [38, 130, 142],
    [31, 158, 137],
    [53, 183, 121],
    [109, 205, 89],
    [180, 222, 44],
    [253, 231, 37],
];
const RAINBOW: [[u8; 3]; 5] = [
    [0, 0, 255],
    [0, 255, 255],
    [0, 255, 0],
    [255, 255, 0],
    [255, 0, 0],
];

impl ColorMap {
    /// All maps, in display order.
    pub const ALL: [Self; 5] = [
        Self::Grey,
        Self::HotIron,
        Self::Inferno,
        Self::Viridis,
        Self::Rainbow,
    ];

    /// Its display name.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Grey => "Grey",
            Self::HotIron => "Hot iron",
            Self::Inferno => "Inferno",
            Self::Viridis => "Viridis",
            Self::Rainbow => "Rainbow",
        }
    }

    /// The next map; after the last one the first.
    pub fn next_map(self) -> Self {
        let at = Self::ALL.iter().position(|m| *m == self).unwrap_or(0);
        Self::ALL[(at + 1) % Self::ALL.len()]
    }

    /// Red, green and blue for the grey levels 0 to 255.
    pub fn colors(self) -> [[u8; 3]; COLORS] {
        array::from_fn(|level| match self {
            Self::Grey => [level as u8; 3],
            Self::HotIron => hot_iron(level),
            Self::Inferno => between_stops(&INFERNO, level),
            Self::Viridis => between_stops(&VIRIDIS, level),
            Self::Rainbow => between_stops(&RAINBOW, level),
        })
    }
}

/// Red rises over the lower half, green over the upper half, blue over the upper quarter.
fn hot_iron(level: usize) -> [u8; 3] {
    let red = 2 * level;
    let green = (2 * level).saturating_sub(255);
    let blue = (4 * level).saturating_sub(765);
    [red, green, blue].map(|v| v.min(255) as u8)
}

/// Linear between stops at equal distances; `level` is 0..=255, and there are at least two stops.
fn between_stops(stops: &[[u8; 3]], level: usize) -> [u8; 3] {
    let steps = stops.len() - 1;
    let at = level as f64 / 255.0 * steps as f64;
    let low = (at as usize).min(steps - 1);
    let share = at - low as f64;
    array::from_fn(|c| {
        let a = f64::from(stops[low][c]);
        let b = f64::from(stops[low + 1][c]);
        (a + (b - a) * share).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luma([r, g, b]: [u8; 3]) -> f64 {
        0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b)
    }

    #[test]
    fn maps_begin_and_end_with_their_colours() {
        let ends = |map: ColorMap| {
            let colors = map.colors();
            (colors[0], colors[255])
        };
        assert_eq!(ends(ColorMap::Grey), ([0; 3], [255; 3]));
        assert_eq!(ends(ColorMap::HotIron), ([0; 3], [255; 3]));
        assert_eq!(ends(ColorMap::Inferno), (INFERNO[0], INFERNO[9]));
        assert_eq!(ends(ColorMap::Viridis), (VIRIDIS[0], VIRIDIS[9]));
        assert_eq!(ends(ColorMap::Rainbow), ([0, 0, 255], [255, 0, 0]));
        assert_eq!(ColorMap::HotIron.colors()[128], [255, 1, 0]);
    }

    #[test]
    fn brighter_values_look_brighter_in_all_maps_but_the_rainbow() {
        for map in ColorMap::ALL {
            let colors = map.colors();
            let falls = colors.windows(2).any(|w| luma(w[1]) + 1.0 < luma(w[0]));
            assert_eq!(falls, map == ColorMap::Rainbow, "{map:?}");
            let jumps = colors
                .windows(2)
                .any(|w| (0..3).any(|c| w[0][c].abs_diff(w[1][c]) > 8));
            assert!(!jumps, "{map:?}");
        }
    }

    #[test]
    fn the_next_map_goes_through_all_and_back_to_grey() {
        let mut map = ColorMap::Grey;
        for expected in ColorMap::ALL.into_iter().skip(1).chain([ColorMap::Grey]) {
            map = map.next_map();
            assert_eq!(map, expected);
        }
    }
}
