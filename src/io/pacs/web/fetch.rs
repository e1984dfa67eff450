//! WADO-RS: receives objects, a few at a time, each into its own file.

use super::{WebClient, line_error};
use crate::{
    ErrorKind, Result,
    io::pacs::{
        Arrived,
        failure::server_error,
        multipart, object,
        patience::{Guarded, run_cancellable},
    },
};
use crossbeam_channel::unbounded;
use labrum_core::{pacs::RemoteInstance, progress::Cancel, whole_file};
use std::{
    io::{self, Read, Write},
    path::Path,
    thread,
};

/// Requests an object in its stored transfer syntax.
const ORIGINAL: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
/// For servers that do not support `transfer-syntax=*`.
const PLAIN: &str = "multipart/related; type=\"application/dicom\"";
/// Number of objects requested in parallel.
const AT_ONCE: usize = 4;

impl WebClient {
    /// Receives objects on [`AT_ONCE`] threads.
    pub(in crate::io::pacs) fn fetch_instances(
        &self,
        study: &str,
        series: &str,
        wanted: &[RemoteInstance],
        folder: &Path,
        arrived: &mut Arrived<'_>,
        cancel: &Cancel,
    ) -> Result<()> {
        let tried = "receive an object";
        let base = format!(
            "studies/{}/series/{}/instances",
            self.check_uid(tried, study)?,
            self.check_uid(tried, series)?
        );
        let (orders, waiting) = unbounded();
        for instance in wanted {
            let _ = orders.send(instance);
        }
        drop(orders);
        let (answers, told) = unbounded();
        // A failure of one connection is likely to affect all: the others start no further request.
        let stop = Cancel::default();
        thread::scope(|scope| {
            for _ in 0..AT_ONCE.min(wanted.len()) {
                let waiting = waiting.clone();
                let answers = answers.clone();
                let stop = stop.clone();
                let base = &base;
                scope.spawn(move || {
                    for instance in waiting {
                        if stop.is_cancelled() {
                            return;
                        }
                        let came = self.fetch_one(base, instance, folder, cancel);
                        let has_failed = came.is_err();
                        drop(answers.send((instance, came)));
                        if has_failed {
                            return stop.cancel();
                        }
                    }
                });
            }
            drop(answers);
            for (instance, came) in told {
                arrived(instance, came);
            }
        });
        Ok(())
    }

    /// Receives one object; returns its size in bytes.
    fn fetch_one(
        &self,
        base: &str,
        instance: &RemoteInstance,
        folder: &Path,
        cancel: &Cancel,
    ) -> Result<u64> {
        let tried = "receive an object";
        let sop = self.check_uid(tried, &instance.sop_uid)?.to_owned();
        let file = folder.join(format!("{sop}.dcm"));
        let client = self.clone();
        let path = format!("{base}/{sop}");
        let guard = cancel.clone();
        run_cancellable(&self.0.server, tried, cancel, move || {
            let mut answer = client.get_response(tried, &path, ORIGINAL)?;
            if [400, 406, 415].contains(&answer.status().as_u16()) {
                answer = client.get_response(tried, &path, PLAIN)?;
            }
            if !answer.status().is_success() {
                return Err(client.0.status_error(tried, &mut answer));
            }
            let kind = answer
                .headers()
                .get("content-type")
                .and_then(|kind| kind.to_str().ok())
                .unwrap_or_default();
            let boundary = multipart::parse_boundary(kind);
            let is_bare =
                kind.trim().to_lowercase().starts_with("application/dicom") && boundary.is_none();
            if boundary.is_none() && !is_bare {
                return Err(client
                    .0
                    .invalid_answer(tried, "the answer is not a DICOM object"));
            }
            let body = answer.body_mut().with_config().limit(u64::MAX).reader();
            let mut body = Guarded {
                inner: body,
                cancel: guard,
            };
            let mut bytes = 0;
            let mut trouble = None;
            let written = whole_file::write_checked(
                &file,
                "save the received object",
                |out| {
                    bytes = copy_from_answer(&mut body, boundary.as_deref(), out, &mut trouble)?;
                    Ok(())
                },
                |path| object::check_identity(path, &sop),
            );
            match (written, trouble) {
                (_, Some(error)) => Err(client.0.transport_error(tried, &error, false)),
                (Err(error), None) if error.kind == ErrorKind::Mismatch => Err(server_error(
                    ErrorKind::Refused,
                    &client.0.server,
                    tried,
                    error.reason,
                )),
                (Err(error), None) => Err(error),
                (Ok(()), None) => Ok(bytes),
            }
        })
    }
}

/// Writes the object in an answer, multipart if there is a `boundary`, and returns its size in bytes. A network failure is
/// stored in `trouble` and also returned as an error, so that the incomplete file is discarded.
fn copy_from_answer(
    body: &mut impl Read,
    boundary: Option<&str>,
    out: &mut dyn Write,
    trouble: &mut Option<ureq::Error>,
) -> io::Result<u64> {
    let mut out = TransferFailure {
        out,
        has_failed: false,
    };
    let copied = match boundary {
        Some(boundary) => multipart::copy_part(body, boundary, &mut out),
        None => io::copy(body, &mut out),
    };
    match copied {
        Err(error) if !out.has_failed => {
            *trouble = Some(line_error(error));
            Err(io::Error::other("the connection was lost"))
        }
        result => result,
    }
}

/// A writer that records its failures, to tell disk failures from network failures.
struct TransferFailure<'a> {
    out: &'a mut dyn Write,
    has_failed: bool,
}

impl Write for TransferFailure<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.out
            .write(buffer)
            .inspect_err(|_| self.has_failed = true)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush().inspect_err(|_| self.has_failed = true)
    }
}
