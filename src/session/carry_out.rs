//! Carries out the commands of the command table.

use super::{
    Session,
    command::UserCommand,
    job::{Job, Pick},
    learning::LearnAction,
    notice::Severity,
    settings::ViewMode,
    undo::{Reach, UndoDirection},
    view::View,
    viewing::turned_by,
};
use labrum_core::stack::ViewPlane;

/// Number of slices to scroll that reaches the first slice from anywhere.
const TO_FIRST: i64 = i64::MIN / 2;
const TO_LAST: i64 = i64::MAX / 2;

impl Session {
    pub(super) fn run_command(&mut self, command: UserCommand) {
        if let Some(reason) = self.command_refusal(command) {
            return self.tell_refusal(command, reason);
        }
        if self
            .viewports
            .active_across()
            .is_some_and(|plane| self.command_across(plane, command))
        {
            return;
        }
        self.carry_out(command);
    }

    fn take_tool(&mut self, command: UserCommand) {
        self.choose_tool(command.tool_kind().unwrap_or_default());
    }

    fn measure_by(&mut self, command: UserCommand) {
        self.choose_measurement(command.measure_kind().unwrap_or_default());
    }

    /// Runs a command that is allowed now.
    fn carry_out(&mut self, command: UserCommand) {
        use UserCommand as C;
        match command {
            C::NextView => self.next_view(),
            C::OpenFiles => self.jobs.push(Job::Dialog(Pick::Files)),
            C::OpenFolder => self.jobs.push(Job::Dialog(Pick::Folder)),
            C::OpenModel => self.jobs.push(Job::Dialog(Pick::Model)),
            C::CloseAll => self.close_all(),
            C::CycleViewMode => self.set_view_mode(self.settings.view_mode.next_mode()),
            C::ShowFill => self.set_view_mode(ViewMode::Fill),
            C::ShowOutline => self.set_view_mode(ViewMode::Outline),
            C::ShowConfidence => self.set_view_mode(ViewMode::Confidence),
            C::ShowDifference => self.toggle_difference(),
            C::ShowNothing => self.set_view_mode(ViewMode::Hidden),
            C::Undo => self.undo(Reach::Here),
            C::Redo => self.redo(Reach::Here),
            C::UndoAnywhere => self.undo(Reach::AnyCase),
            C::RedoAnywhere => self.redo(Reach::AnyCase),
            C::Grow | C::Shrink | C::Smooth | C::FillHoles => self.apply_operation(command),
            C::RemoveIslands | C::KeepLargest | C::EmptyLabel => self.apply_operation(command),
            C::NothingHere => self.nothing_here(),
            C::NothingElsewhere => self.nothing_elsewhere(),
            C::RemoveCase => self.remove_case(),
            C::CopyFromPrevious | C::CopyFromNext => self.apply_operation(command),
            C::Interpolate => self.interpolate_slices(),
            C::AcceptProposal => self.take_proposal(false),
            C::AcceptAllProposals => self.take_proposal(true),
            C::ImportMasks => self.jobs.push(Job::Dialog(Pick::Masks)),
            C::ImportFound => self.import_masks(self.masks_found()),
            C::ImportMeasurements => self.jobs.push(Job::Dialog(Pick::Measurements)),
            C::ToolLook | C::ToolClick | C::ToolBrush | C::ToolEraser => self.take_tool(command),
            C::ToolSmartBrush | C::ToolPolygon | C::ToolLasso => self.take_tool(command),
            C::ToolLiveWire | C::ToolFill | C::ToolPull => self.take_tool(command),
            C::ToolMeasure => self.take_tool(command),
            C::MeasureLength | C::MeasureAngle | C::MeasureCobb => self.measure_by(command),
            C::MeasureBidirectional | C::MeasureEllipse => self.measure_by(command),
            C::MeasureRectangle | C::MeasureFreehand => self.measure_by(command),
            C::MeasurePoint => self.measure_by(command),
            C::NextMeasurement => self.next_measurement(),
            C::DeleteMeasurement => self.delete_selected_measurement(),
            C::LargerBrush => self.resize_tool(1),
            C::SmallerBrush => self.resize_tool(-1),
            C::NextLabel => self.step_label(1),
            C::PreviousLabel => self.step_label(-1),
            C::PointerLeft => self.move_on_screen([-1.0, 0.0]),
            C::PointerRight => self.move_on_screen([1.0, 0.0]),
            C::PointerUp => self.move_on_screen([0.0, -1.0]),
            C::PointerDown => self.move_on_screen([0.0, 1.0]),
            C::DrawAtPointer => self.draw_at_pointer(),
            C::LayoutOne | C::LayoutSideBySide | C::LayoutStacked | C::LayoutFour => {
                self.choose_layout(command.view_layout().unwrap_or_default())
            }
            C::LinkViews | C::ToggleOrtho | C::ToggleOverlays => self.change_setting(command),
            C::ToggleAnnotations | C::ToggleInformation => self.change_setting(command),
            C::ToggleMeasurements | C::ToggleDrawn => self.change_setting(command),
            C::TogglePanels | C::ToggleCases | C::FindCase => self.change_setting(command),
            C::ToggleAutoRun | C::ToggleTheme => self.change_setting(command),
            C::ToggleInterpolation => self.change_setting(command),
            C::NextPresentation => self.next_presentation(),
            C::CopyScreenshot => self.copy_screenshot(),
            C::NextSlice | C::PreviousSlice | C::ForwardSlices => self.scroll_as(command),
            C::BackSlices | C::FirstSlice | C::LastSlice => self.scroll_as(command),
            C::TogglePlay | C::SlowerCine | C::FasterCine => self.play_by(command),
            C::CineLoop | C::CineBackAndForth | C::CineOnce => self.play_by(command),
            C::CineTimes | C::NextTime | C::PreviousTime => self.play_by(command),
            C::MarkEndDiastole | C::MarkEndSystole => self.mark_phase(command),
            C::ZoomIn | C::ZoomOut | C::ZoomFit | C::ZoomActual => self.change_look(command),
            C::ZoomMask | C::ResetView | C::ToggleMagnifier => self.change_look(command),
            C::FlipHorizontally | C::FlipVertically => self.change_look(command),
            C::RotateRight | C::RotateLeft | C::InvertGrey => self.change_look(command),
            C::WindowPreset1 | C::WindowPreset2 | C::WindowPreset3 => self.change_look(command),
            C::WindowPreset4 | C::WindowPreset5 | C::WindowPreset6 => self.change_look(command),
            C::WindowPreset7 | C::WindowPreset8 | C::WindowPreset9 => self.change_look(command),
            C::WindowAuto | C::WindowMask | C::WindowReset => self.change_look(command),
            C::NextColorMap | C::ColorGrey | C::ColorHotIron => self.change_look(command),
            C::ColorInferno | C::ColorViridis | C::ColorRainbow => self.change_look(command),
            C::SegmentSlice => self.segment_slice(),
            C::SegmentSeries => self.segment_series(),
            C::Cancel => self.handle_escape(),
            C::Train => self.learn_action(LearnAction::Start),
            C::PauseTraining => self.learn_action(LearnAction::Pause(!self.is_training_paused())),
            C::CancelTraining => self.learn_action(LearnAction::Cancel),
            C::NextDoubtful => self.next_doubtful(true),
            C::PreviousDoubtful => self.next_doubtful(false),
            C::SecondChoice => self.second_choice(),
            C::Accept => self.accept_case(),
            C::Skip => self.skip_case(),
            C::NextCase => self.step_case(1),
            C::PreviousCase => self.step_case(-1),
            // These open a dialog: the window has handled them already.
            C::NewWorkspace | C::FindImages => {}
            C::SaveScreenshot | C::SaveDicomScreenshot => {}
            C::RemoveLabel | C::MergeLabel | C::MoveToLabel | C::ChooseTask => {}
            C::EditMeasurement => {}
            C::OpenPath | C::Export | C::Settings | C::Workspace | C::Versions | C::WorkReport => {}
            C::OpenFromServer | C::SendToServer | C::SendQueue | C::Header => {}
            C::Quit | C::Palette | C::Keys | C::Messages | C::About => {}
        }
    }

    /// Switches a setting as a command says.
    fn change_setting(&mut self, command: UserCommand) {
        use UserCommand as C;
        self.change_settings(|s| match command {
            C::LinkViews => s.linked = !s.linked,
            C::ToggleOrtho => s.orthogonal = !s.orthogonal,
            C::ToggleOverlays => s.overlays = !s.overlays,
            C::ToggleAnnotations => s.annotations = !s.annotations,
            C::ToggleInformation => s.information = !s.information,
            C::ToggleMeasurements => s.measurements = !s.measurements,
            C::ToggleDrawn => s.drawn = !s.drawn,
            C::TogglePanels => s.panels = !s.panels,
            C::ToggleCases => s.case_list = !s.case_list,
            C::FindCase => (s.panels, s.case_list) = (true, true),
            C::ToggleAutoRun => s.auto_run = !s.auto_run,
            C::ToggleTheme => s.theme = s.theme.opposite(),
            C::ToggleInterpolation => s.interpolation = !s.interpolation,
            _ => {}
        });
    }

    /// Scrolls as a command says.
    fn scroll_as(&mut self, command: UserCommand) {
        if let Some(by) = slice_steps(command) {
            self.scroll_slices(by);
        }
    }

    /// Says why a command cannot be run, or in which case there is a step to undo.
    fn tell_refusal(&mut self, command: UserCommand, reason: &str) {
        use UserCommand as C;
        match command {
            C::Undo => return self.tell_where(UndoDirection::Back),
            C::Redo if !self.clicks.is_waiting() => {
                return self.tell_where(UndoDirection::Again);
            }
            _ => {}
        }
        if command != C::Cancel {
            self.notices.add(
                Severity::Hint,
                format!(
                    "{}: {reason}.",
                    command.display_label().trim_end_matches('.')
                ),
            );
        }
    }

    /// Switches between the difference from the proposal and the view mode before.
    fn toggle_difference(&mut self) {
        if self.settings.view_mode == ViewMode::Difference {
            self.set_view_mode(self.viewports.before_difference);
        } else {
            self.set_view_mode(ViewMode::Difference);
        }
    }

    /// Runs a command on an orthogonal view; false if it has no special meaning there.
    fn command_across(&mut self, plane: ViewPlane, command: UserCommand) -> bool {
        use UserCommand as C;
        if let Some(by) = slice_steps(command) {
            self.scroll_across(plane, by);
            return true;
        }
        match command {
            C::ZoomIn => self.viewports.zoom_across(plane, 1.25),
            C::ZoomOut => self.viewports.zoom_across(plane, 0.8),
            C::ZoomFit => self.viewports.change_across(plane, |v| v.view = View::Fit),
            C::ZoomMask => self.zoom_across_to_mask(plane),
            C::FlipHorizontally | C::FlipVertically | C::RotateRight | C::RotateLeft => self
                .viewports
                .change_across(plane, |v| v.turn = turned_by(v.turn, command)),
            C::PointerLeft => self.move_across(plane, [-1.0, 0.0]),
            C::PointerRight => self.move_across(plane, [1.0, 0.0]),
            C::PointerUp => self.move_across(plane, [0.0, -1.0]),
            C::PointerDown => self.move_across(plane, [0.0, 1.0]),
            C::DrawAtPointer => self.draw_across(plane),
            _ => return false,
        }
        true
    }
}

/// The number of slices that a command scrolls by; `None` for other commands.
fn slice_steps(command: UserCommand) -> Option<i64> {
    Some(match command {
        UserCommand::NextSlice => 1,
        UserCommand::PreviousSlice => -1,
        UserCommand::ForwardSlices => 10,
        UserCommand::BackSlices => -10,
        UserCommand::FirstSlice => TO_FIRST,
        UserCommand::LastSlice => TO_LAST,
        _ => return None,
    })
}
