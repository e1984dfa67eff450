//! Tiny DICOM files for tests, written byte by byte so that every rule can be broken.
#![allow(clippy::unwrap_used)]

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use std::path::{Path, PathBuf};

pub const EXPLICIT: &str = "1.2.840.10008.1.2.1";
pub const IMPLICIT: &str = "1.2.840.10008.1.2";
pub const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
pub const RLE: &str = "1.2.840.10008.1.2.5";

/// A file in the making: an image of 16-bit grey, unless told otherwise.
#[derive(Clone)]
pub struct Fixture {
    syntax: &'static str,
    with_meta: bool,
    elements: Vec<(Tag, VR, Vec<u8>)>,
    fragments: Option<Vec<Vec<u8>>>,
}

impl Fixture {
    pub fn new(columns: u16, rows: u16) -> Self {
        let empty = Self {
            syntax: EXPLICIT,
            with_meta: true,
            elements: Vec::new(),
            fragments: None,
        };
        empty
            .text(tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.2")
            .text(tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.1")
            .text(tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3")
            .text(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3.4")
            .text(tags::MODALITY, VR::CS, "CT")
            .number(tags::ROWS, rows)
            .number(tags::COLUMNS, columns)
            .number(tags::SAMPLES_PER_PIXEL, 1)
            .text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2")
            .bits(16, 16, false)
    }

    pub fn bits(self, allocated: u16, stored: u16, signed: bool) -> Self {
        self.number(tags::BITS_ALLOCATED, allocated)
            .number(tags::BITS_STORED, stored)
            .number(tags::HIGH_BIT, stored - 1)
            .number(tags::PIXEL_REPRESENTATION, u16::from(signed))
    }

    pub fn color(self, photometric: &str) -> Self {
        let samples = if photometric == "PALETTE COLOR" { 1 } else { 3 };
        self.bits(8, 8, false)
            .number(tags::SAMPLES_PER_PIXEL, samples)
            .text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, photometric)
    }

    pub fn syntax(mut self, uid: &'static str) -> Self {
        self.syntax = uid;
        self
    }

    pub fn without_meta(mut self) -> Self {
        self.with_meta = false;
        self
    }

    pub fn text(self, tag: Tag, vr: VR, value: &str) -> Self {
        let mut bytes = value.as_bytes().to_vec();
        if bytes.len() % 2 == 1 {
            bytes.push(if vr == VR::UI { 0 } else { b' ' });
        }
        self.bytes(tag, vr, bytes)
    }

    pub fn number(self, tag: Tag, value: u16) -> Self {
        self.words(tag, VR::US, &[value])
    }

    /// Words in the byte order of the file.
    pub fn words(self, tag: Tag, vr: VR, values: &[u16]) -> Self {
        let big = self.syntax == BIG_ENDIAN;
        let bytes = values
            .iter()
            .flat_map(|v| {
                if big {
                    v.to_be_bytes()
                } else {
                    v.to_le_bytes()
                }
            })
            .collect();
        self.bytes(tag, vr, bytes)
    }

    pub fn bytes(mut self, tag: Tag, vr: VR, bytes: Vec<u8>) -> Self {
        self.elements.retain(|(other, ..)| *other != tag);
        self.elements.push((tag, vr, bytes));
        self
    }

    /// A sequence with one item.
    pub fn sequence(self, tag: Tag, item: Fixture) -> Self {
        let content = Fixture {
            syntax: self.syntax,
            ..item
        }
        .data_set();
        let mut bytes = self.tag(Tag(0xFFFE, 0xE000));
        bytes.extend(self.long(content.len() as u32));
        bytes.extend(content);
        self.bytes(tag, VR::SQ, bytes)
    }

    /// Another item at the end of a sequence, which begins with it where it is not there yet.
    pub fn append_item(mut self, tag: Tag, item: Fixture) -> Self {
        if !self.elements.iter().any(|(other, ..)| *other == tag) {
            return self.sequence(tag, item);
        }
        let longer = Fixture::item().sequence(tag, item);
        if let Some((.., bytes)) = self.elements.iter_mut().find(|(other, ..)| *other == tag) {
            bytes.extend(&longer.elements[0].2);
        }
        self
    }

    /// An item of a sequence: no elements yet.
    pub fn item() -> Self {
        Self {
            syntax: EXPLICIT,
            with_meta: false,
            elements: Vec::new(),
            fragments: None,
        }
    }

    /// A file of another class, without an image.
    pub fn item_file(sop_class: &str) -> Self {
        Self {
            with_meta: true,
            ..Self::item()
        }
        .text(tags::SOP_CLASS_UID, VR::UI, sop_class)
        .text(tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.99")
    }

    pub fn pixels(self, values: &[u16]) -> Self {
        self.words(tags::PIXEL_DATA, VR::OW, values)
    }

    pub fn pixel_bytes(self, bytes: &[u8]) -> Self {
        self.bytes(tags::PIXEL_DATA, VR::OB, bytes.to_vec())
    }

    pub fn fragments(mut self, fragments: &[&[u8]]) -> Self {
        self.fragments = Some(fragments.iter().map(|f| f.to_vec()).collect());
        self
    }

    /// Slice `number` at height `z`.
    pub fn place(self, number: i32, z: f64) -> Self {
        self.text(tags::SOP_INSTANCE_UID, VR::UI, &format!("1.2.3.{number}"))
            .text(tags::INSTANCE_NUMBER, VR::IS, &number.to_string())
            .text(tags::IMAGE_POSITION_PATIENT, VR::DS, &format!("1\\2\\{z}"))
            .text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0")
            .text(tags::PIXEL_SPACING, VR::DS, "0.5\\0.25")
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.with_meta {
            out.extend([0; 128]);
            out.extend(b"DICM");
            let uid = Fixture::item().text(tags::TRANSFER_SYNTAX_UID, VR::UI, self.syntax);
            out.extend(uid.data_set());
        }
        out.extend(self.data_set());
        out
    }

    pub fn write(&self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        std::fs::write(&path, self.to_bytes()).unwrap();
        path
    }

    fn data_set(&self) -> Vec<u8> {
        let mut sorted = self.elements.clone();
        sorted.sort_by_key(|(tag, ..)| *tag);
        let mut out = Vec::new();
        for (tag, vr, value) in sorted {
            out.extend(self.tag(tag));
            let long = matches!(vr, VR::OB | VR::OW | VR::SQ | VR::OF | VR::UN);
            if self.syntax == IMPLICIT {
                out.extend(self.long(value.len() as u32));
            } else {
                out.extend(vr.to_bytes());
                if long {
                    out.extend([0, 0]);
                    out.extend(self.long(value.len() as u32));
                } else {
                    out.extend(self.short(value.len() as u16));
                }
            }
            out.extend(value);
        }
        if let Some(fragments) = &self.fragments {
            out.extend([
                0xE0, 0x7F, 0x10, 0x00, b'O', b'B', 0, 0, 0xFF, 0xFF, 0xFF, 0xFF,
            ]);
            out.extend([0xFE, 0xFF, 0x00, 0xE0, 0, 0, 0, 0]);
            for fragment in fragments {
                out.extend([0xFE, 0xFF, 0x00, 0xE0]);
                out.extend((fragment.len() as u32).to_le_bytes());
                out.extend(fragment);
            }
            out.extend([0xFE, 0xFF, 0xDD, 0xE0, 0, 0, 0, 0]);
        }
        out
    }

    fn tag(&self, tag: Tag) -> Vec<u8> {
        [self.short(tag.group()), self.short(tag.element())].concat()
    }

    fn short(&self, value: u16) -> [u8; 2] {
        if self.syntax == BIG_ENDIAN {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn long(&self, value: u32) -> [u8; 4] {
        if self.syntax == BIG_ENDIAN {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }
}
