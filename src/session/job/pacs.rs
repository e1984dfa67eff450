//! Plain data of jobs about servers (PACS).

use super::{ExportJob, PicturedSlices, Screenshot};
use crate::Result;
use labrum_core::{
    pacs::{FoundStudies, Query, Receiving, RemoteSeries, Secret, SendItem, Server},
    progress::Cancel,
};
use std::path::PathBuf;

/// A job about servers or the send queue, by the thread that does it.
#[derive(Clone, Debug)]
pub enum PacsJob {
    /// Ask a server.
    Ask(PacsQuestion),
    /// Receive a study, or some series of it.
    Receive(ReceiveJob),
    /// Remember the password or token of a server.
    SignIn {
        /// The server.
        server: Server,
        /// Its password or token.
        secret: Secret,
        /// Store it in the system's key store.
        is_kept: bool,
    },
    /// Forget the password or token of a server.
    Forget(Server),
    /// Change the send queue.
    Sending(SendingJob),
}

/// Jobs of the thread `labrum-pacs`.
#[derive(Clone, Debug)]
pub enum PacsQuestion {
    /// Test the connection and the sign-in (C-ECHO).
    Echo {
        /// Id of the request.
        id: u64,
        /// The server.
        server: Server,
        /// Cancels it.
        cancel: Cancel,
    },
    /// Find studies.
    Find {
        /// Id of the request.
        id: u64,
        /// The server.
        server: Server,
        /// The search terms.
        query: Query,
        /// Cancels it.
        cancel: Cancel,
    },
    /// List the series of a study.
    ListSeries {
        /// Id of the request.
        id: u64,
        /// The server.
        server: Server,
        /// Study Instance UID.
        study_uid: String,
        /// Cancels it.
        cancel: Cancel,
    },
}

/// Jobs of the thread `labrum-receive`.
#[derive(Clone, Debug)]
pub struct ReceiveJob {
    /// Id of the transfer.
    pub id: u64,
    /// The server.
    pub server: Server,
    /// Study Instance UID.
    pub study_uid: String,
    /// Series Instance UIDs; `None` for all.
    pub series: Option<Vec<String>>,
    /// Cancels it.
    pub cancel: Cancel,
}

/// Jobs of the thread `labrum-send`.
#[derive(Clone, Debug)]
pub enum SendingJob {
    /// Write a segmentation and queue it for a server.
    Send {
        /// The segmentation; its folder is ignored.
        export: Box<ExportJob>,
        /// The receiving server.
        server: Server,
    },
    /// Write a screenshot as DICOM and queue it for a server.
    SendScreenshot {
        /// Its pixels.
        screenshot: Screenshot,
        /// What it shows.
        pictured: Box<PicturedSlices>,
        /// The receiving server.
        server: Server,
    },
    /// Cancel sending an object.
    Cancel(String),
    /// Retry an object now.
    Retry(String),
    /// Remove finished objects from the list.
    ForgetDone,
}

/// Answers of servers, and the state of the send queue.
#[derive(Clone, Debug)]
pub enum PacsEvent {
    /// Result of a connection test.
    Echoed {
        /// Id of the request.
        id: u64,
        /// The result.
        result: Result<()>,
    },
    /// Studies were found.
    Found {
        /// Id of the request.
        id: u64,
        /// The studies.
        result: Result<FoundStudies>,
    },
    /// Series of a study.
    Series {
        /// Id of the request.
        id: u64,
        /// Study Instance UID.
        study_uid: String,
        /// The series.
        result: Result<Vec<RemoteSeries>>,
    },
    /// Progress of receiving a study.
    Receiving {
        /// Id of the transfer.
        id: u64,
        /// The progress.
        state: Receiving,
    },
    /// A study was received.
    Received {
        /// Id of the transfer.
        id: u64,
        /// The folders with its files.
        result: Result<Vec<PathBuf>>,
    },
    /// A password or token was remembered.
    SignedIn {
        /// Name of the server.
        server: String,
        /// Why it could not be stored in the key store; `None` if it was stored, or was not meant to be.
        not_kept: Option<String>,
    },
    /// An object was queued.
    Queued(Result<Box<SendItem>>),
    /// The send queue, with finished objects.
    Queue(Vec<SendItem>),
    /// An object cannot be sent before the user signs in.
    SendingNeedsSignIn {
        /// Name of the server.
        server: String,
    },
}
