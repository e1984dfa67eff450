//! The orientation flag of PNG, JPEG and WebP: EXIF tag Orientation (274).

use image::{ImageDecoder, ImageFormat};
use labrum_core::orientation::Orientation;
use std::{
    fs::File,
    io::{Read, Seek, SeekFrom},
    path::Path,
};

/// Maximum size of an EXIF block in bytes: that of a JPEG segment.
const MOST_EXIF: u64 = 1 << 16;
/// Maximum number of PNG chunks that are searched.
const MOST_CHUNKS: usize = 1 << 16;

/// How an image is rotated or mirrored for display; as stored if the flag is missing or invalid.
pub(super) fn exif_orientation(
    decoder: &mut impl ImageDecoder,
    format: ImageFormat,
    path: &Path,
) -> Orientation {
    let from_header = decoder.exif_metadata().ok().flatten();
    let exif = match format {
        ImageFormat::Png => from_header.or_else(|| png_exif(path)),
        _ => from_header,
    };
    exif.map_or(Orientation::AS_STORED, |exif| in_exif(&exif))
}

fn in_exif(exif: &[u8]) -> Orientation {
    // The prefix of EXIF in a JPEG also occurs in other formats.
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    let flag = image::metadata::Orientation::from_exif_chunk(exif);
    Orientation::from_exif(flag.map_or(1, |flag| u16::from(flag.to_exif())))
}

/// Searches all chunks: EXIF may follow the pixels, which the decoder has not read yet.
fn png_exif(path: &Path) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    file.seek(SeekFrom::Start(8)).ok()?;
    for _ in 0..MOST_CHUNKS {
        let mut head = [0; 8];
        file.read_exact(&mut head).ok()?;
        let [a, b, c, d, name @ ..] = head;
        let length = u32::from_be_bytes([a, b, c, d]);
        if &name == b"eXIf" {
            let mut exif = Vec::new();
            file.take(u64::from(length).min(MOST_EXIF))
                .read_to_end(&mut exif)
                .ok()?;
            return Some(exif);
        }
        file.seek(SeekFrom::Current(i64::from(length) + 4)).ok()?;
    }
    None
}
