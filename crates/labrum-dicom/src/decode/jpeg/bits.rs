//! Reads bits and Huffman codes of a scan.

use super::{CUT_OFF, DAMAGED};

/// Reads bits, most significant first, up to the next marker.
pub(super) struct BitReader<'a> {
    bytes: &'a [u8],
    /// Index of the next byte to read into `buffer`; at the end of a scan, of its marker.
    pub(super) at: usize,
    buffer: u64,
    count: u32,
}

impl<'a> BitReader<'a> {
    pub(super) fn new(bytes: &'a [u8], at: usize) -> Self {
        Self {
            bytes,
            at,
            buffer: 0,
            count: 0,
        }
    }

    fn fill_buffer(&mut self) {
        while self.count <= 48 {
            let byte = self.bytes.get(self.at);
            let next = self.bytes.get(self.at + 1);
            match (byte, next) {
                (Some(0xFF), Some(0)) => self.at += 2,
                (Some(0xFF), _) | (None, _) => return,
                _ => self.at += 1,
            }
            self.buffer = self.buffer << 8 | u64::from(*byte.unwrap_or(&0));
            self.count += 8;
        }
    }

    /// The next `count` bits (at most 16) without consuming them; zeros past the end.
    fn peek_bits(&mut self, count: u32) -> u32 {
        if self.count < count {
            self.fill_buffer();
        }
        let mask = (1u64 << count) - 1;
        let bits = if self.count >= count {
            self.buffer >> (self.count - count)
        } else {
            self.buffer << (count - self.count)
        };
        (bits & mask) as u32
    }

    fn consume_bits(&mut self, count: u32) -> Result<(), String> {
        self.count = self.count.checked_sub(count).ok_or(CUT_OFF)?;
        Ok(())
    }

    /// Reads `count` bits, at most 16.
    pub(super) fn read_bits(&mut self, count: u32) -> Result<u32, String> {
        let bits = self.peek_bits(count);
        self.consume_bits(count)?;
        Ok(bits)
    }

    /// Reads a signed value of `size` bits, T.81 F.2.2.1.
    pub(super) fn read_signed(&mut self, size: u32) -> Result<i32, String> {
        if size == 0 {
            return Ok(0);
        }
        let value = self.read_bits(size)? as i32;
        Ok(if value < 1 << (size - 1) {
            value - (1 << size) + 1
        } else {
            value
        })
    }

    /// Skips the restart marker that must follow here.
    pub(super) fn skip_restart_marker(&mut self) -> Result<(), String> {
        self.fill_buffer();
        // Only padding may be left before the marker.
        let marker = self.bytes.get(self.at..self.at + 2).ok_or(CUT_OFF)?;
        if self.count >= 8 || marker[0] != 0xFF || !(0xD0..=0xD7).contains(&marker[1]) {
            return Err(DAMAGED.into());
        }
        self.at += 2;
        self.count = 0;
        Ok(())
    }
}

/// A Huffman table, T.81 annex C, with a lookup table for codes of up to 9 bits.
#[derive(Clone)]
pub(super) struct HuffmanTable {
    /// Value and length by the next 9 bits; length 0 for longer codes.
    short: Vec<(u8, u8)>,
    /// For each length: the first code, the index of its value, and the number of codes.
    long: [(u32, usize, u32); 17],
    values: Vec<u8>,
}

impl HuffmanTable {
    /// Makes a table from the number of codes of each length 1..=16 and the values in order.
    pub(super) fn new(counts: &[u8], values: &[u8]) -> Option<Self> {
        let mut long = [(0, 0, 0); 17];
        let mut short = vec![(0, 0); 512];
        let (mut code, mut place) = (0u32, 0usize);
        for length in 1..=16 {
            let count = u32::from(*counts.get(length - 1)?);
            long[length] = (code, place, count);
            if code + count > 1 << length || place + count as usize > values.len() {
                return None;
            }
            for i in 0..count.min(if length <= 9 { u32::MAX } else { 0 }) {
                let first = ((code + i) << (9 - length)) as usize;
                short[first..first + (1 << (9 - length))]
                    .fill((values[place + i as usize], length as u8));
            }
            code = (code + count) << 1;
            place += count as usize;
        }
        Some(Self {
            short,
            long,
            values: values.to_vec(),
        })
    }

    /// Reads the next value.
    pub(super) fn decode_value(&self, reader: &mut BitReader<'_>) -> Result<u8, String> {
        let next = reader.peek_bits(16);
        let (value, length) = self.short[(next >> 7) as usize];
        if length > 0 {
            reader.consume_bits(u32::from(length))?;
            return Ok(value);
        }
        for length in 10..=16u32 {
            let (first, place, count) = self.long[length as usize];
            let code = next >> (16 - length);
            if code >= first && code - first < count {
                reader.consume_bits(length)?;
                return Ok(self.values[place + (code - first) as usize]);
            }
        }
        Err(DAMAGED.into())
    }
}
