//! Sending: through a queue that outlasts the program, so that nothing is lost and nothing is sent twice.

use super::server::{ServerArguments, ServerSecrets};
use crate::io::pacs::{Archive, SendQueue};
use crate::worker::AppFolders;
use crate::{Error, Result};
use clap::Subcommand;
use labrum_core::{
    counts::with_verb,
    pacs::{SendItem, SendState, Server},
    progress::Cancel,
};
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[derive(clap::Args, Debug)]
pub(super) struct SendArguments {
    #[command(flatten)]
    server: ServerArguments,
    /// DICOM files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Try for so many seconds; what is not sent then stays in the queue
    #[arg(long, default_value_t = 600)]
    patience: u64,
    /// JSON instead of text
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args, Debug)]
pub(super) struct QueueArguments {
    /// JSON instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    what: Option<QueueCommand>,
}

#[derive(Subcommand, Debug)]
enum QueueCommand {
    /// List what waits and what became of the rest (the same as saying nothing)
    List,
    /// Send what waits
    Send {
        /// Try for so many seconds
        #[arg(long, default_value_t = 600)]
        patience: u64,
    },
    /// Do not send an object any more
    Cancel {
        /// Its id in the list
        id: String,
    },
    /// Try an object again that was refused
    Retry {
        /// Its id in the list
        id: String,
    },
    /// Take those out of the list that were sent or cancelled
    Clear,
}

/// The queue of this user, which the window sends from, too.
pub(in crate::cli) fn users_queue() -> Result<SendQueue> {
    SendQueue::open(&AppFolders::of_user().send_queue_folder())
}

pub(super) fn send_files(arguments: &SendArguments) -> Result<()> {
    let cancel = crate::cli::stop_on_ctrl_c()?;
    let archive = arguments.server.open_archive()?;
    let queue = users_queue()?;
    let mut ours = HashSet::new();
    for file in &arguments.files {
        ours.insert(queue.enqueue_file(file, archive.server())?.id);
    }
    // A person who asks again wants what was refused to be tried again.
    ours.iter().try_for_each(|id| queue.retry_item(id))?;
    let mut secrets = ServerSecrets::default();
    let mut archive_for = |server: &Server| -> Result<Archive> {
        match server == archive.server() {
            true => Ok(archive.clone()),
            false => secrets.open_archive(server),
        }
    };
    let is_ours = |item: &SendItem| ours.contains(&item.id);
    send_until_done(
        &queue,
        &mut archive_for,
        &is_ours,
        Duration::from_secs(arguments.patience),
        &cancel,
    )?;
    let items = queue
        .read_items()?
        .into_iter()
        .filter(is_ours)
        .collect::<Vec<_>>();
    print_items(&items, arguments.json)?;
    let missing: Vec<&SendItem> = items
        .iter()
        .filter(|i| i.state != SendState::Sent)
        .collect();
    match missing.as_slice() {
        [] => Ok(()),
        [first, ..] => {
            let why = first
                .trouble
                .clone()
                .unwrap_or_else(|| "it was stopped".into());
            Err(Error::new(
                "send everything",
                format!(
                    "{} of {} objects are not sent: {why}",
                    missing.len(),
                    items.len()
                ),
            )
            .with_advice("They stay in the queue: labrum pacs queue send tries them again."))
        }
    }
}

pub(super) fn run_queue_command(arguments: QueueArguments) -> Result<()> {
    let queue = users_queue()?;
    match arguments.what.unwrap_or(QueueCommand::List) {
        QueueCommand::List => print_items(&queue.read_items()?, arguments.json),
        QueueCommand::Send { patience } => {
            let cancel = crate::cli::stop_on_ctrl_c()?;
            let mut secrets = ServerSecrets::default();
            let mut archive_for =
                |server: &Server| -> Result<Archive> { secrets.open_archive(server) };
            send_until_done(
                &queue,
                &mut archive_for,
                &|_| true,
                Duration::from_secs(patience),
                &cancel,
            )?;
            let items = queue.read_items()?;
            print_items(&items, arguments.json)?;
            match items
                .iter()
                .filter(|i| i.state.is_open() || i.state == SendState::Refused)
                .count()
            {
                0 => Ok(()),
                n => Err(Error::new(
                    "send everything",
                    format!(
                        "{} not sent, see the list",
                        with_verb(n, "object", ["is", "are"])
                    ),
                )),
            }
        }
        QueueCommand::Cancel { id } => {
            check_queued(&queue, &id).and_then(|()| queue.cancel_item(&id))
        }
        QueueCommand::Retry { id } => {
            check_queued(&queue, &id).and_then(|()| queue.retry_item(&id))
        }
        QueueCommand::Clear => queue.forget_done(),
    }
}

fn check_queued(queue: &SendQueue, id: &str) -> Result<()> {
    match queue.read_items()?.iter().any(|item| item.id == id) {
        true => Ok(()),
        false => Err(Error::new(
            "find the object",
            format!("the queue has none with the id \"{id}\""),
        )),
    }
}

/// Sends until all that is `wanted` is sent or refused, or patience is at its end.
pub(in crate::cli) fn send_until_done(
    queue: &SendQueue,
    archive: &mut dyn FnMut(&Server) -> Result<Archive>,
    wanted: &dyn Fn(&SendItem) -> bool,
    patience: Duration,
    cancel: &Cancel,
) -> Result<()> {
    let until = Instant::now() + patience;
    let mut told = String::new();
    let mut tell = |item: &SendItem| {
        let line = match (&item.trouble, item.state) {
            (Some(trouble), _) => format!("labrum: {}: {trouble}", item.file),
            (None, SendState::Sending) if item.attempts > 1 => {
                format!("labrum: {}: sent again", item.file)
            }
            _ => return,
        };
        if line != told {
            crate::cli::console::print_remark(format_args!("{line}"));
            told = line;
        }
    };
    while !cancel.is_cancelled() {
        let next = queue.send_due(archive, &mut tell, cancel)?;
        let is_open = queue
            .read_items()?
            .iter()
            .any(|item| wanted(item) && item.state.is_open());
        let (Some(next), true) = (next, is_open) else {
            return Ok(());
        };
        let wake = (Instant::now() + next.max(Duration::from_millis(20))).min(until);
        while Instant::now() < wake && !cancel.is_cancelled() {
            std::thread::sleep(
                Duration::from_millis(20).min(wake.saturating_duration_since(Instant::now())),
            );
        }
        if Instant::now() >= until {
            return Ok(());
        }
    }
    Ok(())
}

fn print_items(items: &[SendItem], json: bool) -> Result<()> {
    if json {
        return crate::cli::print_json(&items);
    }
    if items.is_empty() {
        return crate::cli::print_text("nothing waits to be sent");
    }
    items.iter().try_for_each(|item| {
        let trouble = item
            .trouble
            .as_ref()
            .map_or(String::new(), |t| format!(": {t}"));
        let (state, server) = (item.state.display_name(), &item.server.name);
        crate::cli::print_text(&format!(
            "{}  {state}  {} to {server}{trouble}",
            item.id, item.file
        ))
    })
}
