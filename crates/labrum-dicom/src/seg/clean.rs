//! Cleans values of the source for strict writing: corrects them if that is safe, else omits them.

use dicom_core::VR;

/// A value of `vr` without padding and control characters; empty if it is not valid.
///
/// Names and identifiers are kept even if they are too long: a changed one could identify another patient.
pub(crate) fn sanitize_value(vr: VR, raw: &[u8]) -> Vec<u8> {
    const ESCAPE: u8 = 0x1b;
    let bytes: Vec<u8> = raw
        .iter()
        .copied()
        .filter(|b| *b >= 0x20 || *b == ESCAPE)
        .collect();
    let bytes = bytes.trim_ascii().to_vec();
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match vr {
        VR::DA => sanitize_date(&text).unwrap_or_default().into_bytes(),
        VR::TM => sanitize_time(&text).unwrap_or_default().into_bytes(),
        VR::AS => sanitize_age(&text).unwrap_or_default().into_bytes(),
        VR::DS => sanitize_decimal(&text).unwrap_or_default().into_bytes(),
        VR::CS => sanitize_code_string(&text).unwrap_or_default().into_bytes(),
        VR::UI => text
            .trim_matches(|c: char| c != '.' && !c.is_ascii_digit())
            .to_owned()
            .into_bytes(),
        _ => bytes,
    }
}

/// True for a valid UID by PS3.5 9.1, but leading zeros are accepted, because real files have them.
pub(crate) fn is_uid(text: &str) -> bool {
    text.contains('.') && labrum_core::pacs::is_uid(text)
}

/// True for UIDs with leading zeros, which PS3.5 9.1 forbids but real files contain.
pub(crate) fn has_leading_zero(uid: &str) -> bool {
    uid.split('.')
        .any(|part| part.len() > 1 && part.starts_with('0'))
}

/// YYYYMMDD, also from YYYY-MM-DD and YYYY.MM.DD.
fn sanitize_date(text: &str) -> Option<String> {
    let digits: String = text
        .chars()
        .filter(|c| !matches!(c, '-' | '.' | '/'))
        .collect();
    let valid = digits.len() == 8
        && is_all_digits(&digits)
        && (1..=12).contains(&two_digit_number(&digits, 4)?)
        && (1..=31).contains(&two_digit_number(&digits, 6)?);
    valid.then_some(digits)
}

/// At least one digit, and nothing else.
fn is_all_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}

/// The two-digit number at the byte `at`.
fn two_digit_number(text: &str, at: usize) -> Option<u32> {
    text.get(at..at + 2)?.parse().ok()
}

/// HHMMSS.FFFFFF or a shorter form of it, also from HH:MM:SS.
fn sanitize_time(text: &str) -> Option<String> {
    let text = text.replace(':', "");
    let (whole, fraction) = text
        .split_once('.')
        .map_or((text.as_str(), None), |(w, f)| (w, Some(f)));
    if !is_all_digits(whole) || !matches!(whole.len(), 2 | 4 | 6) {
        return None;
    }
    // There are only whole pairs of digits here: a missing pair counts as 0.
    let hours = two_digit_number(whole, 0).unwrap_or(0);
    let minutes = two_digit_number(whole, 2).unwrap_or(0);
    let seconds = two_digit_number(whole, 4).unwrap_or(0);
    if hours > 23 || minutes > 59 || seconds > 60 {
        return None;
    }
    match fraction {
        Some(f) if whole.len() == 6 && is_all_digits(f) => {
            Some(format!("{whole}.{}", &f[..f.len().min(6)]))
        }
        _ => Some(whole.to_owned()),
    }
}

/// nnnD, nnnW, nnnM or nnnY.
fn sanitize_age(text: &str) -> Option<String> {
    let text = text.to_uppercase();
    let unit = text.chars().last().filter(|c| "DWMY".contains(*c))?;
    let number: u32 = text[..text.len() - 1].parse().ok()?;
    (number < 1000).then(|| format!("{number:03}{unit}"))
}

fn sanitize_decimal(text: &str) -> Option<String> {
    let value: f64 = text.parse().ok()?;
    value
        .is_finite()
        .then(|| super::element::decimal_string(value))
}

/// At most 16 upper case letters, digits, spaces and underscores.
fn sanitize_code_string(text: &str) -> Option<String> {
    let text = text.to_uppercase();
    let fits = text.len() <= 16
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || matches!(b, b' ' | b'_'));
    fits.then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(vr: VR, raw: &str, expected: &str) {
        assert_eq!(
            String::from_utf8_lossy(&sanitize_value(vr, raw.as_bytes())),
            expected,
            "{vr:?} of {raw:?}"
        );
    }

    #[test]
    fn dates_and_times_are_corrected_or_left_empty() {
        check(VR::DA, "2004.01.19", "20040119");
        check(VR::DA, "20041319", "");
        check(VR::DA, "anonymous", "");
        check(VR::TM, "07:27:30", "072730");
        check(VR::TM, "072730.12345678", "072730.123456");
        check(VR::TM, "0727", "0727");
        check(VR::TM, "250000", "");
        check(VR::TM, "07273é", "");
    }

    #[test]
    fn other_values_are_corrected_or_left_empty() {
        check(VR::AS, "34y", "034Y");
        check(VR::AS, "034", "");
        check(VR::AS, "é", "");
        check(VR::DS, "72.5 ", "72.5");
        check(VR::DS, "heavy", "");
        check(VR::CS, "m\0", "M");
        check(VR::CS, "a value far too long", "");
        check(VR::UI, "1.2.3\0", "1.2.3");
        check(VR::LO, " A\u{7}B \0", "AB");
        check(VR::PN, "\u{1b}$B;3ED", "\u{1b}$B;3ED");
    }

    #[test]
    fn uids_are_distinguished_from_other_texts() {
        assert!(is_uid("1.2.840.10008.1.2"));
        assert!(
            is_uid("1.2.03"),
            "leading zeros are invalid but occur in practice"
        );
        for text in ["", "1", "1..2", "1.2.", "1.2a", &"1.2".repeat(30)] {
            assert!(!is_uid(text), "{text}");
        }
    }
}
