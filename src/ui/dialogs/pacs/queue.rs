//! Objects that wait to be sent, and what became of the others.

use crate::{
    session::{Action, Session, pacs::PacsAction},
    ui::{
        dialogs::sheet,
        table::{Cell, Column, ROW, TableColumns},
        theme,
        widgets::{capital, explain, moment},
    },
};
use egui::{Align, Button, Label, Layout, RichText, ScrollArea, Ui, vec2};
use egui_material_icons::icons::{ICON_BLOCK, ICON_CHECK_CIRCLE, ICON_SCHEDULE, ICON_UPLOAD};
use labrum_core::pacs::{SendItem, SendState};

const COLUMNS: [Column; 4] = [
    Column::words("Object", 300.0),
    Column::words("Server", 150.0),
    Column::words("State", 110.0),
    Column::words("Queued", 140.0),
];

/// Rows in sight.
const ROWS: f32 = 9.0;

/// Which object is looked at.
#[derive(Default)]
pub(crate) struct QueueDialog {
    chosen: Option<String>,
}

impl QueueDialog {
    /// Shows the dialog; true once it is done.
    pub(in crate::ui::dialogs) fn show(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Vec<Action>,
    ) -> bool {
        let queue = &session.pacs.queue;
        sheet::body(ui, "What is being sent", |ui| self.body(ui, queue, actions));
        sheet::buttons(ui, |ui| {
            let done = sheet::main_button(ui, "Close", None);
            let has_done = queue
                .iter()
                .any(|i| matches!(i.state, SendState::Sent | SendState::Cancelled));
            let clear = Button::new("Clear what is done").min_size(vec2(88.0, 28.0));
            if ui
                .add_enabled(has_done, clear)
                .on_disabled_hover_text("Nothing is done with")
                .clicked()
            {
                actions.push(Action::Pacs(PacsAction::ForgetDone));
            }
            done
        })
    }

    fn body(&mut self, ui: &mut Ui, queue: &[SendItem], actions: &mut Vec<Action>) {
        if queue.is_empty() {
            explain(
                ui,
                "Nothing waits to be sent. File, Send to server sends the segmentation of the case that is open.",
            );
        } else {
            self.list(ui, queue);
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
                    details(ui, item, actions);
                }
            },
        );
    }

    fn list(&mut self, ui: &mut Ui, queue: &[SendItem]) {
        let table = TableColumns(&COLUMNS);
        table.heading(ui);
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            let area = ScrollArea::vertical()
                .id_salt("queue")
                .max_height(ROW * ROWS)
                .auto_shrink([false, false]);
            area.show_rows(ui, ROW, queue.len(), |ui, rows| {
                for item in queue.iter().rev().skip(rows.start).take(rows.len()) {
                    let is_chosen = self.chosen.as_deref() == Some(&item.id);
                    if table.choice(ui, &cells(ui, item), is_chosen).clicked() {
                        self.chosen = Some(item.id.clone());
                    }
                }
            });
        });
    }
}

fn cells(ui: &Ui, item: &SendItem) -> [Cell; 4] {
    let colors = theme::colors(ui);
    let state = Cell::new(item.state.label());
    let state = match item.state {
        SendState::Waiting => state.icon(ICON_SCHEDULE),
        SendState::Sending => state.icon(ICON_UPLOAD).color(colors.accent),
        SendState::Sent => state.icon(ICON_CHECK_CIRCLE).color(colors.good),
        SendState::Refused => state.icon(ICON_BLOCK).color(colors.error),
        SendState::Cancelled => state.icon(ICON_BLOCK),
    };
    [
        Cell::new(&item.file),
        Cell::new(&item.server.name),
        state,
        Cell::new(moment(item.queued)),
    ]
}

fn details(ui: &mut Ui, item: &SendItem, actions: &mut Vec<Action>) {
    let words = match (&item.trouble, item.attempts) {
        (Some(trouble), 0) => capital(&format!("{trouble}.")),
        (Some(trouble), n) => capital(&format!("{trouble}. Tried {n} times.")),
        (None, _) => match item.state {
            SendState::Sent => "The server has it.".to_owned(),
            _ => "It waits for its turn.".to_owned(),
        },
    };
    ui.add(
        Label::new(RichText::new(words).color(theme::colors(ui).dimmed))
            .wrap()
            .selectable(true),
    );
    ui.horizontal(|ui| {
        let id = || item.id.clone();
        let may_retry = item.state == SendState::Refused || item.state == SendState::Waiting;
        if ui.add_enabled(may_retry, Button::new("Try now")).clicked() {
            actions.push(Action::Pacs(PacsAction::Retry(id())));
        }
        let cancel = ui.add_enabled(item.state.is_open(), Button::new("Do not send"));
        if cancel.on_hover_text("Take it out of the queue").clicked() {
            actions.push(Action::Pacs(PacsAction::CancelSending(id())));
        }
    });
}
