//! The coded concepts of measurement reports: PS3.16 TID 1500 and its parts, SNOMED CT, UCUM.

use crate::seg::element::code_sequence;
use dicom_core::Tag;
use dicom_object::mem::InMemElement;
use labrum_core::{
    label::Code,
    measurement::{Channel, QuantityKind, QuantityUnit},
};

/// A coded concept: value, scheme, meaning.
pub(super) type Term = [&'static str; 3];

pub(super) const REPORT: Term = ["126000", "DCM", "Imaging Measurement Report"];
pub(super) const LANGUAGE: Term = ["121049", "DCM", "Language of Content Item and Descendants"];
pub(super) const ENGLISH: Term = ["en-US", "RFC5646", "English (United States)"];
pub(super) const OBSERVER_TYPE: Term = ["121005", "DCM", "Observer Type"];
pub(super) const PERSON: Term = ["121006", "DCM", "Person"];
pub(super) const DEVICE: Term = ["121007", "DCM", "Device"];
pub(super) const PERSON_NAME: Term = ["121008", "DCM", "Person Observer Name"];
pub(super) const DEVICE_UID: Term = ["121012", "DCM", "Device Observer UID"];
pub(super) const DEVICE_NAME: Term = ["121013", "DCM", "Device Observer Name"];
pub(super) const DEVICE_MANUFACTURER: Term = ["121014", "DCM", "Device Observer Manufacturer"];
pub(super) const DEVICE_MODEL: Term = ["121015", "DCM", "Device Observer Model Name"];
pub(super) const PROCEDURE_REPORTED: Term = ["121058", "DCM", "Procedure reported"];
pub(super) const IMAGING_PROCEDURE: Term = ["363679005", "SCT", "Imaging procedure"];
pub(super) const IMAGING_MEASUREMENTS: Term = ["126010", "DCM", "Imaging Measurements"];
pub(super) const MEASUREMENT_GROUP: Term = ["125007", "DCM", "Measurement Group"];
pub(super) const TRACKING_IDENTIFIER: Term = ["112039", "DCM", "Tracking Identifier"];
pub(super) const TRACKING_UID: Term = ["112040", "DCM", "Tracking Unique Identifier"];
pub(super) const FINDING: Term = ["121071", "DCM", "Finding"];
pub(super) const IMAGE_REGION: Term = ["111030", "DCM", "Image Region"];
pub(super) const SOURCE: Term = ["260753009", "SCT", "Source"];
pub(super) const DERIVATION: Term = ["121401", "DCM", "Derivation"];

pub(super) const LENGTH: Term = ["410668003", "SCT", "Length"];
pub(super) const LONG_AXIS: Term = ["103339001", "SCT", "Long axis"];
pub(super) const SHORT_AXIS: Term = ["103340004", "SCT", "Short axis"];
pub(super) const ANGLE: Term = ["1483009", "SCT", "Angle"];
pub(super) const COBB_ANGLE: Term = ["285285000", "SCT", "Cobb angle"];
const AREA: Term = ["42798000", "SCT", "Area"];
const PERIMETER: Term = ["131191004", "SCT", "Perimeter"];
const MEAN: Term = ["373098007", "SCT", "Mean"];
const DEVIATION: Term = ["386136009", "SCT", "Standard Deviation"];
const MINIMUM: Term = ["255605001", "SCT", "Minimum"];
const MAXIMUM: Term = ["56851009", "SCT", "Maximum"];
const ATTENUATION: Term = ["112031", "DCM", "Attenuation Coefficient"];
const SUV: Term = ["126401", "DCM", "SUVbw"];

/// Unit of Standardized Uptake Values in the program.
pub(super) const SUV_UNIT: &str = "SUV";

/// Retired codes of the scheme SRT that other programs write, with their successors.
const SUCCESSORS: [(&str, Term); 6] = [
    ("G-D7FE", LENGTH),
    ("G-A185", LONG_AXIS),
    ("G-A186", SHORT_AXIS),
    ("G-A166", AREA),
    ("R-00317", MEAN),
    ("T-D0050", ["85756007", "SCT", "Tissue"]),
];

/// The code of a concept.
pub(super) fn code(term: Term) -> Code {
    let [value, scheme, meaning] = term;
    Code::new(value, scheme, meaning)
}

/// A sequence with one concept.
pub(super) fn term_sequence(tag: Tag, term: Term) -> InMemElement {
    code_sequence(tag, &code(term))
}

/// True if a code is this concept, by value and scheme; retired codes count as their successors.
pub(super) fn is_term(found: &Code, term: Term) -> bool {
    let is_srt = matches!(found.scheme.as_str(), "SRT" | "SNM3" | "99SDM");
    let successor = SUCCESSORS
        .iter()
        .find(|(value, _)| is_srt && *value == found.value);
    match successor {
        Some((_, successor)) => *successor == term,
        None => found.value == term[0] && found.scheme == term[1],
    }
}

/// The concept of a value, and for statistics of values in a known unit their derivation. Statistics without a known
/// unit are named by their derivation alone. Channels of colour images have concepts of the program's own.
pub(super) fn quantity_concept(
    kind: QuantityKind,
    channel: Option<Channel>,
    unit: &QuantityUnit,
) -> (Code, Option<Term>) {
    let statistic = match kind {
        QuantityKind::Length => return (code(LENGTH), None),
        QuantityKind::LongAxis => return (code(LONG_AXIS), None),
        QuantityKind::ShortAxis => return (code(SHORT_AXIS), None),
        QuantityKind::Angle => return (code(ANGLE), None),
        QuantityKind::CobbAngle => return (code(COBB_ANGLE), None),
        QuantityKind::Area => return (code(AREA), None),
        QuantityKind::Perimeter => return (code(PERIMETER), None),
        QuantityKind::Mean => Some(MEAN),
        QuantityKind::Deviation => Some(DEVIATION),
        QuantityKind::Minimum => Some(MINIMUM),
        QuantityKind::Maximum => Some(MAXIMUM),
        QuantityKind::Value => None,
    };
    if let Some(channel) = channel {
        return (channel_concept(kind, channel), None);
    }
    match (unit.symbol(), statistic) {
        ("HU", _) => (code(ATTENUATION), statistic),
        (SUV_UNIT, _) => (code(SUV), statistic),
        (_, Some(statistic)) => (code(statistic), None),
        (_, None) => (Code::new("PIXEL_VALUE", "99LABRUM", "Pixel value"), None),
    }
}

fn channel_concept(kind: QuantityKind, channel: Channel) -> Code {
    let short = match kind {
        QuantityKind::Deviation => "SD",
        QuantityKind::Minimum => "MIN",
        QuantityKind::Maximum => "MAX",
        QuantityKind::Mean => "MEAN",
        _ => "VALUE",
    };
    let name = channel.display_name();
    let value = format!("{short}_{}", name.to_uppercase());
    let meaning = format!("{} of {name}", kind.display_name());
    Code::new(&value, "99LABRUM", &meaning)
}

/// The unit of a value in UCUM.
pub(super) fn unit_code(unit: &QuantityUnit) -> Code {
    let [value, meaning] = match unit {
        QuantityUnit::Millimetre => ["mm", "mm"],
        QuantityUnit::SquareMillimetre => ["mm2", "square millimeter"],
        QuantityUnit::Pixel => ["{pixels}", "pixels"],
        // The area in pixels is their number.
        QuantityUnit::SquarePixel => ["{pixels}", "pixels"],
        QuantityUnit::Degree => ["deg", "Degree"],
        QuantityUnit::OfValues(unit) => match unit.as_str() {
            "HU" => ["[hnsf'U]", "Hounsfield unit"],
            SUV_UNIT => ["{SUVbw}g/ml", "SUV body weight"],
            "BQML" => ["Bq/ml", "Becquerels/milliliter"],
            _ => ["1", "no units"],
        },
    };
    Code::new(value, "UCUM", meaning)
}
