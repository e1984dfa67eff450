//! Commands on the active label: grow, shrink, smooth, fill holes, islands, copies, interpolation, proposals.

use super::{
    Session,
    command::UserCommand,
    job::{InterpolateJob, Job, ShapeJob, SliceKey},
    notice::Severity,
    tools::Preview,
};
use labrum_core::{
    edit::Edit,
    mask::{Mask, PackedMask},
    region::{PixelRect, Region},
    tools::{components, morphology},
};
use std::{ops::Range, sync::Arc};

/// The result of a command on the active label on the slice on the screen.
struct OperationResult {
    label: u8,
    target: Region,
}

impl Session {
    /// Runs a command on the active label.
    pub(super) fn apply_operation(&mut self, command: UserCommand) {
        self.finish_gesture();
        let Some(label) = self.drawable_label() else {
            return;
        };
        match self.operation_outcome(command, label) {
            Ok(outcome) => self.apply_outcome(command.display_label(), outcome),
            Err(reason) => self.notices.add(Severity::Hint, reason),
        }
        self.show_preview();
    }

    /// Previews what a command would do, or shows the active tool again.
    pub(super) fn preview_command(&mut self, command: Option<UserCommand>) {
        if self.tools.is_drawing() {
            return;
        }
        if matches!(
            command,
            Some(UserCommand::AcceptProposal | UserCommand::AcceptAllProposals)
        ) {
            self.tools.preview = self.proposal_preview().unwrap_or_default();
            return;
        }
        let label = self.labels.active_label();
        let outcome = command.and_then(|c| self.operation_outcome(c, label).ok());
        match outcome.zip(self.live_mask()) {
            Some((outcome, live)) => {
                let now = live.mask().label_region(outcome.label);
                let added = outcome.target.difference(&now);
                let removed = now.difference(&outcome.target);
                let (region, label) = if added.is_empty() {
                    (removed, 0)
                } else {
                    (added, outcome.label)
                };
                self.tools.preview = Preview {
                    region: Some(region),
                    label,
                    ..Preview::default()
                };
            }
            None => self.show_preview(),
        }
    }

    /// Preview of where the mask on the screen differs from the proposal.
    fn proposal_preview(&self) -> Option<Preview> {
        let case = self.cases.current_case()?;
        let live = self.live_mask()?;
        let proposed = case.slices.get(case.slice)?.proposal()?.to_mask();
        let (columns, rows) = self.masks.slice_size();
        let whole = PixelRect::full_frame(columns, rows);
        let region = Region::from_fn(&whole, |column, row| {
            let (column, row) = (column as i64, row as i64);
            live.mask().label_at(column, row) != proposed.label_at(column, row)
        });
        Some(Preview {
            region: Some(region),
            label: self.labels.active_label(),
            ..Preview::default()
        })
    }

    fn apply_outcome(&mut self, name: &str, outcome: OperationResult) {
        let Some(key) = self.live_mask().map(|l| l.slice_key()) else {
            return;
        };
        let (columns, rows) = self.masks.slice_size();
        let window = Region::full_frame(columns, rows);
        let rule = self.labels.drawing_rule(outcome.label);
        let edit = self.write_mask(key, |mask| {
            mask.reshape_label(outcome.label, &outcome.target, &window, &rule)
        });
        if edit.is_empty() {
            self.notices
                .add(Severity::Hint, format!("{name} changes nothing here."));
        }
        self.commit_edits(name, key.case, vec![(key.slice, edit)]);
    }

    /// The label after the command, or why the command cannot be run.
    fn operation_outcome(
        &self,
        command: UserCommand,
        label: u8,
    ) -> Result<OperationResult, String> {
        use UserCommand as C;
        let Some(live) = self.live_mask().filter(|_| label > 0) else {
            return Err("Nothing to change.".into());
        };
        let now = live.mask().label_region(label);
        let is_copy = matches!(command, C::CopyFromPrevious | C::CopyFromNext);
        if now.is_empty() && !is_copy {
            return Err(format!(
                "No {} on this slice.",
                self.labels.label_name(label)
            ));
        }
        let (columns, rows) = self.masks.slice_size();
        let options = &self.settings.tools;
        let margin = self.in_pixels(options.margin);
        let target = match command {
            C::Grow => morphology::dilate_region(&now, margin, columns, rows),
            C::Shrink => morphology::erode_region(&now, margin, columns, rows),
            C::Smooth => morphology::smooth_region(&now, margin.map(|m| m.max(1.0)), columns, rows),
            C::FillHoles => components::fill_holes(&now),
            C::RemoveIslands => components::without_islands(&now, options.island),
            C::KeepLargest => components::largest_component(&now),
            C::EmptyLabel => Region::default(),
            C::CopyFromPrevious => self.neighbour_region(-1, label)?,
            C::CopyFromNext => self.neighbour_region(1, label)?,
            _ => return Err("This command does not change a label.".into()),
        };
        Ok(OperationResult { label, target })
    }

    /// The label on the previous or next slice.
    fn neighbour_region(&self, by: i64, label: u8) -> Result<Region, String> {
        let case = self.cases.current_case().ok_or("Nothing is open.")?;
        let side = if by < 0 { "previous" } else { "next" };
        let slice = usize::try_from(case.slice as i64 + by)
            .ok()
            .filter(|s| *s < case.slices.len());
        let slice = slice.ok_or_else(|| format!("There is no {side} slice."))?;
        let mask = self.mask_of(SliceKey {
            case: case.id,
            slice,
        });
        let region = mask
            .map(|m| m.label_region(label))
            .filter(|r| !r.is_empty());
        region.ok_or_else(|| format!("No {} on the {side} slice.", self.labels.label_name(label)))
    }

    /// Interpolates the active label on slices between drawn ones; the shapes are computed in the background.
    pub(super) fn interpolate_slices(&mut self) {
        self.finish_gesture();
        let Some(label) = self.drawable_label() else {
            return;
        };
        self.pack_live();
        self.refresh_live();
        let Some(case) = self.cases.current_case() else {
            return;
        };
        let masks: Vec<Option<Mask>> = case
            .slices
            .iter()
            .map(|s| {
                s.mask
                    .as_ref()
                    .map(PackedMask::to_mask)
                    .filter(|m| m.count_pixels(label) > 0)
            })
            .collect();
        let drawn: Vec<usize> = (0..masks.len()).filter(|&i| masks[i].is_some()).collect();
        let gaps: Vec<[usize; 2]> = drawn
            .windows(2)
            .map(|w| [w[0], w[1]])
            .filter(|[a, b]| b - a > 1)
            .collect();
        if gaps.is_empty() {
            let text = format!(
                "Nothing to interpolate: draw {} on two slices with a gap between them.",
                self.labels.label_name(label)
            );
            return self.notices.add(Severity::Hint, text);
        }
        let shapes = gaps
            .iter()
            .map(|&[a, b]| {
                let shape_a = region_or_empty(masks[a].as_ref(), label);
                let shape_b = region_or_empty(masks[b].as_ref(), label);
                (a, shape_a, b, shape_b)
            })
            .collect();
        let job = InterpolateJob {
            case: case.id,
            label,
            shapes,
            columns: case.series.columns,
            rows: case.series.rows,
            spacing: self
                .pixel_spacing(case, case.slice)
                .map_or([1.0; 2], |s| [s.row, s.column]),
            edits_seen: self.history.len(),
        };
        self.jobs
            .push(Job::Shapes(ShapeJob::Interpolate(Box::new(job))));
    }

    pub(super) fn on_interpolated(&mut self, job: &InterpolateJob, shapes: Vec<(usize, Region)>) {
        if self.history.len() != job.edits_seen || self.tools.is_drawing() {
            return self.notices.add(
                Severity::Info,
                "Interpolation cancelled: the case was edited meanwhile.",
            );
        }
        let rule = self.labels.drawing_rule(job.label);
        let edits: Vec<(usize, Edit)> = shapes
            .into_iter()
            .map(|(slice, shape)| {
                let key = SliceKey {
                    case: job.case,
                    slice,
                };
                (
                    slice,
                    self.write_mask(key, |mask| mask.paint_region(&shape, job.label, &rule)),
                )
            })
            .collect();
        let count = edits.len();
        self.commit_edits("Interpolate", job.case, edits);
        let slices = if count == 1 { "slice" } else { "slices" };
        let text = format!(
            "Interpolated {} on {count} {slices}. Please check them.",
            self.labels.label_name(job.label)
        );
        self.notices.add(Severity::Info, text);
    }

    /// Replaces the mask with the proposal, on the slice on the screen or on all slices with a proposal.
    pub(super) fn take_proposal(&mut self, whole_series: bool) {
        self.finish_gesture();
        let Some(case) = self.cases.current_case() else {
            return;
        };
        let slices = if whole_series {
            0..case.slices.len()
        } else {
            case.slice..case.slice + 1
        };
        let whole = Region::full_frame(case.series.columns, case.series.rows);
        self.take_proposals(slices, &whole);
    }

    pub(super) fn take_proposal_in(&mut self, region: &Region) {
        if let Some(slice) = self.cases.current_case().map(|c| c.slice) {
            self.take_proposals(slice..slice + 1, region);
        }
    }

    fn take_proposals(&mut self, slices: Range<usize>, region: &Region) {
        let Some(case) = self.cases.current_case() else {
            return;
        };
        let id = case.id;
        // The mask of an unedited slice is its proposal already.
        let proposals: Vec<(usize, Arc<_>)> = slices
            .filter(|slice| case.slices[*slice].is_drawn())
            .filter_map(|slice| Some((slice, case.slices[slice].proposal()?.clone())))
            .collect();
        let rule = self.labels.lock_rule();
        let edits: Vec<(usize, Edit)> = proposals
            .into_iter()
            .map(|(slice, proposal)| {
                let key = SliceKey { case: id, slice };
                let proposed = proposal.to_mask();
                (
                    slice,
                    self.write_mask(key, |mask| mask.copy_region_from(&proposed, region, &rule)),
                )
            })
            .collect();
        if edits.iter().all(|(_, edit)| edit.is_empty()) {
            self.notices
                .add(Severity::Info, "The mask already equals the proposal.");
        }
        self.commit_edits("Accept proposal", id, edits);
    }
}

/// The pixels of a label in the mask of a slice; empty without a mask.
fn region_or_empty(mask: Option<&Mask>, label: u8) -> Region {
    mask.map(|m| m.label_region(label)).unwrap_or_default()
}
