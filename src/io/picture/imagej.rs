//! ImageJ stacks: which page belongs to which channel, slice and time, and files with one page followed by raw slices.

use super::{
    PageStack,
    directory::{Directories, TiffPage, tag},
    pixel_kind::PixelKind,
    stored::StoredGrey,
};
use crate::io::numbers::NumberKind;

/// Maximum number of slices in a stack.
const MOST_SLICES: u64 = 1 << 16;

/// The number for a key in an ImageJ description; `None` for descriptions of other programs.
fn number_for_key(description: &str, key: &str) -> Option<u64> {
    if !description.starts_with("ImageJ=") {
        return None;
    }
    description
        .lines()
        .find_map(|line| number_in_line(line, key))
}

/// The number in a line "key=number"; `None` for other keys.
fn number_in_line(line: &str, key: &str) -> Option<u64> {
    let (name, value) = line.split_once('=')?;
    if name == key {
        value.trim().parse().ok()
    } else {
        None
    }
}

/// The count for a key such as "channels"; 1 if it is missing.
fn count_for_key(description: &str, key: &str) -> usize {
    number_for_key(description, key)
        .and_then(|count| usize::try_from(count).ok())
        .unwrap_or(1)
}

/// Groups pages into stacks: all in one, or one stack for each channel and time.
pub(super) fn page_stacks(description: &str, frames: Vec<u32>) -> Vec<PageStack> {
    let channels = count_for_key(description, "channels");
    let slices = count_for_key(description, "slices");
    let times = count_for_key(description, "frames");
    let whole = channels
        .checked_mul(slices)
        .and_then(|n| n.checked_mul(times));
    if slices < 2 || channels.saturating_mul(times) < 2 || whole != Some(frames.len()) {
        return vec![PageStack { frames, note: None }];
    }
    let mut stacks = Vec::new();
    for time in 0..times {
        for channel in 0..channels {
            // Channels vary fastest, then slices, then times.
            let places = (0..slices).map(|slice| channel + channels * (slice + slices * time));
            stacks.push(PageStack {
                frames: places
                    .filter_map(|place| frames.get(place).copied())
                    .collect(),
                note: Some(part_note((channel, channels), (time, times))),
            });
        }
    }
    stacks
}

/// "channel 1 of 2, time 3 of 4" for (0, 2) and (2, 4); a part with a count of 1 is omitted.
fn part_note((channel, channels): (usize, usize), (time, times): (usize, usize)) -> String {
    let mut named = Vec::new();
    if channels > 1 {
        named.push(format!("channel {} of {channels}", channel + 1));
    }
    if times > 1 {
        named.push(format!("time {} of {times}", time + 1));
    }
    named.join(", ")
}

/// A stack whose slices are stored one after the other, with a directory only for the first.
pub(super) struct BareStack {
    pub(super) count: u64,
    pub(super) note: Option<String>,
    number: NumberKind,
    begins: u64,
}

/// The stack, if the file is of this kind.
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
        .then(|| format!("the file is truncated: it has {count} of {claimed} slices"));
    (count > 1).then_some(BareStack {
        count,
        note,
        number,
        begins,
    })
}

impl BareStack {
    /// Reads one slice.
    pub(super) fn read_slice(
        &self,
        file: &mut Directories,
        slice: usize,
        kind: &PixelKind,
    ) -> Result<StoredGrey, String> {
        if slice as u64 >= self.count {
            return Err(format!("the file has no slice {}", slice + 1));
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
    fn channels_and_time_points_of_a_stack_are_separate_series() {
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
            "a time series is one stack"
        );
        assert_eq!(
            page_stacks("slices=2\nchannels=2", (0..4).collect()).len(),
            1,
            "not written by ImageJ"
        );
    }
}
