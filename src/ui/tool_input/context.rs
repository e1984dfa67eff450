//! The state of a view and of the session in which its mouse events are interpreted.

use crate::{
    session::{
        Session,
        tool_options::ToolKind,
        tools::{Place, PointerInput, PointerPhase},
        view::{Canvas, ViewPlacement},
    },
    ui::stream::Heard,
};
use egui::{Modifiers, Pos2};
use labrum_core::stack::ViewPlane;

/// The state in which an event is interpreted.
pub(in crate::ui) struct EventContext {
    pub(super) plane: ViewPlane,
    pub(super) placement: ViewPlacement,
    pub(super) tool: ToolKind,
    /// Orthogonal views are shown: a drag without drawing tool moves the crosshair, and one with Shift, except with the Click
    /// tool.
    pub(super) is_linked: bool,
    /// Position of the tool if it was moved with the keyboard.
    pub(super) keyed: Option<Place>,
    pub(super) time: f64,
    /// Wheel events per notch.
    pub(super) notch: f32,
}

impl EventContext {
    /// The context of a view at `canvas`; `None` if the view is empty.
    pub(in crate::ui) fn for_view(
        session: &Session,
        plane: ViewPlane,
        canvas: Canvas,
        time: f64,
        notch: f32,
    ) -> Option<Self> {
        let placement = match plane {
            ViewPlane::Slice => session.cases.current_case().map(|case| {
                case.view
                    .place_picture(canvas, session.picture_extent(case))
            })?,
            plane => {
                let view = session.viewports.ortho_views()?.across(plane)?;
                view.view.place_picture(canvas, view.picture_extent())
            }
        };
        Some(Self {
            plane,
            placement,
            tool: session.tools.active_tool(),
            is_linked: session.viewports.ortho_views().is_some(),
            keyed: session
                .tools
                .keyed_pointer()
                .filter(|_| plane == ViewPlane::Slice),
            time,
            notch,
        })
    }

    /// Position on the image of a position on the screen.
    pub(super) fn image_place(&self, at: Pos2) -> Place {
        self.placement.image_from_screen(at.into()).map(f64::from)
    }

    pub(super) fn pointer_input(
        &self,
        phase: PointerPhase,
        at: Pos2,
        modifiers: Modifiers,
    ) -> PointerInput {
        let erases = modifiers.alt || modifiers.ctrl || modifiers.command;
        PointerInput {
            phase,
            at: self.image_place(at),
            erases,
            is_shifted: modifiers.shift,
            scale: f64::from(self.placement.scale[0]),
        }
    }

    /// True if a right-click is a negative click of the Click tool. Otherwise it opens the context menu.
    pub(super) fn takes_right_clicks(&self) -> bool {
        self.tool == ToolKind::Click
    }

    /// True if a drag with these modifiers moves the crosshair.
    pub(super) fn moves_crosshair(&self, heard: &Heard) -> bool {
        // With the Click tool, Shift draws a scribble.
        let has_shift = heard.modifiers.shift && self.tool != ToolKind::Click;
        self.is_linked && !heard.has_space && (self.tool == ToolKind::Look || has_shift)
    }

    /// True if a drag pans: Space is held, or no drawing tool is active.
    pub(super) fn drag_pans(&self, has_space: bool) -> bool {
        self.tool == ToolKind::Look || has_space
    }
}
