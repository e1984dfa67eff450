//! Labels that lie over each other in a mask that holds one for each pixel: who wins, and what the others lose.

use super::TakenLabel;
use crate::label::Label;
use std::collections::BTreeMap;

/// Pairs of labels in the notes, at most.
const MOST_TOLD: usize = 30;

/// Paints labels over each other and keeps count.
#[derive(Clone, Debug)]
pub struct Painter {
    left: [usize; 256],
    /// Pixels that the first label of a pair lost to the second.
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
    /// The pixel becomes `label`, which lies over what was there.
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

    /// The pixel stays `over`: `label` would lie under it.
    pub fn record_hidden(&mut self, over: u8, label: u8) {
        if over != label {
            *self.lost.entry((label, over)).or_default() += 1;
        }
    }

    /// What became of label 1..=n with these numbers and pixels in the file.
    pub fn taken_labels(&self, numbers: &[u32], in_file: &[usize]) -> Vec<TakenLabel> {
        let of = |(i, number): (usize, &u32)| TakenLabel {
            number: *number,
            in_file: in_file.get(i).copied().unwrap_or(0),
            left: self.left.get(i + 1).copied().unwrap_or(0),
            covered: self
                .lost
                .iter()
                .filter(|((label, _), _)| usize::from(*label) == i + 1)
                .map(|(_, n)| n)
                .sum(),
        };
        numbers.iter().enumerate().map(of).collect()
    }

    /// What each label lost to which other.
    pub fn overlap_notes(&self, labels: &[Label]) -> Vec<String> {
        let name = |label: u8| {
            labels
                .get(usize::from(label).wrapping_sub(1))
                .map_or("", |l| l.name.as_str())
        };
        let told = self.lost.iter().take(MOST_TOLD);
        let note = |((under, over), pixels): (&(u8, u8), &usize)| {
            let pixels = if *pixels == 1 {
                "1 pixel".to_owned()
            } else {
                format!("{pixels} pixels")
            };
            format!(
                "\"{}\" lost {pixels} to \"{}\", which lies over it",
                name(*under),
                name(*over)
            )
        };
        let mut notes: Vec<String> = told.map(note).collect();
        if self.lost.len() > MOST_TOLD {
            notes.push(format!(
                "{} more pairs of labels overlap",
                self.lost.len() - MOST_TOLD
            ));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_label_is_told_what_it_lost_to_which() {
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
                "\"a\" lost 3 pixels to \"b\", which lies over it",
                "\"b\" lost 1 pixel to \"c\", which lies over it"
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
