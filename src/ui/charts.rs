//! Plots that are only read: curves and points with named axes, no zoom, no drag.

use super::theme;
use egui::{Color32, FontId, Rangef, RichText, Role, Sense, Ui, Vec2, WidgetInfo};
use egui_plot::{
    AxisHints, GridInput, GridMark, HoverPosition, Line, LineStyle, Plot, PlotPoint, Points, VLine,
};
use std::ops::RangeInclusive;

/// Points that belong together.
pub(crate) struct ChartSeries {
    /// What it is called.
    pub(crate) name: String,
    /// The points.
    pub(crate) points: Vec<[f64; 2]>,
    /// Its colour.
    pub(crate) color: Color32,
    /// Joined by a line.
    pub(crate) is_joined: bool,
    /// Each drawn as a dot.
    pub(crate) has_dots: bool,
}

/// A plot.
pub(crate) struct Chart<'a> {
    /// What it shows, for those who cannot see it; tells it from other plots too.
    pub(crate) name: &'a str,
    /// Names of the axes, across and up.
    pub(crate) axes: [&'a str; 2],
    /// Width and height.
    pub(crate) size: Vec2,
    /// These places are in sight, whatever the points are.
    pub(crate) includes: &'a [[f64; 2]],
    /// Something happened there, on the axis that goes across.
    pub(crate) mark: Option<f64>,
    /// Where both axes say the same.
    pub(crate) has_diagonal: bool,
    /// A figure of the axis that goes up, in words.
    pub(crate) figure: fn(f64) -> String,
    /// What is said of a point: the name of its series and its place there.
    pub(crate) tip: &'a dyn Fn(&str, usize, PlotPoint) -> String,
}

impl Chart<'_> {
    /// Draws it.
    pub(crate) fn show_plot(&self, ui: &mut Ui, series: &[ChartSeries]) {
        let colors = theme::current_colors(ui);
        let tick = |mark: GridMark, _: &RangeInclusive<f64>| (self.figure)(mark.value);
        let up = style_axis(AxisHints::new_y(), self.axes[1], colors)
            .formatter(tick)
            .min_thickness(36.0);
        let across = style_axis(AxisHints::new_x(), self.axes[0], colors)
            .label_spacing(Rangef::new(36.0, 48.0));
        let across = if self.has_diagonal {
            across.formatter(tick)
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
                // The line goes on beyond what there is to see.
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

/// Lines of the grid at round figures, about so many and no closer than `smallest`.
fn round_grid_marks(input: &GridInput, about: f32, smallest: f64) -> Vec<GridMark> {
    let (low, high) = input.bounds;
    let step_size = round_step((high - low) / f64::from(about.max(2.0))).max(smallest);
    let (first, last) = ((low / step_size).ceil(), (high / step_size).floor());
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

/// The next of 1, 2, 5, 10, 20, 50 and so on that is not below a value.
fn round_step(value: f64) -> f64 {
    let power = 10f64.powf(value.abs().log10().floor());
    [1.0, 2.0, 5.0]
        .map(|digit| digit * power)
        .into_iter()
        .find(|step| *step >= value)
        .unwrap_or(10.0 * power)
}

/// A figure without zeros at its end: "0.9", "0.925", "1".
pub(crate) fn format_short(value: f64) -> String {
    let words = format!("{value:.3}");
    words.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Only whole numbers: there is no case one and a half.
fn whole_number_label(mark: GridMark, _: &RangeInclusive<f64>) -> String {
    if mark.value.fract().abs() < 1e-6 && mark.value >= 0.0 {
        format!("{:.0}", mark.value)
    } else {
        String::new()
    }
}

/// The same range for both axes, with a little room about the points.
fn padded_range(includes: &[[f64; 2]], series: &[ChartSeries]) -> RangeInclusive<f64> {
    let all = includes
        .iter()
        .chain(series.iter().flat_map(|s| &s.points))
        .flatten();
    let (low, high) = all.fold((f64::MAX, f64::MIN), |(low, high), v| {
        (low.min(*v), high.max(*v))
    });
    if low > high {
        return 0.0..=1.0;
    }
    let room = ((high - low) * 0.08).max(0.01);
    low - room..=high + room
}

/// A point's series and value, for tooltips.
pub(crate) fn plain_tip(name: &str, _: usize, place: PlotPoint) -> String {
    format!("{name}: {:.3}", place.y)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_axes_of_a_diagonal_have_one_range() {
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
    fn lines_lie_at_round_figures() {
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
        assert_eq!(marks((0.0, 1.0)), 3, "0, 0.5 and 1");
        assert_eq!(marks((f64::NAN, 1.0)), 0);
        assert_eq!(
            [0.9, 0.925, 1.0, 0.0].map(format_short),
            ["0.9", "0.925", "1", "0"]
        );
    }
}
