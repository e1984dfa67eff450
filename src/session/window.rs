//! The window presets for an image.

use labrum_core::image::{Image, Pixels, Window, WindowPreset};

/// Common windows for CT after soft tissue: name, centre and width in HU.
const CT: [(&str, f64, f64); 7] = [
    ("Lung", -600.0, 1500.0),
    ("Bone", 400.0, 1800.0),
    ("Brain", 40.0, 80.0),
    ("Mediastinum", 50.0, 350.0),
    ("Liver", 90.0, 150.0),
    ("Stroke", 40.0, 40.0),
    ("Angiography", 300.0, 600.0),
];

/// The window presets for an image: those of the file, then common ones for its modality. The first nine are on the
/// keys 1 to 9.
///
/// `default` is the initial window of the image.
pub fn presets_for_image(image: &Image, modality: &str, default: Window) -> Vec<WindowPreset> {
    let mut presets: Vec<WindowPreset> = image
        .windows
        .iter()
        .take(3)
        .enumerate()
        .map(with_default_name)
        .collect();
    let is_usual = modality == "CT" && default == Window::SOFT_TISSUE;
    // Without presets in the file, offer the initial window.
    if presets.is_empty() && !is_usual {
        presets.push(named_preset("Default", default));
    }
    if modality == "CT" {
        presets.push(named_preset("Soft tissue", Window::SOFT_TISSUE));
        presets
            .extend(CT.map(|(name, center, width)| named_preset(name, Window::new(center, width))));
    } else if let Some((low, high)) = full_range(image) {
        presets.push(named_preset("Full range", Window::from_range(low, high)));
    }
    let mut seen = Vec::new();
    presets.retain(|p| {
        !seen.contains(&p.window) && {
            seen.push(p.window);
            true
        }
    });
    presets
}

fn named_preset(name: &str, window: Window) -> WindowPreset {
    WindowPreset {
        name: name.into(),
        window,
    }
}

fn with_default_name((index, preset): (usize, &WindowPreset)) -> WindowPreset {
    let name = preset.name.trim();
    let name = if name.is_empty() {
        format!("File {}", index + 1)
    } else {
        name.to_owned()
    };
    WindowPreset {
        name,
        window: preset.window,
    }
}

/// Lowest and highest modality value of the pixels.
fn full_range(image: &Image) -> Option<(f64, f64)> {
    let (low, high) = match &image.pixels {
        // For 8-bit images the initial window is already the full range.
        Pixels::U8(_) if image.usual_window.is_some() => return None,
        Pixels::U8(_) | Pixels::Rgb8(_) => (0.0, 255.0),
        Pixels::U16(v) => (f64::from(*v.iter().min()?), f64::from(*v.iter().max()?)),
        Pixels::I16(v) => (f64::from(*v.iter().min()?), f64::from(*v.iter().max()?)),
        Pixels::F32(v) => {
            let (low, high) = finite_range(v);
            (f64::from(low), f64::from(high))
        }
    };
    let rescale = &image.rescale;
    let a = rescale.slope * low + rescale.intercept;
    let b = rescale.slope * high + rescale.intercept;
    (a.min(b) < a.max(b)).then_some((a.min(b), a.max(b)))
}

/// Lowest and highest finite value; lowest > highest if there is none.
fn finite_range(values: &[f32]) -> (f32, f32) {
    let mut low = f32::INFINITY;
    let mut high = f32::NEG_INFINITY;
    for &value in values.iter().filter(|v| v.is_finite()) {
        low = low.min(value);
        high = high.max(value);
    }
    (low, high)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_ct_offers_the_window_of_the_file_first_then_the_standard_presets() {
        let mut image = Image::new(2, 1, Pixels::I16(vec![-1000, 400])).unwrap();
        image.windows = vec![WindowPreset {
            name: String::new(),
            window: Window::new(50.0, 350.0),
        }];
        let names: Vec<String> = presets_for_image(&image, "CT", Window::new(50.0, 350.0))
            .into_iter()
            .map(|p| p.name)
            .collect();
        // The window of the file is that of the mediastinum.
        assert_eq!(
            names,
            [
                "File 1",
                "Soft tissue",
                "Lung",
                "Bone",
                "Brain",
                "Liver",
                "Stroke",
                "Angiography"
            ]
        );
    }

    #[test]
    fn a_ct_without_a_window_is_shown_as_soft_tissue() {
        let mut image = Image::new(2, 1, Pixels::I16(vec![-1000, 400])).unwrap();
        image.usual_window = Some(Window::SOFT_TISSUE);
        let window = image.default_window();
        assert_eq!((window.center, window.width), (40.0, 400.0));
        assert_eq!(
            presets_for_image(&image, "CT", window)[0].name,
            "Soft tissue"
        );
    }

    #[test]
    fn an_image_with_a_single_value_offers_no_empty_range() {
        let image = Image::new(2, 1, Pixels::U16(vec![7, 7])).unwrap();
        assert_eq!(
            presets_for_image(&image, "MR", image.default_window()).len(),
            1
        );
    }
}
