//! All elements of a file as text, for people who look at its header. Nothing else in this crate goes by these texts.

use super::{
    dataset::{DataSet, Element, Value},
    file::{DicomFile, Unreadable, tag_and_length},
    parse::{ITEM, PixelElement, SEQUENCE_END, read_elements},
    text::decode_bytes,
};
use dicom_core::{
    Tag, VR,
    dictionary::{DataDictionary, DataDictionaryEntry},
};
use dicom_dictionary_std::{StandardDataDictionary, tags};
use labrum_core::{
    Error, Result,
    containment::{self, Plain},
    file_bytes::FileBytes,
    header::{FileHeader, HeaderElement},
    study::os_path,
};
use serde::{Deserialize, Serialize};
use std::{
    mem,
    path::{Path, PathBuf},
};

const TRIED: &str = "read the header";
/// Most bytes of a text that are shown.
const LONGEST_TEXT: u64 = 16 << 10;
/// Most bytes of a binary value, and most numbers of a list, that are shown.
const SHOWN_BYTES: usize = 16;
const SHOWN_NUMBERS: usize = 64;
/// Most bytes of all texts together; the answer of a child must not be too long.
const MOST_TEXT: usize = 24 << 20;
/// What an element takes beside its texts, in bytes.
const OVERHEAD: usize = 96;

/// All elements of a DICOM file, read in a child process.
///
/// # Errors
/// If the file is missing or not DICOM. A damaged file has the elements before the damage.
pub fn read_header(path: &Path) -> Result<FileHeader> {
    let request = ReadElements {
        path: path.to_owned(),
    };
    containment::read_in_child(request).map(|header| header.0)
}

/// Request for all elements of a file.
#[derive(Serialize, Deserialize)]
pub struct ReadElements {
    #[serde(with = "os_path")]
    path: PathBuf,
}

impl containment::Request for ReadElements {
    const NAME: &'static str = "elements";
    const TRIED: &'static str = TRIED;
    type Answer = Plain<FileHeader>;

    fn path(&self) -> &Path {
        &self.path
    }

    fn read_in_process(self) -> Result<Plain<FileHeader>> {
        let file = DicomFile::open(&self.path).map_err(|why| match why {
            Unreadable::NotDicom => Error::at_path(TRIED, &self.path, "not a DICOM file"),
            Unreadable::Failed(reason) => Error::at_path(TRIED, &self.path, reason),
        })?;
        Ok(Plain(header_of(file)))
    }
}

fn header_of(mut file: DicomFile) -> FileHeader {
    let meta = mem::take(&mut file.meta);
    let data = mem::take(&mut file.data);
    let behind = file
        .pixels
        .map(|pixels| elements_behind(&mut file, &pixels));
    let mut texts = ElementTexts {
        bytes: &mut file.bytes,
        room: MOST_TEXT,
    };
    let mut elements = texts.data_set(&meta, &[]);
    elements.extend(texts.data_set(&data, &[]));
    elements.extend(file.pixels.map(|pixels| pixel_element(&pixels)));
    elements.extend(behind.iter().flat_map(|data| texts.data_set(data, &[])));
    let is_cut = texts.room == 0;
    FileHeader {
        elements,
        damage: file
            .broken
            .or_else(|| is_cut.then(|| "it is very large; only its beginning is shown".to_owned())),
    }
}

/// The elements after the pixel data; empty if there are none or they cannot be read.
fn elements_behind(file: &mut DicomFile, pixels: &PixelElement) -> DataSet {
    end_of_pixels(&mut file.bytes, pixels)
        .map(|end| read_elements(&mut file.bytes, end, file.encoding, false).data)
        .unwrap_or_default()
}

/// Offset of the end of the pixel data; `None` if the file ends before.
fn end_of_pixels(bytes: &mut FileBytes, pixels: &PixelElement) -> Option<u64> {
    if let Some(length) = pixels.length {
        return pixels.at.checked_add(length);
    }
    // Fragments are always little endian, with explicit lengths.
    let mut at = pixels.at;
    loop {
        let (tag, length) = tag_and_length(bytes.get(at, 8)?.try_into().ok()?);
        at += 8;
        match tag {
            ITEM => at += length,
            SEQUENCE_END => return Some(at),
            _ => return None,
        }
    }
}

fn pixel_element(pixels: &PixelElement) -> HeaderElement {
    HeaderElement {
        tag: [pixels.tag.group(), pixels.tag.element()],
        vr: pixels.vr.to_string().to_owned(),
        name: element_name(&DataSet::default(), pixels.tag),
        value: match pixels.length {
            Some(length) => format!("{length} bytes"),
            None => "compressed".to_owned(),
        },
        items: Vec::new(),
    }
}

/// Makes texts of elements, as long as there is room.
struct ElementTexts<'a> {
    bytes: &'a mut FileBytes,
    room: usize,
}

impl ElementTexts<'_> {
    /// The elements of a dataset, whose texts have the character sets `charset` unless it says otherwise.
    fn data_set(&mut self, data: &DataSet, charset: &[String]) -> Vec<HeaderElement> {
        let own = data.text_values(tags::SPECIFIC_CHARACTER_SET);
        let has_own = data.has_value(tags::SPECIFIC_CHARACTER_SET);
        let charset = if has_own { own.as_slice() } else { charset };
        let mut all = Vec::new();
        for (tag, element) in &data.elements {
            if self.room == 0 {
                break;
            }
            let value = self.value_text(data, *tag, element, charset);
            let name = element_name(data, *tag);
            self.room = self
                .room
                .saturating_sub(OVERHEAD + value.len() + name.len());
            let (vr, items) = match &element.value {
                // A sequence may be stored with an unknown VR.
                Value::Items(items) => {
                    let items = items.iter().map(|item| self.data_set(item, charset));
                    (VR::SQ, items.collect())
                }
                _ => (element.vr, Vec::new()),
            };
            all.push(HeaderElement {
                tag: [tag.group(), tag.element()],
                vr: vr.to_string().to_owned(),
                name,
                value,
                items,
            });
        }
        all
    }

    fn value_text(
        &mut self,
        data: &DataSet,
        tag: Tag,
        element: &Element,
        charset: &[String],
    ) -> String {
        match &element.value {
            Value::Items(_) => String::new(),
            Value::Bytes(bytes) if bytes.is_empty() => String::new(),
            Value::Bytes(bytes) => match element.vr {
                vr if is_text(vr) => readable(&decode_bytes(bytes, charset)),
                vr if is_number(vr) => number_list(&data.numbers_as(tag, vr), vr),
                VR::AT => tag_list(bytes, data.big_endian),
                VR::UN if is_printable(bytes) => readable(&String::from_utf8_lossy(bytes)),
                _ => binary_text(bytes, bytes.len() as u64),
            },
            Value::Far { at, length } => self.far_text(*at, *length, element.vr, charset),
        }
    }

    /// A long value, which is read from the file.
    fn far_text(&mut self, at: u64, length: u64, vr: VR, charset: &[String]) -> String {
        let most = if is_text(vr) {
            LONGEST_TEXT
        } else {
            SHOWN_BYTES as u64
        };
        let Ok(bytes) = self.bytes.read_range(at, length.min(most)) else {
            return format!("{length} bytes");
        };
        if is_text(vr) {
            let rest = if length > most { "..." } else { "" };
            return readable(&decode_bytes(&bytes, charset)) + rest;
        }
        binary_text(&bytes, length)
    }
}

/// True for values that are text, in the character sets of the dataset or in the default one.
fn is_text(vr: VR) -> bool {
    matches!(
        vr,
        VR::AE
            | VR::AS
            | VR::CS
            | VR::DA
            | VR::DS
            | VR::DT
            | VR::IS
            | VR::LO
            | VR::LT
            | VR::PN
            | VR::SH
            | VR::ST
            | VR::TM
            | VR::UC
            | VR::UI
            | VR::UR
            | VR::UT
    )
}

/// True for values that are binary numbers.
fn is_number(vr: VR) -> bool {
    matches!(
        vr,
        VR::US | VR::SS | VR::UL | VR::SL | VR::FL | VR::FD | VR::UV | VR::SV
    )
}

/// The keyword of an element; for a private one who defined it.
fn element_name(data: &DataSet, tag: Tag) -> String {
    let is_private = tag.group() % 2 == 1;
    if !is_private || (0x10..=0xFF).contains(&tag.element()) {
        let known = StandardDataDictionary.by_tag(tag);
        return known.map_or_else(|| "Unknown".to_owned(), |entry| entry.alias().to_owned());
    }
    match data.text_value(Tag(tag.group(), tag.element() >> 8)) {
        Some(creator) => format!("Private: {creator}"),
        None => "Private".to_owned(),
    }
}

/// A text without padding, with line breaks and other control characters as spaces.
fn readable(text: &str) -> String {
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// Numbers as in a text element, with backslashes between them.
fn number_list(numbers: &[f64], vr: VR) -> String {
    let shown = numbers.iter().take(SHOWN_NUMBERS);
    let texts: Vec<String> = shown.map(|number| number_text(*number, vr)).collect();
    let list = texts.join("\\");
    if numbers.len() > SHOWN_NUMBERS {
        format!("{list}\\... ({} values)", numbers.len())
    } else {
        list
    }
}

fn number_text(number: f64, vr: VR) -> String {
    if vr == VR::FL {
        // As few digits as single precision needs.
        return (number as f32).to_string();
    }
    number.to_string()
}

/// Tags: "(0018,1063)\\(0018,1065)".
fn tag_list(bytes: &[u8], big_endian: bool) -> String {
    let word = |a: u8, b: u8| match big_endian {
        true => u16::from_be_bytes([a, b]),
        false => u16::from_le_bytes([a, b]),
    };
    let tags = bytes.as_chunks::<4>().0.iter().take(SHOWN_NUMBERS);
    let texts: Vec<String> = tags
        .map(|[a, b, c, d]| format!("({:04X},{:04X})", word(*a, *b), word(*c, *d)))
        .collect();
    texts.join("\\")
}

/// True for a value that looks like text.
fn is_printable(bytes: &[u8]) -> bool {
    let text = bytes.strip_suffix(b"\0").unwrap_or(bytes);
    !text.is_empty()
        && text
            .iter()
            .all(|b| matches!(b, b' '..=b'~' | b'\r' | b'\n'))
}

/// "12 bytes: 01 02 ...".
fn binary_text(first: &[u8], length: u64) -> String {
    let shown = first.iter().take(SHOWN_BYTES);
    let digits: Vec<String> = shown.map(|byte| format!("{byte:02X}")).collect();
    let rest = if length > SHOWN_BYTES as u64 {
        " ..."
    } else {
        ""
    };
    let unit = if length == 1 { "byte" } else { "bytes" };
    format!("{length} {unit}: {}{rest}", digits.join(" "))
}

#[cfg(test)]
mod tests;
