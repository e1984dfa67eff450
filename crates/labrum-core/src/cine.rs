//! Images in time: which time of a series a stack shows, how a file asks to be played, and the order of frames.

use serde::{Deserialize, Serialize};

/// One of several times (phases) of the same slices. A 4D series is split into one stack for each time; this is what
/// links them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TimePoint {
    /// Id of the stack of the first time: equal for all times that belong together, and for no others.
    pub group: String,
    /// 0-based index of this time, below `count`.
    pub index: usize,
    /// Number of times, at least 2.
    pub count: usize,
}

/// How a file asks to be played (DICOM PS3.3 C.7.6.5, Cine Module, and C.8.5.8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CineHint {
    /// Frames per second, within [`RATES`]; `None` if the file does not say.
    pub rate: Option<f64>,
    /// Back and forth instead of from the beginning again (Preferred Playback Sequencing).
    pub is_sweeping: bool,
}

/// Frames per second if neither the file nor the user gives a rate.
pub const USUAL_RATE: f64 = 15.0;

/// Slowest and fastest rate, in frames per second.
pub const RATES: [f64; 2] = [1.0, 60.0];

/// The rates that "slower" and "faster" step through, in frames per second.
const STEPS: [f64; 14] = [
    1.0, 2.0, 3.0, 5.0, 8.0, 10.0, 12.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 60.0,
];

/// Differences of rates below this are rounding errors.
const SAME_RATE: f64 = 0.01;

impl CineHint {
    /// A hint with a rate in frames per second, brought into [`RATES`]; no rate if it is not a positive number.
    pub fn new(rate: Option<f64>, is_sweeping: bool) -> Self {
        let [slowest, fastest] = RATES;
        Self {
            rate: rate
                .filter(|rate| rate.is_finite() && *rate > 0.0)
                .map(|rate| rate.clamp(slowest, fastest)),
            is_sweeping,
        }
    }
}

/// The next slower (`by` below 0) or faster rate, in frames per second, within [`RATES`].
pub fn step_rate(rate: f64, by: i64) -> f64 {
    let [slowest, fastest] = RATES;
    let next = if by > 0 {
        STEPS.iter().find(|step| **step > rate + SAME_RATE)
    } else {
        STEPS.iter().rev().find(|step| **step < rate - SAME_RATE)
    };
    let end = if by > 0 { fastest } else { slowest };
    next.copied().unwrap_or(end)
}

/// What follows the last frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlayMode {
    /// The first frame again.
    #[default]
    Loop,
    /// The same frames backwards.
    BackAndForth,
    /// Nothing: it stops.
    Once,
}

impl PlayMode {
    /// All modes, in display order.
    pub const ALL: [Self; 3] = [Self::Loop, Self::BackAndForth, Self::Once];

    /// Its display name.
    pub fn display_name(self) -> &'static str {
        match self {
            Self::Loop => "Loop",
            Self::BackAndForth => "Back and forth",
            Self::Once => "Once",
        }
    }

    /// The frame after frame `at` of `count`, and whether it is played forwards; `None` at the end.
    pub fn next_frame(self, at: usize, count: usize, is_forward: bool) -> Option<(usize, bool)> {
        let last = count.checked_sub(1).filter(|last| *last > 0)?;
        match (self, is_forward) {
            (Self::BackAndForth, false) if at > 0 => Some((at - 1, false)),
            (Self::BackAndForth, false) => Some((1, true)),
            _ if at < last => Some((at + 1, true)),
            (Self::BackAndForth, true) => Some((last - 1, false)),
            (Self::Loop, _) => Some((0, true)),
            (Self::Once, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The frames that follow `start` of `count`.
    fn played(mode: PlayMode, start: usize, count: usize, frames: usize) -> Vec<usize> {
        let mut now = (start, true);
        let mut seen = Vec::new();
        for _ in 0..frames {
            match mode.next_frame(now.0, count, now.1) {
                Some(next) => now = next,
                None => break,
            }
            seen.push(now.0);
        }
        seen
    }

    #[test]
    fn a_loop_begins_again_and_a_sweep_turns_round() {
        assert_eq!(played(PlayMode::Loop, 1, 3, 5), [2, 0, 1, 2, 0]);
        assert_eq!(played(PlayMode::BackAndForth, 1, 3, 6), [2, 1, 0, 1, 2, 1]);
        assert_eq!(played(PlayMode::BackAndForth, 0, 2, 4), [1, 0, 1, 0]);
        assert_eq!(played(PlayMode::Once, 1, 4, 9), [2, 3]);
        for mode in PlayMode::ALL {
            assert!(played(mode, 0, 1, 3).is_empty(), "one frame does not move");
            assert!(played(mode, 0, 0, 3).is_empty());
        }
    }

    #[test]
    fn rates_are_stepped_within_their_limits() {
        assert_eq!(step_rate(15.0, 1), 20.0);
        assert_eq!(step_rate(15.0, -1), 12.0);
        assert_eq!(
            step_rate(23.4, 1),
            25.0,
            "from a rate of the file to the next"
        );
        assert_eq!(step_rate(23.4, -1), 20.0);
        assert_eq!(step_rate(60.0, 1), 60.0);
        assert_eq!(step_rate(1.0, -1), 1.0);
    }

    #[test]
    fn rates_that_make_no_sense_are_left_out() {
        let rate = |rate| CineHint::new(Some(rate), false).rate;
        assert_eq!(rate(24.0), Some(24.0));
        assert_eq!(rate(1000.0), Some(60.0));
        assert_eq!(rate(0.01), Some(1.0));
        assert_eq!(rate(0.0), None);
        assert_eq!(rate(-3.0), None);
        assert_eq!(rate(f64::NAN), None);
        assert_eq!(rate(f64::INFINITY), None);
    }
}
