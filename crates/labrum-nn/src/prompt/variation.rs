//! Random views of a task: crop, orientation and grey levels of the image that the network sees.

use super::{
    levels::vary_levels,
    random::{log_uniform, uniform},
    recipe::EpisodeStyle,
    shapes::{bounds_of, count_pixels, has_size},
    source::{Target, TaskImage},
};
use labrum_core::region::PixelRect;
use rand::{RngExt, rngs::SmallRng};

/// Share of views that show the whole image.
const WHOLE_IMAGE: f64 = 0.5;
/// Minimum side of a crop, in pixels of the image: smaller targets are not enlarged further.
const SHORTEST_CROP: f64 = 32.0;
/// Minimum size of the ground truth in a view, in pixels.
const FEWEST_PIXELS: usize = 12;
/// Probability of a small rotation, zoom and shear.
const WARPED: f64 = 0.6;
/// Probability of a rotation by a multiple of 90 degrees, for the task of one workspace: most images there are upright.
const TURNED: f64 = 0.25;
/// Maximum number of samples, along x and y, that are averaged for a pixel of a view.
const MOST_SAMPLES: usize = 4;

/// What the network sees of a task.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskView {
    /// Grey levels, 0..=1, `side * side`, row after row; 0 outside of the image.
    pub grey: Vec<f32>,
    /// Ground truth, `side * side`; false outside of the image.
    pub truth: Vec<bool>,
    /// Where its pixels lie in the image.
    warp: ViewWarp,
}

impl TaskView {
    /// Converts a position in the image to one in the view, both in pixels.
    pub fn place_in_view(&self, place: [f64; 2]) -> [f64; 2] {
        self.warp.place_in_view(place)
    }
}

/// A random view of `side * side` pixels; the same for the same state of `rng`.
///
/// In half of the draws a square crop around the target, with 15 % to 150 % of its longer side as margin
/// and the target slightly off-centre, of at least 32 pixels of the image and at most its longer
/// side; otherwise the whole image in a square. Mirrored and rotated by any multiple of 90 degrees
/// (of the narrow style in a quarter of the draws), in 60 % also rotated by up to 20 degrees, zoomed
/// by up to 1.2 and sheared by up to 0.15. Grey is
/// bilinear, averaged where the image has more pixels than the view; the ground truth is
/// nearest-neighbour. Then grey levels are varied.
///
/// `None` if there is no target, fewer than 12 of its pixels remain, or a plane has the wrong size.
pub fn vary_view(
    image: &TaskImage,
    target: &Target,
    side: usize,
    style: EpisodeStyle,
    rng: &mut SmallRng,
) -> Option<TaskView> {
    let is_fitting = has_size(&image.grey, image.columns, image.rows)
        && has_size(&target.inside, image.columns, image.rows);
    if !is_fitting || side == 0 {
        return None;
    }
    let bounds = bounds_of(&target.inside, image.columns)?;
    let frame = if rng.random_bool(WHOLE_IMAGE) {
        Frame::around_image(image)
    } else {
        Frame::around_target(&bounds, image, rng)
    };
    let warp = ViewWarp::from_random(&frame, side, style, rng);
    let length = side * side;
    let nearest: Vec<Option<usize>> = (0..length)
        .map(|at| {
            let column = (at % side) as f64;
            let row = (at / side) as f64;
            pixel_at(image, warp.place_of([column + 0.5, row + 0.5]))
        })
        .collect();
    let truth: Vec<bool> = nearest
        .iter()
        .map(|at| at.is_some_and(|at| target.inside[at]))
        .collect();
    if count_pixels(&truth) < FEWEST_PIXELS {
        return None;
    }
    let samples = ((frame.side / side as f64).round() as usize).clamp(1, MOST_SAMPLES);
    let mut grey: Vec<f32> = (0..length)
        .map(|at| mean_grey(image, &warp, [at % side, at / side], samples))
        .collect();
    vary_levels(&mut grey, side, style, rng);
    for (level, at) in grey.iter_mut().zip(&nearest) {
        if at.is_none() {
            *level = 0.0;
        }
    }
    Some(TaskView { grey, truth, warp })
}

/// A square in pixels of the image; it may extend beyond the image.
struct Frame {
    center: [f64; 2],
    side: f64,
}

impl Frame {
    /// The smallest square that holds the image, with the image in its middle.
    fn around_image(image: &TaskImage) -> Self {
        Self {
            center: [image.columns as f64 / 2.0, image.rows as f64 / 2.0],
            side: image.columns.max(image.rows) as f64,
        }
    }

    /// A square with a random margin around these bounds, shifted by at most half the margin.
    fn around_target(bounds: &PixelRect, image: &TaskImage, rng: &mut SmallRng) -> Self {
        let longer = bounds.columns.len().max(bounds.rows.len()) as f64;
        let margin = longer * log_uniform(rng, 0.15..=1.5);
        let longest = image.columns.max(image.rows) as f64;
        let side = (longer + 2.0 * margin).min(longest).max(SHORTEST_CROP);
        let most = 0.25 * (side - longer);
        let middle = [&bounds.columns, &bounds.rows].map(|range| (range.start + range.end) as f64);
        Self {
            center: middle.map(|sum| 0.5 * sum + uniform(rng, -most..=most)),
            side,
        }
    }
}

/// Maps points of a view to points of the image, in pixels.
#[derive(Clone, Debug, PartialEq)]
struct ViewWarp {
    /// One step along x and one along y of the view, in the image.
    steps: [[f64; 2]; 2],
    /// Centre of the view, in the image.
    center: [f64; 2],
    /// Half the view's side, in its pixels.
    half: f64,
}

impl ViewWarp {
    /// Any mirroring and quarter turn, often with a small rotation, zoom and shear.
    fn from_random(frame: &Frame, side: usize, style: EpisodeStyle, rng: &mut SmallRng) -> Self {
        let is_turned = style == EpisodeStyle::Broad || rng.random_bool(TURNED);
        let turns = if is_turned {
            rng.random_range(0..4u8)
        } else {
            0
        };
        let mut angle = 90.0 * f64::from(turns);
        let mut scale = frame.side / side as f64;
        let mut shear = 0.0;
        if rng.random_bool(WARPED) {
            angle += uniform(rng, -20.0..=20.0);
            scale *= log_uniform(rng, 1.0 / 1.2..=1.2);
            shear = uniform(rng, -0.15..=0.15);
        }
        let mirror = if rng.random_bool(0.5) { -1.0 } else { 1.0 };
        let (sin, cos) = angle.to_radians().sin_cos();
        let along_x = [mirror * scale * cos, mirror * scale * sin];
        let along_y = [-scale * sin, scale * cos];
        Self {
            steps: [
                along_x,
                [
                    along_y[0] + shear * along_x[0],
                    along_y[1] + shear * along_x[1],
                ],
            ],
            center: frame.center,
            half: 0.5 * side as f64,
        }
    }

    /// Maps a point of the view to the image.
    fn place_of(&self, place: [f64; 2]) -> [f64; 2] {
        let [x, y] = place.map(|v| v - self.half);
        let [along_x, along_y] = self.steps;
        [
            self.center[0] + x * along_x[0] + y * along_y[0],
            self.center[1] + x * along_x[1] + y * along_y[1],
        ]
    }

    /// Maps a point of the image to the view: the inverse of [`Self::place_of`].
    fn place_in_view(&self, place: [f64; 2]) -> [f64; 2] {
        let [along_x, along_y] = self.steps;
        let [x, y] = [0, 1].map(|axis| place[axis] - self.center[axis]);
        let determinant = along_x[0] * along_y[1] - along_x[1] * along_y[0];
        [
            self.half + (x * along_y[1] - y * along_y[0]) / determinant,
            self.half + (y * along_x[0] - x * along_x[1]) / determinant,
        ]
    }
}

/// Index of the pixel at a point; `None` outside of the image.
fn pixel_at(image: &TaskImage, [x, y]: [f64; 2]) -> Option<usize> {
    let is_within = x >= 0.0 && y >= 0.0 && x < image.columns as f64 && y < image.rows as f64;
    is_within.then(|| y as usize * image.columns + x as usize)
}

/// Mean grey of `samples * samples` points in a pixel of the view.
fn mean_grey(image: &TaskImage, warp: &ViewWarp, [column, row]: [usize; 2], samples: usize) -> f32 {
    let step = 1.0 / samples as f64;
    let mut sum = 0.0;
    for down in 0..samples {
        for across in 0..samples {
            let x = column as f64 + (across as f64 + 0.5) * step;
            let y = row as f64 + (down as f64 + 0.5) * step;
            sum += bilinear_grey(image, warp.place_of([x, y]));
        }
    }
    sum / (samples * samples) as f32
}

/// Bilinearly interpolated grey at a point; 0 outside of the image.
fn bilinear_grey(image: &TaskImage, [x, y]: [f64; 2]) -> f32 {
    let (x, y) = (x - 0.5, y - 0.5);
    let left = x.floor();
    let top = y.floor();
    let (right_share, lower_share) = ((x - left) as f32, (y - top) as f32);
    let mut grey = 0.0;
    for (down, share) in [(0.5, 1.0 - lower_share), (1.5, lower_share)] {
        for (across, part) in [(0.5, 1.0 - right_share), (1.5, right_share)] {
            if let Some(at) = pixel_at(image, [left + across, top + down]) {
                grey += share * part * image.grey[at];
            }
        }
    }
    grey
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::{
        super::phantom::{self, COLUMNS, ROWS, disc},
        *,
    };
    use rand::SeedableRng;

    const SIDE: usize = 48;

    fn image() -> TaskImage {
        TaskImage {
            grey: phantom::grey(),
            columns: COLUMNS,
            rows: ROWS,
            labels: None,
            task: "phantom".to_owned(),
            prompted: Vec::new(),
        }
    }

    /// The bright disc of the image.
    fn target() -> Target {
        Target {
            inside: phantom::labels().iter().map(|label| *label == 1).collect(),
        }
    }

    fn view(seed: u64) -> Option<TaskView> {
        vary_view(
            &image(),
            &target(),
            SIDE,
            EpisodeStyle::Broad,
            &mut SmallRng::seed_from_u64(seed),
        )
    }

    #[test]
    fn a_view_has_the_right_size_valid_levels_and_a_target() {
        for seed in 0..100 {
            let view = view(seed).unwrap();
            assert_eq!([view.grey.len(), view.truth.len()], [SIDE * SIDE; 2]);
            assert!(view.grey.iter().all(|level| (0.0..=1.0).contains(level)));
            assert!(count_pixels(&view.truth) >= FEWEST_PIXELS);
        }
    }

    #[test]
    fn the_ground_truth_moves_with_the_image() {
        let (image, target) = (image(), target());
        for seed in 0..40 {
            let mut rng = SmallRng::seed_from_u64(seed);
            let bounds = bounds_of(&target.inside, COLUMNS).unwrap();
            let warp = ViewWarp::from_random(
                &Frame::around_target(&bounds, &image, &mut rng),
                SIDE,
                EpisodeStyle::Broad,
                &mut rng,
            );
            let mut wrong = 0;
            for at in 0..SIDE * SIDE {
                let place = warp.place_of([(at % SIDE) as f64 + 0.5, (at / SIDE) as f64 + 0.5]);
                let is_in = pixel_at(&image, place).is_some_and(|at| target.inside[at]);
                let grey = mean_grey(&image, &warp, [at % SIDE, at / SIDE], 1);
                wrong += usize::from((grey > 0.55) != is_in);
            }
            assert!(wrong < 60, "seed {seed}: {wrong}");
        }
    }

    #[test]
    fn crops_show_the_target_large_and_whole_images_small() {
        let mut large = 0;
        for seed in 0..200 {
            let view = view(seed).unwrap();
            // The disc is 30 of 96 pixels wide: below 0.12 in any view of the whole image.
            let share = count_pixels(&view.truth) as f64 / (SIDE * SIDE) as f64;
            assert!((0.04..0.9).contains(&share), "{share}");
            large += usize::from(share > 0.12);
        }
        // Half of the views are crops, and about seven in ten of these have a small margin.
        assert!((50..95).contains(&large), "{large}");
    }

    #[test]
    fn a_crop_contains_the_target_with_a_margin() {
        for seed in 0..50 {
            let mut rng = SmallRng::seed_from_u64(seed);
            let bounds = PixelRect {
                columns: 10..50,
                rows: 30..50,
            };
            let Frame { center, side } = Frame::around_target(&bounds, &image(), &mut rng);
            assert!((48.0..=96.0).contains(&side), "{side}");
            let half = side / 2.0;
            assert!(center[0] - half <= 8.0 && center[0] + half >= 52.0);
            assert!(center[1] - half <= 28.0 && center[1] + half >= 52.0);
        }
    }

    #[test]
    fn the_area_outside_of_the_image_is_black() {
        let corner = Target {
            inside: disc(COLUMNS, ROWS, [0.0, 0.0], 20.0),
        };
        let mut with_outside = 0;
        for seed in 0..60 {
            let mut rng = SmallRng::seed_from_u64(seed);
            let bright = TaskImage {
                grey: vec![1.0; COLUMNS * ROWS],
                ..image()
            };
            let view = vary_view(&bright, &corner, SIDE, EpisodeStyle::Broad, &mut rng).unwrap();
            let zeros = view.grey.iter().filter(|level| **level == 0.0).count();
            with_outside += usize::from(zeros > SIDE * SIDE / 10);
        }
        assert!(with_outside > 40, "{with_outside}");
    }

    #[test]
    fn the_same_seed_gives_the_same_view_and_another_seed_does_not() {
        assert!(view(5) == view(5));
        assert!(view(5) != view(6));
    }

    #[test]
    fn an_unusable_target_or_a_tiny_view_gives_none() {
        let mut rng = SmallRng::seed_from_u64(1);
        let nothing = Target {
            inside: vec![false; COLUMNS * ROWS],
        };
        let short = Target {
            inside: vec![true; 7],
        };
        for _ in 0..20 {
            let mut vary = |target: &Target, side: usize| {
                vary_view(&image(), target, side, EpisodeStyle::Broad, &mut rng)
            };
            assert!(vary(&nothing, SIDE).is_none());
            assert!(vary(&short, SIDE).is_none());
            assert!(vary(&target(), 0).is_none());
            assert!(vary(&target(), 3).is_none());
        }
    }

    #[test]
    fn a_place_in_the_image_is_found_again_in_the_view() {
        for style in [EpisodeStyle::Broad, EpisodeStyle::Narrow] {
            for seed in 0..20 {
                let mut rng = SmallRng::seed_from_u64(seed);
                let view = vary_view(&image(), &target(), SIDE, style, &mut rng).unwrap();
                for place in [[3.0, 7.5], [34.0, 40.0], [90.25, 12.0]] {
                    let back = view.warp.place_of(view.place_in_view(place));
                    let away = (back[0] - place[0]).hypot(back[1] - place[1]);
                    assert!(away < 1e-9, "{place:?} {back:?}");
                }
            }
        }
    }

    #[test]
    fn for_a_single_task_most_views_are_upright() {
        let count_upright = |style: EpisodeStyle| {
            let is_upright = |seed: &u64| {
                let mut rng = SmallRng::seed_from_u64(*seed);
                let view = vary_view(&image(), &target(), SIDE, style, &mut rng).unwrap();
                let below = view.place_in_view([34.0, 50.0])[1];
                below - view.place_in_view([34.0, 30.0])[1] > 0.0
                    && view.warp.steps[1][1] > view.warp.steps[1][0].abs()
            };
            (0..100).filter(is_upright).count()
        };
        let broad = count_upright(EpisodeStyle::Broad);
        let narrow = count_upright(EpisodeStyle::Narrow);
        assert!(
            (10..45).contains(&broad) && (65..95).contains(&narrow),
            "{broad} {narrow}"
        );
    }
}
