//! The label mask of one slice: the only place that writes it; every write returns an edit.

use super::edit::{Edit, Run};

/// One label per pixel, row after row: 0 is background, 1..=n the labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    columns: usize,
    rows: usize,
    labels: Vec<u8>,
}

impl Mask {
    /// A mask of background.
    pub fn empty(columns: usize, rows: usize) -> Self {
        Self { columns, rows, labels: vec![0; columns * rows] }
    }

    /// A mask of given labels. `None` where their number is not `columns * rows`.
    pub fn from_labels(columns: usize, rows: usize, labels: Vec<u8>) -> Option<Self> {
        (labels.len() == columns * rows).then_some(Self { columns, rows, labels })
    }

    /// Width in pixels.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Height in pixels.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// All labels, row after row.
    pub fn labels(&self) -> &[u8] {
        &self.labels
    }

    /// The label at (`column`, `row`); 0 outside.
    pub fn at(&self, column: i64, row: i64) -> u8 {
        let inside = column >= 0 && row >= 0 && (column as usize) < self.columns && (row as usize) < self.rows;
        if inside { self.labels[row as usize * self.columns + column as usize] } else { 0 }
    }

    /// How many pixels carry `label`.
    pub fn count(&self, label: u8) -> usize {
        self.labels.iter().filter(|&&l| l == label).count()
    }

    /// True where all is background.
    pub fn is_blank(&self) -> bool {
        self.labels.iter().all(|&l| l == 0)
    }

    /// Makes this mask equal to `other` (of the same size, else nothing happens); the edit undoes it.
    pub fn replace(&mut self, other: &Mask) -> Edit {
        if (self.columns, self.rows) != (other.columns, other.rows) {
            return Edit::default();
        }
        let edit = Edit::between(&self.labels, &other.labels);
        self.labels.copy_from_slice(&other.labels);
        edit
    }

    /// Does what an edit says; runs outside of the mask are left out.
    pub fn apply(&mut self, edit: &Edit) {
        for Run { start, after, .. } in &edit.runs {
            if let Some(place) = self.labels.get_mut(*start..*start + after.len()) {
                place.copy_from_slice(after);
            }
        }
    }
}
