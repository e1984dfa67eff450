//! What a child does: read what it is asked for, answer, and end with its parent.

use super::{
    MEMORY, limits,
    wire::{Answer, HELLO, Request, receive, send},
};
use crate::io::{dicom, guard::contained, import, label_file, nifti, open};
use std::{
    fs::File,
    io::{self, BufReader},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    thread,
    time::Duration,
};

/// A child that has nothing to do for so long gives its memory back.
const IDLE: u32 = 60;
/// A child whose parent is gone ends by itself when a request takes longer; in seconds, above all limits of a parent.
const BUSY: u32 = 600;

/// How many seconds this has gone on.
static SECONDS: AtomicU32 = AtomicU32::new(0);
/// 1 while a request is worked on.
static WORKING: AtomicU32 = AtomicU32::new(0);

/// Answers requests until the parent closes the pipe or dies. `limit_memory` is called once with the bytes that the
/// allocator may hand out.
pub fn serve(limit_memory: impl FnOnce(usize)) -> ExitCode {
    limit_memory(MEMORY);
    let watch = thread::Builder::new().stack_size(128 << 10).spawn(end_in_time);
    limits::set(MEMORY);
    match watch.and_then(|_| answer_all()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer_all() -> io::Result<()> {
    let (mut requests, mut answers) = pipes()?;
    send(&mut answers, &HELLO)?;
    loop {
        let request = match receive(&mut requests) {
            Ok(request) => request,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        SECONDS.store(0, Relaxed);
        WORKING.store(1, Relaxed);
        let answer = contained(|| answer(request)).unwrap_or_else(|| Answer::Refused(damaged()));
        answer.send(&mut answers)?;
        SECONDS.store(0, Relaxed);
        WORKING.store(0, Relaxed);
    }
}

fn damaged() -> super::wire::Refusal {
    crate::Error::new("read the file", "it is damaged").into()
}

fn answer(request: Request) -> Answer {
    let refused = |error: crate::Error| Answer::Refused(error.into());
    match request {
        Request::Look { path, asked_for } => Answer::Look(Box::new(open::look(Path::new(&path), asked_for))),
        Request::Image { source, kind } => {
            open::decode(&source, kind).map_or_else(refused, |image| Answer::Image(Box::new(image)))
        }
        Request::Mask { path, frame, reading, image } => {
            label_file::decode(Path::new(&path), frame, reading, image.as_ref())
                .map_or_else(refused, |(mask, note)| Answer::Mask(mask, note))
        }
        Request::MaskValues { path, frame } => {
            label_file::decode_values(Path::new(&path), frame).map_or_else(refused, Answer::MaskValues)
        }
        Request::Volume { path } => {
            nifti::header(Path::new(&path)).map_or_else(refused, |header| Answer::Volume(Box::new(header)))
        }
        Request::Masks { paths, series, choice } => {
            let paths: Vec<PathBuf> = paths.into_iter().map(PathBuf::from).collect();
            import::decode(&paths, &series, &choice).map_or_else(refused, Answer::Masks)
        }
        Request::Photometric { path } => Answer::Text(dicom::photometric(Path::new(&path))),
        Request::PixelDigest { path } => Answer::Text(dicom::digest(Path::new(&path))),
        Request::Deidentify { path, how } => how.rewrite(Path::new(&path)).map_or_else(refused, Answer::Rewritten),
        Request::Verify { path, written, how } => Answer::Verdict(how.verify(Path::new(&path), Path::new(&written))),
        Request::Encode { path, syntax } => {
            dicom::rewrite::encoded_as(Path::new(&path), &syntax).map_or_else(refused, Answer::Rewritten)
        }
    }
}

/// Standard input and output without the buffer for lines of text.
fn pipes() -> io::Result<(BufReader<File>, File)> {
    #[cfg(unix)]
    let (requests, answers) = {
        use std::os::fd::AsFd;
        (io::stdin().as_fd().try_clone_to_owned()?, io::stdout().as_fd().try_clone_to_owned()?)
    };
    #[cfg(windows)]
    let (requests, answers) = {
        use std::os::windows::io::AsHandle;
        (io::stdin().as_handle().try_clone_to_owned()?, io::stdout().as_handle().try_clone_to_owned()?)
    };
    Ok((BufReader::new(File::from(requests)), File::from(answers)))
}

/// Ends this process when it was idle for long or its parent is gone while it works.
fn end_in_time() {
    let parent = parent();
    loop {
        thread::sleep(Duration::from_secs(1));
        let seconds = SECONDS.fetch_add(1, Relaxed) + 1;
        match WORKING.load(Relaxed) {
            0 if seconds > IDLE => std::process::exit(0),
            1 if seconds > BUSY || self::parent() != parent => std::process::exit(1),
            _ => {}
        }
    }
}

/// Another one than at the start where the parent is gone.
#[cfg(unix)]
fn parent() -> Option<rustix::process::Pid> {
    rustix::process::getppid()
}

/// Not told here: [`BUSY`] alone holds.
#[cfg(not(unix))]
fn parent() {}
