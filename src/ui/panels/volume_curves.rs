//! The volumes of labels over the times of a series: a curve, end diastole and end systole, and what follows from them.

use super::mask_values::show_label_name;
use crate::{
    session::{Actions, Session, case::Case, command::UserCommand},
    ui::{
        charts::{Chart, ChartSeries, format_short},
        theme,
        widgets::{command_button, explanation_text, name_value_line},
    },
};
use egui::{Button, Color32, Ui, vec2};
use egui_plot::PlotPoint;
use labrum_core::{
    counts::count_with_noun,
    measurement::{CardiacPhase, VolumeCurve},
};

/// Height of the plot, in points.
const HEIGHT: f32 = 140.0;

/// Shows the curves of all labels, and the values of each.
pub(super) fn show_section(ui: &mut Ui, session: &Session, case: &Case, actions: &mut Actions) {
    let curves = session.volume_curves(case);
    let count = case.series.time_point.as_ref().map_or(0, |time| time.count);
    if curves.is_empty() {
        let words = "No volumes yet. Draw or propose masks at end diastole and end systole. Volumes also need the pixel \
                     and slice spacing in mm.";
        explanation_text(ui, words);
    } else {
        show_plot(ui, session, &curves, count);
    }
    for (label, curve) in &curves {
        show_label_name(ui, session, *label);
        show_values(ui, curve, count);
        ui.add_space(4.0);
    }
    ui.horizontal_wrapped(|ui| {
        for (command, phase, words) in [
            (
                UserCommand::MarkEndDiastole,
                CardiacPhase::EndDiastole,
                "End diastole here",
            ),
            (
                UserCommand::MarkEndSystole,
                CardiacPhase::EndSystole,
                "End systole here",
            ),
        ] {
            let button = Button::selectable(session.is_marked_phase(case, phase), words);
            command_button(
                ui,
                session,
                actions,
                command,
                button.frame_when_inactive(true),
            );
        }
    });
}

fn show_plot(ui: &mut Ui, session: &Session, curves: &[(u8, VolumeCurve)], count: usize) {
    let marked = theme::current_colors(ui).strong;
    let series: Vec<ChartSeries> = curves
        .iter()
        .flat_map(|(label, curve)| curve_series(session, *label, curve, marked))
        .collect();
    let chart = Chart {
        name: "Volume over time",
        axes: ["Time", "ml"],
        size: vec2(ui.available_width(), HEIGHT),
        includes: &[[1.0, 0.0], [count as f64, 0.0]],
        mark: None,
        has_diagonal: false,
        figure: format_short,
        tip: &volume_tip,
    };
    chart.show_plot(ui, &series);
}

/// The curve of a label, and its end diastole and end systole.
fn curve_series(
    session: &Session,
    label: u8,
    curve: &VolumeCurve,
    marked: Color32,
) -> Vec<ChartSeries> {
    let name = session.labels.label_name(label);
    let place = usize::from(label).checked_sub(1);
    let known = place.and_then(|place| session.labels.all_labels().get(place));
    let [r, g, b] = known.map_or([255; 3], |label| label.color);
    let mut all = vec![ChartSeries {
        name: name.to_owned(),
        points: curve
            .volumes()
            .iter()
            .map(|point| [point.time as f64 + 1.0, point.ml])
            .collect(),
        color: Color32::from_rgb(r, g, b),
        is_joined: true,
        has_dots: true,
    }];
    for phase in CardiacPhase::ALL {
        let at = curve.at_phase(phase).filter(|_| curve.volumes().len() > 1);
        all.extend(at.map(|point| ChartSeries {
            name: format!("{name}, {}", phase.display_name().to_lowercase()),
            points: vec![[point.time as f64 + 1.0, point.ml]],
            color: marked,
            is_joined: false,
            has_dots: true,
        }));
    }
    all
}

fn volume_tip(name: &str, _: usize, place: PlotPoint) -> String {
    format!("{name}: {:.1} ml at time {:.0}", place.y, place.x)
}

fn show_values(ui: &mut Ui, curve: &VolumeCurve, count: usize) {
    for phase in CardiacPhase::ALL {
        match curve.at_phase(phase) {
            Some(point) => {
                let marked = if curve.is_marked(phase) {
                    ", marked"
                } else {
                    ""
                };
                let name = format!("{}, time {}{marked}", phase.display_name(), point.time + 1);
                name_value_line(ui, &name, &format!("{:.1} ml", point.ml));
            }
            None => {
                let name = format!("{}, marked", phase.display_name());
                name_value_line(ui, &name, "no mask");
            }
        }
    }
    match (curve.stroke_volume(), curve.ejection_fraction()) {
        (Some(stroke), Some(fraction)) => {
            name_value_line(ui, "Stroke volume", &format!("{stroke:.1} ml"));
            name_value_line(ui, "Ejection fraction", &format!("{fraction:.1} %"));
            if stroke < 0.0 {
                let words = "The volume is larger at end systole than at end diastole. Check the marked times.";
                explanation_text(ui, words);
            }
        }
        _ => explanation_text(
            ui,
            "Stroke volume and ejection fraction need masks at two times.",
        ),
    }
    let masked = curve.volumes().len();
    if masked < count {
        let words = format!("Masks at {masked} of {}.", count_with_noun(count, "time"));
        explanation_text(ui, &words);
    }
}
