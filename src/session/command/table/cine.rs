//! The commands of the menu View for playing and for the times of a series.

use super::{command_entry, ctrl_key, plain_key};
use crate::session::command::{CommandEntry, Menu::View, UserCommand as C};

/// The commands for playing and for times, in their order.
pub(super) const CINE: &[CommandEntry] = &[
    command_entry(
        C::TogglePlay,
        View,
        "Play or pause",
        "Play the frames of a clip, the slices of a stack, or the times of a series",
        &[plain_key("F4")],
    ),
    command_entry(
        C::SlowerCine,
        View,
        "Play slower",
        "Show fewer frames per second",
        &[plain_key("F7")],
    ),
    command_entry(
        C::FasterCine,
        View,
        "Play faster",
        "Show more frames per second",
        &[plain_key("F8")],
    ),
    command_entry(
        C::CineLoop,
        View,
        "Play in a loop",
        "Continue with the first frame after the last one",
        &[],
    ),
    command_entry(
        C::CineBackAndForth,
        View,
        "Play back and forth",
        "Play backwards after the last frame",
        &[],
    ),
    command_entry(
        C::CineOnce,
        View,
        "Play once",
        "Stop at the last frame",
        &[],
    ),
    command_entry(
        C::CineTimes,
        View,
        "Play times",
        "Play this slice at all times (phases) of the series, instead of the slices",
        &[],
    ),
    command_entry(
        C::NextTime,
        View,
        "Next time",
        "Go to the next time (phase) of the series at the same slice; the first follows the last",
        &[ctrl_key("ArrowDown")],
    ),
    command_entry(
        C::PreviousTime,
        View,
        "Previous time",
        "Go to the previous time (phase) of the series at the same slice",
        &[ctrl_key("ArrowUp")],
    ),
    command_entry(
        C::MarkEndDiastole,
        View,
        "Mark end diastole",
        "Mark this time as end diastole, or remove its mark; without a mark, it is the time of the largest volume",
        &[],
    ),
    command_entry(
        C::MarkEndSystole,
        View,
        "Mark end systole",
        "Mark this time as end systole, or remove its mark; without a mark, it is the time of the smallest volume",
        &[],
    ),
];
