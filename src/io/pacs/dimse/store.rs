//! C-STORE: sends an object as stored, or re-encoded in another uncompressed transfer syntax if the server requires it.

use super::super::Object;
use super::{
    command::{CommandSet, RESPONSE, STORE_RQ},
    line::{Association, uncompressed_syntaxes},
};
use crate::{ErrorKind, Result};
use labrum_core::{pacs::Server, progress::Cancel};
use labrum_dicom::rewrite;
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
};

pub(super) fn send_object(server: &Server, object: &Object, cancel: &Cancel) -> Result<()> {
    let tried = "send an object";
    let own = object.transfer_syntax.clone();
    let mut contexts = vec![(object.sop_class.clone(), vec![own.clone()])];
    let is_plain = uncompressed_syntaxes().contains(&own);
    if is_plain {
        contexts.extend(
            uncompressed_syntaxes()
                .into_iter()
                .filter(|s| *s != own)
                .map(|s| (object.sop_class.clone(), vec![s])),
        );
    }
    let mut line = Association::connect_to(server, tried, cancel, contexts, &[])?;
    let as_it_is = line.context_for_class(&object.sop_class, Some(&own)).ok();
    let Some(context) = as_it_is.or_else(|| line.context_for_class(&object.sop_class, None).ok())
    else {
        let reason = match is_plain {
            true => "the server does not accept this type of object".to_owned(),
            false => format!(
                "the server does not accept {}",
                labrum_dicom::transfer_syntax_name(&own)
            ),
        };
        return Err(line.error_of_kind(ErrorKind::Refused, reason));
    };
    let mut data: Box<dyn Read> = match as_it_is {
        Some(_) => Box::new(data_set(object)?),
        None => Box::new(io::Cursor::new(encoded_as(
            object,
            &line.syntax_of(context),
        )?)),
    };
    let request = CommandSet::new_request(STORE_RQ, &object.sop_class)
        .with_priority()
        .with_object(&object.sop_uid);
    line.has_sent = true;
    line.send_message(context, &request, Some(&mut data))?;
    let answer = line.next_message()?;
    if answer.command.command_field() != STORE_RQ | RESPONSE {
        return Err(line.error_of_kind(ErrorKind::Refused, "unexpected answer"));
    }
    let verdict = match answer.command.status() {
        // Success, success with a warning, or duplicate.
        0x0000 | 0xB000..=0xBFFF | 0x0111 => Ok(()),
        status => Err(line.refusal_error(status)),
    };
    line.release();
    verdict
}

/// The file, positioned after its meta information.
fn data_set(object: &Object) -> Result<File> {
    let mut file = File::open(&object.path).map_err(|e| object.read_error(e))?;
    let mut head = [0; 144];
    file.read_exact(&mut head)
        .map_err(|e| object.read_error(e))?;
    // File Meta Information Group Length comes first, PS3.10 7.1.
    let is_usual =
        &head[128..132] == b"DICM" && head[132..140] == [0x02, 0, 0, 0, b'U', b'L', 4, 0];
    if !is_usual {
        return Err(object.read_error("the file header is not valid"));
    }
    let length = u32::from_le_bytes([head[140], head[141], head[142], head[143]]);
    file.seek(SeekFrom::Start(144 + u64::from(length)))
        .map_err(|e| object.read_error(e))?;
    Ok(file)
}

/// The object re-encoded in another uncompressed transfer syntax.
fn encoded_as(object: &Object, syntax: &str) -> Result<Vec<u8>> {
    rewrite::encoded_as(&object.path, syntax)
}
