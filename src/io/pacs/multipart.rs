//! Copies the first part of a `multipart/related` answer as a stream: an object may be larger than memory.

use memchr::memmem;
use std::io::{self, Read, Write};

/// Number of bytes read at once.
const PIECE: usize = 64 * 1024;
/// Maximum size of the part headers in bytes.
const MOST_HEADERS: usize = 16 * 1024;

/// The boundary in a Content-Type; `None` if it is not multipart.
pub(super) fn parse_boundary(content_type: &str) -> Option<String> {
    let mut parts = content_type.split(';');
    if !parts
        .next()?
        .trim()
        .eq_ignore_ascii_case("multipart/related")
    {
        return None;
    }
    let named = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then(|| value.trim().trim_matches('"').to_owned())
    });
    named.filter(|boundary| (1..=200).contains(&boundary.len()))
}

/// Copies the content of the first part to `out` and returns its size in bytes.
///
/// # Errors
/// If the answer has no part or ends within it.
pub(super) fn copy_part(
    mut from: impl Read,
    boundary: &str,
    out: &mut dyn Write,
) -> io::Result<u64> {
    let mut window = Vec::with_capacity(2 * PIECE);
    skip_headers(&mut from, boundary, &mut window)?;
    let end = format!("\r\n--{boundary}");
    let finder = memmem::Finder::new(end.as_bytes());
    let mut copied = 0;
    loop {
        if let Some(at) = finder.find(&window) {
            out.write_all(&window[..at])?;
            return Ok(copied + at as u64);
        }
        // The boundary may have begun in the last bytes: they are kept.
        let safe = window.len().saturating_sub(end.len());
        out.write_all(&window[..safe])?;
        window.drain(..safe);
        copied += safe as u64;
        if read_more(&mut from, &mut window)? == 0 {
            return Err(broken_off());
        }
    }
}

/// Reads up to the content of the first part.
fn skip_headers(from: &mut impl Read, boundary: &str, window: &mut Vec<u8>) -> io::Result<()> {
    let begin = format!("--{boundary}");
    loop {
        let begun = memmem::find(window, begin.as_bytes()).map(|at| at + begin.len());
        let blank = begun
            .and_then(|at| memmem::find(&window[at..], b"\r\n\r\n").map(|blank| at + blank + 4));
        if let Some(content) = blank {
            window.drain(..content);
            return Ok(());
        }
        if window.len() > MOST_HEADERS {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the answer is not a multipart message",
            ));
        }
        if read_more(from, window)? == 0 {
            return Err(broken_off());
        }
    }
}

fn broken_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the answer is incomplete")
}

/// Appends the next bytes to `window` and returns their number; 0 at the end.
fn read_more(from: &mut impl Read, window: &mut Vec<u8>) -> io::Result<usize> {
    let old = window.len();
    window.resize(old + PIECE, 0);
    let read = loop {
        match from.read(&mut window[old..]) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            read => break read,
        }
    };
    window.truncate(old + read.as_ref().map_or(0, |read| *read));
    read
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// Yields one byte per read.
    struct Slow<'a>(&'a [u8]);

    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.0.len().min(1);
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    fn message(content: &[u8]) -> Vec<u8> {
        let head = b"preamble\r\n--xx\r\nContent-Type: application/dicom\r\n\r\n";
        [head, content, b"\r\n--xx--\r\n"].concat()
    }

    #[test]
    fn the_content_of_a_part_is_copied_unchanged() {
        let hard = b"ab\r\n--x\r\n\r\n--xy".repeat(10_000);
        for content in [&b""[..], b"one", &hard] {
            let mut out = Vec::new();
            assert_eq!(
                copy_part(&message(content)[..], "xx", &mut out).unwrap(),
                content.len() as u64
            );
            assert_eq!(out, content);
        }
        let mut out = Vec::new();
        copy_part(Slow(&message(b"slow\r\n-")), "xx", &mut out).unwrap();
        assert_eq!(out, b"slow\r\n-");
    }

    #[test]
    fn a_truncated_response_is_an_error() {
        let whole = message(&[7; 500]);
        for end in [0, 10, 60, 300, whole.len() - 10] {
            assert!(
                copy_part(&whole[..end], "xx", &mut io::sink()).is_err(),
                "{end}"
            );
        }
        assert!(copy_part(&vec![b'x'; 100_000][..], "yy", &mut io::sink()).is_err());
    }

    #[test]
    fn the_boundary_is_found_in_the_content_type() {
        let named = |text| parse_boundary(text).unwrap();
        assert_eq!(
            named("multipart/related; type=\"application/dicom\"; boundary=\"a b\""),
            "a b"
        );
        assert_eq!(named("Multipart/Related;boundary=ab;type=x"), "ab");
        assert_eq!(parse_boundary("application/dicom"), None);
    }
}
