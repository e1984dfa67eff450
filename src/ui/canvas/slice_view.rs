//! The slice on the canvas: what is seen of it and of its mask, and its painting.

use super::{CanvasState, hidden_labels};
use crate::{
    session::{
        Session,
        case::Case,
        finding::Finding,
        job::{Loaded, SliceKey},
        settings::ViewMode,
        view::ViewPlacement,
    },
    ui::{
        edges::PictureEdges,
        look::{CanvasLook, GreyLevels, LabelLayers, Scene},
        overlay::ContourOverlay,
        tool_overlay,
    },
};
use egui::{Painter, Rect};
use std::sync::Arc;

/// How opaque a proposal is that another model would make in another way now.
const STALE: f32 = 0.5;

/// The slice that is on the canvas, and what is to be seen of its mask.
pub(super) struct SliceView<'a> {
    session: &'a Session,
    case: &'a Case,
    shown: SliceKey,
    loaded: &'a Loaded,
    mode: ViewMode,
    finding: Option<&'a Arc<Finding>>,
    proposal: Option<&'a Arc<Finding>>,
    /// What was worked out from the mask still counts.
    is_current: bool,
    shows_confidence: bool,
    hidden: Vec<u8>,
    /// How opaque the mask is against what the user chose.
    share: f32,
}

impl<'a> SliceView<'a> {
    /// Of the slice that is on the canvas; `is_mask_held_hidden` as long as the user hides the mask.
    pub(super) fn new(
        session: &'a Session,
        case: &'a Case,
        shown: SliceKey,
        loaded: &'a Loaded,
        is_mask_held_hidden: bool,
    ) -> Self {
        let mode = if is_mask_held_hidden {
            ViewMode::Hidden
        } else {
            session.settings.view_mode
        };
        let state_of = case.slices.get(shown.slice);
        let finding = state_of.and_then(|s| s.finding.as_ref());
        let hides_proposals = case.hides_proposals();
        let proposal = state_of
            .and_then(|s| s.proposal.as_ref())
            .filter(|_| !hides_proposals);
        // What was worked out from a mask counts as long as nobody draws on.
        let is_current =
            !session.is_drawing() && state_of.is_some_and(|s| s.current_finding().is_some());
        let has_confidence = !hides_proposals && finding.is_some_and(|f| f.has_confidence());
        let share = if session.is_stale_on(case, shown.slice) {
            STALE
        } else {
            1.0
        };
        Self {
            session,
            case,
            shown,
            loaded,
            mode,
            finding,
            proposal,
            is_current,
            shows_confidence: mode == ViewMode::Confidence && is_current && has_confidence,
            hidden: hidden_labels(session),
            share,
        }
    }

    /// How picture and labels look, but for the preview of a tool.
    fn build_look(&self, placement: ViewPlacement, pixels_per_point: f32) -> CanvasLook {
        let layers = match self.mode {
            ViewMode::Confidence if !self.shows_confidence => LabelLayers::Outline,
            mode => LabelLayers::for_view_mode(mode),
        };
        let (session, loaded) = (self.session, self.loaded);
        let window = session.window_of(self.case, loaded);
        let levels = GreyLevels::from_image(&loaded.image, window, window == loaded.default_window);
        CanvasLook::new(placement, pixels_per_point, levels)
            .with_labels(
                layers,
                session.all_labels(),
                &self.hidden,
                session.settings.opacity,
            )
            .with_faded_labels(self.share)
    }

    /// The picture, its mask, and the pixels that the tool in hand would change.
    pub(super) fn paint_picture(
        &self,
        painter: &Painter,
        rect: Rect,
        placement: ViewPlacement,
        state: &mut CanvasState,
    ) {
        let (session, shown) = (self.session, self.shown);
        let mut look = self.build_look(placement, painter.pixels_per_point());
        // While one scrolls fast, a slice may be seen that is not the one to draw on.
        let live = session.live_mask().filter(|l| l.slice_key() == shown);
        let labels = live
            .or_else(|| self.finding.map(|f| state.passing.get_or_unpack(shown, f)))
            .filter(|_| look.draws_labels());
        let wants_reference = self.mode == ViewMode::Difference;
        let reference = self
            .proposal
            .filter(|_| wants_reference)
            .map(|p| state.proposed.get_or_unpack(shown, p));
        let preview = live
            .and(session.tool_preview().region.as_ref())
            .filter(|region| !region.is_empty());
        if preview.is_some() {
            look.preview = tool_overlay::stripe_color(session);
        }
        let scene = Scene {
            image: &self.loaded.image,
            labels,
            reference,
            preview,
            look: &look,
        };
        state.stage.paint_scene(painter, rect, &scene);
    }

    /// What is drawn as lines over the picture: how sure the model is, measurements, the doubtful place.
    pub(super) fn paint_contours(&self, painter: &Painter, placement: ViewPlacement) {
        let Some(finding) = self.finding else {
            return;
        };
        let focus = self
            .session
            .focus
            .filter(|(key, _)| *key == self.shown)
            .and_then(|(_, at)| finding.doubts.get(at));
        ContourOverlay {
            finding,
            mode: if self.mode == ViewMode::Confidence && !self.shows_confidence {
                ViewMode::Outline
            } else {
                self.mode
            },
            hidden_labels: &self.hidden,
            measurements: self.session.settings.measurements && self.is_current,
            focus,
            opacity: self.share,
            placement,
        }
        .paint_contours(painter);
    }

    /// What the colours mean, in the views that have colours of their own.
    pub(super) fn paint_legend(&self, edges: &mut PictureEdges<'_>) {
        if self.shows_confidence {
            edges.confidence_legend();
        } else if self.mode == ViewMode::Difference {
            edges.difference_legend(self.case, self.shown.slice);
        }
    }
}
