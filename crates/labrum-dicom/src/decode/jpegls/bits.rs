//! Reads bits and Golomb codes of a scan.

use super::DAMAGED;

/// Reads bits, most significant first; a byte after 0xFF has only 7.
pub(super) struct Bits<'a> {
    bytes: &'a [u8],
    /// Index of the next byte.
    pub(super) at: usize,
    value: u64,
    count: u32,
    after_ff: bool,
}

impl<'a> Bits<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            value: 0,
            count: 0,
            after_ff: false,
        }
    }

    fn fill_buffer(&mut self, wanted: u32) -> Result<(), String> {
        while self.count < wanted {
            let byte = *self
                .bytes
                .get(self.at)
                .ok_or("the JPEG-LS data is truncated")?;
            if self.after_ff && byte >= 0x80 {
                return Err("the JPEG-LS data is truncated".into());
            }
            let width = if self.after_ff { 7 } else { 8 };
            self.value = self.value << width | u64::from(byte);
            self.count += width;
            self.after_ff = byte == 0xFF;
            self.at += 1;
        }
        Ok(())
    }

    /// Reads up to 31 bits.
    pub(super) fn read_bits(&mut self, count: u32) -> Result<u32, String> {
        self.fill_buffer(count)?;
        self.count -= count;
        let value = self.value >> self.count & ((1 << count) - 1);
        Ok(value as u32)
    }

    /// Reads a limited-length Golomb code, T.87 A.5.3; a value above `most` means that the stream is damaged.
    pub(super) fn read_golomb(
        &mut self,
        k: u32,
        limit: u32,
        qbpp: u32,
        most: i32,
    ) -> Result<i32, String> {
        let longest = limit.saturating_sub(qbpp + 1);
        let mut zeros = 0;
        while self.read_bits(1)? == 0 {
            zeros += 1;
            if zeros > longest {
                return Err(DAMAGED.into());
            }
        }
        let value = if zeros < longest {
            (zeros << k | self.read_bits(k)?) as i32
        } else {
            self.read_bits(qbpp)? as i32 + 1
        };
        if value > most {
            Err(DAMAGED.into())
        } else {
            Ok(value)
        }
    }
}
