//! Small widgets shared by panels and dialogs.

use super::{shortcuts, theme};
use crate::session::{
    Action, Actions, Session,
    command::{CommandEntry, UserCommand},
};
use egui::{Align, Button, Color32, Layout, Response, RichText, Role, Sense, Ui, WidgetInfo, vec2};
use egui_material_icons::{MaterialIcon, icons::ICON_CHECK};
use std::time::Duration;

/// A button for a command, with its shortcut in the tooltip; greyed with the reason if unavailable.
pub(crate) fn command_button(
    ui: &mut Ui,
    session: &Session,
    actions: &mut Actions,
    command: UserCommand,
    button: Button<'_>,
) -> Response {
    let refusal = session.command_refusal(command);
    let response = ui
        .add_enabled(refusal.is_none(), button)
        .on_hover_text(shortcuts::command_tooltip(&session.settings.keys, command))
        .on_disabled_hover_text(refusal.unwrap_or_default())
        .accessible_name(command.display_label().trim_end_matches("..."));
    if response.clicked() {
        actions.push(Action::Command(command));
    }
    response
}

/// The current name of a command; window presets show the name of the preset.
pub(crate) fn command_name(session: &Session, entry: &CommandEntry) -> String {
    match (entry.command, session.preset_name(entry.command)) {
        (_, Some(name)) => format!("Window: {name}"),
        (UserCommand::PauseTraining, _) if session.is_training_paused() => {
            "Resume training".to_owned()
        }
        _ => entry.label.to_owned(),
    }
}

/// What precedes the text of a menu item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tick {
    /// Nothing: no item of the menu can be toggled.
    Nowhere,
    /// Empty space for a tick, because another item has one.
    Room,
    /// A tick if on.
    Of(bool),
}

impl Tick {
    /// The button of a menu item.
    pub(crate) fn into_button(self, words: String) -> Button<'static> {
        let mark = ICON_CHECK.rich_text().size(14.0);
        match self {
            Self::Nowhere => Button::new(words),
            Self::Of(true) => Button::new((mark, words)),
            Self::Room | Self::Of(false) => Button::new((mark.color(Color32::TRANSPARENT), words)),
        }
    }
}

/// A menu item for a command, with its shortcut; closes the menu when clicked.
pub(crate) fn menu_item(
    ui: &mut Ui,
    session: &Session,
    actions: &mut Actions,
    entry: &CommandEntry,
    words: String,
    tick: Tick,
) {
    let refusal = session.command_refusal(entry.command);
    let button = tick.into_button(words);
    let button = button.shortcut_text(shortcuts::key_of(&session.settings.keys, entry.command));
    let response = ui
        .add_enabled(refusal.is_none(), button)
        .on_hover_text(entry.tooltip)
        .on_disabled_hover_text(refusal.unwrap_or_default())
        .accessible_name(entry.label.trim_end_matches("..."));
    if let Tick::Of(is_on) = tick {
        // Announce the tick to screen readers.
        let name = entry.label.trim_end_matches("...");
        response.widget_info(|| WidgetInfo::selected(Role::Button, refusal.is_none(), is_on, name));
    }
    if response.clicked() {
        actions.push(Action::Command(entry.command));
        ui.close();
    }
}

/// Points that a menu is wide at least.
const MENU_WIDTH: f32 = 220.0;

/// A menu that scrolls if the window is too low for it.
pub(crate) fn scrolled_menu(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    // What a menu shows while it opens must not decide how wide it stays.
    ui.set_min_width(MENU_WIDTH);
    let room = (ui.ctx().content_rect().height() - 56.0).max(120.0);
    let area = egui::ScrollArea::vertical()
        .max_height(room)
        .min_scrolled_height(room)
        .auto_shrink([true, true]);
    area.show(ui, |ui| {
        ui.with_layout(Layout::top_down_justified(Align::Min), content)
    });
}

/// A button in the accent colour, for the main action.
pub(crate) fn primary_button(ui: &Ui, text: &str) -> Button<'static> {
    let colors = theme::current_colors(ui);
    Button::new(RichText::new(text).color(colors.on_accent)).fill(colors.accent)
}

/// A button with an icon before its text.
pub(crate) fn with_icon(icon: MaterialIcon, words: &str) -> Button<'static> {
    Button::new((icon.rich_text().size(16.0), words.to_owned()))
}

/// An icon button; `name` is its tooltip and accessible name.
pub(crate) fn icon_button(ui: &mut Ui, icon: MaterialIcon, name: &str) -> Response {
    ui.add(Button::new(icon.rich_text().size(16.0)).frame_when_inactive(false))
        .on_hover_text(name)
        .accessible_name(name)
}

/// The heading of a section.
pub(crate) fn section_heading(ui: &mut Ui, title: &str) {
    ui.add_space(8.0);
    ui.label(
        RichText::new(title)
            .size(12.0)
            .color(theme::current_colors(ui).dimmed),
    );
    ui.add_space(2.0);
}

/// A collapsible section of a panel.
pub(crate) fn folding_section(ui: &mut Ui, title: &str, body: impl FnOnce(&mut Ui)) {
    ui.add_space(2.0);
    let words = RichText::new(title)
        .size(12.0)
        .color(theme::current_colors(ui).dimmed);
    egui::CollapsingHeader::new(words)
        .id_salt(title)
        .default_open(true)
        .show_unindented(ui, body);
}

/// A coloured square, as high as a line of text.
pub(crate) fn color_swatch(ui: &mut Ui, [r, g, b]: [u8; 3]) {
    let (rect, _) = ui.allocate_exact_size(vec2(14.0, 14.0), Sense::hover());
    let square = egui::Rect::from_center_size(rect.center(), vec2(12.0, 12.0));
    ui.painter()
        .rect_filled(square, 3.0, egui::Color32::from_rgb(r, g, b));
}

/// One decimal below 1000, none above, with a thin space between thousands.
pub(crate) fn format_number(value: f64) -> String {
    if value < 1000.0 {
        return format!("{value:.1}");
    }
    format_count(value.round() as u64)
}

/// A number with the given number of decimals, or a dash for `None`.
pub(crate) fn figure_or_dash(value: Option<f64>, digits: usize) -> String {
    value.map_or("–".to_owned(), |value| format!("{value:.digits$}"))
}

/// A whole number with a thin space between thousands.
pub(crate) fn format_count(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push('\u{2009}');
        }
        out.push(digit);
    }
    out
}

/// Width of a single line of text in points, for a font size in points.
pub(crate) fn width_of(ui: &Ui, words: &str, size: f32) -> f32 {
    let font = egui::FontId::proportional(size);
    ui.painter()
        .layout_no_wrap(words.to_owned(), font, egui::Color32::WHITE)
        .size()
        .x
}

/// A name in a fixed-width column at the left of a line.
pub(crate) fn name_column(ui: &mut Ui, width: f32, words: RichText) {
    ui.allocate_ui_with_layout(
        vec2(width, 20.0),
        Layout::left_to_right(Align::Center),
        |ui| {
            ui.set_min_width(width);
            ui.add(egui::Label::new(words).truncate());
        },
    );
}

/// A line with a name on the left and a value on the right.
pub(crate) fn name_value_line(ui: &mut Ui, name: &str, value: &str) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(name).color(theme::current_colors(ui).dimmed));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| ui.label(value));
    });
}

/// Small, dimmed text that wraps.
pub(crate) fn explanation_text(ui: &mut Ui, words: &str) {
    ui.add(
        egui::Label::new(
            RichText::new(words)
                .size(12.0)
                .color(theme::current_colors(ui).dimmed),
        )
        .wrap(),
    );
}

/// Segmented control: choices side by side, each with a name and a tooltip. Returns the one clicked.
pub(crate) fn segmented_choice<T: PartialEq + Copy>(
    ui: &mut Ui,
    chosen: T,
    choices: &[(T, &str, String)],
) -> Option<T> {
    let mut clicked = None;
    let width = (ui.available_width() - 2.0 * (choices.len() as f32 - 1.0)) / choices.len() as f32;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        ui.spacing_mut().button_padding.x = 2.0;
        for (value, name, tooltip) in choices {
            let button = Button::selectable(*value == chosen, RichText::new(*name).size(12.5))
                .frame_when_inactive(true);
            let response = ui
                .add_sized(vec2(width, 26.0), button)
                .on_hover_text(tooltip);
            if response.clicked() {
                clicked = Some(*value);
            }
        }
    });
    clicked
}

/// A progress bar; `fraction` is 0..=1.
pub(crate) fn progress_bar(ui: &mut Ui, fraction: f32, name: &str) {
    let colors = theme::current_colors(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 4.0), Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::ProgressIndicator, true, name));
    ui.painter().rect_filled(rect, 2.0, colors.raised);
    let mut done = rect;
    done.set_width(rect.width() * fraction.clamp(0.0, 1.0));
    ui.painter().rect_filled(done, 2.0, colors.accent);
}

/// An approximate duration: "about 2 min".
pub(crate) fn format_rough_duration(time: Duration) -> String {
    match time.as_secs() {
        0 => "less than 1 s".into(),
        s @ 1..=90 => format!("about {s} s"),
        s => format!("about {} min", (s + 30) / 60),
    }
}

/// "42 s", "3 min 05 s".
pub(crate) fn format_seconds(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    if seconds < 60 {
        format!("{seconds} s")
    } else {
        format!("{} min {:02} s", seconds / 60, seconds % 60)
    }
}

/// "700 MB", "1.4 GB".
pub(crate) fn format_bytes(count: u64) -> String {
    match count as f64 / 1e6 {
        mega if mega < 1000.0 => format!("{:.0} MB", mega.ceil()),
        mega => format!("{:.1} GB", mega / 1e3),
    }
}

/// "1 case", "5 cases".
pub(crate) fn count_with_noun(number: usize, what: &str) -> String {
    format!(
        "{} {what}{}",
        format_count(number as u64),
        if number == 1 { "" } else { "s" }
    )
}

/// Capitalises the first letter.
pub(crate) fn capitalize_first(words: &str) -> String {
    let mut letters = words.chars();
    let first = letters
        .next()
        .map_or(String::new(), |c| c.to_uppercase().collect());
    format!("{first}{}", letters.as_str())
}

/// Milliseconds since 1970 as local time: "2026-11-25 06:42".
pub(crate) fn format_timestamp(milliseconds: i64) -> String {
    in_zone(milliseconds, jiff::tz::TimeZone::system())
}

fn in_zone(milliseconds: i64, zone: jiff::tz::TimeZone) -> String {
    match jiff::Timestamp::from_millisecond(milliseconds) {
        Ok(time) => time.to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_minutes_and_seconds() {
        assert_eq!(
            [42.4, 59.6, 125.0].map(format_seconds),
            ["42 s", "1 min 00 s", "2 min 05 s"]
        );
        assert_eq!(
            in_zone(1_795_588_920_000, jiff::tz::TimeZone::UTC),
            "2026-11-25 06:42"
        );
    }

    #[test]
    fn sizes_and_counts_are_shown_with_units_and_nouns() {
        assert_eq!(
            [700_000_000, 1_420_000_000].map(format_bytes),
            ["700 MB", "1.4 GB"]
        );
        assert_eq!(
            [0, 1, 5].map(|n| count_with_noun(n, "case")),
            ["0 cases", "1 case", "5 cases"]
        );
    }

    #[test]
    fn numbers_are_rounded_and_grouped() {
        assert_eq!(format_number(94.27), "94.3");
        assert_eq!(format_number(6612.4), "6\u{2009}612");
        assert_eq!(format_count(1_234_567), "1\u{2009}234\u{2009}567");
    }
}
