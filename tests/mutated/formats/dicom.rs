//! DICOM: elements and their lengths, attributes that describe the pixels, fragments, nesting.

use super::places;
use crate::{
    mutate::{NUMBERS, number, put},
    random::Random,
};

/// Attributes of the pixel data: samples, planar configuration, rows, columns, bits, sign.
const SIZES: [[u8; 4]; 8] = [
    [0x28, 0, 0x02, 0],
    [0x28, 0, 0x06, 0],
    [0x28, 0, 0x10, 0],
    [0x28, 0, 0x11, 0],
    [0x28, 0, 0x00, 1],
    [0x28, 0, 0x01, 1],
    [0x28, 0, 0x02, 1],
    [0x28, 0, 0x03, 1],
];
const SYNTAXES: [&str; 18] = [
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.98",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.8.1",
    "1.2.840.10008.1.2.4.50",
    "1.2.840.10008.1.2.4.51",
    "1.2.840.10008.1.2.4.57",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.91",
    "1.2.840.10008.1.2.4.110",
    "1.2.840.10008.1.2.4.201",
    "1.2.840.113619.5.2",
];
const COLOURS: [&str; 9] = [
    "MONOCHROME1 ",
    "MONOCHROME2 ",
    "PALETTE COLOR ",
    "RGB ",
    "YBR_FULL",
    "YBR_FULL_422",
    "YBR_PARTIAL_422 ",
    "YBR_ICT ",
    "YBR_RCT ",
];
const ITEM: [u8; 4] = [0xFE, 0xFF, 0x00, 0xE0];
const PIXEL_DATA: [u8; 4] = [0xE0, 0x7F, 0x10, 0x00];

pub(super) fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    match random.below(11) {
        0 | 1 => length(bytes, random),
        2 | 3 => size_of_pixels(bytes, random),
        4 => frames(bytes, random),
        5 => {
            let new = *random.one_of(&SYNTAXES);
            replace_text(bytes, b"1.2.840.10008.1.2", new, random);
        }
        6 => {
            let (old, new) = (
                *random.one_of(&["MONOCHROME2", "RGB", "YBR_FULL", "PALETTE"]),
                *random.one_of(&COLOURS),
            );
            replace_text(bytes, old.as_bytes(), new, random);
        }
        7 | 8 => fragments(bytes, random),
        9 => nest(bytes, random),
        _ => stream(bytes, random),
    }
}

/// Offsets of elements in Explicit VR Little Endian: a tag with an even group, then two letters.
fn elements(bytes: &[u8]) -> Vec<usize> {
    let is_one = |at: &usize| {
        let head = &bytes[*at..*at + 8];
        head[4].is_ascii_uppercase()
            && head[5].is_ascii_uppercase()
            && head[0].is_multiple_of(2)
            && head[1] <= 0x7F
    };
    (0..bytes.len().saturating_sub(8)).filter(is_one).collect()
}

fn length(bytes: &mut [u8], random: &mut Random) {
    let elements = elements(bytes);
    if elements.is_empty() {
        let at = random.place(bytes.len());
        return number(bytes, at, random);
    }
    let at = *random.one_of(&elements);
    let is_long = [b"OB", b"OW", b"SQ", b"UN", b"UT", b"OF"]
        .iter()
        .any(|vr| &bytes[at + 4..at + 6] == *vr);
    let near = random.below(9) as u32;
    if is_long && at + 12 <= bytes.len() {
        let old =
            u32::from_le_bytes([bytes[at + 8], bytes[at + 9], bytes[at + 10], bytes[at + 11]]);
        let new = if random.below(2) == 0 {
            old.wrapping_add(near).wrapping_sub(4)
        } else {
            *random.one_of(&NUMBERS) as u32
        };
        put(bytes, at + 8, &new.to_le_bytes());
    } else {
        let old = u16::from_le_bytes([bytes[at + 6], bytes[at + 7]]);
        let new = if random.below(2) == 0 {
            old.wrapping_add(near as u16).wrapping_sub(4)
        } else {
            *random.one_of(&NUMBERS) as u16
        };
        put(bytes, at + 6, &new.to_le_bytes());
    }
    if random.below(4) == 0 {
        // Another VR, or an invalid one.
        let vr = *random.one_of(&[b"SQ", b"UN", b"OB", b"OW", b"US", b"DS", b"XX", b"\0\0"]);
        put(bytes, at + 4, vr);
    }
}

fn size_of_pixels(bytes: &mut [u8], random: &mut Random) {
    for _ in 0..1 + random.below(2) {
        let tag: &[u8; 4] = random.one_of(&SIZES);
        let at = places(bytes, tag);
        if at.is_empty() {
            continue;
        }
        let at = *random.one_of(&at) + 8;
        let value = match random.below(3) {
            0 => *random.one_of(&NUMBERS) as u16,
            1 => *random.one_of(&[1, 8, 12, 16, 32, 64]),
            _ => random.below(20_000) as u16,
        };
        put(bytes, at, &value.to_le_bytes());
    }
}

fn frames(bytes: &mut Vec<u8>, random: &mut Random) {
    // Number of Frames, IS.
    let tag = [0x28, 0, 0x08, 0, b'I', b'S'];
    let count = *random.one_of(&[
        "0 ",
        "1 ",
        "3 ",
        "-1",
        "1e9 ",
        "99",
        "65536 ",
        "16777216",
        "2147483647",
        "999999999999",
    ]);
    let mut element = tag.to_vec();
    element.extend((count.len() as u16).to_le_bytes());
    element.extend(count.as_bytes());
    match places(bytes, &tag).first() {
        Some(&at) if at + 8 <= bytes.len() => {
            let old = usize::from(u16::from_le_bytes([bytes[at + 6], bytes[at + 7]]));
            let end = (at + 8 + old).min(bytes.len());
            bytes.splice(at..end, element);
        }
        _ => {
            if let Some(&at) = places(bytes, &[0x28, 0, 0x10, 0]).first() {
                bytes.splice(at..at, element);
            }
        }
    }
}

/// Replaces a text that begins with `old`; the length of the element is kept or adjusted.
fn replace_text(bytes: &mut Vec<u8>, old: &[u8], new: &str, random: &mut Random) {
    let found = places(bytes, old);
    if found.is_empty() {
        return;
    }
    let at = *random.one_of(&found);
    let mut text = new.as_bytes().to_vec();
    if text.len() % 2 == 1 {
        text.push(0);
    }
    let head = at.saturating_sub(2);
    let known = u16::from_le_bytes([bytes[head], bytes[head + 1]]);
    let end = at + usize::from(known);
    if at >= 8 && known < 80 && end <= bytes.len() {
        bytes.splice(at..end, text.iter().copied());
        put(bytes, head, &(text.len() as u16).to_le_bytes());
    } else {
        put(bytes, at, &text);
    }
}

fn fragments(bytes: &mut Vec<u8>, random: &mut Random) {
    let Some(&pixels) = places(bytes, &PIXEL_DATA).last() else {
        return;
    };
    let items: Vec<usize> = places(&bytes[pixels..], &ITEM)
        .into_iter()
        .map(|at| at + pixels)
        .collect();
    if items.is_empty() {
        return;
    }
    let at = *random.one_of(&items);
    if at + 8 > bytes.len() {
        return;
    }
    let length =
        u32::from_le_bytes([bytes[at + 4], bytes[at + 5], bytes[at + 6], bytes[at + 7]]) as usize;
    let end = (at + 8).saturating_add(length).min(bytes.len());
    match random.below(7) {
        0 => put(
            bytes,
            at + 4,
            &(*random.one_of(&NUMBERS) as u32).to_le_bytes(),
        ),
        1 => drop(bytes.drain(at..end)),
        2 => {
            let copy = bytes[at..end].to_vec();
            bytes.splice(at..at, copy.repeat(1 + random.below(3)));
        }
        3 => {
            // Split in two, in the middle or anywhere.
            let middle = at + 8 + random.below(length.min(end - at - 8).max(1));
            if middle < end {
                let first = (middle - at - 8) as u32;
                let second = (end - middle) as u32;
                put(bytes, at + 4, &first.to_le_bytes());
                bytes.splice(middle..middle, ITEM.into_iter().chain(second.to_le_bytes()));
            }
        }
        4 => {
            // Thousands of empty fragments.
            let empty = ITEM
                .into_iter()
                .chain([0; 4])
                .collect::<Vec<u8>>()
                .repeat(1 + random.below(5000));
            bytes.splice(at..at, empty);
        }
        5 => {
            // An offset table with arbitrary offsets.
            let first = items[0];
            let table: Vec<u8> = (0..random.below(6))
                .flat_map(|_| (*random.one_of(&NUMBERS) as u32).to_le_bytes())
                .collect();
            let old = u32::from_le_bytes([
                bytes[first + 4],
                bytes[first + 5],
                bytes[first + 6],
                bytes[first + 7],
            ]) as usize;
            let end = (first + 8).saturating_add(old).min(bytes.len());
            put(bytes, first + 4, &(table.len() as u32).to_le_bytes());
            bytes.splice(first + 8..end, table);
        }
        _ => {
            let inside = at + 8 + random.below(length.clamp(1, 64));
            number(bytes, inside, random);
        }
    }
}

/// Nested sequences, or thousands of items, before the pixel data.
fn nest(bytes: &mut Vec<u8>, random: &mut Random) {
    let at = match elements(bytes) {
        list if list.is_empty() => return,
        list => *random.one_of(&list),
    };
    let sequence = |length: u32| {
        let mut head = vec![0x08, 0x00, 0x40, 0x11, b'S', b'Q', 0, 0];
        head.extend(length.to_le_bytes());
        head
    };
    let item = |length: u32| {
        ITEM.into_iter()
            .chain(length.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    let all = u32::MAX;
    let built = match random.below(4) {
        0 => [sequence(all), item(all)]
            .concat()
            .repeat(*random.one_of(&[2, 30, 31, 32, 33, 34, 1000, 100_000])),
        1 => [
            sequence(all),
            item(0).repeat(*random.one_of(&[10, 10_000, 500_000])),
        ]
        .concat(),
        2 => [sequence(all), item(16).repeat(3)].concat(),
        _ => {
            let depth = *random.one_of(&[2u32, 40, 4000]);
            (0..depth)
                .flat_map(|i| [sequence((depth - i) * 20), item((depth - i) * 20 - 8)].concat())
                .collect()
        }
    };
    bytes.splice(at..at, built);
}

/// Changes the compressed pixel data.
fn stream(bytes: &mut [u8], random: &mut Random) {
    let Some(&pixels) = places(bytes, &PIXEL_DATA).last() else {
        return;
    };
    let length = bytes.len() - pixels;
    for _ in 0..1 + random.below(4) {
        let near = random.below(2) == 0;
        let at = pixels + random.below(if near { length.min(200) } else { length });
        match random.below(3) {
            0 => bytes[at] = random.next() as u8,
            1 => bytes[at] ^= 1 << random.below(8),
            _ => number(bytes, at, random),
        }
    }
}
