//! How images and masks are sent from a child to the program: pixels are sent as raw memory.

use super::{Answer, wire::RawBytes};
use crate::{
    image::{Image, Pixels},
    import::{Basis, ImportedMasks, TakenLabel},
    label::Label,
    mask::Mask,
};
use serde::{Deserialize, Serialize};
use std::{
    io::{self, Read},
    mem,
};

/// Maximum length of a list of pixels or labels.
const MOST_PIXELS: usize = 1 << 28;

/// Columns and rows.
type Size = (usize, usize);

/// A mask, with an optional note about how it was read.
pub type MaskWithNote = (Mask, Option<String>);

/// All information about imported masks except their pixels.
#[derive(Serialize, Deserialize)]
pub struct AboutMasks {
    sizes: Vec<(usize, Size)>,
    labels: Vec<Label>,
    notes: Vec<String>,
    taken: Vec<TakenLabel>,
    basis: Basis,
    is_resampled: bool,
}

impl Answer for Image {
    /// The image without its pixels.
    type Head = Image;

    fn into_parts(mut self) -> (Image, Vec<Box<dyn RawBytes>>) {
        let nothing = without_pixels(&self.pixels);
        let pixels = mem::replace(&mut self.pixels, nothing);
        (self, vec![Box::new(pixels)])
    }

    fn from_parts(mut head: Image, rest: &mut dyn Read) -> io::Result<Self> {
        head.pixels = receive_pixels(rest, &head.pixels, (head.columns, head.rows))?;
        Ok(head)
    }
}

impl Answer for MaskWithNote {
    type Head = (Size, Option<String>);

    fn into_parts(self) -> (Self::Head, Vec<Box<dyn RawBytes>>) {
        let (mask, note) = self;
        ((size_of(&mask), note), vec![Box::new(mask)])
    }

    fn from_parts((size, note): Self::Head, rest: &mut dyn Read) -> io::Result<Self> {
        Ok((receive_mask(rest, size)?, note))
    }
}

impl Answer for ImportedMasks {
    type Head = AboutMasks;

    fn into_parts(self) -> (AboutMasks, Vec<Box<dyn RawBytes>>) {
        let Self {
            labels,
            masks,
            notes,
            taken,
            basis,
            is_resampled,
        } = self;
        let sizes = masks
            .iter()
            .map(|(slice, mask)| (*slice, size_of(mask)))
            .collect();
        let bytes = masks
            .into_iter()
            .map(|(_, mask)| -> Box<dyn RawBytes> { Box::new(mask) })
            .collect();
        (
            AboutMasks {
                sizes,
                labels,
                notes,
                taken,
                basis,
                is_resampled,
            },
            bytes,
        )
    }

    fn from_parts(head: AboutMasks, rest: &mut dyn Read) -> io::Result<Self> {
        let AboutMasks {
            sizes,
            labels,
            notes,
            taken,
            basis,
            is_resampled,
        } = head;
        let masks = sizes
            .into_iter()
            .map(|(slice, size)| Ok((slice, receive_mask(rest, size)?)))
            .collect::<io::Result<_>>()?;
        Ok(Self {
            labels,
            masks,
            notes,
            taken,
            basis,
            is_resampled,
        })
    }
}

fn size_of(mask: &Mask) -> Size {
    (mask.columns(), mask.rows())
}

impl RawBytes for Mask {
    fn raw_bytes(&self) -> &[u8] {
        self.pixel_labels()
    }
}

impl RawBytes for Pixels {
    fn raw_bytes(&self) -> &[u8] {
        match self {
            Self::U8(v) => v,
            Self::U16(v) => bytemuck::cast_slice(v),
            Self::I16(v) => bytemuck::cast_slice(v),
            Self::F32(v) => bytemuck::cast_slice(v),
            Self::Rgb8(v) => bytemuck::cast_slice(v),
        }
    }
}

/// An empty list of the same pixel type.
fn without_pixels(pixels: &Pixels) -> Pixels {
    match pixels {
        Pixels::U8(_) => Pixels::U8(Vec::new()),
        Pixels::U16(_) => Pixels::U16(Vec::new()),
        Pixels::I16(_) => Pixels::I16(Vec::new()),
        Pixels::F32(_) => Pixels::F32(Vec::new()),
        Pixels::Rgb8(_) => Pixels::Rgb8(Vec::new()),
    }
}

fn receive_pixels(from: &mut dyn Read, kind: &Pixels, size: Size) -> io::Result<Pixels> {
    fn read_values<T: bytemuck::Pod>(from: &mut dyn Read, count: usize) -> io::Result<Vec<T>> {
        let mut values = vec![T::zeroed(); count];
        from.read_exact(bytemuck::cast_slice_mut(&mut values))?;
        Ok(values)
    }
    let count = pixel_count(size)?;
    Ok(match kind {
        Pixels::U8(_) => Pixels::U8(read_values(from, count)?),
        Pixels::U16(_) => Pixels::U16(read_values(from, count)?),
        Pixels::I16(_) => Pixels::I16(read_values(from, count)?),
        Pixels::F32(_) => Pixels::F32(read_values(from, count)?),
        Pixels::Rgb8(_) => Pixels::Rgb8(read_values(from, count)?),
    })
}

fn receive_mask(from: &mut dyn Read, size: Size) -> io::Result<Mask> {
    let mut labels = vec![0; pixel_count(size)?];
    from.read_exact(&mut labels)?;
    Mask::from_labels(size.0, size.1, labels)
        .ok_or_else(|| io::Error::other("a mask has the wrong size"))
}

fn pixel_count((columns, rows): Size) -> io::Result<usize> {
    let count = columns
        .checked_mul(rows)
        .filter(|count| *count <= MOST_PIXELS);
    count.ok_or_else(|| io::Error::other("too many pixels"))
}
