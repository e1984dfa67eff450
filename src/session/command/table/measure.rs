//! The commands for drawn measurements, in the menu Tools.

use super::{command_entry, shift_key};
use crate::session::command::{CommandEntry, Menu::Tools, UserCommand as C};

/// The commands for drawn measurements, in their order.
pub(super) const MEASURE: &[CommandEntry] = &[
    command_entry(
        C::MeasureLength,
        Tools,
        "Length",
        "Draw the distance between two points",
        &[shift_key("L")],
    ),
    command_entry(
        C::MeasureAngle,
        Tools,
        "Angle",
        "Draw an angle by three points",
        &[shift_key("G")],
    ),
    command_entry(
        C::MeasureCobb,
        Tools,
        "Cobb angle",
        "Draw the angle between two lines",
        &[shift_key("K")],
    ),
    command_entry(
        C::MeasureBidirectional,
        Tools,
        "Bidirectional",
        "Draw the long axis and the perpendicular short axis (RECIST)",
        &[shift_key("B")],
    ),
    command_entry(
        C::MeasureEllipse,
        Tools,
        "Ellipse",
        "Draw an ellipse with area, mean and standard deviation",
        &[shift_key("E")],
    ),
    command_entry(
        C::MeasureRectangle,
        Tools,
        "Rectangle",
        "Draw a rectangle with area, mean and standard deviation",
        &[shift_key("S")],
    ),
    command_entry(
        C::MeasureFreehand,
        Tools,
        "Freehand region",
        "Draw around a region with area, mean and standard deviation",
        &[shift_key("D")],
    ),
    command_entry(
        C::MeasurePoint,
        Tools,
        "Point",
        "Mark a point and show its value",
        &[shift_key("J")],
    ),
    command_entry(
        C::NextMeasurement,
        Tools,
        "Next measurement",
        "Select the next measurement and go to its slice",
        &[shift_key("Y")],
    ),
    command_entry(
        C::EditMeasurement,
        Tools,
        "Edit measurement...",
        "Change the name and the finding of the selected measurement",
        &[],
    ),
    command_entry(
        C::DeleteMeasurement,
        Tools,
        "Delete measurement",
        "Delete the selected measurement; with the Measure tool also by Delete",
        &[],
    ),
];
