//! Images: wrong headers with correct checksums.

use super::{crc32, places};
use crate::{
    mutate::{NUMBERS, number, put},
    random::Random,
};

pub(super) fn png(bytes: &mut Vec<u8>, random: &mut Random) {
    let chunks = chunks(bytes);
    let Some(&(at, length)) = chunks.get(random.below(chunks.len())) else {
        return;
    };
    let (data, end) = (at + 8, at + 8 + length);
    match random.below(6) {
        0 => put(bytes, at, &(*random.one_of(&NUMBERS) as u32).to_be_bytes()),
        1 => {
            let copy = bytes[at..(end + 4).min(bytes.len())].to_vec();
            bytes.splice(at..at, copy.repeat(1 + random.below(3)));
        }
        2 => drop(bytes.drain(at..(end + 4).min(bytes.len()))),
        3 => {
            // Width, height, depth, colour, compression, filter or interlace.
            let (place, size) = *random.one_of(&[
                (16, 4),
                (20, 4),
                (24, 1),
                (25, 1),
                (26, 1),
                (27, 1),
                (28, 1),
            ]);
            let value = if random.below(2) == 0 {
                random.below(17_000) as u64
            } else {
                *random.one_of(&NUMBERS)
            };
            put(bytes, place, &(value as u32).to_be_bytes()[4 - size..]);
            seal(bytes, 8, 13);
        }
        4 => {
            let name = *random.one_of(&[
                b"PLTE", b"tRNS", b"IDAT", b"iCCP", b"acTL", b"fdAT", b"zTXt", b"eXIf", b"sBIT",
            ]);
            put(bytes, at + 4, name);
            seal(bytes, at, length);
        }
        _ => {
            for _ in 0..1 + random.below(4) {
                let place = data + random.below(length.max(1));
                if place < bytes.len() {
                    bytes[place] = random.next() as u8;
                }
            }
            seal(bytes, at, length);
        }
    }
}

/// Offset and length of each chunk.
fn chunks(bytes: &[u8]) -> Vec<(usize, usize)> {
    let mut at = 8;
    let mut chunks = Vec::new();
    while let Some(&[a, b, c, d]) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        if at + 12 + length > bytes.len() {
            break;
        }
        chunks.push((at, length));
        at += 12 + length;
    }
    chunks
}

fn seal(bytes: &mut [u8], at: usize, length: usize) {
    if let Some(body) = bytes.get(at + 4..at + 8 + length) {
        let check = crc32(body);
        put(bytes, at + 8 + length, &check.to_be_bytes());
    }
}

pub(super) fn jpeg(bytes: &mut Vec<u8>, random: &mut Random) {
    let markers: Vec<usize> = bytes
        .windows(2)
        .enumerate()
        .filter(|(_, w)| w[0] == 0xFF && w[1] >= 0xC0)
        .map(|(at, _)| at)
        .collect();
    if markers.is_empty() {
        return;
    }
    let at = *random.one_of(&markers);
    match random.below(5) {
        0 => put(
            bytes,
            at + 2,
            &(*random.one_of(&NUMBERS) as u16).to_be_bytes(),
        ),
        1 => put(
            bytes,
            at + 1,
            &[*random.one_of(&[
                0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC9, 0xD0, 0xD8, 0xD9, 0xDA, 0xDB, 0xDD,
            ])],
        ),
        2 => number(bytes, at + 2 + random.below(20), random),
        3 => {
            let end = (at + 4 + random.below(300)).min(bytes.len());
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy);
        }
        _ => {
            // Rows and columns in the frame header.
            if let Some(&sof) = places(bytes, &[0xFF, 0xC0]).first() {
                let side = if random.below(2) == 0 {
                    random.below(17_000)
                } else {
                    65_535
                };
                put(
                    bytes,
                    sof + 5 + 2 * random.below(2),
                    &(side as u16).to_be_bytes(),
                );
            }
        }
    }
}

pub(super) fn tiff(bytes: &mut [u8], random: &mut Random) {
    let word = |bytes: &[u8], at: usize| {
        bytes
            .get(at..at + 4)
            .map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    };
    let directory = word(bytes, 4) as usize;
    let entries = bytes
        .get(directory..directory + 2)
        .map_or(0, |b| usize::from(u16::from_le_bytes([b[0], b[1]])));
    if entries == 0 {
        let at = random.place(bytes.len());
        return number(bytes, at, random);
    }
    let entry = directory + 2 + 12 * random.below(entries);
    match random.below(6) {
        // Tag, type, count, value; number of entries; next directory.
        0 => put(bytes, entry, &(254 + random.below(90) as u16).to_le_bytes()),
        1 => put(bytes, entry + 2, &(random.below(20) as u16).to_le_bytes()),
        2 => put(
            bytes,
            entry + 4,
            &(*random.one_of(&NUMBERS) as u32).to_le_bytes(),
        ),
        3 => put(
            bytes,
            entry + 8,
            &(*random.one_of(&NUMBERS) as u32).to_le_bytes(),
        ),
        4 => put(
            bytes,
            directory,
            &(*random.one_of(&NUMBERS) as u16).to_le_bytes(),
        ),
        _ => {
            let next = random.below(bytes.len()) as u32;
            put(bytes, directory + 2 + 12 * entries, &next.to_le_bytes());
        }
    }
}

pub(super) fn webp(bytes: &mut [u8], random: &mut Random) {
    // Length of the file and of the first chunk, its name, the size in its header, anything.
    let (place, size) = *random.one_of(&[(4, 4), (16, 4), (12, 4), (21, 4), (24, 3), (27, 3)]);
    match random.below(3) {
        0 => put(bytes, place, &random.one_of(&NUMBERS).to_le_bytes()[..size]),
        1 => put(bytes, place, &random.next().to_le_bytes()[..size]),
        _ => {
            let at = random.place(bytes.len());
            number(bytes, at, random);
        }
    }
}

pub(super) fn bmp(bytes: &mut [u8], random: &mut Random) {
    // Start of the pixels, size of the header, width, height, planes, bits, compression, colours.
    let (place, size) = *random.one_of(&[
        (10, 4),
        (14, 4),
        (18, 4),
        (22, 4),
        (26, 2),
        (28, 2),
        (30, 4),
        (46, 4),
    ]);
    let value = match random.below(3) {
        0 => *random.one_of(&NUMBERS),
        1 => random.below(40) as u64,
        _ => random.below(17_000) as u64,
    };
    put(bytes, place, &value.to_le_bytes()[..size]);
}
