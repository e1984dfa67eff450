//! Asks for the password or the token of a server.

use crate::{
    session::{Action, Actions, pacs::PacsAction},
    ui::{theme, widgets::primary_button},
};
use egui::{Key, Label, RichText, TextEdit, Ui};
use labrum_core::pacs::{Secret, Server, SignIn};
use std::mem;

/// The typed secret; cleared as soon as it has been passed on.
pub(super) struct SignInForm {
    secret: String,
    is_kept: bool,
}

impl Default for SignInForm {
    fn default() -> Self {
        Self {
            secret: String::new(),
            is_kept: true,
        }
    }
}

impl SignInForm {
    /// Shows the reason and the input field.
    pub(super) fn show_form(
        &mut self,
        ui: &mut Ui,
        server: &Server,
        trouble: Option<&str>,
        actions: &mut Actions,
    ) {
        let words = trouble.unwrap_or("The server requires you to sign in.");
        let colors = theme::current_colors(ui);
        ui.add(Label::new(RichText::new(words).color(colors.warning)).truncate())
            .on_hover_text(words);
        let what = match server.sign_in {
            SignIn::None => {
                ui.label("Choose a sign-in method under Edit.");
                return;
            }
            SignIn::Password => "Password",
            SignIn::Token => "Token",
        };
        ui.horizontal(|ui| {
            ui.label(what);
            let field = ui.add(
                TextEdit::singleline(&mut self.secret)
                    .password(true)
                    .desired_width(200.0),
            );
            let field = field.accessible_name(what);
            let is_entered = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
            ui.checkbox(&mut self.is_kept, "Save in the system's credential store");
            let is_clicked = ui
                .add_enabled(!self.secret.is_empty(), primary_button(ui, "Sign in"))
                .clicked();
            if (is_clicked || is_entered) && !self.secret.is_empty() {
                let secret = Secret::new(mem::take(&mut self.secret));
                let server = server.name.clone();
                actions.push(Action::Pacs(PacsAction::SignIn {
                    server,
                    secret,
                    is_kept: self.is_kept,
                }));
            }
        });
    }
}
