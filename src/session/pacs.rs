//! Servers: which one is asked, what it answered, what is being received and what waits to be sent.

mod servers;

use super::{
    ExportRequest, Session,
    job::{
        ExportOptions, ExportScope, Job, PacsEvent, PacsJob, PacsQuestion, ReceiveJob, SendingJob,
    },
    notice::Severity,
};
use crate::{ErrorKind, Result};
use labrum_core::{
    export_format::ExportFormat,
    pacs::{FoundStudies, Query, Receiving, RemoteSeries, Secret, SendItem, SendState, Server},
    progress::Cancel,
    study::Kind,
};
use std::collections::HashMap;

/// What a person asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum PacsAction {
    /// Ask this server from now on.
    Choose(String),
    /// Take a new server, or other settings for one; `before` is what it was called.
    Save {
        /// Its name until now; `None` for a new one.
        before: Option<String>,
        /// The server.
        server: Box<Server>,
    },
    /// Forget a server and its secret.
    Remove(String),
    /// Sign in to the server that is asked.
    SignIn {
        /// Name of the server.
        server: String,
        /// Password or token.
        secret: Secret,
        /// Keep it in the system's key store.
        is_kept: bool,
    },
    /// See whether the server is there.
    Echo,
    /// Find studies.
    Find(Query),
    /// List the series of a study.
    ListSeries(String),
    /// Receive and open a study, or some series of it.
    Receive {
        /// Study Instance UID.
        study_uid: String,
        /// Series Instance UIDs; all where nothing is said.
        series: Option<Vec<String>>,
    },
    /// Stop asking and receiving.
    Stop,
    /// Send the masks of the case that is shown.
    Send {
        /// Name of the server.
        server: String,
        /// In which form: one of the DICOM ones.
        format: ExportFormat,
    },
    /// Do not send an object any more.
    CancelSending(String),
    /// Try an object again now.
    Retry(String),
    /// Take those out of the list that are done with.
    ForgetDone,
}

/// A question that a server has not answered yet.
#[derive(Clone, Debug)]
pub struct Asking {
    id: u64,
    cancel: Cancel,
    again: Option<Box<PacsAction>>,
    /// What is asked, for people.
    pub words: &'static str,
}

/// A study on its way here.
#[derive(Clone, Debug)]
pub struct OnItsWay {
    id: u64,
    cancel: Cancel,
    again: Option<Box<PacsAction>>,
    /// How far it is.
    pub state: Receiving,
}

/// All that is shown of servers.
#[derive(Debug, Default)]
pub struct Pacs {
    /// Name of the server that is asked; empty where there is none.
    pub server: String,
    /// What was asked for last.
    pub query: Query,
    /// What was found; `None` before the first answer.
    pub found: Option<FoundStudies>,
    /// Series of studies that were looked into.
    pub series: HashMap<String, Vec<RemoteSeries>>,
    /// What the server is asked now.
    pub asking: Option<Asking>,
    /// What is being received now.
    pub receiving: Option<OnItsWay>,
    /// Why the last question, or the last receiving, failed.
    pub trouble: Option<String>,
    /// The server answered.
    pub is_reached: bool,
    /// The server asks who we are.
    pub needs_sign_in: bool,
    /// What waits to be sent, the oldest first.
    pub queue: Vec<SendItem>,
    /// Studies that were received and opened since the start.
    pub opened: usize,
    /// What is done once somebody has signed in.
    postponed: Option<Box<PacsAction>>,
}

impl Pacs {
    /// Objects that wait or are on their way, and objects that need a person.
    pub fn pending_counts(&self) -> (usize, usize) {
        let count = |is_it: &dyn Fn(SendState) -> bool| {
            self.queue.iter().filter(|i| is_it(i.state)).count()
        };
        (
            count(&SendState::is_open),
            count(&|state| state == SendState::Refused),
        )
    }
}

impl Session {
    /// Why the masks of the case cannot be sent, where they cannot.
    pub(super) fn refuse_to_send(&self) -> Option<&'static str> {
        let case = self.current_case()?;
        match case.series.kind {
            Kind::Picture => Some("Pictures belong to no study on a server: open a DICOM series"),
            Kind::Dicom if !case.has_mask() => Some("There is no mask to send yet"),
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
                (self.pacs.found, self.pacs.series) = (None, HashMap::new());
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
                self.ask_server("Listing the series", again, |id, server, cancel| {
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

    /// Asks the chosen server something; an older question is not asked any more.
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
        let (id, cancel) = (self.new_id(), Cancel::default());
        self.pacs.asking = Some(Asking {
            id,
            cancel: cancel.clone(),
            again: Some(Box::new(again)),
            words,
        });
        (
            self.pacs.trouble,
            self.pacs.is_reached,
            self.pacs.needs_sign_in,
        ) = (None, false, false);
        self.ask_worker(job(id, server, cancel));
    }

    fn receive_study(&mut self, study_uid: String, series: Option<Vec<String>>) {
        let Some(server) = self.chosen_server().cloned() else {
            return;
        };
        if let Some(older) = self.pacs.receiving.take() {
            older.cancel.cancel();
        }
        let (id, cancel) = (self.new_id(), Cancel::default());
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
        (self.pacs.trouble, self.pacs.needs_sign_in) = (None, false);
        self.ask_worker(PacsJob::Receive(ReceiveJob {
            id,
            server,
            study_uid,
            series,
            cancel,
        }));
    }

    /// Stops asking and receiving; what was received stays for another time.
    pub(super) fn stop_pacs(&mut self) {
        if let Some(asking) = self.pacs.asking.take() {
            asking.cancel.cancel();
        }
        if let Some(receiving) = self.pacs.receiving.take() {
            receiving.cancel.cancel();
            let text = "Receiving was stopped. Objects that have arrived are not fetched again.";
            self.notices.add(Severity::Info, text);
        }
    }

    fn send_case(&mut self, name: &str, format: ExportFormat) {
        let Some(server) = self
            .settings
            .servers
            .iter()
            .find(|s| s.name == name)
            .cloned()
        else {
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
                    "The password or token for {server} is kept until Labrum is closed: {reason}."
                );
                self.notices.add(Severity::Warning, text);
            }
            PacsEvent::SignedIn { .. } => {}
            PacsEvent::Queued(Ok(item)) => {
                let text = match item.state {
                    SendState::Sent => {
                        format!("{} has this segmentation already.", item.server.name)
                    }
                    _ => format!("Sending the segmentation to {}.", item.server.name),
                };
                self.notices.add(Severity::Info, text);
            }
            PacsEvent::Queued(Err(error)) => self.show_error(&error),
            PacsEvent::Queue(items) => self.on_queue(items),
            PacsEvent::SendingNeedsSignIn { server } => {
                let text = format!(
                    "Sign in to {server} (File, Open from server) to send what is waiting."
                );
                self.notices.add(Severity::Warning, text);
                if self.chosen_server().is_some_and(|s| s.name == server) {
                    self.pacs.needs_sign_in = true;
                }
            }
        }
    }

    /// Tells of what was sent and of what was refused since the last look.
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
            match item.state {
                SendState::Sent => self
                    .notices
                    .add(Severity::Info, format!("{name} has the segmentation.")),
                SendState::Refused => {
                    let reason = item.trouble.clone().unwrap_or_default();
                    self.notices.add(
                        Severity::Error,
                        format!("{name} did not take the segmentation: {reason}."),
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

    /// What was asked, where this is the answer that is waited for.
    fn take_pending_action(&mut self, id: u64) -> Option<Option<Box<PacsAction>>> {
        self.pacs
            .asking
            .take_if(|a| a.id == id)
            .map(|asking| asking.again)
    }

    /// The answer; a failure is kept to be shown, and done again once somebody has signed in.
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
