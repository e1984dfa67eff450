//! What every dialog is made of: its title, a body that scrolls where the window is too low or too narrow, and buttons
//! that stay in sight.

use crate::ui::{
    theme,
    widgets::{explanation_text, primary_button},
};
use egui::{Align, Context, Event, Id, Key, Layout, Popup, RichText, ScrollArea, Ui, Vec2, vec2};

/// Between a dialog's frame and the edges of the window, and between the frame and what is in it.
const AROUND: f32 = 12.0;
pub(super) const MARGIN: f32 = 16.0;

/// Between body and buttons.
const GAP: f32 = 12.0;

/// The buttons of a dialog before it was shown once.
const BUTTONS: f32 = 28.0;

/// The largest width of what is in a dialog.
pub(super) fn max_content_width(ctx: &Context) -> f32 {
    ctx.content_rect().width() - 2.0 * (AROUND + MARGIN)
}

/// Notes which dialog is drawn. One that was not drawn in the frame before is new: it begins at its top, and what was
/// popped up before it is closed, which else would have the keyboard.
pub(super) fn mark_drawn(ctx: &Context, name: &'static str) {
    let frame = ctx.cumulative_frame_nr();
    let last = ctx.data(|d| d.get_temp::<Drawn>(drawn_state_id()));
    let was_there = last
        .is_some_and(|last| last.name == name && (last.frame == frame || last.frame + 1 == frame));
    let since = last.filter(|_| was_there).map_or(frame, |last| last.since);
    if !was_there {
        Popup::close_all(ctx);
    }
    ctx.data_mut(|d| d.insert_temp(drawn_state_id(), Drawn { name, since, frame }));
}

/// Which dialog was drawn last, since which frame, and in which.
#[derive(Clone, Copy)]
struct Drawn {
    name: &'static str,
    since: u64,
    frame: u64,
}

fn drawn_state_id() -> Id {
    Id::unique("dialog that was drawn")
}

/// True in the first frame of a dialog.
fn is_new(ctx: &Context) -> bool {
    ctx.data(|d| d.get_temp::<Drawn>(drawn_state_id()))
        .is_some_and(|drawn| drawn.since == ctx.cumulative_frame_nr())
}

/// Shows the title and the body.
pub(super) fn show_body<R>(ui: &mut Ui, heading: &str, content: impl FnOnce(&mut Ui) -> R) -> R {
    let top = ui.cursor().top();
    show_title(ui, heading);
    let title = ui.cursor().top() - top;
    let buttons = ui
        .data(|d| d.get_temp::<f32>(height_id(ui)))
        .unwrap_or(BUTTONS);
    let room =
        ui.ctx().content_rect().height() - 2.0 * (AROUND + MARGIN) - title - GAP - buttons - 4.0;
    let room = room.max(48.0);
    // Only tables are wider than what they are in.
    let is_narrow = max_content_width(ui.ctx()) < 560.0;
    let mut area = ScrollArea::new([is_narrow, true])
        .id_salt("body")
        .max_height(room)
        .min_scrolled_height(room);
    if is_new(ui.ctx()) {
        area = area.scroll_offset(Vec2::ZERO);
    }
    area.auto_shrink([false, true]).show(ui, content).inner
}

/// Shows the buttons below the body, from right to left.
pub(super) fn show_buttons<R>(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
    show_below_body(ui, |ui| show_button_row(ui, content))
}

/// A line of buttons from right to left, as high as they are: one that is centred in what is left of a dialog would hold
/// it open.
pub(super) fn show_button_row<R>(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
    let size = vec2(ui.available_width(), BUTTONS);
    ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), content)
        .inner
}

/// Shows what stays below the body, with buttons as its last line.
pub(super) fn show_below_body<R>(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
    ui.add_space(GAP);
    let top = ui.cursor().top();
    let inner = content(ui);
    let (id, height) = (height_id(ui), ui.min_rect().bottom() - top);
    let known = ui.data(|d| d.get_temp::<f32>(id));
    ui.data_mut(|d| d.insert_temp(id, height));
    if known.is_none_or(|known| (known - height).abs() > 0.5) {
        ui.ctx()
            .request_discard("the buttons of a dialog are measured");
    }
    inner
}

fn height_id(ui: &Ui) -> Id {
    ui.layer_id().id.with("height of the buttons")
}

/// The title of a dialog.
pub(super) fn show_title(ui: &mut Ui, words: &str) {
    ui.label(
        RichText::new(words)
            .heading()
            .color(theme::current_colors(ui).strong),
    );
    ui.add_space(8.0);
}

/// The button of what a dialog is for, greyed with what is missing; true where it, or Enter, was pressed.
pub(super) fn main_button(ui: &mut Ui, words: &str, missing: Option<&str>) -> bool {
    let button = primary_button(ui, words).min_size(vec2(88.0, 28.0));
    let response = ui
        .add_enabled(missing.is_none(), button)
        .on_disabled_hover_text(missing.unwrap_or_default());
    response.clicked() || (missing.is_none() && is_entered(ui.ctx()))
}

/// Notes, before a dialog is drawn, whether Enter is free for its main button: not while it presses another control.
pub(super) fn note_enter_free(ctx: &Context) {
    let is_free = !Popup::is_any_open(ctx)
        && (ctx.memory(|m| m.focused().is_none()) || ctx.text_edit_focused());
    ctx.data_mut(|d| d.insert_temp(Id::unique("Enter is free"), is_free));
}

/// True where Enter was pressed for the main button. A key that is held since another dialog does not count.
pub(super) fn is_entered(ctx: &Context) -> bool {
    let is_enter = |e: &Event| matches!(e, Event::Key { key: Key::Enter, pressed: true, repeat: false, modifiers, .. } if modifiers.is_none());
    ctx.data(|d| d.get_temp(Id::unique("Enter is free")))
        .unwrap_or(false)
        && ctx.input(|i| i.events.iter().any(is_enter))
}

/// Says beside a field that there is no other way than typing: this desktop has no dialogs for files.
pub(super) fn no_dialog(ui: &mut Ui, lacks_dialogs: bool) {
    if lacks_dialogs {
        explanation_text(ui, NO_DIALOG);
    }
}

/// Why nothing can be browsed.
pub(super) const NO_DIALOG: &str = "This desktop has no dialog for files: type or paste the path.";
