//! The status bar: pixel under the pointer, tool hint, running jobs, save state, model and device.

use super::training;
use crate::{
    session::{
        Action, Actions, Fitting, Session, case::Case, command::UserCommand, finding::Finding,
        store::WorkspaceState, tool_options::ToolKind,
    },
    ui::{Pointer, dialogs::pacs, theme, widgets},
};
use egui::{Align, Button, Label, Layout, RichText, Ui, UiBuilder, vec2};
use egui_material_icons::icons::{ICON_CLOSE, ICON_ERROR};
use labrum_core::{geometry::side_position, image::Image};
use std::time::Instant;

/// Width of the pixel information, reduced if less than [`HINT_WIDTH`] would be left for the hint.
const POINTER_WIDTH: f32 = 420.0;
const HINT_WIDTH: f32 = 140.0;

/// Separator between the parts of the pixel information.
const APART: &str = "   ";

/// Shows the bar.
pub(in crate::ui) fn show_bar(
    ui: &mut Ui,
    session: &Session,
    pointer: Option<Pointer>,
    actions: &mut Actions,
) {
    // Keep all controls within the height of the bar.
    ui.spacing_mut().button_padding.y = 0.0;
    ui.spacing_mut().interact_size.y = 20.0;
    let room = ui.available_rect_before_wrap();
    let right = UiBuilder::new()
        .max_rect(room)
        .layout(Layout::right_to_left(Align::Center));
    ui.scope_builder(right, |ui| {
        let device = if session.models.device.is_empty() {
            "Detecting device..."
        } else {
            &session.models.device
        };
        ui.label(RichText::new(device).size(12.0))
            .on_hover_text("Device that runs the model");
        if let Some(model) = model_in_use(session) {
            show_separator(ui);
            ui.label(RichText::new(model).size(12.0))
                .on_hover_text("Model for this case");
        }
        show_separator(ui);
        show_save_state(ui, session, actions);
        if !session.notices.errors.is_empty() {
            show_separator(ui);
            show_failure_count(ui, session, actions);
        }
        if session.is_busy() {
            show_separator(ui);
            show_running_job(ui, session, actions);
        }
        if session.pacs.pending_counts() != (0, 0) {
            show_separator(ui);
            show_send_queue(ui, session, actions);
        }
        if let Some(words) = training::round_summary(session) {
            show_separator(ui);
            show_training_progress(ui, session, &words, actions);
        }
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            show_pointer_info(ui, session, pointer)
        });
    });
}

fn show_separator(ui: &mut Ui) {
    ui.label(
        RichText::new("|")
            .size(12.0)
            .color(theme::current_colors(ui).line),
    );
}

/// The pixel under the pointer, and the hint of the tool.
fn show_pointer_info(ui: &mut Ui, session: &Session, pointer: Option<Pointer>) {
    if session.cases.current_case().is_none() {
        return;
    }
    // Fixed width, so that the hint does not move while the numbers change.
    let room = ui.available_width();
    let width = room.min(POINTER_WIDTH.min((room - HINT_WIDTH).max(room * 0.55)));
    ui.allocate_ui_with_layout(
        vec2(width, 20.0),
        Layout::left_to_right(Align::Center),
        |ui| {
            ui.set_min_width(width);
            let parts = pointer.map_or_else(Vec::new, |p| under_pointer(session, p));
            let words =
                longest_fitting_text(&parts, |words| widgets::width_of(ui, words, 12.0) <= width);
            let label = ui.add(Label::new(RichText::new(&words).size(12.0)).truncate());
            if !words.is_empty() {
                label.on_hover_text(join_ranked_parts(&parts, u8::MAX));
            }
        },
    );
    let hint = tool_hint(session);
    let words = RichText::new(&hint)
        .size(12.0)
        .color(theme::current_colors(ui).dimmed);
    ui.add(Label::new(words).truncate()).on_hover_text(hint);
}

/// What the network computes, or the status of the current object of the Click tool, or else how to use the active tool.
fn tool_hint(session: &Session) -> String {
    if session.second_choices.is_waiting() {
        return "Second choice along this stretch: computing...".to_owned();
    }
    if let Some(object) = session.clicks.object() {
        let summary = object.summary();
        return format!("{summary}{APART}Enter for the next object, Esc to discard this one");
    }
    let hint = match session.tools.active_tool() {
        ToolKind::Look => {
            let is_linked = session.viewports.ortho_views().is_some();
            session.settings.mouse.pan_tool_hint(is_linked)
        }
        tool => tool.usage_hint(),
    };
    hint.to_owned()
}

/// As many parts of the pixel information as fit; the least important are dropped first, the value last.
fn longest_fitting_text(parts: &[(u8, String)], fits: impl Fn(&str) -> bool) -> String {
    let fitting = (1..=4)
        .rev()
        .map(|rank| join_ranked_parts(parts, rank))
        .find(|words| fits(words));
    fitting.unwrap_or_else(|| join_ranked_parts(parts, 1))
}

/// Joins the parts with at most this rank; 1 is the most important.
fn join_ranked_parts(parts: &[(u8, String)], rank: u8) -> String {
    let words: Vec<&str> = parts
        .iter()
        .filter(|(own, _)| *own <= rank)
        .map(|(_, words)| words.as_str())
        .collect();
    words.join(APART)
}

/// Whether all changes are saved; if not, the reason and a button to try again.
fn show_save_state(ui: &mut Ui, session: &Session, actions: &mut Actions) {
    let colors = theme::current_colors(ui);
    let trouble = match (session.workspace.trouble(), session.workspace.state()) {
        (Some(trouble), _) => Some(trouble),
        (None, WorkspaceState::Failed(reason)) => Some(reason.as_str()),
        (None, _) => None,
    };
    let count = session.workspace.unsaved_count();
    let Some(trouble) = trouble else {
        let words = if count == 0 { "Saved" } else { "Saving" };
        // Fixed width of the longer word.
        let label = Label::new(RichText::new(words).size(12.0).color(colors.dimmed));
        ui.add_sized(vec2(44.0, 20.0), label)
            .on_hover_text(storage_place_text(session));
        return;
    };
    let again = Button::new(RichText::new("Try again").size(12.0));
    if ui.add(again).on_hover_text("Try to save now").clicked() {
        actions.push(Action::RetryStore);
    }
    let words = match count {
        0 => "Not saved".to_owned(),
        1 => "1 change not saved".to_owned(),
        n => format!("{n} changes not saved"),
    };
    let words = RichText::new(format!("{words}: {trouble}"))
        .size(12.0)
        .color(colors.error);
    let width = (ui.available_width() * 0.5).min(360.0);
    ui.allocate_ui_with_layout(
        vec2(width, 20.0),
        Layout::right_to_left(Align::Center),
        |ui| {
            ui.add(Label::new(words).truncate()).on_hover_text(trouble);
        },
    );
}

/// Where the work is saved.
fn storage_place_text(session: &Session) -> String {
    match session.workspace.state() {
        WorkspaceState::Open(info) => {
            format!("Workspace {}: {}", info.name, info.folder.display())
        }
        _ => "Opening the workspace...".to_owned(),
    }
}

fn model_in_use(session: &Session) -> Option<String> {
    match session.models.fitting_model(session.cases.current_case()?) {
        Fitting::Model { index, .. } => session.models.list.get(index).map(|m| m.display_title()),
        Fitting::None(_) => None,
    }
}

/// The running job with progress, remaining time and a cancel button.
fn show_running_job(ui: &mut Ui, session: &Session, actions: &mut Actions) {
    let (words, fraction) = if let Some(exporting) = &session.exporting {
        let done = exporting.done;
        let total = exporting.total;
        (
            format!("Exporting {} %", done * 100 / total.max(1)),
            done as f32 / total.max(1) as f32,
        )
    } else if let Some(receiving) = &session.pacs.receiving {
        let state = receiving.state;
        (
            pacs::words_of(receiving),
            state.done as f32 / state.total.max(1) as f32,
        )
    } else if let Some(opening) = &session.opening {
        (format!("Files checked: {}", opening.files), 0.0)
    } else if let Some(run) = session.models.runs.first() {
        let remaining = run
            .time_left(Instant::now())
            .filter(|t| t.as_secs() >= 1 && run.total > 1);
        let remaining = remaining.map_or(String::new(), |t| {
            format!(", {}", widgets::format_rough_duration(t))
        });
        let slices = if run.total == 1 {
            "".to_owned()
        } else {
            format!(" {} of {}", run.done, run.total)
        };
        (
            format!("Segmenting{slices}{remaining}"),
            run.done as f32 / run.total.max(1) as f32,
        )
    } else {
        return;
    };
    let cancel = Button::new(RichText::new("Cancel").size(12.0));
    widgets::command_button(ui, session, actions, UserCommand::Cancel, cancel);
    ui.allocate_ui_with_layout(vec2(96.0, 4.0), Layout::top_down(Align::Center), |ui| {
        widgets::progress_bar(ui, fraction, &words);
    });
    ui.label(RichText::new(words).size(12.0));
}

/// The number of errors; a click lists them.
fn show_failure_count(ui: &mut Ui, session: &Session, actions: &mut Actions) {
    let count = session.notices.errors.len();
    let color = theme::current_colors(ui).error;
    let words = RichText::new(count.to_string()).size(12.0).color(color);
    let button = Button::new((ICON_ERROR.rich_text().size(16.0).color(color), words))
        .frame_when_inactive(false);
    let response = widgets::command_button(ui, session, actions, UserCommand::Messages, button);
    response.accessible_name(format!("Error messages: {count}"));
}

/// The send queue; a click shows the list.
fn show_send_queue(ui: &mut Ui, session: &Session, actions: &mut Actions) {
    let colors = theme::current_colors(ui);
    let (words, color) = match session.pacs.pending_counts() {
        (waiting, 0) => (format!("Sending {waiting}"), colors.text),
        (_, refused) => (format!("{refused} not sent"), colors.error),
    };
    let button =
        Button::new(RichText::new(&words).size(12.0).color(color)).frame_when_inactive(false);
    let response = widgets::command_button(ui, session, actions, UserCommand::SendQueue, button);
    response.accessible_name(format!("Send queue: {words}"));
}

/// Progress of training, and a cancel button.
fn show_training_progress(ui: &mut Ui, session: &Session, words: &str, actions: &mut Actions) {
    let cancel = Button::new(ICON_CLOSE.rich_text().size(16.0)).frame_when_inactive(false);
    widgets::command_button(ui, session, actions, UserCommand::CancelTraining, cancel);
    // Fixed width, so that the neighbouring items do not move.
    ui.allocate_ui_with_layout(
        vec2(176.0, 20.0),
        Layout::right_to_left(Align::Center),
        |ui| {
            ui.set_min_width(176.0);
            ui.add(Label::new(RichText::new(words).size(12.0)).truncate());
        },
    );
}

/// Position, value, label and probability of a pixel, each with its rank: 1 is the most important.
fn under_pointer(session: &Session, pointer: Pointer) -> Vec<(u8, String)> {
    let Some(case) = session.cases.current_case() else {
        return Vec::new();
    };
    let (column, row) = (pointer.x as usize, pointer.y as usize);
    let mut parts = vec![(3, format!("x {column}  y {row}"))];
    let key = crate::session::job::SliceKey {
        case: case.id,
        slice: pointer.slice,
    };
    if let Some(loaded) = session.loaded_slice(key) {
        let image = &loaded.image;
        if let Some(spacing) = image.length_scale().spacing_at(column, row) {
            let (x, y) = (f64::from(pointer.x) - 0.5, f64::from(pointer.y) - 0.5);
            parts.push(match image.plane {
                Some(plane) => (4, in_patient(plane.patient_from_pixel(spacing, x, y))),
                None => (
                    4,
                    format!("{:.1}, {:.1} mm", x * spacing.column, y * spacing.row),
                ),
            });
        }
        if column < image.columns && row < image.rows {
            parts.push((1, pixel_value_text(image, row * image.columns + column)));
        }
    }
    parts.extend(
        mask_under(session, case, pointer.slice, column, row)
            .into_iter()
            .map(|words| (2, words)),
    );
    parts
}

/// Patient coordinates in mm with side letters: "R 32.4  A 122.4  F 90.2 mm".
fn in_patient(place: [f64; 3]) -> String {
    let parts: Vec<String> = (0..3)
        .map(|axis| side_position(axis, place[axis]))
        .collect();
    format!("{} mm", parts.join("  "))
}

/// The value of a pixel: modality value with unit, or RGB.
fn pixel_value_text(image: &Image, pixel: usize) -> String {
    if let Some([red, green, blue]) = image.rgb_at(pixel) {
        return format!("R {red}  G {green}  B {blue}");
    }
    let value = image.modality_value(pixel);
    let unit = image
        .unit
        .as_deref()
        .map_or(String::new(), |u| format!(" {u}"));
    let digits = if value.fract() == 0.0 { 0 } else { 2 };
    format!("Value {value:.digits$}{unit}")
}

/// The label of a pixel, and its probability in the proposal; on background, the most probable label.
fn mask_under(
    session: &Session,
    case: &Case,
    slice: usize,
    column: usize,
    row: usize,
) -> Vec<String> {
    let Some(state) = case.slices.get(slice) else {
        return Vec::new();
    };
    // The finding may lag behind the mask while the user draws; then use the mask itself.
    let live = session
        .live_mask()
        .filter(|l| l.slice_key().slice == slice)
        .map(|l| l.mask());
    let drawn = live
        .filter(|m| state.is_drawn() || !m.is_blank())
        .map(|m| m.label_at(column as i64, row as i64));
    let label = drawn.or_else(|| state.finding.as_ref().map(|f| f.label_at(column, row)));
    let mut parts: Vec<String> = label
        .map(|l| session.labels.label_name(l).to_owned())
        .into_iter()
        .collect();
    if let Some(proposal) = state.proposal().filter(|_| !case.hides_proposals()) {
        let candidates = 1..=session.labels.all_labels().len() as u8;
        let likeliest = candidates
            .map(|candidate| (candidate, probability_of(proposal, candidate, column, row)))
            .max_by(|(_, a), (_, b)| a.total_cmp(b))
            .map(|(candidate, _)| candidate)
            .unwrap_or(1);
        let own = label.filter(|l| *l != 0);
        let shown = own.unwrap_or(likeliest);
        // The model has no probability for labels it was not trained on.
        if proposal.may_contain_label(shown) {
            // On background, name the most probable label.
            let name = own.map_or_else(
                || format!("{} ", session.labels.label_name(shown)),
                |_| String::new(),
            );
            let percent = probability_of(proposal, shown, column, row) * 100.0;
            parts.push(format!("model: {name}{percent:.0} %"));
        }
    }
    parts
}

/// Probability of a label at a pixel, 0..=1; 0 if the model does not know the label.
fn probability_of(proposal: &Finding, label: u8, column: usize, row: usize) -> f32 {
    proposal.probability_at(label, column, row).unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use labrum_core::image::Pixels;

    #[test]
    fn a_colour_pixel_has_three_values_and_a_grey_one_its_unit() {
        let colored = Image::new(2, 1, Pixels::Rgb8(vec![[1, 2, 3], [250, 128, 7]])).unwrap();
        assert_eq!(pixel_value_text(&colored, 1), "R 250  G 128  B 7");
        let grey = Image {
            unit: Some("HU".into()),
            ..Image::new(1, 1, Pixels::I16(vec![-42])).unwrap()
        };
        assert_eq!(pixel_value_text(&grey, 0), "Value -42 HU");
    }

    #[test]
    fn a_patient_position_is_given_with_orientation_letters() {
        assert_eq!(
            in_patient([-32.4, -122.4, -90.2]),
            "R 32.4  A 122.4  F 90.2 mm"
        );
        assert_eq!(in_patient([64.1, 5.8, -0.01]), "L 64.1  P 5.8  H 0.0 mm");
    }

    #[test]
    fn the_pixel_value_is_omitted_last() {
        let parts = [
            (3, "x 135  y 209"),
            (4, "R 32.4  A 122.4  F 90.2 mm"),
            (1, "Value 26 HU"),
            (2, "Tumour"),
        ];
        let parts = parts.map(|(rank, words)| (rank, words.to_owned()));
        let within = |letters: usize| longest_fitting_text(&parts, |words| words.len() <= letters);
        assert_eq!(
            within(80),
            "x 135  y 209   R 32.4  A 122.4  F 90.2 mm   Value 26 HU   Tumour"
        );
        assert_eq!(within(40), "x 135  y 209   Value 26 HU   Tumour");
        assert_eq!(within(25), "Value 26 HU   Tumour");
        assert_eq!([within(12), within(3)], ["Value 26 HU"; 2]);
    }
}
