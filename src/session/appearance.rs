//! How the images of a case look on the screen, beside zoom and window: nothing of it is stored or exported.

use super::turn::Turn;

/// The look of a case, chosen by the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Appearance {
    /// Flips and rotations of the slices. Orthogonal views have their own.
    pub turn: Turn,
}
