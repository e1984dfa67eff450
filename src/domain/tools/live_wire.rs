//! Live wire.
use crate::domain::image::Image;
#[derive(Debug)]
/// A.
pub struct Wire;
impl Wire {
    /// A
    pub fn new(_: &Image) -> Self {
        Self
    }
    /// A
    pub fn start_at(&mut self, _: [f64; 2]) {}
    /// A
    pub fn path_to(&mut self, p: [f64; 2]) -> Vec<[f64; 2]> {
        vec![p]
    }
}
