//! How an image is flipped and rotated on the screen. It changes the view alone: pixels, masks, measurements and
//! exports stay as they are.

use std::{array, ops::Neg};

/// One of the eight ways to show an image: its axes may be exchanged and then mirrored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Rows of the image run from top to bottom of the screen or back, columns from side to side.
    swaps_axes: bool,
    /// Mirrored across and down the screen, after the axes were exchanged.
    mirrors: [bool; 2],
}

impl Turn {
    /// As stored.
    pub const UPRIGHT: Self = Self {
        swaps_axes: false,
        mirrors: [false; 2],
    };

    /// All eight, the upright one first.
    pub fn all() -> [Self; 8] {
        array::from_fn(|bits| Self {
            swaps_axes: bits & 4 != 0,
            mirrors: [bits & 1 != 0, bits & 2 != 0],
        })
    }

    /// True if the image is shown as it is stored.
    pub fn is_upright(self) -> bool {
        self == Self::default()
    }

    /// True if rows of the image run up or down the screen.
    pub fn swaps_axes(self) -> bool {
        self.swaps_axes
    }

    /// Left and right exchanged, as seen on the screen.
    pub fn flipped_horizontally(self) -> Self {
        let [across, down] = self.mirrors;
        Self {
            mirrors: [!across, down],
            ..self
        }
    }

    /// Top and bottom exchanged, as seen on the screen.
    pub fn flipped_vertically(self) -> Self {
        let [across, down] = self.mirrors;
        Self {
            mirrors: [across, !down],
            ..self
        }
    }

    /// Rotated clockwise by 90 degrees, as seen on the screen.
    pub fn rotated_right(self) -> Self {
        let [across, down] = self.mirrors;
        Self {
            swaps_axes: !self.swaps_axes,
            mirrors: [!down, across],
        }
    }

    /// Rotated counterclockwise by 90 degrees, as seen on the screen.
    pub fn rotated_left(self) -> Self {
        let [across, down] = self.mirrors;
        Self {
            swaps_axes: !self.swaps_axes,
            mirrors: [down, !across],
        }
    }

    /// The direction across and down the screen of a direction along the columns and rows of the image.
    pub fn to_screen<T: Copy + Neg<Output = T>>(self, along: [T; 2]) -> [T; 2] {
        self.mirrored(self.swapped(along))
    }

    /// The direction along the columns and rows of the image of a direction across and down the screen.
    pub fn to_image<T: Copy + Neg<Output = T>>(self, along: [T; 2]) -> [T; 2] {
        self.swapped(self.mirrored(along))
    }

    /// Width and height on the screen of a width and height on the image, or the other way round.
    pub fn swapped<T: Copy>(self, [a, b]: [T; 2]) -> [T; 2] {
        if self.swaps_axes { [b, a] } else { [a, b] }
    }

    /// Index of the pixel of an upright picture that is shown at this pixel of a turned one; `size` is the width and
    /// height of the turned picture.
    pub fn upright_pixel(self, size: [usize; 2], at: [usize; 2]) -> [usize; 2] {
        let [across, down] = [0, 1].map(|i| {
            if self.mirrors[i] {
                size[i] - 1 - at[i]
            } else {
                at[i]
            }
        });
        self.swapped([across, down])
    }

    fn mirrored<T: Copy + Neg<Output = T>>(self, [across, down]: [T; 2]) -> [T; 2] {
        [
            if self.mirrors[0] { -across } else { across },
            if self.mirrors[1] { -down } else { down },
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: [i32; 2] = [1, 0];
    const LEFT: [i32; 2] = [-1, 0];
    const DOWN: [i32; 2] = [0, 1];
    const UP: [i32; 2] = [0, -1];

    #[test]
    fn rotations_and_flips_act_as_seen_on_the_screen() {
        let upright = Turn::default();
        assert_eq!(upright.rotated_right().to_screen(UP), RIGHT);
        assert_eq!(upright.rotated_right().to_screen(RIGHT), DOWN);
        assert_eq!(upright.rotated_left().to_screen(UP), LEFT);
        assert_eq!(upright.flipped_horizontally().to_screen(RIGHT), LEFT);
        assert_eq!(upright.flipped_horizontally().to_screen(UP), UP);
        assert_eq!(upright.flipped_vertically().to_screen(UP), DOWN);
        // After a rotation, a horizontal flip still exchanges the left and the right of the screen.
        let turned = upright.rotated_right();
        assert_eq!(turned.to_screen(UP), RIGHT);
        assert_eq!(turned.flipped_horizontally().to_screen(UP), LEFT);
        assert_eq!(turned.flipped_vertically().to_screen(UP), RIGHT);
    }

    #[test]
    fn four_rotations_two_flips_and_back_and_forth_change_nothing() {
        for turn in Turn::all() {
            let four = (0..4).fold(turn, |t, _| t.rotated_right());
            assert_eq!(four, turn);
            assert_eq!(turn.rotated_right().rotated_left(), turn);
            assert_eq!(turn.flipped_horizontally().flipped_horizontally(), turn);
            assert_eq!(turn.flipped_vertically().flipped_vertically(), turn);
            let half = turn.rotated_right().rotated_right();
            assert_eq!(half, turn.flipped_horizontally().flipped_vertically());
        }
    }

    #[test]
    fn screen_and_image_directions_are_inverse_and_all_turns_differ() {
        let mut seen = Vec::new();
        for turn in Turn::all() {
            for along in [RIGHT, DOWN, [3, -7]] {
                assert_eq!(turn.to_image(turn.to_screen(along)), along);
            }
            seen.push((turn.to_screen(RIGHT), turn.to_screen(DOWN)));
        }
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 8);
        assert!(Turn::all()[0].is_upright());
    }

    #[test]
    fn a_pixel_of_a_turned_picture_comes_from_the_same_place_as_its_direction() {
        // A picture of 3 x 2 pixels; its first pixel is its upper left corner.
        for turn in Turn::all() {
            let [width, height] = turn.swapped([3, 2]);
            let corner = (0..width * height)
                .map(|i| [i % width, i / width])
                .find(|at| turn.upright_pixel([width, height], *at) == [0, 0]);
            // The corner is on the side of the screen opposite to where columns and rows run.
            let [x, y] = [turn.to_screen(RIGHT), turn.to_screen(DOWN)]
                .into_iter()
                .fold([0, 0], |[a, b], [c, d]| [a + c, b + d]);
            let expected = [
                if x > 0 { 0 } else { width - 1 },
                if y > 0 { 0 } else { height - 1 },
            ];
            assert_eq!(corner, Some(expected), "{turn:?}");
        }
    }
}
