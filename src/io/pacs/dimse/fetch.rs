//! Receives objects by C-GET, or by C-MOVE to a local port, in the Study Root model (PS3.4 C.4).

use super::super::{failure::server_error, patience};
use super::{
    arrival,
    command::{CommandSet, GET_RQ, MOVE_RQ, RESPONSE, STORE_RQ},
    find::Identifier,
    line::{Association, Message, uncompressed_syntaxes},
};
use crate::{Error, ErrorKind, Result};
use crossbeam_channel::Sender;
use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use dicom_ul::association::{SyncAssociation, server::ServerAssociationOptions};
use labrum_core::{
    pacs::{RemoteInstance, Server},
    progress::Cancel,
};
use std::{
    collections::BTreeSet,
    io,
    net::{TcpListener, TcpStream},
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

/// Number of objects in one request.
const BATCH: usize = 64;
/// Maximum number of presentation contexts in an association.
const MOST_CONTEXTS: usize = 128;
/// How often incoming associations are checked for.
const LOOK: Duration = Duration::from_millis(20);
/// How long the server's association may stay open after its final response.
const GRACE: Duration = Duration::from_secs(2);

/// Transfer syntaxes in which objects are accepted: all that servers commonly store.
const SYNTAXES: &[&str] = &[
    uids::EXPLICIT_VR_LITTLE_ENDIAN,
    uids::IMPLICIT_VR_LITTLE_ENDIAN,
    uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    "1.2.840.10008.1.2.2",
    uids::JPEG_BASELINE8_BIT,
    uids::JPEG_EXTENDED12_BIT,
    uids::JPEG_LOSSLESS,
    uids::JPEG_LOSSLESS_SV1,
    uids::JPEGLS_LOSSLESS,
    uids::JPEGLS_NEAR_LOSSLESS,
    uids::JPEG2000_LOSSLESS,
    uids::JPEG2000,
    uids::RLE_LOSSLESS,
    "1.2.840.10008.1.2.4.110",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.10008.1.2.4.202",
    "1.2.840.10008.1.2.4.203",
];

/// SOP classes to request if the server does not list those of its objects.
const USUAL_CLASSES: &[&str] = &[
    uids::CT_IMAGE_STORAGE,
    uids::MR_IMAGE_STORAGE,
    uids::ULTRASOUND_IMAGE_STORAGE,
    uids::ULTRASOUND_MULTI_FRAME_IMAGE_STORAGE,
    uids::DIGITAL_X_RAY_IMAGE_STORAGE_FOR_PRESENTATION,
    uids::SEGMENTATION_STORAGE,
    uids::SECONDARY_CAPTURE_IMAGE_STORAGE,
];

/// The objects to receive.
pub(super) struct FetchOrder {
    pub(super) study: String,
    pub(super) series: String,
    pub(super) wanted: Vec<RemoteInstance>,
    pub(super) folder: PathBuf,
}

type Tell = Sender<(RemoteInstance, u64)>;

impl FetchOrder {
    fn batch_identifier(&self, batch: &[RemoteInstance]) -> Identifier {
        let names: Vec<&str> = batch.iter().map(|i| i.sop_uid.as_str()).collect();
        Identifier::at_level("IMAGE")
            .with_key(tags::STUDY_INSTANCE_UID, VR::UI, &self.study)
            .with_key(tags::SERIES_INSTANCE_UID, VR::UI, &self.series)
            .with_any(tags::SOP_INSTANCE_UID, &names)
    }
}

pub(super) fn retrieve_instances(
    server: &Server,
    order: &FetchOrder,
    tell: &Tell,
    cancel: &Cancel,
) -> Result<()> {
    match server.move_port {
        None => retrieve_by_get(server, order, tell, cancel),
        Some(port) => move_to(server, port, order, tell, cancel),
    }
}

/// C-GET: objects are received over the association that requests them.
fn retrieve_by_get(
    server: &Server,
    order: &FetchOrder,
    tell: &Tell,
    cancel: &Cancel,
) -> Result<()> {
    let tried = "receive objects by C-GET";
    let class = uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_GET;
    let named: BTreeSet<&str> = order
        .wanted
        .iter()
        .map(|i| i.sop_class.as_str())
        .filter(|c| !c.is_empty())
        .collect();
    let kinds: Vec<String> = match named.is_empty() {
        true => USUAL_CLASSES.iter().map(|c| (*c).to_owned()).collect(),
        false => named.into_iter().map(str::to_owned).collect(),
    };
    let mut contexts = vec![(class.to_owned(), uncompressed_syntaxes())];
    // One context per syntax: with several in one context the server would choose before it knows the object.
    for kind in &kinds {
        contexts.extend(
            SYNTAXES
                .iter()
                .map(|syntax| (kind.clone(), vec![(*syntax).to_owned()])),
        );
    }
    contexts.truncate(MOST_CONTEXTS);
    let mut line = Association::connect_to(server, tried, cancel, contexts, &kinds)?;
    let context = line.context_for_class(class, None)?;
    let syntax = line.syntax_of(context);
    for batch in order.wanted.chunks(BATCH) {
        let identifier = order
            .batch_identifier(batch)
            .to_bytes(&syntax)
            .map_err(|e| line.error_of_kind(ErrorKind::Other, e))?;
        let request = CommandSet::new_request(GET_RQ, class).with_priority();
        line.send_message(context, &request, Some(&mut identifier.as_slice()))?;
        loop {
            let message = line.next_message()?;
            match message.command.command_field() {
                STORE_RQ => {
                    if let Some(came) =
                        arrival::receive_object(&mut line, &message, &order.wanted, &order.folder)?
                    {
                        drop(tell.send(came));
                    }
                }
                field if field == GET_RQ | RESPONSE => {
                    if is_final_response(&mut line, &message)? {
                        break;
                    }
                }
                _ => {
                    return Err(line.error_of_kind(ErrorKind::Refused, "unexpected answer"));
                }
            }
        }
    }
    line.release();
    Ok(())
}

/// True if this was the final response to a request.
fn is_final_response<A: SyncAssociation<TcpStream>>(
    line: &mut Association<A>,
    answer: &Message,
) -> Result<bool> {
    if answer.command.has_data() {
        line.short_data()?;
    }
    if answer.command.is_pending() {
        return Ok(false);
    }
    match answer.command.status() {
        // 0xB000: some objects failed; they are requested again.
        0x0000 | 0xB000 => Ok(true),
        status => Err(line.refusal_error(status)),
    }
}

/// C-MOVE: the server opens its own associations to the local port and stores the objects there.
fn move_to(
    server: &Server,
    port: u16,
    order: &FetchOrder,
    tell: &Tell,
    cancel: &Cancel,
) -> Result<()> {
    let tried = "receive objects by C-MOVE";
    let listener = bind_listener(server, port)?;
    let done = Cancel::default();
    thread::scope(|scope| {
        let receiving =
            scope.spawn(|| accept_associations(server, &listener, order, tell, cancel, &done));
        let asked = ask_to_move(server, tried, order, cancel);
        done.cancel();
        let received = receiving
            .join()
            .unwrap_or_else(|_| Err(Error::new(tried, "a thread failed")));
        asked.and(received)
    })
}

fn bind_listener(server: &Server, port: u16) -> Result<TcpListener> {
    let listener =
        TcpListener::bind(("0.0.0.0", port)).map_err(|e| listener_error(server, port, &e))?;
    listener
        .set_nonblocking(true)
        .map_err(|e| listener_error(server, port, &e))?;
    Ok(listener)
}

fn listener_error(server: &Server, port: u16, error: &io::Error) -> Error {
    let reason = match error.kind() {
        io::ErrorKind::AddrInUse => format!("port {port} is in use by another program"),
        io::ErrorKind::PermissionDenied => {
            format!("no permission to listen on port {port}")
        }
        _ => error.to_string(),
    };
    server_error(
        ErrorKind::Settings,
        server,
        "receive objects by C-MOVE",
        reason,
    )
}

fn ask_to_move(
    server: &Server,
    tried: &'static str,
    order: &FetchOrder,
    cancel: &Cancel,
) -> Result<()> {
    let class = uids::STUDY_ROOT_QUERY_RETRIEVE_INFORMATION_MODEL_MOVE;
    let mut line = Association::connect_to(
        server,
        tried,
        cancel,
        vec![(class.into(), uncompressed_syntaxes())],
        &[],
    )?;
    let context = line.context_for_class(class, None)?;
    let syntax = line.syntax_of(context);
    for batch in order.wanted.chunks(BATCH) {
        let identifier = order
            .batch_identifier(batch)
            .to_bytes(&syntax)
            .map_err(|e| line.error_of_kind(ErrorKind::Other, e))?;
        let request = CommandSet::new_request(MOVE_RQ, class)
            .with_priority()
            .with_destination(server.calling_ae.trim());
        line.send_message(context, &request, Some(&mut identifier.as_slice()))?;
        loop {
            let message = line.next_message()?;
            if message.command.command_field() != MOVE_RQ | RESPONSE {
                return Err(line.error_of_kind(ErrorKind::Refused, "unexpected answer"));
            }
            if is_final_response(&mut line, &message)? {
                break;
            }
        }
    }
    line.release();
    Ok(())
}

/// Accepts associations until the final response has come and all associations are closed.
fn accept_associations(
    server: &Server,
    listener: &TcpListener,
    order: &FetchOrder,
    tell: &Tell,
    cancel: &Cancel,
    done: &Cancel,
) -> Result<()> {
    let failures = parking_lot::Mutex::new(None);
    thread::scope(|scope| {
        let mut open: Vec<thread::ScopedJoinHandle<'_, ()>> = Vec::new();
        let mut last_look = None;
        while !cancel.is_cancelled() {
            open.retain(|thread| !thread.is_finished());
            let since = match done.is_cancelled() {
                true => *last_look.get_or_insert_with(Instant::now),
                false => Instant::now(),
            };
            if done.is_cancelled() && (open.is_empty() || since.elapsed() > GRACE) {
                break;
            }
            match listener.accept() {
                Ok((stream, _)) => {
                    let failures = &failures;
                    open.push(scope.spawn(move || {
                        if let Err(failure) = serve_association(server, stream, order, tell, cancel)
                        {
                            failures.lock().get_or_insert(failure);
                        }
                    }));
                }
                Err(_) => drop(patience::sleep_cancellable(LOOK, cancel)),
            }
        }
    });
    failures.into_inner().map_or(Ok(()), Err)
}

/// Serves one association that the server opened, and saves the requested objects.
fn serve_association(
    server: &Server,
    stream: TcpStream,
    order: &FetchOrder,
    tell: &Tell,
    cancel: &Cancel,
) -> Result<()> {
    let tried = "receive objects by C-MOVE";
    stream.set_nonblocking(false).map_err(|_| {
        let reason = "the connection was lost";
        server_error(ErrorKind::ConnectionLost, server, tried, reason)
    })?;
    let mut options = ServerAssociationOptions::new()
        .ae_title(server.calling_ae.trim().to_owned())
        .accept_called_ae_title()
        .promiscuous(true)
        .read_timeout(Duration::from_secs(60))
        .write_timeout(Duration::from_secs(60));
    for syntax in SYNTAXES {
        options = options.with_transfer_syntax(*syntax);
    }
    let association = options.establish(stream).map_err(|_| {
        let reason = "the association with the server could not be established";
        server_error(ErrorKind::ConnectionLost, server, tried, reason)
    })?;
    let mut line = Association::new(server, tried, cancel, association);
    loop {
        let message = match line.next_message() {
            Ok(message) => message,
            // The server has released the association.
            Err(_) if line.has_ended => return Ok(()),
            Err(failure) => return Err(failure),
        };
        match message.command.command_field() {
            STORE_RQ => {
                if let Some(came) =
                    arrival::receive_object(&mut line, &message, &order.wanted, &order.folder)?
                {
                    drop(tell.send(came));
                }
            }
            _ => {
                return Err(line
                    .error_of_kind(ErrorKind::Refused, "the server sent an unsupported request"));
            }
        }
    }
}
