//! Tables of text and numbers, with rows that can be clicked.

use super::theme;
use egui::{
    Align2, Color32, Rect, Response, RichText, Role, Sense, TextStyle, TextWrapMode, Ui,
    WidgetInfo, WidgetText, pos2, vec2,
};
use egui_material_icons::MaterialIcon;

/// Height of a row in points.
pub(crate) const ROW: f32 = 24.0;

/// Gap between the text of adjacent columns, in points.
const GAP: f32 = 10.0;

/// A column: heading, width in points, and whether it holds numbers, aligned to the right.
#[derive(Clone, Copy)]
pub(crate) struct Column {
    name: &'static str,
    width: f32,
    is_figure: bool,
}

impl Column {
    /// A column of text.
    pub(crate) const fn of_words(name: &'static str, width: f32) -> Self {
        Self {
            name,
            width,
            is_figure: false,
        }
    }

    /// A column of numbers.
    pub(crate) const fn of_figures(name: &'static str, width: f32) -> Self {
        Self {
            name,
            width,
            is_figure: true,
        }
    }
}

/// A table cell.
#[derive(Default)]
pub(crate) struct Cell {
    words: String,
    color: Option<Color32>,
    icon: Option<MaterialIcon>,
    swatch: Option<Color32>,
}

impl Cell {
    /// Text in the default colour.
    pub(crate) fn new(words: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            ..Self::default()
        }
    }

    /// Colours text and icon.
    pub(crate) fn with_color(mut self, color: Color32) -> Self {
        self.color = Some(color);
        self
    }

    /// Puts an icon before the text.
    pub(crate) fn with_icon(mut self, icon: MaterialIcon) -> Self {
        self.icon = Some(icon);
        self
    }

    /// Puts a coloured square before the text.
    pub(crate) fn with_swatch(mut self, color: Color32) -> Self {
        self.swatch = Some(color);
        self
    }
}

/// The columns of a table; the first takes the remaining width.
pub(crate) struct TableColumns<'a>(pub(crate) &'a [Column]);

impl TableColumns<'_> {
    /// Shows the headings.
    pub(crate) fn show_headings(&self, ui: &mut Ui) {
        let dimmed = theme::current_colors(ui).dimmed;
        let cells: Vec<Cell> = self
            .0
            .iter()
            .map(|column| Cell::new(column.name).with_color(dimmed))
            .collect();
        let names: Vec<&str> = self
            .0
            .iter()
            .map(|column| column.name)
            .filter(|name| !name.is_empty())
            .collect();
        let (rect, response) =
            ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, names.join(", ")));
        self.paint_cells(ui, rect, &cells, 12.0);
        ui.painter().hline(
            rect.x_range(),
            rect.bottom(),
            ui.visuals().widgets.noninteractive.bg_stroke,
        );
    }

    /// Shows a row that can be clicked.
    pub(crate) fn show_selectable_row(
        &self,
        ui: &mut Ui,
        cells: &[Cell],
        is_selected: bool,
    ) -> Response {
        let (rect, response) =
            ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::click());
        response.widget_info(|| {
            WidgetInfo::selected(Role::Button, true, is_selected, accessible_text(cells))
        });
        if response.gained_focus() {
            response.scroll_to_me(None);
        }
        let colors = theme::current_colors(ui);
        if is_selected {
            ui.painter().rect_filled(rect, 4.0, colors.selected);
        } else if response.hovered() || response.has_focus() {
            ui.painter().rect_filled(rect, 4.0, colors.raised);
        }
        self.paint_cells(ui, rect, cells, 13.5);
        response
    }

    /// Shows a row that cannot be clicked.
    pub(crate) fn show_row(&self, ui: &mut Ui, cells: &[Cell]) -> Response {
        let (rect, response) =
            ui.allocate_exact_size(vec2(ui.available_width(), ROW), Sense::hover());
        response.widget_info(|| WidgetInfo::labeled(Role::Label, true, accessible_text(cells)));
        self.paint_cells(ui, rect, cells, 13.5);
        response
    }

    fn paint_cells(&self, ui: &Ui, rect: Rect, cells: &[Cell], size: f32) {
        let mut left = rect.left();
        for ((column, width), cell) in self
            .0
            .iter()
            .zip(column_widths(self.0, rect.width()))
            .zip(cells)
        {
            let place =
                Rect::from_min_max(pos2(left, rect.top()), pos2(left + width, rect.bottom()));
            paint_cell(ui, place.shrink2(vec2(GAP / 2.0, 0.0)), *column, cell, size);
            left += width;
        }
    }
}

/// Description of a row for screen readers.
fn accessible_text(cells: &[Cell]) -> String {
    let words: Vec<&str> = cells
        .iter()
        .map(|cell| cell.words.as_str())
        .filter(|words| !words.is_empty())
        .collect();
    words.join(", ")
}

/// Column widths: the first column takes the remaining width; if there is too little, all shrink alike.
fn column_widths(columns: &[Column], room: f32) -> Vec<f32> {
    let wanted: f32 = columns.iter().map(|column| column.width).sum();
    let share = (room / wanted).min(1.0);
    let rest = (room - wanted).max(0.0);
    (0..)
        .zip(columns)
        .map(|(i, column)| column.width * share + if i == 0 { rest } else { 0.0 })
        .collect()
}

fn paint_cell(ui: &Ui, mut place: Rect, column: Column, cell: &Cell, size: f32) {
    let color = cell.color.unwrap_or_else(|| theme::current_colors(ui).text);
    if let Some(icon) = cell.icon {
        let font = egui::FontId::new(16.0, icon.font_family());
        ui.painter().text(
            place.left_center(),
            Align2::LEFT_CENTER,
            icon.codepoint,
            font,
            color,
        );
        place.min.x += 20.0;
    }
    if let Some(swatch) = cell.swatch {
        let square = Rect::from_center_size(place.left_center() + vec2(6.0, 0.0), vec2(10.0, 10.0));
        ui.painter().rect_filled(square, 3.0, swatch);
        place.min.x += 20.0;
    }
    let words = WidgetText::from(RichText::new(&cell.words).size(size));
    let galley = words.into_galley(
        ui,
        Some(TextWrapMode::Truncate),
        place.width().max(0.0),
        TextStyle::Body,
    );
    let at = if column.is_figure {
        Align2::RIGHT_CENTER
    } else {
        Align2::LEFT_CENTER
    };
    let anchor = if column.is_figure {
        place.right_center()
    } else {
        place.left_center()
    };
    ui.painter()
        .galley(at.anchor_size(anchor, galley.size()).min, galley, color);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fill_exactly_the_available_width() {
        let columns = [
            Column::of_words("Name", 100.0),
            Column::of_figures("Dice", 60.0),
            Column::of_figures("Gain", 40.0),
        ];
        assert_eq!(column_widths(&columns, 300.0), [200.0, 60.0, 40.0]);
        assert_eq!(column_widths(&columns, 100.0), [50.0, 30.0, 20.0]);
    }
}
