//! The layouts of the views beside each other.

use serde::{Deserialize, Serialize};

/// How many views are beside each other, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewLayout {
    /// One view.
    #[default]
    One,
    /// Two views side by side.
    SideBySide,
    /// Two views, one above the other.
    Stacked,
    /// Two rows of two views.
    Four,
}

impl ViewLayout {
    /// Number of columns and rows of views.
    pub fn grid_size(self) -> [usize; 2] {
        match self {
            Self::One => [1, 1],
            Self::SideBySide => [2, 1],
            Self::Stacked => [1, 2],
            Self::Four => [2, 2],
        }
    }

    /// Number of views.
    pub fn pane_count(self) -> usize {
        let [columns, rows] = self.grid_size();
        columns * rows
    }
}
