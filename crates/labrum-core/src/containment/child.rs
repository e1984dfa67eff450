//! The parent's handle to a child process.

use super::{
    COMMAND, Request,
    wire::{self, HELLO},
};
use crate::Result;
use parking_lot::Mutex;
use std::{
    io::{self, BufReader, Read},
    path::Path,
    process::{self, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::Arc,
    thread,
    time::Duration,
};

/// Capacity of the answer pipe in bytes: the maximum that Linux allows without privileges.
#[cfg(target_os = "linux")]
const PIPE: usize = 1 << 20;
/// Maximum number of bytes read from the child's standard error.
const MOST_WORDS: u64 = 4096;

/// The process; the watch may kill it while another thread waits for its answer.
#[derive(Clone)]
pub(super) struct ChildProcess(Arc<Mutex<process::Child>>);

impl ChildProcess {
    /// Kills it; a thread that waits for its answer gets an error.
    pub(super) fn kill(&self) {
        let _ = self.0.lock().kill();
    }

    /// Process ID.
    pub(super) fn id(&self) -> u32 {
        self.0.lock().id()
    }

    fn wait_for_exit(&self) -> io::Result<ExitStatus> {
        self.0.lock().wait()
    }

    /// `None` while it is running.
    fn exit_status(&self) -> Option<ExitStatus> {
        self.0.lock().try_wait().ok().flatten()
    }

    fn is_alive(&self) -> bool {
        matches!(self.0.lock().try_wait(), Ok(None))
    }
}

/// A child process with its pipes.
pub(super) struct Child {
    pub(super) process: ChildProcess,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    errors: ChildStderr,
}

impl Child {
    /// Starts it; call [`Self::await_greeting`] next.
    pub(super) fn spawn_program(program: &Path) -> io::Result<Self> {
        let mut command = Command::new(program);
        command
            .arg(COMMAND)
            .env_remove("RUST_LOG")
            .env_remove("RUST_BACKTRACE");
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        detach_from_terminal(&mut command);
        let mut child = command.spawn()?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(requests), Some(answers), Some(errors)) = pipes else {
            return Err(io::Error::other("the process has no pipes"));
        };
        #[cfg(target_os = "linux")]
        let _ = rustix::pipe::fcntl_setpipe_size(&answers, PIPE);
        let process = ChildProcess(Arc::new(Mutex::new(child)));
        Ok(Self {
            process,
            requests,
            answers: BufReader::with_capacity(16 << 10, answers),
            errors,
        })
    }

    /// Waits until it is ready. Fails if the program is not a child of this version.
    pub(super) fn await_greeting(&mut self) -> io::Result<()> {
        let hello: String = wire::receive_message(&mut self.answers)?;
        if hello == HELLO {
            Ok(())
        } else {
            Err(io::Error::other(
                "it belongs to a different version of Labrum",
            ))
        }
    }

    /// True if it is running and can take a request.
    pub(super) fn is_alive(&self) -> bool {
        self.process.is_alive()
    }

    /// Sends a request and waits for the answer. After an error the child must not be used again.
    pub(super) fn request_answer<R: Request>(
        &mut self,
        request: &R,
    ) -> io::Result<Result<R::Answer>> {
        wire::send_request(&mut self.requests, request)?;
        wire::receive_answer(&mut self.answers)
    }

    /// Ends the child and returns why it gave no answer; `None` if it had already exited normally before the request.
    pub(super) fn end_with_reason(mut self) -> Option<String> {
        // A child that sent an invalid answer may still be running.
        let ended = self.process.exit_status();
        let status = match ended {
            Some(status) => Some(status),
            None => {
                // The pipe closes shortly before the process exits.
                thread::sleep(Duration::from_millis(20));
                let ended = self.process.exit_status();
                self.process.kill();
                ended.or_else(|| self.process.wait_for_exit().ok())
            }
        };
        if status.is_some_and(|status| status.success()) {
            return None;
        }
        let mut words = Vec::new();
        let _ = (&mut self.errors).take(MOST_WORDS).read_to_end(&mut words);
        Some(failure_reason(&String::from_utf8_lossy(&words), status))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.process.kill();
        let _ = self.process.wait_for_exit();
    }
}

fn failure_reason(words: &str, status: Option<ExitStatus>) -> String {
    if words.contains("memory allocation of") {
        let limit = super::MEMORY >> 30;
        return format!(
            "reading needed more than {limit} GiB of memory and was stopped; the file may be damaged"
        );
    }
    if words.contains("overflowed its stack") {
        return "the data is nested too deeply and reading was stopped; the file may be damaged"
            .into();
    }
    let how = status.map_or_else(String::new, |status| format!(" ({status})"));
    format!("the process reading it crashed{how}; the file may be damaged")
}

/// Keeps Ctrl-C in the terminal from reaching the child: the program decides what to finish. On Windows also
/// suppresses the console window.
#[cfg(unix)]
fn detach_from_terminal(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

/// Keeps Ctrl-C away from the child and suppresses its console window.
#[cfg(windows)]
fn detach_from_terminal(command: &mut Command) {
    use std::os::windows::process::CommandExt;
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;
    command.creation_flags(CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW);
}
