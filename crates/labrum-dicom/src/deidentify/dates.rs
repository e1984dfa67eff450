//! Moves dates (DA and DT, also several values) back by a number of days.

use jiff::civil::Date;
use jiff::{Span, ToSpan};
use std::ops::Range;

/// `text` (DA or DT, values separated by `\`) moved back by `days`; `None` if a value is not a full date.
pub(super) fn moved_back(text: &str, days: u32) -> Option<String> {
    let back = i64::from(days).days();
    let values: Option<Vec<String>> = text
        .split('\\')
        .map(|value| shift_date(value.trim_matches(['\0', ' ']), back))
        .collect();
    values.map(|values| values.join("\\"))
}

fn shift_date(value: &str, back: Span) -> Option<String> {
    if value.is_empty() {
        return Some(String::new());
    }
    // YYYYMMDD and what follows; the retired form has dots.
    let plain = value.replace('.', "");
    let (date, rest) = match value
        .get(..8)
        .filter(|d| d.bytes().all(|b| b.is_ascii_digit()))
    {
        Some(date) => (date.to_owned(), value.get(8..)?),
        None => (plain.get(..8)?.to_owned(), ""),
    };
    let year = number_in_range(&date, 0..4)?;
    let month = i8::try_from(number_in_range(&date, 4..6)?).ok()?;
    let day = i8::try_from(number_in_range(&date, 6..8)?).ok()?;
    let date = Date::new(year, month, day).ok()?;
    let date = date.checked_sub(back).ok()?;
    Some(format!(
        "{:04}{:02}{:02}{rest}",
        date.year(),
        date.month(),
        date.day()
    ))
}

fn number_in_range(text: &str, range: Range<usize>) -> Option<i16> {
    text.get(range)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::moved_back;

    #[test]
    fn dates_shift_across_months_and_years_and_keep_their_time() {
        let check = |text: &str, days, expected: Option<&str>| {
            assert_eq!(moved_back(text, days).as_deref(), expected)
        };
        check("20240301", 1, Some("20240229"));
        check("20240101", 366, Some("20221231"));
        check("20240301101112.5+0100", 1, Some("20240229101112.5+0100"));
        check("20240301\\20240302 ", 1, Some("20240229\\20240301"));
        check("2004.01.19", 19, Some("20031231"));
        check("", 19, Some(""));
        check("anonymous", 1, None);
        check("2024", 1, None);
        check("20241301", 1, None);
    }
}
