//! Attributes that convert stored values to modality values and grey levels: rescale, lookup tables, windows, padding,
//! unit.

use super::{
    color::{Descriptor, table_words},
    dataset::DataSet,
    file::DicomFile,
    geometry::functional_group,
    header::{Photometric, PixelHeader, StoredNumber},
    suv::suv_factor,
};
use dicom_dictionary_std::tags;
use labrum_core::image::{Image, Pixels, Rescale, VoiFunction, VoiLut, Window, WindowPreset};

/// True if the lowest value is shown white. PS3.3 C.11.6: INVERSE only repeats what MONOCHROME1 says; it does not
/// invert twice.
pub(crate) fn is_inverted(data: &DataSet, header: &PixelHeader) -> bool {
    if header.is_color() {
        return false;
    }
    header.photometric == Photometric::Monochrome1
        || data.text_value(tags::PRESENTATION_LUT_SHAPE).as_deref() == Some("INVERSE")
}

/// Fills in the display attributes of a grey image.
pub(crate) fn fill_display_attributes(
    image: &mut Image,
    file: &mut DicomFile,
    header: &PixelHeader,
    frame: usize,
) -> Result<(), String> {
    image.rescale = frame_rescale(file, frame);
    image.unit = modality_unit(file, frame);
    image.suv_factor = suv_factor(&file.data);
    image.padding = padding_range(file, header, image.rescale);
    if let Some(kind) = apply_modality_table(image, file, header)? {
        image.unit = kind;
        image.suv_factor = None;
        image.padding = None;
    }
    image.windows = window_presets(file, frame);
    image.voi_lut = voi_lut(file, header, frame);
    image.usual_window = usual_window(image, file, header);
    Ok(())
}

/// The default window for files without one: soft tissue for CT, and the full range for images of fewer than 8 bits,
/// such as masks, for which percentiles are meaningless.
fn usual_window(image: &Image, file: &DicomFile, header: &PixelHeader) -> Option<Window> {
    let data = &file.data;
    if let Some((low, high)) =
        few_values(image, header).filter(|_| data.first_item(tags::MODALITY_LUT_SEQUENCE).is_none())
    {
        let [a, b] =
            [low, high].map(|v| image.rescale.slope * f64::from(v) + image.rescale.intercept);
        return Some(Window::from_range(a.min(b), a.max(b)));
    }
    // The file's own VOI LUT takes precedence.
    let has_own = image.voi_lut.is_some();
    let is_ct =
        !has_own && data.text_value(tags::MODALITY).as_deref() == Some("CT") && !is_localizer(data);
    // An 8-bit screenshot has no Hounsfield units, even if its modality is CT.
    let is_scaled =
        data.has_value(tags::RESCALE_INTERCEPT) || !matches!(image.pixels, Pixels::U8(_));
    (is_ct && is_scaled).then_some(Window::SOFT_TISSUE)
}

/// The range of values of an image with fewer than 8 bits stored; `None` for other images, or if pixels exceed the
/// range, as in compressed streams with more bits. 8-bit images are shown with their full range anyway.
fn few_values(image: &Image, header: &PixelHeader) -> Option<(i32, i32)> {
    if header.number != StoredNumber::Integer || header.stored >= 8 {
        return None;
    }
    let most = 1 << header.stored;
    let (low, high) = if header.signed {
        (-most / 2, most / 2 - 1)
    } else {
        (0, most - 1)
    };
    let keep_to_it = match &image.pixels {
        Pixels::U8(v) => v.iter().all(|v| i32::from(*v) <= high),
        Pixels::I16(v) => v.iter().all(|v| (low..=high).contains(&i32::from(*v))),
        _ => false,
    };
    keep_to_it.then_some((low, high))
}

fn is_localizer(data: &DataSet) -> bool {
    data.text_values(tags::IMAGE_TYPE)
        .iter()
        .any(|part| part == "LOCALIZER")
}

fn frame_rescale(file: &DicomFile, frame: usize) -> Rescale {
    let data = &file.data;
    let of =
        functional_group(data, frame, tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE).unwrap_or(data);
    let slope = of
        .numeric_value(tags::RESCALE_SLOPE)
        .filter(|slope| *slope != 0.0)
        .unwrap_or(1.0);
    Rescale {
        slope,
        intercept: of.numeric_value(tags::RESCALE_INTERCEPT).unwrap_or(0.0),
    }
}

fn modality_unit(file: &DicomFile, frame: usize) -> Option<String> {
    let data = &file.data;
    let of =
        functional_group(data, frame, tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE).unwrap_or(data);
    match of.text_value(tags::RESCALE_TYPE).as_deref() {
        Some("US") => None,
        Some(unit) => Some(unit.to_owned()),
        None if data.text_value(tags::UNITS).is_some() => data
            .text_value(tags::UNITS)
            .filter(|u| u != "NONE" && u != "CNTS"),
        None => {
            let ct = data.text_value(tags::MODALITY).as_deref() == Some("CT")
                && of.has_value(tags::RESCALE_INTERCEPT);
            (ct && !is_localizer(data)).then(|| "HU".to_owned())
        }
    }
}

/// Pixel Padding Value and Range Limit, in modality values.
fn padding_range(file: &DicomFile, header: &PixelHeader, rescale: Rescale) -> Option<(f64, f64)> {
    let value = file
        .data
        .pixel_number(tags::PIXEL_PADDING_VALUE, header.signed)?;
    let limit = file
        .data
        .pixel_number(tags::PIXEL_PADDING_RANGE_LIMIT, header.signed)
        .unwrap_or(value);
    let [a, b] = [value, limit].map(|v| rescale.slope * v + rescale.intercept);
    Some((a.min(b), a.max(b)))
}

/// Applies the Modality LUT Sequence to the stored values; returns the unit, or `None` if there is no table.
fn apply_modality_table(
    image: &mut Image,
    file: &mut DicomFile,
    header: &PixelHeader,
) -> Result<Option<Option<String>>, String> {
    let DicomFile { bytes, data, .. } = file;
    let Some(item) = data.first_item(tags::MODALITY_LUT_SEQUENCE) else {
        return Ok(None);
    };
    let table = Descriptor::from_dataset(item, tags::LUT_DESCRIPTOR, header.signed)
        .and_then(|form| Some((form, table_words(bytes, item, tags::LUT_DATA, &form)?)));
    let Some((form, words)) = table.filter(|(_, words)| !words.is_empty()) else {
        return Err("the Modality LUT is damaged".into());
    };
    let first = form.first as i64;
    image.pixels = Pixels::U16(match &image.pixels {
        Pixels::U8(v) => v
            .iter()
            .map(|stored| table_value(&words, i64::from(*stored) - first))
            .collect(),
        Pixels::U16(v) => v
            .iter()
            .map(|stored| table_value(&words, i64::from(*stored) - first))
            .collect(),
        Pixels::I16(v) => v
            .iter()
            .map(|stored| table_value(&words, i64::from(*stored) - first))
            .collect(),
        Pixels::F32(v) => v
            .iter()
            .map(|stored| table_value(&words, *stored as i64 - first))
            .collect(),
        Pixels::Rgb8(_) => return Ok(None),
    });
    image.rescale = Rescale::default();
    Ok(Some(
        item.text_value(tags::MODALITY_LUT_TYPE)
            .filter(|unit| unit != "US"),
    ))
}

/// An entry of a table, which must not be empty; indices outside get the nearest entry.
#[inline]
fn table_value(words: &[u16], index: i64) -> u16 {
    words[index.clamp(0, words.len() as i64 - 1) as usize]
}

/// All windows that the file defines for a frame.
fn window_presets(file: &DicomFile, frame: usize) -> Vec<WindowPreset> {
    let data = &file.data;
    let of = functional_group(data, frame, tags::FRAME_VOILUT_SEQUENCE).unwrap_or(data);
    let function = match of.text_value(tags::VOILUT_FUNCTION).as_deref() {
        Some("LINEAR_EXACT") => VoiFunction::LinearExact,
        Some("SIGMOID") => VoiFunction::Sigmoid,
        _ => VoiFunction::Linear,
    };
    let names = of.text_values(tags::WINDOW_CENTER_WIDTH_EXPLANATION);
    let centers = of.numeric_values(tags::WINDOW_CENTER);
    let widths = of.numeric_values(tags::WINDOW_WIDTH);
    let pairs = centers.into_iter().zip(widths).enumerate();
    pairs
        .filter(|(_, (center, width))| center.is_finite() && width.is_finite() && *width > 0.0)
        .map(|(index, (center, width))| {
            let own = names.get(index).filter(|name| !name.is_empty()).cloned();
            let name = own.unwrap_or_else(|| {
                if index == 0 {
                    "File".into()
                } else {
                    format!("File {}", index + 1)
                }
            });
            WindowPreset {
                name,
                window: Window {
                    center,
                    width,
                    function,
                },
            }
        })
        .collect()
}

/// The first VOI LUT, of the frame or else of the file.
fn voi_lut(file: &mut DicomFile, header: &PixelHeader, frame: usize) -> Option<VoiLut> {
    let DicomFile { bytes, data, .. } = file;
    let of_frame = functional_group(data, frame, tags::FRAME_VOILUT_SEQUENCE)
        .and_then(|g| g.first_item(tags::VOILUT_SEQUENCE));
    let item = of_frame.or_else(|| data.first_item(tags::VOILUT_SEQUENCE))?;
    // The input of the table are modality values, which a negative intercept may make negative.
    let of =
        functional_group(data, frame, tags::PIXEL_VALUE_TRANSFORMATION_SEQUENCE).unwrap_or(data);
    let negative = of
        .numeric_value(tags::RESCALE_INTERCEPT)
        .is_some_and(|intercept| intercept < 0.0);
    let form = Descriptor::from_dataset(item, tags::LUT_DESCRIPTOR, header.signed || negative)?;
    let words =
        table_words(bytes, item, tags::LUT_DATA, &form).filter(|words| !words.is_empty())?;
    let most = ((1u32 << form.bits) - 1) as f32;
    Some(VoiLut {
        first: form.first,
        levels: words
            .iter()
            .map(|w| (f32::from(*w) / most).min(1.0))
            .collect(),
    })
}
