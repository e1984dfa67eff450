//! Sources of training tasks: images with or without labels, and targets drawn from them.

use super::{
    encode::along,
    shapes::{connected_pieces, has_size, plane_with},
};
use labrum_core::{
    prompts::{Prompt, PromptedObject},
    vector::middle_point,
};
use rand::{RngExt, rngs::SmallRng, seq::SliceRandom};
use std::{collections::BTreeMap, ops::RangeInclusive};

pub use super::made::Superpixels;

/// Minimum size of a target (a label or a component of one), in pixels.
pub(super) const FEWEST_PIXELS: usize = 25;
/// Number of superpixel scales that are tried for a synthetic target.
const MADE_ATTEMPTS: usize = 4;
/// Maximum number of components of a label in one target.
const MOST_PIECES: usize = 4;

/// An image that tasks are drawn from.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskImage {
    /// Luma, 0..=1, `columns * rows` values, row after row.
    pub grey: Vec<f32>,
    /// In pixels.
    pub columns: usize,
    /// In pixels.
    pub rows: usize,
    /// The label of each pixel, 0 for background; `None` for an image with synthetic tasks only.
    pub labels: Option<Vec<u16>>,
    /// Name of the task, such as the data set; results are grouped by it.
    pub task: String,
    /// Objects that a person has segmented with prompts on this image.
    pub prompted: Vec<PromptedObject>,
}

impl TaskImage {
    /// The image with at most `longest` pixels per side: blocks of pixels become one, with their mean grey and the label
    /// at their middle. Unchanged if it is small enough, or if a plane has the wrong size.
    pub fn shrunk(self, longest: usize) -> Self {
        let factor = self.columns.max(self.rows).div_ceil(longest.max(1));
        let columns = self.columns / factor.max(1);
        let rows = self.rows / factor.max(1);
        let is_usable = has_size(&self.grey, self.columns, self.rows)
            && self
                .labels
                .as_ref()
                .is_none_or(|l| l.len() == self.grey.len());
        if factor < 2 || columns == 0 || rows == 0 || !is_usable {
            return self;
        }
        let corner = |at: usize| (at / columns * self.columns + at % columns) * factor;
        let grey = (0..columns * rows).map(|at| self.mean_of_block(corner(at), factor));
        let middle = factor / 2 * (self.columns + 1);
        let pick = |labels: &Vec<u16>| {
            (0..columns * rows)
                .map(|at| labels[corner(at) + middle])
                .collect()
        };
        Self {
            grey: grey.collect(),
            labels: self.labels.as_ref().map(pick),
            columns,
            rows,
            task: self.task,
            prompted: self
                .prompted
                .iter()
                .map(|object| object.scaled(1.0 / factor as f64))
                .collect(),
        }
    }

    /// Mean grey of `side * side` pixels, from this one on.
    fn mean_of_block(&self, first: usize, side: usize) -> f32 {
        let lines = (0..side).map(|row| &self.grey[first + row * self.columns..][..side]);
        let sum: f32 = lines.map(|line| line.iter().sum::<f32>()).sum();
        sum / (side * side) as f32
    }
}

/// Kind of target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetKind {
    /// All pixels of one label.
    Label,
    /// One connected component of a label.
    Piece,
    /// Two labels, or 2 to 4 components of one.
    Union,
    /// A synthetic target: a region of superpixels, regardless of labels.
    Made,
}

/// What is to be segmented.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// True for its pixels; `columns * rows` of the image, row after row.
    pub inside: Vec<bool>,
}

impl Target {
    /// The connected components of the label, of sufficient size, that positive prompts touch; `None` if there are none.
    pub fn from_prompts(image: &TaskImage, object: &PromptedObject) -> Option<Self> {
        let labels = image.labels.as_deref()?;
        if !has_size(labels, image.columns, image.rows) {
            return None;
        }
        let has_label: Vec<bool> = labels
            .iter()
            .map(|label| *label == u16::from(object.label))
            .collect();
        let touched = touched_pixels(image, &object.prompts);
        let mut pieces = connected_pieces(&has_label, image.columns);
        pieces.retain(|piece| {
            piece.len() >= FEWEST_PIXELS && piece.iter().any(|at| touched.binary_search(at).is_ok())
        });
        let is_found = !pieces.is_empty();
        is_found.then(|| Self {
            inside: plane_with(&pieces.concat(), labels.len()),
        })
    }

    /// A synthetic target from precomputed superpixels; `None` if none was found.
    pub fn from_superpixels(superpixels: &Superpixels, rng: &mut SmallRng) -> Option<Self> {
        let inside = superpixels.draw_region(rng)?;
        Some(Self { inside })
    }
}

/// Indices of the pixels under positive clicks and scribbles and at the centres of boxes, ascending.
fn touched_pixels(image: &TaskImage, prompts: &[Prompt]) -> Vec<usize> {
    let places = prompts.iter().flat_map(|prompt| match prompt {
        Prompt::Click { at, adds: true } => vec![*at],
        Prompt::Scribble { points, adds: true } => along(points),
        Prompt::Box { from, to } => vec![middle_point(*from, *to)],
        Prompt::Click { .. } | Prompt::Scribble { .. } => Vec::new(),
    });
    let is_within = |[x, y]: &[f64; 2]| {
        *x >= 0.0 && *y >= 0.0 && *x < image.columns as f64 && *y < image.rows as f64
    };
    let mut touched: Vec<usize> = places
        .filter(is_within)
        .map(|[x, y]| y as usize * image.columns + x as usize)
        .collect();
    touched.sort_unstable();
    touched
}

/// A random target of this kind; the same for the same state of `rng`.
///
/// Labels are drawn with equal probability, then their components (4-connected); those below 25
/// pixels are ignored. `None` if the image has no such target or a plane has the wrong size.
pub fn draw_target(image: &TaskImage, kind: TargetKind, rng: &mut SmallRng) -> Option<Target> {
    if !has_size(&image.grey, image.columns, image.rows) {
        return None;
    }
    let inside = match kind {
        TargetKind::Label => Labels::from_image(image, rng)?.draw_label()?,
        TargetKind::Piece => Labels::from_image(image, rng)?.draw_pieces(1..=1, rng)?,
        TargetKind::Union => Labels::from_image(image, rng)?.draw_union(rng)?,
        TargetKind::Made => return draw_made_target(image, rng),
    };
    Some(Target { inside })
}

/// A synthetic target at the first of several random scales that yields one.
fn draw_made_target(image: &TaskImage, rng: &mut SmallRng) -> Option<Target> {
    (0..MADE_ATTEMPTS).find_map(|_| {
        let superpixels =
            Superpixels::with_random_scale(&image.grey, image.columns, image.rows, rng);
        Target::from_superpixels(&superpixels, rng)
    })
}

/// The labels of an image with enough pixels for a target, in random order.
struct Labels<'a> {
    /// Of each pixel.
    of_pixels: &'a [u16],
    columns: usize,
    shuffled: Vec<u16>,
}

impl<'a> Labels<'a> {
    /// `None` unless there is a label for each pixel.
    fn from_image(image: &'a TaskImage, rng: &mut SmallRng) -> Option<Self> {
        let of_pixels = image.labels.as_deref()?;
        let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
        for &label in of_pixels.iter().filter(|label| **label > 0) {
            *counts.entry(label).or_default() += 1;
        }
        counts.retain(|_, count| *count >= FEWEST_PIXELS);
        let mut shuffled: Vec<u16> = counts.into_keys().collect();
        shuffled.shuffle(rng);
        has_size(of_pixels, image.columns, image.rows).then_some(Self {
            of_pixels,
            columns: image.columns,
            shuffled,
        })
    }

    /// The pixels that have one of these labels.
    fn pixels_with(&self, labels: &[u16]) -> Vec<bool> {
        self.of_pixels
            .iter()
            .map(|label| labels.contains(label))
            .collect()
    }

    fn draw_label(&self) -> Option<Vec<bool>> {
        Some(self.pixels_with(self.shuffled.get(..1)?))
    }

    /// Two labels or several components, with equal probability if both are possible.
    fn draw_union(&self, rng: &mut SmallRng) -> Option<Vec<bool>> {
        let two_labels = self.shuffled.get(..2).map(|two| self.pixels_with(two));
        if two_labels.is_some() && rng.random_bool(0.5) {
            return two_labels;
        }
        self.draw_pieces(2..=MOST_PIECES, rng).or(two_labels)
    }

    /// A random number of components of the first label that has enough of sufficient size.
    fn draw_pieces(&self, number: RangeInclusive<usize>, rng: &mut SmallRng) -> Option<Vec<bool>> {
        for label in &self.shuffled {
            let mut pieces = connected_pieces(&self.pixels_with(&[*label]), self.columns);
            pieces.retain(|piece| piece.len() >= FEWEST_PIXELS);
            if pieces.len() >= *number.start() {
                pieces.shuffle(rng);
                let most = pieces.len().min(*number.end());
                pieces.truncate(rng.random_range(*number.start()..=most));
                return Some(plane_with(&pieces.concat(), self.of_pixels.len()));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{
        super::{
            phantom::{self, COLUMNS, ROWS},
            shapes::count_pixels,
        },
        *,
    };
    use rand::SeedableRng;

    fn pixels_with(labels: &[u16]) -> Vec<bool> {
        phantom::labels()
            .iter()
            .map(|label| labels.contains(label))
            .collect()
    }

    fn draw(image: &TaskImage, kind: TargetKind, seed: u64) -> Option<Vec<bool>> {
        draw_target(image, kind, &mut SmallRng::seed_from_u64(seed)).map(|target| target.inside)
    }

    #[test]
    fn labels_are_drawn_whole_and_every_label_is_drawn() {
        let image = phantom::task_image();
        let drawn: Vec<Vec<bool>> = (0..20)
            .map(|seed| draw(&image, TargetKind::Label, seed).unwrap())
            .collect();
        let whole = [1, 2].map(|label| pixels_with(&[label]));
        assert!(drawn.iter().all(|inside| whole.contains(inside)));
        assert!(whole.iter().all(|inside| drawn.contains(inside)));
    }

    #[test]
    fn a_piece_is_one_component_of_one_label_and_not_tiny() {
        let image = phantom::task_image();
        let labels = image.labels.as_ref().unwrap();
        let mut sizes: Vec<usize> = Vec::new();
        for seed in 0..40 {
            let inside = draw(&image, TargetKind::Piece, seed).unwrap();
            assert_eq!(connected_pieces(&inside, COLUMNS).len(), 1);
            let first = inside.iter().position(|flag| *flag).unwrap();
            assert!((0..inside.len()).all(|at| !inside[at] || labels[at] == labels[first]));
            sizes.push(count_pixels(&inside));
        }
        sizes.sort_unstable();
        sizes.dedup();
        assert_eq!(sizes.len(), 3, "{sizes:?}");
        assert_eq!(sizes[..2], [36, 49]);
    }

    #[test]
    fn a_union_has_two_labels_or_several_pieces() {
        let image = phantom::task_image();
        let all = pixels_with(&[1, 2]);
        let drawn: Vec<Vec<bool>> = (0..20)
            .map(|seed| draw(&image, TargetKind::Union, seed).unwrap())
            .collect();
        let pieces_alone = drawn.iter().filter(|inside| count_pixels(inside) == 85);
        let both_labels = drawn.iter().filter(|inside| **inside == all);
        let counts = [pieces_alone.count(), both_labels.count()];
        assert!(
            counts[0] + counts[1] == 20 && counts[0].min(counts[1]) > 3,
            "{counts:?}"
        );
    }

    #[test]
    fn a_synthetic_target_needs_no_labels_and_has_the_size_of_the_image() {
        let image = TaskImage {
            labels: None,
            ..phantom::task_image()
        };
        let drawn: Vec<Vec<bool>> = (0..20)
            .filter_map(|seed| draw(&image, TargetKind::Made, seed))
            .collect();
        assert!(drawn.len() > 12, "{}", drawn.len());
        assert!(drawn.iter().all(|inside| inside.len() == COLUMNS * ROWS));
        assert_eq!(draw(&image, TargetKind::Label, 1), None);
    }

    #[test]
    fn the_same_seed_gives_the_same_target_and_other_seeds_differ() {
        let image = phantom::task_image();
        for kind in [TargetKind::Piece, TargetKind::Union, TargetKind::Made] {
            let drawn: Vec<_> = (0..20).map(|seed| draw(&image, kind, seed)).collect();
            assert!((0..20).all(|seed| draw(&image, kind, seed) == drawn[seed as usize]));
            assert!(drawn.iter().any(|inside| *inside != drawn[0]));
        }
    }

    #[test]
    fn the_target_of_prompts_is_the_component_that_they_touch() {
        let image = phantom::task_image();
        let click = |x: f64, y: f64, adds: bool| Prompt::Click { at: [x, y], adds };
        let target = |label: u8, prompts: Vec<Prompt>| {
            let object = PromptedObject { label, prompts };
            Target::from_prompts(&image, &object).map(|target| count_pixels(&target.inside))
        };
        assert_eq!(target(2, vec![click(72.0, 22.0, true)]), Some(49));
        let both = vec![click(72.0, 22.0, true), click(72.0, 52.0, true)];
        assert_eq!(target(2, both), Some(85));
        let centre = Prompt::Box {
            from: [76.0, 56.0],
            to: [70.0, 50.0],
        };
        assert_eq!(target(2, vec![centre]), Some(36));
        // Of another label, negative, tiny, and outside of the image.
        assert_eq!(target(1, vec![click(72.0, 22.0, true)]), None);
        assert_eq!(target(2, vec![click(72.0, 22.0, false)]), None);
        assert_eq!(target(2, vec![click(85.5, 70.5, true)]), None);
        assert_eq!(target(2, vec![click(-1.0, 1e9, true)]), None);
    }

    #[test]
    fn an_image_is_shrunk_with_its_labels_and_prompts() {
        let prompts = vec![Prompt::Click {
            at: [34.0, 40.0],
            adds: true,
        }];
        let image = TaskImage {
            prompted: vec![PromptedObject { label: 1, prompts }],
            ..phantom::task_image()
        };
        assert_eq!(image.clone().shrunk(96), image);
        let small = image.clone().shrunk(40);
        assert_eq!([small.columns, small.rows], [32, 26]);
        let labels = small.labels.as_ref().unwrap();
        assert_eq!([small.grey.len(), labels.len()], [32 * 26; 2]);
        for (level, label) in small.grey.iter().zip(labels) {
            let expected = [0.3, 0.8, 0.1][usize::from(*label)];
            assert!((level - expected).abs() < 0.4, "{level} {label}");
        }
        let disc = labels.iter().filter(|label| **label == 1).count();
        assert!((70..88).contains(&disc), "{disc}");
        let target = Target::from_prompts(&small, &small.prompted[0]).unwrap();
        assert_eq!(count_pixels(&target.inside), disc);
    }

    #[test]
    fn a_tiny_label_or_a_plane_of_the_wrong_size_gives_no_target() {
        let speck = TaskImage {
            labels: Some((0..COLUMNS * ROWS).map(|at| u16::from(at < 24)).collect()),
            ..phantom::task_image()
        };
        let cut = TaskImage {
            grey: vec![0.5; 7],
            ..phantom::task_image()
        };
        let short_labels = TaskImage {
            labels: Some(vec![1; 7]),
            ..phantom::task_image()
        };
        for kind in [TargetKind::Label, TargetKind::Piece, TargetKind::Union] {
            for image in [&speck, &cut, &short_labels] {
                assert_eq!(draw(image, kind, 1), None);
            }
        }
        assert_eq!(draw(&cut, TargetKind::Made, 1), None);
    }
}
