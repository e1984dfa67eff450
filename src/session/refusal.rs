//! Why commands are not available now.

use super::{
    Session, case::Case, command::UserCommand, header::refuse_header, store::WorkspaceState,
    tool_options::ToolKind,
};
use labrum_core::study::Kind;

impl Session {
    /// Why a command is not available, for the tooltip of its disabled button.
    pub fn command_refusal(&self, command: UserCommand) -> Option<&'static str> {
        use UserCommand as C;
        match command {
            _ if self.workspace.lock_holder().is_some() && command.changes_work() => {
                Some(super::looking::LOOKING)
            }
            C::OpenFiles
            | C::OpenFolder
            | C::OpenPath
            | C::Settings
            | C::Quit
            | C::Palette
            | C::Keys
            | C::About => None,
            C::NewWorkspace => None,
            C::FindImages => (self.workspace.missing_case_count() == 0)
                .then_some("No images of the workspace are missing"),
            C::Workspace | C::Versions | C::WorkReport | C::OpenFromServer | C::SendQueue => None,
            C::Train | C::PauseTraining | C::CancelTraining => self.refuse_training(command),
            C::TogglePanels | C::ToggleTheme | C::ToggleAutoRun | C::OpenModel | C::Messages => {
                None
            }
            C::CycleViewMode
            | C::ShowFill
            | C::ShowOutline
            | C::ShowConfidence
            | C::ShowNothing => None,
            C::ShowDifference | C::ToggleOrtho => None,
            C::LayoutOne | C::LayoutSideBySide | C::LayoutStacked | C::LayoutFour => None,
            C::LinkViews => None,
            C::NextView => (self.viewports.ortho_views().is_none() && self.pane_count() < 2)
                .then_some("Only one view is shown"),
            C::Undo if self.tools.is_drawing() => None,
            C::Redo | C::RedoAnywhere if self.clicks.is_waiting() => {
                Some("A click is still being computed")
            }
            C::Undo => self
                .next_undo()
                .is_none()
                .then_some("Nothing to undo in this case"),
            C::Redo => self
                .next_redo()
                .is_none()
                .then_some("Nothing to redo in this case"),
            C::UndoAnywhere => self
                .next_undo_anywhere()
                .is_none()
                .then_some("Nothing to undo"),
            C::RedoAnywhere => self
                .next_redo_anywhere()
                .is_none()
                .then_some("Nothing to redo"),
            C::Cancel if self.tools.is_drawing() || self.tools.kind != ToolKind::Look => None,
            C::ToggleMeasurements
            | C::ToggleDrawn
            | C::ToggleOverlays
            | C::ToggleAnnotations
            | C::ToggleInformation
            | C::ToggleInterpolation => None,
            C::ToggleCases if !self.settings.panels => Some("The panels are hidden"),
            C::Cancel if self.cine.is_playing() || !self.notices.list.is_empty() => None,
            C::Cancel => (!self.is_busy()).then_some("Nothing is running"),
            C::Export if self.exporting.is_some() => Some("An export is running"),
            // Accepted cases can be exported without a case on the screen.
            C::Export if self.workspace.meter.accepted > 0 => None,
            _ => match self.cases.current_case() {
                Some(case) => self.refuse_in_case(case, command),
                None => Some("Nothing is open"),
            },
        }
    }

    /// Why a command is not available for `case`, which is the one that is shown.
    fn refuse_in_case(&self, case: &Case, command: UserCommand) -> Option<&'static str> {
        use UserCommand as C;
        match command {
            C::SendToServer => self.refuse_to_send(),
            C::Header => refuse_header(case),
            C::NextPresentation if case.presentations.is_empty() => {
                Some("No presentation state refers to these images")
            }
            C::SaveScreenshot | C::SaveDicomScreenshot | C::CopyScreenshot
                if self.current_loaded().is_none() =>
            {
                Some("The slice is not loaded yet")
            }
            C::SaveDicomScreenshot => self.refuse_dicom_screenshot(case),
            C::Export if !case.has_mask() && case.measurements.is_empty() => {
                Some("No mask or measurement to export yet")
            }
            C::NextDoubtful | C::PreviousDoubtful if case.measured_slice_count() == 0 => {
                Some("No mask yet")
            }
            C::NextDoubtful | C::PreviousDoubtful
                if case.slices.iter().all(|s| s.proposal().is_none()) =>
            {
                Some("No proposal for this case")
            }
            C::SecondChoice if !self.has_second_choice() => {
                Some("Go to an uncertain boundary first")
            }
            C::Accept if self.tools.is_drawing() || self.clicks.object().is_some() => None,
            C::Accept if self.clicks.is_waiting_in(case.id) => {
                Some("A click is still being computed")
            }
            C::Accept if !case.has_mask() => Some(
                "No mask to accept yet; if there is nothing to draw, use \"Mark as absent\" (Edit)",
            ),
            C::RemoveLabel if self.labels.active_label() == 0 => Some("No label yet"),
            C::MergeLabel | C::MoveToLabel if self.standing_labels().len() < 2 => {
                Some("Needs at least two labels")
            }
            C::MoveToLabel if !self.is_in_case(self.labels.active_label()) => {
                Some("This case has no mask of this label")
            }
            C::RemoveLabel | C::MergeLabel | C::MoveToLabel | C::ChooseTask | C::RemoveCase
                if !case.is_restored =>
            {
                Some("The workspace is still opening")
            }
            C::ChooseTask if !matches!(self.workspace.state(), WorkspaceState::Open(_)) => {
                Some("No workspace is open")
            }
            C::AcceptProposal
                if case
                    .slices
                    .get(case.slice)
                    .is_none_or(|s| s.proposal().is_none()) =>
            {
                Some("No proposal on this slice")
            }
            C::AcceptAllProposals if case.slices.iter().all(|s| s.proposal().is_none()) => {
                Some("No proposal for this case")
            }
            C::NextMeasurement if case.measurements.is_empty() => {
                Some("No measurements in this case")
            }
            C::EditMeasurement | C::DeleteMeasurement if self.selected_measurement().is_none() => {
                Some("Select a measurement first")
            }
            C::ImportFound if self.masks_found().is_empty() => {
                Some("No DICOM-SEG or RT Structure Set was found with the images")
            }
            C::ImportMeasurements if case.series.kind == Kind::Picture => {
                Some("DICOM SR refers to DICOM images, and these are image files")
            }
            C::Skip
            | C::SegmentSlice
            | C::SegmentSeries
            | C::ImportMasks
            | C::ImportFound
            | C::ImportMeasurements
                if !case.is_restored =>
            {
                Some("The workspace is still opening")
            }
            _ => self.refuse_on_slice(case, command),
        }
    }

    /// Why a command is not available for the slice or the active tool.
    fn refuse_on_slice(&self, case: &Case, command: UserCommand) -> Option<&'static str> {
        use UserCommand as C;
        let has_many = case.slices.len() > 1;
        match command {
            _ if !case.is_restored && command.changes_mask() => {
                Some("The workspace is still opening")
            }
            _ if self.current_loaded().is_none() && command.changes_mask() => {
                Some("The slice is not loaded yet")
            }
            C::CopyFromPrevious | C::CopyFromNext | C::Interpolate if !has_many => {
                Some("This case has only one slice")
            }
            C::NothingElsewhere if !has_many => Some("This case has only one slice"),
            C::NextLabel | C::PreviousLabel if self.standing_labels().len() < 2 => {
                Some("Needs at least two labels")
            }
            C::LargerBrush | C::SmallerBrush if !self.tools.kind.has_size() => {
                Some("This tool has no brush size")
            }
            C::DrawAtPointer if self.tools.kind == ToolKind::Look => {
                Some("Choose a drawing tool first")
            }
            C::SegmentSlice | C::SegmentSeries => self.refuse_to_run(),
            C::NextSlice
            | C::PreviousSlice
            | C::ForwardSlices
            | C::BackSlices
            | C::FirstSlice
            | C::LastSlice => (!has_many).then_some("This case has only one slice"),
            C::ZoomMask => self.shows_no_mask().then_some("No mask in this view"),
            C::WindowMask => self.slice_has_no_mask().then_some("No mask on this slice"),
            _ if command.preset_index().is_some() => self
                .preset_name(command)
                .is_none()
                .then_some("This image does not have this window preset"),
            C::NextColorMap
            | C::ColorHotIron
            | C::ColorInferno
            | C::ColorViridis
            | C::ColorRainbow => self
                .current_loaded()
                .is_some_and(|loaded| loaded.image.is_color())
                .then_some("This is a colour image"),
            C::NextCase | C::PreviousCase => {
                (self.cases.len() < 2).then_some("Only one case is open")
            }
            _ => self.refuse_to_play(case, command),
        }
    }
}
