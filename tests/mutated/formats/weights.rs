//! Model weights: the header of safetensors, and the pickle in the ZIP of a PyTorch checkpoint,
//! with a correct checksum.

use super::{crc32, places};
use crate::{
    mutate::{NUMBERS, number, put},
    random::Random,
};

pub(super) fn safetensors(bytes: &mut Vec<u8>, random: &mut Random) {
    let length = bytes.get(..8).map_or(0, |b| {
        u64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as usize
    });
    let header = 8 + length.min(bytes.len().saturating_sub(8));
    match random.below(4) {
        0 => put(
            bytes,
            0,
            &NUMBERS[random.below(NUMBERS.len())].to_le_bytes(),
        ),
        1 => {
            // A digit of a size or an offset.
            let digits: Vec<usize> = (8..header)
                .filter(|at| bytes[*at].is_ascii_digit())
                .collect();
            if !digits.is_empty() {
                let at = *random.one_of(&digits);
                bytes[at] = b'0' + random.below(10) as u8;
            }
        }
        2 => {
            let digits: Vec<usize> = (8..header)
                .filter(|at| bytes[*at].is_ascii_digit())
                .collect();
            if !digits.is_empty() {
                let at = *random.one_of(&digits);
                let many = "9".repeat(1 + random.below(30));
                bytes.splice(at..at, many.bytes());
                put(bytes, 0, &((length + many.len()) as u64).to_le_bytes());
            }
        }
        _ => {
            let at = 8 + random.below(header.saturating_sub(8).max(1));
            if at < bytes.len() {
                bytes[at] = *random.one_of(b"{}[]\",:0-eF\\");
            }
        }
    }
}

pub(super) fn pytorch(bytes: &mut [u8], random: &mut Random) {
    let local = places(bytes, b"PK\x03\x04");
    let central = places(bytes, b"PK\x01\x02");
    match random.below(4) {
        0 if !central.is_empty() => {
            let at = *random.one_of(&central);
            number(bytes, at + 8 + random.below(38), random);
        }
        1 if !local.is_empty() => {
            let at = *random.one_of(&local);
            number(bytes, at + 4 + random.below(26), random);
        }
        2 => {
            if let Some(&at) = places(bytes, b"PK\x05\x06").last() {
                number(bytes, at + 4 + random.below(18), random);
            }
        }
        _ => pickle(bytes, &local, random),
    }
}

/// Changes bytes of the pickle and updates its checksum.
fn pickle(bytes: &mut [u8], local: &[usize], random: &mut Random) {
    let number = |bytes: &[u8], at: usize, n: usize| {
        bytes.get(at..at + n).map_or(0, |b| {
            b.iter().rev().fold(0, |v, b| v << 8 | usize::from(*b))
        })
    };
    let Some(&at) = local.first() else { return };
    let begin = at + 30 + number(bytes, at + 26, 2) + number(bytes, at + 28, 2);
    let next = local.get(1).copied().unwrap_or(bytes.len());
    // If the size is stored behind the data, the data ends before its data descriptor.
    let told = number(bytes, at + 18, 4);
    let descriptor = places(bytes.get(begin..next).unwrap_or_default(), b"PK\x07\x08")
        .first()
        .map(|at| begin + at);
    let end = if told > 0 {
        begin + told
    } else {
        descriptor.unwrap_or(next)
    };
    if begin >= end || end > bytes.len() {
        return;
    }
    let old = crc32(&bytes[begin..end]).to_le_bytes();
    for _ in 0..1 + random.below(4) {
        let place = begin + random.below(end - begin);
        match random.below(3) {
            // Opcodes: memo, tuple, reduce, build, global, persistent id, append, long binary text, mark, stop.
            0 => bytes[place] = *random.one_of(b"qrthj\x85\x86\x87RbcQaesuXUB(.0}])\x8a\x8b"),
            1 => put(
                &mut bytes[..end],
                place,
                &(*random.one_of(&NUMBERS) as u32).to_le_bytes(),
            ),
            _ => bytes[place] = random.next() as u8,
        }
    }
    let new = crc32(&bytes[begin..end]).to_le_bytes();
    for place in places(bytes, &old) {
        put(bytes, place, &new);
    }
}
