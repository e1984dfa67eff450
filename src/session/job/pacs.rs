//! Plain data between the session and the servers.

use super::ExportJob;
use crate::Result;
use labrum_core::{
    pacs::{FoundStudies, Query, Receiving, RemoteSeries, Secret, SendItem, Server},
    progress::Cancel,
};
use std::path::PathBuf;

/// What servers are asked, or what is done with the queue, by the thread that does it.
#[derive(Clone, Debug)]
pub enum PacsJob {
    /// Ask a server.
    Ask(PacsQuestion),
    /// Receive a study, or some series of it.
    Receive(ReceiveJob),
    /// Know the secret of a server, and keep it in the system's key store where that is wanted.
    SignIn {
        /// Which server.
        server: Server,
        /// Its password or token.
        secret: Secret,
        /// Beyond the end of the program.
        is_kept: bool,
    },
    /// Forget the secret of a server.
    Forget(Server),
    /// Send, and what else is done with the queue.
    Sending(SendingJob),
}

/// What is done on the thread `labrum-pacs`.
#[derive(Clone, Debug)]
pub enum PacsQuestion {
    /// See whether a server is there and lets us in.
    Echo {
        /// Which question.
        id: u64,
        /// Which server.
        server: Server,
        /// Stops it.
        cancel: Cancel,
    },
    /// Find studies.
    Find {
        /// Which question.
        id: u64,
        /// Which server.
        server: Server,
        /// Which studies.
        query: Query,
        /// Stops it.
        cancel: Cancel,
    },
    /// List the series of a study.
    ListSeries {
        /// Which question.
        id: u64,
        /// Which server.
        server: Server,
        /// Study Instance UID.
        study_uid: String,
        /// Stops it.
        cancel: Cancel,
    },
}

/// What is done on the thread `labrum-receive`.
#[derive(Clone, Debug)]
pub struct ReceiveJob {
    /// Which receiving.
    pub id: u64,
    /// Which server.
    pub server: Server,
    /// Study Instance UID.
    pub study_uid: String,
    /// Series Instance UIDs; all where nothing is said.
    pub series: Option<Vec<String>>,
    /// Stops it.
    pub cancel: Cancel,
}

/// What is done on the thread `labrum-send`.
#[derive(Clone, Debug)]
pub enum SendingJob {
    /// Write a segmentation and queue it for a server.
    Send {
        /// The segmentation; its folder does not matter.
        export: Box<ExportJob>,
        /// Where it goes.
        server: Server,
    },
    /// Do not send an object any more.
    Cancel(String),
    /// Try an object again now.
    Retry(String),
    /// Take those out of the list that are done with.
    ForgetDone,
}

/// What servers answer, and what becomes of the queue.
#[derive(Clone, Debug)]
pub enum PacsEvent {
    /// A server was reached, or was not.
    Echoed {
        /// Which question.
        id: u64,
        /// What came of it.
        result: Result<()>,
    },
    /// Studies were found.
    Found {
        /// Which question.
        id: u64,
        /// The studies.
        result: Result<FoundStudies>,
    },
    /// Series of a study.
    Series {
        /// Which question.
        id: u64,
        /// Study Instance UID.
        study_uid: String,
        /// The series.
        result: Result<Vec<RemoteSeries>>,
    },
    /// How far a study is.
    Receiving {
        /// Which receiving.
        id: u64,
        /// How far.
        state: Receiving,
    },
    /// A study is here.
    Received {
        /// Which receiving.
        id: u64,
        /// Its folders.
        result: Result<Vec<PathBuf>>,
    },
    /// A secret is known; why it is not kept beyond the end of the program.
    SignedIn {
        /// Name of the server.
        server: String,
        /// The reason; `None` where it is kept, or was not to be.
        not_kept: Option<String>,
    },
    /// A segmentation was queued.
    Queued(Result<Box<SendItem>>),
    /// All that waits to be sent, and what became of the rest.
    Queue(Vec<SendItem>),
    /// An object cannot be sent before somebody signs in.
    SendingNeedsSignIn {
        /// Name of the server.
        server: String,
    },
}
