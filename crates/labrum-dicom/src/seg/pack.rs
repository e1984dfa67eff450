//! Packs 1-bit frames, PS3.5 8.1.1 and D.1: without gaps between frames, the first pixel in the lowest bit, padded to
//! an even number of bytes at the end.

/// Packs bits as they are pushed.
pub(super) struct Packer {
    bytes: Vec<u8>,
    bits: usize,
}

impl Packer {
    /// Allocates memory for this many bits.
    pub(super) fn with_capacity(bits: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bits.div_ceil(16) * 2),
            bits: 0,
        }
    }

    /// Appends one pixel.
    pub(super) fn push_bit(&mut self, bit: bool) {
        if self.bits.is_multiple_of(8) {
            self.bytes.push(0);
        }
        if let Some(last) = self.bytes.last_mut() {
            *last |= u8::from(bit) << (self.bits % 8);
        }
        self.bits += 1;
    }

    /// The packed bytes, padded to an even length.
    pub(super) fn finish(mut self) -> Vec<u8> {
        if !self.bytes.len().is_multiple_of(2) {
            self.bytes.push(0);
        }
        self.bytes
    }
}

/// The pixels of frame `frame`, with `pixels` pixels per frame; `None` if `bytes` is too short.
#[cfg(test)]
pub(super) fn unpack_frame(bytes: &[u8], frame: usize, pixels: usize) -> Option<Vec<bool>> {
    let first = frame.checked_mul(pixels)?;
    let end = first.checked_add(pixels)?;
    (end.div_ceil(8) <= bytes.len()).then(|| {
        (first..end)
            .map(|i| bytes[i / 8] >> (i % 8) & 1 == 1)
            .collect()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_pixel_is_the_lowest_bit_and_frames_leave_no_gap() {
        let mut packer = Packer::with_capacity(9);
        // Three frames of 3 pixels: 100 010 001.
        [1, 0, 0, 0, 1, 0, 0, 0, 1]
            .into_iter()
            .for_each(|b| packer.push_bit(b == 1));
        let bytes = packer.finish();
        assert_eq!(bytes, [0b0001_0001, 0b0000_0001]);
        assert_eq!(unpack_frame(&bytes, 2, 3).unwrap(), [false, false, true]);
        assert_eq!(unpack_frame(&bytes, 6, 3), None);
    }

    proptest! {
        #[test]
        fn packed_frames_unpack_to_the_same_pixels(frames in prop::collection::vec(prop::collection::vec(any::<bool>(), 13), 1..9)) {
            let mut packer = Packer::with_capacity(13 * frames.len());
            frames.iter().flatten().for_each(|&b| packer.push_bit(b));
            let bytes = packer.finish();
            prop_assert_eq!(bytes.len() % 2, 0);
            for (i, frame) in frames.iter().enumerate() {
                prop_assert_eq!(&unpack_frame(&bytes, i, 13).unwrap(), frame);
            }
        }
    }
}
