//! NIfTI volumes: wrong headers and damaged compression.

use crate::{
    mutate::{NUMBERS, number, put},
    random::Random,
};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};
use std::io::{Read, Write};

/// Maximum size of an uncompressed volume in bytes.
const MOST: u64 = 1 << 20;

pub(super) fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    if !bytes.starts_with(&[0x1F, 0x8B]) {
        return header(bytes, random);
    }
    let mut plain = Vec::new();
    // Compression that is already damaged is not repaired.
    if random.below(4) == 0
        || GzDecoder::new(bytes.as_slice())
            .take(MOST)
            .read_to_end(&mut plain)
            .is_err()
    {
        let at = random.place(bytes.len());
        return number(bytes, at, random);
    }
    header(&mut plain, random);
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&plain).unwrap();
    *bytes = packed.finish().unwrap();
}

fn header(bytes: &mut Vec<u8>, random: &mut Random) {
    let is_second = bytes.starts_with(&540i32.to_le_bytes());
    // Dimensions, data type, voxel size, data offset, scale, codes, affine.
    let first: [(usize, usize); 14] = [
        (0, 4),
        (40, 2),
        (42, 2),
        (44, 2),
        (46, 2),
        (48, 2),
        (50, 2),
        (70, 2),
        (80, 4),
        (108, 4),
        (112, 4),
        (252, 2),
        (254, 2),
        (280, 4),
    ];
    let second: [(usize, usize); 14] = [
        (0, 4),
        (16, 8),
        (24, 8),
        (32, 8),
        (40, 8),
        (48, 8),
        (56, 8),
        (12, 2),
        (112, 8),
        (168, 8),
        (176, 8),
        (344, 4),
        (348, 4),
        (400, 8),
    ];
    let (at, size) = *random.one_of(if is_second { &second } else { &first });
    match random.below(4) {
        0 => put(
            bytes,
            at,
            &NUMBERS[random.below(NUMBERS.len())].to_le_bytes()[..size],
        ),
        1 => put(bytes, at, &(random.below(40) as u64).to_le_bytes()[..size]),
        2 => put(bytes, at, &f32::NAN.to_le_bytes()[..size.min(4)]),
        _ => bytes.truncate(random.place(bytes.len())),
    }
}
