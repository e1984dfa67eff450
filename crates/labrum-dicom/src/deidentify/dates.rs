//! Dates moved by days: DA and DT, several values and partial ones.

use jiff::civil::Date;
use jiff::{Span, ToSpan};

/// `text` (DA or DT, several values with `\`) moved back by `days`; `None` where a value is no date.
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
    // YYYYMMDD and what follows; the old form has dots.
    let plain = value.replace('.', "");
    let (date, rest) = match value
        .get(..8)
        .filter(|d| d.bytes().all(|b| b.is_ascii_digit()))
    {
        Some(date) => (date.to_owned(), value.get(8..)?),
        None => (plain.get(..8)?.to_owned(), ""),
    };
    let part = |range: std::ops::Range<usize>| date.get(range)?.parse::<i16>().ok();
    let date = Date::new(
        part(0..4)?,
        i8::try_from(part(4..6)?).ok()?,
        i8::try_from(part(6..8)?).ok()?,
    )
    .ok()?;
    let date = date.checked_sub(back).ok()?;
    Some(format!(
        "{:04}{:02}{:02}{rest}",
        date.year(),
        date.month(),
        date.day()
    ))
}

#[cfg(test)]
mod tests {
    use super::moved_back;

    #[test]
    fn dates_move_over_months_and_years_and_keep_their_time() {
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
