//! The settings of a server: protocol, address and sign-in.

use crate::{
    session::{Action, Actions, Session, pacs::PacsAction},
    ui::{
        dialogs::{path::to_path, sheet},
        theme,
        widgets::{explanation_text, section_heading, segmented_choice},
    },
};
use egui::{Button, RichText, TextEdit, Ui, vec2};
use labrum_core::pacs::{Protocol, Server, SignIn};

/// Width of the field names, in points.
const NAMES: f32 = 140.0;

/// What happens to the form after this frame.
pub(super) enum FormOutcome {
    Stay,
    Back,
    Saved,
}

/// State of the form.
pub(super) struct ServerForm {
    before: Option<String>,
    server: Server,
    certificates: String,
    port: String,
    /// "Remove" was clicked and waits for confirmation.
    is_removing: bool,
}

impl ServerForm {
    /// For a new server.
    pub(super) fn for_new_server() -> Self {
        Self::from_parts(None, Server::default())
    }

    /// For an existing server.
    pub(super) fn for_server(server: &Server) -> Self {
        Self::from_parts(Some(server.name.clone()), server.clone())
    }

    fn from_parts(before: Option<String>, server: Server) -> Self {
        let certificates = server
            .certificates
            .as_ref()
            .map_or(String::new(), |path| path.display().to_string());
        let port = server
            .move_port
            .map_or(String::new(), |port| port.to_string());
        Self {
            before,
            server,
            certificates,
            port,
            is_removing: false,
        }
    }

    pub(super) fn show_form(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) -> FormOutcome {
        let heading = if self.before.is_some() {
            "Server"
        } else {
            "Add a server"
        };
        sheet::show_body(ui, heading, |ui| self.show_body(ui));
        self.show_buttons(ui, session, actions)
    }

    fn show_body(&mut self, ui: &mut Ui) {
        show_text_field(
            ui,
            &mut self.server.name,
            "Name",
            "Any name, e.g. Hospital PACS",
        );
        let choices = Protocol::ALL.map(|p| {
            let tip = match p {
                Protocol::DicomWeb => "QIDO-RS, WADO-RS and STOW-RS over HTTPS",
                Protocol::Dimse => {
                    "C-FIND, C-GET or C-MOVE, and C-STORE: for servers without DICOMweb"
                }
            };
            (p, p.display_name(), tip.to_owned())
        });
        section_heading(ui, "Protocol");
        if let Some(protocol) = segmented_choice(ui, self.server.protocol, &choices) {
            self.server.protocol = protocol;
        }
        ui.add_space(4.0);
        match self.server.protocol {
            Protocol::DicomWeb => self.show_dicom_web(ui),
            Protocol::Dimse => self.show_dimse(ui),
        }
        self.server.certificates =
            Some(to_path(&self.certificates)).filter(|_| !self.certificates.trim().is_empty());
    }

    fn show_dicom_web(&mut self, ui: &mut Ui) {
        show_text_field(
            ui,
            &mut self.server.address,
            "Address",
            "https://pacs.example.org/dicom-web",
        );
        section_heading(ui, "Sign in with");
        let choices = SignIn::ALL.map(|s| {
            let tip = match s {
                SignIn::None => "No authentication",
                SignIn::Password => "HTTP Basic: user name and password",
                SignIn::Token => "HTTP Bearer: token",
            };
            (s, s.display_name(), tip.to_owned())
        });
        if let Some(sign_in) = segmented_choice(ui, self.server.sign_in, &choices) {
            self.server.sign_in = sign_in;
        }
        ui.add_space(4.0);
        if self.server.sign_in == SignIn::Password {
            show_text_field(ui, &mut self.server.user, "User name", "");
        }
        if self.server.sign_in != SignIn::None {
            explanation_text(
                ui,
                "You are asked for the password or token when it is needed. It is saved only in the system's \
                 credential store.",
            );
        }
        if self.server.is_secret_in_the_clear() {
            let words = "Over http:// others on the network can read it. Use https://.";
            ui.label(
                RichText::new(words)
                    .size(12.0)
                    .color(theme::current_colors(ui).warning),
            );
        }
        show_text_field(
            ui,
            &mut self.certificates,
            "Certificate file",
            "PEM, if the system does not trust the server's certificate",
        );
    }

    fn show_dimse(&mut self, ui: &mut Ui) {
        show_text_field(ui, &mut self.server.address, "Address", "host:104");
        show_text_field(ui, &mut self.server.called_ae, "Called AE title", "");
        show_text_field(ui, &mut self.server.calling_ae, "Calling AE title", "");
        show_text_field(
            ui,
            &mut self.port,
            "C-MOVE port",
            "Leave empty to use C-GET",
        );
        explanation_text(
            ui,
            "For C-MOVE, the calling AE title must be registered on the server with this computer's address and this \
             port. DIMSE has no encryption or sign-in: use it only inside the hospital network.",
        );
    }

    fn find_problem(&self, session: &Session) -> Option<String> {
        let name = self.server.name.trim();
        let is_taken = session
            .settings
            .servers
            .iter()
            .any(|s| s.name == name && self.before.as_deref() != Some(s.name.as_str()));
        if is_taken {
            return Some("another server already has this name".to_owned());
        }
        let port = self.port.trim();
        if self.server.protocol == Protocol::Dimse
            && !port.is_empty()
            && port.parse::<u16>().is_err()
        {
            return Some("the C-MOVE port must be a number up to 65535".to_owned());
        }
        self.server.find_problem().map(str::to_owned)
    }

    fn show_buttons(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) -> FormOutcome {
        let problem = self.find_problem(session);
        let mut outcome = FormOutcome::Stay;
        sheet::show_buttons(ui, |ui| {
            if sheet::main_button(ui, "Save", problem.as_deref()) {
                self.server.move_port = self.port.trim().parse().ok();
                let server = Box::new(self.server.clone());
                actions.push(Action::Pacs(PacsAction::Save {
                    before: self.before.clone(),
                    server,
                }));
                outcome = FormOutcome::Saved;
            }
            if ui
                .add(Button::new("Cancel").min_size(vec2(72.0, 28.0)))
                .clicked()
            {
                outcome = FormOutcome::Back;
            }
            if let Some(name) = self.before.clone() {
                let words = if self.is_removing {
                    "Remove permanently"
                } else {
                    "Remove..."
                };
                if ui
                    .add(Button::new(words).min_size(vec2(88.0, 28.0)))
                    .clicked()
                {
                    if self.is_removing {
                        actions.push(Action::Pacs(PacsAction::Remove(name)));
                        outcome = FormOutcome::Back;
                    }
                    self.is_removing = true;
                }
            }
            // Show no problem until the user has started to fill in the form.
            if let Some(problem) = problem.filter(|_| !self.server.name.trim().is_empty()) {
                let words = crate::ui::widgets::capitalize_first(&format!("{problem}."));
                ui.add(
                    egui::Label::new(
                        RichText::new(words)
                            .size(12.0)
                            .color(theme::current_colors(ui).warning),
                    )
                    .truncate(),
                );
            }
        });
        outcome
    }
}

/// A text field with its name on the left.
fn show_text_field(ui: &mut Ui, text: &mut String, name: &str, hint: &str) {
    ui.horizontal(|ui| {
        crate::ui::widgets::name_column(ui, NAMES, RichText::new(name));
        let field = TextEdit::singleline(text)
            .desired_width(f32::INFINITY)
            .hint_text(hint)
            .char_limit(512);
        ui.add(field).accessible_name(name);
    });
}
