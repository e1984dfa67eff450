//! Stacks of ImageJ: which page is of which channel, slice and time, and stacks of one page with all slices behind it.

use super::{
    PageStack,
    directory::{Directories, TiffPage, tag},
    tiff::PixelKind,
    unpack::StoredGrey,
};
use crate::io::numbers::NumberKind;

/// No stack has more slices.
const MOST_SLICES: u64 = 1 << 16;

/// The number that ImageJ's description gives a key; `None` in descriptions of other programs.
fn number_for_key(description: &str, key: &str) -> Option<u64> {
    if !description.starts_with("ImageJ=") {
        return None;
    }
    let value = |line: &str| {
        line.split_once('=')
            .filter(|(name, _)| *name == key)?
            .1
            .trim()
            .parse()
            .ok()
    };
    description.lines().find_map(value)
}

/// Pages that are shown together: all of them, or one stack for each channel and time.
pub(super) fn page_stacks(description: &str, frames: Vec<u32>) -> Vec<PageStack> {
    let count = |key| {
        number_for_key(description, key)
            .and_then(|n| usize::try_from(n).ok())
            .unwrap_or(1)
    };
    let [channels, slices, times] = ["channels", "slices", "frames"].map(count);
    let whole = channels
        .checked_mul(slices)
        .and_then(|n| n.checked_mul(times));
    if slices < 2 || channels.saturating_mul(times) < 2 || whole != Some(frames.len()) {
        return vec![PageStack { frames, note: None }];
    }
    // Channels run fastest, then slices, then times.
    let part = |time: usize, channel: usize| {
        let frame = |slice: usize| {
            frames
                .get(channel + channels * (slice + slices * time))
                .copied()
        };
        let named = [("channel", channel, channels), ("time", time, times)];
        let named = named.into_iter().filter(|(_, _, of)| *of > 1);
        let note: Vec<String> = named
            .map(|(name, at, of)| format!("{name} {} of {of}", at + 1))
            .collect();
        PageStack {
            frames: (0..slices).filter_map(frame).collect(),
            note: Some(note.join(", ")),
        }
    };
    (0..times)
        .flat_map(|time| (0..channels).map(move |channel| (time, channel)))
        .map(|(t, c)| part(t, c))
        .collect()
}

/// A stack whose slices lie one behind the other, of which only the first has a directory.
pub(super) struct BareStack {
    pub(super) count: u64,
    pub(super) note: Option<String>,
    number: NumberKind,
    begins: u64,
}

/// Where the file is one of these.
pub(super) fn bare_stack(
    file: &mut Directories,
    page: &TiffPage,
    kind: &PixelKind,
) -> Option<BareStack> {
    if file.pages.len() != 1 || kind.compression != 1 {
        return None;
    }
    let claimed = number_for_key(&file.image_description(page), "images")
        .filter(|n| (2..=MOST_SLICES).contains(n))?;
    let number = match (kind.photometric, kind.samples, kind.bits, kind.format) {
        (1, 1, 8, 1) => NumberKind::U8,
        (1, 1, 16, 1) => NumberKind::U16,
        (1, 1, 16, 2) => NumberKind::I16,
        (1, 1, 32, 1) => NumberKind::U32,
        (1, 1, 32, 3) => NumberKind::F32,
        (2, 3, 8, 1) => NumberKind::Rgb,
        _ => return None,
    };
    let begins = file.first_number(page, tag::STRIP_OFFSETS)?;
    let there = file.len().checked_sub(begins)? / kind.unpacked_bytes().max(1);
    let count = claimed.min(there);
    let note = (count < claimed)
        .then(|| format!("it is cut off: {count} of its {claimed} slices are there"));
    (count > 1).then_some(BareStack {
        count,
        note,
        number,
        begins,
    })
}

impl BareStack {
    /// One slice.
    pub(super) fn read_slice(
        &self,
        file: &mut Directories,
        slice: usize,
        kind: &PixelKind,
    ) -> Result<StoredGrey, String> {
        if slice as u64 >= self.count {
            return Err(format!("it has no slice {}", slice + 1));
        }
        let bytes = file.read_bytes(
            self.begins + slice as u64 * kind.unpacked_bytes(),
            kind.unpacked_bytes(),
        )?;
        let pixels = self.number.decode_pixels(&bytes, file.big_endian);
        Ok(StoredGrey {
            columns: kind.columns,
            rows: kind.rows,
            pixels,
            inverted: false,
            bits: kind.bits,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_and_times_of_a_stack_are_parts_of_their_own() {
        let description =
            "ImageJ=1.54f\nimages=12\nchannels=2\nslices=3\nframes=2\nhyperstack=true\n";
        let found = page_stacks(description, (0..12).collect());
        let frames: Vec<&[u32]> = found.iter().map(|part| part.frames.as_slice()).collect();
        assert_eq!(frames, [[0, 2, 4], [1, 3, 5], [6, 8, 10], [7, 9, 11]]);
        assert_eq!(
            found[2].note.as_deref(),
            Some("channel 1 of 2, time 2 of 2")
        );
        assert_eq!(
            page_stacks(description, vec![0, 1]).len(),
            1,
            "pages are missing"
        );
        assert_eq!(
            page_stacks("ImageJ=1.54f\nimages=4\nframes=4\n", (0..4).collect()).len(),
            1,
            "a film"
        );
        assert_eq!(
            page_stacks("slices=2\nchannels=2", (0..4).collect()).len(),
            1,
            "another program"
        );
    }
}
