//! Decodes slices in the requested order, and makes thumbnails.

use super::Outbox;
use crate::{
    io,
    session::{
        job::{Event, Loaded, PixelWish, SliceKey, SliceNeed, Thumbnail},
        window,
    },
};
use labrum_core::{
    image::{Image, Pixels},
    looks::Look,
};
use parking_lot::{Condvar, Mutex};
use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

/// Longest side of a thumbnail in pixels.
const THUMBNAIL: usize = 112;

#[derive(Default)]
struct DecodeState {
    wishes: VecDeque<PixelWish>,
    in_work: HashSet<(SliceKey, bool)>,
    is_closed: bool,
}

/// Requests that no thread has begun.
#[derive(Default)]
pub(super) struct DecodeQueue {
    state: Mutex<DecodeState>,
    changed: Condvar,
}

impl DecodeQueue {
    /// Replaces older requests; those being decoded are not begun twice.
    pub(super) fn replace_wishes(&self, wishes: Vec<PixelWish>) {
        let mut state = self.state.lock();
        state.wishes = wishes
            .into_iter()
            .filter(|w| {
                !state
                    .in_work
                    .contains(&(w.key, w.what == SliceNeed::Thumbnail))
            })
            .collect();
        self.changed.notify_all();
    }

    pub(super) fn close(&self) {
        self.state.lock().is_closed = true;
        self.changed.notify_all();
    }

    fn take_wish(&self) -> Option<PixelWish> {
        let mut state = self.state.lock();
        loop {
            if state.is_closed {
                return None;
            }
            if let Some(wish) = state.wishes.pop_front() {
                state
                    .in_work
                    .insert((wish.key, wish.what == SliceNeed::Thumbnail));
                return Some(wish);
            }
            self.changed.wait(&mut state);
        }
    }

    fn finish_wish(&self, wish: &PixelWish) {
        let mut state = self.state.lock();
        state
            .in_work
            .remove(&(wish.key, wish.what == SliceNeed::Thumbnail));
    }
}

/// Decodes requested slices until the queue is closed.
pub(super) fn run_decoder(queue: &DecodeQueue, outbox: &Outbox) {
    while let Some(wish) = queue.take_wish() {
        let is_heard = fulfil_wish(&wish, outbox);
        queue.finish_wish(&wish);
        if !is_heard {
            return;
        }
    }
}

/// False if the receiver is gone.
fn fulfil_wish(wish: &PixelWish, outbox: &Outbox) -> bool {
    let key = wish.key;
    let read = io::open::load_slice(&wish.source, wish.kind).map(Arc::new);
    if wish.what != SliceNeed::Thumbnail {
        let result = read
            .clone()
            .map(|image| Arc::new(loaded_slice(image, &wish.modality)));
        if !outbox.send_event(Event::Loaded { key, result }) {
            return false;
        }
    }
    // The image comes before the thumbnail, because the user waits for it.
    wish.what == SliceNeed::Pixels || {
        let thumbnail = read
            .ok()
            .map(|image| (make_thumbnail(&image), Look::from_image(&image)));
        outbox.send_event(Event::Thumbnail { key, thumbnail })
    }
}

fn loaded_slice(image: Arc<Image>, modality: &str) -> Loaded {
    let default_window = image.default_window();
    let presets = window::presets_for_image(&image, modality, default_window);
    Loaded {
        image,
        default_window,
        presets,
    }
}

/// Centre of part `index` when `length` is divided into `parts` equal parts.
#[inline]
fn sampled_place(index: usize, parts: usize, length: usize) -> usize {
    (2 * index + 1) * length / (2 * parts)
}

/// Scales the image down by nearest-neighbour sampling, with the aspect ratio of the display.
fn make_thumbnail(image: &Image) -> Thumbnail {
    let aspect = image.spacing.map_or(1.0, |s| s.row / s.column);
    let width = image.columns as f64;
    let height = image.rows as f64 * aspect;
    let scale = THUMBNAIL as f64 / width.max(height);
    let columns = scaled_side(width, scale);
    let rows = scaled_side(height, scale);
    let small = sample_image(image, columns, rows);
    // Use the contrast of the whole image: the percentiles of the sampled pixels would differ.
    let rgba = small.to_rgba(image.first_contrast());
    Thumbnail {
        columns,
        rows,
        rgba,
    }
}

/// Length of a side of a thumbnail, in pixels.
fn scaled_side(length: f64, scale: f64) -> usize {
    ((length * scale).round() as usize).clamp(1, THUMBNAIL)
}

/// Samples `columns` x `rows` pixels at even distances.
fn sample_image(image: &Image, columns: usize, rows: usize) -> Image {
    let indices = (0..rows).flat_map(|y| {
        let row = sampled_place(y, rows, image.rows);
        (0..columns).map(move |x| row * image.columns + sampled_place(x, columns, image.columns))
    });
    Image {
        columns,
        rows,
        pixels: pick_pixels(&image.pixels, indices),
        rescale: image.rescale,
        unit: None,
        suv_factor: None,
        inverted: image.inverted,
        windows: Vec::new(),
        voi_lut: None,
        usual_window: None,
        padding: image.padding,
        spacing: None,
        regions: Vec::new(),
        plane: None,
        orientation: None,
        overlays: Vec::new(),
        truncated: None,
    }
}

fn pick_pixels(pixels: &Pixels, indices: impl Iterator<Item = usize>) -> Pixels {
    match pixels {
        Pixels::U8(v) => Pixels::U8(indices.map(|i| v[i]).collect()),
        Pixels::U16(v) => Pixels::U16(indices.map(|i| v[i]).collect()),
        Pixels::I16(v) => Pixels::I16(indices.map(|i| v[i]).collect()),
        Pixels::F32(v) => Pixels::F32(indices.map(|i| v[i]).collect()),
        Pixels::Rgb8(v) => Pixels::Rgb8(indices.map(|i| v[i]).collect()),
    }
}
