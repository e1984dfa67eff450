//! The threads that communicate with servers: `labrum-pacs` queries, `labrum-receive` receives, `labrum-send` sends the
//! queue, including objects left from earlier sessions.

use super::{AppFolders, Outbox, spawn_thread, viewer::write_capture};
use crate::{
    Error, ErrorKind, Result,
    io::pacs::{
        Archive, SendQueue, folder_of_study, forget_secret, keep_secret, kept_secret, receive_study,
    },
    session::job::{Event, ExportJob, PacsEvent, PacsJob, PacsQuestion, ReceiveJob, SendingJob},
};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use labrum_core::{
    pacs::{Receiving, Secret, SendItem, Server},
    progress::Cancel,
    whole_file,
};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

/// Interval of progress events.
const EVERY: Duration = Duration::from_millis(100);
/// Interval of checking an idle queue: another process may have added objects.
const IDLE: Duration = Duration::from_secs(60);

/// A job of the thread that queries servers.
enum ServerQuestion {
    Question(PacsQuestion),
    SignIn {
        server: Server,
        secret: Secret,
        is_kept: bool,
    },
    Forget(Server),
}

/// A job of the thread that sends.
enum Ordered {
    Job(SendingJob),
    SignedIn { server: Server, secret: Secret },
}

/// Hands jobs about servers to their threads.
pub(super) struct PacsHandle {
    ask: Sender<ServerQuestion>,
    receive: Sender<ReceiveJob>,
    send: Sender<Ordered>,
    stop: Cancel,
}

impl PacsHandle {
    pub(super) fn start_threads(outbox: Outbox, places: &AppFolders) -> Result<Self> {
        let secrets = Arc::new(SessionSecrets::default());
        let stop = Cancel::default();
        let (ask, questions) = unbounded();
        let known = secrets.clone();
        let out = outbox.clone();
        spawn_thread("labrum-pacs", move || {
            questions
                .iter()
                .for_each(|job| answer_question(job, &known, &out))
        })?;
        let (receive, wanted) = unbounded();
        let known = secrets.clone();
        let out = outbox.clone();
        let cache = places.cache.clone();
        spawn_thread("labrum-receive", move || {
            wanted
                .iter()
                .for_each(|job| receive_series(job, &cache, &known, &out))
        })?;
        let (send, orders) = unbounded();
        let sender = Sending {
            folder: places.send_queue_folder(),
            secrets,
            outbox,
            stop: stop.clone(),
        };
        spawn_thread("labrum-send", move || sender.run_orders(&orders))?;
        Ok(Self {
            ask,
            receive,
            send,
            stop,
        })
    }

    pub(super) fn submit_job(&self, job: PacsJob) {
        match job {
            PacsJob::Ask(question) => drop(self.ask.send(ServerQuestion::Question(question))),
            PacsJob::SignIn {
                server,
                secret,
                is_kept,
            } => {
                // Waiting objects may have been waiting for this sign-in.
                let _ = self.send.send(Ordered::SignedIn {
                    server: server.clone(),
                    secret: secret.clone(),
                });
                let _ = self.ask.send(ServerQuestion::SignIn {
                    server,
                    secret,
                    is_kept,
                });
            }
            PacsJob::Forget(server) => drop(self.ask.send(ServerQuestion::Forget(server))),
            PacsJob::Receive(job) => drop(self.receive.send(job)),
            PacsJob::Sending(job) => drop(self.send.send(Ordered::Job(job))),
        }
    }

    /// Cancels transfers; they continue after the next start.
    pub(super) fn cancel_transfers(&self) {
        self.stop.cancel();
    }
}

/// Passwords and tokens of this session, by server and user; the key store is asked once for each.
#[derive(Default)]
struct SessionSecrets(Mutex<HashMap<String, Option<Secret>>>);

impl SessionSecrets {
    fn secret_key(server: &Server) -> String {
        format!("{} {}", server.file_key(), server.user)
    }

    fn set_secret(&self, server: &Server, secret: Option<Secret>) {
        self.0.lock().insert(Self::secret_key(server), secret);
    }

    /// The password or token; may block while the user unlocks the key store.
    fn secret_for(&self, server: &Server) -> Option<Secret> {
        if let Some(known) = self.0.lock().get(&Self::secret_key(server)) {
            return known.clone();
        }
        let kept = kept_secret(server).unwrap_or_else(|error| {
            log::info!("{error}");
            None
        });
        self.set_secret(server, kept.clone());
        kept
    }

    fn connect_archive(&self, server: &Server) -> Result<Archive> {
        Archive::new(server, self.secret_for(server).as_ref())
    }
}

fn answer_question(job: ServerQuestion, secrets: &SessionSecrets, outbox: &Outbox) {
    let event = match job {
        ServerQuestion::Question(PacsQuestion::Echo { id, server, cancel }) => {
            let result = secrets
                .connect_archive(&server)
                .and_then(|archive| archive.echo(&cancel));
            PacsEvent::Echoed { id, result }
        }
        ServerQuestion::Question(PacsQuestion::Find {
            id,
            server,
            query,
            cancel,
        }) => {
            let result = secrets
                .connect_archive(&server)
                .and_then(|a| a.find_studies(&query, &cancel));
            PacsEvent::Found { id, result }
        }
        ServerQuestion::Question(PacsQuestion::ListSeries {
            id,
            server,
            study_uid,
            cancel,
        }) => {
            let result = secrets
                .connect_archive(&server)
                .and_then(|a| a.find_series(&study_uid, &cancel));
            PacsEvent::Series {
                id,
                study_uid,
                result,
            }
        }
        ServerQuestion::SignIn {
            server,
            secret,
            is_kept,
        } => {
            secrets.set_secret(&server, Some(secret.clone()));
            let not_kept = is_kept
                .then(|| keep_secret(&server, &secret).err())
                .flatten()
                .map(|error| error.reason);
            PacsEvent::SignedIn {
                server: server.name,
                not_kept,
            }
        }
        ServerQuestion::Forget(server) => {
            secrets.set_secret(&server, None);
            if let Err(error) = forget_secret(&server) {
                log::info!("{error}");
            }
            return;
        }
    };
    outbox.send_event(Event::Pacs(event));
}

fn receive_series(job: ReceiveJob, cache: &Path, secrets: &SessionSecrets, outbox: &Outbox) {
    let result = fetch_study(&job, cache, secrets, outbox);
    let id = job.id;
    outbox.send_event(Event::Pacs(PacsEvent::Received { id, result }));
}

/// Receives a study; returns the folders with its files.
fn fetch_study(
    job: &ReceiveJob,
    cache: &Path,
    secrets: &SessionSecrets,
    outbox: &Outbox,
) -> Result<Vec<PathBuf>> {
    let archive = secrets.connect_archive(&job.server)?;
    let folder = folder_of_study(cache, &job.server, &job.study_uid)?;
    let mut told = None;
    let received = receive_study(
        &archive,
        &job.study_uid,
        job.series.as_deref(),
        &folder,
        &mut |state| send_receiving(outbox, job.id, state, &mut told),
        &job.cancel,
    )?;
    Ok(received.folders)
}

/// Sends a progress event, but not too often; `told` is the time of the last one.
fn send_receiving(outbox: &Outbox, id: u64, state: Receiving, told: &mut Option<Instant>) {
    if state.is_waiting || told.is_none_or(|told| told.elapsed() >= EVERY) {
        *told = Some(Instant::now());
        outbox.send_event(Event::Pacs(PacsEvent::Receiving { id, state }));
    }
}

/// State of the sending thread.
struct Sending {
    folder: PathBuf,
    secrets: Arc<SessionSecrets>,
    outbox: Outbox,
    stop: Cancel,
}

impl Sending {
    fn run_orders(&self, orders: &Receiver<Ordered>) {
        let mut queue = None;
        let mut told = Vec::new();
        // Objects left from earlier sessions are sent first. A queue folder is only created when it is needed.
        let mut next = self.folder.is_dir().then_some(Duration::ZERO);
        loop {
            let order = match orders.recv_timeout(next.unwrap_or(IDLE).min(IDLE)) {
                Ok(order) => Some(order),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if self.stop.is_cancelled() {
                return;
            }
            if order.is_none() && !self.folder.is_dir() {
                continue;
            }
            let done = self.process_order(&mut queue, order, &mut told);
            next = done.unwrap_or_else(|error| {
                self.outbox.send_event(Event::Failed(error));
                Some(IDLE)
            });
        }
    }

    /// Runs a job and sends due objects; returns the time until the next object is due.
    fn process_order(
        &self,
        queue: &mut Option<SendQueue>,
        order: Option<Ordered>,
        told: &mut Vec<SendItem>,
    ) -> Result<Option<Duration>> {
        let queue = match queue {
            Some(queue) => queue,
            None => queue.insert(SendQueue::open(&self.folder)?),
        };
        match order {
            Some(Ordered::Job(SendingJob::Send { export, server })) => {
                let queued = self.write_and_queue(queue, *export, &server);
                self.outbox
                    .send_event(Event::Pacs(PacsEvent::Queued(queued.map(Box::new))));
            }
            Some(Ordered::Job(SendingJob::SendScreenshot {
                screenshot,
                pictured,
                server,
            })) => {
                let queued = self.queue_written(queue, &server, "write the screenshot", |folder| {
                    let path = folder.join("screenshot.dcm");
                    write_capture(&screenshot, &pictured, &path)?;
                    Ok(path)
                });
                self.outbox
                    .send_event(Event::Pacs(PacsEvent::Queued(queued.map(Box::new))));
            }
            Some(Ordered::Job(SendingJob::Cancel(id))) => queue.cancel_item(&id)?,
            Some(Ordered::Job(SendingJob::Retry(id))) => queue.retry_item(&id)?,
            Some(Ordered::Job(SendingJob::ForgetDone)) => queue.forget_done()?,
            Some(Ordered::SignedIn { server, secret }) => {
                // The other thread may not have stored it yet.
                self.secrets.set_secret(&server, Some(secret));
                queue
                    .read_items()?
                    .iter()
                    .filter(|item| item.server.file_key() == server.file_key())
                    .try_for_each(|item| queue.retry_item(&item.id))?;
            }
            None => {}
        }
        self.publish_queue(queue, told)?;
        let mut needs_sign_in: Vec<String> = Vec::new();
        let next = queue.send_due(
            &mut |server| self.connect_or_note(server, &mut needs_sign_in),
            // Update the displayed list after each object.
            &mut |_| drop(self.publish_queue(queue, told)),
            &self.stop,
        )?;
        self.publish_queue(queue, told)?;
        needs_sign_in.dedup();
        for server in needs_sign_in {
            self.outbox
                .send_event(Event::Pacs(PacsEvent::SendingNeedsSignIn { server }));
        }
        Ok(next)
    }

    /// Connects to a server; adds its name to `needs_sign_in` if it requires a sign-in.
    fn connect_or_note(&self, server: &Server, needs_sign_in: &mut Vec<String>) -> Result<Archive> {
        let archive = self.secrets.connect_archive(server);
        if archive
            .as_ref()
            .is_err_and(|error| error.kind == ErrorKind::SignIn)
        {
            needs_sign_in.push(server.name.clone());
        }
        archive
    }

    fn publish_queue(&self, queue: &SendQueue, told: &mut Vec<SendItem>) -> Result<()> {
        let items = queue.read_items()?;
        if items != *told {
            told.clone_from(&items);
            self.outbox.send_event(Event::Pacs(PacsEvent::Queue(items)));
        }
        Ok(())
    }

    /// Exports the segmentation, verified, and queues a copy of it.
    fn write_and_queue(
        &self,
        queue: &SendQueue,
        export: ExportJob,
        server: &Server,
    ) -> Result<SendItem> {
        let tried = "write the segmentation";
        self.queue_written(queue, server, tried, |folder| {
            let export = ExportJob {
                folder: folder.to_owned(),
                ..export
            };
            let files = super::export::export_case(export, &self.outbox)?;
            let object = files
                .into_iter()
                .find(|file| file.extension().is_some_and(|e| e == "dcm"));
            object.ok_or_else(|| Error::new(tried, "no DICOM object was written"))
        })
    }

    /// Queues a copy of the object that `write` writes into a folder and names.
    fn queue_written(
        &self,
        queue: &SendQueue,
        server: &Server,
        tried: &str,
        write: impl FnOnce(&Path) -> Result<PathBuf>,
    ) -> Result<SendItem> {
        whole_file::make_folder(&self.folder)?;
        let folder = tempfile::Builder::new()
            .prefix(".export-")
            .tempdir_in(&self.folder);
        let folder = folder.map_err(|e| Error::at_path(tried, &self.folder, e))?;
        let object = write(folder.path())?;
        queue.enqueue_file(&object, server)
    }
}
