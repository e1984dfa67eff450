//! The textures of the canvas. Only changed data is uploaded.

use super::uniforms::TABLE_WIDTH;
use crate::{
    session::live::Live,
    ui::look::{Scene, table_of},
};
use eframe::wgpu::{self, TextureFormat};
use labrum_core::{
    image::{Image, Pixels},
    region::{PixelRect, Region},
};
use std::{
    ops::Range,
    ptr,
    sync::{Arc, Weak},
};

/// Bytes converted at a time; small enough to stay in the CPU cache.
const BAND: usize = 1 << 18;

/// All textures of the canvas.
#[derive(Debug)]
pub(super) struct CanvasTextures {
    /// Stored values.
    image: wgpu::Texture,
    held_image: Weak<Image>,
    /// VOI lookup table of the file.
    table: wgpu::Texture,
    labels: wgpu::Texture,
    held_labels: Option<u64>,
    reference: wgpu::Texture,
    held_reference: Option<u64>,
    preview: wgpu::Texture,
    held_preview: Region,
}

impl CanvasTextures {
    pub(super) fn new(device: &wgpu::Device) -> Self {
        Self {
            image: smallest_texture(device, TextureFormat::R8Uint),
            held_image: Weak::new(),
            table: smallest_texture(device, TextureFormat::R32Float),
            labels: smallest_texture(device, TextureFormat::R8Uint),
            held_labels: None,
            reference: smallest_texture(device, TextureFormat::R8Uint),
            held_reference: None,
            preview: smallest_texture(device, TextureFormat::R8Uint),
            held_preview: Region::default(),
        }
    }

    /// The textures in the order of their bindings, starting at 1.
    pub(super) fn bound_textures(&self) -> [&wgpu::Texture; 5] {
        [
            &self.image,
            &self.table,
            &self.labels,
            &self.reference,
            &self.preview,
        ]
    }

    /// Uploads what has changed. True if a texture was created.
    pub(super) fn upload_changes(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        scene: &Scene<'_>,
    ) -> bool {
        let mut is_new = false;
        if !ptr::eq(self.held_image.as_ptr(), Arc::as_ptr(scene.image)) {
            is_new |= upload_image(device, queue, &mut self.image, scene.image);
            is_new |= upload_table(device, queue, &mut self.table, scene.image);
            self.held_image = Arc::downgrade(scene.image);
        }
        if let Some(live) = scene.labels {
            is_new |= upload_labels(device, queue, &mut self.labels, &mut self.held_labels, live);
        }
        if let Some(live) = scene.reference {
            is_new |= upload_labels(
                device,
                queue,
                &mut self.reference,
                &mut self.held_reference,
                live,
            );
        }
        if let Some(region) = scene.preview {
            is_new |= self.upload_preview(
                device,
                queue,
                region,
                [scene.image.columns, scene.image.rows],
            );
        }
        is_new
    }

    fn upload_preview(
        &mut self,
        device: &wgpu::Device,
        queue: &wgpu::Queue,
        region: &Region,
        size: [usize; 2],
    ) -> bool {
        let is_new = fit_texture(device, &mut self.preview, TextureFormat::R8Uint, size);
        if is_new {
            // New textures are zero-initialised.
            self.held_preview = Region::default();
        }
        if self.held_preview != *region {
            let whole = PixelRect::full_frame(size[0], size[1]);
            let rect = clip_rect(&self.held_preview.bounds().union(&region.bounds()), &whole);
            let mut bytes = vec![0; rect.columns.len() * rect.rows.len()];
            for span in region.spans().iter().filter(|s| rect.rows.contains(&s.row)) {
                let row = (span.row - rect.rows.start) * rect.columns.len();
                let start = row + offset_in_range(span.start, &rect.columns);
                let end = row + offset_in_range(span.end, &rect.columns);
                bytes[start..end].fill(1);
            }
            write_rect(queue, &self.preview, &rect, &bytes, 0, rect.columns.len());
            self.held_preview = region.clone();
        }
        is_new
    }
}

/// Uploads the changed part of a mask, directly from the mask without copying it.
fn upload_labels(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    into: &mut wgpu::Texture,
    held: &mut Option<u64>,
    live: &Live,
) -> bool {
    let mask = live.mask();
    let is_new = fit_texture(
        device,
        into,
        TextureFormat::R8Uint,
        [mask.columns(), mask.rows()],
    );
    let whole = PixelRect::full_frame(mask.columns(), mask.rows());
    let dirty = held
        .filter(|_| !is_new)
        .and_then(|version| live.dirty_since(version));
    let dirty = dirty.map_or(whole.clone(), |dirty| clip_rect(&dirty, &whole));
    let offset = dirty.rows.start * mask.columns() + dirty.columns.start;
    write_rect(
        queue,
        into,
        &dirty,
        mask.pixel_labels(),
        offset,
        mask.columns(),
    );
    *held = Some(live.mask_version());
    is_new
}

fn upload_image(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    into: &mut wgpu::Texture,
    image: &Image,
) -> bool {
    let format = match image.pixels {
        Pixels::U8(_) => TextureFormat::R8Uint,
        Pixels::U16(_) | Pixels::I16(_) => TextureFormat::R16Uint,
        Pixels::F32(_) | Pixels::Rgb8(_) => TextureFormat::R32Uint,
    };
    let is_new = fit_texture(device, into, format, [image.columns, image.rows]);
    let columns = image.columns;
    match &image.pixels {
        Pixels::U8(v) => write_rect(
            queue,
            into,
            &PixelRect::full_frame(columns, image.rows),
            v,
            0,
            columns,
        ),
        Pixels::U16(v) => in_bands(queue, into, columns, v, |v| v.to_le_bytes()),
        Pixels::I16(v) => in_bands(queue, into, columns, v, |v| v.to_le_bytes()),
        Pixels::F32(v) => in_bands(queue, into, columns, v, |v| v.to_le_bytes()),
        Pixels::Rgb8(v) => in_bands(queue, into, columns, v, |[r, g, b]| [r, g, b, 255]),
    }
    is_new
}

/// Uploads the lookup table in rows of [`TABLE_WIDTH`].
fn upload_table(
    device: &wgpu::Device,
    queue: &wgpu::Queue,
    into: &mut wgpu::Texture,
    image: &Image,
) -> bool {
    let Some(table) = table_of(image) else {
        return false;
    };
    let rows = table.len().div_ceil(TABLE_WIDTH);
    let is_new = fit_texture(device, into, TextureFormat::R32Float, [TABLE_WIDTH, rows]);
    let mut levels = table.to_vec();
    levels.resize(TABLE_WIDTH * rows, 0.0);
    in_bands(queue, into, TABLE_WIDTH, &levels, |v| v.to_le_bytes());
    is_new
}

/// Uploads values of `N` bytes each, some rows at a time.
fn in_bands<T: Copy, const N: usize>(
    queue: &wgpu::Queue,
    into: &wgpu::Texture,
    columns: usize,
    values: &[T],
    bytes_of: impl Fn(T) -> [u8; N],
) {
    let rows = (BAND / (columns * N)).max(1);
    let mut bytes = vec![0; columns * N * rows];
    for (band, values) in values.chunks(columns * rows).enumerate() {
        for (place, value) in bytes.as_chunks_mut::<N>().0.iter_mut().zip(values) {
            *place = bytes_of(*value);
        }
        let rect = PixelRect {
            columns: 0..columns,
            rows: band * rows..band * rows + values.len() / columns,
        };
        write_rect(queue, into, &rect, &bytes, 0, columns * N);
    }
}

/// Writes a rectangle of a texture from `bytes`, starting at `offset`, one row every `bytes_per_row`.
fn write_rect(
    queue: &wgpu::Queue,
    into: &wgpu::Texture,
    rect: &PixelRect,
    bytes: &[u8],
    offset: usize,
    bytes_per_row: usize,
) {
    if rect.is_empty() {
        return;
    }
    let origin = wgpu::Origin3d {
        x: rect.columns.start as u32,
        y: rect.rows.start as u32,
        z: 0,
    };
    let layout = wgpu::TexelCopyBufferLayout {
        offset: offset as u64,
        bytes_per_row: Some(bytes_per_row as u32),
        rows_per_image: None,
    };
    let size = wgpu::Extent3d {
        width: rect.columns.len() as u32,
        height: rect.rows.len() as u32,
        depth_or_array_layers: 1,
    };
    let place = wgpu::TexelCopyTextureInfo {
        origin,
        ..into.as_image_copy()
    };
    queue.write_texture(place, bytes, layout, size);
}

/// Replaces the texture if its size or format does not match. Returns true if it was replaced.
fn fit_texture(
    device: &wgpu::Device,
    held: &mut wgpu::Texture,
    format: TextureFormat,
    size: [usize; 2],
) -> bool {
    let is_fit = [held.width(), held.height()] == size.map(|v| v as u32) && held.format() == format;
    if !is_fit {
        *held = create_texture(device, format, size);
    }
    !is_fit
}

/// A 1 × 1 placeholder texture.
fn smallest_texture(device: &wgpu::Device, format: TextureFormat) -> wgpu::Texture {
    create_texture(device, format, [1, 1])
}

fn create_texture(
    device: &wgpu::Device,
    format: TextureFormat,
    [width, height]: [usize; 2],
) -> wgpu::Texture {
    device.create_texture(&wgpu::TextureDescriptor {
        label: Some("canvas"),
        size: wgpu::Extent3d {
            width: width as u32,
            height: height as u32,
            depth_or_array_layers: 1,
        },
        mip_level_count: 1,
        sample_count: 1,
        dimension: wgpu::TextureDimension::D2,
        format,
        usage: wgpu::TextureUsages::TEXTURE_BINDING | wgpu::TextureUsages::COPY_DST,
        view_formats: &[],
    })
}

fn clip_rect(rect: &PixelRect, whole: &PixelRect) -> PixelRect {
    PixelRect {
        columns: clip_range(&rect.columns, whole.columns.end),
        rows: clip_range(&rect.rows, whole.rows.end),
    }
}

fn clip_range(range: &Range<usize>, end: usize) -> Range<usize> {
    range.start.min(end)..range.end.min(end)
}

/// Offset of `place` from the start of `range`, clamped to the range.
#[inline]
fn offset_in_range(place: usize, range: &Range<usize>) -> usize {
    place.clamp(range.start, range.end) - range.start
}
