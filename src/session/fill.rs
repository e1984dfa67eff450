//! Cuts the area inside of rings into slabs with straight sides, so that it can be filled at any zoom.

/// A trapezoid with level top and bottom.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slab {
    /// y of the top and of the bottom.
    pub y: [f32; 2],
    /// x of the left and right side at the top.
    pub top: [f32; 2],
    /// x of the left and right side at the bottom.
    pub bottom: [f32; 2],
}

/// More slabs than this are not drawn smoothly in time: the cut becomes coarser.
const ENOUGH: usize = 12_000;

/// The inside of `rings` (even-odd) as slabs in order of y.
///
/// Heights are rounded to an eighth of a pixel, or to a whole one where that would give too many slabs.
pub fn slabs(rings: &[&[[f32; 2]]]) -> Vec<Slab> {
    let fine = cut(rings, 8.0);
    if fine.len() <= ENOUGH { fine } else { cut(rings, 1.0) }
}

struct Side {
    top: [f32; 2],
    bottom: [f32; 2],
}

impl Side {
    fn x(&self, y: f32) -> f32 {
        let t = (y - self.top[1]) / (self.bottom[1] - self.top[1]);
        self.top[0] + t * (self.bottom[0] - self.top[0])
    }
}

fn cut(rings: &[&[[f32; 2]]], steps_per_pixel: f32) -> Vec<Slab> {
    let snap = |[x, y]: [f32; 2]| [x, (y * steps_per_pixel).round() / steps_per_pixel];
    let mut sides: Vec<Side> = Vec::new();
    for ring in rings {
        for i in 0..ring.len() {
            let (a, b) = (snap(ring[i]), snap(ring[(i + 1) % ring.len()]));
            if a[1] < b[1] {
                sides.push(Side { top: a, bottom: b });
            } else if b[1] < a[1] {
                sides.push(Side { top: b, bottom: a });
            }
        }
    }
    let mut levels: Vec<f32> = sides.iter().flat_map(|s| [s.top[1], s.bottom[1]]).collect();
    levels.sort_by(f32::total_cmp);
    levels.dedup();
    sides.sort_by(|a, b| a.top[1].total_cmp(&b.top[1]));

    let mut slabs = Vec::new();
    let mut active: Vec<usize> = Vec::new();
    let mut next = 0;
    for pair in levels.windows(2) {
        let (y0, y1) = (pair[0], pair[1]);
        active.retain(|&i| sides[i].bottom[1] > y0);
        while next < sides.len() && sides[next].top[1] <= y0 {
            active.push(next);
            next += 1;
        }
        let middle = (y0 + y1) / 2.0;
        active.sort_by(|&a, &b| sides[a].x(middle).total_cmp(&sides[b].x(middle)));
        for span in active.chunks_exact(2) {
            let (left, right) = (&sides[span[0]], &sides[span[1]]);
            let (top, bottom) = ([left.x(y0), right.x(y0)], [left.x(y1), right.x(y1)]);
            slabs.push(Slab { y: [y0, y1], top, bottom });
        }
    }
    slabs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area(slabs: &[Slab]) -> f32 {
        slabs.iter().map(|s| (s.y[1] - s.y[0]) * (s.top[1] - s.top[0] + s.bottom[1] - s.bottom[0]) / 2.0).sum()
    }

    #[test]
    fn a_square_with_a_hole_keeps_its_area() {
        let outer: &[[f32; 2]] = &[[0.0, 0.0], [10.0, 0.0], [10.0, 10.0], [0.0, 10.0]];
        let hole: &[[f32; 2]] = &[[4.0, 4.0], [4.0, 6.0], [6.0, 6.0], [6.0, 4.0]];
        assert!((area(&slabs(&[outer, hole])) - 96.0).abs() < 1e-3);
    }

    #[test]
    fn a_circle_keeps_its_area() {
        let ring: Vec<[f32; 2]> =
            (0..360).map(|d| (d as f32).to_radians()).map(|a| [50.0 + 30.0 * a.cos(), 50.0 + 30.0 * a.sin()]).collect();
        let expected = std::f32::consts::PI * 900.0;
        assert!((area(&slabs(&[&ring])) - expected).abs() < expected * 0.002);
    }
}
