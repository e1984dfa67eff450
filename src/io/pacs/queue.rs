//! The send queue: a folder with a description and a copy of each object, which persists when the program ends.
//!
//! An object is marked as being sent before its first byte leaves. If it is found marked later, because the connection or
//! the program ended, the server is asked whether it has the object before it is sent again. If several programs share a
//! queue, a file lock ensures that only one sends at a time.

use super::{
    Archive, Object,
    failure::{cancelled_error, server_error},
};
use crate::{Error, ErrorKind, Result};
use labrum_core::{
    clock::now_millis,
    hex::hex_text,
    naming::file_name_text,
    pacs::{SendItem, SendState, Server},
    progress::Cancel,
    whole_file,
};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// Pause before the first retry; it doubles with each further retry.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
/// Maximum pause before a retry.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// How long sent and cancelled objects stay listed.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3600);

/// The folder of the send queue. Cheap to clone.
#[derive(Clone, Debug)]
pub struct SendQueue {
    folder: PathBuf,
}

/// The exclusive right to send; released when dropped.
#[derive(Debug)]
struct SendingRight {
    _lock: File,
}

impl SendQueue {
    /// Opens the queue in a folder, which is created if missing.
    ///
    /// # Errors
    /// If the folder cannot be created or written to.
    pub fn open(folder: &Path) -> Result<Self> {
        whole_file::make_folder(folder)?;
        // The objects contain patient names.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let _ = fs::set_permissions(folder, fs::Permissions::from_mode(0o700));
        }
        Ok(Self {
            folder: folder.to_owned(),
        })
    }

    /// Queues a copy of a DICOM file, unless it is already queued for this server or was sent to it.
    ///
    /// # Errors
    /// If the file is not a complete DICOM object, the server's settings are not valid, or the copy cannot be written.
    pub fn enqueue_file(&self, file: &Path, server: &Server) -> Result<SendItem> {
        if let Some(problem) = server.find_problem() {
            return Err(server_error(
                ErrorKind::Settings,
                server,
                "send objects",
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
        whole_file::write_atomically(&self.object_path(&id), "queue the object", |out| {
            io::copy(&mut File::open(file)?, out).map(drop)
        })?;
        let now = now_millis();
        let item = SendItem {
            id,
            server: server.clone(),
            file: file_name_text(file),
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

    /// All items of the queue with their states, oldest first. Items that cannot be read are skipped.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn read_items(&self) -> Result<Vec<SendItem>> {
        let folder = self.folder.as_path();
        let mut items = Vec::new();
        for entry in fs::read_dir(folder).map_err(|e| queue_read_error(folder, e))? {
            let path = entry.map_err(|e| queue_read_error(folder, e))?.path();
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

    /// Cancels an object. If it is being sent, it may still arrive.
    ///
    /// # Errors
    /// If the queue cannot be written.
    pub fn cancel_item(&self, id: &str) -> Result<()> {
        self.update_item(id, |item| {
            if item.state.is_open() {
                item.trouble = item
                    .may_have_arrived
                    .then(|| "it was being sent and may have arrived".to_owned());
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

    /// Makes an object that waits or was refused due now.
    ///
    /// # Errors
    /// If the queue cannot be written.
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

    /// Removes sent and cancelled objects from the list.
    ///
    /// # Errors
    /// If the queue cannot be read or written.
    pub fn forget_done(&self) -> Result<()> {
        self.remove_matching(|item| matches!(item.state, SendState::Sent | SendState::Cancelled))
    }

    /// Sends the objects that are due, one after the other, and calls `tell` after each change. Returns the time until the
    /// next object is due; `None` if none waits.
    ///
    /// `archive` creates the client for a server with its secret. If that fails, its objects keep waiting.
    ///
    /// # Errors
    /// If the queue itself cannot be read or written. Errors of single objects are stored in their items.
    pub fn send_due(
        &self,
        archive: &mut dyn FnMut(&Server) -> Result<Archive>,
        tell: &mut dyn FnMut(&SendItem),
        cancel: &Cancel,
    ) -> Result<Option<Duration>> {
        let Some(_turn) = self.acquire_sending_right()? else {
            // Another program is sending; it may end at any time.
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
            // Keep the UID of the queue item: it is used to ask the server for the object.
            object.sop_uid.clone_from(&item.sop_uid);
            archive.store_object(&object, cancel)
        });
        self.record_result(id, done, cancel)?;
        self.read_item(id)?.iter().for_each(tell);
        Ok(())
    }

    /// Returns false if the object is no longer to be sent.
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
                // The program is ending: the object is sent after the next start.
                Err(_) if cancel.is_cancelled() => item.state = SendState::Waiting,
                Err(failure) => {
                    item.trouble = Some(failure.reason.clone());
                    // Repeated attempts with a wrong password could lock the account.
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
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|e| queue_read_error(&path, e)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(queue_read_error(&path, e)),
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

    /// Locks the queue for a short change, also against other programs.
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

fn queue_read_error(path: &Path, reason: impl ToString) -> Error {
    Error::at_path("read the queue", path, reason)
}

/// An id that depends only on the object and the server.
fn id_of(server: &Server, sop_uid: &str) -> String {
    let digest = Sha256::digest(format!("{}\n{sop_uid}", server.file_key()).as_bytes());
    hex_text(&digest[..16])
}

fn pause_after(attempts: u32) -> Duration {
    FIRST_PAUSE
        .saturating_mul(1 << attempts.saturating_sub(1).min(16))
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests;
