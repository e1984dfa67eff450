//! The boundary of a label: exact contours, smooth ones, and how sure the model is along them.

use super::{mask::Mask, prediction::Prediction};

/// `[x, y]` in pixel coordinates: pixel (`column`, `row`) covers `[column, column + 1] x [row, row + 1]`.
pub type Point = [f64; 2];

/// A closed ring; its last point is joined to its first.
///
/// The label lies on the right hand when walking along it with y pointing down: outer rings run clockwise on the
/// screen, holes against the clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Contour {
    /// At least three of them.
    pub points: Vec<Point>,
    /// True where the ring bounds a hole in the label.
    pub is_hole: bool,
}

impl Contour {
    /// Enclosed area in square pixels: positive for outer rings, negative for holes. The areas of all exact contours
    /// of a label add up to its number of pixels.
    pub fn signed_area(&self) -> f64 {
        segments(&self.points).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum::<f64>() / 2.0
    }

    /// The middles of the pixel edges that an exact contour runs along: where marching squares would put its points.
    pub fn middles(&self) -> impl Iterator<Item = Point> + '_ {
        self.edges().map(|e| e.middle)
    }

    fn edges(&self) -> impl Iterator<Item = Edge> + '_ {
        segments(&self.points).flat_map(|(a, b)| {
            let length = (b[0] - a[0]).abs() + (b[1] - a[1]).abs();
            let step = [(b[0] - a[0]) / length, (b[1] - a[1]) / length];
            (0..length as usize).map(move |i| {
                let along = i as f64 + 0.5;
                Edge { middle: [a[0] + step[0] * along, a[1] + step[1] * along], step }
            })
        })
    }

    /// The staircase of an exact contour made smooth: one point for each pixel edge, in the same order.
    ///
    /// Binomial smoothing of the edges' middles with a second pass that takes back the shrinking, as in Taubin, "Curve
    /// and surface smoothing without shrinkage" (1995). Circles keep their size within 1 % from a radius of 3 pixels
    /// on; nothing moves by more than about a pixel.
    pub fn smooth(&self) -> Contour {
        let middles: Vec<Point> = self.middles().collect();
        // Rings of a few pixels would collapse under the full width.
        let rounds = (middles.len() / 8).min(4);
        let once = binomial(&middles, rounds);
        let twice = binomial(&once, rounds);
        let restore = |(a, b): (&Point, &Point)| [2.0 * a[0] - b[0], 2.0 * a[1] - b[1]];
        Contour { points: once.iter().zip(&twice).map(restore).collect(), is_hole: self.is_hole }
    }
}

/// A side of a pixel that an exact contour runs along.
struct Edge {
    middle: Point,
    /// Unit step of the walk.
    step: Point,
}

impl Edge {
    /// The pixel `depth` steps into the label (0 is the one at the edge); negative depths lie outside, -1 at the edge.
    fn pixel(&self, depth: i64) -> [i64; 2] {
        let right = [-self.step[1], self.step[0]];
        std::array::from_fn(|i| (self.middle[i] + right[i] * (depth as f64 + 0.5)).floor() as i64)
    }
}

/// Pairs of neighbouring points of a closed ring.
pub(crate) fn segments(ring: &[Point]) -> impl Iterator<Item = (Point, Point)> + '_ {
    ring.iter().zip(ring.iter().cycle().skip(1)).map(|(a, b)| (*a, *b))
}

/// `rounds` passes of the filter 1-2-1 around a ring.
fn binomial(ring: &[Point], rounds: usize) -> Vec<Point> {
    let mut ring = ring.to_vec();
    for _ in 0..rounds {
        let n = ring.len();
        let (first, mut before) = (ring[0], ring[n - 1]);
        for i in 0..n {
            let here = ring[i];
            let after = if i + 1 < n { ring[i + 1] } else { first };
            ring[i] = std::array::from_fn(|k| (before[k] + 2.0 * here[k] + after[k]) / 4.0);
            before = here;
        }
    }
    ring
}

/// The exact contours of `label`: every ring runs along pixel edges, with a point only where it turns.
///
/// Pixels that touch at a corner alone belong to different rings. The ring that holds the topmost row comes first.
pub fn trace(mask: &Mask, label: u8) -> Vec<Contour> {
    let (columns, rows) = (mask.columns(), mask.rows());
    let is_in = |x: i64, y: i64| x >= 0 && y >= 0 && x < columns as i64 && y < rows as i64 && mask.at(x, y) == label;
    // Every ring runs along the top of some pixel, to the right: those tops are where rings start.
    let mut walked = vec![false; columns * rows];
    let mut contours = Vec::new();
    for start in 0..columns * rows {
        let (x, y) = ((start % columns) as i64, (start / columns) as i64);
        if mask.labels()[start] != label || walked[start] || (y > 0 && is_in(x, y - 1)) {
            continue;
        }
        let points = walk(x, y, is_in, |x, y| walked[y as usize * columns + x as usize] = true);
        let mut contour = Contour { points, is_hole: false };
        contour.is_hole = contour.signed_area() < 0.0;
        contours.push(contour);
    }
    contours
}

/// Walks a ring that starts to the right along the top of pixel (`x0`, `y0`), telling each pixel whose top it passes.
fn walk(x0: i64, y0: i64, is_in: impl Fn(i64, i64) -> bool, mut passed_top: impl FnMut(i64, i64)) -> Vec<Point> {
    // Right, down, left, up.
    const STEPS: [(i64, i64); 4] = [(1, 0), (0, 1), (-1, 0), (0, -1)];
    let (mut x, mut y, mut direction) = (x0, y0, 0);
    let mut points = vec![[x as f64, y as f64]];
    loop {
        if direction == 0 {
            passed_top(x, y);
        }
        x += STEPS[direction].0;
        y += STEPS[direction].1;
        let [right, left] = match direction {
            0 => [(x, y), (x, y - 1)],
            1 => [(x - 1, y), (x, y)],
            2 => [(x - 1, y - 1), (x - 1, y)],
            _ => [(x, y - 1), (x - 1, y - 1)],
        };
        let turned = match (is_in(right.0, right.1), is_in(left.0, left.1)) {
            (false, _) => (direction + 1) % 4,
            (true, false) => direction,
            (true, true) => (direction + 3) % 4,
        };
        if (x, y, turned) == (x0, y0, 0) {
            return points;
        }
        if turned != direction {
            points.push([x as f64, y as f64]);
        }
        direction = turned;
    }
}

/// How sure the model is along an exact contour of `label`: 0..=1 for each pixel edge, in the order of the points of
/// [`Contour::smooth`].
///
/// At each edge the agreement (1 + m) / 2, with m the probability of the label minus that of its strongest rival, is
/// averaged over a band of [`band_width`] pixels into the label, and 1 minus it over as many pixels out of it; the
/// mean of both sides is stretched so that 0.5 becomes 0. A sharp step from 1 to 0 is 1; a wide, flat transition
/// tends to 0, and so does a boundary that a person drew where the model sees none. The band ends where the mask
/// changes again and at the image's edge.
pub fn boundary_confidence(contour: &Contour, mask: &Mask, label: u8, prediction: &Prediction) -> Vec<f32> {
    let same_size = (mask.columns(), mask.rows()) == (prediction.mask.columns(), prediction.mask.rows());
    if !same_size {
        return vec![0.0; contour.edges().count()];
    }
    let band = band_width(mask.columns(), mask.rows()) as i64;
    let side = |edge: &Edge, depths: &mut dyn Iterator<Item = i64>, inside: bool| {
        let (mut sum, mut n) = (0.0, 0);
        for [x, y] in depths.map(|depth| edge.pixel(depth)) {
            let in_image = x >= 0 && y >= 0 && x < mask.columns() as i64 && y < mask.rows() as i64;
            if !in_image || (mask.at(x, y) == label) != inside {
                break;
            }
            let m = margin(prediction, label, y as usize * mask.columns() + x as usize);
            sum += if inside { (1.0 + m) / 2.0 } else { (1.0 - m) / 2.0 };
            n += 1;
        }
        (n > 0).then(|| sum / n as f32)
    };
    let at = |edge: Edge| {
        let sides = [side(&edge, &mut (0..band), true), side(&edge, &mut (-band..0).rev(), false)];
        let known: Vec<f32> = sides.into_iter().flatten().collect();
        let agreement = known.iter().sum::<f32>() / known.len().max(1) as f32;
        (2.0 * agreement - 1.0).clamp(0.0, 1.0)
    };
    running_mean(&contour.edges().map(at).collect::<Vec<f32>>(), 2)
}

/// How far [`boundary_confidence`] looks to each side of a contour: 1 % of the longer side of the image, at least 3
/// pixels, because a model's transition zone grows with the image that it was scaled to.
pub fn band_width(columns: usize, rows: usize) -> usize {
    (columns.max(rows) / 100).max(3)
}

/// Probability of `label` minus that of the likeliest other one, background included: -1..=1.
fn margin(prediction: &Prediction, label: u8, index: usize) -> f32 {
    let others = (0..=prediction.probabilities.len() as u8).filter(|&l| l != label);
    let rival = others.map(|l| prediction.probability(l, index)).fold(0.0, f32::max);
    prediction.probability(label, index) - rival
}

/// Mean over `reach` values to each side around a ring.
fn running_mean(ring: &[f32], reach: usize) -> Vec<f32> {
    let n = ring.len();
    let mean = |i: usize| (0..=2 * reach).map(|k| ring[(i + n * reach + k - reach) % n]).sum::<f32>();
    (0..n).map(|i| mean(i) / (2 * reach + 1) as f32).collect()
}

/// A piece of boundary that the model is unsure of.
#[derive(Clone, Debug, PartialEq)]
pub struct Stretch {
    /// Which of the contours.
    pub contour: usize,
    /// Its first pixel edge.
    pub first: usize,
    /// How many edges; the stretch may run over the ring's end.
    pub edges: usize,
    /// On the smooth contour, half way along.
    pub middle: Point,
    /// How far below the threshold, summed over the edges: long and deep stretches first.
    pub doubt: f32,
}

/// Connected stretches of boundary whose confidence is below `threshold`, the most doubtful first.
///
/// `confidences` holds for each contour what [`boundary_confidence`] says of it.
pub fn doubtful_stretches(contours: &[Contour], confidences: &[Vec<f32>], threshold: f32) -> Vec<Stretch> {
    let mut stretches = Vec::new();
    for (index, (contour, confidence)) in contours.iter().zip(confidences).enumerate() {
        let points = contour.smooth().points;
        for (first, edges) in low_runs(confidence, threshold) {
            let Some(&middle) = points.get((first + edges / 2) % points.len().max(1)) else { continue };
            let doubt = (0..edges).map(|k| threshold - confidence[(first + k) % confidence.len()]).sum();
            stretches.push(Stretch { contour: index, first, edges, middle, doubt });
        }
    }
    stretches.sort_by(|a, b| b.doubt.total_cmp(&a.doubt));
    stretches
}

/// (first, length) of the runs below `threshold` on a ring; a run may go over the end.
fn low_runs(ring: &[f32], threshold: f32) -> Vec<(usize, usize)> {
    let n = ring.len();
    let Some(high) = ring.iter().position(|&c| c >= threshold) else {
        return if n > 0 { vec![(0, n)] } else { Vec::new() };
    };
    let mut runs: Vec<(usize, usize)> = Vec::new();
    let mut in_run = false;
    for i in (high..high + n).map(|i| i % n) {
        let low = ring[i] < threshold;
        match runs.last_mut() {
            Some(run) if low && in_run => run.1 += 1,
            _ if low => runs.push((i, 1)),
            _ => {}
        }
        in_run = low;
    }
    runs
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    /// A mask drawn with `#` for label 1.
    fn mask(drawing: &[&str]) -> Mask {
        let labels = drawing.iter().flat_map(|row| row.bytes().map(|b| u8::from(b == b'#'))).collect();
        Mask::from_labels(drawing[0].len(), drawing.len(), labels).unwrap()
    }

    fn disc(size: usize, radius: f64) -> Mask {
        let c = size as f64 / 2.0;
        let inside = |i: usize| {
            let (x, y) = ((i % size) as f64 + 0.5 - c, (i / size) as f64 + 0.5 - c);
            u8::from(x * x + y * y < radius * radius)
        };
        Mask::from_labels(size, size, (0..size * size).map(inside).collect()).unwrap()
    }

    /// The model's view of a disc whose edge is `width` pixels wide to the right of the middle, sharp to the left.
    fn prediction(size: usize, radius: f64, width: f64) -> Prediction {
        let c = size as f64 / 2.0;
        let probability = |i: usize| {
            let (x, y) = ((i % size) as f64 + 0.5 - c, (i / size) as f64 + 0.5 - c);
            let width = if x > radius / 2.0 { width } else { 0.1 };
            let p = (0.5 + (radius - x.hypot(y)) / width).clamp(0.0, 1.0);
            (p * 65535.0) as u16
        };
        Prediction { mask: disc(size, radius), probabilities: vec![(0..size * size).map(probability).collect()] }
    }

    #[test]
    fn a_square_has_four_corners() {
        let contours = trace(&mask(&["....", ".##.", ".##.", "...."]), 1);
        assert_eq!(contours.len(), 1);
        assert_eq!(contours[0].points, [[1.0, 1.0], [3.0, 1.0], [3.0, 3.0], [1.0, 3.0]]);
    }

    #[test]
    fn a_hole_is_a_ring_of_its_own() {
        let ring = mask(&["#####", "#...#", "#.#.#", "#...#", "#####"]);
        let contours = trace(&ring, 1);
        assert_eq!(contours.iter().map(|c| c.is_hole).collect::<Vec<_>>(), [false, false, true]);
        assert_eq!(contours.iter().map(Contour::signed_area).sum::<f64>(), 17.0);
    }

    #[test]
    fn pixels_that_touch_at_a_corner_are_two_rings() {
        assert_eq!(trace(&mask(&["#.", ".#"]), 1).len(), 2);
        assert_eq!(trace(&mask(&[".#", "#."]), 1).len(), 2);
    }

    #[test]
    fn an_object_may_fill_the_image() {
        let contours = trace(&mask(&["##", "##"]), 1);
        assert_eq!(contours[0].points, [[0.0, 0.0], [2.0, 0.0], [2.0, 2.0], [0.0, 2.0]]);
        assert_eq!(trace(&Mask::empty(2, 2), 0).len(), 1, "background can be traced too");
    }

    #[test]
    fn rings_of_any_mask_enclose_its_pixels() {
        let mut state = 1u32;
        for size in [1, 2, 7, 16] {
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 30) as u8 & 1
            };
            let m = Mask::from_labels(size, size, (0..size * size).map(|_| next()).collect()).unwrap();
            let area: f64 = trace(&m, 1).iter().map(Contour::signed_area).sum();
            assert_eq!(area, m.count(1) as f64);
        }
    }

    #[test]
    fn smoothing_keeps_the_size_of_a_disc_and_the_number_of_edges() {
        let exact = trace(&disc(50, 20.0), 1).remove(0);
        let smooth = exact.smooth();
        assert_eq!(smooth.points.len(), exact.edges().count());
        for [x, y] in smooth.points {
            let radius = (x - 25.0).hypot(y - 25.0);
            assert!((radius - 20.0).abs() < 0.8, "{radius}");
        }
        let single = trace(&mask(&["#"]), 1).remove(0).smooth();
        assert_eq!(single.points.len(), 4);
        assert!(single.signed_area() > 0.4, "a single pixel stays visible");
    }

    #[test]
    fn a_sharp_boundary_is_sure_and_a_blurred_one_is_not() {
        let of = |width| {
            let model = prediction(100, 30.0, width);
            let contour = trace(&model.mask, 1).remove(0);
            boundary_confidence(&contour, &model.mask, 1, &model)
        };
        assert!(of(0.1).iter().all(|&c| c > 0.9));
        let blurred = of(20.0);
        assert!(blurred.iter().any(|&c| c < 0.4), "right side");
        assert!(blurred.iter().any(|&c| c > 0.9), "left side");
    }

    #[test]
    fn a_boundary_where_the_model_sees_none_is_not_sure() {
        let model = prediction(100, 30.0, 0.1);
        let drawn = disc(100, 12.0);
        let contour = trace(&drawn, 1).remove(0);
        assert!(boundary_confidence(&contour, &drawn, 1, &model).iter().all(|&c| c < 0.1));
    }

    #[test]
    fn the_doubtful_stretch_lies_where_the_edge_is_blurred() {
        let model = prediction(100, 30.0, 20.0);
        let contours = trace(&model.mask, 1);
        let confidence = boundary_confidence(&contours[0], &model.mask, 1, &model);
        let found = doubtful_stretches(&contours, &[confidence], 0.5);
        assert_eq!(found.len(), 1);
        let [x, y] = found[0].middle;
        assert!(x > 75.0 && (y - 50.0).abs() < 3.0, "{x} {y}");
    }

    #[test]
    fn runs_go_over_the_end_of_a_ring() {
        assert_eq!(low_runs(&[0.0, 1.0, 0.0, 0.0], 0.5), [(2, 3)]);
        assert_eq!(low_runs(&[0.0, 0.0], 0.5), [(0, 2)]);
        assert_eq!(low_runs(&[1.0, 0.0, 1.0, 0.0, 1.0], 0.5), [(1, 1), (3, 1)]);
    }
}
