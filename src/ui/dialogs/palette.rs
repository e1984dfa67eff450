//! The command palette: every command by its name.

use crate::{
    session::{
        Action, Session,
        command::{COMMANDS, Entry, UserCommand},
    },
    ui::{shortcuts, widgets::explain},
};
use egui::{Button, Key, Modifiers, ScrollArea, TextEdit, Ui, vec2};

/// What was typed, and which line is marked.
#[derive(Default)]
pub(crate) struct Palette {
    text: String,
    marked: usize,
    had_focus: bool,
}

impl Palette {
    /// Shows the palette; true once it is done.
    pub(super) fn show(&mut self, ui: &mut Ui, session: &Session, actions: &mut Vec<Action>) -> bool {
        let step = ui.input_mut(|i| {
            let down = i.count_and_consume_key(Modifiers::NONE, Key::ArrowDown);
            down as i64 - i.count_and_consume_key(Modifiers::NONE, Key::ArrowUp) as i64
        });
        let edit = TextEdit::singleline(&mut self.text).desired_width(f32::INFINITY).hint_text("Find a command");
        let response = ui.add(edit).accessible_name("Find a command");
        if !self.had_focus {
            response.request_focus();
            self.had_focus = true;
        }
        if response.changed() {
            self.marked = 0;
        }
        ui.add_space(4.0);
        let found = found(&self.text);
        if found.is_empty() {
            explain(ui, "There is no such command.");
            return false;
        }
        self.marked = (self.marked as i64 + step).clamp(0, found.len() as i64 - 1) as usize;
        let mut done = None;
        ScrollArea::vertical().max_height(360.0).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            for (index, entry) in found.iter().enumerate() {
                let refusal = session.refusal(entry.command);
                let button = Button::selectable(index == self.marked, entry.label)
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
            done = found.get(self.marked).map(|e| e.command).filter(|c| session.refusal(*c).is_none());
            response.request_focus();
        }
        actions.extend(done.map(Action::Command));
        done.is_some()
    }
}

/// The commands whose name holds all the words, those that begin with them first.
fn found(text: &str) -> Vec<&'static Entry> {
    let text = text.trim().to_lowercase();
    let holds = |e: &&Entry| text.split_whitespace().all(|word| e.label.to_lowercase().contains(word));
    let mut found: Vec<_> = COMMANDS.iter().filter(|e| e.command != UserCommand::Palette).filter(holds).collect();
    found.sort_by_key(|e| !e.label.to_lowercase().starts_with(&text));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_found_by_any_of_its_words() {
        assert_eq!(found("doubtful next")[0].command, UserCommand::NextDoubtful);
        assert_eq!(found("exp")[0].command, UserCommand::Export);
        assert!(found("no such thing").is_empty());
    }
}
