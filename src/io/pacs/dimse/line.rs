//! An association and the messages exchanged over it.

use super::super::failure::{cancelled_error, server_error};
use super::command::CommandSet;
use crate::{Error, ErrorKind, Result};
use dicom_dictionary_std::uids;
use dicom_ul::{
    ClientAssociation, Pdu,
    association::{Error as UlError, SyncAssociation, client::ClientAssociationOptions},
    pdu::{
        PDataValue, PDataValueType, PresentationContextNegotiated, PresentationContextResultReason,
    },
};
use labrum_core::{pacs::Server, progress::Cancel};
use std::{
    collections::VecDeque,
    error,
    io::{self, Read, Write},
    iter,
    net::TcpStream,
    time::Duration,
};

/// Time limit for connecting.
const CONNECT: Duration = Duration::from_secs(10);
/// Time limit for each read and write.
const PATIENCE: Duration = Duration::from_secs(60);
/// Maximum size in bytes of a command, and of a data set that is kept in memory.
const MOST_DATA: usize = 16 << 20;

/// The uncompressed little endian transfer syntaxes, which practically every node supports.
pub(super) fn uncompressed_syntaxes() -> Vec<String> {
    vec![
        uids::EXPLICIT_VR_LITTLE_ENDIAN.into(),
        uids::IMPLICIT_VR_LITTLE_ENDIAN.into(),
    ]
}

/// An association that this program or the server has opened.
pub(super) struct Association<A: SyncAssociation<TcpStream>> {
    server: Server,
    tried: &'static str,
    cancel: Cancel,
    association: A,
    contexts: Vec<PresentationContextNegotiated>,
    waiting: VecDeque<PDataValue>,
    /// True once an object is being sent and may have arrived.
    pub(super) has_sent: bool,
    /// True once the other side has released the association.
    pub(super) has_ended: bool,
}

/// A message without its data set.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) context: u8,
    pub(super) command: CommandSet,
}

impl Association<ClientAssociation<TcpStream>> {
    /// Opens an association for SOP classes with their transfer syntaxes. For the classes in `as_scp`, this program takes the
    /// SCP role and receives objects.
    pub(super) fn connect_to(
        server: &Server,
        tried: &'static str,
        cancel: &Cancel,
        contexts: Vec<(String, Vec<String>)>,
        as_scp: &[String],
    ) -> Result<Self> {
        let mut options = ClientAssociationOptions::new()
            .calling_ae_title(server.calling_ae.trim().to_owned())
            .called_ae_title(server.called_ae.trim().to_owned())
            .connection_timeout(CONNECT)
            .read_timeout(PATIENCE)
            .write_timeout(PATIENCE);
        for (class, syntaxes) in contexts {
            options = options.with_presentation_context(class, syntaxes);
        }
        for class in as_scp {
            options = options.with_role_selection(class.clone(), false, true);
        }
        let association = options
            .establish(server.address.trim())
            .map_err(|error| explain_failure(server, tried, error, false))?;
        Ok(Self::new(server, tried, cancel, association))
    }

    pub(super) fn release(self) {
        let _ = self.association.release();
    }
}

impl<A: SyncAssociation<TcpStream>> Association<A> {
    pub(super) fn new(
        server: &Server,
        tried: &'static str,
        cancel: &Cancel,
        association: A,
    ) -> Self {
        let contexts = association.presentation_contexts().to_vec();
        let server = server.clone();
        let cancel = cancel.clone();
        Self {
            server,
            tried,
            cancel,
            association,
            contexts,
            waiting: VecDeque::new(),
            has_sent: false,
            has_ended: false,
        }
    }

    /// Aborts the association, even if messages are pending.
    pub(super) fn abort(self) {
        let _ = self.association.abort();
    }

    /// The presentation context for a SOP class, and for a transfer syntax if one is given.
    pub(super) fn context_for_class(&self, class: &str, syntax: Option<&str>) -> Result<u8> {
        self.contexts
            .iter()
            .find(|context| is_context_for(context, class, syntax))
            .map(|context| context.id)
            .ok_or_else(|| {
                self.error_of_kind(ErrorKind::Refused, "the server does not offer this service")
            })
    }

    pub(super) fn syntax_of(&self, context: u8) -> String {
        let found = self.contexts.iter().find(|c| c.id == context);
        found.map_or(uids::IMPLICIT_VR_LITTLE_ENDIAN.to_owned(), |c| {
            trim_uid(&c.transfer_syntax).to_owned()
        })
    }

    pub(super) fn class_of(&self, context: u8) -> String {
        self.contexts
            .iter()
            .find(|c| c.id == context)
            .map_or(String::new(), |c| trim_uid(&c.abstract_syntax).to_owned())
    }

    pub(super) fn error_of_kind(&self, kind: ErrorKind, reason: impl ToString) -> Error {
        server_error(kind, &self.server, self.tried, reason)
    }

    fn transport_error(&self, error: UlError) -> Error {
        explain_failure(&self.server, self.tried, error, self.has_sent)
    }

    /// Sends a command and its data set.
    pub(super) fn send_message(
        &mut self,
        context: u8,
        command: &CommandSet,
        data: Option<&mut dyn Read>,
    ) -> Result<()> {
        let bytes = command
            .to_bytes(data.is_some())
            .map_err(|e| self.error_of_kind(ErrorKind::Other, e))?;
        let value = PDataValue {
            presentation_context_id: context,
            value_type: PDataValueType::Command,
            is_last: true,
            data: bytes,
        };
        let sent = SyncAssociation::send(&mut self.association, &Pdu::PData { data: vec![value] });
        sent.map_err(|error| self.transport_error(error))?;
        let Some(data) = data else { return Ok(()) };
        let mut writer = self.association.send_pdata(context);
        let mut piece = vec![0; 64 * 1024];
        let copied = loop {
            if self.cancel.is_cancelled() {
                break Err(io::Error::other("cancelled"));
            }
            match data.read(&mut piece) {
                Ok(0) => break Ok(()),
                Ok(count) => {
                    if let Err(error) = writer.write_all(&piece[..count]) {
                        break Err(error);
                    }
                }
                Err(error) => break Err(error),
            }
        };
        match copied {
            Ok(()) => writer
                .finish()
                .map_err(|error| broken_io(&self.server, self.tried, &error)),
            Err(error) => {
                // The data set is incomplete: no fragment may be marked as the last one.
                writer.abandon();
                Err(broken_io(&self.server, self.tried, &error))
            }
        }
    }

    fn next_value(&mut self) -> Result<PDataValue> {
        loop {
            if let Some(value) = self.waiting.pop_front() {
                return Ok(value);
            }
            if self.cancel.is_cancelled() {
                return Err(cancelled_error(&self.server, self.tried));
            }
            match SyncAssociation::receive(&mut self.association) {
                Ok(Pdu::PData { data }) => self.waiting.extend(data),
                Ok(Pdu::ReleaseRQ) => {
                    let _ = SyncAssociation::send(&mut self.association, &Pdu::ReleaseRP);
                    self.has_ended = true;
                    return Err(self.error_of_kind(
                        ErrorKind::ConnectionLost,
                        "the server closed the association",
                    ));
                }
                Ok(Pdu::AbortRQ { .. }) => {
                    return Err(self.error_of_kind(
                        ErrorKind::ConnectionLost,
                        "the server aborted the association",
                    ));
                }
                Ok(_) => {
                    return Err(self.error_of_kind(ErrorKind::Refused, "unexpected answer"));
                }
                Err(error) => return Err(self.transport_error(error)),
            }
        }
    }

    /// The next command; its data set is read by [`Self::read_data`].
    pub(super) fn next_message(&mut self) -> Result<Message> {
        let mut bytes = Vec::new();
        loop {
            let value = self.next_value()?;
            if value.value_type != PDataValueType::Command || bytes.len() > MOST_DATA {
                return Err(self.error_of_kind(ErrorKind::Refused, "unexpected answer"));
            }
            bytes.extend(value.data);
            if value.is_last {
                let command = CommandSet::from_bytes(&bytes)
                    .map_err(|e| self.error_of_kind(ErrorKind::Refused, e))?;
                return Ok(Message {
                    context: value.presentation_context_id,
                    command,
                });
            }
        }
    }

    /// Passes the data set of a command to `out` piece by piece, and returns its size in bytes. A failure of `out` is the
    /// inner error.
    pub(super) fn read_data(
        &mut self,
        out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<io::Result<u64>> {
        let mut written = Ok(());
        let mut count = 0;
        loop {
            let value = self.next_value()?;
            if value.value_type != PDataValueType::Data {
                return Err(self.error_of_kind(ErrorKind::Refused, "unexpected answer"));
            }
            count += value.data.len() as u64;
            if written.is_ok() {
                written = out(&value.data);
            }
            if value.is_last {
                return Ok(written.map(|()| count));
            }
        }
    }

    /// The data set of a command, at most [`MOST_DATA`] bytes.
    pub(super) fn short_data(&mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let took = self.read_data(&mut |piece| {
            if bytes.len() + piece.len() > MOST_DATA {
                return Err(io::Error::other("the answer is too long"));
            }
            bytes.extend_from_slice(piece);
            Ok(())
        })?;
        took.map_err(|error| self.error_of_kind(ErrorKind::Refused, error))?;
        Ok(bytes)
    }

    pub(super) fn expect_success(&self, answer: &Message) -> Result<()> {
        match answer.command.status() {
            0x0000 => Ok(()),
            status => Err(self.refusal_error(status)),
        }
    }

    /// The error for a status other than success (PS3.4).
    pub(super) fn refusal_error(&self, status: u16) -> Error {
        match status {
            // Out of resources, which is usually temporary.
            0xA700..=0xA702 => self.error_of_kind(
                ErrorKind::Unreachable,
                format!("the server is out of resources ({status:04X})"),
            ),
            0xA801 => self.error_of_kind(
                ErrorKind::Settings,
                "unknown move destination: the calling AE title must be registered on the server \
                 with this computer's address and port",
            ),
            0x0122 => {
                self.error_of_kind(ErrorKind::Refused, "the server does not offer this service")
            }
            0x0124 => self.error_of_kind(ErrorKind::Refused, "the server denies permission"),
            status => self.error_of_kind(
                ErrorKind::Refused,
                super::super::web::failure_reason(u32::from(status)),
            ),
        }
    }
}

/// True for an accepted context of a SOP class, and of a transfer syntax if one is given.
fn is_context_for(
    context: &PresentationContextNegotiated,
    class: &str,
    syntax: Option<&str>,
) -> bool {
    context.reason == PresentationContextResultReason::Acceptance
        && trim_uid(&context.abstract_syntax) == class
        && syntax.is_none_or(|syntax| trim_uid(&context.transfer_syntax) == syntax)
}

fn trim_uid(uid: &str) -> &str {
    uid.trim_end_matches(['\0', ' '])
}

fn broken_io(server: &Server, tried: &str, error: &io::Error) -> Error {
    server_error(ErrorKind::ConnectionLost, server, tried, of_the_line(error))
}

/// The reason for a failed read or write.
fn of_the_line(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => timeout_reason(),
        _ => "the connection was lost".to_owned(),
    }
}

fn timeout_reason() -> String {
    format!("no answer for {} s", PATIENCE.as_secs())
}

/// The I/O error that caused an error; `None` if its cause is invalid data.
fn io_source<'a>(error: &'a (dyn error::Error + 'static)) -> Option<&'a io::Error> {
    iter::successors(Some(error), |error| error.source()).find_map(|error| error.downcast_ref())
}

/// The error for a failure of the DICOM upper layer. Its own message is not used, because it may contain patient data.
fn explain_failure(server: &Server, tried: &str, error: UlError, has_sent: bool) -> Error {
    let lost = if has_sent {
        ErrorKind::ConnectionLost
    } else {
        ErrorKind::Unreachable
    };
    let (kind, reason) = match &error {
        UlError::ToAddress { .. } => (ErrorKind::Unreachable, "host not found".to_owned()),
        UlError::Connect { source, .. } => (
            ErrorKind::Unreachable,
            match source.kind() {
                io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
                io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                    format!("no connection within {} s", CONNECT.as_secs())
                }
                _ => "the connection failed".to_owned(),
            },
        ),
        UlError::Rejected { association_rj, .. } => {
            let why = format!("{:?}", association_rj.source);
            let reason = match () {
                () if why.contains("CalledAETitleNotRecognized") => {
                    "the server does not recognise the called AE title"
                }
                () if why.contains("CallingAETitleNotRecognized") => {
                    "the server does not recognise the calling AE title"
                }
                () => "the server rejected the association",
            };
            (ErrorKind::Refused, reason.to_owned())
        }
        UlError::NoAcceptedPresentationContexts { .. } => (
            ErrorKind::Refused,
            "the server does not offer this service".to_owned(),
        ),
        UlError::Timeout { .. } => (lost, timeout_reason()),
        UlError::WireRead { source, .. } | UlError::WireSend { source, .. } => {
            (lost, of_the_line(source))
        }
        UlError::ConnectionClosed { .. } | UlError::Aborted { .. } => {
            (lost, "the connection was lost".to_owned())
        }
        // A server that is starting or shutting down may answer an association request with A-ABORT.
        UlError::UnexpectedPdu { pdu, .. }
            if matches!(**pdu, Pdu::AbortRQ { .. } | Pdu::ReleaseRQ) =>
        {
            (lost, "the server aborted the association".to_owned())
        }
        // A connection that is reset during a read is reported as a PDU that cannot be received.
        UlError::ReceivePdu { source } if let Some(error) = io_source(source) => {
            (lost, of_the_line(error))
        }
        UlError::ReceivePdu { .. } | UlError::UnexpectedPdu { .. } | UlError::UnknownPdu { .. } => {
            (
                ErrorKind::Refused,
                "not a DICOM server, or a damaged answer".to_owned(),
            )
        }
        _ => (lost, "the association failed".to_owned()),
    };
    server_error(kind, server, tried, reason)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::net::TcpListener;

    /// The error of an association with a server that handles the connection with `serve`.
    fn failure_with(serve: impl FnOnce(TcpStream) + Send + 'static) -> Error {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let at_work = std::thread::spawn(move || serve(listener.accept().unwrap().0));
        let server = Server {
            address,
            called_ae: "THERE".into(),
            calling_ae: "HERE".into(),
            ..Server::default()
        };
        let contexts = vec![("1.2.840.10008.1.1".to_owned(), uncompressed_syntaxes())];
        let failure = Association::connect_to(&server, "ask", &Cancel::default(), contexts, &[])
            .err()
            .unwrap();
        at_work.join().unwrap();
        failure
    }

    fn read_some_bytes(mut stream: &TcpStream) {
        assert!(stream.read(&mut [0; 64]).unwrap() > 0);
    }

    #[test]
    fn an_abort_or_a_reset_may_be_retried() {
        let aborts = failure_with(|mut stream| {
            read_some_bytes(&stream);
            stream.write_all(&[7, 0, 0, 0, 0, 4, 0, 0, 0, 0]).unwrap();
        });
        assert!(aborts.kind.is_passing(), "{}", aborts);
        // Closing a connection with unread data resets it.
        let resets = failure_with(|stream| read_some_bytes(&stream));
        assert!(resets.kind.is_passing(), "{}", resets);
    }

    #[test]
    fn a_server_that_does_not_speak_dicom_is_not_retried() {
        let other = failure_with(|mut stream| {
            read_some_bytes(&stream);
            stream.write_all(&[1, 0, 0, 0, 0, 4, 0, 0, 0, 0]).unwrap();
        });
        assert_eq!(other.kind, ErrorKind::Refused, "{}", other);
    }
}
