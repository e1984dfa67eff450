//! Converts wheel movement to notches and whole steps, and drags to window and level, or to a zoom factor.

use crate::session::job::Loaded;
use egui::{MouseWheelUnit, Vec2};
use labrum_core::image::Window;

/// Zoom factor per point of a drag that zooms.
const ZOOM_PER_POINT: f32 = 1.01;

/// Touchpad scrolling per slice or brush size step, in points.
const POINTS_PER_NOTCH: f32 = 30.0;

/// Scroll distance in notches; `events` is the number of wheel events per notch.
pub(super) fn wheel_notches(unit: MouseWheelUnit, delta: Vec2, events: f32) -> Vec2 {
    delta
        / if unit == MouseWheelUnit::Point {
            POINTS_PER_NOTCH
        } else {
            events
        }
}

/// Adds `by` to the remainder of earlier scrolling; returns the whole part if it is not 0.
pub(super) fn take_whole_part(left: &mut f32, by: f32) -> Option<i64> {
    if by * *left < 0.0 {
        // A change of direction starts over.
        *left = 0.0;
    }
    *left += by;
    // Tolerance, so that ten tenths add up to one.
    let whole = (*left + left.signum() * 1e-3).trunc();
    *left -= whole;
    (whole != 0.0).then_some(whole as i64)
}

/// Zoom factor for a part of a drag, up or down.
pub(super) fn dragged_zoom(delta: Vec2, zooms_in_upwards: bool) -> f32 {
    let steps = if zooms_in_upwards { -delta.y } else { delta.y };
    ZOOM_PER_POINT.powf(steps)
}

/// The window after a drag: horizontal changes the width, vertical the centre.
pub(super) fn dragged_window(window: Window, loaded: &Loaded, delta: Vec2) -> Window {
    let per_point = (loaded.default_window.width / 300.0).max(window.width / 300.0);
    let width =
        (window.width + f64::from(delta.x) * per_point).max(loaded.default_window.width / 1000.0);
    Window {
        center: window.center + f64::from(delta.y) * per_point,
        width,
        ..window
    }
}
