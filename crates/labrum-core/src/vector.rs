//! Vectors of two or three numbers: differences, products, lengths, and points between others.

use std::array;

/// The vector from one point to another.
#[inline]
pub fn vector_between<const N: usize>(from: [f64; N], to: [f64; N]) -> [f64; N] {
    array::from_fn(|i| to[i] - from[i])
}

/// The sum of two vectors, or a point moved by a vector.
#[inline]
pub fn vector_sum<const N: usize>(a: [f64; N], b: [f64; N]) -> [f64; N] {
    array::from_fn(|i| a[i] + b[i])
}

/// A vector with each component multiplied by that of `factors`.
#[inline]
pub fn scaled_vector<const N: usize>(vector: [f64; N], factors: [f64; N]) -> [f64; N] {
    array::from_fn(|i| vector[i] * factors[i])
}

/// A vector with each component divided by that of `divisors`.
#[inline]
pub fn divided_vector<const N: usize>(vector: [f64; N], divisors: [f64; N]) -> [f64; N] {
    array::from_fn(|i| vector[i] / divisors[i])
}

/// The point that is reached from another one along a vector, at `distance` times its length.
#[inline]
pub fn point_along<const N: usize>(from: [f64; N], vector: [f64; N], distance: f64) -> [f64; N] {
    array::from_fn(|i| from[i] + distance * vector[i])
}

/// The point in the middle between two.
#[inline]
pub fn middle_point<const N: usize>(a: [f64; N], b: [f64; N]) -> [f64; N] {
    array::from_fn(|i| (a[i] + b[i]) / 2.0)
}

/// The dot product.
#[inline]
pub fn dot_product<const N: usize>(a: [f64; N], b: [f64; N]) -> f64 {
    (0..N).map(|i| a[i] * b[i]).sum()
}

/// The cross product of vectors in space.
#[inline]
pub fn cross_product(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [
        a[1] * b[2] - a[2] * b[1],
        a[2] * b[0] - a[0] * b[2],
        a[0] * b[1] - a[1] * b[0],
    ]
}

/// The signed area of the parallelogram between two vectors in a plane: positive if the second one lies clockwise of
/// the first, with y pointing down.
#[inline]
pub fn signed_area(a: [f64; 2], b: [f64; 2]) -> f64 {
    a[0] * b[1] - a[1] * b[0]
}

/// The length of a vector in space.
#[inline]
pub fn vector_length(vector: [f64; 3]) -> f64 {
    dot_product(vector, vector).sqrt()
}

/// Distance between two points on an image, with pixels of this width and height.
#[inline]
pub fn pixel_distance(a: [f64; 2], b: [f64; 2], size: [f64; 2]) -> f64 {
    let [x, y] = scaled_vector(vector_between(a, b), size);
    x.hypot(y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vector_leads_from_one_point_to_the_other() {
        let from = [1.0, 2.0, 3.0];
        let vector = vector_between(from, [4.0, 6.0, 15.0]);
        assert_eq!(vector_length(vector), 13.0);
        assert_eq!(vector_sum(from, vector), [4.0, 6.0, 15.0]);
        assert_eq!(point_along(from, vector, 0.5), [2.5, 4.0, 9.0]);
        assert_eq!(middle_point(from, [4.0, 6.0, 15.0]), [2.5, 4.0, 9.0]);
    }

    #[test]
    fn products_tell_directions_apart() {
        let (right, down) = ([2.0, 0.0], [0.0, 3.0]);
        assert_eq!(dot_product(right, down), 0.0);
        assert_eq!(signed_area(right, down), 6.0);
        assert_eq!(signed_area(down, right), -6.0);
        let away = cross_product([2.0, 0.0, 0.0], [0.0, 3.0, 0.0]);
        assert_eq!(away, [0.0, 0.0, 6.0]);
    }

    #[test]
    fn distances_on_an_image_follow_the_size_of_its_pixels() {
        assert_eq!(pixel_distance([1.0, 1.0], [4.0, 5.0], [1.0, 1.0]), 5.0);
        assert_eq!(
            pixel_distance([4.0, 5.0], [1.0, 1.0], [2.0, 1.5]),
            72f64.sqrt()
        );
        assert_eq!(
            divided_vector(scaled_vector([3.0, 4.0], [2.0, 0.5]), [2.0, 0.5]),
            [3.0, 4.0]
        );
    }
}
