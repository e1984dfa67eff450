//! Fill: a click fills a connected region with the active label, or clears it.

use super::{PointerInput, PointerPhase, Preview, Session};
use crate::session::{notice::Severity, tool_options::ToolKind};
use labrum_core::{region::Region, tools::fill};

impl Session {
    pub(in crate::session) fn handle_fill(&mut self, input: PointerInput) {
        if input.phase != PointerPhase::Press {
            return;
        }
        let Some(label) = (if input.erases {
            Some(0)
        } else {
            self.drawable_label()
        }) else {
            return;
        };
        let area = self.area_at(input);
        if area.is_none() && !input.erases && self.masks.pixel_at(input.at).is_some() {
            let text =
                "The outer background cannot be filled. Click an enclosed or labelled region.";
            self.notices.add(Severity::Hint, text);
        }
        let (Some(region), Some(live)) = (area, self.live_mask()) else {
            return;
        };
        let key = live.slice_key();
        let rule = self.labels.drawing_rule(label);
        let edit = self.write_mask(key, |mask| mask.paint_region(&region, label, &rule));
        self.commit_edits(
            ToolKind::Fill.display_name(),
            key.case,
            vec![(key.slice, edit)],
        );
    }

    /// The connected region of one label under the pointer. `None` for the outer background: a click beside an outline
    /// that is not closed would fill the whole image.
    fn area_at(&self, input: PointerInput) -> Option<Region> {
        let seed = self.masks.pixel_at(input.at)?;
        let live = self.live_mask()?;
        let region = fill::connected_label(live.mask(), seed);
        let under = live.mask().label_at(seed.0 as i64, seed.1 as i64);
        let bounds = region.bounds();
        let (columns, rows) = self.masks.slice_size();
        let touches_all_sides = bounds.columns == (0..columns) && bounds.rows == (0..rows);
        (under != 0 || !touches_all_sides).then_some(region)
    }

    pub(super) fn fill_preview(&self, input: PointerInput) -> Preview {
        let label = if input.erases {
            0
        } else {
            self.labels.label_to_draw()
        };
        Preview {
            region: self.area_at(input),
            label,
            ..Preview::default()
        }
    }
}
