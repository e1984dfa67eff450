//! Colours, fonts and spacing: neutral greys, one accent colour, a grid of four points.

use crate::session::settings::Theme;
use egui::{
    Color32, CornerRadius, FontId, Margin, Shadow, Stroke, Style, TextStyle, Visuals,
    style::{ScrollStyle, Spacing, Widgets},
    vec2,
};

/// Background of the image in both themes, so that the image is the only bright area.
pub(crate) const CANVAS: Color32 = Color32::BLACK;

/// Text over the image.
pub(crate) const ON_CANVAS: Color32 = Color32::from_rgb(214, 215, 217);

/// Uncertain boundary, and warnings over the image.
pub(crate) const DOUBT: Color32 = Color32::from_rgb(230, 120, 40);

/// Overlays that are embedded in the file.
pub(crate) const DRAWN: Color32 = Color32::from_rgb(120, 220, 232);

/// In the mask, not in the proposal. These three colours are colour-blind safe (Okabe and Ito).
pub(crate) const ADDED: Color32 = Color32::from_rgb(230, 159, 0);
/// In the proposal, not in the mask.
pub(crate) const REMOVED: Color32 = Color32::from_rgb(0, 114, 178);
/// In both, with different labels.
pub(crate) const RELABELLED: Color32 = Color32::from_rgb(240, 228, 66);

/// The colours of a theme.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Colors {
    pub(crate) panel: Color32,
    pub(crate) raised: Color32,
    pub(crate) hovered: Color32,
    /// Scroll bar thumbs, slider rails, checkboxes.
    pub(crate) handle: Color32,
    /// The same under the pointer.
    pub(crate) held: Color32,
    pub(crate) line: Color32,
    pub(crate) text: Color32,
    pub(crate) strong: Color32,
    pub(crate) dimmed: Color32,
    pub(crate) accent: Color32,
    pub(crate) on_accent: Color32,
    pub(crate) selected: Color32,
    pub(crate) field: Color32,
    pub(crate) warning: Color32,
    pub(crate) error: Color32,
    pub(crate) good: Color32,
    /// The ring around the focused control.
    pub(crate) focus: Color32,
}

const DARK: Colors = Colors {
    panel: Color32::from_rgb(27, 28, 30),
    raised: Color32::from_rgb(44, 46, 49),
    hovered: Color32::from_rgb(56, 59, 63),
    handle: Color32::from_rgb(66, 69, 74),
    held: Color32::from_rgb(92, 96, 102),
    line: Color32::from_rgb(50, 52, 55),
    text: Color32::from_rgb(214, 215, 217),
    strong: Color32::from_rgb(240, 241, 242),
    dimmed: Color32::from_rgb(148, 150, 154),
    accent: Color32::from_rgb(43, 108, 168),
    on_accent: Color32::from_rgb(245, 248, 251),
    selected: Color32::from_rgb(37, 62, 86),
    field: Color32::from_rgb(18, 19, 20),
    warning: Color32::from_rgb(236, 172, 60),
    error: Color32::from_rgb(255, 138, 112),
    good: Color32::from_rgb(86, 190, 150),
    focus: Color32::from_rgb(120, 190, 250),
};

const LIGHT: Colors = Colors {
    panel: Color32::from_rgb(243, 243, 244),
    raised: Color32::from_rgb(225, 226, 228),
    hovered: Color32::from_rgb(212, 214, 217),
    handle: Color32::from_rgb(178, 182, 188),
    held: Color32::from_rgb(148, 152, 159),
    line: Color32::from_rgb(208, 209, 212),
    text: Color32::from_rgb(34, 36, 38),
    strong: Color32::from_rgb(10, 11, 12),
    dimmed: Color32::from_rgb(90, 93, 98),
    accent: Color32::from_rgb(31, 96, 155),
    on_accent: Color32::from_rgb(255, 255, 255),
    selected: Color32::from_rgb(196, 217, 236),
    field: Color32::from_rgb(255, 255, 255),
    warning: Color32::from_rgb(140, 84, 0),
    error: Color32::from_rgb(170, 50, 16),
    good: Color32::from_rgb(0, 104, 74),
    focus: Color32::from_rgb(0, 92, 184),
};

/// The colours of the theme in use.
pub(crate) fn current_colors(ui: &egui::Ui) -> &'static Colors {
    if ui.visuals().dark_mode {
        &DARK
    } else {
        &LIGHT
    }
}

/// Sets up fonts and both themes. Call once.
pub fn install_themes(ctx: &egui::Context) {
    egui_material_icons::initialize(ctx);
    ctx.set_style_of(egui::Theme::Dark, build_style(&DARK, Visuals::dark()));
    ctx.set_style_of(egui::Theme::Light, build_style(&LIGHT, Visuals::light()));
}

/// Switches to the theme of the settings.
pub(crate) fn apply(ctx: &egui::Context, theme: Theme) {
    let wanted = match theme {
        Theme::Dark => egui::Theme::Dark,
        Theme::Light => egui::Theme::Light,
    };
    if ctx.theme() != wanted {
        ctx.set_theme(wanted);
    }
}

fn build_style(colors: &Colors, visuals: Visuals) -> Style {
    let mut style = Style {
        visuals,
        ..Style::default()
    };
    style.text_styles = [
        (TextStyle::Small, FontId::proportional(12.0)),
        (TextStyle::Body, FontId::proportional(13.5)),
        (TextStyle::Button, FontId::proportional(13.5)),
        (TextStyle::Heading, FontId::proportional(18.0)),
        (TextStyle::Monospace, FontId::monospace(12.5)),
    ]
    .into();
    style.interaction.selectable_labels = false;
    style.interaction.tooltip_delay = 0.4;
    style.animation_time = 0.08;
    style.compact_menu_style = false;

    set_spacing(&mut style.spacing);

    let v = &mut style.visuals;
    v.override_text_color = None;
    v.weak_text_color = Some(colors.dimmed);
    v.panel_fill = colors.panel;
    v.window_fill = colors.panel;
    v.window_stroke = Stroke::new(1.0, colors.line);
    v.window_corner_radius = CornerRadius::same(8);
    v.menu_corner_radius = CornerRadius::same(6);
    v.window_shadow = Shadow {
        offset: [0, 8],
        blur: 24,
        spread: 0,
        color: Color32::from_black_alpha(110),
    };
    v.popup_shadow = Shadow {
        offset: [0, 4],
        blur: 12,
        spread: 0,
        color: Color32::from_black_alpha(90),
    };
    v.extreme_bg_color = colors.field;
    v.faint_bg_color = colors.raised;
    v.hyperlink_color = if v.dark_mode {
        Color32::from_rgb(116, 182, 235)
    } else {
        colors.accent
    };
    v.warn_fg_color = colors.warning;
    v.error_fg_color = colors.error;
    v.selection.bg_fill = colors.selected;
    v.selection.stroke = Stroke::new(1.0, colors.strong);
    v.slider_trailing_fill = true;

    color_widgets(&mut v.widgets, colors);
    style
}

fn set_spacing(spacing: &mut Spacing) {
    spacing.item_spacing = vec2(8.0, 4.0);
    spacing.button_padding = vec2(8.0, 4.0);
    spacing.interact_size = vec2(24.0, 24.0);
    spacing.window_margin = Margin::same(16);
    spacing.menu_margin = Margin::same(4);
    spacing.slider_rail_height = 4.0;
    spacing.tooltip_width = 320.0;
    spacing.icon_width = 16.0;
    spacing.icon_width_inner = 10.0;

    // Scroll bars have their own space, so that they never cover numbers or buttons.
    spacing.scroll = ScrollStyle {
        floating: false,
        bar_width: 7.0,
        bar_inner_margin: 4.0,
        ..ScrollStyle::solid()
    };
}

/// Sets the colours of controls: at rest, hovered, pressed and open.
fn color_widgets(w: &mut Widgets, colors: &Colors) {
    let radius = CornerRadius::same(4);
    for (state, fill, handle, text) in [
        (
            &mut w.noninteractive,
            colors.panel,
            colors.panel,
            colors.text,
        ),
        (&mut w.inactive, colors.raised, colors.handle, colors.text),
        (&mut w.hovered, colors.hovered, colors.held, colors.strong),
        (&mut w.active, colors.selected, colors.held, colors.strong),
        (&mut w.open, colors.hovered, colors.held, colors.strong),
    ] {
        state.bg_fill = handle;
        state.weak_bg_fill = fill;
        state.bg_stroke = Stroke::NONE;
        state.fg_stroke = Stroke::new(1.0, text);
        state.corner_radius = radius;
        state.expansion = 0.0;
    }
    w.noninteractive.bg_stroke = Stroke::new(1.0, colors.line);
}

/// Colour of the boundary for a confidence: orange (uncertain) through yellow to blue (confident).
///
/// The scale runs from 0.1, below which nearly all is wrong, to 0.5, above which nearly nothing is: see
/// [`crate::session::finding::DOUBTFUL_BELOW`].
pub(crate) fn confidence_color(confidence: f32) -> Color32 {
    const STOPS: [[f32; 3]; 3] = [
        [226.0, 92.0, 8.0],
        [240.0, 228.0, 66.0],
        [66.0, 165.0, 235.0],
    ];
    let at = ((confidence - 0.1) / 0.4).clamp(0.0, 0.999) * 2.0;
    let low = at as usize;
    let t = at.fract();
    let [red, green, blue] = [0, 1, 2].map(|channel: usize| {
        let mixed = STOPS[low][channel] * (1.0 - t) + STOPS[low + 1][channel] * t;
        mixed.round() as u8
    });
    Color32::from_rgb(red, green, blue)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(c: Color32) -> f64 {
        let linear = |v: u8| {
            let v = f64::from(v) / 255.0;
            if v <= 0.04045 {
                v / 12.92
            } else {
                ((v + 0.055) / 1.055).powf(2.4)
            }
        };
        0.2126 * linear(c.r()) + 0.7152 * linear(c.g()) + 0.0722 * linear(c.b())
    }

    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_has_enough_contrast_in_both_themes() {
        for (name, c) in [("dark", DARK), ("light", LIGHT)] {
            for (what, text, ground) in [
                ("text", c.text, c.panel),
                ("text on a button", c.text, c.raised),
                ("text on a hovered button", c.strong, c.hovered),
                ("text on the selection", c.strong, c.selected),
                ("dimmed text", c.dimmed, c.panel),
                ("dimmed text on the selection", c.text, c.selected),
                ("text on the accent", c.on_accent, c.accent),
                ("a warning", c.warning, c.panel),
                ("an error", c.error, c.panel),
                ("a success message", c.good, c.panel),
                ("the focus ring", c.focus, c.panel),
                ("a tick in its box", c.text, c.handle),
            ] {
                let ratio = contrast(text, ground);
                assert!(ratio >= 4.5, "{what} in the {name} theme: {ratio:.2}");
            }
            for ground in [c.panel, c.field] {
                let ratio = contrast(c.handle, ground);
                assert!(ratio >= 1.7, "a scroll bar in the {name} theme: {ratio:.2}");
            }
        }
    }
}
