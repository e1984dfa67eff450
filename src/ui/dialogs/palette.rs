//! The command palette: finds commands by name.

use crate::{
    session::{
        Action, Actions, Session,
        command::{COMMANDS, CommandEntry, UserCommand},
    },
    ui::{
        shortcuts,
        widgets::{command_name, explanation_text},
    },
};
use egui::{Button, Key, Modifiers, ScrollArea, TextEdit, Ui, vec2};

/// The search text, and the index of the selected command.
#[derive(Default)]
pub(crate) struct CommandPalette {
    text: String,
    marked: usize,
    had_focus: bool,
}

impl CommandPalette {
    /// Shows the palette; true once it is done.
    pub(super) fn show_dialog(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) -> bool {
        let step = ui.input_mut(|i| {
            let down = i.count_and_consume_key(Modifiers::NONE, Key::ArrowDown);
            down as i64 - i.count_and_consume_key(Modifiers::NONE, Key::ArrowUp) as i64
        });
        let edit = TextEdit::singleline(&mut self.text)
            .desired_width(f32::INFINITY)
            .hint_text("Find a command");
        let response = ui.add(edit).accessible_name("Find a command");
        if !self.had_focus {
            response.request_focus();
            self.had_focus = true;
        }
        if response.changed() {
            self.marked = 0;
        }
        ui.add_space(4.0);
        let found = find_commands(session, &self.text);
        // Constant height, whatever is found.
        let height = (ui.ctx().content_rect().height() - 128.0).clamp(96.0, 360.0);
        if found.is_empty() {
            explanation_text(ui, "No matching command.");
            ui.add_space((height - 20.0).max(0.0));
            return false;
        }
        self.marked = (self.marked as i64 + step).clamp(0, found.len() as i64 - 1) as usize;
        let mut done = None;
        let area = ScrollArea::vertical()
            .max_height(height)
            .min_scrolled_height(height)
            .auto_shrink(false);
        area.show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for (index, entry) in found.iter().enumerate() {
                let refusal = session.command_refusal(entry.command);
                let button = Button::selectable(index == self.marked, command_name(session, entry))
                    .shortcut_text(shortcuts::key_of(&session.settings.keys, entry.command))
                    .min_size(vec2(ui.available_width(), 28.0));
                let response = ui
                    .add_enabled(refusal.is_none(), button)
                    .on_hover_text(entry.tooltip)
                    .on_disabled_hover_text(refusal.unwrap_or_default())
                    .accessible_name(entry.label.trim_end_matches("..."));
                if index == self.marked && step != 0 {
                    response.scroll_to_me(None);
                }
                if response.clicked() {
                    done = Some(entry.command);
                }
            }
        });
        if response.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter)) {
            done = found
                .get(self.marked)
                .map(|e| e.command)
                .filter(|c| session.command_refusal(*c).is_none());
            response.request_focus();
        }
        actions.extend(done.map(Action::Command));
        done.is_some()
    }
}

/// Commands whose name or tooltip contains all words; first those whose name starts with the text, then those with all
/// words in the name.
fn find_commands(session: &Session, text: &str) -> Vec<&'static CommandEntry> {
    let text = text.trim().to_lowercase();
    let others = COMMANDS
        .iter()
        .filter(|e| e.command != UserCommand::Palette);
    let mut found: Vec<(i32, &CommandEntry)> = others
        .filter_map(|entry| Some((search_rank(session, entry, &text)?, entry)))
        .collect();
    found.sort_by_key(|(rank, _)| *rank);
    found.into_iter().map(|(_, entry)| entry).collect()
}

/// How well a command matches `text` (in lower case): 0 is best, `None` for no match.
fn search_rank(session: &Session, entry: &CommandEntry, text: &str) -> Option<i32> {
    let name = command_name(session, entry).to_lowercase();
    if name.starts_with(text) {
        return Some(0);
    }
    if holds_all_words(&name, text) {
        return Some(1);
    }
    let all = format!("{name} {} {}", entry.label, entry.tooltip).to_lowercase();
    holds_all_words(&all, text).then_some(2)
}

fn holds_all_words(place: &str, words: &str) -> bool {
    words.split_whitespace().all(|word| place.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::settings::Settings;

    #[test]
    fn a_command_is_found_by_any_of_its_words() {
        let session = Session::new(Settings::default());
        let found = |text| find_commands(&session, text);
        assert_eq!(
            found("uncertain next")[0].command,
            UserCommand::NextDoubtful
        );
        assert_eq!(found("exp")[0].command, UserCommand::Export);
        assert_eq!(found("dark")[0].command, UserCommand::ToggleTheme);
        assert!(found("no such thing").is_empty());
    }
}
