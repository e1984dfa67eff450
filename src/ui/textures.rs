//! Textures of the thumbnails in the case list.

use crate::session::{
    Session,
    case::{Case, ThumbnailState},
    job::CaseId,
};
use egui::{ColorImage, TextureHandle, TextureOptions};
use std::collections::HashMap;

/// Thumbnails by case.
#[derive(Default)]
pub(crate) struct Textures {
    thumbnails: HashMap<CaseId, TextureHandle>,
}

impl Textures {
    /// The texture of a case's thumbnail, if it is ready.
    pub(crate) fn case_thumbnail(
        &mut self,
        ctx: &egui::Context,
        case: &Case,
    ) -> Option<TextureHandle> {
        let ThumbnailState::Ready(thumbnail) = &case.thumbnail else {
            return None;
        };
        let made = self.thumbnails.entry(case.id).or_insert_with(|| {
            let image = ColorImage::from_rgba_premultiplied(
                [thumbnail.columns, thumbnail.rows],
                &thumbnail.rgba,
            );
            ctx.load_texture("thumbnail", image, TextureOptions::LINEAR)
        });
        Some(made.clone())
    }

    /// Frees the thumbnails of closed cases.
    pub(crate) fn forget_closed(&mut self, session: &Session) {
        if self.thumbnails.len() > session.cases.len() {
            self.thumbnails
                .retain(|id, _| session.cases.iter().any(|c| c.id == *id));
        }
    }
}
