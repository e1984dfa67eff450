//! Messages at the bottom right.

use crate::{
    session::{
        Action, Actions, Session,
        command::UserCommand,
        notice::{Notice, Severity},
    },
    ui::{theme, widgets},
};
use egui::{
    Align, Align2, Area, Context, Frame, Id, Label, Layout, Margin, Order, RichText, ScrollArea,
    Stroke, Ui, Vec2, vec2,
};
use egui_material_icons::icons::{
    ICON_CHECK_CIRCLE, ICON_CLOSE, ICON_ERROR, ICON_INFO, ICON_WARNING,
};
use std::mem;

const WIDTH: f32 = 380.0;

/// Maximum height of a message's text in points; longer text scrolls. Less if there are many messages.
const TEXT_HEIGHT: f32 = 96.0;

/// Maximum share of the window height for all messages, and the height of a message without its text in
/// points.
const SHARE: f32 = 0.55;
const FRAME: f32 = 44.0;

/// Positions of the messages, so that none moves under the pointer.
#[derive(Default)]
pub(in crate::ui) struct Toasts {
    /// The messages last shown, oldest first, as id and height in points.
    rows: Vec<(u64, f32)>,
    /// Height of all messages together, in points.
    height: f32,
    is_pointed_at: bool,
}

impl Toasts {
    /// True while the pointer is on the messages; they do not expire then.
    pub(in crate::ui) fn is_pointed_at(&self) -> bool {
        self.is_pointed_at
    }

    /// Shows all messages, newest on top, so that existing ones keep their place when one is added.
    pub(in crate::ui) fn show_messages(
        &mut self,
        ctx: &Context,
        session: &Session,
        actions: &mut Actions,
    ) {
        let list = &session.notices.list;
        // While the pointer is on the messages, a dismissed one leaves a gap, so that the others stay in place.
        let mut rows: Vec<(u64, f32)> = self
            .rows
            .iter()
            .filter(|(id, _)| self.is_pointed_at || list.iter().any(|n| n.id == *id))
            .copied()
            .collect();
        rows.extend(
            list.iter()
                .filter(|n| !self.rows.iter().any(|(id, _)| *id == n.id))
                .map(|n| (n.id, 0.0)),
        );
        if list.is_empty() {
            *self = Self::default();
            return;
        }
        let has_panel = session.settings.panels && session.cases.current_case().is_some();
        let right = if has_panel {
            session.settings.right_width + 32.0
        } else {
            16.0
        };
        let area =
            Area::new(Id::unique("messages")).anchor(Align2::RIGHT_BOTTOM, vec2(-right, -88.0));
        let width = WIDTH.min(ctx.content_rect().width() * 0.4);
        let share = ctx.content_rect().height() * SHARE / list.len() as f32;
        let size = vec2(width, (share - FRAME).clamp(18.0, TEXT_HEIGHT));
        let shown = area.order(Order::Foreground).show(ctx, |ui| {
            ui.set_width(width + 26.0);
            ui.spacing_mut().item_spacing.y = 4.0;
            for (id, height) in rows.iter_mut().rev() {
                match list.iter().find(|n| n.id == *id) {
                    Some(notice) => *height = show_message(ui, notice, size, session, actions),
                    None => ui.add_space(*height),
                }
            }
        });
        let height = shown.response.rect.height();
        if (height - mem::replace(&mut self.height, height)).abs() > 0.5 {
            // They were placed for the previous height; show the second pass instead.
            ctx.request_discard("messages came or went");
            ctx.request_repaint();
        }
        self.is_pointed_at = ctx
            .pointer_hover_pos()
            .is_some_and(|at| shown.response.rect.contains(at));
        self.rows = rows;
    }
}

/// Shows one message; returns its height in points.
fn show_message(
    ui: &mut Ui,
    notice: &Notice,
    size: Vec2,
    session: &Session,
    actions: &mut Actions,
) -> f32 {
    let colors = theme::current_colors(ui);
    let (icon, color, kind) = match notice.severity {
        Severity::Info => (ICON_CHECK_CIRCLE, colors.good, "Message"),
        Severity::Hint => (ICON_INFO, colors.dimmed, "Hint"),
        Severity::Warning => (ICON_WARNING, colors.warning, "Warning"),
        Severity::Error => (ICON_ERROR, colors.error, "Error"),
    };
    let frame = Frame::new()
        .fill(colors.raised)
        .stroke(Stroke::new(1.0, colors.line))
        .corner_radius(6);
    let frame = frame.inner_margin(Margin::symmetric(12, 8)).show(ui, |ui| {
        ui.set_width(size.x);
        ui.horizontal_top(|ui| {
            ui.label(icon.rich_text().size(18.0).color(color))
                .accessible_name(kind);
            ui.with_layout(Layout::right_to_left(Align::TOP), |ui| {
                if widgets::icon_button(ui, ICON_CLOSE, "Dismiss").clicked() {
                    actions.push(Action::Dismiss(notice.id));
                }
                ui.with_layout(Layout::top_down(Align::LEFT), |ui| {
                    show_message_text(ui, notice, size.y, session, actions)
                });
            });
        });
    });
    frame.response.rect.height()
}

fn show_message_text(
    ui: &mut Ui,
    notice: &Notice,
    height: f32,
    session: &Session,
    actions: &mut Actions,
) {
    let text = RichText::new(&notice.text).color(theme::current_colors(ui).text);
    let area = ScrollArea::vertical()
        .id_salt(notice.id)
        .max_height(height)
        .min_scrolled_height(height);
    area.auto_shrink([false, true])
        .show(ui, |ui| ui.add(Label::new(text).wrap().selectable(true)));
    if let Some(folder) = &notice.folder {
        ui.horizontal(|ui| {
            if ui.link("Show folder").clicked() {
                actions.push(Action::ShowFolder(folder.clone()));
            }
            if ui.link("Copy path").clicked() {
                ui.copy_text(folder.display().to_string());
            }
        });
    }
    // There may be more messages than are shown.
    if notice.severity == Severity::Error
        && session.notices.errors.len() > 1
        && ui.link("All messages").clicked()
    {
        actions.push(Action::Command(UserCommand::Messages));
    }
}
