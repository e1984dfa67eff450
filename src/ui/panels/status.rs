//! The bar at the bottom: what the pointer is on, what goes on, which device and model.

use crate::{
    session::{Action, Fitting, Session, command::UserCommand},
    ui::{Pointer, theme, widgets},
};
use egui::{Align, Button, Label, Layout, RichText, Ui, vec2};
use std::time::Instant;

/// Shows the bar.
pub(in crate::ui) fn show(ui: &mut Ui, session: &Session, pointer: Option<Pointer>, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        ui.set_min_height(24.0);
        let words = pointer.map_or(String::new(), |p| under_pointer(session, p));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let device = if session.device.is_empty() { "Looking for a device" } else { &session.device };
            ui.label(RichText::new(device).size(12.0)).on_hover_text("The device that the network runs on");
            if let Some(model) = model_in_use(session) {
                separator(ui);
                ui.label(RichText::new(model).size(12.0)).on_hover_text("The model for this case");
            }
            if session.is_busy() {
                separator(ui);
                busy(ui, session, actions);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(Label::new(RichText::new(words).size(12.0)).truncate());
            });
        });
    });
    fn separator(ui: &mut Ui) {
        ui.label(RichText::new("|").size(12.0).color(theme::colors(ui).line));
    }
}

fn model_in_use(session: &Session) -> Option<String> {
    match session.fitting(session.case()?) {
        Fitting::Model { index, .. } => session.models.get(index).map(|m| m.title()),
        Fitting::None(_) => None,
    }
}

/// What goes on, how far, how long still, and a way to stop it.
fn busy(ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) {
    let (words, fraction) = if let Some(exporting) = &session.exporting {
        let (done, total) = (exporting.done, exporting.total);
        (format!("Exporting {done} of {total} files"), done as f32 / total.max(1) as f32)
    } else if let Some(opening) = &session.opening {
        (format!("Looking through files: {}", opening.files), 0.0)
    } else if let Some(run) = session.runs.first() {
        let remaining = run.remaining(Instant::now()).filter(|t| t.as_secs() >= 1 && run.total > 1);
        let remaining = remaining.map_or(String::new(), |t| format!(", {}", widgets::about(t)));
        let slices = if run.total == 1 { "".to_owned() } else { format!(" {} of {}", run.done, run.total) };
        (format!("Segmenting{slices}{remaining}"), run.done as f32 / run.total.max(1) as f32)
    } else {
        return;
    };
    let cancel = Button::new(RichText::new("Cancel").size(12.0));
    widgets::command_button(ui, session, actions, UserCommand::Cancel, cancel);
    ui.allocate_ui_with_layout(vec2(96.0, 4.0), Layout::top_down(Align::Center), |ui| {
        widgets::progress(ui, fraction, &words);
    });
    ui.label(RichText::new(words).size(12.0));
}

/// Position, value, label and probability of a pixel.
fn under_pointer(session: &Session, pointer: Pointer) -> String {
    let Some(case) = session.case() else { return String::new() };
    let (column, row) = (pointer.x as usize, pointer.y as usize);
    let mut parts = vec![format!("x {column}  y {row}")];
    let key = crate::session::job::SliceKey { case: case.id, slice: pointer.slice };
    if let Some(loaded) = session.loaded(key) {
        let image = &loaded.image;
        if let Some(spacing) = image.spacing.filter(|s| s.is_physical()) {
            let (x, y) = (f64::from(pointer.x) - 0.5, f64::from(pointer.y) - 0.5);
            parts.push(match image.plane {
                Some(plane) => {
                    let [x, y, z] = plane.patient_from_pixel(spacing, x, y);
                    format!("L {x:.1}  P {y:.1}  H {z:.1} mm")
                }
                None => format!("{:.1}, {:.1} mm", x * spacing.column, y * spacing.row),
            });
        }
        if column < image.columns && row < image.rows {
            let value = image.value(row * image.columns + column);
            let unit = image.unit.as_deref().map_or(String::new(), |u| format!(" {u}"));
            let value = if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.2}") };
            parts.push(format!("Value {value}{unit}"));
        }
    }
    if let Some(finding) = case.slices.get(pointer.slice).and_then(|s| s.finding.as_ref()) {
        let label = finding.label_at(column, row);
        // On the background, how close the likeliest label comes.
        let candidates = 1..=finding.labels.len() as u8;
        let probability = |l: u8| finding.probability_at(l, column, row).unwrap_or(0.0);
        let likeliest = candidates.max_by(|a, b| probability(*a).total_cmp(&probability(*b))).unwrap_or(1);
        let shown = if label == 0 { likeliest } else { label };
        parts.push(finding.label_name(label).to_owned());
        parts.push(format!("{} {:.0} %", finding.label_name(shown), probability(shown) * 100.0));
        if label != 0 {
            let last = parts.pop().unwrap_or_default();
            parts.pop();
            parts.push(last);
        }
    }
    parts.join("   ")
}
