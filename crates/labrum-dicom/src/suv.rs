//! Standardized uptake values (SUV) of PET images: by body weight, and only where the header gives everything for them.

use super::dataset::DataSet;
use dicom_dictionary_std::{tags, uids};
use jiff::civil::{Date, DateTime, Time};

/// A smaller dose, in Bq, is a dose in another unit.
const LEAST_DOSE: f64 = 1e5;

/// The SUV by body weight, in g/ml, of a modality value of 1; `None` if the header does not give it.
///
/// Values in GML are SUV already, unless they are normalized to something else than body weight. Values in BQML are
/// divided by the dose per gram of body weight. This needs values that are corrected for attenuation and decay, and the
/// patient's weight. If the decay is corrected to the start of the scan, it also needs the half-life and the time of the
/// injection, and the time of the series must not be later than that of the image, as in series that were processed.
pub(crate) fn suv_factor(data: &DataSet) -> Option<f64> {
    if data.text_value(tags::SOP_CLASS_UID)? != uids::POSITRON_EMISSION_TOMOGRAPHY_IMAGE_STORAGE {
        return None;
    }
    match data.text_value(tags::UNITS)?.as_str() {
        "GML" => {
            let normalized = data.text_value(tags::SUV_TYPE);
            normalized.is_none_or(|to| to == "BW").then_some(1.0)
        }
        "BQML" => factor_from_dose(data),
        _ => None,
    }
}

/// As [`suv_factor`], for values in Bq/ml.
fn factor_from_dose(data: &DataSet) -> Option<f64> {
    let corrected = data.text_values(tags::CORRECTED_IMAGE);
    if !["ATTN", "DECY"]
        .iter()
        .all(|step| corrected.iter().any(|done| done == step))
    {
        return None;
    }
    let [drug] = data.sequence_items(tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE) else {
        return None;
    };
    let dose = drug.numeric_value(tags::RADIONUCLIDE_TOTAL_DOSE);
    let dose = dose.filter(|dose| *dose >= LEAST_DOSE)?;
    let remaining = match data.text_value(tags::DECAY_CORRECTION)?.as_str() {
        "ADMIN" => 1.0,
        "START" => {
            let half_life = positive(drug.numeric_value(tags::RADIONUCLIDE_HALF_LIFE))?;
            (-seconds_to_scan(data, drug)? / half_life).exp2()
        }
        _ => return None,
    };
    let grams = positive(data.numeric_value(tags::PATIENT_WEIGHT))? * 1000.0;
    positive(Some(grams / (dose * remaining)))
}

/// Seconds from the injection to the start of the scan.
fn seconds_to_scan(data: &DataSet, drug: &DataSet) -> Option<f64> {
    let moment = |date, time| moment_from(&data.text_value(date)?, &data.text_value(time)?);
    let scan = moment(tags::SERIES_DATE, tags::SERIES_TIME)?;
    if moment(tags::ACQUISITION_DATE, tags::ACQUISITION_TIME)? < scan {
        return None;
    }
    let injection = match drug.text_value(tags::RADIOPHARMACEUTICAL_START_DATE_TIME) {
        Some(text) => moment_from(text.get(..8)?, text.get(8..)?)?,
        None => {
            let time = drug.text_value(tags::RADIOPHARMACEUTICAL_START_TIME)?;
            moment_from(&data.text_value(tags::SERIES_DATE)?, &time)?
        }
    };
    let seconds = scan.duration_since(injection).as_secs_f64();
    (seconds >= 0.0).then_some(seconds)
}

/// A date YYYYMMDD and a time HHMMSS, to the second. An offset from UTC after the time is ignored: those of one scanner
/// agree.
fn moment_from(date: &str, time: &str) -> Option<DateTime> {
    let number = |text: &str, from: usize, to: usize| text.get(from..to)?.parse::<i8>().ok();
    let year = date.get(..4)?.parse::<i16>().ok()?;
    let date = Date::new(year, number(date, 4, 6)?, number(date, 6, 8)?).ok()?;
    let whole = Time::new(
        number(time, 0, 2)?,
        number(time, 2, 4)?,
        number(time, 4, 6)?,
        0,
    )
    .ok()?;
    Some(date.to_datetime(whole))
}

fn positive(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite() && *value > 0.0)
}
