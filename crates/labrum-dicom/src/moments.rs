//! Dates and times of a dataset: as text for display, as seconds for sorting, and how fast frames are to be played.

use super::dataset::DataSet;
use dicom_core::Tag;
use dicom_dictionary_std::tags;
use labrum_core::cine::CineHint;
use std::ops::Range;

/// Date and time as a number of seconds that increases with time; the date counts as 0 if it is missing.
pub(crate) fn clock_seconds(data: &DataSet, date: Tag, time: Tag) -> Option<f64> {
    let day = data
        .text_value(date)
        .and_then(|d| d.replace('.', "").parse::<f64>().ok())
        .unwrap_or(0.0);
    Some(day * 86_400.0 + parse_seconds(&data.text_value(time)?)?)
}

/// Like [`clock_seconds`], for an item of the Frame Content Sequence.
pub(crate) fn frame_clock_seconds(content: &DataSet) -> Option<f64> {
    let moment = content.text_value(tags::FRAME_ACQUISITION_DATE_TIME)?;
    let day = moment.get(..8)?.parse::<f64>().ok()?;
    Some(day * 86_400.0 + parse_seconds(moment.get(8..)?)?)
}

/// How a file asks to be played: Recommended Display Frame Rate, else Cine Rate, else Frame Time or the mean of the Frame
/// Time Vector, both in ms.
pub(crate) fn cine_hint(data: &DataSet) -> CineHint {
    let rate = positive_number(data, tags::RECOMMENDED_DISPLAY_FRAME_RATE)
        .or_else(|| positive_number(data, tags::CINE_RATE))
        .or_else(|| positive_number(data, tags::FRAME_TIME).map(|ms| 1000.0 / ms))
        .or_else(|| mean_frame_time(data).map(|ms| 1000.0 / ms));
    // 1 means that frames are swept back and forth.
    let is_sweeping = data.integer_value(tags::PREFERRED_PLAYBACK_SEQUENCING) == Some(1);
    CineHint::new(rate, is_sweeping)
}

fn positive_number(data: &DataSet, tag: Tag) -> Option<f64> {
    data.numeric_value(tag)
        .filter(|value| value.is_finite() && *value > 0.0)
}

/// The mean of the Frame Time Vector in ms. Its first value, that of the first frame, is 0.
fn mean_frame_time(data: &DataSet) -> Option<f64> {
    let steps = data.numeric_values(tags::FRAME_TIME_VECTOR);
    let steps = steps.get(1..).filter(|steps| !steps.is_empty())?;
    let mean = steps.iter().sum::<f64>() / steps.len() as f64;
    (mean.is_finite() && mean > 0.0).then_some(mean)
}

/// A date element as YYYY-MM-DD; empty if it is missing or not a valid date.
pub(crate) fn display_date(data: &DataSet, tag: Tag) -> String {
    format_date(&data.text_value(tag).unwrap_or_default())
}

/// A time element as HH:MM:SS, or as HH:MM without seconds; empty if it is missing or not a valid time.
pub(crate) fn display_time(data: &DataSet, tag: Tag) -> String {
    format_time(&data.text_value(tag).unwrap_or_default())
}

/// HHMMSS.FFFFFF, or the retired form HH:MM:SS, as seconds since midnight.
fn parse_seconds(time: &str) -> Option<f64> {
    let time = time.replace(':', "");
    let hours = number_in_range(&time, 0..2)?;
    let minutes = number_in_range(&time, 2..4)?;
    let seconds = time
        .get(4..)
        .filter(|rest| !rest.is_empty())
        .map_or(Some(0.0), |rest| rest.parse().ok());
    Some(hours * 3600.0 + minutes * 60.0 + seconds?)
}

/// The number at these bytes; 0 if the text is shorter.
fn number_in_range(text: &str, range: Range<usize>) -> Option<f64> {
    text.get(range)
        .map_or(Some(0.0), |part| part.parse::<f64>().ok())
}

/// YYYYMMDD, or the retired form YYYY.MM.DD, as YYYY-MM-DD; empty if it is not a valid date.
fn format_date(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() != 8 {
        return String::new();
    }
    let year = &digits[..4];
    let month = &digits[4..6];
    let day = &digits[6..];
    let exists = ("01"..="12").contains(&month) && ("01"..="31").contains(&day);
    if exists {
        format!("{year}-{month}-{day}")
    } else {
        String::new()
    }
}

/// HHMMSS.FFFFFF, HHMM, HH, or the retired form HH:MM:SS, without fractions of seconds; empty if it is not a valid
/// time.
fn format_time(text: &str) -> String {
    let whole = text.split('.').next().unwrap_or_default();
    let digits: String = whole.chars().filter(|c| *c != ':').collect();
    let is_number = digits.chars().all(|c| c.is_ascii_digit());
    if !is_number || !matches!(digits.len(), 2 | 4 | 6) {
        return String::new();
    }
    let (hours, rest) = digits.split_at(2);
    let (minutes, seconds) = rest.split_at(rest.len().min(2));
    // Seconds of 60 are leap seconds.
    let exists = hours < "24" && minutes < "60" && seconds <= "60";
    match (exists, minutes, seconds) {
        (false, ..) => String::new(),
        (true, "", _) => format!("{hours}:00"),
        (true, minutes, "") => format!("{hours}:{minutes}"),
        (true, minutes, seconds) => format!("{hours}:{minutes}:{seconds}"),
    }
}

#[cfg(test)]
mod tests {
    use super::{format_date, format_time, parse_seconds};

    #[test]
    fn old_and_new_dates_and_times_are_read() {
        assert_eq!(format_date("20240131"), "2024-01-31");
        assert_eq!(format_date("2024.01.31"), "2024-01-31");
        assert_eq!(format_date("unknown"), "");
        assert_eq!(format_date("20120000"), "");
        assert_eq!(parse_seconds("010203.5"), Some(3723.5));
        assert_eq!(parse_seconds("01:02:03"), Some(3723.0));
        assert_eq!(parse_seconds("1230"), Some(45_000.0));
    }

    #[test]
    fn times_are_shown_without_fractions_and_invalid_ones_not_at_all() {
        for (stored, shown) in [
            ("072011.250000", "07:20:11"),
            ("07:20:11", "07:20:11"),
            ("0720", "07:20"),
            ("07", "07:00"),
            ("235960", "23:59:60"),
            ("240000", ""),
            ("076000", ""),
            ("7", ""),
            ("unknown", ""),
            ("١٢٣٤", ""),
            ("", ""),
        ] {
            assert_eq!(format_time(stored), shown, "{stored}");
        }
    }
}
