//! Plays frames, slices and times, and goes from one time of a series to the next.
//!
//! A frame that is not loaded yet is waited for: none is left out, and none is shown at the wrong place. While it plays, the
//! frames that come next are read first. Whatever changes work, and whatever else goes to another slice, pauses it.

use super::{
    Action, Session,
    case::Case,
    cine::{CineAction, CineAxis},
    command::UserCommand,
    job::SliceKey,
    ortho::OrthoAction,
    tool_options::ToolKind,
    tools::PointerPhase,
};
use labrum_core::cine::{PlayMode, step_rate};

/// Number of frames that are read ahead while it plays.
const FRAMES_AHEAD: usize = 12;

impl Session {
    pub(super) fn cine_action(&mut self, action: CineAction) {
        let Some(series) = self.cases.current_case().map(|case| case.series.clone()) else {
            return;
        };
        match action {
            CineAction::Rate(rate) => self.cine.choose_rate(&series, rate),
            CineAction::Mode(mode) => self.cine.choose_mode(&series, mode),
            CineAction::Axis(axis) => {
                self.pause_cine();
                self.cine.choose_axis(&series, axis);
            }
        }
        self.request_decoding();
    }

    /// Carries out a command about playing, or about the times of a series.
    pub(super) fn play_by(&mut self, command: UserCommand) {
        use UserCommand as C;
        match command {
            C::TogglePlay => self.toggle_play(),
            C::SlowerCine => self.step_cine_rate(-1),
            C::FasterCine => self.step_cine_rate(1),
            C::CineLoop => self.cine_action(CineAction::Mode(PlayMode::Loop)),
            C::CineBackAndForth => self.cine_action(CineAction::Mode(PlayMode::BackAndForth)),
            C::CineOnce => self.cine_action(CineAction::Mode(PlayMode::Once)),
            C::CineTimes => self.toggle_cine_axis(),
            C::NextTime => self.step_time(1),
            C::PreviousTime => self.step_time(-1),
            _ => {}
        }
    }

    /// Why a command about playing or times is not available for the case that is shown.
    pub(super) fn refuse_to_play(&self, case: &Case, command: UserCommand) -> Option<&'static str> {
        use UserCommand as C;
        match command {
            C::TogglePlay
            | C::SlowerCine
            | C::FasterCine
            | C::CineLoop
            | C::CineBackAndForth
            | C::CineOnce => self
                .played_axis(case)
                .is_none()
                .then_some("This case has only one image"),
            C::CineTimes if self.viewports.ortho_views().is_some() && self.has_times(case) => {
                Some("Orthogonal views show one time; turn them off first")
            }
            C::CineTimes
            | C::NextTime
            | C::PreviousTime
            | C::MarkEndDiastole
            | C::MarkEndSystole => (!self.has_times(case)).then_some("This case has only one time"),
            _ => None,
        }
    }

    /// What is played of a case; `None` if it has a single image.
    pub fn played_axis(&self, case: &Case) -> Option<CineAxis> {
        // The orthogonal views show the volume of one time.
        let has_times = self.has_times(case) && self.viewports.ortho_views().is_none();
        let has_slices = case.slices.len() > 1;
        match self.cine.chosen_axis(&case.series) {
            Some(CineAxis::Slices) if has_slices => Some(CineAxis::Slices),
            _ if has_times => Some(CineAxis::Times),
            _ => has_slices.then_some(CineAxis::Slices),
        }
    }

    /// True if other times of the same series are open.
    pub fn has_times(&self, case: &Case) -> bool {
        self.times_of(case).len() > 1
    }

    /// Indices of the open cases that are times of the same series, in order of time; empty if a case is no such time.
    pub fn times_of(&self, case: &Case) -> Vec<usize> {
        let Some(time) = &case.series.time_point else {
            return Vec::new();
        };
        let mut times: Vec<(usize, usize)> = self
            .cases
            .iter()
            .enumerate()
            .filter_map(|(at, other)| Some((other.series.time_point.as_ref()?, at)))
            .filter(|(other, _)| other.group == time.group)
            .map(|(other, at)| (other.index, at))
            .collect();
        times.sort_unstable();
        times.into_iter().map(|(_, at)| at).collect()
    }

    /// The frames that are read ahead, in the order in which they are played; empty while nothing plays.
    pub(super) fn upcoming_frames(&self) -> Vec<SliceKey> {
        let mut upcoming = Vec::new();
        let Some(playing) = self.cine.playing else {
            return upcoming;
        };
        let Some(case) = self.cases.case_by_id(playing.home.case) else {
            return upcoming;
        };
        let reel = self.played_frames(playing.home);
        let mode = self.cine.mode_of(&case.series);
        let at = reel.iter().position(|frame| *frame == playing.shown);
        let mut now = at.map(|at| (at, playing.is_forward));
        // Back and forth, frames near the end come twice.
        for _ in 0..2 * FRAMES_AHEAD {
            now = now.and_then(|(at, is_forward)| mode.next_frame(at, reel.len(), is_forward));
            let Some(next) = now.and_then(|(at, _)| reel.get(at).copied()) else {
                break;
            };
            if next != playing.shown && !upcoming.contains(&next) {
                upcoming.push(next);
            }
        }
        upcoming.truncate(FRAMES_AHEAD);
        upcoming
    }

    /// True for actions that pause playing.
    pub(super) fn pauses_cine(&self, action: &Action) -> bool {
        match action {
            Action::Pointer(input) | Action::Ortho(OrthoAction::Pointer(_, input)) => {
                let draws = self.tools.active_tool() != ToolKind::Look;
                draws && input.phase == PointerPhase::Press
            }
            Action::Command(command) => command.changes_work(),
            Action::SelectCase(_) | Action::SetSlice(_) | Action::ScrollSlices(_) => true,
            action => self.changes_work(action),
        }
    }

    /// Pauses playing on the frame that is shown.
    pub(super) fn pause_cine(&mut self) {
        let Some(playing) = self.cine.playing.take() else {
            return;
        };
        let shown = self.cases.current_case().map(|case| case.id);
        if shown != Some(playing.home.case) {
            // What begins when a case is shown was left out while its times were played.
            self.notices.forget_other_cases(shown);
            self.note_shown();
        }
        self.auto_run();
        self.request_decoding();
    }

    fn toggle_play(&mut self) {
        if self.cine.is_playing() {
            return self.pause_cine();
        }
        let Some(case) = self.cases.current_case() else {
            return;
        };
        let mode = self.cine.mode_of(&case.series);
        let home = case.slice_key();
        let reel = self.played_frames(home);
        let is_at_end = mode == PlayMode::Once && reel.last() == Some(&home);
        self.finish_gesture();
        self.cine.start(home);
        if let Some(first) = reel.first().filter(|_| is_at_end) {
            self.show_frame(*first);
            self.cine.start(*first);
        }
        self.request_decoding();
    }

    fn step_cine_rate(&mut self, by: i64) {
        if let Some(case) = self.cases.current_case() {
            let rate = step_rate(self.cine.rate_of(&case.series), by);
            self.cine_action(CineAction::Rate(rate));
        }
    }

    fn toggle_cine_axis(&mut self) {
        let played = self
            .cases
            .current_case()
            .and_then(|case| self.played_axis(case));
        let axis = match played {
            Some(CineAxis::Times) => CineAxis::Slices,
            Some(CineAxis::Slices) | None => CineAxis::Times,
        };
        self.cine_action(CineAction::Axis(axis));
    }

    /// Shows the next frame if it is due at `now`, in seconds, and loaded.
    pub(super) fn play_on(&mut self, now: f64) {
        let Some(playing) = self.cine.playing else {
            return;
        };
        let case = self.cases.current_case();
        let Some(case) = case.filter(|case| case.slice_key() == playing.shown) else {
            // Something else went to another slice.
            return self.pause_cine();
        };
        if self.tools.is_drawing() {
            return self.pause_cine();
        }
        let rate = self.cine.rate_of(&case.series);
        let mode = self.cine.mode_of(&case.series);
        let period = rate.recip();
        if !self.cine.is_due(now, period) {
            return;
        }
        let reel = self.played_frames(playing.home);
        let next = reel
            .iter()
            .position(|frame| *frame == playing.shown)
            .and_then(|at| mode.next_frame(at, reel.len(), playing.is_forward))
            .and_then(|(next, is_forward)| Some((*reel.get(next)?, is_forward)));
        let Some((next, is_forward)) = next else {
            return self.pause_cine();
        };
        if !(self.is_settled(playing.shown) && self.is_ahead(next)) {
            return self.cine.wait();
        }
        self.cine.advance(next, is_forward, now, period);
        self.show_frame(next);
    }

    /// All frames that are played from a slice on, in their order.
    fn played_frames(&self, home: SliceKey) -> Vec<SliceKey> {
        let Some(case) = self.cases.case_by_id(home.case) else {
            return Vec::new();
        };
        match self.played_axis(case) {
            None => Vec::new(),
            Some(CineAxis::Slices) => (0..case.slices.len())
                .map(|slice| SliceKey { slice, ..home })
                .collect(),
            Some(CineAxis::Times) => self
                .times_of(case)
                .into_iter()
                .filter_map(|at| self.cases.get(at))
                .map(|other| SliceKey {
                    case: other.id,
                    slice: same_place(case, home.slice, other),
                })
                .collect(),
        }
    }

    /// True if the pixels of a slice are loaded, or cannot be read.
    fn is_settled(&self, key: SliceKey) -> bool {
        let has_failed = self
            .cases
            .slice_state(key)
            .is_none_or(|state| state.failure.is_some());
        has_failed || self.cache.holds_slice(key)
    }

    /// True if the next frame can be shown: it is there, or the memory limit leaves no room to read it ahead.
    fn is_ahead(&self, next: SliceKey) -> bool {
        let Some(case) = self.cases.case_by_id(next.case) else {
            return true;
        };
        let rank = self.slice_ranking();
        let limit = self.cache.rank_below(self.slice_bytes(case), &rank);
        self.is_settled(next) || rank(next) >= limit
    }

    /// Shows a frame that is played. Of another time only the picture is shown: no run, no record, no message, before it
    /// is paused there.
    fn show_frame(&mut self, key: SliceKey) {
        let Some(at) = self.cases.index_of(key.case) else {
            return;
        };
        if self.cases.current == Some(at) {
            return self.go_to_slice(key.slice);
        }
        self.carry_view(at, key.slice);
        self.cases.current = Some(at);
        self.viewports.heading = 0;
        self.viewports.focus = None;
        self.slice_changed();
    }

    /// Goes to the next or a previous time at the same slice; after the last comes the first.
    fn step_time(&mut self, by: i64) {
        self.pause_cine();
        let Some(case) = self.cases.current_case() else {
            return;
        };
        let times = self.times_of(case);
        let Some(here) = times.iter().position(|at| Some(*at) == self.cases.current) else {
            return;
        };
        let to = (here as i64 + by).rem_euclid(times.len() as i64) as usize;
        let slice = times
            .get(to)
            .and_then(|at| self.cases.get(*at))
            .map(|other| same_place(case, case.slice, other));
        if let (Some(at), Some(slice)) = (times.get(to).copied(), slice)
            && self.cases.current != Some(at)
        {
            self.finish_gesture();
            self.carry_view(at, slice);
            self.select_case(Some(at));
        }
    }

    /// Shows another case as the one on the screen is shown, at a slice.
    fn carry_view(&mut self, at: usize, slice: usize) {
        let Some(case) = self.cases.current_case() else {
            return;
        };
        let view = case.view;
        let appearance = case.appearance;
        let window = case.window;
        let state = case.shown_presentation().map(|state| state.uid.clone());
        if let Some(to) = self.cases.get_mut(at) {
            to.slice = slice;
            to.view = view;
            to.appearance = appearance;
            to.window = window;
            to.presentation = state.and_then(|uid| to.presentation_index(&uid));
        }
    }
}

/// The slice of another time at the place of a slice: the nearest one in the patient, else the one with the same number.
fn same_place(case: &Case, slice: usize, other: &Case) -> usize {
    let last = other.slices.len().saturating_sub(1);
    let Some(plane) = case.slice_info(slice).and_then(|info| info.plane) else {
        return slice.min(last);
    };
    let place = plane.distance_along_normal();
    let distances = other
        .series
        .slices
        .iter()
        .enumerate()
        .filter_map(|(at, info)| {
            let away = (info.plane?.distance_along_normal() - place).abs();
            Some((at, away))
        });
    distances
        .min_by(|(_, a), (_, b)| a.total_cmp(b))
        .map_or(slice.min(last), |(at, _)| at)
}

#[cfg(test)]
mod tests;
