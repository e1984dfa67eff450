//! Tools: geometry and pixels in, a region or a path out. The session paints what they give.

mod flood;
mod grey;
pub mod live_wire;
pub mod pull;
pub mod smart_brush;
