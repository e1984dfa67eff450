//! The threads that speak to servers: `labrum-pacs` asks, `labrum-receive` receives, `labrum-send` sends what waits, also
//! what a program before this one left.

use super::{AppFolders, Outbox, spawn};
use crate::{
    Error, ErrorKind, Result,
    io::pacs::{
        Archive, SendQueue, folder_of_study, forget_secret, keep_secret, kept_secret, receive,
    },
    session::job::{Event, ExportJob, PacsEvent, PacsJob, PacsQuestion, ReceiveJob, SendingJob},
};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use labrum_core::{
    pacs::{Receiving, Secret, SendItem, Server},
    progress::Cancel,
    whole_file,
};
use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

/// How often the window is told how far a study is.
const EVERY: Duration = Duration::from_millis(100);
/// Where nothing waits, the queue is looked at so often: another program may have put something in.
const IDLE: Duration = Duration::from_secs(60);

/// What the thread does that asks servers.
enum ServerQuestion {
    Question(PacsQuestion),
    SignIn {
        server: Server,
        secret: Secret,
        is_kept: bool,
    },
    Forget(Server),
}

/// What the thread does that sends.
enum Ordered {
    Job(SendingJob),
    SignedIn { server: Server, secret: Secret },
}

/// Where jobs for servers go in.
pub(super) struct PacsHandle {
    ask: Sender<ServerQuestion>,
    receive: Sender<ReceiveJob>,
    send: Sender<Ordered>,
    stop: Cancel,
}

impl PacsHandle {
    pub(super) fn start(outbox: Outbox, places: &AppFolders) -> Result<Self> {
        let secrets = Arc::new(SessionSecrets::default());
        let stop = Cancel::default();
        let (ask, questions) = unbounded();
        let (known, out) = (secrets.clone(), outbox.clone());
        spawn("labrum-pacs", move || {
            questions.iter().for_each(|job| answer(job, &known, &out))
        })?;
        let (receive, wanted) = unbounded();
        let (known, out, cache) = (secrets.clone(), outbox.clone(), places.cache.clone());
        spawn("labrum-receive", move || {
            wanted
                .iter()
                .for_each(|job| bring(job, &cache, &known, &out))
        })?;
        let (send, orders) = unbounded();
        let sender = Sending {
            folder: places.queue(),
            secrets,
            outbox,
            stop: stop.clone(),
        };
        spawn("labrum-send", move || sender.work(&orders))?;
        Ok(Self {
            ask,
            receive,
            send,
            stop,
        })
    }

    pub(super) fn submit(&self, job: PacsJob) {
        match job {
            PacsJob::Ask(question) => drop(self.ask.send(ServerQuestion::Question(question))),
            PacsJob::SignIn {
                server,
                secret,
                is_kept,
            } => {
                // What waits to be sent may wait for this.
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

    /// What is on its way is left to the next start.
    pub(super) fn close(&self) {
        self.stop.cancel();
    }
}

/// Secrets of this session, by server and user; those of the key store are looked up once.
#[derive(Default)]
struct SessionSecrets(Mutex<HashMap<String, Option<Secret>>>);

impl SessionSecrets {
    fn key(server: &Server) -> String {
        format!("{} {}", server.key(), server.user)
    }

    fn set(&self, server: &Server, secret: Option<Secret>) {
        super::lock(&self.0).insert(Self::key(server), secret);
    }

    /// The secret; the key store may have to be unlocked by a person.
    fn of(&self, server: &Server) -> Option<Secret> {
        if let Some(known) = super::lock(&self.0).get(&Self::key(server)) {
            return known.clone();
        }
        let kept = kept_secret(server).unwrap_or_else(|error| {
            log::info!("{error}");
            None
        });
        self.set(server, kept.clone());
        kept
    }

    fn archive(&self, server: &Server) -> Result<Archive> {
        Archive::new(server, self.of(server).as_ref())
    }
}

fn answer(job: ServerQuestion, secrets: &SessionSecrets, outbox: &Outbox) {
    let event = match job {
        ServerQuestion::Question(PacsQuestion::Echo { id, server, cancel }) => {
            let result = secrets
                .archive(&server)
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
                .archive(&server)
                .and_then(|a| a.studies(&query, &cancel));
            PacsEvent::Found { id, result }
        }
        ServerQuestion::Question(PacsQuestion::ListSeries {
            id,
            server,
            study_uid,
            cancel,
        }) => {
            let result = secrets
                .archive(&server)
                .and_then(|a| a.series(&study_uid, &cancel));
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
            secrets.set(&server, Some(secret.clone()));
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
            secrets.set(&server, None);
            if let Err(error) = forget_secret(&server) {
                log::info!("{error}");
            }
            return;
        }
    };
    outbox.send(Event::Pacs(event));
}

fn bring(job: ReceiveJob, cache: &std::path::Path, secrets: &SessionSecrets, outbox: &Outbox) {
    let ReceiveJob {
        id,
        server,
        study_uid,
        series,
        cancel,
    } = job;
    let mut told: Option<Instant> = None;
    let mut progress = |state: Receiving| {
        if state.is_waiting || told.is_none_or(|told| told.elapsed() >= EVERY) {
            told = Some(Instant::now());
            outbox.send(Event::Pacs(PacsEvent::Receiving { id, state }));
        }
    };
    let mut fetch = || -> Result<Vec<PathBuf>> {
        let archive = secrets.archive(&server)?;
        let folder = folder_of_study(cache, &server, &study_uid)?;
        Ok(receive(
            &archive,
            &study_uid,
            series.as_deref(),
            &folder,
            &mut progress,
            &cancel,
        )?
        .folders)
    };
    let result = fetch();
    outbox.send(Event::Pacs(PacsEvent::Received { id, result }));
}

/// What the sending thread works with.
struct Sending {
    folder: PathBuf,
    secrets: Arc<SessionSecrets>,
    outbox: Outbox,
    stop: Cancel,
}

impl Sending {
    fn work(&self, orders: &Receiver<Ordered>) {
        let mut queue = None;
        let mut told = Vec::new();
        // What was left is sent first; a queue that was never used is not made.
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
            let done = self.turn(&mut queue, order, &mut told);
            next = done.unwrap_or_else(|error| {
                self.outbox.send(Event::Failed(error));
                Some(IDLE)
            });
        }
    }

    /// Does what was ordered and sends what is due; when to come back.
    fn turn(
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
                    .send(Event::Pacs(PacsEvent::Queued(queued.map(Box::new))));
            }
            Some(Ordered::Job(SendingJob::Cancel(id))) => queue.cancel(&id)?,
            Some(Ordered::Job(SendingJob::Retry(id))) => queue.retry(&id)?,
            Some(Ordered::Job(SendingJob::ForgetDone)) => queue.forget_done()?,
            Some(Ordered::SignedIn { server, secret }) => {
                // Before the other thread may have done so.
                self.secrets.set(&server, Some(secret));
                let waits = |i: &&SendItem| i.server.key() == server.key();
                queue
                    .items()?
                    .iter()
                    .filter(waits)
                    .try_for_each(|item| queue.retry(&item.id))?;
            }
            None => {}
        }
        self.tell(queue, told)?;
        let mut needs_sign_in: Vec<String> = Vec::new();
        let mut archive = |server: &Server| {
            let archive = self.secrets.archive(server);
            if archive
                .as_ref()
                .is_err_and(|error| error.kind == ErrorKind::SignIn)
            {
                needs_sign_in.push(server.name.clone());
            }
            archive
        };
        // The list is shown as it changes.
        let mut changed = |_: &SendItem| drop(self.tell(queue, told));
        let next = queue.send_due(&mut archive, &mut changed, &self.stop)?;
        self.tell(queue, told)?;
        needs_sign_in.dedup();
        for server in needs_sign_in {
            self.outbox
                .send(Event::Pacs(PacsEvent::SendingNeedsSignIn { server }));
        }
        Ok(next)
    }

    fn tell(&self, queue: &SendQueue, told: &mut Vec<SendItem>) -> Result<()> {
        let items = queue.items()?;
        if items != *told {
            told.clone_from(&items);
            self.outbox.send(Event::Pacs(PacsEvent::Queue(items)));
        }
        Ok(())
    }

    /// The segmentation as a file that is read back and compared, and a copy of it in the queue.
    fn write_and_queue(
        &self,
        queue: &SendQueue,
        export: ExportJob,
        server: &Server,
    ) -> Result<SendItem> {
        let tried = "write the segmentation";
        whole_file::make_folder(&self.folder)?;
        let folder = tempfile::Builder::new()
            .prefix(".export-")
            .tempdir_in(&self.folder);
        let folder = folder.map_err(|e| Error::at(tried, &self.folder, e))?;
        let export = ExportJob {
            folder: folder.path().to_owned(),
            ..export
        };
        let files = super::export::export(export, &self.outbox)?;
        let object = files
            .iter()
            .find(|file| file.extension().is_some_and(|e| e == "dcm"));
        let object = object.ok_or_else(|| Error::new(tried, "no DICOM object came of it"))?;
        queue.add(object, server)
    }
}
