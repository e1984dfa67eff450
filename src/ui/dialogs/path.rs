//! A path that is typed or pasted.

use super::title;
use crate::{
    session::Action,
    ui::widgets::{explain, primary},
};
use egui::{Align, Button, Key, Layout, TextEdit, Ui};
use std::path::PathBuf;

/// What was typed so far.
#[derive(Default)]
pub(crate) struct PathDialog {
    text: String,
    had_focus: bool,
}

impl PathDialog {
    /// Shows the dialog; true once it is done.
    pub(super) fn show(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) -> bool {
        title(ui, "Open path");
        let edit = TextEdit::singleline(&mut self.text).desired_width(f32::INFINITY).hint_text("/path/to/scans");
        let response = ui.add(edit).accessible_name("Path");
        if !self.had_focus {
            response.request_focus();
            self.had_focus = true;
        }
        explain(ui, "A file, or a folder with all folders in it.");
        ui.add_space(12.0);
        let mut open = response.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        let mut close = false;
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let button = primary(ui, "Open");
            open |= ui.add_enabled(!self.text.trim().is_empty(), button).clicked();
            close = ui.add(Button::new("Cancel")).clicked();
        });
        if open && !self.text.trim().is_empty() {
            actions.push(Action::Open(vec![to_path(&self.text)]));
            return true;
        }
        close
    }
}

/// A path as people paste it: in quotes, with ~ or as a file address.
pub(super) fn to_path(text: &str) -> PathBuf {
    let text = text.trim().trim_matches(['"', '\'']);
    let text = text.strip_prefix("file://").unwrap_or(text);
    match text.strip_prefix("~/").zip(directories::BaseDirs::new()) {
        Some((rest, dirs)) => dirs.home_dir().join(rest),
        None => PathBuf::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pasted_paths_are_understood() {
        assert_eq!(to_path(" \"/a b/c\" "), PathBuf::from("/a b/c"));
        assert_eq!(to_path("file:///a/b"), PathBuf::from("/a/b"));
    }
}
