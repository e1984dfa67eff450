//! All elements of the DICOM file of a slice: as a tree, searched, copied, and compared with another slice.

use super::sheet;
use crate::{
    session::{
        Action, Actions, Session,
        header::HeaderAction,
        job::{CaseId, SliceKey},
    },
    ui::{
        table::{Cell, Column, ROW, TableColumns},
        theme,
        widgets::explanation_text,
    },
};
use egui::{DragValue, Label, RichText, ScrollArea, TextEdit, Ui};
use egui_material_icons::icons::{ICON_CHEVRON_RIGHT, ICON_KEYBOARD_ARROW_DOWN};
use labrum_core::header::{FileHeader, HeaderDifference, HeaderLine, HeaderLines, differences};
use std::{collections::HashSet, sync::Arc};

/// Height of the dialog without the table, in points, and the least number of rows.
const AROUND_TABLE: f32 = 260.0;
const LEAST_ROWS: f32 = 4.0;
const MOST_ROWS: f32 = 22.0;

const ELEMENTS: [Column; 4] = [
    Column::of_words("Tag", 160.0),
    Column::of_words("VR", 40.0),
    Column::of_words("Name", 280.0),
    Column::of_words("Value", 420.0),
];
const DIFFERENCES: [Column; 4] = [
    Column::of_words("Tag", 110.0),
    Column::of_words("Name", 290.0),
    Column::of_words("This slice", 250.0),
    Column::of_words("Other slice", 250.0),
];

/// State of the dialog.
pub(crate) struct HeaderDialog {
    case: CaseId,
    slice: usize,
    /// The slice that it is compared with.
    other: Option<usize>,
    words: String,
    had_focus: bool,
    /// Lines whose sequence or item is closed.
    closed: HashSet<usize>,
    chosen: Option<usize>,
    lines: Option<KnownLines>,
    found: Option<FoundLines>,
    compared: Option<ComparedLines>,
}

/// The lines of a header, made once.
struct KnownLines {
    header: Arc<FileHeader>,
    lines: HeaderLines,
}

/// The differences from another header, made once.
struct ComparedLines {
    other: Arc<FileHeader>,
    different: Vec<HeaderDifference>,
}

/// The lines that are shown for a search, made once.
struct FoundLines {
    words: String,
    closed: usize,
    shown: Vec<usize>,
}

impl HeaderDialog {
    /// For the slice on the screen; `None` if nothing is open.
    pub(super) fn new(session: &Session) -> Option<Self> {
        let case = session.cases.current_case()?;
        Some(Self {
            case: case.id,
            slice: case.slice,
            other: None,
            words: String::new(),
            had_focus: false,
            closed: HashSet::new(),
            chosen: None,
            lines: None,
            found: None,
            compared: None,
        })
    }

    /// Shows the dialog; true once it is done.
    pub(super) fn show_dialog(
        &mut self,
        ui: &mut Ui,
        session: &Session,
        actions: &mut Actions,
    ) -> bool {
        let count = session
            .cases
            .iter()
            .find(|case| case.id == self.case)
            .map_or(0, |case| case.slices.len());
        for slice in [Some(self.slice), self.other].into_iter().flatten() {
            let key = self.key(slice);
            if !session.headers.is_asked(key) {
                actions.push(Action::Header(HeaderAction::Read(key)));
            }
        }
        sheet::show_body(ui, "DICOM header", |ui| {
            self.show_controls(ui, count);
            self.refresh(session);
            if self.other.is_some() {
                self.show_differences(ui, session);
            } else {
                self.show_elements(ui, session);
            }
        });
        self.show_buttons(ui)
    }

    fn key(&self, slice: usize) -> SliceKey {
        SliceKey {
            case: self.case,
            slice,
        }
    }

    /// Search, and the slices.
    fn show_controls(&mut self, ui: &mut Ui, count: usize) {
        ui.horizontal(|ui| {
            let field = TextEdit::singleline(&mut self.words)
                .desired_width(280.0)
                .hint_text("Tag, name or value");
            let response = ui.add(field).accessible_name("Search the header");
            if !self.had_focus {
                response.request_focus();
                self.had_focus = true;
            }
            if count > 1 {
                self.show_slices(ui, count);
            }
        });
        ui.add_space(4.0);
    }

    /// Which slice is shown, and which one it is compared with.
    fn show_slices(&mut self, ui: &mut Ui, count: usize) {
        ui.label("Slice");
        if let Some(slice) = slice_field(ui, self.slice, count, "Slice of the header") {
            self.slice = slice;
            self.chosen = None;
        }
        let mut compares = self.other.is_some();
        if ui.checkbox(&mut compares, "Compare with slice").changed() {
            let beside = if self.slice + 1 < count {
                self.slice + 1
            } else {
                self.slice.saturating_sub(1)
            };
            self.other = compares.then_some(beside);
            self.chosen = None;
        }
        if let Some(other) = self.other
            && let Some(slice) = slice_field(ui, other, count, "Slice to compare with")
        {
            self.other = Some(slice);
            self.chosen = None;
        }
    }

    /// Makes lines and differences anew if the headers have changed.
    fn refresh(&mut self, session: &Session) {
        let Some(Ok(header)) = session.headers.header_of(self.key(self.slice)) else {
            self.lines = None;
            self.found = None;
            self.compared = None;
            return;
        };
        let is_known = self
            .lines
            .as_ref()
            .is_some_and(|known| Arc::ptr_eq(&known.header, header));
        if !is_known {
            self.lines = Some(KnownLines {
                header: header.clone(),
                lines: HeaderLines::of_header(header),
            });
            self.found = None;
            self.compared = None;
            self.closed.clear();
        }
        self.refresh_differences(session);
    }

    /// Makes the differences from the other slice anew if there is another one.
    fn refresh_differences(&mut self, session: &Session) {
        let other = self.other.map(|slice| self.key(slice));
        let other = other.and_then(|key| session.headers.header_of(key));
        let (Some(known), Some(Ok(other))) = (&self.lines, other) else {
            self.compared = None;
            return;
        };
        let is_known = self
            .compared
            .as_ref()
            .is_some_and(|compared| Arc::ptr_eq(&compared.other, other));
        if !is_known {
            self.compared = Some(ComparedLines {
                other: other.clone(),
                different: differences(&known.lines, &HeaderLines::of_header(other)),
            });
        }
    }

    fn show_elements(&mut self, ui: &mut Ui, session: &Session) {
        let table = TableColumns(&ELEMENTS);
        table.show_headings(ui);
        let Some(known) = &self.lines else {
            return self.show_state(ui, session, self.slice);
        };
        let all = known.lines.all();
        let is_current = self
            .found
            .as_ref()
            .is_some_and(|found| found.words == self.words && found.closed == self.closed.len());
        if !is_current {
            self.found = Some(FoundLines {
                words: self.words.clone(),
                closed: self.closed.len(),
                shown: known
                    .lines
                    .shown_lines(&self.words, |at| self.closed.contains(&at)),
            });
        }
        let found = self.found.as_ref();
        let shown = found.map_or(&[][..], |found| found.shown.as_slice());
        let mut clicked = None;
        let can_fold = self.words.trim().is_empty();
        show_rows(ui, "elements", shown.len(), |ui, row| {
            let Some(line) = shown.get(row).and_then(|at| all.get(*at)) else {
                return;
            };
            let at = shown[row];
            let is_closed = can_fold && self.closed.contains(&at);
            let cells = element_cells(ui, line, is_closed);
            let response = table.show_selectable_row(ui, &cells, self.chosen == Some(at));
            if response.clicked() {
                clicked = Some((at, line.below > 0 && can_fold));
            }
            if !line.value.is_empty() {
                response.on_hover_text(&line.value);
            }
        });
        let words = match (shown.len(), &known.header.damage) {
            (0, _) => "No element has these words.".to_owned(),
            (_, Some(damage)) => format!("Not all elements are shown: {damage}."),
            _ => "Click a sequence to open or close it.".to_owned(),
        };
        explanation_text(ui, &words);
        if let Some((at, folds)) = clicked {
            self.chosen = Some(at);
            if folds && !self.closed.remove(&at) {
                self.closed.insert(at);
            }
        }
    }

    fn show_differences(&mut self, ui: &mut Ui, session: &Session) {
        let table = TableColumns(&DIFFERENCES);
        table.show_headings(ui);
        let Some(ComparedLines { different: all, .. }) = &self.compared else {
            let is_own = self.lines.is_none();
            let waits_for = self.other.filter(|_| !is_own).unwrap_or(self.slice);
            return self.show_state(ui, session, waits_for);
        };
        let words = self.words.trim().to_lowercase();
        let shown: Vec<usize> = (0..all.len())
            .filter(|at| has_words(&all[*at], &words))
            .collect();
        let mut clicked = None;
        show_rows(ui, "differences", shown.len(), |ui, row| {
            let Some(at) = shown.get(row).copied() else {
                return;
            };
            let cells = difference_cells(&all[at]);
            let response = table.show_selectable_row(ui, &cells, self.chosen == Some(at));
            let response = response.on_hover_text(&all[at].name);
            if response.clicked() {
                clicked = Some(at);
            }
        });
        let words = match all.len() {
            0 => "All elements are the same.".to_owned(),
            1 => "1 element differs.".to_owned(),
            n => format!("{n} elements differ."),
        };
        explanation_text(ui, &words);
        self.chosen = clicked.or(self.chosen);
    }

    /// What is shown in place of the table: that the header is being read, or why it could not be.
    fn show_state(&self, ui: &mut Ui, session: &Session, slice: usize) {
        match session.headers.header_of(self.key(slice)) {
            Some(Err(error)) => {
                let words = RichText::new(crate::session::to_sentence(&error.to_string()))
                    .color(theme::current_colors(ui).error);
                ui.add(Label::new(words).wrap().selectable(true));
            }
            _ => explanation_text(ui, "Reading the header..."),
        }
    }

    /// The buttons; true if the dialog is done.
    fn show_buttons(&self, ui: &mut Ui) -> bool {
        sheet::show_buttons(ui, |ui| {
            // Enter in the search field must not close the dialog.
            let close = ui.add(sheet::side_button("Close")).clicked();
            let copy_all = ui.add_enabled(self.lines.is_some(), sheet::side_button("Copy all"));
            if copy_all
                .on_hover_text("Copy all elements, or all differences, to the clipboard")
                .clicked()
            {
                ui.copy_text(self.all_text());
            }
            let value = self.chosen_value();
            let copy_value = ui.add_enabled(value.is_some(), sheet::side_button("Copy value"));
            if copy_value
                .on_hover_text("Copy the value of the chosen element to the clipboard")
                .on_disabled_hover_text("Choose an element first")
                .clicked()
            {
                ui.copy_text(value.unwrap_or_default());
            }
            close
        })
    }

    /// The text of all elements or, while slices are compared, of all differences.
    fn all_text(&self) -> String {
        match (&self.lines, &self.compared) {
            (_, Some(compared)) => compared.different.iter().map(difference_line).collect(),
            (Some(known), None) => known.lines.to_text(),
            (None, None) => String::new(),
        }
    }

    /// The value of the chosen element, or the two values of the chosen difference.
    fn chosen_value(&self) -> Option<String> {
        let at = self.chosen?;
        if self.other.is_some() {
            let one = self.compared.as_ref()?.different.get(at)?;
            return Some(one.values.each_ref().map(value_or_dash).join("\t"));
        }
        let line = self.lines.as_ref()?.lines.all().get(at)?;
        (!line.tag.is_empty()).then(|| line.value.clone())
    }
}

/// A field for the number of a slice, 1 to `count`; returns the index of another slice.
fn slice_field(ui: &mut Ui, slice: usize, count: usize, name: &str) -> Option<usize> {
    let mut number = slice + 1;
    let field = DragValue::new(&mut number).range(1..=count).speed(0.2);
    ui.add(field).accessible_name(name);
    (number != slice + 1).then(|| number - 1)
}

/// A table of this many rows, of which only those in sight are made.
fn show_rows(ui: &mut Ui, name: &str, count: usize, mut row: impl FnMut(&mut Ui, usize)) {
    let room = ui.ctx().content_rect().height() - AROUND_TABLE;
    let height = (room / ROW).floor().clamp(LEAST_ROWS, MOST_ROWS) * ROW;
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ScrollArea::vertical()
            .id_salt(name)
            .max_height(height)
            .min_scrolled_height(height)
            .auto_shrink([false, false])
            .show_rows(ui, ROW, count, |ui, rows| {
                rows.for_each(|at| row(ui, at));
            });
    });
}

/// The cells of a line; its depth is shown by spaces before the tag.
fn element_cells(ui: &Ui, line: &HeaderLine, is_closed: bool) -> [Cell; 4] {
    let indent = "   ".repeat(line.depth);
    let is_item = line.tag.is_empty();
    let first = if is_item { &line.name } else { &line.tag };
    let name = if is_item { "" } else { line.name.as_str() };
    let mut tag = Cell::new(format!("{indent}{first}"));
    if line.below > 0 {
        tag = tag.with_icon(if is_closed {
            ICON_CHEVRON_RIGHT
        } else {
            ICON_KEYBOARD_ARROW_DOWN
        });
    }
    let dimmed = theme::current_colors(ui).dimmed;
    [
        tag,
        Cell::new(&line.vr).with_color(dimmed),
        Cell::new(name),
        Cell::new(&line.value),
    ]
}

fn difference_cells(one: &HeaderDifference) -> [Cell; 4] {
    let [first, second] = one.values.each_ref().map(value_or_dash);
    [
        Cell::new(&one.tag),
        Cell::new(&one.name),
        Cell::new(first),
        Cell::new(second),
    ]
}

fn difference_line(one: &HeaderDifference) -> String {
    let [first, second] = one.values.each_ref().map(value_or_dash);
    format!("{}\t{}\t{first}\t{second}\n", one.tag, one.name)
}

/// A value, or a dash for an element that is missing.
fn value_or_dash(value: &Option<String>) -> String {
    value.clone().unwrap_or_else(|| "\u{2013}".to_owned())
}

/// True if tag, name or a value contains the words, in lower case.
fn has_words(one: &HeaderDifference, words: &str) -> bool {
    let values = one.values.iter().flatten();
    [&one.tag, &one.name]
        .into_iter()
        .chain(values)
        .any(|part| part.to_lowercase().contains(words))
}
