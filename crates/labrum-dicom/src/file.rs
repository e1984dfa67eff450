//! Opens a DICOM file: preamble, file meta information and dataset, each of which may be missing or wrong.

use super::{
    dataset::{DataSet, Value},
    parse::{EXPLICIT_LITTLE, Encoding, IMPLICIT_LITTLE, PixelElement, is_vr, read_elements},
    uids::EXPLICIT_BIG_ENDIAN,
};
use labrum_core::file_bytes::FileBytes;

use dicom_core::Tag;
use dicom_dictionary_std::{tags, uids};
use std::{
    io::{self, Read},
    path::Path,
};

/// Maximum size of an inflated dataset, bytes.
const MOST_INFLATED: u64 = 1 << 30;
/// GE's private transfer syntax: implicit little endian with big endian pixels.
const GE_PRIVATE: &str = "1.2.840.113619.5.2";

/// A DICOM file, read up to its pixel data.
pub(crate) struct DicomFile {
    /// The bytes that offsets refer to: the file, or the inflated dataset.
    pub(crate) bytes: FileBytes,
    /// The file meta information; empty if there is none.
    pub(crate) meta: DataSet,
    /// The dataset without the pixel data.
    pub(crate) data: DataSet,
    /// How the elements of the dataset are encoded.
    pub(crate) encoding: Encoding,
    /// Where the pixel data is.
    pub(crate) pixels: Option<PixelElement>,
    /// Transfer Syntax UID, from the file meta information or guessed.
    pub(crate) transfer_syntax: String,
    /// True if uncompressed pixels are big endian.
    pub(crate) big_endian_pixels: bool,
    /// Why reading stopped before the end; `None` if it did not.
    pub(crate) broken: Option<String>,
    /// Offset of the dataset in the file.
    pub(crate) data_start: u64,
    /// SOP Class UID of the dataset or, if it has none, of the file meta information.
    pub(crate) sop_class: String,
}

/// Why a file could not be opened.
pub(crate) enum Unreadable {
    /// It is not a DICOM file.
    NotDicom,
    /// It cannot be read, with the reason.
    Failed(String),
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::Failed(labrum_core::reason_of(&error))
    }
}

impl DicomFile {
    /// Reads the header of `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, Unreadable> {
        let mut bytes = FileBytes::open(path)?;
        let start = find_start(&mut bytes).ok_or(Unreadable::NotDicom)?;
        let meta = match start {
            FileStart::Meta(at) => read_elements(&mut bytes, at, EXPLICIT_LITTLE, true),
            FileStart::Data(_) => Default::default(),
        };
        let at = match start {
            FileStart::Meta(_) => meta.end,
            FileStart::Data(at) => at,
        };
        if let Some(reason) = meta.broken {
            return Err(Unreadable::Failed(format!(
                "the file meta information is damaged: {reason}"
            )));
        }
        let data_start = at;
        let named = meta.data.text_value(tags::TRANSFER_SYNTAX_UID);
        let at = if named.as_deref() == Some(uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN) {
            bytes = inflate_dataset(&mut bytes, at)?;
            0
        } else {
            at
        };
        let encoding = guess_encoding(&mut bytes, at, named.as_deref());
        let transfer_syntax = named.unwrap_or_else(|| {
            match encoding {
                Encoding {
                    big_endian: true, ..
                } => EXPLICIT_BIG_ENDIAN,
                Encoding { explicit: true, .. } => uids::EXPLICIT_VR_LITTLE_ENDIAN,
                _ => uids::IMPLICIT_VR_LITTLE_ENDIAN,
            }
            .into()
        });
        let parsed = read_elements(&mut bytes, at, encoding, false);
        let sop_class = class_uid(&parsed.data, tags::SOP_CLASS_UID)
            .or_else(|| class_uid(&meta.data, tags::MEDIA_STORAGE_SOP_CLASS_UID))
            .unwrap_or_default();
        Ok(Self {
            bytes,
            big_endian_pixels: encoding.big_endian || transfer_syntax == GE_PRIVATE,
            meta: meta.data,
            data: parsed.data,
            encoding,
            pixels: parsed.pixels,
            transfer_syntax,
            broken: parsed.broken,
            data_start,
            sop_class,
        })
    }

    /// The bytes of a value of the dataset, however long.
    pub(crate) fn long_value(&mut self, tag: Tag) -> Option<Vec<u8>> {
        read_value(&mut self.bytes, &self.data, tag)
    }
}

/// A SOP Class UID; `None` for a value without a dot, which is not a UID.
fn class_uid(data: &DataSet, tag: Tag) -> Option<String> {
    data.text_value(tag).filter(|uid| uid.contains('.'))
}

/// The bytes of a value of `data` (the dataset of a file or an item of it), however long.
pub(crate) fn read_value(bytes: &mut FileBytes, data: &DataSet, tag: Tag) -> Option<Vec<u8>> {
    match &data.get(tag)?.value {
        Value::Bytes(value) => Some(value.clone()),
        Value::Far { at, length } => bytes.read_range(*at, *length).ok(),
        Value::Items(_) => None,
    }
}

enum FileStart {
    /// Offset of the file meta information.
    Meta(u64),
    /// Offset of the dataset, in a file without file meta information.
    Data(u64),
}

/// Recognises DICOM by its content, never by the file name.
fn find_start(bytes: &mut FileBytes) -> Option<FileStart> {
    if bytes.get(128, 4) == Some(b"DICM") {
        return Some(FileStart::Meta(132));
    }
    if bytes.get(0, 4) == Some(b"DICM") {
        return Some(FileStart::Meta(4));
    }
    let length = bytes.len();
    let at = if bytes
        .get(0, 8)
        .is_some_and(|head| head.iter().all(|b| *b == 0))
    {
        128
    } else {
        0
    };
    let head: [u8; 8] = bytes.get(at, 8)?.try_into().ok()?;
    let (tag, value_length) = tag_and_length(head);
    let has_vr = is_vr(&head[4..6]);
    let plausible = has_vr || value_length <= 256.min(length);
    match tag {
        Tag(0x0002, 0..=0x0016) if has_vr => Some(FileStart::Meta(at)),
        Tag(0x0008, 0..=0x0070) if plausible => Some(FileStart::Data(at)),
        // Big endian without file meta information.
        Tag(0x0800, _) if has_vr => Some(FileStart::Data(at)),
        _ => None,
    }
}

/// The tag in the first eight bytes of an item, or of an element without a VR, and the length of what follows.
pub(crate) fn tag_and_length([a, b, c, d, e, f, g, h]: [u8; 8]) -> (Tag, u64) {
    let tag = Tag(u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d]));
    (tag, u32::from_le_bytes([e, f, g, h]).into())
}

/// The encoding that the transfer syntax says, unless the first element contradicts it.
fn guess_encoding(bytes: &mut FileBytes, at: u64, transfer_syntax: Option<&str>) -> Encoding {
    let Some(head) = bytes.get(at, 6).map(<[u8]>::to_vec) else {
        return EXPLICIT_LITTLE;
    };
    let explicit = is_vr(&head[4..6]);
    let big_endian = match transfer_syntax {
        Some(EXPLICIT_BIG_ENDIAN) => head[0] == 0,
        _ => head[0] == 0 && head[1] != 0 && explicit,
    };
    match (explicit, big_endian) {
        (true, true) => Encoding {
            explicit,
            big_endian,
        },
        (true, false) => EXPLICIT_LITTLE,
        (false, _) => IMPLICIT_LITTLE,
    }
}

fn inflate_dataset(bytes: &mut FileBytes, at: u64) -> Result<FileBytes, Unreadable> {
    let deflated = bytes.read_range(at, bytes.len() - at.min(bytes.len()))?;
    let mut inflated = Vec::new();
    let read = flate2::read::DeflateDecoder::new(&deflated[..])
        .take(MOST_INFLATED + 1)
        .read_to_end(&mut inflated);
    match read {
        Ok(_) if inflated.len() as u64 > MOST_INFLATED => Err(Unreadable::Failed(
            "the deflated dataset is larger than 1 GiB".into(),
        )),
        Ok(_) => Ok(FileBytes::from_memory(inflated)),
        Err(error) => Err(Unreadable::Failed(format!(
            "the deflated dataset is damaged: {error}"
        ))),
    }
}
