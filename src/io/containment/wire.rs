//! What is said between the program and its children: MessagePack behind its length, and pixels as they lie in memory.

use super::MEMORY;
use crate::{
    Error, ErrorKind,
    domain::{
        image::{Image, Pixels},
        import::{Basis, MaskChoice, TakenLabel},
        label::Label,
        mask::Mask,
        study::{Kind, Series, Source},
    },
    io::{
        dicom::{
            deidentify::{Deidentification, Deidentified},
            rewrite::Rewritten,
        },
        import::Imported,
        label_file::MaskOf,
        label_values::{Reading, Values},
        nifti,
        open::FileLook,
    },
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use std::{
    ffi::OsString,
    io::{self, IoSlice, Read, Write},
};

/// No message is longer: the slices of a file of many frames and the windows of an image take far less.
const LONGEST: u32 = 64 << 20;
/// No list of pixels or labels is longer.
const MOST_PIXELS: usize = 1 << 28;
/// Pixels are written in pieces of this size, so that the reader takes one while the next is written.
const PIECE: usize = 128 << 10;

/// What a child says first: whether it is a child of this very version.
pub(super) const HELLO: &str = concat!("labrum ", env!("CARGO_PKG_VERSION"), " reads files");

/// What a child is asked for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// What the file is.
    Look { path: OsString, asked_for: bool },
    /// The pixels of a slice.
    Image { source: Source, kind: Kind },
    /// A page of a picture as a mask, as it lies on an image.
    Mask { path: OsString, frame: u32, reading: Reading, image: Option<MaskOf> },
    /// What values a page of a picture holds, as a mask.
    MaskValues { path: OsString, frame: u32 },
    /// The header of a NIfTI volume.
    Volume { path: OsString },
    /// The masks of a series.
    Masks { paths: Vec<OsString>, series: Box<Series>, choice: MaskChoice },
    /// Photometric Interpretation.
    Photometric { path: OsString },
    /// What tells the pixels of a file from others.
    PixelDigest { path: OsString },
    /// A DICOM file without its patient.
    Deidentify { path: OsString, how: Deidentification },
    /// Whether a file is another one without its patient.
    Verify { path: OsString, written: OsString, how: Deidentification },
    /// A dataset in another transfer syntax.
    Encode { path: OsString, syntax: String },
}

/// What it answers.
pub(super) enum Answer {
    Look(Box<FileLook>),
    Image(Box<Image>),
    Mask(Mask, Option<String>),
    MaskValues(Values),
    Volume(Box<nifti::Header>),
    Masks(Imported),
    Text(Option<String>),
    Rewritten(Rewritten),
    Verdict(bool),
    /// It cannot be done: an ordinary error.
    Refused(Refusal),
}

/// An answer without pixels and labels, which follow.
#[derive(Serialize, Deserialize)]
enum Head {
    Look(Box<FileLook>),
    Image(Box<Image>),
    Mask(Size, Option<String>),
    Volume(Box<nifti::Header>),
    Masks { sizes: Vec<(usize, Size)>, about: AboutMasks },
    Text(Option<String>),
    Rewritten { length: u64, about: Deidentified },
    Verdict(bool),
    MaskValues(Values),
    Refused(Refusal),
}

/// What is told of masks beside their pixels.
#[derive(Serialize, Deserialize)]
struct AboutMasks {
    labels: Vec<Label>,
    notes: Vec<String>,
    taken: Vec<TakenLabel>,
    basis: Basis,
    is_resampled: bool,
}

/// Columns and rows.
type Size = (usize, usize);

/// An [`Error`] whose path need not be Unicode.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Refusal {
    tried: String,
    path: Option<OsString>,
    reason: String,
    advice: Option<String>,
    kind: ErrorKind,
}

impl From<Error> for Refusal {
    fn from(Error { tried, path, reason, advice, kind, .. }: Error) -> Self {
        Self { tried, path: path.map(Into::into), reason, advice, kind }
    }
}

impl From<Refusal> for Error {
    fn from(Refusal { tried, path, reason, advice, kind }: Refusal) -> Self {
        Self { tried, path: path.map(Into::into), reason, advice, kind, source: None }
    }
}

/// Writes a message.
pub(super) fn send(to: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    to.write_all(&framed(message)?)
}

/// Reads a message.
pub(super) fn receive<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_le_bytes(length);
    if length > LONGEST {
        return Err(io::Error::other("a message is too long"));
    }
    // Grows with what arrives: a length alone takes no memory.
    let mut bytes = Vec::new();
    from.take(u64::from(length)).read_to_end(&mut bytes)?;
    rmp_serde::from_slice(&bytes).map_err(io::Error::other)
}

fn framed(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 4];
    // With names: some fields are left out where they are empty.
    message.serialize(&mut rmp_serde::Serializer::new(&mut bytes).with_struct_map()).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len() - 4).ok().filter(|length| *length <= LONGEST);
    let length = length.ok_or_else(|| io::Error::other("a message is too long"))?;
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    Ok(bytes)
}

impl Answer {
    /// Writes it, pixels and labels behind it.
    pub(super) fn send(self, to: &mut impl Write) -> io::Result<()> {
        let plain = |head: Head, to: &mut dyn Write| to.write_all(&framed(&head)?);
        match self {
            Self::Look(look) => plain(Head::Look(look), to),
            Self::Text(text) => plain(Head::Text(text), to),
            Self::Verdict(verdict) => plain(Head::Verdict(verdict), to),
            Self::Rewritten(Rewritten { bytes, about }) => {
                send_with(to, &Head::Rewritten { length: bytes.len() as u64, about }, &bytes)
            }
            Self::MaskValues(values) => plain(Head::MaskValues(values), to),
            Self::Refused(refusal) => plain(Head::Refused(refusal), to),
            Self::Image(mut image) => {
                let nothing = without_pixels(&image.pixels);
                let pixels = std::mem::replace(&mut image.pixels, nothing);
                send_with(to, &Head::Image(image), bytes_of(&pixels))
            }
            Self::Volume(header) => plain(Head::Volume(header), to),
            Self::Mask(mask, note) => send_with(to, &Head::Mask((mask.columns(), mask.rows()), note), mask.labels()),
            Self::Masks(Imported { labels, masks, notes, taken, basis, is_resampled }) => {
                let size = |(slice, mask): &(usize, Mask)| (*slice, (mask.columns(), mask.rows()));
                let about = AboutMasks { labels, notes, taken, basis, is_resampled };
                send(to, &Head::Masks { sizes: masks.iter().map(size).collect(), about })?;
                masks.iter().try_for_each(|(_, mask)| to.write_all(mask.labels()))
            }
        }
    }

    /// Reads what [`Self::send`] wrote.
    pub(super) fn receive(from: &mut impl Read) -> io::Result<Self> {
        Ok(match receive(from)? {
            Head::Look(look) => Self::Look(look),
            Head::Text(text) => Self::Text(text),
            Head::Verdict(verdict) => Self::Verdict(verdict),
            Head::Rewritten { length, about } => {
                Self::Rewritten(Rewritten { bytes: receive_bytes(from, length)?, about })
            }
            Head::MaskValues(values) => Self::MaskValues(values),
            Head::Refused(refusal) => Self::Refused(refusal),
            Head::Image(mut image) => {
                image.pixels = receive_pixels(from, &image.pixels, (image.columns, image.rows))?;
                Self::Image(image)
            }
            Head::Mask(size, note) => Self::Mask(receive_mask(from, size)?, note),
            Head::Volume(header) => Self::Volume(header),
            Head::Masks { sizes, about } => {
                let mask = |(slice, size)| Ok((slice, receive_mask(from, size)?));
                let masks = sizes.into_iter().map(mask).collect::<io::Result<_>>()?;
                let AboutMasks { labels, notes, taken, basis, is_resampled } = about;
                Self::Masks(Imported { labels, masks, notes, taken, basis, is_resampled })
            }
        })
    }
}

/// Head and the beginning of the pixels go out together: the reader is woken once for a small picture.
fn send_with(to: &mut impl Write, head: &Head, pixels: &[u8]) -> io::Result<()> {
    let head = framed(head)?;
    let written = to.write_vectored(&[IoSlice::new(&head), IoSlice::new(&pixels[..pixels.len().min(PIECE)])])?;
    to.write_all(head.get(written..).unwrap_or_default())?;
    let rest = pixels.get(written.saturating_sub(head.len())..).unwrap_or_default();
    rest.chunks(PIECE).try_for_each(|piece| to.write_all(piece))
}

fn bytes_of(pixels: &Pixels) -> &[u8] {
    match pixels {
        Pixels::U8(v) => v,
        Pixels::U16(v) => bytemuck::cast_slice(v),
        Pixels::I16(v) => bytemuck::cast_slice(v),
        Pixels::F32(v) => bytemuck::cast_slice(v),
        Pixels::Rgb8(v) => bytemuck::cast_slice(v),
    }
}

/// None of the same kind.
fn without_pixels(pixels: &Pixels) -> Pixels {
    match pixels {
        Pixels::U8(_) => Pixels::U8(Vec::new()),
        Pixels::U16(_) => Pixels::U16(Vec::new()),
        Pixels::I16(_) => Pixels::I16(Vec::new()),
        Pixels::F32(_) => Pixels::F32(Vec::new()),
        Pixels::Rgb8(_) => Pixels::Rgb8(Vec::new()),
    }
}

fn receive_pixels(from: &mut impl Read, kind: &Pixels, size: Size) -> io::Result<Pixels> {
    fn values<T: bytemuck::Pod>(from: &mut impl Read, count: usize) -> io::Result<Vec<T>> {
        let mut values = vec![T::zeroed(); count];
        from.read_exact(bytemuck::cast_slice_mut(&mut values))?;
        Ok(values)
    }
    let count = count(size)?;
    Ok(match kind {
        Pixels::U8(_) => Pixels::U8(values(from, count)?),
        Pixels::U16(_) => Pixels::U16(values(from, count)?),
        Pixels::I16(_) => Pixels::I16(values(from, count)?),
        Pixels::F32(_) => Pixels::F32(values(from, count)?),
        Pixels::Rgb8(_) => Pixels::Rgb8(values(from, count)?),
    })
}

/// Grows with what arrives: a length alone takes no memory.
fn receive_bytes(from: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(length.min(MEMORY as u64)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn receive_mask(from: &mut impl Read, size: Size) -> io::Result<Mask> {
    let mut labels = vec![0; count(size)?];
    from.read_exact(&mut labels)?;
    Mask::from_labels(size.0, size.1, labels).ok_or_else(|| io::Error::other("a mask has another size"))
}

fn count((columns, rows): Size) -> io::Result<usize> {
    let count = columns.checked_mul(rows).filter(|count| *count <= MOST_PIXELS);
    count.ok_or_else(|| io::Error::other("there are too many pixels"))
}
