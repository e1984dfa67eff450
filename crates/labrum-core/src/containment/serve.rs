//! What a child does: read what it is asked for, answer, and end with its parent.

use super::{
    MEMORY, Request, limits, read_here,
    wire::{HELLO, receive_message, send_answer, send_message},
};
use std::{
    fs::File,
    io::{self, BufReader},
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

/// What answers one kind of request.
pub struct RequestReader {
    name: &'static str,
    answer: fn(&mut BufReader<File>, &mut File) -> io::Result<()>,
}

impl RequestReader {
    /// That of a request.
    pub const fn for_request<R: Request>() -> Self {
        Self {
            name: R::NAME,
            answer: answer_request::<R>,
        }
    }
}

/// Answers requests until the parent closes the pipe or dies. `limit_memory` is called once with the bytes that the
/// allocator may hand out.
pub fn serve_requests(readers: &[RequestReader], limit_memory: impl FnOnce(usize)) -> ExitCode {
    limit_memory(MEMORY);
    let watch = thread::Builder::new()
        .stack_size(128 << 10)
        .spawn(end_in_time);
    limits::restrict_process(MEMORY);
    match watch.and_then(|_| answer_all(readers)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn answer_all(readers: &[RequestReader]) -> io::Result<()> {
    let (mut requests, mut answers) = open_pipes()?;
    send_message(&mut answers, &HELLO)?;
    loop {
        let name: String = match receive_message(&mut requests) {
            Ok(name) => name,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        let reader = readers.iter().find(|reader| reader.name == name);
        let reader = reader.ok_or_else(|| io::Error::other("nothing here reads that"))?;
        SECONDS.store(0, Relaxed);
        WORKING.store(1, Relaxed);
        (reader.answer)(&mut requests, &mut answers)?;
        SECONDS.store(0, Relaxed);
        WORKING.store(0, Relaxed);
    }
}

fn answer_request<R: Request>(
    requests: &mut BufReader<File>,
    answers: &mut File,
) -> io::Result<()> {
    let request: R = receive_message(requests)?;
    send_answer(answers, read_here(request))
}

/// Standard input and output without the buffer for lines of text.
fn open_pipes() -> io::Result<(BufReader<File>, File)> {
    #[cfg(unix)]
    let (requests, answers) = {
        use std::os::fd::AsFd;
        (
            io::stdin().as_fd().try_clone_to_owned()?,
            io::stdout().as_fd().try_clone_to_owned()?,
        )
    };
    #[cfg(windows)]
    let (requests, answers) = {
        use std::os::windows::io::AsHandle;
        (
            io::stdin().as_handle().try_clone_to_owned()?,
            io::stdout().as_handle().try_clone_to_owned()?,
        )
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
