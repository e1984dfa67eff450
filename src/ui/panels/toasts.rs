//! Messages at the bottom right: what happened and what can be done.

use crate::{
    session::{Action, Session, notice::Severity},
    ui::{theme, widgets},
};
use egui::{Align, Align2, Area, Context, Frame, Id, Label, Layout, Margin, Order, RichText, Stroke, vec2};
use egui_material_icons::icons::{ICON_CHECK_CIRCLE, ICON_CLOSE, ICON_ERROR, ICON_INFO, ICON_WARNING};

/// Shows all messages.
pub(in crate::ui) fn show(ctx: &Context, session: &Session, actions: &mut Vec<Action>) {
    if session.notices.list.is_empty() {
        return;
    }
    let right =
        if session.settings.panels && session.case().is_some() { session.settings.right_width + 16.0 } else { 16.0 };
    Area::new(Id::unique("messages")).anchor(Align2::RIGHT_BOTTOM, vec2(-right, -88.0)).order(Order::Foreground).show(
        ctx,
        |ui| {
            for notice in &session.notices.list {
                let colors = theme::colors(ui);
                let (icon, color, kind) = match notice.severity {
                    Severity::Info => (ICON_CHECK_CIRCLE, colors.good, "Message"),
                    Severity::Hint => (ICON_INFO, colors.dimmed, "Hint"),
                    Severity::Warning => (ICON_WARNING, colors.warning, "Warning"),
                    Severity::Error => (ICON_ERROR, colors.error, "Error"),
                };
                Frame::new()
                    .fill(colors.raised)
                    .stroke(Stroke::new(1.0, colors.line))
                    .corner_radius(6)
                    .inner_margin(Margin::symmetric(12, 8))
                    .show(ui, |ui| {
                        ui.set_width(380.0);
                        ui.horizontal_top(|ui| {
                            ui.label(icon.rich_text().size(18.0).color(color)).accessible_name(kind);
                            ui.with_layout(Layout::right_to_left(Align::TOP), |ui| {
                                if widgets::icon_button(ui, ICON_CLOSE, "Dismiss").clicked() {
                                    actions.push(Action::Dismiss(notice.id));
                                }
                                ui.with_layout(Layout::top_down(Align::LEFT), |ui| {
                                    ui.add(
                                        Label::new(RichText::new(&notice.text).color(colors.text))
                                            .wrap()
                                            .selectable(true),
                                    );
                                    if let Some(folder) = &notice.folder
                                        && ui.link("Copy the path").clicked()
                                    {
                                        ui.copy_text(folder.display().to_string());
                                    }
                                });
                            });
                        });
                    });
                ui.add_space(4.0);
            }
        },
    );
}
