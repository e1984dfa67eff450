//! Servers (PACS): the chosen server, its answers, the transfer that is running and the send queue.

mod servers;

use super::{
    ExportRequest, Session,
    job::{
        ExportScope, Job, PacsEvent, PacsJob, PacsQuestion, PicturedSlices, ReceiveJob, Screenshot,
        SendingJob,
    },
    notice::Severity,
    settings::ExportOptions,
};
use crate::{ErrorKind, Result};
use labrum_core::{
    export_format::ExportFormat,
    pacs::{FoundStudies, Query, Receiving, RemoteSeries, Secret, SendItem, SendState, Server},
    progress::Cancel,
    study::Kind,
};
use std::collections::HashMap;

/// A request about servers.
#[derive(Clone, Debug, PartialEq)]
pub enum PacsAction {
    /// Choose the server to use.
    Choose(String),
    /// Add a server, or change the settings of one.
    Save {
        /// Its previous name; `None` for a new server.
        before: Option<String>,
        /// The server.
        server: Box<Server>,
    },
    /// Remove a server and its password or token.
    Remove(String),
    /// Sign in to a server.
    SignIn {
        /// Name of the server.
        server: String,
        /// Password or token.
        secret: Secret,
        /// Store it in the system's key store.
        is_kept: bool,
    },
    /// Test the connection to the server (C-ECHO).
    Echo,
    /// Find studies.
    Find(Query),
    /// List the series of a study.
    ListSeries(String),
    /// Receive and open a study, or some of its series.
    Receive {
        /// Study Instance UID.
        study_uid: String,
        /// Series Instance UIDs; `None` for all.
        series: Option<Vec<String>>,
    },
    /// Cancel requests and receiving.
    Stop,
    /// Send the masks of the case that is shown.
    Send {
        /// Name of the server.
        server: String,
        /// The format, one of the DICOM formats.
        format: ExportFormat,
    },
    /// Cancel sending an object.
    CancelSending(String),
    /// Retry an object now.
    Retry(String),
    /// Remove finished objects from the list.
    ForgetDone,
}

/// A request that a server has not answered yet.
#[derive(Clone, Debug)]
pub struct Asking {
    id: u64,
    cancel: Cancel,
    again: Option<Box<PacsAction>>,
    /// What is being done, as shown to the user.
    pub words: &'static str,
}

/// A study that is being received.
#[derive(Clone, Debug)]
pub struct OnItsWay {
    id: u64,
    cancel: Cancel,
    again: Option<Box<PacsAction>>,
    /// Its progress.
    pub state: Receiving,
}

/// Everything that the window shows about servers.
#[derive(Debug, Default)]
pub struct Pacs {
    /// Name of the chosen server; empty if none was chosen.
    pub server: String,
    /// The last search.
    pub query: Query,
    /// Its results; `None` before the first answer.
    pub found: Option<FoundStudies>,
    /// Series by Study Instance UID, for studies that were expanded.
    pub series: HashMap<String, Vec<RemoteSeries>>,
    /// The request that is running.
    pub asking: Option<Asking>,
    /// The study that is being received.
    pub receiving: Option<OnItsWay>,
    /// Why the last request or transfer failed.
    pub trouble: Option<String>,
    /// The connection test succeeded.
    pub is_reached: bool,
    /// The server requires a sign-in.
    pub needs_sign_in: bool,
    /// The send queue, oldest first.
    pub queue: Vec<SendItem>,
    /// Number of studies received and opened since the start.
    pub opened: usize,
    /// The request to repeat after signing in.
    postponed: Option<Box<PacsAction>>,
}

impl Pacs {
    /// Number of objects waiting or being sent, and number of refused objects.
    pub fn pending_counts(&self) -> (usize, usize) {
        let open = self.queue.iter().filter(|item| item.state.is_open());
        let refused = self
            .queue
            .iter()
            .filter(|item| item.state == SendState::Refused);
        (open.count(), refused.count())
    }
}

impl Session {
    /// Why the masks of the case cannot be sent; `None` if they can.
    pub(super) fn refuse_to_send(&self) -> Option<&'static str> {
        let case = self.cases.current_case()?;
        match case.series.kind {
            Kind::Picture => Some("Only DICOM series can be sent to a server"),
            Kind::Dicom if !case.has_mask() && case.measurements.is_empty() => {
                Some("No mask or measurement to send yet")
            }
            Kind::Dicom => None,
        }
    }

    pub(super) fn pacs_action(&mut self, action: PacsAction) {
        match action {
            PacsAction::Choose(name) => self.choose_server(name),
            PacsAction::Save { before, server } => self.save_server(before, *server),
            PacsAction::Remove(name) => self.remove_server(&name),
            PacsAction::SignIn {
                server,
                secret,
                is_kept,
            } => self.sign_in(&server, secret, is_kept),
            PacsAction::Echo => {
                self.ask_server("Connecting", PacsAction::Echo, |id, server, cancel| {
                    PacsJob::Ask(PacsQuestion::Echo { id, server, cancel })
                })
            }
            PacsAction::Find(query) => {
                self.pacs.query = query.clone();
                self.pacs.found = None;
                self.pacs.series = HashMap::new();
                let again = PacsAction::Find(query.clone());
                self.ask_server("Searching", again, |id, server, cancel| {
                    PacsJob::Ask(PacsQuestion::Find {
                        id,
                        server,
                        query,
                        cancel,
                    })
                });
            }
            PacsAction::ListSeries(study_uid) => {
                let again = PacsAction::ListSeries(study_uid.clone());
                self.ask_server("Listing series", again, |id, server, cancel| {
                    PacsJob::Ask(PacsQuestion::ListSeries {
                        id,
                        server,
                        study_uid,
                        cancel,
                    })
                });
            }
            PacsAction::Receive { study_uid, series } => self.receive_study(study_uid, series),
            PacsAction::Stop => self.stop_pacs(),
            PacsAction::Send { server, format } => self.send_case(&server, format),
            PacsAction::CancelSending(id) => {
                self.ask_worker(PacsJob::Sending(SendingJob::Cancel(id)))
            }
            PacsAction::Retry(id) => self.ask_worker(PacsJob::Sending(SendingJob::Retry(id))),
            PacsAction::ForgetDone => self.ask_worker(PacsJob::Sending(SendingJob::ForgetDone)),
        }
    }

    /// Sends a request to the chosen server; an older request is cancelled.
    fn ask_server(
        &mut self,
        words: &'static str,
        again: PacsAction,
        job: impl FnOnce(u64, Server, Cancel) -> PacsJob,
    ) {
        let Some(server) = self.chosen_server().cloned() else {
            return;
        };
        if let Some(asking) = self.pacs.asking.take() {
            asking.cancel.cancel();
        }
        let id = self.jobs.new_id();
        let cancel = Cancel::default();
        self.pacs.asking = Some(Asking {
            id,
            cancel: cancel.clone(),
            again: Some(Box::new(again)),
            words,
        });
        self.pacs.trouble = None;
        self.pacs.is_reached = false;
        self.pacs.needs_sign_in = false;
        self.ask_worker(job(id, server, cancel));
    }

    fn receive_study(&mut self, study_uid: String, series: Option<Vec<String>>) {
        let Some(server) = self.chosen_server().cloned() else {
            return;
        };
        if let Some(older) = self.pacs.receiving.take() {
            older.cancel.cancel();
        }
        let id = self.jobs.new_id();
        let cancel = Cancel::default();
        let again = PacsAction::Receive {
            study_uid: study_uid.clone(),
            series: series.clone(),
        };
        let again = Some(Box::new(again));
        self.pacs.receiving = Some(OnItsWay {
            id,
            cancel: cancel.clone(),
            again,
            state: Receiving::default(),
        });
        self.pacs.trouble = None;
        self.pacs.needs_sign_in = false;
        self.ask_worker(PacsJob::Receive(ReceiveJob {
            id,
            server,
            study_uid,
            series,
            cancel,
        }));
    }

    /// Cancels requests and receiving; objects that have arrived stay in the cache.
    pub(super) fn stop_pacs(&mut self) {
        if let Some(asking) = self.pacs.asking.take() {
            asking.cancel.cancel();
        }
        if let Some(receiving) = self.pacs.receiving.take() {
            receiving.cancel.cancel();
            let text = "Receiving cancelled. Objects received so far are kept.";
            self.notices.add(Severity::Info, text);
        }
    }

    fn send_case(&mut self, name: &str, format: ExportFormat) {
        let Some(server) = self.server_named(name) else {
            return;
        };
        let request = ExportRequest {
            folder: Default::default(),
            scope: ExportScope::ThisCase,
            options: ExportOptions {
                formats: vec![format],
                ..ExportOptions::default()
            },
        };
        let Some(export) = self.export_job(request) else {
            return;
        };
        self.ask_worker(PacsJob::Sending(SendingJob::Send {
            export: Box::new(export),
            server,
        }));
    }

    /// Sends a screenshot, as a new series of the study that it shows.
    pub(super) fn send_screenshot(
        &mut self,
        name: &str,
        screenshot: Screenshot,
        pictured: Box<PicturedSlices>,
    ) {
        if let Some(server) = self.server_named(name) {
            self.ask_worker(PacsJob::Sending(SendingJob::SendScreenshot {
                screenshot,
                pictured,
                server,
            }));
        }
    }

    fn server_named(&self, name: &str) -> Option<Server> {
        let mut servers = self.settings.servers.iter();
        servers.find(|server| server.name == name).cloned()
    }

    pub(super) fn on_pacs(&mut self, event: PacsEvent) {
        match event {
            PacsEvent::Echoed { id, result } => {
                if let Some(again) = self.take_pending_action(id)
                    && self.ok_or_record_failure(result, again).is_some()
                {
                    self.pacs.is_reached = true;
                }
            }
            PacsEvent::Found { id, result } => {
                if let Some(again) = self.take_pending_action(id) {
                    self.pacs.found = self.ok_or_record_failure(result, again);
                }
            }
            PacsEvent::Series {
                id,
                study_uid,
                result,
            } => {
                if let Some(again) = self.take_pending_action(id)
                    && let Some(series) = self.ok_or_record_failure(result, again)
                {
                    self.pacs.series.insert(study_uid, series);
                }
            }
            PacsEvent::Receiving { id, state } => {
                if let Some(receiving) = self.pacs.receiving.as_mut().filter(|r| r.id == id) {
                    receiving.state = state;
                }
            }
            PacsEvent::Received { id, result } => {
                if let Some(receiving) = self.pacs.receiving.take_if(|r| r.id == id)
                    && let Some(folders) = self.ok_or_record_failure(result, receiving.again)
                {
                    self.pacs.opened += 1;
                    self.open_paths(folders);
                }
            }
            PacsEvent::SignedIn {
                server,
                not_kept: Some(reason),
            } => {
                let reason = reason.trim_end_matches('.').to_owned();
                let text = format!(
                    "The password or token for {server} was not stored and is kept only until Labrum \
                     is closed: {reason}."
                );
                self.notices.add(Severity::Warning, text);
            }
            PacsEvent::SignedIn { .. } => {}
            PacsEvent::Queued(Ok(item)) => {
                let what = item.content_name();
                let text = match item.state {
                    SendState::Sent => {
                        format!("{} already has this {what}.", item.server.name)
                    }
                    _ => format!("Sending the {what} to {}.", item.server.name),
                };
                self.notices.add(Severity::Info, text);
            }
            PacsEvent::Queued(Err(error)) => self.show_error(&error),
            PacsEvent::Queue(items) => self.on_queue(items),
            PacsEvent::SendingNeedsSignIn { server } => {
                let text = format!(
                    "Sign in to {server} (File > Open from server) to send waiting objects."
                );
                self.notices.add(Severity::Warning, text);
                if self.chosen_server().is_some_and(|s| s.name == server) {
                    self.pacs.needs_sign_in = true;
                }
            }
        }
    }

    /// Reports objects that were sent or refused since the last update.
    fn on_queue(&mut self, items: Vec<SendItem>) {
        for item in &items {
            let before = self
                .pacs
                .queue
                .iter()
                .find(|i| i.id == item.id)
                .map(|i| i.state);
            if before.is_none_or(|state| state == item.state || !state.is_open()) {
                continue;
            }
            let name = &item.server.name;
            let what = item.content_name();
            match item.state {
                SendState::Sent => {
                    let text = super::to_sentence(&format!("{what} sent to {name}"));
                    self.notices.add(Severity::Info, text);
                }
                SendState::Refused => {
                    let reason = item.trouble.clone().unwrap_or_default();
                    self.notices.add(
                        Severity::Error,
                        format!("{name} did not accept the {what}: {reason}."),
                    );
                }
                _ => {}
            }
        }
        self.pacs.queue = items;
    }

    fn ask_worker(&mut self, job: PacsJob) {
        self.jobs.push(Job::Pacs(Box::new(job)));
    }

    /// The pending request with this id; `None` if the answer is outdated.
    fn take_pending_action(&mut self, id: u64) -> Option<Option<Box<PacsAction>>> {
        self.pacs
            .asking
            .take_if(|a| a.id == id)
            .map(|asking| asking.again)
    }

    /// The answer; a failure is kept for display, and the request for after signing in.
    fn ok_or_record_failure<T>(
        &mut self,
        result: Result<T>,
        again: Option<Box<PacsAction>>,
    ) -> Option<T> {
        match result {
            Ok(answer) => Some(answer),
            Err(error) if error.kind == ErrorKind::Cancelled => None,
            Err(error) => {
                self.pacs.needs_sign_in = error.kind == ErrorKind::SignIn;
                self.pacs.postponed = again.filter(|_| self.pacs.needs_sign_in);
                self.pacs.trouble = Some(super::to_sentence(&error.to_string()));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests;
