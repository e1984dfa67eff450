//! Objects that wait to be sent: a folder with a description and a copy of each, which outlasts the program.
//!
//! An object is marked as being on its way before its first byte leaves. Whoever finds it so marked (the connection or the
//! program broke off) asks the server whether it has the object before sending it again. Of several programs with the same
//! queue one sends at a time, by a lock on a file.

use super::{
    Archive, Object,
    failure::{cancelled_error, server_error},
};
use crate::{Error, ErrorKind, Result};
use labrum_core::{
    pacs::{SendItem, SendState, Server},
    progress::Cancel,
    whole_file,
};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The first pause before another try; each is twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// No pause is longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// What is done is told of for so long.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3600);

/// The folder of what waits to be sent. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SendQueue {
    folder: PathBuf,
}

/// Holds the right to send; given back when dropped.
#[derive(Debug)]
struct SendingRight {
    _lock: File,
}

impl SendQueue {
    /// The queue in a folder, which is made where it is missing.
    ///
    /// # Errors
    /// Where the folder cannot be made or written to.
    pub fn open(folder: &Path) -> Result<Self> {
        whole_file::make_folder(folder)?;
        // What waits there names patients.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
        }
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Queues a copy of a DICOM file. One that the server has got, or that waits already, is not queued again.
    ///
    /// # Errors
    /// Where the file is no whole DICOM object, the server's settings make no sense, or the copy cannot be written.
    pub fn enqueue_file(&self, file: &Path, server: &Server) -> Result<SendItem> {
        if let Some(problem) = server.find_problem() {
            return Err(server_error(
                ErrorKind::Settings,
                server,
                "send to",
                problem,
            ));
        }
        let object = Object::from_file(file)?;
        let id = id_of(server, &object.sop_uid);
        let _edit = self.lock_for_edit()?;
        if let Some(known) = self
            .read_item(&id)?
            .filter(|item| item.state.is_open() || item.state == SendState::Sent)
        {
            return Ok(known);
        }
        let copied = |out: &mut dyn io::Write| io::copy(&mut File::open(file)?, out).map(drop);
        whole_file::write_atomically(&self.object_path(&id), "queue the object", copied)?;
        let now = now_millis();
        let item = SendItem {
            id,
            server: server.clone(),
            file: crate::io::open::name_of(file),
            sop_class: object.sop_class,
            sop_uid: object.sop_uid,
            study_uid: object.study_uid,
            series_uid: object.series_uid,
            state: SendState::Waiting,
            attempts: 0,
            may_have_arrived: false,
            next_try: now,
            trouble: None,
            queued: now,
            changed: now,
        };
        self.write_item(&item)?;
        Ok(item)
    }

    /// All that waits, and what became of the rest, the oldest first. What cannot be read is left out.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn read_items(&self) -> Result<Vec<SendItem>> {
        let failed = |e: io::Error| Error::at_path("read the queue", &self.folder, e);
        let mut items = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let id = path
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.extension().is_some_and(|e| e == "json") {
                match self.read_item(&id) {
                    Ok(item) => items.extend(item),
                    Err(error) => log::warn!("{error}"),
                }
            }
        }
        items.sort_by(|a, b| (a.queued, &a.id).cmp(&(b.queued, &b.id)));
        Ok(items)
    }

    /// Does not send an object any more. What is on its way may still arrive.
    ///
    /// # Errors
    /// Where the queue cannot be written.
    pub fn cancel_item(&self, id: &str) -> Result<()> {
        self.update_item(id, |item| {
            if item.state.is_open() {
                item.trouble = item
                    .may_have_arrived
                    .then(|| "it was on its way and may have arrived".to_owned());
                item.state = SendState::Cancelled;
            }
        })?;
        let is_cancelled = self
            .read_item(id)?
            .is_some_and(|item| item.state == SendState::Cancelled);
        if is_cancelled {
            let _ = fs::remove_file(self.object_path(id));
        }
        Ok(())
    }

    /// Tries an object now that waits or was refused.
    ///
    /// # Errors
    /// Where the queue cannot be written.
    pub fn retry_item(&self, id: &str) -> Result<()> {
        let has_object = self.object_path(id).is_file();
        self.update_item(id, |item| match item.state {
            SendState::Refused if has_object => {
                (item.state, item.next_try) = (SendState::Waiting, now_millis())
            }
            state if state.is_open() => item.next_try = now_millis(),
            _ => {}
        })
    }

    /// Takes those out of the list that are done with.
    ///
    /// # Errors
    /// Where the queue cannot be read or written.
    pub fn forget_done(&self) -> Result<()> {
        self.remove_matching(|item| matches!(item.state, SendState::Sent | SendState::Cancelled))
    }

    /// Sends what is due, one after the other; `tell` is told of each change. Returns when to come back: `None` where
    /// nothing waits.
    ///
    /// `archive` gives the server with its secret. Where it cannot, the objects for it wait.
    ///
    /// # Errors
    /// Where the queue itself cannot be read or written. What goes wrong with an object stands in its item.
    pub fn send_due(
        &self,
        archive: &mut dyn FnMut(&Server) -> Result<Archive>,
        tell: &mut dyn FnMut(&SendItem),
        cancel: &Cancel,
    ) -> Result<Option<Duration>> {
        let Some(_turn) = self.acquire_sending_right()? else {
            // Another program sends; it may end at any time.
            return Ok(self
                .read_items()?
                .iter()
                .any(|i| i.state.is_open())
                .then_some(FIRST_PAUSE));
        };
        let long_ago = now_millis() - REMEMBERED.as_millis() as i64;
        self.remove_matching(|item| {
            matches!(item.state, SendState::Sent | SendState::Cancelled) && item.changed < long_ago
        })?;
        for item in self.read_items()? {
            if cancel.is_cancelled() {
                break;
            }
            if item.state.is_open() && item.next_try <= now_millis() {
                self.send_one(&item.id, archive, tell, cancel)?;
            }
        }
        let next = self
            .read_items()?
            .iter()
            .filter(|i| i.state.is_open())
            .map(|i| i.next_try)
            .min();
        Ok(next
            .map(|at| Duration::from_millis(u64::try_from(at - now_millis()).unwrap_or_default())))
    }

    fn send_one(
        &self,
        id: &str,
        archive: &mut dyn FnMut(&Server) -> Result<Archive>,
        tell: &mut dyn FnMut(&SendItem),
        cancel: &Cancel,
    ) -> Result<()> {
        let Some(item) = self.read_item(id)? else {
            return Ok(());
        };
        let done = archive(&item.server).and_then(|archive| {
            if item.may_have_arrived
                && archive.has_instance(&item.study_uid, &item.series_uid, &item.sop_uid, cancel)?
            {
                return Ok(());
            }
            // A person may have cancelled it in the meantime.
            if !self.mark_sending(id)? {
                return Err(cancelled_error(&item.server, "send an object"));
            }
            self.read_item(id)?.iter().for_each(&mut *tell);
            let mut object = Object::from_file(&self.object_path(id))?;
            // The name stays that of the queue: it is what the server is asked for.
            object.sop_uid.clone_from(&item.sop_uid);
            archive.store_object(&object, cancel)
        });
        self.record_result(id, done, cancel)?;
        self.read_item(id)?.iter().for_each(tell);
        Ok(())
    }

    /// False where it is not to be sent any more.
    fn mark_sending(&self, id: &str) -> Result<bool> {
        let mut is_wanted = false;
        self.update_item(id, |item| {
            is_wanted = item.state.is_open();
            if is_wanted {
                item.state = SendState::Sending;
                item.attempts += 1;
                item.may_have_arrived = true;
            }
        })?;
        Ok(is_wanted)
    }

    fn record_result(&self, id: &str, done: Result<()>, cancel: &Cancel) -> Result<()> {
        self.update_item(id, |item| {
            // A person may have cancelled it in the meantime.
            if !item.state.is_open() && done.is_err() {
                return;
            }
            match &done {
                Ok(()) => (item.state, item.trouble) = (SendState::Sent, None),
                // The program ends: it goes on at the next start.
                Err(_) if cancel.is_cancelled() => item.state = SendState::Waiting,
                Err(failure) => {
                    item.trouble = Some(failure.reason.clone());
                    // One wrong password too many locks a user out.
                    let needs_person = matches!(
                        failure.kind,
                        ErrorKind::SignIn
                            | ErrorKind::Refused
                            | ErrorKind::Untrusted
                            | ErrorKind::Settings
                    );
                    item.state = if needs_person {
                        SendState::Refused
                    } else {
                        SendState::Waiting
                    };
                    item.next_try =
                        now_millis() + pause_after(item.attempts.max(1)).as_millis() as i64;
                }
            }
        })?;
        if self
            .read_item(id)?
            .is_some_and(|item| item.state == SendState::Sent)
        {
            let _ = fs::remove_file(self.object_path(id));
        }
        Ok(())
    }

    fn remove_matching(&self, is_done: impl Fn(&SendItem) -> bool) -> Result<()> {
        let _edit = self.lock_for_edit()?;
        for item in self.read_items()?.iter().filter(|item| is_done(item)) {
            let path = self.description_path(&item.id);
            let _ = fs::remove_file(self.object_path(&item.id));
            fs::remove_file(&path).map_err(|e| Error::at_path("clear the queue", &path, e))?;
        }
        Ok(())
    }

    fn update_item(&self, id: &str, change: impl FnOnce(&mut SendItem)) -> Result<()> {
        let _edit = self.lock_for_edit()?;
        let Some(before) = self.read_item(id)? else {
            return Ok(());
        };
        let mut item = before.clone();
        change(&mut item);
        if item == before {
            return Ok(());
        }
        item.changed = now_millis();
        self.write_item(&item)
    }

    fn read_item(&self, id: &str) -> Result<Option<SendItem>> {
        let path = self.description_path(id);
        let failed = |e: &dyn std::fmt::Display| Error::at_path("read the queue", &path, e);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|e| failed(&e)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(failed(&e)),
        }
    }

    fn write_item(&self, item: &SendItem) -> Result<()> {
        let tried = "write the queue";
        let text = serde_json::to_vec_pretty(item).map_err(|e| Error::new(tried, e))?;
        whole_file::write_atomically(&self.description_path(&item.id), tried, |out| {
            out.write_all(&text)
        })
    }

    fn description_path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }

    fn object_path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.dcm"))
    }

    /// Changes to items exclude each other, also those of other programs; they are short.
    fn lock_for_edit(&self) -> Result<File> {
        let file = self.lock_file("edit.lock")?;
        file.lock()
            .map_err(|e| Error::at_path("lock the queue", &self.folder, e))?;
        Ok(file)
    }

    /// The right to send, unless another program has it.
    fn acquire_sending_right(&self) -> Result<Option<SendingRight>> {
        let file = self.lock_file("send.lock")?;
        match file.try_lock() {
            Ok(()) => Ok(Some(SendingRight { _lock: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(Error::at_path("lock the queue", &self.folder, e)),
        }
    }

    fn lock_file(&self, name: &str) -> Result<File> {
        let path = self.folder.join(name);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path);
        file.map_err(|e| Error::at_path("lock the queue", &path, e))
    }
}

/// The same for the same object and server.
fn id_of(server: &Server, sop_uid: &str) -> String {
    let digest = Sha256::digest(format!("{}\n{sop_uid}", server.file_key()).as_bytes());
    digest.iter().take(16).map(|b| format!("{b:02x}")).collect()
}

fn pause_after(attempts: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << attempts.saturating_sub(1).min(16))
        .min(LONGEST_PAUSE)
}

fn now_millis() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |t| t.as_millis() as i64)
}

#[cfg(test)]
mod tests;
