//! Read-only plots: curves and points with named axes, without zoom or drag.

use super::theme;
use egui::{Color32, FontId, Rangef, RichText, Role, Sense, Ui, Vec2, WidgetInfo};
use egui_plot::{
    AxisHints, GridInput, GridMark, HoverPosition, Line, LineStyle, Plot, PlotPoint, Points, VLine,
};
use labrum_core::quantile::lowest_and_highest;
use std::ops::RangeInclusive;

/// A data series.
pub(crate) struct ChartSeries {
    /// Name of the series.
    pub(crate) name: String,
    /// The points, as x and y.
    pub(crate) points: Vec<[f64; 2]>,
    /// Colour of line and dots.
    pub(crate) color: Color32,
    /// The points are joined by a line.
    pub(crate) is_joined: bool,
    /// Each point is drawn as a dot.
    pub(crate) has_dots: bool,
}

/// A plot.
pub(crate) struct Chart<'a> {
    /// Accessible name; must be unique among the plots shown.
    pub(crate) name: &'a str,
    /// Names of the x and y axis.
    pub(crate) axes: [&'a str; 2],
    /// Width and height in points.
    pub(crate) size: Vec2,
    /// Positions that are always in view.
    pub(crate) includes: &'a [[f64; 2]],
    /// Position on the x axis that is marked with a dashed line.
    pub(crate) mark: Option<f64>,
    /// Draws the line x = y and gives both axes the same range.
    pub(crate) has_diagonal: bool,
    /// Formats tick labels of the y axis.
    pub(crate) figure: fn(f64) -> String,
    /// Tooltip of a point, from the name of its series, its index and its position.
    pub(crate) tip: &'a dyn Fn(&str, usize, PlotPoint) -> String,
}

impl Chart<'_> {
    /// Draws the plot.
    pub(crate) fn show_plot(&self, ui: &mut Ui, series: &[ChartSeries]) {
        let colors = theme::current_colors(ui);
        let up = style_axis(AxisHints::new_y(), self.axes[1], colors)
            .formatter(|mark, _| (self.figure)(mark.value))
            .min_thickness(36.0);
        let across = style_axis(AxisHints::new_x(), self.axes[0], colors)
            .label_spacing(Rangef::new(36.0, 48.0));
        let across = if self.has_diagonal {
            across.formatter(|mark, _| (self.figure)(mark.value))
        } else {
            across.formatter(whole_number_label)
        };
        let smallest = if self.has_diagonal { 0.0 } else { 1.0 };
        let mut plot = Plot::new(self.name)
            .x_grid_spacer(move |input| round_grid_marks(&input, self.size.x / 56.0, smallest))
            .y_grid_spacer(|input| round_grid_marks(&input, self.size.y / 36.0, 0.0))
            .width(self.size.x)
            .height(self.size.y)
            .custom_x_axes(vec![across])
            .custom_y_axes(vec![up])
            .grid_color(colors.dimmed.gamma_multiply(0.5))
            .allow_zoom(false)
            .allow_drag(false)
            .allow_scroll(false)
            .allow_boxed_zoom(false)
            .allow_axis_zoom_drag(false)
            .allow_double_click_reset(false)
            .show_crosshair(false)
            .set_margin_fraction(Vec2::splat(0.08))
            .sense(Sense::hover())
            .label_formatter(|place| match place {
                HoverPosition::NearDataPoint {
                    plot_name,
                    position,
                    index,
                } => Some((self.tip)(plot_name, *index, *position)),
                HoverPosition::Elsewhere { .. } => None,
            });
        for [x, y] in self.includes {
            plot = plot.include_x(*x).include_y(*y);
        }
        let response = plot.show(ui, |plot| {
            if self.has_diagonal {
                let line = Line::new("the same", vec![[-1.0, -1.0], [2.0, 2.0]]);
                let bounds = padded_range(self.includes, series);
                plot.line(line.color(colors.dimmed).width(1.0).allow_hover(false));
                // The line must not enlarge the visible range.
                plot.set_plot_bounds_x(bounds.clone());
                plot.set_plot_bounds_y(bounds);
            }
            if let Some(at) = self.mark {
                let line = VLine::new("resumed", at)
                    .color(colors.dimmed)
                    .style(LineStyle::dashed_dense());
                plot.vline(line.width(1.0).allow_hover(false));
            }
            for one in series {
                if one.is_joined {
                    plot.line(
                        Line::new(&one.name, one.points.clone())
                            .color(one.color)
                            .width(1.75),
                    );
                }
                if one.has_dots {
                    plot.points(
                        Points::new(&one.name, one.points.clone())
                            .color(one.color)
                            .radius(3.5),
                    );
                }
            }
        });
        response
            .response
            .widget_info(|| WidgetInfo::labeled(Role::Image, true, self.name));
    }
}

fn style_axis<'a>(hints: AxisHints<'a>, name: &str, colors: &theme::Colors) -> AxisHints<'a> {
    hints
        .label(RichText::new(name).size(12.0).color(colors.dimmed))
        .tick_label_font(FontId::proportional(11.0))
        .tick_label_color(colors.dimmed)
}

/// Grid lines at round values, about `about` of them and no closer than `smallest`.
fn round_grid_marks(input: &GridInput, about: f32, smallest: f64) -> Vec<GridMark> {
    let (low, high) = input.bounds;
    let step_size = round_step((high - low) / f64::from(about.max(2.0))).max(smallest);
    let first = (low / step_size).ceil();
    let last = (high / step_size).floor();
    if !(step_size > 0.0 && last - first < 1000.0) {
        return Vec::new();
    }
    (first as i64..=last as i64)
        .map(|n| GridMark {
            value: n as f64 * step_size,
            step_size,
        })
        .collect()
}

/// The smallest of 1, 2 and 5 times a power of ten that is not below `value`.
fn round_step(value: f64) -> f64 {
    let power = 10f64.powf(value.abs().log10().floor());
    [1.0, 2.0, 5.0]
        .map(|digit| digit * power)
        .into_iter()
        .find(|step| *step >= value)
        .unwrap_or(10.0 * power)
}

/// At most three decimals, without trailing zeros: "0.9", "0.925", "1".
pub(crate) fn format_short(value: f64) -> String {
    let words = format!("{value:.3}");
    words.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Labels whole numbers only: steps and cases are counted.
fn whole_number_label(mark: GridMark, _: &RangeInclusive<f64>) -> String {
    if mark.value.fract().abs() < 1e-6 && mark.value >= 0.0 {
        format!("{:.0}", mark.value)
    } else {
        String::new()
    }
}

/// A common range for both axes, with a margin around the points.
fn padded_range(includes: &[[f64; 2]], series: &[ChartSeries]) -> RangeInclusive<f64> {
    let all = includes
        .iter()
        .chain(series.iter().flat_map(|s| &s.points))
        .flatten();
    let (low, high) = lowest_and_highest(all.copied());
    if low > high {
        return 0.0..=1.0;
    }
    let room = ((high - low) * 0.08).max(0.01);
    low - room..=high + room
}

/// Tooltip with the series and value of a point.
pub(crate) fn plain_tip(name: &str, _: usize, place: PlotPoint) -> String {
    format!("{name}: {:.3}", place.y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_axes_of_a_scatter_plot_have_the_same_range() {
        let points = vec![[0.5, 0.9], [0.8, 0.7]];
        let series = ChartSeries {
            name: String::new(),
            points,
            color: Color32::WHITE,
            is_joined: false,
            has_dots: true,
        };
        let range = padded_range(&[], &[series]);
        assert!(*range.start() < 0.5 && *range.end() > 0.9, "{range:?}");
        assert_eq!(padded_range(&[], &[]), 0.0..=1.0);
    }

    #[test]
    fn grid_lines_are_at_round_numbers() {
        assert_eq!(
            [0.013, 0.07, 3.0, 20.0].map(round_step),
            [0.02, 0.1, 5.0, 20.0]
        );
        let marks = |bounds| {
            round_grid_marks(
                &GridInput {
                    bounds,
                    base_step_size: 0.1,
                },
                4.0,
                0.0,
            )
            .len()
        };
        assert_eq!(marks((0.0, 1.0)), 3, "at 0, 0.5 and 1");
        assert_eq!(marks((f64::NAN, 1.0)), 0);
        assert_eq!(
            [0.9, 0.925, 1.0, 0.0].map(format_short),
            ["0.9", "0.925", "1", "0"]
        );
    }
}
