//! Importing masks from files: they replace those of the case, as one step that can be undone.

use super::{
    Session,
    case::Case,
    job::{CaseId, Job, MaskFileJob, SliceKey},
    notice::{Severity, Topic},
};
use crate::{Error, ErrorKind, Result};
use labrum_core::{
    counts::count_with_noun,
    edit::Edit,
    import::{ImportedMasks, MaskChoice, TakenLabel},
    label::{Label, TaskKey},
    region::Region,
    study::{Series, Status},
};
use std::path::PathBuf;

/// Slices closer than this along their normal, in mm, are at the same position.
const SAME_DEPTH: f64 = 0.01;

/// Masks from files that need an answer of the user before they can be applied.
#[derive(Clone, Debug)]
pub struct Undecided {
    case: CaseId,
    paths: Vec<PathBuf>,
    choice: MaskChoice,
    /// Why they were not applied; its kind says which answer is needed.
    pub error: Error,
}

/// The user's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ImportAnswer {
    /// Apply them by position in the patient, whichever images they refer to.
    ByPosition,
    /// They belong to this time point (phase), counted from 1.
    Time(usize),
}

/// Masks from files with overlapping labels: a mask can hold only one label per pixel.
#[derive(Clone, Debug)]
pub struct Overlapping {
    case: CaseId,
    paths: Vec<PathBuf>,
    choice: MaskChoice,
    /// The labels, topmost first.
    pub labels: Vec<OverlappingLabel>,
}

/// One of the overlapping labels.
#[derive(Clone, Debug)]
pub struct OverlappingLabel {
    /// The label.
    pub label: Label,
    /// Its number in the file.
    pub number: u32,
    /// Number of its pixels in the file.
    pub pixels: usize,
    /// Number of them that labels above it cover.
    pub covered: usize,
}

impl OverlappingLabel {
    fn from_taken(label: &Label, taken: &TakenLabel) -> Self {
        Self {
            label: label.clone(),
            number: taken.number,
            pixels: taken.in_file,
            covered: taken.covered,
        }
    }
}

impl Overlapping {
    /// `None` if nothing overlaps, or if the user has already chosen.
    fn from_import(
        case: CaseId,
        (paths, choice): (Vec<PathBuf>, MaskChoice),
        imported: &ImportedMasks,
    ) -> Option<Self> {
        let is_chosen = !choice.only.is_empty();
        if is_chosen || imported.taken.iter().all(|taken| taken.covered == 0) {
            return None;
        }
        let mut labels: Vec<OverlappingLabel> = imported
            .labels
            .iter()
            .zip(&imported.taken)
            .map(|(label, taken)| OverlappingLabel::from_taken(label, taken))
            .collect();
        // Smaller labels are on top of larger ones; of equal ones the later.
        labels.reverse();
        labels.sort_by_key(|label| label.pixels);
        Some(Self {
            case,
            paths,
            choice,
            labels,
        })
    }
}

impl Session {
    /// Mask files that were opened with the images, of this case or of others.
    pub(super) fn masks_found(&self) -> Vec<PathBuf> {
        self.passed_over
            .iter()
            .filter(|passed| passed.has_masks)
            .map(|passed| passed.path.clone())
            .collect()
    }

    /// Tells the user that there are masks to import.
    pub(super) fn tell_masks_found(&mut self, count: usize) {
        let files = match count {
            0 => return,
            1 => "1 mask file was found with the images".to_owned(),
            n => format!("{n} mask files were found with the images"),
        };
        self.notices.add(
            Severity::Info,
            format!("{files}. Press Ctrl+Shift+I to import the masks of this case."),
        );
    }

    pub(super) fn import_masks(&mut self, paths: Vec<PathBuf>) {
        if let Some(case) = self.cases.current_case() {
            if !case.is_restored {
                return self.notices.add(
                    Severity::Info,
                    "The workspace is still opening. Try again in a moment.",
                );
            }
            let id = case.id;
            let series = case.series.clone();
            let choice = MaskChoice {
                time: time_on_screen(&series, case.slice),
                ..MaskChoice::default()
            };
            self.questions.overlapping = None;
            self.questions.undecided = None;
            let others = self
                .cases
                .iter()
                .filter(|c| c.id != id && c.takes_masks())
                .map(|c| (c.id, c.series.clone()));
            let others = others.collect();
            self.jobs.push(Job::MaskFiles(MaskFileJob::Import {
                case: id,
                series,
                paths,
                choice,
                others,
            }));
        }
    }

    /// Imports the chosen ones of the overlapping masks, topmost first.
    pub(super) fn take_overlapping(&mut self, chosen: Option<Vec<usize>>) {
        let (Some(overlapping), Some(chosen)) = (self.questions.overlapping.take(), chosen) else {
            return;
        };
        let Some(case) = self.cases.case_by_id(overlapping.case) else {
            return;
        };
        let numbers: Vec<String> = chosen
            .iter()
            .filter_map(|index| overlapping.labels.get(*index))
            .map(|label| format!("#{}", label.number))
            .collect();
        if !numbers.is_empty() {
            let choice = MaskChoice {
                only: numbers.clone(),
                order: numbers,
                ..overlapping.choice
            };
            let series = case.series.clone();
            let case = overlapping.case;
            let paths = overlapping.paths;
            self.jobs.push(Job::MaskFiles(MaskFileJob::Import {
                case,
                series,
                paths,
                choice,
                others: Vec::new(),
            }));
        }
    }

    /// Asks the question that has to be answered before masks can be applied.
    pub(super) fn on_import_undecided(
        &mut self,
        case: CaseId,
        paths: Vec<PathBuf>,
        choice: MaskChoice,
        error: Error,
    ) {
        match error.kind {
            ErrorKind::NamesOtherImages | ErrorKind::TimeWanted(_) => {
                self.questions.undecided = Some(Undecided {
                    case,
                    paths,
                    choice,
                    error,
                });
            }
            _ => self.show_error(&error),
        }
    }

    /// Imports masks again with the user's answer; `None` cancels the import.
    pub(super) fn answer_import(&mut self, answer: Option<ImportAnswer>) {
        let (Some(undecided), Some(answer)) = (self.questions.undecided.take(), answer) else {
            return;
        };
        let Undecided {
            case,
            paths,
            mut choice,
            ..
        } = undecided;
        let Some(series) = self.cases.case_by_id(case).map(|c| c.series.clone()) else {
            return;
        };
        match answer {
            ImportAnswer::ByPosition => choice.by_position = true,
            ImportAnswer::Time(time) => choice.time = Some(time),
        }
        self.jobs.push(Job::MaskFiles(MaskFileJob::Import {
            case,
            series,
            paths,
            choice,
            others: Vec::new(),
        }));
    }

    pub(super) fn on_imported(
        &mut self,
        case: CaseId,
        asked: (Vec<PathBuf>, MaskChoice),
        result: Result<ImportedMasks>,
    ) {
        let imported = match result {
            Ok(imported) => imported,
            Err(error) => return self.show_error(&error),
        };
        self.questions.overlapping = Overlapping::from_import(case, asked, &imported);
        if self.questions.overlapping.is_some() {
            return;
        }
        for (label, _) in imported
            .labels
            .iter()
            .zip(&imported.taken)
            .filter(|(_, taken)| taken.is_lost())
        {
            let text = format!("No pixel of \"{}\" lies on these images.", label.name);
            self.notices.add(Severity::Error, text);
        }
        let (slices, has_changed) = self.lay_masks(case, &imported);
        let count = count_with_noun(slices, "slice");
        let text = match has_changed {
            true => format!("Imported masks on {count}. Undo: Ctrl+Z."),
            false => format!(
                "The imported masks on {count} are identical to the existing ones; nothing changed."
            ),
        };
        self.notices
            .add_about(Topic::Case(case), Severity::Info, text);
        for note in imported.notes {
            self.notices
                .add(Severity::Warning, super::to_sentence(&note));
        }
    }

    /// Imports masks of a folder into cases that are not on the screen, one step in each; skips those that were worked
    /// on meanwhile.
    pub(super) fn on_imported_others(
        &mut self,
        cases: Vec<(CaseId, Result<ImportedMasks>)>,
        without: usize,
    ) {
        let mut laid = 0;
        let mut first_failure = None;
        let mut failed = 0;
        for (case, result) in cases {
            if !self.cases.iter().any(|c| c.id == case && c.takes_masks()) {
                continue;
            }
            match result {
                Ok(imported) => {
                    self.lay_masks(case, &imported);
                    laid += 1;
                }
                Err(error) => {
                    first_failure.get_or_insert((case, error));
                    failed += 1;
                }
            }
        }
        if laid > 0 {
            let rest = if without > 0 {
                format!(
                    " Without a mask in the folder: {}.",
                    count_with_noun(without, "case")
                )
            } else {
                String::new()
            };
            let cases = count_with_noun(laid, "other case");
            let text = format!("Also imported masks for {cases} (one undo step each).{rest}");
            self.notices.add(Severity::Info, text);
        }
        if let Some((case, error)) = first_failure {
            let more = if failed > 1 {
                format!(
                    " The masks of {} could not be imported.",
                    count_with_noun(failed - 1, "more case")
                )
            } else {
                String::new()
            };
            let text = format!(
                "\"{}\": {}{more}",
                self.cases.title_of(case),
                super::to_sentence(&error.to_string())
            );
            self.notices.add(Severity::Error, text);
        }
    }

    /// Replaces masks of a case with imported ones, as one step. Returns the number of slices they cover, and whether
    /// any changed.
    fn lay_masks(&mut self, case: CaseId, imported: &ImportedMasks) -> (usize, bool) {
        self.finish_gesture();
        let task = self
            .cases
            .case_by_id(case)
            .map_or_else(TaskKey::default, |c| c.task);
        let values = self.values_of(&imported.labels, task);
        let rule = self.labels.lock_rule();
        let mut edits: Vec<(usize, Edit)> = Vec::new();
        for (slice, mask) in &imported.masks {
            let mask = mask.remap_labels(&values);
            let whole = Region::full_frame(mask.columns(), mask.rows());
            let key = SliceKey {
                case,
                slice: *slice,
            };
            edits.push((
                *slice,
                self.write_mask(key, |m| m.copy_region_from(&mask, &whole, &rule)),
            ));
        }
        let done = (edits.len(), edits.iter().any(|(_, e)| !e.is_empty()));
        self.commit_edits("Import masks", case, edits);
        done
    }
}

impl Case {
    /// True if masks of a folder may be imported into it: it was not edited, accepted or skipped.
    fn takes_masks(&self) -> bool {
        self.is_restored
            && matches!(self.status, Status::New | Status::Proposed)
            && self
                .slices
                .iter()
                .all(|s| !s.is_drawn() && s.absent.is_empty())
    }
}

/// The time point (1 for the first) on the screen, among images at the same position: masks that refer to no image
/// belong to it. `None` if every image has its own position.
fn time_on_screen(series: &Series, slice: usize) -> Option<usize> {
    let own = depth_of_slice(series, slice)?;
    let here: Vec<usize> = (0..series.slices.len())
        .filter(|index| {
            depth_of_slice(series, *index).is_some_and(|depth| (depth - own).abs() <= SAME_DEPTH)
        })
        .collect();
    let place = here.iter().position(|index| *index == slice)?;
    (here.len() > 1).then_some(place + 1)
}

/// Position of a slice along its normal, in mm; `None` without position in the patient.
fn depth_of_slice(series: &Series, slice: usize) -> Option<f64> {
    let plane = series.slices.get(slice)?.plane?;
    Some(plane.distance_along_normal())
}
