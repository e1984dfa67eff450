//! The child's side: read what is requested, answer, and exit with the parent.

use super::{
    MEMORY, Request, limits, read_here,
    wire::{HELLO, receive_message, send_answer, send_message},
};
use std::{
    fs::File,
    io::{self, BufReader},
    process::{self, ExitCode},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
    thread,
    time::Duration,
};

/// An idle child exits after this many seconds, to free its memory.
const IDLE: u32 = 60;
/// A child exits if one request takes longer than this many seconds, in case its parent is gone; more than any time
/// limit that a parent sets.
const BUSY: u32 = 600;

/// Seconds since the child became idle or busy.
static SECONDS: AtomicU32 = AtomicU32::new(0);
/// 1 while a request is being processed.
static WORKING: AtomicU32 = AtomicU32::new(0);

/// Handles one kind of request.
pub struct RequestReader {
    name: &'static str,
    answer: fn(&mut BufReader<File>, &mut File) -> io::Result<()>,
}

impl RequestReader {
    /// The reader for requests of type `R`.
    pub const fn for_request<R: Request>() -> Self {
        Self {
            name: R::NAME,
            answer: answer_request::<R>,
        }
    }
}

/// Answers requests until the parent closes the pipe or dies. `limit_memory` is called once, with the number of bytes
/// that the allocator may hand out.
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
        let reader = reader.ok_or_else(|| io::Error::other("unknown request"))?;
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

/// Standard input and output without line buffering.
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

/// Exits after being idle for too long, or while working if the parent is gone or the request takes too long.
fn end_in_time() {
    let parent = parent();
    loop {
        thread::sleep(Duration::from_secs(1));
        let seconds = SECONDS.fetch_add(1, Relaxed) + 1;
        match WORKING.load(Relaxed) {
            0 if seconds > IDLE => process::exit(0),
            1 if seconds > BUSY || self::parent() != parent => process::exit(1),
            _ => {}
        }
    }
}

/// The parent process; changes if the original parent is gone.
#[cfg(unix)]
fn parent() -> Option<rustix::process::Pid> {
    rustix::process::getppid()
}

/// Not known on this system: only [`BUSY`] applies.
#[cfg(not(unix))]
fn parent() {}
