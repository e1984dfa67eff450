//! Segment Sequence: the meaning, author and colour of each label.

use super::{
    AlgorithmType, Authorship, SegmentationType,
    charset::Charset,
    element::{
        Item, code_item, code_sequence, encoded_text_element, new_uid, one_line, printable_ascii,
        sequence_element, sequence_item, text_element, u16_element,
    },
};
use dicom_core::VR;
use dicom_dictionary_std::tags;
use dicom_object::mem::InMemElement;
use labrum_core::label::{Code, Label};

/// One item per label, numbered from 1. A label map also gets an item for background, because all its values must be
/// described.
///
/// `authors`: one per label, or one for all.
pub(super) fn segment_sequence(
    labels: &[Label],
    authors: &[Authorship],
    kind: SegmentationType,
    charset: &Charset,
) -> InMemElement {
    let background = (kind == SegmentationType::LabelMap).then(background_item);
    let items = labels.iter().enumerate().filter_map(|(i, label)| {
        let author = authors.get(i).or(authors.first())?;
        Some(segment_item(i as u16 + 1, label, author, charset))
    });
    sequence_element(
        tags::SEGMENT_SEQUENCE,
        background.into_iter().chain(items).collect(),
    )
}

/// Segment 0, background. Its type is MANUAL because that needs no algorithm.
fn background_item() -> Item {
    sequence_item([
        u16_element(tags::SEGMENT_NUMBER, &[0]),
        text_element(tags::SEGMENT_LABEL, VR::LO, "Background"),
        text_element(
            tags::SEGMENT_ALGORITHM_TYPE,
            VR::CS,
            AlgorithmType::Manual.defined_term(),
        ),
        code_sequence(
            tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE,
            &Code::new("309825002", "SCT", "Spatial and Relational Concept"),
        ),
        code_sequence(
            tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE,
            &Code::new("125040", "DCM", "Background"),
        ),
        u16_element(
            tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE,
            &srgb_to_cielab([0; 3]),
        ),
    ])
}

fn segment_item(number: u16, label: &Label, author: &Authorship, charset: &Charset) -> Item {
    let name = label_name(label, number);
    let mut segment = sequence_item([
        u16_element(tags::SEGMENT_NUMBER, &[number]),
        encoded_text_element(tags::SEGMENT_LABEL, VR::LO, charset.encode_text(&name)),
        text_element(
            tags::SEGMENT_ALGORITHM_TYPE,
            VR::CS,
            author.algorithm_type.defined_term(),
        ),
        code_sequence(
            tags::SEGMENTED_PROPERTY_CATEGORY_CODE_SEQUENCE,
            &usable_code(&label.category),
        ),
        property_type_sequence(label),
        u16_element(
            tags::RECOMMENDED_DISPLAY_CIE_LAB_VALUE,
            &srgb_to_cielab(label.color),
        ),
        encoded_text_element(tags::TRACKING_ID, VR::UT, charset.encode_text(&name)),
        text_element(tags::TRACKING_UID, VR::UI, new_uid()),
    ]);
    if author.algorithm_type != AlgorithmType::Manual {
        segment.put(text_element(
            tags::SEGMENT_ALGORITHM_NAME,
            VR::LO,
            author.recorded_model(),
        ));
        segment.put(sequence_element(
            tags::SEGMENTATION_ALGORITHM_IDENTIFICATION_SEQUENCE,
            vec![algorithm_item(author)],
        ));
    }
    segment
}

/// Segmented Property Type with its modifiers.
fn property_type_sequence(label: &Label) -> InMemElement {
    let mut concept = code_item(&usable_code(&label.concept));
    let modifiers: Vec<Item> = label
        .modifiers
        .iter()
        .filter(|m| is_usable(m))
        .map(code_item)
        .collect();
    if !modifiers.is_empty() {
        concept.put(sequence_element(
            tags::SEGMENTED_PROPERTY_TYPE_MODIFIER_CODE_SEQUENCE,
            modifiers,
        ));
    }
    sequence_element(tags::SEGMENTED_PROPERTY_TYPE_CODE_SEQUENCE, vec![concept])
}

fn algorithm_item(author: &Authorship) -> Item {
    let mut out = sequence_item([
        code_sequence(
            tags::ALGORITHM_FAMILY_CODE_SEQUENCE,
            &Code::new("123110", "DCM", "Artificial Intelligence"),
        ),
        text_element(tags::ALGORITHM_NAME, VR::LO, author.recorded_model()),
        text_element(tags::ALGORITHM_VERSION, VR::LO, author.recorded_version()),
    ]);
    if !author.weights.is_empty() {
        let weights = format!("weights sha256:{}", printable_ascii(&author.weights, 64));
        out.put(text_element(tags::ALGORITHM_PARAMETERS, VR::LT, weights));
    }
    out
}

/// The name of the label as Segment Label: one line of at most 64 characters, never empty.
pub(super) fn label_name(label: &Label, number: u16) -> String {
    let name = one_line(&label.name, 64);
    let name = name.trim();
    if name.is_empty() {
        format!("Label {number}")
    } else {
        name.to_owned()
    }
}

/// A code that is valid to write: incomplete codes and codes of the retired scheme SRT become "Tissue".
fn usable_code(code: &Code) -> Code {
    if is_usable(code) {
        Code {
            scheme: printable_ascii(&code.scheme, 16),
            ..code.clone()
        }
    } else {
        Code::new("85756007", "SCT", "Tissue")
    }
}

fn is_usable(code: &Code) -> bool {
    let complete = [&code.value, &code.scheme, &code.meaning]
        .iter()
        .all(|part| !part.trim().is_empty());
    complete && code.scheme.trim() != "SRT"
}

/// Recommended Display CIELab Value of an sRGB colour, PS3.3 C.10.7.1.1, white point D50.
fn srgb_to_cielab(color: [u8; 3]) -> [u16; 3] {
    let [r, g, b] = color.map(|c| {
        let c = f64::from(c) / 255.0;
        if c <= 0.04045 {
            c / 12.92
        } else {
            ((c + 0.055) / 1.055).powf(2.4)
        }
    });
    // sRGB to XYZ, adapted to D50 (Bradford), relative to the white point.
    let x = (0.436_074_7 * r + 0.385_064_9 * g + 0.143_080_4 * b) / 0.964_22;
    let y = 0.222_504_5 * r + 0.716_878_6 * g + 0.060_616_9 * b;
    let z = (0.013_932_2 * r + 0.097_104_5 * g + 0.714_173_3 * b) / 0.825_21;
    let [fx, fy, fz] = [x, y, z].map(lightness_curve);
    let lightness = 116.0 * fy - 16.0;
    let a = 500.0 * (fx - fy);
    let b = 200.0 * (fy - fz);
    [
        rounded_to_u16(lightness * 655.35),
        rounded_to_u16((a + 128.0) * 257.0),
        rounded_to_u16((b + 128.0) * 257.0),
    ]
}

/// The function f of CIE 1976 L*a*b*, for a value relative to the white point.
fn lightness_curve(t: f64) -> f64 {
    if t > 216.0 / 24389.0 {
        t.cbrt()
    } else {
        (24389.0 / 27.0 * t + 16.0) / 116.0
    }
}

/// The inverse of [`lightness_curve`].
fn inverse_lightness_curve(t: f64) -> f64 {
    if t.powi(3) > 216.0 / 24389.0 {
        t.powi(3)
    } else {
        (116.0 * t - 16.0) * 27.0 / 24389.0
    }
}

fn rounded_to_u16(value: f64) -> u16 {
    value.round().clamp(0.0, 65535.0) as u16
}

/// The sRGB colour of a Recommended Display CIELab Value.
pub(super) fn cielab_to_srgb(lab: [u16; 3]) -> [u8; 3] {
    let lightness = f64::from(lab[0]) / 655.35;
    let a = f64::from(lab[1]) / 257.0 - 128.0;
    let b = f64::from(lab[2]) / 257.0 - 128.0;
    let fy = (lightness + 16.0) / 116.0;
    let x = inverse_lightness_curve(fy + a / 500.0) * 0.964_22;
    let y = inverse_lightness_curve(fy);
    let z = inverse_lightness_curve(fy - b / 200.0) * 0.825_21;
    let linear = [
        3.133_856_1 * x - 1.616_866_7 * y - 0.490_614_6 * z,
        -0.978_768_4 * x + 1.916_141_5 * y + 0.033_454 * z,
        0.071_945_3 * x - 0.228_991_4 * y + 1.405_242_7 * z,
    ];
    linear.map(|c| {
        let c = if c <= 0.003_130_8 {
            12.92 * c
        } else {
            1.055 * c.powf(1.0 / 2.4) - 0.055
        };
        (c * 255.0).round().clamp(0.0, 255.0) as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use labrum_core::label::PALETTE;

    #[test]
    fn colours_survive_cielab() {
        for color in PALETTE.into_iter().chain([[0, 0, 0], [255, 255, 255]]) {
            let back = cielab_to_srgb(srgb_to_cielab(color));
            let off = (0..3).map(|i| back[i].abs_diff(color[i])).max();
            assert!(off <= Some(1), "{color:?} became {back:?}");
        }
        assert_eq!(srgb_to_cielab([255, 255, 255]), [65535, 32896, 32896]);
    }

    #[test]
    fn codes_that_are_not_allowed_become_tissue() {
        assert_eq!(
            usable_code(&Code::new("T-62000", "SRT", "Liver")).value,
            "85756007"
        );
        assert_eq!(
            usable_code(&Code::new("", "SCT", "Liver")).value,
            "85756007"
        );
        assert_eq!(
            usable_code(&Code::new("10200004", "SCT", "Liver")).value,
            "10200004"
        );
    }
}
