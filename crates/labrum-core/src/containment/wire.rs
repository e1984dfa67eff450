//! What is said between the program and its children: MessagePack behind its length, and pixels as they lie in memory.

use super::{MEMORY, Request};
use crate::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    ffi::OsString,
    io::{self, IoSlice, Read, Write},
};

/// No message is longer: the slices of a file of many frames and the windows of an image take far less.
const LONGEST: u32 = 64 << 20;
/// Pixels are written in pieces of this size, so that the reader takes one while the next is written.
const PIECE: usize = 128 << 10;

/// What a child says first: whether it is a child of this very version.
pub(super) const HELLO: &str = concat!("labrum ", env!("CARGO_PKG_VERSION"), " reads files");

/// What a child answers: a head that is told in words, and bytes that follow as they lie in memory.
pub trait Answer: Sized {
    /// All of it but the bytes.
    type Head: Serialize + DeserializeOwned;

    /// The head, and what follows it.
    fn into_parts(self) -> (Self::Head, Vec<Box<dyn RawBytes>>);

    /// From the head, and from what follows it.
    ///
    /// # Errors
    /// Where less follows than the head says, or what cannot be.
    fn from_parts(head: Self::Head, rest: &mut dyn Read) -> io::Result<Self>;
}

/// What is sent as it lies in memory.
pub trait RawBytes {
    /// All of it.
    fn raw_bytes(&self) -> &[u8];
}

impl RawBytes for Vec<u8> {
    fn raw_bytes(&self) -> &[u8] {
        self
    }
}

/// An answer that is all head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plain<T>(pub T);

impl<T: Serialize + DeserializeOwned> Answer for Plain<T> {
    type Head = T;

    fn into_parts(self) -> (T, Vec<Box<dyn RawBytes>>) {
        (self.0, Vec::new())
    }

    fn from_parts(head: T, _: &mut dyn Read) -> io::Result<Self> {
        Ok(Self(head))
    }
}

/// Whether there is an answer.
#[derive(Serialize, Deserialize)]
enum AnswerHead<H> {
    Done(H),
    /// It cannot be done: an ordinary error.
    Refused(Refusal),
}

/// An [`Error`] whose path need not be Unicode.
#[derive(Debug, Serialize, Deserialize)]
struct Refusal {
    tried: String,
    path: Option<OsString>,
    reason: String,
    advice: Option<String>,
    kind: ErrorKind,
}

impl From<Error> for Refusal {
    fn from(
        Error {
            tried,
            path,
            reason,
            advice,
            kind,
            ..
        }: Error,
    ) -> Self {
        Self {
            tried,
            path: path.map(Into::into),
            reason,
            advice,
            kind,
        }
    }
}

impl From<Refusal> for Error {
    fn from(
        Refusal {
            tried,
            path,
            reason,
            advice,
            kind,
        }: Refusal,
    ) -> Self {
        Self {
            tried,
            path: path.map(Into::into),
            reason,
            advice,
            kind,
            source: None,
        }
    }
}

/// Writes a message.
pub(super) fn send_message(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    to.write_all(&frame_message(message)?)
}

/// Writes what a request is called, and the request.
pub(super) fn send_request<R: Request>(to: &mut impl Write, request: &R) -> io::Result<()> {
    let mut message = frame_message(&R::NAME)?;
    message.extend(frame_message(request)?);
    to.write_all(&message)
}

/// Reads a message.
pub(super) fn receive_message<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > LONGEST {
        return Err(io::Error::other("a message is too long"));
    }
    // Grows with what arrives: a length alone takes no memory.
    let mut bytes = Vec::new();
    from.take(u64::from(length)).read_to_end(&mut bytes)?;
    rmp_serde::from_slice(&bytes).map_err(io::Error::other)
}

fn frame_message(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    // With names: some fields are left out where they are empty.
    message
        .serialize(&mut rmp_serde::Serializer::new(&mut bytes).with_struct_map())
        .map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len() - 4)
        .ok()
        .filter(|length| *length <= LONGEST);
    let length = length.ok_or_else(|| io::Error::other("a message is too long"))?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    Ok(bytes)
}

/// Writes an answer, its bytes behind it.
pub(super) fn send_answer<A: Answer>(to: &mut impl Write, answer: Result<A>) -> io::Result<()> {
    let (head, bytes) = match answer {
        Ok(answer) => answer.into_parts(),
        Err(error) => return send_message(to, &AnswerHead::<A::Head>::Refused(error.into())),
    };
    let head = frame_message(&AnswerHead::Done(head))?;
    send_together(
        to,
        &head,
        bytes.first().map_or(&[], |first| first.raw_bytes()),
    )?;
    bytes
        .iter()
        .skip(1)
        .try_for_each(|more| to.write_all(more.raw_bytes()))
}

/// Reads what [`send_answer`] wrote.
pub(super) fn receive_answer<A: Answer>(from: &mut impl Read) -> io::Result<Result<A>> {
    match receive_message(from)? {
        AnswerHead::Done(head) => A::from_parts(head, from).map(Ok),
        AnswerHead::Refused(refusal) => Ok(Err(refusal.into())),
    }
}

/// Head and the beginning of the pixels go out together: the reader is woken once for a small picture.
fn send_together(to: &mut impl Write, head: &[u8], bytes: &[u8]) -> io::Result<()> {
    let written = to.write_vectored(&[
        IoSlice::new(head),
        IoSlice::new(&bytes[..bytes.len().min(PIECE)]),
    ])?;
    to.write_all(head.get(written..).unwrap_or_default())?;
    let rest = bytes
        .get(written.saturating_sub(head.len())..)
        .unwrap_or_default();
    rest.chunks(PIECE).try_for_each(|piece| to.write_all(piece))
}

/// So many bytes of an answer; the list grows with what arrives: a length alone takes no memory.
///
/// # Errors
/// Where less follows.
pub fn receive_bytes(from: &mut dyn Read, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(length.min(MEMORY as u64))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length {
        Ok(bytes)
    } else {
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}
