//! A child as its parent sees it.

use super::{
    COMMAND, Request,
    wire::{self, HELLO},
};
use crate::Result;
use std::{
    io::{self, BufReader, Read},
    path::Path,
    process::{self, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, PoisonError},
};

/// So much of an answer waits in the pipe while the reader is on its way; as much as Linux allows.
#[cfg(target_os = "linux")]
const PIPE: usize = 1 << 20;
/// Of its last words.
const MOST_WORDS: u64 = 4096;

/// The process, which the watch may kill while somebody waits for its answer.
#[derive(Clone)]
pub(super) struct ChildProcess(Arc<Mutex<process::Child>>);

impl ChildProcess {
    fn with_child<T>(&self, work: impl FnOnce(&mut process::Child) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends it at once; who waits for an answer sees that none comes.
    pub(super) fn kill(&self) {
        let _ = self.with_child(process::Child::kill);
    }

    /// Its number.
    pub(super) fn id(&self) -> u32 {
        self.with_child(|child| child.id())
    }

    fn wait_for_exit(&self) -> io::Result<ExitStatus> {
        self.with_child(process::Child::wait)
    }

    fn is_alive(&self) -> bool {
        self.with_child(|child| matches!(child.try_wait(), Ok(None)))
    }
}

/// A child with the pipes to it.
pub(super) struct Child {
    pub(super) process: ChildProcess,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    errors: ChildStderr,
}

impl Child {
    /// Starts it; [`Self::await_greeting`] has to follow.
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
            return Err(io::Error::other("it has no pipes"));
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

    /// Waits until it is ready. The error of a program that is no child of this version.
    pub(super) fn await_greeting(&mut self) -> io::Result<()> {
        let hello: String = wire::receive_message(&mut self.answers)?;
        if hello == HELLO {
            Ok(())
        } else {
            Err(io::Error::other("it is of another version"))
        }
    }

    /// True where it can be asked something.
    pub(super) fn is_alive(&self) -> bool {
        self.process.is_alive()
    }

    /// Asks and waits for the answer. After an error the child is of no more use.
    pub(super) fn request_answer<R: Request>(
        &mut self,
        request: &R,
    ) -> io::Result<Result<R::Answer>> {
        wire::send_request(&mut self.requests, request)?;
        wire::receive_answer(&mut self.answers)
    }

    /// Ends it, with the reason why it gave no answer; `None` where it had ended before it was asked.
    pub(super) fn end_with_reason(mut self) -> Option<String> {
        // One that talks nonsense still lives.
        let ended = self
            .process
            .with_child(|child| child.try_wait().ok().flatten());
        let status = match ended {
            Some(status) => Some(status),
            None => {
                // It closed its pipe a moment before it is dead.
                std::thread::sleep(std::time::Duration::from_millis(20));
                let ended = self
                    .process
                    .with_child(|child| child.try_wait().ok().flatten());
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
            "it takes more than {limit} GiB of memory to read, so reading was stopped; it may be damaged"
        );
    }
    if words.contains("overflowed its stack") {
        return "it is nested too deeply, so reading was stopped; it may be damaged".into();
    }
    let how = status.map_or_else(String::new, |status| format!(" ({status})"));
    format!("the process that read it crashed{how}; it may be damaged")
}

/// Ctrl-C in a terminal is for the program, which decides itself what it still finishes; and no window on Windows.
#[cfg(unix)]
fn detach_from_terminal(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

/// See above.
#[cfg(windows)]
fn detach_from_terminal(command: &mut Command) {
    use std::os::windows::process::CommandExt;
    const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;
    command.creation_flags(CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW);
}
