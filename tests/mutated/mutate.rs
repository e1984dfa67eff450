//! Mutates files: anywhere, and in the parts of each format that readers trust most.

use crate::{
    formats::{self, Format},
    random::Random,
};

/// Numbers that readers often handle wrongly.
pub(crate) const NUMBERS: [u64; 24] = [
    0,
    1,
    2,
    3,
    7,
    8,
    9,
    0x7F,
    0x80,
    0xFF,
    0x100,
    0x3FFF,
    0x4000,
    0x7FFF,
    0x8000,
    0xFFFE,
    0xFFFF,
    0x1_0000,
    0x7FFF_FFFF,
    0x8000_0000,
    0xFFFF_FFF0,
    0xFFFF_FFFE,
    0xFFFF_FFFF,
    0xC000_0000,
];

/// Applies one to four mutations; parts of `others` may be inserted.
pub(crate) fn mutate(
    format: Format,
    bytes: &[u8],
    others: &[&[u8]],
    random: &mut Random,
) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..1 + random.below(4) {
        if random.below(2) == 0 {
            anywhere(&mut bytes, others, random);
        } else {
            formats::mutate(format, &mut bytes, random);
        }
        if bytes.is_empty() {
            bytes.push(random.next() as u8);
        }
        bytes.truncate(16 << 20);
    }
    bytes
}

/// A mutation that is possible in any file.
fn anywhere(bytes: &mut Vec<u8>, others: &[&[u8]], random: &mut Random) {
    let length = bytes.len();
    match random.below(10) {
        0 => {
            for _ in 0..1 + random.below(16) {
                let at = random.place(length);
                bytes[at] ^= 1 << random.below(8);
            }
        }
        1 => {
            let value = *random.one_of(&[0, 0xFF, 0x7F, 0x80, b' ', b'9']);
            let at = random.place(length);
            let end = (at + 1 + random.below(32)).min(length);
            bytes[at..end].fill(value);
        }
        2 => {
            let end = if random.below(2) == 0 {
                random.below(length)
            } else {
                length - random.below(length.min(64))
            };
            bytes.truncate(end);
        }
        3 => number(bytes, random.place(length), random),
        4 => {
            // Duplicate a part.
            let (start, end) = part(bytes, random);
            let copy = bytes[start..end].to_vec();
            let at = random.place(length);
            let times = *random.one_of(&[1, 1, 1, 2, 50]);
            bytes.splice(at..at, copy.repeat(times));
        }
        5 => {
            let (start, end) = part(bytes, random);
            bytes.drain(start..end);
        }
        6 => {
            let (start, end) = part(bytes, random);
            bytes[start..end].reverse();
        }
        7 => {
            let at = random.place(length);
            let noise: Vec<u8> = (0..1 + random.below(64))
                .map(|_| random.next() as u8)
                .collect();
            bytes.splice(at..at, noise);
        }
        8 => {
            let other = random.one_of(others);
            let (from, to) = (random.below(other.len()), random.below(length));
            bytes.truncate(to);
            bytes.extend(&other[from..]);
        }
        _ => {
            let at = random.place(length);
            let end = (at + 1 + random.below(16)).min(length);
            bytes[at..end]
                .iter_mut()
                .for_each(|b| *b = random.next() as u8);
        }
    }
}

/// Writes one of [`NUMBERS`] in 1, 2, 4 or 8 bytes, in either byte order.
pub(crate) fn number(bytes: &mut [u8], at: usize, random: &mut Random) {
    let value = *random.one_of(&NUMBERS);
    let value = if random.below(4) == 0 {
        value.wrapping_add(bytes.len() as u64)
    } else {
        value
    };
    let size = *random.one_of(&[1, 2, 4, 4, 8]);
    let mut word = value.to_le_bytes()[..size].to_vec();
    if random.below(2) == 0 {
        word.reverse();
    }
    put(bytes, at, &word);
}

/// Writes `word`, up to the end of `bytes`.
pub(crate) fn put(bytes: &mut [u8], at: usize, word: &[u8]) {
    bytes
        .iter_mut()
        .skip(at)
        .zip(word)
        .for_each(|(old, new)| *old = *new);
}

fn part(bytes: &[u8], random: &mut Random) -> (usize, usize) {
    let start = random.place(bytes.len());
    let most = *random.one_of(&[8, 64, 512, 4096]);
    (start, (start + 1 + random.below(most)).min(bytes.len()))
}
