//! State of playing: what was chosen for each clip, and when the next frame is due. The clock is passed in.

use super::job::{CaseId, SliceKey};
use labrum_core::{
    cine::{PlayMode, RATES, USUAL_RATE},
    study::Series,
};
use std::collections::HashMap;

/// What is played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CineAxis {
    /// The slices, or the frames of a clip, one after the other.
    Slices,
    /// The same slice at all times of its series.
    Times,
}

/// A request about playing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum CineAction {
    /// Set the rate of the clip that is shown, in frames per second.
    Rate(f64),
    /// Set what follows the last frame.
    Mode(PlayMode),
    /// Set what is played.
    Axis(CineAxis),
}

/// What the user chose for a clip; `None` for what its file asks for.
#[derive(Clone, Copy, Debug, Default)]
struct Chosen {
    rate: Option<f64>,
    mode: Option<PlayMode>,
    axis: Option<CineAxis>,
}

/// What is being played.
#[derive(Clone, Copy, Debug)]
pub(super) struct Playing {
    /// Where it was started.
    pub(super) home: SliceKey,
    /// The frame on the screen.
    pub(super) shown: SliceKey,
    pub(super) is_forward: bool,
    /// When the next frame is due, in seconds; `None` before the first tick.
    due: Option<f64>,
    /// The next frame is due and not loaded yet.
    is_waiting: bool,
}

/// Playing of frames, slices and times; not stored.
#[derive(Debug, Default)]
pub struct Cine {
    pub(super) playing: Option<Playing>,
    /// By the name of the clip.
    chosen: HashMap<String, Chosen>,
}

/// What chosen rates are kept by: all times of a series are one clip.
fn clip_name(series: &Series) -> &str {
    series
        .time_point
        .as_ref()
        .map_or(series.id.as_str(), |time| time.group.as_str())
}

impl Cine {
    /// True while it plays, also while it waits for an image.
    pub fn is_playing(&self) -> bool {
        self.playing.is_some()
    }

    /// True if a case is shown only in passing: another time of the series that is played.
    pub(super) fn passes_by(&self, shown: CaseId) -> bool {
        let playing = self.playing.as_ref();
        playing.is_some_and(|playing| playing.home.case != shown)
    }

    /// True while it plays and the next frame is not loaded in time.
    pub fn is_waiting(&self) -> bool {
        self.playing.is_some_and(|playing| playing.is_waiting)
    }

    /// Frames per second of a series: the chosen rate, else that of its files, else [`USUAL_RATE`].
    pub fn rate_of(&self, series: &Series) -> f64 {
        let chosen = self.chosen_for(series).rate;
        chosen.or(series.cine.rate).unwrap_or(USUAL_RATE)
    }

    /// What follows the last frame of a series.
    pub fn mode_of(&self, series: &Series) -> PlayMode {
        let asked = if series.cine.is_sweeping {
            PlayMode::BackAndForth
        } else {
            PlayMode::Loop
        };
        self.chosen_for(series).mode.unwrap_or(asked)
    }

    /// What the user chose to play of a series.
    pub(super) fn chosen_axis(&self, series: &Series) -> Option<CineAxis> {
        self.chosen_for(series).axis
    }

    /// Seconds until the next frame is due; `None` if nothing plays, or if it waits for an image.
    pub fn time_left(&self, now: f64) -> Option<f64> {
        let playing = self.playing.as_ref().filter(|p| !p.is_waiting)?;
        Some(playing.due.map_or(0.0, |due| (due - now).max(0.0)))
    }

    fn chosen_for(&self, series: &Series) -> Chosen {
        let known = self.chosen.get(clip_name(series));
        known.copied().unwrap_or_default()
    }

    fn chosen_mut(&mut self, series: &Series) -> &mut Chosen {
        self.chosen.entry(clip_name(series).to_owned()).or_default()
    }

    /// Sets the rate of a series, brought into [`RATES`].
    pub(super) fn choose_rate(&mut self, series: &Series, rate: f64) {
        let [slowest, fastest] = RATES;
        if rate.is_finite() {
            self.chosen_mut(series).rate = Some(rate.clamp(slowest, fastest));
        }
    }

    pub(super) fn choose_mode(&mut self, series: &Series, mode: PlayMode) {
        self.chosen_mut(series).mode = Some(mode);
    }

    pub(super) fn choose_axis(&mut self, series: &Series, axis: CineAxis) {
        self.chosen_mut(series).axis = Some(axis);
    }

    /// Begins to play from a slice.
    pub(super) fn start(&mut self, home: SliceKey) {
        self.playing = Some(Playing {
            home,
            shown: home,
            is_forward: true,
            due: None,
            is_waiting: false,
        });
    }

    /// True if the next frame is due at `now`, with `period` seconds between frames. The first tick starts the clock.
    pub(super) fn is_due(&mut self, now: f64, period: f64) -> bool {
        let Some(playing) = &mut self.playing else {
            return false;
        };
        // A slower or faster rate counts from the next tick on.
        let due = playing
            .due
            .map_or(now + period, |due| due.min(now + period));
        playing.due = Some(due);
        now >= due
    }

    /// Notes that the next frame is due and not there.
    pub(super) fn wait(&mut self) {
        if let Some(playing) = &mut self.playing {
            playing.is_waiting = true;
        }
    }

    /// Goes on to the next frame. After a delay the clock starts anew, so that no frames are hurried through.
    pub(super) fn advance(&mut self, to: SliceKey, is_forward: bool, now: f64, period: f64) {
        let Some(playing) = &mut self.playing else {
            return;
        };
        let due = playing.due.unwrap_or(now);
        let is_late = playing.is_waiting || now - due > period;
        let from = if is_late { now } else { due };
        playing.due = Some(from + period);
        playing.shown = to;
        playing.is_forward = is_forward;
        playing.is_waiting = false;
    }
}
