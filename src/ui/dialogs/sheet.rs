//! Common layout of dialogs: a title, a body that scrolls if the window is too small, and buttons that are always
//! visible.

use crate::ui::{
    theme,
    widgets::{explanation_text, primary_button},
};
use egui::{
    Align, Button, Context, Event, Id, Key, Layout, Popup, RichText, ScrollArea, Ui, Vec2, vec2,
};

/// Space between dialog and window edge, and between the dialog's frame and its content, in points.
const AROUND: f32 = 12.0;
pub(super) const MARGIN: f32 = 16.0;

/// Gap between body and buttons, in points.
const GAP: f32 = 12.0;

/// Assumed height of the buttons before they have been laid out once, in points.
const BUTTONS: f32 = 28.0;

/// Maximum width of a dialog's content, in points.
pub(super) fn max_content_width(ctx: &Context) -> f32 {
    ctx.content_rect().width() - 2.0 * (AROUND + MARGIN)
}

/// Records which dialog is drawn. A dialog that was not drawn in the previous frame is new: it starts scrolled to the
/// top, and open popups are closed, because they would keep keyboard focus.
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

/// The dialog last drawn, with its first and latest frame number.
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
    // Only tables can be wider than the dialog.
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

/// Shows the buttons below the body, laid out from right to left.
pub(super) fn show_buttons<R>(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
    show_below_body(ui, |ui| show_button_row(ui, content))
}

/// A row of buttons from right to left, with their own height: a row centred in the remaining height would keep the
/// dialog from shrinking.
pub(super) fn show_button_row<R>(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
    let size = vec2(ui.available_width(), BUTTONS);
    ui.allocate_ui_with_layout(size, Layout::right_to_left(Align::Center), content)
        .inner
}

/// Shows the fixed part below the body, ending with the buttons.
pub(super) fn show_below_body<R>(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
    ui.add_space(GAP);
    let top = ui.cursor().top();
    let inner = content(ui);
    let id = height_id(ui);
    let height = ui.min_rect().bottom() - top;
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

/// Shows the title of a dialog.
pub(super) fn show_title(ui: &mut Ui, words: &str) {
    ui.label(
        RichText::new(words)
            .heading()
            .color(theme::current_colors(ui).strong),
    );
    ui.add_space(8.0);
}

/// The main button of a dialog, greyed with the tooltip `missing`; true if it was clicked or Enter was pressed.
pub(super) fn main_button(ui: &mut Ui, words: &str, missing: Option<&str>) -> bool {
    let button = primary_button(ui, words).min_size(vec2(88.0, 28.0));
    let response = ui
        .add_enabled(missing.is_none(), button)
        .on_disabled_hover_text(missing.unwrap_or_default());
    response.clicked() || (missing.is_none() && is_entered(ui.ctx()))
}

/// A secondary button, as large as the main one.
pub(super) fn side_button(words: &'static str) -> Button<'static> {
    Button::new(words).min_size(vec2(88.0, 28.0))
}

/// Records whether Enter may press the main button: not while another control or popup would use it. Call before a
/// dialog is drawn.
pub(super) fn note_enter_free(ctx: &Context) {
    let is_free = !Popup::is_any_open(ctx)
        && (ctx.memory(|m| m.focused().is_none()) || ctx.text_edit_focused());
    ctx.data_mut(|d| d.insert_temp(Id::unique("Enter is free"), is_free));
}

/// True if Enter was pressed for the main button. Key repeats, as from a previous dialog, do not count.
pub(super) fn is_entered(ctx: &Context) -> bool {
    ctx.data(|d| d.get_temp(Id::unique("Enter is free")))
        .unwrap_or(false)
        && ctx.input(|i| i.events.iter().any(is_plain_enter))
}

/// True for pressing Enter without modifiers.
fn is_plain_enter(event: &Event) -> bool {
    match event {
        Event::Key {
            key: Key::Enter,
            pressed: true,
            repeat: false,
            modifiers,
            ..
        } => modifiers.is_none(),
        _ => false,
    }
}

/// Explains that the path must be typed, if there is no file dialog.
pub(super) fn no_dialog(ui: &mut Ui, lacks_dialogs: bool) {
    if lacks_dialogs {
        explanation_text(ui, NO_DIALOG);
    }
}

/// Why Browse is unavailable.
pub(super) const NO_DIALOG: &str =
    "No file dialog is available on this desktop: type or paste the path.";
