//! The table of all commands, in the order of the menus.

use super::{CommandEntry, Menu, Shortcut, UserCommand};

const fn key(key: &'static str) -> Shortcut {
    Shortcut { ctrl: false, shift: false, key }
}

const fn ctrl(key: &'static str) -> Shortcut {
    Shortcut { ctrl: true, shift: false, key }
}

const fn shift(key: &'static str) -> Shortcut {
    Shortcut { ctrl: false, shift: true, key }
}

const fn ctrl_shift(key: &'static str) -> Shortcut {
    Shortcut { ctrl: true, shift: true, key }
}

const fn entry(
    command: UserCommand,
    menu: Menu,
    label: &'static str,
    tooltip: &'static str,
    shortcuts: &'static [Shortcut],
) -> CommandEntry {
    CommandEntry { command, menu, label, tooltip, shortcuts }
}

/// All commands in the order of the menus.
pub const COMMANDS: &[CommandEntry] = {
    use Menu::*;
    use UserCommand as C;
    &[
        entry(C::OpenFiles, File, "Open files...", "Open pictures or DICOM files", &[ctrl("O")]),
        entry(C::OpenFolder, File, "Open folder...", "Open a folder and all folders in it", &[ctrl_shift("O")]),
        entry(C::OpenPath, File, "Open path...", "Type or paste the path of a file or folder", &[ctrl("L")]),
        entry(C::OpenFromServer, File, "Open from server...", "Find a study on a PACS and open it", &[ctrl("R")]),
        entry(C::Export, File, "Export...", "Write masks, overlays or measurements to a folder", &[ctrl("S")]),
        entry(
            C::SendToServer,
            File,
            "Send to server...",
            "Send the segmentation into its study on a PACS",
            &[ctrl_shift("S")],
        ),
        entry(C::SendQueue, File, "Send queue...", "Objects that wait to be sent, and what became of the others", &[]),
        entry(
            C::ImportMasks,
            File,
            "Import masks...",
            "Read masks from DICOM-SEG, RT Structure Sets, label maps, NIfTI or COCO",
            &[ctrl("I")],
        ),
        entry(
            C::ImportFound,
            File,
            "Import masks found with the images",
            "Import the DICOM-SEG or RT Structure Set that was opened with the images",
            &[ctrl_shift("I")],
        ),
        entry(C::Workspace, File, "Workspace...", "Where the work is kept: open, name or move it", &[]),
        entry(
            C::NewWorkspace,
            File,
            "New workspace...",
            "Begin another task, with its own cases, labels and model",
            &[],
        ),
        entry(
            C::FindImages,
            File,
            "Find the images...",
            "Look in a folder for images of the workspace that have moved",
            &[],
        ),
        entry(C::ChooseTask, File, "Task...", "Which cases share labels: begin a new task, or choose one", &[]),
        entry(
            C::RemoveCase,
            File,
            "Remove the case from the list",
            "Its work is kept, and there again when it is opened again",
            &[ctrl("Delete")],
        ),
        entry(C::CloseAll, File, "Close all", "Close all cases and go back to the start", &[ctrl("W")]),
        entry(C::Settings, File, "Settings...", "Device, model, training and appearance", &[ctrl("Comma")]),
        entry(C::Quit, File, "Quit", "Leave Labrum", &[ctrl("Q")]),
        entry(C::Undo, Edit, "Undo", "Undo the last step in this case", &[ctrl("Z")]),
        entry(C::Redo, Edit, "Redo", "Redo the step that was undone in this case", &[ctrl("Y"), ctrl_shift("Z")]),
        entry(C::UndoAnywhere, Edit, "Undo in any case", "Go to the case of the last step and undo it", &[ctrl("U")]),
        entry(
            C::RedoAnywhere,
            Edit,
            "Redo in any case",
            "Go to the case of the last undone step and redo it",
            &[ctrl_shift("U")],
        ),
        entry(C::Grow, Edit, "Grow", "Make the label larger by the margin", &[ctrl("Plus"), ctrl("Equals")]),
        entry(C::Shrink, Edit, "Shrink", "Make the label smaller by the margin", &[ctrl("Minus")]),
        entry(C::Smooth, Edit, "Smooth", "Smooth the boundary of the label", &[ctrl("M")]),
        entry(C::FillHoles, Edit, "Fill holes", "Fill what the label encloses", &[ctrl("H")]),
        entry(C::RemoveIslands, Edit, "Remove islands", "Remove small islands of the label", &[]),
        entry(
            C::KeepLargest,
            Edit,
            "Keep largest island",
            "Remove all islands of the label except the largest",
            &[ctrl("K")],
        ),
        entry(C::EmptyLabel, Edit, "Clear label on slice", "Remove the label from this slice", &[key("Delete")]),
        entry(
            C::NothingHere,
            Edit,
            "Nothing here",
            "Mark the active label as absent on this slice, and clear it there",
            &[shift("Delete")],
        ),
        entry(
            C::NothingElsewhere,
            Edit,
            "Nothing on the other slices",
            "Mark the active label as absent on all slices without it",
            &[],
        ),
        entry(
            C::CopyFromPrevious,
            Edit,
            "Copy from previous slice",
            "The label as on the slice before",
            &[key("Comma")],
        ),
        entry(C::CopyFromNext, Edit, "Copy from next slice", "The label as on the slice after", &[key("Period")]),
        entry(
            C::Interpolate,
            Edit,
            "Interpolate",
            "Interpolate the label on the slices between drawn ones",
            &[key("I")],
        ),
        entry(
            C::MoveToLabel,
            Edit,
            "Move to another label...",
            "Change the pixels of the active label into another label",
            &[],
        ),
        entry(C::MergeLabel, Edit, "Merge the label...", "Merge all masks of the active label into another label", &[]),
        entry(
            C::RemoveLabel,
            Edit,
            "Remove the label...",
            "Remove the active label and its masks from the workspace",
            &[],
        ),
        entry(C::CycleViewMode, View, "Next view mode", "Fill, outline, confidence, difference, hidden", &[key("O")]),
        entry(C::ShowFill, View, "Show as fill", "Fill the mask with the colour of its label", &[]),
        entry(C::ShowOutline, View, "Show as outline", "Draw the boundary in the colour of its label", &[]),
        entry(C::ShowConfidence, View, "Show confidence", "Colour the boundary by how sure the model is", &[]),
        entry(
            C::ShowDifference,
            View,
            "Show difference",
            "What was drawn against what the model proposed",
            &[key("D")],
        ),
        entry(C::ShowNothing, View, "Hide the mask", "Show the picture alone; hold H to hide for a moment", &[]),
        entry(
            C::ToggleMeasurements,
            View,
            "Diameter on the picture",
            "Show the longest diameter on the picture",
            &[key("M")],
        ),
        entry(C::ToggleOverlays, View, "Embedded overlays", "Show overlays that are stored in the image file", &[]),
        entry(C::NextSlice, View, "Next slice", "One slice forward", &[key("ArrowDown"), key("ArrowRight")]),
        entry(C::PreviousSlice, View, "Previous slice", "One slice back", &[key("ArrowUp"), key("ArrowLeft")]),
        entry(C::ForwardSlices, View, "10 slices forward", "Ten slices forward", &[key("PageDown")]),
        entry(C::BackSlices, View, "10 slices back", "Ten slices back", &[key("PageUp")]),
        entry(C::FirstSlice, View, "First slice", "To the first slice", &[key("Home")]),
        entry(C::LastSlice, View, "Last slice", "To the last slice", &[key("End")]),
        entry(C::ZoomIn, View, "Zoom in", "Larger, about the middle", &[key("Plus"), key("Equals")]),
        entry(C::ZoomOut, View, "Zoom out", "Smaller, about the middle", &[key("Minus")]),
        entry(C::ZoomFit, View, "Fit to window", "The whole picture", &[key("F")]),
        entry(C::ZoomActual, View, "1:1", "One pixel of the picture on one pixel of the screen", &[key("0")]),
        entry(C::WindowPreset1, View, "Window preset 1", "The first window of the list", &[key("1")]),
        entry(C::WindowPreset2, View, "Window preset 2", "The second window of the list", &[key("2")]),
        entry(C::WindowPreset3, View, "Window preset 3", "The third window of the list", &[key("3")]),
        entry(C::WindowPreset4, View, "Window preset 4", "The fourth window of the list", &[key("4")]),
        entry(C::WindowAuto, View, "Auto window", "A window from the values of this slice", &[key("A")]),
        entry(C::WindowReset, View, "Reset window", "The window of the file", &[shift("A")]),
        entry(
            C::ToggleOrtho,
            View,
            "Orthogonal views",
            "Axial, sagittal and coronal side by side, linked",
            &[key("F2")],
        ),
        entry(C::NextView, View, "Next orthogonal view", "Keys go to the next of the three views", &[key("F6")]),
        entry(C::TogglePanels, View, "Panels", "Show or hide the panels", &[key("F9")]),
        entry(C::ToggleCases, View, "Case list", "Show or hide the case list alone", &[shift("F9")]),
        entry(C::ToggleTheme, View, "Light theme", "Light instead of dark", &[]),
        entry(C::Palette, View, "Command palette...", "Find a command by its name", &[ctrl("P")]),
        entry(C::ToolLook, Tools, "Look", "Draw nothing; a drag moves the picture", &[key("V")]),
        entry(C::ToolBrush, Tools, "Brush", "Paint the label", &[key("B")]),
        entry(C::ToolEraser, Tools, "Eraser", "Paint background", &[key("E")]),
        entry(C::ToolSmartBrush, Tools, "Smart brush", "Paint up to the edges of the image", &[key("S")]),
        entry(C::ToolPolygon, Tools, "Polygon", "Click the corners of an area", &[key("P")]),
        entry(C::ToolLasso, Tools, "Lasso", "Draw round an area", &[key("L")]),
        entry(C::ToolLiveWire, Tools, "Live wire", "A line that follows the edges of the image", &[key("X")]),
        entry(C::ToolFill, Tools, "Fill area", "Fill or empty a connected area", &[key("G")]),
        entry(C::ToolPull, Tools, "Pull boundary", "Move a piece of the boundary", &[key("U")]),
        entry(C::LargerBrush, Tools, "Larger brush", "A larger brush, or a longer pull", &[key("CloseBracket")]),
        entry(C::SmallerBrush, Tools, "Smaller brush", "A smaller brush, or a shorter pull", &[key("OpenBracket")]),
        entry(C::NextLabel, Tools, "Next label", "Draw with the next label", &[key("W")]),
        entry(C::PreviousLabel, Tools, "Previous label", "Draw with the label before", &[key("Q")]),
        entry(C::PointerLeft, Tools, "Move cursor left", "Move the tool one pixel to the left", &[shift("ArrowLeft")]),
        entry(
            C::PointerRight,
            Tools,
            "Move cursor right",
            "Move the tool one pixel to the right",
            &[shift("ArrowRight")],
        ),
        entry(C::PointerUp, Tools, "Move cursor up", "Move the tool one pixel up", &[shift("ArrowUp")]),
        entry(C::PointerDown, Tools, "Move cursor down", "Move the tool one pixel down", &[shift("ArrowDown")]),
        entry(C::DrawAtPointer, Tools, "Click at cursor", "Click where the tool is", &[key("C")]),
        entry(C::SegmentSlice, Model, "Segment this slice", "Run the model on this slice", &[key("R")]),
        entry(C::SegmentSeries, Model, "Segment the series", "Run the model on every slice", &[shift("R")]),
        entry(C::OpenModel, Model, "Open model...", "Use a model from a .safetensors file", &[]),
        entry(C::ToggleAutoRun, Model, "Run by itself", "Run a model on what is opened where one fits", &[]),
        entry(
            C::AcceptProposal,
            Model,
            "Accept the proposal here",
            "Make the mask of this slice what the model proposed",
            &[key("T")],
        ),
        entry(
            C::AcceptAllProposals,
            Model,
            "Accept all proposals",
            "Make the mask of every slice what the model proposed",
            &[shift("T")],
        ),
        entry(C::Train, Model, "Train now", "Learn from the accepted cases, in the background", &[ctrl("T")]),
        entry(C::PauseTraining, Model, "Pause training", "Let the training wait, or go on", &[]),
        entry(C::CancelTraining, Model, "Cancel training", "Stop the training; the model stays as it is", &[]),
        entry(C::Versions, Model, "Versions...", "All versions of the model: compare, activate, export", &[ctrl("G")]),
        entry(C::WorkReport, Model, "Work report...", "What the work cost, and whether learning saves any", &[]),
        entry(C::Cancel, Model, "Cancel", "Stop what is running", &[key("Escape")]),
        entry(C::NextDoubtful, Review, "Next uncertain boundary", "Where the model is least sure", &[key("N")]),
        entry(
            C::PreviousDoubtful,
            Review,
            "Previous uncertain boundary",
            "Go back to the uncertain boundary before",
            &[shift("N")],
        ),
        entry(C::Accept, Review, "Accept and next", "Accept this case and go to the next", &[key("Enter")]),
        entry(C::Skip, Review, "Skip", "Skip this case and go to the next", &[key("Backspace")]),
        entry(C::NextCase, Review, "Next case", "The next case of the list", &[ctrl("PageDown")]),
        entry(C::PreviousCase, Review, "Previous case", "The case before in the list", &[ctrl("PageUp")]),
        entry(C::FindCase, Review, "Find a case", "Search the case list by name", &[ctrl("F")]),
        entry(C::Keys, Help, "Keys and mouse", "What the keys and the mouse do", &[key("F1")]),
        entry(C::Messages, Help, "Messages...", "What failed since the start, to be read again or copied", &[]),
        entry(C::About, Help, "About Labrum", "Version, device and licences", &[]),
    ]
};
