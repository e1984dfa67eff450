//! Size and position of the window: restored from the last session, and limited to the screen.

use crate::session::settings::WindowPlace;
use egui::{Context, Pos2, Vec2, ViewportBuilder, ViewportCommand, pos2, vec2};

/// Default and minimum size of the window, in points at 100 %.
const USUAL: Vec2 = vec2(1440.0, 900.0);
const LEAST: Vec2 = vec2(1024.0, 640.0);

/// Space for window frame, title bar and the desktop's panel if the desktop does not report it, in
/// points.
const AROUND: Vec2 = vec2(8.0, 88.0);

/// Number of frames until the interface scale is in effect. A size requested earlier would be scaled
/// twice.
const SCALED: u32 = 2;

/// Number of frames until the window manager has placed the window.
const SETTLES: u32 = 6;

/// Tracks size and position of the window.
#[derive(Debug, Default)]
pub(super) struct Place {
    frames: u32,
    /// The window was resized to fit the screen.
    is_fitted: bool,
    /// The place that was returned last.
    told: Option<WindowPlace>,
    /// The place in the last frame, and since when it has been there, in seconds.
    seen: Option<(WindowPlace, f64)>,
}

/// A window with the size and position of the last session.
pub(super) fn viewport_builder(place: Option<WindowPlace>) -> ViewportBuilder {
    let builder = ViewportBuilder::default().with_min_inner_size(LEAST);
    let Some(place) = place.filter(|p| p.size.iter().all(|s| s.is_finite() && *s >= 1.0)) else {
        return builder.with_inner_size(USUAL);
    };
    let builder = builder
        .with_inner_size(Vec2::from(place.size).max(LEAST))
        .with_maximized(place.is_maximised);
    match place.corner.filter(|c| c.iter().all(|v| v.is_finite())) {
        Some(corner) => builder.with_position(Pos2::from(corner)),
        None => builder,
    }
}

impl Place {
    /// Call in each frame. Returns the place to save once it has been stable for a second.
    pub(super) fn track_window(&mut self, ctx: &Context) -> Option<WindowPlace> {
        let (info, content, time) =
            ctx.input(|i| (i.viewport().clone(), i.viewport_rect().size(), i.time));
        let scale = ctx.zoom_factor();
        let is_large = info.maximized.unwrap_or(false) || info.fullscreen.unwrap_or(false);
        self.frames = self.frames.saturating_add(1);
        if self.frames <= SETTLES {
            ctx.request_repaint();
            if self.frames <= SCALED {
                return None;
            }
            let around = info
                .outer_rect
                .zip(info.inner_rect)
                .map(|(outer, inner)| outer.size() - inner.size());
            if let Some(monitor) = info
                .monitor_size
                .filter(|m| m.x > 1.0 && m.y > 1.0 && !is_large && !self.is_fitted)
            {
                let corner = info.outer_rect.map(|r| r.min);
                self.fit_to_monitor(ctx, content, monitor, around.unwrap_or(Vec2::ZERO), corner);
            }
            return None;
        }
        let known = self
            .seen
            .map_or_else(|| self.told.unwrap_or_default(), |(place, _)| place);
        let size = if is_large {
            known.size
        } else {
            (content * scale).round().into()
        };
        let corner = match is_large {
            true => known.corner,
            false => info
                .outer_rect
                .map(|r| [(r.min.x * scale).round(), (r.min.y * scale).round()]),
        };
        let now = WindowPlace {
            size,
            corner,
            is_maximised: info.maximized.unwrap_or(false),
        };
        let since = self
            .seen
            .filter(|(place, _)| *place == now)
            .map_or(time, |(_, since)| since);
        self.seen = Some((now, since));
        if self.told == Some(now) || info.minimized.unwrap_or(false) {
            return None;
        }
        // Wait until the user has stopped moving or resizing.
        if time - since < 1.0 {
            ctx.request_repaint_after_secs(1.1);
            return None;
        }
        self.told = Some(now);
        Some(now)
    }

    /// Shrinks a window that is larger than the screen, and moves one back that lies off the screen.
    fn fit_to_monitor(
        &mut self,
        ctx: &Context,
        content: Vec2,
        monitor: Vec2,
        around: Vec2,
        corner: Option<Pos2>,
    ) {
        let (room, moves_to) = fitted_window(content, monitor, around, corner, ctx.zoom_factor());
        self.is_fitted = room.is_some();
        if let Some(size) = room {
            let least = (LEAST / ctx.zoom_factor()).min(size);
            ctx.send_viewport_cmd(ViewportCommand::MinInnerSize(least));
            ctx.send_viewport_cmd(ViewportCommand::InnerSize(size));
            // With a window manager this fills exactly the free part of the desktop.
            ctx.send_viewport_cmd(ViewportCommand::Maximized(true));
        }
        if let Some(at) = moves_to {
            ctx.send_viewport_cmd(ViewportCommand::OuterPosition(at));
        }
    }
}

/// New size if the window does not fit, and new corner if it has to move. In points.
fn fitted_window(
    content: Vec2,
    monitor: Vec2,
    around: Vec2,
    corner: Option<Pos2>,
    scale: f32,
) -> (Option<Vec2>, Option<Pos2>) {
    let around = around.max(AROUND / scale);
    let room = monitor - around;
    let fits = content.x <= room.x + 1.0 && content.y <= room.y + 1.0;
    let size = (!fits).then(|| content.min(room).max(vec2(320.0, 240.0)));
    let outer = size.unwrap_or(content);
    // To the right or below may be another screen; only what is above or left of all is off the screen.
    let corner = corner
        .filter(|c| !fits || c.y < -1.0 || c.x < -outer.x)
        .map(|_| pos2(0.0, 0.0));
    (size, corner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_is_sized_to_fit_the_screen_including_its_frame() {
        let around = vec2(2.0, 30.0);
        let (size, at) = fitted_window(
            vec2(1280.0, 800.0),
            vec2(1280.0, 800.0),
            around,
            Some(pos2(0.0, 0.0)),
            1.0,
        );
        assert_eq!(size, Some(vec2(1272.0, 712.0)));
        assert_eq!(at, Some(Pos2::ZERO));
        assert_eq!(
            fitted_window(
                vec2(1440.0, 900.0),
                vec2(1920.0, 1080.0),
                around,
                Some(pos2(240.0, 90.0)),
                1.0
            ),
            (None, None)
        );
    }

    #[test]
    fn a_window_from_a_missing_screen_moves_back_into_view() {
        let (size, at) = fitted_window(
            vec2(1200.0, 700.0),
            vec2(1920.0, 1080.0),
            Vec2::ZERO,
            Some(pos2(0.0, -900.0)),
            1.0,
        );
        assert_eq!((size, at), (None, Some(Pos2::ZERO)));
    }

    #[test]
    fn the_window_opens_with_its_last_size_and_position() {
        let place = WindowPlace {
            size: [1300.0, 700.0],
            corner: Some([40.0, 60.0]),
            is_maximised: true,
        };
        let built = viewport_builder(Some(place));
        assert_eq!(built.inner_size, Some(vec2(1300.0, 700.0)));
        assert_eq!(
            (built.position, built.maximized),
            (Some(pos2(40.0, 60.0)), Some(true))
        );
        let nonsense = WindowPlace {
            size: [f32::NAN, 0.0],
            ..place
        };
        assert_eq!(viewport_builder(Some(nonsense)).inner_size, Some(USUAL));
    }
}
