//! The state of a view and of the session in which its mouse events are interpreted.

use crate::{
    session::{
        Session,
        mouse::{DragAction, HeldKey, MouseButton, MouseHabit},
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
    pub(super) habit: MouseHabit,
    /// Orthogonal views are shown: drags can move their crosshair.
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
            habit: session.settings.mouse,
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

    /// What a drag with a button does; `None` if it draws with the active tool.
    pub(super) fn drag_action(&self, button: MouseButton, heard: &Heard) -> Option<DragAction> {
        let is_left = button == MouseButton::Left;
        let action = match is_left {
            true if heard.has_space => DragAction::Pan,
            true if self.shift_moves_crosshair(heard) => DragAction::Crosshair,
            true if self.tool != ToolKind::Look => return None,
            _ => self.habit.drag_action(button, held_key(heard.modifiers)),
        };
        Some(match action {
            DragAction::Crosshair if !self.is_linked => DragAction::Pan,
            action => action,
        })
    }

    /// True if Shift is held and moves the crosshair although a drawing tool is active. With the Click tool, Shift draws
    /// a scribble.
    fn shift_moves_crosshair(&self, heard: &Heard) -> bool {
        let draws = !matches!(self.tool, ToolKind::Look | ToolKind::Click);
        self.is_linked && draws && heard.modifiers.shift
    }
}

/// The key that is held; the first one, if there are several.
fn held_key(modifiers: Modifiers) -> HeldKey {
    if modifiers.shift {
        HeldKey::Shift
    } else if modifiers.ctrl || modifiers.command {
        HeldKey::Ctrl
    } else if modifiers.alt {
        HeldKey::Alt
    } else {
        HeldKey::None
    }
}
