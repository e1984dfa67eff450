//! Searches a server for studies, lists their series, and opens them.

mod queue;
mod send;
mod server;
mod sign_in;

pub(crate) use queue::QueueDialog;
pub(crate) use send::SendDialog;

use super::sheet;
use crate::{
    session::{
        Action, Actions, Session,
        pacs::{OnItsWay, PacsAction},
    },
    ui::{
        table::{Cell, Column, ROW, TableColumns},
        theme,
        widgets::{count_with_noun, explanation_text, format_bytes, primary_button, progress_bar},
    },
};
use egui::{
    Align, Button, ComboBox, Key, Label, Layout, Modifiers, Response, RichText, ScrollArea,
    TextEdit, Ui, vec2,
};
use labrum_core::pacs::{Query, RemoteSeries, RemoteStudy};
use server::ServerForm;
use sign_in::SignInForm;

const STUDIES: [Column; 7] = [
    Column::of_words("Patient", 190.0),
    Column::of_words("Patient ID", 130.0),
    Column::of_words("Date", 92.0),
    Column::of_words("Modality", 84.0),
    Column::of_words("Description", 220.0),
    Column::of_figures("Series", 60.0),
    Column::of_figures("Objects", 70.0),
];

const SERIES: [Column; 4] = [
    Column::of_words("Description", 300.0),
    Column::of_figures("Number", 70.0),
    Column::of_words("Modality", 84.0),
    Column::of_figures("Objects", 70.0),
];

/// Visible rows of studies and series.
const STUDY_ROWS: f32 = 8.0;
const SERIES_ROWS: f32 = 5.0;

/// Fixed height of the progress and error area, in points, so that nothing below it moves.
const STATE_HEIGHT: f32 = 44.0;

/// The page shown.
enum PacsPage {
    Studies,
    Server(Box<ServerForm>),
}

/// State of the dialog.
pub(crate) struct PacsDialog {
    page: PacsPage,
    query: Query,
    study: Option<String>,
    /// UIDs of the selected series; empty to open all.
    series: Vec<String>,
    sign_in: SignInForm,
    opened_before: usize,
    had_focus: bool,
}

impl PacsDialog {
    /// The last query; or the server form if no server is configured.
    pub(super) fn new(session: &Session) -> Self {
        let page = match session.chosen_server() {
            Some(_) => PacsPage::Studies,
            None => PacsPage::Server(Box::new(ServerForm::for_new_server())),
        };
        Self {
            page,
            query: session.pacs.query.clone(),
            study: None,
            series: Vec::new(),
            sign_in: SignInForm::default(),
            opened_before: session.pacs.opened,
            had_focus: false,
        }
    }

    /// Shows the dialog; true once it is done.
    pub(super) fn show_dialog(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) -> bool {
        if let PacsPage::Server(form) = &mut self.page {
            match form.show_form(ui, session, actions) {
                server::FormOutcome::Stay => {}
                server::FormOutcome::Back if session.settings.servers.is_empty() => return true,
                server::FormOutcome::Back | server::FormOutcome::Saved => {
                    self.page = PacsPage::Studies
                }
            }
            return false;
        }
        // The requested study is open now.
        if session.pacs.opened > self.opened_before {
            return true;
        }
        sheet::show_body(ui, "Open from server", |ui| {
            self.show_server_choice(ui, session, actions);
            self.show_query_fields(ui, session, actions);
            ui.add_space(4.0);
            self.show_study_table(ui, session, actions);
            ui.add_space(4.0);
            self.show_series_table(ui, session);
            self.show_transfer_state(ui, session, actions);
        });
        self.show_buttons(ui, session, actions)
    }

    /// Choice of the server, with buttons to edit, add and test.
    fn show_server_choice(&mut self, ui: &mut Ui, session: &Session, actions: &mut Actions) {
        let Some(chosen) = session.chosen_server() else {
            return;
        };
        ui.horizontal(|ui| {
            ui.label("Server");
            let mut name = chosen.name.clone();
            let list = ComboBox::from_id_salt("server")
                .selected_text(&name)
                .width(220.0);
            let list = list.show_ui(ui, |ui| {
                for server in &session.settings.servers {
                    ui.selectable_value(&mut name, server.name.clone(), &server.name)
                        .on_hover_text(&server.address);
                }
            });
            list.response.accessible_name("Server");
            if name != chosen.name {
                self.study = None;
                self.series = Vec::new();
                actions.push(Action::Pacs(PacsAction::Choose(name)));
            }
            if ui
                .button("Edit...")
                .accessible_name("Edit the server")
                .clicked()
            {
                self.page = PacsPage::Server(Box::new(ServerForm::for_server(chosen)));
            }
            if ui
                .button("Add...")
                .accessible_name("Add a server")
                .clicked()
            {
                self.page = PacsPage::Server(Box::new(ServerForm::for_new_server()));
            }
            if ui
                .button("Test")
                .on_hover_text("Test the connection to the server")
                .clicked()
            {
                actions.push(Action::Pacs(PacsAction::Echo));
            }
            let words = format!("{} · {}", chosen.protocol.display_name(), chosen.address);
            ui.add(
                Label::new(
                    RichText::new(words)
                        .size(12.0)
                        .color(theme::current_colors(ui).dimmed),
                )
                .truncate(),
            );
        });
    }

    /// The search fields.
    fn show_query_fields(&mut self, ui: &mut Ui, session: &Session, actions: &mut Actions) {
        let mut is_entered = false;
        ui.horizontal(|ui| {
            let query = &mut self.query;
            let fields: [(&mut String, &str, &str, f32); 6] = [
                (&mut query.patient_name, "Patient's name", "any", 170.0),
                (&mut query.patient_id, "Patient ID", "any", 120.0),
                (&mut query.from, "From", "YYYY-MM-DD", 100.0),
                (&mut query.to, "To", "YYYY-MM-DD", 100.0),
                (&mut query.modality, "Modality", "any", 64.0),
                (&mut query.accession, "Accession", "any", 110.0),
            ];
            for (text, name, hint, width) in fields {
                let field = labelled_text_field(ui, text, name, hint, width);
                if !self.had_focus {
                    field.request_focus();
                    self.had_focus = true;
                }
                is_entered |= field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
            }
            ui.vertical(|ui| {
                ui.label(RichText::new(" ").size(12.0));
                let problem = self
                    .query
                    .study_date_range()
                    .err()
                    .map(|day| format!("\"{day}\" is not a date: use YYYY-MM-DD"));
                let button = primary_button(ui, "Search");
                let can_search = problem.is_none() && session.chosen_server().is_some();
                let response = ui
                    .add_enabled_ui(can_search, |ui| ui.add_sized([88.0, 24.0], button))
                    .inner;
                let is_clicked = response
                    .on_disabled_hover_text(problem.clone().unwrap_or_default())
                    .clicked();
                if (is_clicked || is_entered) && problem.is_none() {
                    self.study = None;
                    self.series = Vec::new();
                    actions.push(Action::Pacs(PacsAction::Find(self.query.clone())));
                    // Enter must not also press the main button.
                    ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Enter));
                }
            });
        });
    }

    fn show_study_table(&mut self, ui: &mut Ui, session: &Session, actions: &mut Actions) {
        let found = session.pacs.found.as_ref();
        let table = TableColumns(&STUDIES);
        table.show_headings(ui);
        let studies = found.map_or(&[][..], |f| &f.studies);
        let height = ROW * STUDY_ROWS;
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            let area = ScrollArea::vertical()
                .id_salt("studies")
                .max_height(height)
                .auto_shrink([false, false]);
            area.min_scrolled_height(height)
                .show_rows(ui, ROW, studies.len(), |ui, rows| {
                    for study in studies.iter().skip(rows.start).take(rows.len()) {
                        let is_chosen = self.study.as_deref() == Some(&study.study_uid);
                        let row = table.show_selectable_row(ui, &study_cells(study), is_chosen);
                        if row.clicked() && !is_chosen {
                            self.study = Some(study.study_uid.clone());
                            self.series = Vec::new();
                            if !session.pacs.series.contains_key(&study.study_uid) {
                                actions.push(Action::Pacs(PacsAction::ListSeries(
                                    study.study_uid.clone(),
                                )));
                            }
                        }
                        if row.double_clicked() {
                            actions.push(self.receive_action(study.study_uid.clone()));
                        }
                    }
                });
        });
        let words = match found {
            None if session.pacs.asking.is_some() => String::new(),
            None => {
                "Enter search terms and press Search. Empty fields match everything.".to_owned()
            }
            Some(found) if found.studies.is_empty() => {
                "No matching studies. Try fewer search terms.".to_owned()
            }
            Some(found) if found.is_cut => {
                format!(
                    "Only the first {} studies are shown. Narrow the search.",
                    found.studies.len()
                )
            }
            Some(found) if found.studies.len() == 1 => "1 study".to_owned(),
            Some(found) => format!("{} studies", found.studies.len()),
        };
        explanation_text(ui, &words);
    }

    fn show_series_table(&mut self, ui: &mut Ui, session: &Session) {
        let table = TableColumns(&SERIES);
        table.show_headings(ui);
        let known = self
            .study
            .as_ref()
            .and_then(|study| session.pacs.series.get(study));
        let list = known.map_or(&[][..], Vec::as_slice);
        let height = ROW * SERIES_ROWS;
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            let area = ScrollArea::vertical()
                .id_salt("series")
                .max_height(height)
                .auto_shrink([false, false]);
            area.min_scrolled_height(height)
                .show_rows(ui, ROW, list.len(), |ui, rows| {
                    for series in list.iter().skip(rows.start).take(rows.len()) {
                        let at = self.series.iter().position(|uid| *uid == series.series_uid);
                        if table
                            .show_selectable_row(ui, &series_cells(series), at.is_some())
                            .clicked()
                        {
                            match at {
                                Some(at) => drop(self.series.remove(at)),
                                None => self.series.push(series.series_uid.clone()),
                            }
                        }
                    }
                });
        });
        explanation_text(
            ui,
            "Click a study to list its series. Select series to open only those.",
        );
    }

    /// Progress, sign-in form, or error.
    fn show_transfer_state(&mut self, ui: &mut Ui, session: &Session, actions: &mut Actions) {
        let pacs = &session.pacs;
        ui.allocate_ui_with_layout(
            vec2(ui.available_width(), STATE_HEIGHT),
            Layout::top_down(Align::Min),
            |ui| {
                ui.set_min_height(STATE_HEIGHT);
                if let (true, Some(server)) = (pacs.needs_sign_in, session.chosen_server()) {
                    self.sign_in
                        .show_form(ui, server, pacs.trouble.as_deref(), actions);
                } else if let Some(receiving) = &pacs.receiving {
                    on_its_way(ui, receiving, actions);
                } else if let Some(asking) = &pacs.asking {
                    ui.horizontal(|ui| {
                        ui.spinner();
                        ui.label(format!("{}...", asking.words));
                        if ui.button("Stop").clicked() {
                            actions.push(Action::Pacs(PacsAction::Stop));
                        }
                    });
                } else if let Some(trouble) = &pacs.trouble {
                    let words = RichText::new(trouble).color(theme::current_colors(ui).error);
                    ui.add(Label::new(words).wrap().selectable(true));
                } else if pacs.is_reached {
                    ui.label(
                        RichText::new("The server is responding.")
                            .color(theme::current_colors(ui).good),
                    );
                }
            },
        );
    }

    fn receive_action(&self, study_uid: String) -> Action {
        let series = (!self.series.is_empty()).then(|| self.series.clone());
        Action::Pacs(PacsAction::Receive { study_uid, series })
    }

    fn show_buttons(&mut self, ui: &mut Ui, session: &Session, actions: &mut Actions) -> bool {
        let mut close = false;
        sheet::show_buttons(ui, |ui| {
            let words = match self.series.len() {
                0 => "Open study".to_owned(),
                1 => "Open 1 series".to_owned(),
                n => format!("Open {n} series"),
            };
            let refusal = match (&self.study, &session.pacs.receiving) {
                (None, _) => Some("Choose a study"),
                (_, Some(_)) => Some("A study is being received"),
                _ => None,
            };
            let button = primary_button(ui, &words).min_size(vec2(120.0, 28.0));
            let open = ui
                .add_enabled(refusal.is_none(), button)
                .on_disabled_hover_text(refusal.unwrap_or_default());
            let is_pressed = open.accessible_name("Open study").clicked();
            if (is_pressed || (refusal.is_none() && sheet::is_entered(ui.ctx())))
                && let Some(study) = self.study.clone()
            {
                actions.push(self.receive_action(study));
            }
            if ui
                .add(Button::new("Close").min_size(vec2(72.0, 28.0)))
                .clicked()
            {
                close = true;
            }
        });
        close
    }
}

/// A text field below its name.
fn labelled_text_field(
    ui: &mut Ui,
    text: &mut String,
    name: &str,
    hint: &str,
    width: f32,
) -> Response {
    let column = ui.vertical(|ui| {
        ui.label(
            RichText::new(name)
                .size(12.0)
                .color(theme::current_colors(ui).dimmed),
        );
        let field = TextEdit::singleline(text)
            .desired_width(width)
            .hint_text(hint)
            .char_limit(64);
        ui.add(field).accessible_name(name)
    });
    column.inner
}

fn on_its_way(ui: &mut Ui, receiving: &OnItsWay, actions: &mut Actions) {
    let state = receiving.state;
    ui.horizontal(|ui| {
        if ui
            .button("Stop")
            .accessible_name("Stop receiving")
            .clicked()
        {
            actions.push(Action::Pacs(PacsAction::Stop));
        }
        ui.label(words_of(receiving));
        if state.bytes > 0 {
            ui.label(
                RichText::new(format_bytes(state.bytes)).color(theme::current_colors(ui).dimmed),
            );
        }
    });
    progress_bar(
        ui,
        state.done as f32 / state.total.max(1) as f32,
        "Receiving",
    );
}

/// Progress of receiving a study, as text.
pub(in crate::ui) fn words_of(receiving: &OnItsWay) -> String {
    let state = receiving.state;
    match (state.is_waiting, state.total) {
        (true, _) => "Connection lost: trying again".to_owned(),
        (false, 0) => "Receiving".to_owned(),
        (false, total) => format!(
            "Receiving {} of {}",
            state.done,
            count_with_noun(total, "object")
        ),
    }
}

fn study_cells(study: &RemoteStudy) -> [Cell; 7] {
    [
        Cell::new(if study.patient_name.is_empty() {
            "–"
        } else {
            &study.patient_name
        }),
        Cell::new(&study.patient_id),
        Cell::new(&study.date),
        Cell::new(study.modalities.join(", ")),
        Cell::new(&study.description),
        count_cell(study.series),
        count_cell(study.instances),
    ]
}

/// A count, or a dash if the server did not return it.
fn count_cell(count: Option<u32>) -> Cell {
    Cell::new(count.map_or("–".to_owned(), |n| n.to_string()))
}

fn series_cells(series: &RemoteSeries) -> [Cell; 4] {
    let name = if series.description.is_empty() {
        "No description"
    } else {
        &series.description
    };
    [
        Cell::new(name),
        Cell::new(series.number.map_or(String::new(), |n| n.to_string())),
        Cell::new(&series.modality),
        Cell::new(series.instances.map_or("–".to_owned(), |n| n.to_string())),
    ]
}
