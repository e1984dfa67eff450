//! The network's input in seven channels: the image, the prompts, the previous mask, and two maps computed from image and
//! prompts.

use labrum_core::{
    prompts::{ComputedChannel, Prompt},
    tools::{
        geodesic::geodesic_distance,
        random_walker::{Seed, random_walker},
    },
    vector::{middle_point, point_along, vector_between},
};
use std::ops::Range;

/// Number of input channels: grey, positive clicks and scribbles, negative clicks and scribbles, boxes, the previous mask,
/// the probability of a random walker, and proximity to the positive prompts by geodesic distance.
pub const CHANNELS: usize = 7;

/// The radius of a click's disk and half the width of a scribble, in pixels of the input.
const RADIUS: f64 = 3.0;
/// Cost of a step from black to white in the geodesic distance, in pixels at half the resolution.
const EDGE_WEIGHT: f32 = 60.0;
/// Geodesic distance, in pixels of the input, at which the proximity has decayed to 1/e.
const NEAR: f32 = 24.0;
/// Factor by which the resolution is reduced for the random walker and the geodesic distance.
const COARSER: usize = 2;

/// Image, previous mask and prompts of one view, resampled to the input.
pub struct ViewPlanes<'a> {
    /// Grey levels, 0..=1.
    pub grey: &'a [f32],
    /// True where the view lies in the image.
    pub shown: &'a [bool],
    /// The previous mask as probabilities, 0..=1; 0 if there is none.
    pub earlier: &'a [f32],
    /// Prompts in pixels of the view.
    pub prompts: &'a [Prompt],
    /// Side in pixels, an even number.
    pub side: usize,
    /// Channels that are not computed, but filled with 0.
    pub without: &'a [ComputedChannel],
}

impl ViewPlanes<'_> {
    /// The input of the network, `[7, side, side]`.
    pub fn encode(&self) -> Vec<f32> {
        let pixels = self.side * self.side;
        let grey = standardise(self.grey, self.shown);
        let drawn = DrawnPrompts::new(self.prompts, self.side);
        let coarse = self.side / COARSER;
        let levels: Vec<f32> = halve(&grey, self.side)
            .into_iter()
            .map(|level| (0.5 + 0.25 * level).clamp(0.0, 1.0))
            .collect();
        let seeds = drawn.seeds(self.side);
        let walker = if self.without.contains(&ComputedChannel::Walker) {
            vec![0.0; coarse * coarse]
        } else {
            random_walker(&levels, coarse, coarse, &seeds)
        };
        let nearness = if self.without.contains(&ComputedChannel::Proximity) {
            vec![0.0; coarse * coarse]
        } else {
            proximity_to_object(&levels, coarse, &seeds)
        };
        let mut input = Vec::with_capacity(CHANNELS * pixels);
        input.extend(grey);
        input.extend(drawn.adds);
        input.extend(drawn.removes);
        input.extend(drawn.boxes);
        input.extend(self.earlier);
        input.extend(double(&walker, coarse));
        input.extend(double(&nearness, coarse));
        input
    }
}

/// Proximity to the seeds of the object, 0..=1, on a square of `coarse` pixels a side.
fn proximity_to_object(levels: &[f32], coarse: usize, seeds: &[Seed]) -> Vec<f32> {
    let adds: Vec<bool> = seeds.iter().map(|seed| *seed == Seed::Object).collect();
    geodesic_distance(levels, coarse, coarse, &adds, EDGE_WEIGHT)
        .into_iter()
        .map(|distance| (-distance * COARSER as f32 / NEAR).exp())
        .collect()
}

/// Normalises to mean 0 and standard deviation 1 over the pixels of the image; pixels outside it become black.
fn standardise(grey: &[f32], shown: &[bool]) -> Vec<f32> {
    let count = shown.iter().filter(|shown| **shown).count().max(1) as f32;
    let seen = || grey.iter().zip(shown).filter(|(_, shown)| **shown);
    let mean = seen().map(|(level, _)| level).sum::<f32>() / count;
    let squares: f32 = seen().map(|(level, _)| (level - mean).powi(2)).sum();
    let deviation = (squares / count).sqrt().max(0.01);
    grey.iter()
        .zip(shown)
        .map(|(level, shown)| {
            let level = if *shown { *level } else { 0.0 };
            ((level - mean) / deviation).clamp(-4.0, 4.0)
        })
        .collect()
}

/// Prompts as planes of 0 and 1.
struct DrawnPrompts {
    adds: Vec<f32>,
    removes: Vec<f32>,
    boxes: Vec<f32>,
    /// The centres of the boxes.
    box_centres: Vec<[f64; 2]>,
}

impl DrawnPrompts {
    fn new(prompts: &[Prompt], side: usize) -> Self {
        let mut drawn = Self {
            adds: vec![0.0; side * side],
            removes: vec![0.0; side * side],
            boxes: vec![0.0; side * side],
            box_centres: Vec::new(),
        };
        for prompt in prompts {
            match prompt {
                Prompt::Click { at, adds } => {
                    draw_disk(drawn.plane(*adds), side, *at);
                }
                Prompt::Scribble { points, adds } => {
                    let plane = drawn.plane(*adds);
                    for at in along(points) {
                        draw_disk(plane, side, at);
                    }
                }
                Prompt::Box { from, to } => {
                    fill_box(&mut drawn.boxes, side, *from, *to);
                    drawn.box_centres.push(middle_point(*from, *to));
                }
            }
        }
        drawn
    }

    fn plane(&mut self, adds: bool) -> &mut [f32] {
        if adds {
            &mut self.adds
        } else {
            &mut self.removes
        }
    }

    /// Seeds of the random walker, at its resolution: the prompts, and background along the border of the view and outside
    /// of boxes. If the only positive prompts are boxes, their centres are seeds of the object.
    fn seeds(&self, side: usize) -> Vec<Seed> {
        let coarse = side / COARSER;
        let has_box = self.boxes.iter().any(|value| *value > 0.0);
        let has_adds = self.adds.iter().any(|value| *value > 0.0);
        let mut seeds: Vec<Seed> = (0..coarse * coarse)
            .map(|at| {
                let column = at % coarse;
                let row = at / coarse;
                let pixel = row * COARSER * side + column * COARSER;
                let is_border =
                    column == 0 || row == 0 || column + 1 == coarse || row + 1 == coarse;
                if self.adds[pixel] > 0.0 {
                    Seed::Object
                } else if self.removes[pixel] > 0.0
                    || is_border
                    || (has_box && self.boxes[pixel] == 0.0)
                {
                    Seed::Background
                } else {
                    Seed::Unknown
                }
            })
            .collect();
        if !has_adds {
            let is_inside = |at: &&[f64; 2]| at.iter().all(|v| *v >= 0.0);
            for [x, y] in self.box_centres.iter().filter(is_inside) {
                let column = *x as usize / COARSER;
                let row = *y as usize / COARSER;
                if column < coarse && row < coarse {
                    seeds[row * coarse + column] = Seed::Object;
                }
            }
        }
        seeds
    }
}

/// Points along a polyline, at most one pixel apart.
pub(super) fn along(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let mut places: Vec<[f64; 2]> = points.first().copied().into_iter().collect();
    for pair in points.windows(2) {
        let step = vector_between(pair[0], pair[1]);
        let count = step[0].hypot(step[1]).ceil().clamp(1.0, 4096.0) as usize;
        places.extend((1..=count).map(|i| {
            let share = i as f64 / count as f64;
            point_along(pair[0], step, share)
        }));
    }
    places
}

/// Sets the pixels whose centres are within [`RADIUS`].
fn draw_disk(plane: &mut [f32], side: usize, [x, y]: [f64; 2]) {
    let end = side as f64;
    let range = |place: f64| {
        let low = (place - RADIUS).floor().clamp(0.0, end) as usize;
        low..(place + RADIUS).ceil().clamp(0.0, end) as usize
    };
    for row in range(y) {
        for column in range(x) {
            let away = (column as f64 + 0.5 - x).hypot(row as f64 + 0.5 - y);
            if away <= RADIUS {
                plane[row * side + column] = 1.0;
            }
        }
    }
}

/// Sets the pixels whose centres lie in the box.
fn fill_box(plane: &mut [f32], side: usize, from: [f64; 2], to: [f64; 2]) {
    for row in centres_between(from[1], to[1], side) {
        for column in centres_between(from[0], to[0], side) {
            plane[row * side + column] = 1.0;
        }
    }
}

/// The pixels of `0..side` whose centres lie between two places along an axis.
fn centres_between(a: f64, b: f64, side: usize) -> Range<usize> {
    let end = side as f64;
    let low = (a.min(b) - 0.5).ceil().clamp(0.0, end) as usize;
    low..(a.max(b) + 0.5).floor().clamp(0.0, end) as usize
}

/// Halves the resolution: means of blocks of 2x2 pixels.
fn halve(plane: &[f32], side: usize) -> Vec<f32> {
    let coarse = side / COARSER;
    (0..coarse * coarse)
        .map(|at| {
            let first = at / coarse * COARSER * side + at % coarse * COARSER;
            0.25 * (plane[first] + plane[first + 1] + plane[first + side] + plane[first + side + 1])
        })
        .collect()
}

/// Doubles the resolution by bilinear interpolation.
fn double(plane: &[f32], coarse: usize) -> Vec<f32> {
    let side = coarse * COARSER;
    let places: Vec<_> = (0..side).map(|at| nearest_two(at, coarse)).collect();
    let mut out = Vec::with_capacity(side * side);
    for &(upper, lower, lower_share) in &places {
        for &(left, right, right_share) in &places {
            let row = |row: usize| {
                let from = plane[row * coarse + left];
                from + right_share * (plane[row * coarse + right] - from)
            };
            let above = row(upper);
            out.push(above + lower_share * (row(lower) - above));
        }
    }
    out
}

/// The two nearest of `coarse` pixels to a pixel at twice the resolution, along an axis, and the weight of the second.
fn nearest_two(at: usize, coarse: usize) -> (usize, usize, f32) {
    let place = (at as f32 - 0.5) * 0.5;
    let before = place.floor().max(0.0) as usize;
    let share = (place - before as f32).max(0.0);
    (before, (before + 1).min(coarse - 1), share)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 48;

    fn encode(prompts: &[Prompt]) -> Vec<f32> {
        encode_without(&[], prompts)
    }

    fn encode_without(without: &[ComputedChannel], prompts: &[Prompt]) -> Vec<f32> {
        let grey: Vec<f32> = (0..SIDE * SIDE)
            .map(|at| {
                let (x, y) = ((at % SIDE) as f32 - 20.0, (at / SIDE) as f32 - 24.0);
                if x * x + y * y < 120.0 { 0.8 } else { 0.3 }
            })
            .collect();
        ViewPlanes {
            grey: &grey,
            shown: &[true; SIDE * SIDE],
            earlier: &vec![0.25; SIDE * SIDE],
            prompts,
            side: SIDE,
            without,
        }
        .encode()
    }

    fn plane(input: &[f32], channel: usize) -> &[f32] {
        &input[channel * SIDE * SIDE..(channel + 1) * SIDE * SIDE]
    }

    #[test]
    fn each_kind_of_prompt_has_its_channel() {
        let input = encode(&[
            Prompt::Click {
                at: [20.0, 24.0],
                adds: true,
            },
            Prompt::Scribble {
                points: vec![[40.0, 5.0], [40.0, 15.0]],
                adds: false,
            },
            Prompt::Box {
                from: [30.0, 36.0],
                to: [10.0, 12.0],
            },
        ]);
        assert_eq!(input.len(), CHANNELS * SIDE * SIDE);
        let count = |channel| plane(&input, channel).iter().filter(|v| **v == 1.0).count();
        assert_eq!(count(1), 32);
        assert!(count(2) > 80 && count(2) < 110);
        assert_eq!(count(3), 20 * 24);
        assert!(plane(&input, 4).iter().all(|value| *value == 0.25));
        let mean = plane(&input, 0).iter().sum::<f32>() / (SIDE * SIDE) as f32;
        assert!(mean.abs() < 1e-3);
    }

    #[test]
    fn walker_and_nearness_follow_the_edges_of_the_image() {
        let click = Prompt::Click {
            at: [20.0, 24.0],
            adds: true,
        };
        let input = encode(&[click]);
        for (at, (walker, near)) in plane(&input, 5).iter().zip(plane(&input, 6)).enumerate() {
            let away = ((at % SIDE) as f32 - 20.0).hypot((at / SIDE) as f32 - 24.0);
            if away < 8.0 {
                assert!(*walker > 0.5 && *near > 0.5, "{away}: {walker} {near}");
            } else if away > 14.0 {
                assert!(*walker < 0.5 && *near < 0.4, "{away}: {walker} {near}");
            }
        }
    }

    #[test]
    fn channels_that_are_left_out_are_0_and_the_others_as_they_were() {
        let click = [Prompt::Click {
            at: [20.0, 24.0],
            adds: true,
        }];
        let all = encode(&click);
        for (without, channel) in [
            (ComputedChannel::Walker, 5),
            (ComputedChannel::Proximity, 6),
        ] {
            let input = encode_without(&[without], &click);
            for other in (0..CHANNELS).filter(|other| *other != channel) {
                assert!(plane(&input, other) == plane(&all, other), "{other}");
            }
            assert!(plane(&input, channel).iter().all(|value| *value == 0.0));
            assert!(plane(&all, channel).iter().any(|value| *value > 0.0));
        }
    }

    #[test]
    fn a_box_alone_seeds_the_walker_at_its_centre() {
        let input = encode(&[Prompt::Box {
            from: [8.0, 10.0],
            to: [33.0, 38.0],
        }]);
        assert!(plane(&input, 5)[24 * SIDE + 20] > 0.9);
        assert!(plane(&input, 5)[24 * SIDE + 40] < 0.1);
    }

    #[test]
    fn prompts_outside_the_view_are_not_drawn() {
        let input = encode(&[
            Prompt::Click {
                at: [-20.0, 500.0],
                adds: true,
            },
            Prompt::Box {
                from: [-20.0, -20.0],
                to: [-5.0, f64::NAN],
            },
        ]);
        assert!(plane(&input, 1).iter().all(|value| *value == 0.0));
        assert!(plane(&input, 3).iter().all(|value| *value == 0.0));
    }
}
