//! Tools: geometry and pixels in, a region or a path out. The session paints what they give.

mod edge_cost;
mod flood;
mod grey;
pub mod live_wire;
#[cfg(test)]
mod phantom;
pub mod pull;
pub mod smart_brush;
