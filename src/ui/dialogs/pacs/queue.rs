//! The send queue: objects waiting to be sent, and the result of others.

use crate::{
    session::{Action, Actions, Session, pacs::PacsAction},
    ui::{
        dialogs::sheet,
        table::{Cell, Column, ROW, TableColumns},
        theme,
        widgets::{capitalize_first, explanation_text, format_timestamp},
    },
};
use egui::{Align, Button, Label, Layout, RichText, ScrollArea, Ui, vec2};
use egui_material_icons::icons::{ICON_BLOCK, ICON_CHECK_CIRCLE, ICON_SCHEDULE, ICON_UPLOAD};
use labrum_core::pacs::{SendItem, SendState};

const COLUMNS: [Column; 4] = [
    Column::of_words("Object", 300.0),
    Column::of_words("Server", 150.0),
    Column::of_words("State", 110.0),
    Column::of_words("Queued", 140.0),
];

/// Visible rows.
const ROWS: f32 = 9.0;

/// The selected object.
#[derive(Default)]
pub(crate) struct QueueDialog {
    chosen: Option<String>,
}

impl QueueDialog {
    /// Shows the dialog; true once it is done.
    pub(in crate::ui::dialogs) fn show_contents(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) -> bool {
        let queue = &session.pacs.queue;
        sheet::show_body(ui, "Send queue", |ui| self.show_body(ui, queue, actions));
        sheet::show_buttons(ui, |ui| {
            let done = sheet::main_button(ui, "Close", None);
            let has_done = queue
                .iter()
                .any(|i| matches!(i.state, SendState::Sent | SendState::Cancelled));
            let clear = Button::new("Clear finished").min_size(vec2(88.0, 28.0));
            if ui
                .add_enabled(has_done, clear)
                .on_disabled_hover_text("No finished items")
                .clicked()
            {
                actions.push(Action::Pacs(PacsAction::ForgetDone));
            }
            done
        })
    }

    fn show_body(&mut self, ui: &mut Ui, queue: &[SendItem], actions: &mut Actions) {
        if queue.is_empty() {
            explanation_text(
                ui,
                "The send queue is empty. Use File > Send to server to send the segmentation or measurements of the current case.",
            );
        } else {
            self.show_item_list(ui, queue);
        }
        let item = self
            .chosen
            .as_ref()
            .and_then(|id| queue.iter().find(|i| i.id == *id));
        ui.allocate_ui_with_layout(
            vec2(ui.available_width(), 64.0),
            Layout::top_down(Align::Min),
            |ui| {
                ui.set_min_height(64.0);
                if let Some(item) = item {
                    show_item_details(ui, item, actions);
                }
            },
        );
    }

    fn show_item_list(&mut self, ui: &mut Ui, queue: &[SendItem]) {
        let table = TableColumns(&COLUMNS);
        table.show_headings(ui);
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            let area = ScrollArea::vertical()
                .id_salt("queue")
                .max_height(ROW * ROWS)
                .auto_shrink([false, false]);
            area.show_rows(ui, ROW, queue.len(), |ui, rows| {
                for item in queue.iter().rev().skip(rows.start).take(rows.len()) {
                    let is_chosen = self.chosen.as_deref() == Some(&item.id);
                    if table
                        .show_selectable_row(ui, &item_cells(ui, item), is_chosen)
                        .clicked()
                    {
                        self.chosen = Some(item.id.clone());
                    }
                }
            });
        });
    }
}

fn item_cells(ui: &Ui, item: &SendItem) -> [Cell; 4] {
    let colors = theme::current_colors(ui);
    let state = Cell::new(item.state.display_name());
    let state = match item.state {
        SendState::Waiting => state.with_icon(ICON_SCHEDULE),
        SendState::Sending => state.with_icon(ICON_UPLOAD).with_color(colors.accent),
        SendState::Sent => state.with_icon(ICON_CHECK_CIRCLE).with_color(colors.good),
        SendState::Refused => state.with_icon(ICON_BLOCK).with_color(colors.error),
        SendState::Cancelled => state.with_icon(ICON_BLOCK),
    };
    [
        Cell::new(&item.file),
        Cell::new(&item.server.name),
        state,
        Cell::new(format_timestamp(item.queued)),
    ]
}

fn show_item_details(ui: &mut Ui, item: &SendItem, actions: &mut Actions) {
    let words = match (&item.trouble, item.attempts) {
        (Some(trouble), 0) => capitalize_first(&format!("{trouble}.")),
        (Some(trouble), n) => capitalize_first(&format!("{trouble}. Attempts: {n}.")),
        (None, _) => match item.state {
            SendState::Sent => "The server has received it.".to_owned(),
            _ => "Waiting to be sent.".to_owned(),
        },
    };
    ui.add(
        Label::new(RichText::new(words).color(theme::current_colors(ui).dimmed))
            .wrap()
            .selectable(true),
    );
    ui.horizontal(|ui| {
        let may_retry = item.state == SendState::Refused || item.state == SendState::Waiting;
        if ui.add_enabled(may_retry, Button::new("Try now")).clicked() {
            actions.push(Action::Pacs(PacsAction::Retry(item.id.clone())));
        }
        let cancel = ui.add_enabled(item.state.is_open(), Button::new("Cancel sending"));
        if cancel.on_hover_text("Remove from the queue").clicked() {
            actions.push(Action::Pacs(PacsAction::CancelSending(item.id.clone())));
        }
    });
}
