//! Sending, through a queue on disk: nothing is lost and nothing is sent twice, even if the program ends.

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
use std::{
    thread,
    time::{Duration, Instant},
};

#[derive(clap::Args, Debug)]
pub(super) struct SendArguments {
    #[command(flatten)]
    server: ServerArguments,
    /// DICOM files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Seconds to keep trying; files not sent by then stay in the queue
    #[arg(long, default_value_t = 600)]
    patience: u64,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args, Debug)]
pub(super) struct QueueArguments {
    /// Print JSON instead of text
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    what: Option<QueueCommand>,
}

#[derive(Subcommand, Debug)]
enum QueueCommand {
    /// List the queue: waiting, sent and refused objects (default)
    List,
    /// Send the waiting objects
    Send {
        /// Seconds to keep trying
        #[arg(long, default_value_t = 600)]
        patience: u64,
    },
    /// Cancel sending an object
    Cancel {
        /// Id of the object in the list
        id: String,
    },
    /// Retry an object that was refused
    Retry {
        /// Id of the object in the list
        id: String,
    },
    /// Remove sent and cancelled objects from the list
    Clear,
}

/// The send queue of this user, shared with the window.
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
    // Sending a file again also retries it if it was refused.
    ours.iter().try_for_each(|id| queue.retry_item(id))?;
    let mut secrets = ServerSecrets::default();
    send_until_done(
        &queue,
        &mut |server| archive_for_server(server, &archive, &mut secrets),
        &|item| ours.contains(&item.id),
        Duration::from_secs(arguments.patience),
        &cancel,
    )?;
    let items = queue
        .read_items()?
        .into_iter()
        .filter(|item| ours.contains(&item.id))
        .collect::<Vec<_>>();
    print_items(&items, arguments.json)?;
    let missing: Vec<&SendItem> = items
        .iter()
        .filter(|i| i.state != SendState::Sent)
        .collect();
    match missing.as_slice() {
        [] => Ok(()),
        [first, ..] => {
            let why = first.trouble.clone().unwrap_or_else(|| "stopped".into());
            Err(Error::new(
                "send all objects",
                format!(
                    "{} of {} objects were not sent: {why}",
                    missing.len(),
                    items.len()
                ),
            )
            .with_advice("They stay in the queue. Run labrum pacs queue send to try again."))
        }
    }
}

/// Returns `open` if it is the archive of this server, else opens it.
fn archive_for_server(
    server: &Server,
    open: &Archive,
    secrets: &mut ServerSecrets,
) -> Result<Archive> {
    if server == open.server() {
        Ok(open.clone())
    } else {
        secrets.open_archive(server)
    }
}

pub(super) fn run_queue_command(arguments: QueueArguments) -> Result<()> {
    let queue = users_queue()?;
    match arguments.what.unwrap_or(QueueCommand::List) {
        QueueCommand::List => print_items(&queue.read_items()?, arguments.json),
        QueueCommand::Send { patience } => {
            let cancel = crate::cli::stop_on_ctrl_c()?;
            let mut secrets = ServerSecrets::default();
            send_until_done(
                &queue,
                &mut |server| secrets.open_archive(server),
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
                    "send all objects",
                    format!(
                        "{} not sent; see the list",
                        with_verb(n, "object", ["was", "were"])
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
            format!("the queue has no object with the id \"{id}\""),
        )),
    }
}

/// Sends until all `wanted` objects are sent or refused, or until the time `patience` is over.
pub(in crate::cli) fn send_until_done(
    queue: &SendQueue,
    archive: &mut dyn FnMut(&Server) -> Result<Archive>,
    wanted: &dyn Fn(&SendItem) -> bool,
    patience: Duration,
    cancel: &Cancel,
) -> Result<()> {
    let until = Instant::now() + patience;
    let mut told = String::new();
    while !cancel.is_cancelled() {
        let next = queue.send_due(archive, &mut |item| print_trouble(item, &mut told), cancel)?;
        let is_open = queue
            .read_items()?
            .iter()
            .any(|item| wanted(item) && item.state.is_open());
        let (Some(next), true) = (next, is_open) else {
            return Ok(());
        };
        let wake = (Instant::now() + next.max(Duration::from_millis(20))).min(until);
        while Instant::now() < wake && !cancel.is_cancelled() {
            thread::sleep(
                Duration::from_millis(20).min(wake.saturating_duration_since(Instant::now())),
            );
        }
        if Instant::now() >= until {
            return Ok(());
        }
    }
    Ok(())
}

/// Prints why an object is not sent yet, unless that is the line printed last (`told`).
fn print_trouble(item: &SendItem, told: &mut String) {
    let line = match (&item.trouble, item.state) {
        (Some(trouble), _) => format!("labrum: {}: {trouble}", item.file),
        (None, SendState::Sending) if item.attempts > 1 => {
            format!("labrum: {}: sending again", item.file)
        }
        _ => return,
    };
    if line != *told {
        crate::cli::console::print_remark(format_args!("{line}"));
        *told = line;
    }
}

fn print_items(items: &[SendItem], json: bool) -> Result<()> {
    if json {
        return crate::cli::print_json(&items);
    }
    if items.is_empty() {
        return crate::cli::print_text("The send queue is empty");
    }
    items.iter().try_for_each(|item| {
        let trouble = item
            .trouble
            .as_ref()
            .map_or(String::new(), |t| format!(": {t}"));
        let state = item.state.display_name();
        let server = &item.server.name;
        crate::cli::print_text(&format!(
            "{}  {state}  {} to {server}{trouble}",
            item.id, item.file
        ))
    })
}
