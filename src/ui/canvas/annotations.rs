//! What a view says about its slice: the words for screen readers, and what is written at its edges.

use super::{ShownPane, described};
use crate::{
    session::{self, job::Loaded, view::ViewPlacement},
    ui::edges::{self, PictureEdges},
};
use labrum_core::{counts::count_with_noun, stack::ViewPlane};

/// Description of the canvas for screen readers.
pub(super) fn accessible_description(pane: &ShownPane<'_>) -> String {
    let session = pane.session;
    let case = pane.case;
    let shown = pane.view.slice;
    let slice = format!("slice {} of {}", shown + 1, case.slices.len());
    let finding = case.slices.get(shown).and_then(|s| s.finding.as_ref());
    let mask = match finding {
        Some(finding) => {
            let labels: Vec<&str> = finding
                .measurements
                .iter()
                .map(|m| session.labels.label_name(m.label))
                .collect();
            let what = if labels.is_empty() {
                "no labels".to_owned()
            } else {
                labels.join(", ")
            };
            format!(
                "{what}, shown as {}",
                session.settings.view_mode.display_name().to_lowercase()
            )
        }
        None => "no mask".to_owned(),
    };
    let on_slice = case.measurements.all().iter();
    let drawn = on_slice.filter(|d| d.slice() == Some(shown)).count();
    let drawn = match drawn {
        0 => String::new(),
        count => format!(", {}", count_with_noun(count, "measurement")),
    };
    let name = match session.pane_count() {
        0 | 1 => "Image".to_owned(),
        count => format!("View {} of {count}", pane.index + 1),
    };
    let active = match session.pane_count() {
        count if count > 1 && pane.is_active => ", active view",
        _ => "",
    };
    let title = case.display_title();
    let title = format!("{name}: {title}, {slice}, {mask}{drawn}{active}");
    described(title, &session.slice_information(case, shown))
}

/// Corner text, orientation letters and scale bar.
pub(super) fn paint_annotations(
    edges: &mut PictureEdges<'_>,
    per_point: f32,
    pane: ShownPane<'_>,
    slice: usize,
    loaded: &Loaded,
    placement: ViewPlacement,
) {
    let session = pane.session;
    let case = pane.case;
    let image = &loaded.image;
    let information = session.slice_information(case, slice);
    let mut title = Vec::new();
    // A series description or a file name may tell who was examined.
    if session.shows_information() {
        title.push(case.display_title());
    }
    if case.slices.len() > 1 {
        title.push(format!("{} / {}", slice + 1, case.slices.len()));
    }
    if let Some(ortho) = session.viewports.ortho_views() {
        title.insert(0, ortho.stack.view_pane(ViewPlane::Slice).name.clone());
    }
    if let Some(reason) = session.viewports.ortho_refusal()
        && pane.is_active
    {
        title.push(format!("No orthogonal views: {reason}"));
    }
    edges.write_title(&title);
    edges.write_patient(&information);
    let window = case.presented_window(pane.view.window, slice, loaded);
    let unit = image
        .unit
        .as_deref()
        .map_or(String::new(), |u| format!(" {u}"));
    let digits = usize::from(window.width < 10.0) * 2;
    let zoom = placement.scale[0] * per_point * 100.0;
    edges.write_state(&[
        format!(
            "C {:.digits$}  W {:.digits$}{unit}",
            window.center, window.width
        ),
        format!("Zoom {zoom:.0} %"),
    ]);
    let truncated = image
        .truncated
        .as_ref()
        .map(|what| format!("File is truncated: {what}."));
    let remarks: Vec<String> = truncated
        .into_iter()
        .chain(case.series.notes.iter().map(|n| session::to_sentence(n)))
        .chain(session.presentation_remarks(case, slice))
        .collect();
    edges.write_remarks(&remarks);
    if let Some(letters) = edges::letters_in(image) {
        edges.write_side_letters(edges::turned_letters(&letters, placement.turn));
    }
    edges.scale_bar(|start| edges::mm_per_point(image, start, placement));
    let is_default = window == loaded.default_window;
    let appearance = case.presented_appearance(pane.view.appearance, slice, image);
    edges.color_bar(image, window, is_default, appearance);
    edges.write_study_and_slice(&information);
}
