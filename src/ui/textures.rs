//! Pictures on the graphics card: the tiles of the slice on the screen and the thumbnails.

use crate::domain::image::Window;
use crate::session::{
    Session,
    case::{Case, ThumbnailState},
    job::{CaseId, Loaded, RenderRequest, SliceKey, Tile, TileKey},
    tiles::{level_for, overview_level, touching},
};
use egui::{ColorImage, TextureHandle, TextureOptions};
use std::{collections::HashMap, sync::Arc};

/// More tiles than this are not kept.
const MOST_TILES: usize = 48;

/// All textures of the window.
#[derive(Default)]
pub(crate) struct Textures {
    /// The slice whose tiles these are.
    shown: Option<SliceKey>,
    tiles: HashMap<TileKey, (TextureHandle, Window)>,
    /// The slice that should be shown.
    wanted: Option<SliceKey>,
    requested: Option<(SliceKey, Window, Vec<TileKey>)>,
    thumbnails: HashMap<CaseId, TextureHandle>,
}

/// The part of the picture that is seen, and how large.
pub(crate) struct Seen {
    /// Smallest and largest x and y of the picture on the canvas.
    pub(crate) low: [f32; 2],
    pub(crate) high: [f32; 2],
    /// Screen pixels for one pixel of the picture.
    pub(crate) scale: f32,
}

impl Textures {
    /// The slice whose picture is on the canvas: for a moment that may still be the one before.
    pub(crate) fn shown(&self) -> Option<SliceKey> {
        self.shown
    }

    /// Takes a tile in. One of another slice of the same case is shown too: who scrolls fast sees what goes by.
    pub(crate) fn insert(&mut self, ctx: &egui::Context, tile: Tile) {
        let is_near = self.wanted.is_some_and(|w| w.case == tile.key.case);
        let is_same = self.shown == Some(tile.key);
        let is_overview = tile.tile.column == 0 && tile.tile.row == 0 && self.is_first_of_request(&tile);
        if !is_near || !(is_same || is_overview) {
            return;
        }
        if !is_same {
            // The texture of the slice before is used again where it has the right size.
            self.tiles.retain(|key, (texture, _)| *key == tile.tile && texture.size() == tile.size);
            self.shown = Some(tile.key);
        }
        let image = ColorImage::from_rgba_premultiplied(tile.size, &tile.rgba);
        match self.tiles.get_mut(&tile.tile) {
            Some((texture, window)) if texture.size() == tile.size => {
                texture.set(image, TextureOptions::LINEAR);
                *window = tile.window;
            }
            _ => {
                let texture = ctx.load_texture("tile", image, TextureOptions::LINEAR);
                self.tiles.insert(tile.tile, (texture, tile.window));
            }
        }
        if self.tiles.len() > MOST_TILES {
            let overview = self.tiles.keys().map(|t| t.level).max().unwrap_or(0);
            self.tiles.retain(|key, _| key.level == overview || key.level == tile.tile.level);
        }
    }

    /// A picture is begun with its overview, which is asked for first.
    fn is_first_of_request(&self, tile: &Tile) -> bool {
        match &self.requested {
            Some((key, _, tiles)) if *key == tile.key => tiles.first() == Some(&tile.tile),
            _ => self.tiles.is_empty() || self.tiles.contains_key(&tile.tile),
        }
    }

    /// Says what should be on the canvas; asks for the tiles that are missing, once.
    pub(crate) fn want(
        &mut self,
        key: SliceKey,
        loaded: &Loaded,
        window: Window,
        seen: &Seen,
    ) -> Option<RenderRequest> {
        self.wanted = Some(key);
        let (columns, rows) = (loaded.image.columns, loaded.image.rows);
        let overview = overview_level(columns, rows);
        let mut wanted = vec![TileKey { level: overview, column: 0, row: 0 }];
        let level = level_for(seen.scale, overview);
        if level < overview {
            wanted.extend(touching(level, seen.low, seen.high, columns, rows));
        }
        let is_there = |tile: &TileKey| {
            self.shown == Some(key) && self.tiles.get(tile).is_some_and(|(_, made_for)| *made_for == window)
        };
        wanted.retain(|tile| !is_there(tile));
        if wanted.is_empty() {
            return None;
        }
        // Asked for already, all or part of it: the rest is on its way.
        let is_known = self
            .requested
            .as_ref()
            .is_some_and(|(k, w, tiles)| *k == key && *w == window && wanted.iter().all(|tile| tiles.contains(tile)));
        if is_known {
            return None;
        }
        self.requested = Some((key, window, wanted.clone()));
        let is_default = window == loaded.default_window;
        Some(RenderRequest { key, image: loaded.image.clone(), window, is_default, tiles: wanted })
    }

    /// Says that nothing should be on the canvas, or nothing yet of this case.
    pub(crate) fn clear_unless(&mut self, case: Option<CaseId>) {
        if self.shown.map(|key| key.case) != case || case.is_none() {
            self.tiles.clear();
            self.shown = None;
            self.requested = None;
            self.wanted = None;
        }
    }

    /// The tiles to paint, coarse ones first, each with the part of the picture that it covers.
    pub(crate) fn painted(&self) -> Vec<(TileKey, &TextureHandle)> {
        let mut tiles: Vec<_> = self.tiles.iter().map(|(key, (texture, _))| (*key, texture)).collect();
        tiles.sort_by_key(|(key, _)| std::cmp::Reverse(key.level));
        tiles
    }

    /// The texture of a case's thumbnail, where there is one.
    pub(crate) fn thumbnail(&mut self, ctx: &egui::Context, case: &Case) -> Option<TextureHandle> {
        let ThumbnailState::Ready(thumbnail) = &case.thumbnail else { return None };
        let made = self.thumbnails.entry(case.id).or_insert_with(|| {
            let image = ColorImage::from_rgba_premultiplied([thumbnail.columns, thumbnail.rows], &thumbnail.rgba);
            ctx.load_texture("thumbnail", image, TextureOptions::LINEAR)
        });
        Some(made.clone())
    }

    /// Lets the thumbnails of closed cases go.
    pub(crate) fn forget_closed(&mut self, session: &Session) {
        if self.thumbnails.len() > session.cases.len() {
            self.thumbnails.retain(|id, _| session.cases.iter().any(|c| c.id == *id));
        }
    }
}

/// The pixels of the slice whose picture is on the canvas.
pub(crate) fn shown_pixels<'a>(textures: &Textures, session: &'a Session) -> Option<&'a Arc<Loaded>> {
    session.loaded(textures.shown()?)
}
