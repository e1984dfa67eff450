//! Parses the elements of a dataset: explicit or implicit VR, either byte order, tolerant of common errors.
//!
//! Every step moves forward in the file and every length is checked against the size of the file, so that no file can
//! cause an endless loop or allocate more memory than the file is long.

use super::dataset::{DataSet, Element, Value};
use dicom_core::{
    Tag, VR,
    dictionary::{DataDictionary, DataDictionaryEntry, VirtualVr},
};
use dicom_dictionary_std::{StandardDataDictionary, tags};
use labrum_core::file_bytes::FileBytes;

/// Longer values, in bytes, are left in the file until they are needed.
const KEPT: u64 = 4096;
/// Maximum nesting of sequences; real files have about five levels.
const DEEPEST: usize = 32;
/// Maximum number of elements and items; an enhanced object with a thousand frames has about a hundred thousand.
const MOST_ELEMENTS: usize = 5_000_000;
/// Maximum total size of the values kept in memory, bytes.
const MOST_KEPT: u64 = 256 << 20;
const UNDEFINED: u32 = u32::MAX;

/// The beginning of an item.
pub(crate) const ITEM: Tag = Tag(0xFFFE, 0xE000);
const ITEM_END: Tag = Tag(0xFFFE, 0xE00D);
/// The end of a sequence or of fragments.
pub(crate) const SEQUENCE_END: Tag = Tag(0xFFFE, 0xE0DD);

/// How elements are encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Encoding {
    /// Explicit VR.
    pub(crate) explicit: bool,
    /// Big endian.
    pub(crate) big_endian: bool,
}

/// Explicit VR little endian.
pub(crate) const EXPLICIT_LITTLE: Encoding = Encoding {
    explicit: true,
    big_endian: false,
};
/// Implicit VR little endian.
pub(crate) const IMPLICIT_LITTLE: Encoding = Encoding {
    explicit: false,
    big_endian: false,
};

/// Where the pixel data element of the file is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PixelElement {
    /// Pixel Data, Float Pixel Data or Double Float Pixel Data.
    pub(crate) tag: Tag,
    /// Offset of the first byte of the value.
    pub(crate) at: u64,
    /// Length in bytes; `None` for encapsulated fragments.
    pub(crate) length: Option<u64>,
    /// OW or OB.
    pub(crate) vr: VR,
}

/// A dataset up to its pixel data.
#[derive(Debug, Default)]
pub(crate) struct Parsed {
    /// The elements before the pixel data.
    pub(crate) data: DataSet,
    /// The pixel data.
    pub(crate) pixels: Option<PixelElement>,
    /// Why reading stopped before the end; `None` if it did not.
    pub(crate) broken: Option<String>,
    /// Offset of the end of what was read.
    pub(crate) end: u64,
}

/// Reads elements from `at` up to the pixel data, the end, or (`only_meta`) the first element outside group 2.
pub(crate) fn read_elements(
    bytes: &mut FileBytes,
    at: u64,
    encoding: Encoding,
    only_meta: bool,
) -> Parsed {
    let end = bytes.len();
    let mut parser = Parser {
        bytes,
        elements: 0,
        kept: 0,
        only_meta,
        pixels: None,
        at,
    };
    let mut data = DataSet {
        big_endian: encoding.big_endian,
        ..Default::default()
    };
    let broken = parser.data_set(&mut data, end, encoding, 0).err();
    Parsed {
        data,
        pixels: parser.pixels,
        broken,
        end: parser.at,
    }
}

struct Parser<'a> {
    bytes: &'a mut FileBytes,
    elements: usize,
    kept: u64,
    only_meta: bool,
    pixels: Option<PixelElement>,
    at: u64,
}

struct ElementHead {
    tag: Tag,
    vr: VR,
    length: u32,
    /// True if the file says UN but the dictionary knows the VR. PS3.5 6.2.2: the value is implicit little endian.
    was_unknown: bool,
}

impl Parser<'_> {
    /// Fills `data` up to `end`, an item delimiter or, at the top level, the pixel data.
    fn data_set(
        &mut self,
        data: &mut DataSet,
        end: u64,
        encoding: Encoding,
        depth: usize,
    ) -> Result<(), String> {
        if depth > DEEPEST {
            return Err("sequences are nested too deeply".into());
        }
        // A few bytes may be left: some writers pad the file with zeros.
        while self.at + 8 <= end {
            let start = self.at;
            let head = self.read_element_head(encoding)?;
            if head.tag == ITEM_END || head.tag == SEQUENCE_END {
                if depth > 0 {
                    return Ok(());
                }
                continue;
            }
            if self.only_meta && head.tag.group() != 2 {
                self.at = start;
                return Ok(());
            }
            if depth == 0 && is_pixel_data(head.tag) {
                let length = (head.length != UNDEFINED).then_some(u64::from(head.length));
                self.pixels = Some(PixelElement {
                    tag: head.tag,
                    at: self.at,
                    length,
                    vr: head.vr,
                });
                return Ok(());
            }
            if depth == 0 && head.tag == Tag(0, 0) && head.length == 0 {
                return Ok(());
            }
            let value = self.read_value(&head, end, encoding, depth)?;
            data.elements
                .insert(head.tag, Element { vr: head.vr, value });
        }
        Ok(())
    }

    fn read_value(
        &mut self,
        head: &ElementHead,
        end: u64,
        encoding: Encoding,
        depth: usize,
    ) -> Result<Value, String> {
        if head.length == UNDEFINED {
            return match head.vr {
                VR::OB | VR::OW if is_pixel_data(head.tag) => self.skip_fragments(end),
                // PS3.5 6.2.2: a sequence stored as UN is implicit little endian.
                VR::UN => self.unknown_items(end, depth),
                VR::SQ => self.read_items(end, encoding, depth),
                _ if self.next_is_item(encoding) => self.read_items(end, encoding, depth),
                _ => Err(format!("element {} has an undefined length", head.tag)),
            };
        }
        let length = u64::from(head.length);
        let value_end = self.at + length;
        if value_end > end {
            return Err(format!(
                "element {} has a length of {length} bytes, but only {} are left",
                head.tag,
                end - self.at
            ));
        }
        let at = self.at;
        if head.vr == VR::SQ {
            let items = match head.was_unknown {
                true => self.unknown_items(value_end, depth),
                false => self.read_items(value_end, encoding, depth),
            };
            self.at = value_end;
            match items {
                // A UN value may be anything: if it is not a sequence, keep its bytes and go on after it.
                Err(_)
                    if head.was_unknown
                        && self.elements <= MOST_ELEMENTS
                        && self.kept <= MOST_KEPT =>
                {
                    self.at = at
                }
                items => return items,
            }
        }
        self.at = value_end;
        if length > KEPT {
            return Ok(Value::Far { at, length });
        }
        self.kept += length;
        if self.kept > MOST_KEPT {
            return Err("the header is too large".into());
        }
        let mut bytes = self.bytes_at(at, length as usize)?.to_vec();
        if head.was_unknown && encoding.big_endian {
            bytes
                .chunks_exact_mut(word_size(head.vr))
                .for_each(<[u8]>::reverse);
        }
        Ok(Value::Bytes(bytes))
    }

    /// The items of a sequence stored as UN: implicit little endian, PS3.5 6.2.2, but some writers use explicit VR in
    /// them.
    fn unknown_items(&mut self, end: u64, depth: usize) -> Result<Value, String> {
        let start = self.at;
        self.read_items(end, IMPLICIT_LITTLE, depth)
            .or_else(|reason| {
                self.at = start;
                self.read_items(end, EXPLICIT_LITTLE, depth)
                    .map_err(|_| reason)
            })
    }

    fn read_items(&mut self, end: u64, encoding: Encoding, depth: usize) -> Result<Value, String> {
        let mut items = Vec::new();
        while self.at + 8 <= end {
            self.count_element()?;
            let (tag, length) = self.item_head(encoding)?;
            if tag == SEQUENCE_END {
                break;
            }
            if tag != ITEM {
                return Err(format!(
                    "a sequence contains element {tag} instead of an item"
                ));
            }
            let item_end = if length == UNDEFINED {
                end
            } else {
                end.min(self.at + u64::from(length))
            };
            let mut item = DataSet {
                big_endian: encoding.big_endian,
                ..Default::default()
            };
            self.data_set(&mut item, item_end, encoding, depth + 1)?;
            if length != UNDEFINED {
                self.at = item_end;
            }
            items.push(item);
        }
        Ok(Value::Items(items))
    }

    /// Skips the pixels of an icon or another nested image.
    fn skip_fragments(&mut self, end: u64) -> Result<Value, String> {
        while self.at + 8 <= end {
            let (tag, length) = self.item_head(EXPLICIT_LITTLE)?;
            if tag == SEQUENCE_END {
                break;
            }
            self.at = end.min(self.at + u64::from(length));
        }
        Ok(Value::Bytes(Vec::new()))
    }

    fn read_element_head(&mut self, encoding: Encoding) -> Result<ElementHead, String> {
        self.count_element()?;
        let (tag, long) = self.item_head(encoding)?;
        if tag.group() == 0xFFFE {
            return Ok(ElementHead {
                tag,
                vr: VR::UN,
                length: long,
                was_unknown: false,
            });
        }
        let in_file = [
            self.bytes_at(self.at - 4, 2)?[0],
            self.bytes_at(self.at - 4, 2)?[1],
        ];
        let letters = in_file.iter().all(u8::is_ascii_uppercase);
        if !encoding.explicit || !letters {
            return Ok(ElementHead {
                tag,
                vr: dictionary_vr(tag),
                length: long,
                was_unknown: false,
            });
        }
        let vr = VR::from_binary(in_file).unwrap_or(VR::UN);
        let length = if VR::from_binary(in_file).is_some_and(has_long_length) {
            let at = self.at;
            self.at += 4;
            decode_uint(self.bytes_at(at, 4)?, encoding)
        } else {
            let at = self.at - 2;
            decode_uint(self.bytes_at(at, 2)?, encoding)
        };
        // The VR was lost, but the dictionary has it.
        let known = dictionary_vr(tag);
        let was_unknown = vr == VR::UN && known != VR::UN && length != UNDEFINED;
        Ok(ElementHead {
            tag,
            vr: if was_unknown { known } else { vr },
            length,
            was_unknown,
        })
    }

    fn count_element(&mut self) -> Result<(), String> {
        self.elements += 1;
        if self.elements > MOST_ELEMENTS {
            Err("the file has too many elements".into())
        } else {
            Ok(())
        }
    }

    /// Reads a tag and the following 4 bytes as a number.
    fn item_head(&mut self, encoding: Encoding) -> Result<(Tag, u32), String> {
        let at = self.at;
        let head = self.bytes_at(at, 8)?;
        let tag = Tag(
            decode_uint(&head[..2], encoding) as u16,
            decode_uint(&head[2..4], encoding) as u16,
        );
        let length = decode_uint(&head[4..8], encoding);
        self.at += 8;
        Ok((tag, length))
    }

    fn next_is_item(&mut self, encoding: Encoding) -> bool {
        let at = self.at;
        self.bytes_at(at, 4).is_ok_and(|b| {
            decode_uint(&b[..2], encoding) == 0xFFFE && decode_uint(&b[2..], encoding) == 0xE000
        })
    }

    fn bytes_at(&mut self, at: u64, count: usize) -> Result<&[u8], String> {
        self.bytes
            .get(at, count)
            .ok_or_else(|| format!("the file ends within its header, at byte {at}"))
    }
}

/// True for Pixel Data, Float Pixel Data and Double Float Pixel Data.
fn is_pixel_data(tag: Tag) -> bool {
    matches!(
        tag,
        tags::PIXEL_DATA | tags::FLOAT_PIXEL_DATA | tags::DOUBLE_FLOAT_PIXEL_DATA
    )
}

/// PS3.5 7.1.2: true for VRs with two reserved bytes and a 4-byte length.
fn has_long_length(vr: VR) -> bool {
    matches!(
        vr,
        VR::OB
            | VR::OD
            | VR::OF
            | VR::OL
            | VR::OV
            | VR::OW
            | VR::SQ
            | VR::SV
            | VR::UC
            | VR::UN
            | VR::UR
            | VR::UT
            | VR::UV
    )
}

fn dictionary_vr(tag: Tag) -> VR {
    if tag.element() == 0 {
        return VR::UL;
    }
    match StandardDataDictionary.by_tag(tag).map(|entry| entry.vr()) {
        Some(VirtualVr::Exact(vr)) => vr,
        Some(VirtualVr::Xs) => VR::US,
        Some(VirtualVr::Ox | VirtualVr::Px | VirtualVr::Lt) => VR::OW,
        _ => VR::UN,
    }
}

/// Size of a number of this VR, bytes; 1 for VRs that are not numeric.
fn word_size(vr: VR) -> usize {
    match vr {
        VR::US | VR::SS | VR::OW | VR::AT => 2,
        VR::UL | VR::SL | VR::FL | VR::OF | VR::OL => 4,
        VR::FD | VR::OD | VR::UV | VR::SV | VR::OV => 8,
        _ => 1,
    }
}

fn decode_uint(bytes: &[u8], encoding: Encoding) -> u32 {
    if encoding.big_endian {
        bytes.iter().fold(0, append_byte)
    } else {
        bytes.iter().rev().fold(0, append_byte)
    }
}

#[inline]
fn append_byte(value: u32, byte: &u8) -> u32 {
    value << 8 | u32::from(*byte)
}

/// True if the two bytes are a VR of the standard.
pub(crate) fn is_vr(bytes: &[u8]) -> bool {
    matches!(bytes, [a, b, ..] if VR::from_binary([*a, *b]).is_some())
}
