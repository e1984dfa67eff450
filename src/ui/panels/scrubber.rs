//! The slice slider below the canvas, with marks for masks, uncertain boundaries and new proposals, and the controls for
//! playing.

use super::cine;
use crate::{
    session::{Action, Actions, Session, case::Case, command::UserCommand},
    ui::{
        theme::{self, DOUBT},
        widgets::command_button,
    },
};
use egui::{Align, Button, Color32, Layout, Rect, RichText, Sense, Ui, WidgetInfo, pos2, vec2};
use egui_material_icons::{
    MaterialIcon,
    icons::{ICON_CHEVRON_LEFT, ICON_CHEVRON_RIGHT},
};

const HEIGHT: f32 = 24.0;

/// Width of the slice number, and minimum width of the slider track, in points.
const NUMBER: f32 = 72.0;
const LEAST_TRACK: f32 = 96.0;

/// Width of the two buttons, in points.
const BUTTONS: f32 = 84.0;

/// Shows the slider. If space is short, the controls for playing are dropped first (they are also in the menu), then the
/// number (it is also on the image), then the buttons.
pub(in crate::ui) fn show_slice_strip(ui: &mut Ui, session: &Session, actions: &mut Actions) {
    let Some(case) = session.cases.current_case() else {
        return;
    };
    let room = ui.available_width();
    let has_number = room >= BUTTONS + NUMBER + LEAST_TRACK;
    let cine_width = cine::needed_width(ui, session, case);
    let has_cine = cine_width > 0.0 && room >= cine_width + BUTTONS + NUMBER + LEAST_TRACK;
    let has_buttons = room >= BUTTONS * 0.75 + LEAST_TRACK * 0.75;
    ui.horizontal(|ui| {
        ui.set_min_height(HEIGHT);
        if !has_number {
            ui.spacing_mut().item_spacing.x = 0.0;
            ui.spacing_mut().button_padding.x = 4.0;
        }
        if has_cine {
            cine::show_controls(ui, session, case, actions);
        }
        let count = case.slices.len();
        if has_buttons {
            command_button(
                ui,
                session,
                actions,
                UserCommand::PreviousSlice,
                step_button(ICON_CHEVRON_LEFT),
            );
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if has_number {
                let number = RichText::new(format!("{} / {count}", case.slice + 1));
                ui.add_sized(vec2(NUMBER, HEIGHT), egui::Label::new(number));
            }
            if has_buttons {
                command_button(
                    ui,
                    session,
                    actions,
                    UserCommand::NextSlice,
                    step_button(ICON_CHEVRON_RIGHT),
                );
            }
            show_slice_track(ui, case, actions);
        });
    });
}

fn step_button(icon: MaterialIcon) -> Button<'static> {
    Button::new(icon.rich_text().size(18.0)).frame_when_inactive(false)
}

fn show_slice_track(ui: &mut Ui, case: &Case, actions: &mut Actions) {
    let count = case.slices.len();
    let sense = if count > 1 {
        Sense::click_and_drag()
    } else {
        Sense::hover()
    };
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), sense);
    response.widget_info(|| WidgetInfo::slider(count > 1, (case.slice + 1) as f64, "Slice"));
    let colors = theme::current_colors(ui);
    let inner = rect.shrink2(vec2(8.0, 0.0));
    let painter = ui.painter_at(rect);
    let y = rect.center().y;
    painter.rect_filled(
        Rect::from_min_max(pos2(inner.left(), y - 2.0), pos2(inner.right(), y + 2.0)),
        2.0,
        colors.raised,
    );
    let half = if count > 1 {
        (inner.width() / (count - 1) as f32 / 2.0).max(0.75)
    } else {
        12.0
    };
    for (slice, state) in case.slices.iter().enumerate() {
        let x = x_of_slice(slice, count, inner);
        if state.is_proposal_newer() && count > 1 {
            let tick = Rect::from_center_size(pos2(x, rect.bottom() - 3.0), vec2(4.0, 4.0));
            painter.rect_filled(tick, 0.0, colors.warning);
        }
        let Some(finding) = &state.finding else {
            continue;
        };
        let shade = finding
            .measurements
            .first()
            .and_then(|m| finding.labels.get(usize::from(m.label) - 1));
        let color = shade.map_or(colors.dimmed.gamma_multiply(0.5), |l| {
            Color32::from_rgb(l.color[0], l.color[1], l.color[2])
        });
        let span = Rect::from_min_max(pos2(x - half, y - 2.0), pos2(x + half, y + 2.0));
        painter.rect_filled(span.intersect(inner), 0.0, color);
        if !finding.doubts.is_empty() && count > 1 {
            painter.circle_filled(pos2(x, rect.top() + 3.0), 2.0, DOUBT);
        }
    }
    if count < 2 {
        return;
    }
    let fill = if response.hovered() || response.dragged() {
        colors.strong
    } else {
        colors.text
    };
    painter.rect_filled(
        Rect::from_center_size(
            pos2(x_of_slice(case.slice, count, inner), y),
            vec2(6.0, 18.0),
        ),
        3.0,
        fill,
    );
    if let Some(at) = response.interact_pointer_pos() {
        let t = ((at.x - inner.left()) / inner.width()).clamp(0.0, 1.0);
        actions.push(Action::SetSlice((t * (count - 1) as f32).round() as usize));
    }
    let masks = case.measured_slice_count();
    response.on_hover_text(format!(
        "Slice {} of {count}; {masks} with a mask. Dots above: uncertain boundary; squares below: new proposal",
        case.slice + 1
    ));
}

/// The x position of a slice on the track; a single slice is in the middle.
fn x_of_slice(slice: usize, count: usize, track: Rect) -> f32 {
    let t = if count > 1 {
        slice as f32 / (count - 1) as f32
    } else {
        0.5
    };
    track.left() + t * track.width()
}
