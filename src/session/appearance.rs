//! How the images of a case look on the screen, beside zoom and window: nothing of it is stored or exported.

use super::turn::Turn;
use labrum_core::color_map::ColorMap;

/// The look of a case, chosen by the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appearance {
    /// Flips and rotations of the slices. Orthogonal views have their own.
    pub turn: Turn,
    /// Bright and dark exchanged, in all views.
    pub is_inverted: bool,
    /// Colours of grey images, in all views.
    pub color_map: ColorMap,
}
