//! Reads the directories of the pages of a TIFF (classic and BigTIFF), without pixels: the fields of each page and where
//! their values are stored. Layout: TIFF 6.0 (Adobe, 1992) and the BigTIFF design (2004).

use labrum_core::file_bytes::FileBytes;
use labrum_core::orientation::Orientation;
use std::collections::{HashMap, HashSet};

/// Maximum number of pages; further ones are ignored.
const MOST_PAGES: usize = 1 << 16;
/// Maximum number of entries in a directory.
const MOST_ENTRIES: u64 = 4096;
/// Maximum length of a list of numbers: a 16-bit colour palette.
const MOST_NUMBERS: u64 = 3 << 16;
/// Maximum length of a description in bytes.
const MOST_TEXT: u64 = 1 << 20;

pub(super) mod tag {
    pub(crate) const NEW_SUBFILE_TYPE: u16 = 254;
    pub(crate) const IMAGE_WIDTH: u16 = 256;
    pub(crate) const IMAGE_LENGTH: u16 = 257;
    pub(crate) const BITS_PER_SAMPLE: u16 = 258;
    pub(crate) const COMPRESSION: u16 = 259;
    pub(crate) const PHOTOMETRIC: u16 = 262;
    pub(crate) const FILL_ORDER: u16 = 266;
    pub(crate) const IMAGE_DESCRIPTION: u16 = 270;
    pub(crate) const STRIP_OFFSETS: u16 = 273;
    pub(crate) const ORIENTATION: u16 = 274;
    pub(crate) const SAMPLES_PER_PIXEL: u16 = 277;
    pub(crate) const PREDICTOR: u16 = 317;
    pub(crate) const COLOR_MAP: u16 = 320;
    pub(crate) const TILE_WIDTH: u16 = 322;
    pub(crate) const EXTRA_SAMPLES: u16 = 338;
    pub(crate) const SAMPLE_FORMAT: u16 = 339;
}

/// Type, count and position of the values of a field.
#[derive(Clone, Copy, Debug)]
struct DirectoryField {
    kind: u16,
    count: u64,
    /// File offset of the first value, in the entry itself or where the entry points to.
    at: u64,
}

/// A page of a TIFF.
#[derive(Clone, Debug)]
pub(super) struct TiffPage {
    /// File offset of its directory.
    pub(super) at: u64,
    fields: HashMap<u16, DirectoryField>,
}

/// A TIFF file with the directories of its pages.
pub(super) struct Directories {
    bytes: FileBytes,
    pub(super) big_endian: bool,
    /// File offset and size in bytes of the pointer to the first directory.
    pub(super) start: (u64, usize),
    pub(super) pages: Vec<TiffPage>,
    /// True if the chain of pages is broken.
    pub(super) is_cut: bool,
}

/// True for the first bytes of a classic TIFF or a BigTIFF.
pub(crate) fn is_tiff(head: &[u8]) -> bool {
    matches!(
        head.get(..4),
        Some(b"II*\0" | b"MM\0*" | b"II+\0" | b"MM\0+")
    )
}

impl Directories {
    /// Follows the chain of pages. `None` if there are none.
    pub(super) fn from_bytes(mut bytes: FileBytes) -> Option<Self> {
        let head = bytes.get(0, 4).filter(|head| is_tiff(head))?;
        let big_endian = head[0] == b'M';
        let is_large = head.contains(&b'+');
        let start = if is_large { (8, 8) } else { (4, 4) };
        let mut this = Self {
            bytes,
            big_endian,
            start,
            pages: Vec::new(),
            is_cut: false,
        };
        let mut next = this.number_at(start.0, start.1)?;
        let mut seen = HashSet::new();
        while next != 0 && this.pages.len() < MOST_PAGES {
            let read = if seen.insert(next) {
                this.read_directory(next, is_large)
            } else {
                None
            };
            let Some((page, after)) = read else {
                this.is_cut = true;
                break;
            };
            this.pages.push(page);
            next = after;
        }
        (!this.pages.is_empty()).then_some(this)
    }

    /// A page, and the file offset of the next one.
    fn read_directory(&mut self, at: u64, is_large: bool) -> Option<(TiffPage, u64)> {
        let (head, entry, word) = if is_large { (8, 20, 8) } else { (2, 12, 4) };
        let count = self.number_at(at, head).filter(|n| *n <= MOST_ENTRIES)?;
        let mut fields = HashMap::new();
        for i in 0..count {
            let place = at + head as u64 + i * entry;
            let name = self.number_at(place, 2)? as u16;
            let kind = self.number_at(place + 2, 2)? as u16;
            let count = self.number_at(place + 4, word)?;
            let value = place + 4 + word as u64;
            let bytes = count.saturating_mul(size_of(kind) as u64);
            let at = if bytes <= word as u64 {
                value
            } else {
                self.number_at(value, word)?
            };
            fields
                .entry(name)
                .or_insert(DirectoryField { kind, count, at });
        }
        let next = self.number_at(at + head as u64 + count * entry, word)?;
        Some((TiffPage { at, fields }, next))
    }

    fn number_at(&mut self, at: u64, size: usize) -> Option<u64> {
        let big_endian = self.big_endian;
        let bytes = self.bytes.get(at, size)?;
        Some(if big_endian {
            bytes.iter().fold(0, append_byte)
        } else {
            bytes.iter().rev().fold(0, append_byte)
        })
    }

    /// All whole numbers of a field; empty if the page lacks the field.
    pub(super) fn field_numbers(&mut self, page: &TiffPage, tag: u16) -> Vec<u64> {
        let Some(DirectoryField { kind, count, at }) = page.fields.get(&tag).copied() else {
            return Vec::new();
        };
        let size = size_of(kind);
        if !matches!(kind, 1 | 3 | 4 | 13 | 16) || count > MOST_NUMBERS {
            return Vec::new();
        }
        (0..count)
            .map_while(|i| self.number_at(at.checked_add(i * size as u64)?, size))
            .collect()
    }

    /// The first number of a field.
    pub(super) fn first_number(&mut self, page: &TiffPage, tag: u16) -> Option<u64> {
        let field = page.fields.get(&tag).copied()?;
        let is_number = matches!(field.kind, 1 | 3 | 4 | 13 | 16) && field.count > 0;
        if is_number {
            self.number_at(field.at, size_of(field.kind))
        } else {
            None
        }
    }

    /// File offset and size in bytes of a field with a single number, so that it can be patched.
    pub(super) fn value_location(&self, page: &TiffPage, tag: u16) -> Option<(u64, usize)> {
        let field = page.fields.get(&tag).filter(|field| field.count == 1)?;
        Some((field.at, size_of(field.kind)))
    }

    /// The image description; empty if there is none.
    pub(super) fn image_description(&mut self, page: &TiffPage) -> String {
        let Some(field) = page.fields.get(&tag::IMAGE_DESCRIPTION).copied() else {
            return String::new();
        };
        let bytes = self
            .bytes
            .read_range(field.at, field.count.min(MOST_TEXT))
            .unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How a page is rotated or mirrored for display.
    pub(super) fn page_orientation(&mut self, page: &TiffPage) -> Orientation {
        let value = self
            .first_number(page, tag::ORIENTATION)
            .and_then(|v| u16::try_from(v).ok());
        Orientation::from_exif(value.unwrap_or(1))
    }

    /// Size of the file in bytes.
    pub(super) fn len(&self) -> u64 {
        self.bytes.len()
    }

    /// Reads `count` bytes at an offset. The error says that the file is truncated.
    pub(super) fn read_bytes(&mut self, at: u64, count: u64) -> Result<Vec<u8>, String> {
        self.bytes
            .read_range(at, count)
            .map_err(|_| "the file is truncated".to_owned())
    }
}

fn append_byte(value: u64, byte: &u8) -> u64 {
    value << 8 | u64::from(*byte)
}

/// Size in bytes of a value of a TIFF field type; 0 for unknown types.
fn size_of(kind: u16) -> usize {
    match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16..=18 => 8,
        _ => 0,
    }
}
