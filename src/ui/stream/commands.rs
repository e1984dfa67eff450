//! What commands mean for the events after them.

use crate::session::command::UserCommand;

/// True for commands that open a dialog or move the canvas; later events wait until that is drawn.
pub(super) fn moves_canvas(command: UserCommand) -> bool {
    use UserCommand as C;
    let is_dialog = matches!(
        command,
        C::OpenPath
            | C::Export
            | C::Settings
            | C::Workspace
            | C::Versions
            | C::WorkReport
            | C::OpenFromServer
    ) || matches!(
        command,
        C::SendToServer | C::SendQueue | C::Palette | C::Keys | C::Messages | C::About
    ) || matches!(
        command,
        C::NewWorkspace | C::FindImages | C::ChooseTask | C::EditMeasurement
    ) || matches!(
        command,
        C::Header | C::SaveScreenshot | C::SaveDicomScreenshot
    ) || matches!(command, C::RemoveLabel | C::MergeLabel | C::MoveToLabel);
    is_dialog
        || matches!(
            command,
            C::TogglePanels | C::ToggleCases | C::FindCase | C::ToggleOrtho | C::NextView
        )
        || command.view_layout().is_some()
        || matches!(command, C::CloseAll | C::RemoveCase | C::Quit)
        || turns_image(command)
        || matches!(command, C::ResetView | C::ZoomMask | C::NextPresentation)
        // Its frame has what was on the screen then.
        || command == C::CopyScreenshot
}

/// False for commands that run once per key press, however long the key is held.
pub(super) fn repeats_while_held(command: UserCommand) -> bool {
    use UserCommand as C;
    let ends_work = matches!(
        command,
        C::Accept | C::Skip | C::RemoveCase | C::NothingHere | C::SecondChoice
    );
    let is_switch = matches!(
        command,
        C::TogglePanels | C::ToggleCases | C::ToggleOrtho | C::ToggleInformation
    ) || matches!(
        command,
        C::TogglePlay | C::CineTimes | C::MarkEndDiastole | C::MarkEndSystole
    ) || matches!(
        command,
        C::ToggleInterpolation | C::ToggleMagnifier | C::InvertGrey | C::LinkViews
    ) || matches!(command, C::ToggleAnnotations | C::NextPresentation);
    !ends_work && !is_switch && !turns_image(command) && command != C::CopyScreenshot
}

/// True for flips and rotations.
fn turns_image(command: UserCommand) -> bool {
    use UserCommand as C;
    matches!(
        command,
        C::FlipHorizontally | C::FlipVertically | C::RotateRight | C::RotateLeft
    )
}
