//! Decodes slices in the order in which they are wished for, and makes thumbnails.

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
use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Condvar, Mutex, PoisonError},
};

/// Longest side of a thumbnail in pixels.
const THUMBNAIL: usize = 112;

#[derive(Default)]
struct DecodeState {
    wishes: VecDeque<PixelWish>,
    in_work: HashSet<(SliceKey, bool)>,
    is_closed: bool,
}

/// The wishes that nobody has begun.
#[derive(Default)]
pub(super) struct DecodeQueue {
    state: Mutex<DecodeState>,
    changed: Condvar,
}

impl DecodeQueue {
    /// Forgets older wishes; those in work are not begun twice.
    pub(super) fn replace_wishes(&self, wishes: Vec<PixelWish>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
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
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_closed = true;
        self.changed.notify_all();
    }

    fn take_wish(&self) -> Option<PixelWish> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
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
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn finish_wish(&self, wish: &PixelWish) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state
            .in_work
            .remove(&(wish.key, wish.what == SliceNeed::Thumbnail));
    }
}

/// Fulfils wishes until the queue is closed.
pub(super) fn run_decoder(queue: &DecodeQueue, outbox: &Outbox) {
    while let Some(wish) = queue.take_wish() {
        let is_heard = fulfil_wish(&wish, outbox);
        queue.finish_wish(&wish);
        if !is_heard {
            return;
        }
    }
}

/// False where nobody listens any more.
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
    // The thumbnail after the picture: that is what is waited for.
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

/// The picture scaled down by taking single pixels, in the shape that it is shown in.
fn make_thumbnail(image: &Image) -> Thumbnail {
    let aspect = image.spacing.map_or(1.0, |s| s.row / s.column);
    let (width, height) = (image.columns as f64, image.rows as f64 * aspect);
    let scale = THUMBNAIL as f64 / width.max(height);
    let size = |v: f64| ((v * scale).round() as usize).clamp(1, THUMBNAIL);
    let (columns, rows) = (size(width), size(height));
    let small = sample_image(image, columns, rows);
    // The contrast of the whole picture: a few of its pixels have other percentiles.
    let rgba = small.to_rgba(image.first_contrast());
    Thumbnail {
        columns,
        rows,
        rgba,
    }
}

/// An image of `columns` x `rows` pixels taken at even distances.
fn sample_image(image: &Image, columns: usize, rows: usize) -> Image {
    let at = |i: usize, n: usize, of: usize| (2 * i + 1) * of / (2 * n);
    let indices = (0..rows).flat_map(|y| {
        (0..columns)
            .map(move |x| at(y, rows, image.rows) * image.columns + at(x, columns, image.columns))
    });
    Image {
        columns,
        rows,
        pixels: pick_pixels(&image.pixels, indices),
        rescale: image.rescale,
        unit: None,
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
