//! Size and place of the window: as it was, and never larger than the screen has room for.

use crate::session::settings::WindowPlace;
use egui::{Context, Pos2, Vec2, ViewportBuilder, ViewportCommand, pos2, vec2};

/// The size of the window at the very first start, and the least that it can be made, in points at 100 %.
const USUAL: Vec2 = vec2(1440.0, 900.0);
const LEAST: Vec2 = vec2(1024.0, 640.0);

/// Frame, title and the desktop's own bar, where the desktop does not tell how much they take.
const AROUND: Vec2 = vec2(8.0, 88.0);

/// The scale of the settings is in force after so many frames: a size that is asked for before would be scaled once more.
const SCALED: u32 = 2;

/// The window is not taken for being in its place before so many frames.
const SETTLES: u32 = 6;

/// Follows the window.
#[derive(Debug, Default)]
pub(super) struct Place {
    frames: u32,
    /// It was made to fit.
    is_fitted: bool,
    /// What was told last.
    told: Option<WindowPlace>,
    /// What was seen in the last frame, and since when.
    seen: Option<(WindowPlace, f64)>,
}

/// The window as it was when it was closed last.
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
    /// Looks at the window in each frame; what it returns is to be remembered.
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
        // Once it is let go.
        if time - since < 1.0 {
            ctx.request_repaint_after_secs(1.1);
            return None;
        }
        self.told = Some(now);
        Some(now)
    }

    /// Makes a window smaller that is larger than the screen, and brings one back that lies beyond its edge.
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
            // Where somebody manages windows, it then fills exactly what the desktop leaves free.
            ctx.send_viewport_cmd(ViewportCommand::Maximized(true));
        }
        if let Some(at) = moves_to {
            ctx.send_viewport_cmd(ViewportCommand::OuterPosition(at));
        }
    }
}

/// The size that a window needs to have in order to fit, where it does not; and where its corner has to be then.
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
    // Several screens lie beside each other: what is beyond the first is not beyond all.
    let is_outside = |c: Pos2| c.y < -1.0 || c.x < -outer.x;
    let corner = corner
        .filter(|c| !fits || is_outside(*c))
        .map(|_| pos2(0.0, 0.0));
    (size, corner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_fits_the_screen_with_its_frame() {
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
    fn a_window_that_was_left_on_a_screen_above_comes_back() {
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
    fn the_window_opens_as_it_was_closed() {
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
