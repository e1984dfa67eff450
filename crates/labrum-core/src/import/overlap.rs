//! Overlapping labels in a mask with one label per pixel: which one wins, and what the others lose.

use super::TakenLabel;
use crate::{counts::count_with_noun, label::Label};
use std::collections::BTreeMap;

/// Maximum number of label pairs in the notes.
const MOST_TOLD: usize = 30;

/// Paints labels on top of each other and counts the pixels that each one loses.
#[derive(Clone, Debug)]
pub struct Painter {
    left: [usize; 256],
    /// Number of pixels that the first label of a pair lost to the second.
    lost: BTreeMap<(u8, u8), usize>,
}

impl Default for Painter {
    fn default() -> Self {
        Self {
            left: [0; 256],
            lost: BTreeMap::new(),
        }
    }
}

impl Painter {
    /// Sets the pixel to `label`, which covers the old one.
    pub fn paint_pixel(&mut self, pixel: &mut u8, label: u8) {
        if *pixel == label {
            return;
        }
        self.left[usize::from(label)] += 1;
        if *pixel != 0 {
            self.left[usize::from(*pixel)] -= 1;
            *self.lost.entry((*pixel, label)).or_default() += 1;
        }
        *pixel = label;
    }

    /// Records that `label` is covered by `over` at a pixel, which stays unchanged.
    pub fn record_hidden(&mut self, over: u8, label: u8) {
        if over != label {
            *self.lost.entry((label, over)).or_default() += 1;
        }
    }

    /// Outcome for labels 1..=n, given their numbers and pixel counts in the file.
    pub fn taken_labels(&self, numbers: &[u32], in_file: &[usize]) -> Vec<TakenLabel> {
        numbers
            .iter()
            .enumerate()
            .map(|(i, number)| TakenLabel {
                number: *number,
                in_file: in_file.get(i).copied().unwrap_or(0),
                left: self.left.get(i + 1).copied().unwrap_or(0),
                covered: self.count_covered_pixels(i + 1),
            })
            .collect()
    }

    /// Number of pixels of a label that others cover.
    fn count_covered_pixels(&self, label: usize) -> usize {
        self.lost
            .iter()
            .filter(|((under, _), _)| usize::from(*under) == label)
            .map(|(_, pixels)| pixels)
            .sum()
    }

    /// Notes on how many pixels each label lost to which other.
    pub fn overlap_notes(&self, labels: &[Label]) -> Vec<String> {
        let mut notes: Vec<String> = self
            .lost
            .iter()
            .take(MOST_TOLD)
            .map(|((under, over), pixels)| {
                format!(
                    "\"{}\" lost {} to \"{}\", which covers it",
                    name_of_label(labels, *under),
                    count_with_noun(*pixels, "pixel"),
                    name_of_label(labels, *over)
                )
            })
            .collect();
        if self.lost.len() > MOST_TOLD {
            notes.push(format!(
                "{} more pairs of labels overlap",
                self.lost.len() - MOST_TOLD
            ));
        }
        notes
    }
}

/// Name of a label; empty if it has none.
fn name_of_label(labels: &[Label], label: u8) -> &str {
    labels
        .get(usize::from(label).wrapping_sub(1))
        .map_or("", |l| l.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_say_how_many_pixels_a_label_lost_and_to_which_label() {
        let mut painter = Painter::default();
        let mut pixels = [0u8; 6];
        pixels[..5]
            .iter_mut()
            .for_each(|p| painter.paint_pixel(p, 1));
        pixels[3..]
            .iter_mut()
            .for_each(|p| painter.paint_pixel(p, 2));
        pixels[4..5]
            .iter_mut()
            .for_each(|p| painter.paint_pixel(p, 3));
        painter.record_hidden(2, 1);
        assert_eq!(pixels, [1, 1, 1, 2, 3, 2]);
        let labels: Vec<Label> = ["a", "b", "c"]
            .iter()
            .enumerate()
            .map(|(i, n)| Label::with_name(*n, i))
            .collect();
        assert_eq!(
            painter.overlap_notes(&labels),
            [
                "\"a\" lost 3 pixels to \"b\", which covers it",
                "\"b\" lost 1 pixel to \"c\", which covers it"
            ]
        );
        let taken = painter.taken_labels(&[4, 5, 6], &[6, 3, 1]);
        assert_eq!(
            taken[0],
            TakenLabel {
                number: 4,
                in_file: 6,
                left: 3,
                covered: 3
            }
        );
        assert_eq!((taken[1].left, taken[2].left), (2, 1));
        assert!(
            !taken[0].is_lost()
                && TakenLabel {
                    in_file: 2,
                    ..TakenLabel::default()
                }
                .is_lost()
        );
    }
}
