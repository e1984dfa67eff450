//! An association and the messages that go over it.

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
    io::{self, Read, Write},
    net::TcpStream,
    time::Duration,
};

/// A connection has to be there after so long.
const CONNECT: Duration = Duration::from_secs(10);
/// Nothing is waited for longer than this.
const PATIENCE: Duration = Duration::from_secs(60);
/// Answers to questions are no longer.
const MOST_DATA: usize = 16 << 20;

/// Transfer syntaxes that every node has to know.
pub(super) fn uncompressed_syntaxes() -> Vec<String> {
    vec![
        uids::EXPLICIT_VR_LITTLE_ENDIAN.into(),
        uids::IMPLICIT_VR_LITTLE_ENDIAN.into(),
    ]
}

/// An association with a server, or one that a server has opened with us.
pub(super) struct Association<A: SyncAssociation<TcpStream>> {
    server: Server,
    tried: &'static str,
    cancel: Cancel,
    association: A,
    contexts: Vec<PresentationContextNegotiated>,
    waiting: VecDeque<PDataValue>,
    /// Something of worth is on its way.
    pub(super) has_sent: bool,
    /// The other side has ended the association as it should.
    pub(super) has_ended: bool,
}

/// A message without its data.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) context: u8,
    pub(super) command: CommandSet,
}

impl Association<ClientAssociation<TcpStream>> {
    /// Opens an association for these classes with their transfer syntaxes; for those in `as_scp` the server sends.
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
        let (server, cancel) = (server.clone(), cancel.clone());
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

    /// Ends the association although something may be on its way.
    pub(super) fn abort(self) {
        let _ = self.association.abort();
    }

    /// The context for a class, and for a transfer syntax where one is named.
    pub(super) fn context_for_class(&self, class: &str, syntax: Option<&str>) -> Result<u8> {
        let is_it = |c: &&PresentationContextNegotiated| {
            c.reason == PresentationContextResultReason::Acceptance
                && trim_uid(&c.abstract_syntax) == class
                && syntax.is_none_or(|syntax| trim_uid(&c.transfer_syntax) == syntax)
        };
        let found = self.contexts.iter().find(is_it).map(|c| c.id);
        found
            .ok_or_else(|| self.error_of_kind(ErrorKind::Refused, "it does not offer this service"))
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

    /// Sends a command and what belongs to it.
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
                // The rest is missing: the last fragment must not say that it is whole.
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
                    return Err(
                        self.error_of_kind(ErrorKind::ConnectionLost, "it ended the association")
                    );
                }
                Ok(Pdu::AbortRQ { .. }) => {
                    return Err(
                        self.error_of_kind(ErrorKind::ConnectionLost, "it aborted the association")
                    );
                }
                Ok(_) => {
                    return Err(self.error_of_kind(ErrorKind::Refused, "its answer makes no sense"));
                }
                Err(error) => return Err(self.transport_error(error)),
            }
        }
    }

    /// The next command; what belongs to it is read by [`Self::data`].
    pub(super) fn next_message(&mut self) -> Result<Message> {
        let mut bytes = Vec::new();
        loop {
            let value = self.next_value()?;
            if value.value_type != PDataValueType::Command || bytes.len() > MOST_DATA {
                return Err(self.error_of_kind(ErrorKind::Refused, "its answer makes no sense"));
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

    /// Gives what belongs to a command to `out`, piece by piece; how many bytes. A failure of `out` is its own.
    pub(super) fn read_data(
        &mut self,
        out: &mut dyn FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<io::Result<u64>> {
        let mut written = Ok(());
        let mut count = 0;
        loop {
            let value = self.next_value()?;
            if value.value_type != PDataValueType::Data {
                return Err(self.error_of_kind(ErrorKind::Refused, "its answer makes no sense"));
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

    /// What belongs to a command, where it is short.
    pub(super) fn short_data(&mut self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let took = self.read_data(&mut |piece| {
            if bytes.len() + piece.len() > MOST_DATA {
                return Err(io::Error::other("its answer is too long"));
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

    /// What a status that is no success means (PS3.4).
    pub(super) fn refusal_error(&self, status: u16) -> Error {
        match status {
            // Out of resources, which may pass.
            0xA700..=0xA702 => {
                self.error_of_kind(ErrorKind::Unreachable, format!("it has no room or no time now ({status:04X})"))
            }
            0xA801 => self.error_of_kind(
                ErrorKind::Settings,
                "it does not know where to send to: it needs our AE title with this computer's address and port",
            ),
            0x0122 => self.error_of_kind(ErrorKind::Refused, "it does not offer this service"),
            0x0124 => self.error_of_kind(ErrorKind::Refused, "it does not allow us to do that"),
            status => self.error_of_kind(ErrorKind::Refused, super::super::web::failure_reason(u32::from(status))),
        }
    }
}

fn trim_uid(uid: &str) -> &str {
    uid.trim_end_matches(['\0', ' '])
}

fn broken_io(server: &Server, tried: &str, error: &io::Error) -> Error {
    server_error(ErrorKind::ConnectionLost, server, tried, of_the_line(error))
}

/// What became of a connection.
fn of_the_line(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => timeout_reason(),
        _ => "the connection broke off".to_owned(),
    }
}

fn timeout_reason() -> String {
    format!("it hangs: nothing came for {} s", PATIENCE.as_secs())
}

/// The failure of the line behind an error; none where it is what came over the line.
fn io_source<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a io::Error> {
    std::iter::successors(Some(error), |error| error.source())
        .find_map(|error| error.downcast_ref())
}

/// What a failure of the upper layer means; never with its own words, which may hold what was asked.
fn explain_failure(server: &Server, tried: &str, error: UlError, has_sent: bool) -> Error {
    let lost = if has_sent {
        ErrorKind::ConnectionLost
    } else {
        ErrorKind::Unreachable
    };
    let (kind, reason) = match &error {
        UlError::ToAddress { .. } => (
            ErrorKind::Unreachable,
            "there is no computer of this name".to_owned(),
        ),
        UlError::Connect { source, .. } => (
            ErrorKind::Unreachable,
            match source.kind() {
                io::ErrorKind::ConnectionRefused => {
                    "nothing answers there (connection refused)".to_owned()
                }
                io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => {
                    format!("it cannot be reached within {} s", CONNECT.as_secs())
                }
                _ => "no connection could be made".to_owned(),
            },
        ),
        UlError::Rejected { association_rj, .. } => {
            let why = format!("{:?}", association_rj.source);
            let reason = match () {
                () if why.contains("CalledAETitleNotRecognized") => {
                    "it does not answer to this AE title"
                }
                () if why.contains("CallingAETitleNotRecognized") => {
                    "it does not know our AE title"
                }
                () => "it rejects the association",
            };
            (ErrorKind::Refused, reason.to_owned())
        }
        UlError::NoAcceptedPresentationContexts { .. } => (
            ErrorKind::Refused,
            "it does not offer this service".to_owned(),
        ),
        UlError::Timeout { .. } => (lost, timeout_reason()),
        UlError::WireRead { source, .. } | UlError::WireSend { source, .. } => {
            (lost, of_the_line(source))
        }
        UlError::ConnectionClosed { .. } | UlError::Aborted { .. } => {
            (lost, "the connection broke off".to_owned())
        }
        // A server that goes down or comes up may answer a request for an association with A-ABORT.
        UlError::UnexpectedPdu { pdu, .. }
            if matches!(**pdu, Pdu::AbortRQ { .. } | Pdu::ReleaseRQ) =>
        {
            (lost, "it aborted the association".to_owned())
        }
        // A connection that is reset while something is awaited comes as a PDU that cannot be received.
        UlError::ReceivePdu { source } if let Some(error) = io_source(source) => {
            (lost, of_the_line(error))
        }
        UlError::ReceivePdu { .. } | UlError::UnexpectedPdu { .. } | UlError::UnknownPdu { .. } => {
            (
                ErrorKind::Refused,
                "it does not speak DICOM, or its answer is damaged".to_owned(),
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

    /// What comes of an association with a server that does this with the connection.
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

    fn read_something(mut stream: &TcpStream) {
        assert!(stream.read(&mut [0; 64]).unwrap() > 0);
    }

    #[test]
    fn a_server_that_aborts_or_resets_may_be_tried_again() {
        let aborts = failure_with(|mut stream| {
            read_something(&stream);
            stream.write_all(&[7, 0, 0, 0, 0, 4, 0, 0, 0, 0]).unwrap();
        });
        assert!(aborts.kind.is_passing(), "{}", aborts);
        // What is not read makes a closed connection a reset one.
        let resets = failure_with(|stream| read_something(&stream));
        assert!(resets.kind.is_passing(), "{}", resets);
    }

    #[test]
    fn a_server_that_does_not_speak_dicom_is_not_tried_again() {
        let other = failure_with(|mut stream| {
            read_something(&stream);
            stream.write_all(&[1, 0, 0, 0, 0, 4, 0, 0, 0, 0]).unwrap();
        });
        assert_eq!(other.kind, ErrorKind::Refused, "{}", other);
    }
}
