//! Receives an object of a C-STORE request as a file.

use super::super::object;
use super::{
    command::CommandSet,
    line::{Association, Message},
};
use crate::{Error, ErrorKind, Result};
use dicom_dictionary_std::tags;
use dicom_object::FileMetaTableBuilder;
use dicom_ul::association::SyncAssociation;
use labrum_core::{pacs::RemoteInstance, whole_file};
use std::{
    io::{self, Write},
    net::TcpStream,
    path::Path,
};

/// Status: SOP class not supported, for objects that were not requested.
const REFUSED: u16 = 0x0122;
/// Status: out of resources.
const NO_ROOM: u16 = 0xA700;
/// Status: data set does not match SOP class.
const MISMATCH: u16 = 0xA900;

/// Answers a C-STORE request; a requested object is saved as `UID.dcm` in `folder`.
///
/// # Errors
/// If the association fails or the object cannot be saved.
pub(super) fn receive_object<A: SyncAssociation<TcpStream>>(
    line: &mut Association<A>,
    request: &Message,
    wanted: &[RemoteInstance],
    folder: &Path,
) -> Result<Option<(RemoteInstance, u64)>> {
    let sop = request.command.text_value(tags::AFFECTED_SOP_INSTANCE_UID);
    let found = wanted
        .iter()
        .find(|instance| instance.sop_uid == sop)
        .cloned();
    let Some(instance) = found else {
        line.read_data(&mut |_| Ok(()))?.unwrap_or_default();
        line.send_message(
            request.context,
            &CommandSet::store_response(&request.command, REFUSED),
            None,
        )?;
        return Ok(None);
    };
    let header = file_meta_header(line, request, &sop)
        .map_err(|reason| line.error_of_kind(ErrorKind::Refused, reason))?;
    let mut broken = None;
    let mut bytes = 0;
    let path = folder.join(format!("{sop}.dcm"));
    let written = whole_file::write_checked(
        &path,
        "save the received object",
        |out| {
            bytes = copy_from_line(line, &header, out, &mut broken)?;
            Ok(())
        },
        |path| object::check_identity(path, &sop),
    );
    if let Some(failure) = broken {
        return Err(failure);
    }
    let status = match &written {
        Ok(()) => 0x0000,
        Err(error) if error.kind == ErrorKind::Mismatch => MISMATCH,
        Err(_) => NO_ROOM,
    };
    line.send_message(
        request.context,
        &CommandSet::store_response(&request.command, status),
        None,
    )?;
    match written {
        Ok(()) => Ok(Some((instance, bytes))),
        Err(error) if status == MISMATCH => {
            Err(line.error_of_kind(ErrorKind::Refused, error.reason))
        }
        Err(error) => Err(error),
    }
}

/// Writes the header and the received data, and returns the number of bytes received. A failure of the connection is stored
/// in `broken`.
fn copy_from_line<A: SyncAssociation<TcpStream>>(
    line: &mut Association<A>,
    header: &[u8],
    out: &mut dyn Write,
    broken: &mut Option<Error>,
) -> io::Result<u64> {
    out.write_all(header)?;
    match line.read_data(&mut |piece| out.write_all(piece)) {
        Ok(written) => written,
        Err(failure) => {
            *broken = Some(failure);
            Err(io::Error::other("the connection was lost"))
        }
    }
}

/// Preamble and file meta information, which are not transmitted.
fn file_meta_header<A: SyncAssociation<TcpStream>>(
    line: &Association<A>,
    request: &Message,
    sop: &str,
) -> Result<Vec<u8>, String> {
    let named = request.command.text_value(tags::AFFECTED_SOP_CLASS_UID);
    let class = if named.is_empty() {
        line.class_of(request.context)
    } else {
        named
    };
    let meta = FileMetaTableBuilder::new()
        .media_storage_sop_class_uid(class)
        .media_storage_sop_instance_uid(sop)
        .transfer_syntax(line.syntax_of(request.context))
        .build()
        .map_err(|error| error.to_string())?;
    let mut bytes = vec![0; 128];
    bytes.extend_from_slice(b"DICM");
    meta.write(&mut bytes)
        .map_err(|error| Error::new("write the header", error).reason)?;
    Ok(bytes)
}
