//! Tiny DICOM files for tests, written byte by byte so that they can break any rule.
#![allow(clippy::unwrap_used)]

use dicom_core::{Tag, VR};
use dicom_dictionary_std::tags;
use std::{
    fs,
    path::{Path, PathBuf},
};

pub const EXPLICIT: &str = "1.2.840.10008.1.2.1";
pub const IMPLICIT: &str = "1.2.840.10008.1.2";
pub const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
pub const RLE: &str = "1.2.840.10008.1.2.5";

/// Builder of a file: a 16-bit grey image by default.
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
            .with_text(tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.2")
            .with_text(tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.1")
            .with_text(tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3")
            .with_text(tags::SERIES_INSTANCE_UID, VR::UI, "1.2.3.4")
            .with_text(tags::MODALITY, VR::CS, "CT")
            .with_number(tags::ROWS, rows)
            .with_number(tags::COLUMNS, columns)
            .with_number(tags::SAMPLES_PER_PIXEL, 1)
            .with_text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2")
            .with_bit_layout(16, 16, false)
    }

    pub fn with_bit_layout(self, allocated: u16, stored: u16, signed: bool) -> Self {
        self.with_number(tags::BITS_ALLOCATED, allocated)
            .with_number(tags::BITS_STORED, stored)
            .with_number(tags::HIGH_BIT, stored - 1)
            .with_number(tags::PIXEL_REPRESENTATION, u16::from(signed))
    }

    pub fn with_photometric(self, photometric: &str) -> Self {
        let samples = if photometric == "PALETTE COLOR" { 1 } else { 3 };
        self.with_bit_layout(8, 8, false)
            .with_number(tags::SAMPLES_PER_PIXEL, samples)
            .with_text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, photometric)
    }

    pub fn with_transfer_syntax(mut self, uid: &'static str) -> Self {
        self.syntax = uid;
        self
    }

    pub fn without_meta(mut self) -> Self {
        self.with_meta = false;
        self
    }

    pub fn with_text(self, tag: Tag, vr: VR, value: &str) -> Self {
        let mut bytes = value.as_bytes().to_vec();
        if bytes.len() % 2 == 1 {
            bytes.push(if vr == VR::UI { 0 } else { b' ' });
        }
        self.with_bytes(tag, vr, bytes)
    }

    pub fn with_number(self, tag: Tag, value: u16) -> Self {
        self.with_words(tag, VR::US, &[value])
    }

    /// Words in the byte order of the file.
    pub fn with_words(self, tag: Tag, vr: VR, values: &[u16]) -> Self {
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
        self.with_bytes(tag, vr, bytes)
    }

    pub fn with_bytes(mut self, tag: Tag, vr: VR, bytes: Vec<u8>) -> Self {
        self.elements.retain(|(other, ..)| *other != tag);
        self.elements.push((tag, vr, bytes));
        self
    }

    /// A sequence with one item.
    pub fn with_sequence(self, tag: Tag, item: Fixture) -> Self {
        let content = Fixture {
            syntax: self.syntax,
            ..item
        }
        .data_set();
        let mut bytes = self.tag_bytes(Tag(0xFFFE, 0xE000));
        bytes.extend(self.u32_bytes(content.len() as u32));
        bytes.extend(content);
        self.with_bytes(tag, VR::SQ, bytes)
    }

    /// Appends an item to a sequence, which is created if it does not exist yet.
    pub fn append_item(mut self, tag: Tag, item: Fixture) -> Self {
        if !self.elements.iter().any(|(other, ..)| *other == tag) {
            return self.with_sequence(tag, item);
        }
        let longer = Fixture::empty_item().with_sequence(tag, item);
        if let Some((.., bytes)) = self.elements.iter_mut().find(|(other, ..)| *other == tag) {
            bytes.extend(&longer.elements[0].2);
        }
        self
    }

    /// An empty item of a sequence.
    pub fn empty_item() -> Self {
        Self {
            syntax: EXPLICIT,
            with_meta: false,
            elements: Vec::new(),
            fragments: None,
        }
    }

    /// A file of another SOP class, without an image.
    pub fn item_file(sop_class: &str) -> Self {
        Self {
            with_meta: true,
            ..Self::empty_item()
        }
        .with_text(tags::SOP_CLASS_UID, VR::UI, sop_class)
        .with_text(tags::SOP_INSTANCE_UID, VR::UI, "1.2.3.99")
    }

    pub fn with_pixels(self, values: &[u16]) -> Self {
        self.with_words(tags::PIXEL_DATA, VR::OW, values)
    }

    pub fn pixel_bytes(self, bytes: &[u8]) -> Self {
        self.with_bytes(tags::PIXEL_DATA, VR::OB, bytes.to_vec())
    }

    pub fn with_fragments(mut self, fragments: &[&[u8]]) -> Self {
        self.fragments = Some(fragments.iter().map(|f| f.to_vec()).collect());
        self
    }

    /// Slice `number` at height `z`.
    pub fn with_slice_position(self, number: i32, z: f64) -> Self {
        self.with_text(tags::SOP_INSTANCE_UID, VR::UI, &format!("1.2.3.{number}"))
            .with_text(tags::INSTANCE_NUMBER, VR::IS, &number.to_string())
            .with_text(tags::IMAGE_POSITION_PATIENT, VR::DS, &format!("1\\2\\{z}"))
            .with_text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0")
            .with_text(tags::PIXEL_SPACING, VR::DS, "0.5\\0.25")
    }

    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if self.with_meta {
            out.extend([0; 128]);
            out.extend(b"DICM");
            let uid =
                Fixture::empty_item().with_text(tags::TRANSFER_SYNTAX_UID, VR::UI, self.syntax);
            out.extend(uid.data_set());
        }
        out.extend(self.data_set());
        out
    }

    pub fn write_to_folder(&self, folder: &Path, name: &str) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, self.to_bytes()).unwrap();
        path
    }

    fn data_set(&self) -> Vec<u8> {
        let mut sorted = self.elements.clone();
        sorted.sort_by_key(|(tag, ..)| *tag);
        let mut out = Vec::new();
        for (tag, vr, value) in sorted {
            out.extend(self.tag_bytes(tag));
            let long = matches!(vr, VR::OB | VR::OW | VR::SQ | VR::OF | VR::UN);
            if self.syntax == IMPLICIT {
                out.extend(self.u32_bytes(value.len() as u32));
            } else {
                out.extend(vr.to_bytes());
                if long {
                    out.extend([0, 0]);
                    out.extend(self.u32_bytes(value.len() as u32));
                } else {
                    out.extend(self.u16_bytes(value.len() as u16));
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

    fn tag_bytes(&self, tag: Tag) -> Vec<u8> {
        [self.u16_bytes(tag.group()), self.u16_bytes(tag.element())].concat()
    }

    fn u16_bytes(&self, value: u16) -> [u8; 2] {
        if self.syntax == BIG_ENDIAN {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }

    fn u32_bytes(&self, value: u32) -> [u8; 4] {
        if self.syntax == BIG_ENDIAN {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    }
}
