//! Messages between the program and its children: length-prefixed MessagePack, and pixels as raw memory.

use super::{MEMORY, Request};
use crate::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    ffi::OsString,
    io::{self, IoSlice, Read, Write},
};

/// Maximum length of a message in bytes; the largest real ones (slice lists of multi-frame files) are far shorter.
const LONGEST: u32 = 64 << 20;
/// Pixels are written in pieces of this many bytes, so that reader and writer overlap.
const PIECE: usize = 128 << 10;

/// Greeting of a child, which identifies its version.
pub(super) const HELLO: &str = concat!("labrum ", env!("CARGO_PKG_VERSION"), " reads files");

/// An answer of a child: a serialized head, followed by raw bytes.
pub trait Answer: Sized {
    /// Everything except the raw bytes.
    type Head: Serialize + DeserializeOwned;

    /// Splits the answer into head and raw bytes.
    fn into_parts(self) -> (Self::Head, Vec<Box<dyn RawBytes>>);

    /// Rebuilds the answer from its head and the bytes that follow.
    ///
    /// # Errors
    /// If fewer bytes follow than the head announces, or invalid ones.
    fn from_parts(head: Self::Head, rest: &mut dyn Read) -> io::Result<Self>;
}

/// Data that is sent as raw memory.
pub trait RawBytes {
    /// The bytes.
    fn raw_bytes(&self) -> &[u8];
}

impl RawBytes for Vec<u8> {
    fn raw_bytes(&self) -> &[u8] {
        self
    }
}

/// An answer without raw bytes.
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

/// Head of an answer, or the error instead of one.
#[derive(Serialize, Deserialize)]
enum AnswerHead<H> {
    Done(H),
    /// The request failed with an ordinary error.
    Refused(Refusal),
}

/// An [`Error`] in serialized form; its path need not be Unicode.
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

/// Writes the name of a request, then the request.
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
        return Err(io::Error::other("message too long"));
    }
    // Grows with the data that arrives: a bogus length allocates nothing.
    let mut bytes = Vec::new();
    from.take(u64::from(length)).read_to_end(&mut bytes)?;
    rmp_serde::from_slice(&bytes).map_err(io::Error::other)
}

fn frame_message(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    // With field names, as some empty fields are omitted.
    message
        .serialize(&mut rmp_serde::Serializer::new(&mut bytes).with_struct_map())
        .map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len() - 4)
        .ok()
        .filter(|length| *length <= LONGEST);
    let length = length.ok_or_else(|| io::Error::other("message too long"))?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    Ok(bytes)
}

/// Writes an answer, followed by its raw bytes.
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

/// Writes the head and the first pixels together, so that the reader wakes only once for a small image.
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

/// Reads `length` bytes of an answer. Memory grows with the data that arrives: a bogus length allocates nothing.
///
/// # Errors
/// If fewer bytes follow.
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
