//! Tests of `label_values`.
#![allow(clippy::unwrap_used)]

use super::*;

const SIDE: usize = 40;

fn stored(coding: Coding, value: impl Fn(usize, usize) -> u16) -> StoredLabels {
    let values = (0..SIDE * SIDE)
        .map(|i| value(i % SIDE, i / SIDE))
        .collect();
    StoredLabels {
        columns: SIDE,
        rows: SIDE,
        values,
        coding,
    }
}

/// A mask with a stripe of each value.
fn striped(values: &[u16]) -> StoredLabels {
    stored(Coding::Grey, |column, _| {
        values[column * values.len() / SIDE]
    })
}

fn set(pictures: &[StoredLabels]) -> Vec<(PathBuf, MaskValues)> {
    let named = |(i, picture)| (format!("{i}.png").into(), MaskValues::from_stored(picture));
    pictures.iter().enumerate().map(named).collect()
}

fn found(pictures: &[&[u16]]) -> Result<ValueRule> {
    find_rule(
        &set(&pictures
            .iter()
            .map(|values| striped(values))
            .collect::<Vec<_>>()),
        None,
        None,
    )
}

/// How far the centre of a pixel is inside a disc.
fn depth(column: usize, row: usize) -> f64 {
    12.3 - (column as f64 - 19.2).hypot(row as f64 - 20.1)
}

#[test]
fn one_value_rule_is_found_for_all_masks() {
    let reading = |pictures: &[&[u16]]| found(pictures).unwrap().reading;
    assert_eq!(
        reading(&[&[0, 255], &[0], &[255]]),
        ValueReading::AtLeast(1)
    );
    assert_eq!(reading(&[&[0, 1], &[0], &[1]]), ValueReading::Values);
    assert_eq!(
        reading(&[&[0, 1, 200], &[0, 200]]),
        ValueReading::Values,
        "200 alone is a label too"
    );
    assert_eq!(
        found(&[&[0, 1, 200], &[0, 3]]).unwrap().labels,
        [1, 3, 200].into()
    );
    assert_eq!(found(&[&[0], &[0]]).unwrap().labels, [].into());
}

#[test]
fn contradicting_values_are_refused_and_both_masks_are_named() {
    let error = found(&[&[0, 1, 2], &[0, 255]]).unwrap_err().to_string();
    for part in [
        "1.png",
        "0.png",
        "0 and 255",
        "1, 2",
        "labels.json",
        "--threshold 1",
    ] {
        assert!(error.contains(part), "{error}");
    }
    assert!(found(&[&[0, 1], &[0, 255]]).is_err());
    assert!(found(&[&[0, 128], &[0, 255]]).is_err());
}

#[test]
fn a_label_list_decides_what_the_values_mean() {
    let pictures = [striped(&[0, 3]), striped(&[0, 200])];
    let rule = |named: &[u8]| {
        find_rule(
            &set(&pictures),
            Some(&named.iter().copied().collect()),
            None,
        )
    };
    let decided = rule(&[3, 200]).unwrap();
    assert_eq!(
        (decided.reading, decided.note),
        (ValueReading::Values, None)
    );
    assert!(
        rule(&[3]).is_err(),
        "200 is not listed and could mean white"
    );
    let white = set(&[striped(&[0, 255])]);
    assert_eq!(
        super::find_rule(&white, Some(&[1].into()), None)
            .unwrap()
            .reading,
        ValueReading::AtLeast(1)
    );
    assert_eq!(
        super::find_rule(&white, Some(&[255].into()), None)
            .unwrap()
            .reading,
        ValueReading::Values
    );
}

#[test]
fn a_threshold_is_applied() {
    let rule = find_rule(&set(&[striped(&[0, 3, 90, 255])]), None, Some(90)).unwrap();
    assert_eq!(
        (rule.reading, rule.labels),
        (ValueReading::AtLeast(90), [1].into())
    );
    assert_eq!(
        rule.reading.to_labels(&[0, 89, 90, 255]).unwrap(),
        [0, 0, 1, 1]
    );
}

#[test]
fn a_mask_with_soft_edges_is_refused_even_among_clean_ones() {
    let smooth = |width: f64| {
        stored(Coding::Grey, move |column, row| {
            ((depth(column, row) / width + 0.5).clamp(0.0, 1.0) * 255.0).round() as u16
        })
    };
    for width in [1.0, 2.0, 6.0] {
        let error = find_rule(&set(&[striped(&[0, 255]), smooth(width)]), None, None)
            .unwrap_err()
            .to_string();
        for part in ["1.png", "soft edges", "--threshold 128"] {
            assert!(error.contains(part), "{error}");
        }
    }
}

#[test]
fn many_labels_are_not_mistaken_for_soft_edges() {
    let boxes = stored(Coding::Grey, |column, row| {
        (column / 4 + row / 4 * 10) as u16
    });
    assert_eq!(
        find_rule(&set(&[boxes]), None, None).unwrap().labels.len(),
        99
    );
    let layers = stored(Coding::Grey, |column, row| (column + row / 8) as u16 / 2);
    assert_eq!(
        find_rule(&set(&[layers]), None, None).unwrap().reading,
        ValueReading::Values
    );
    let small = stored(Coding::Grey, |column, row| match (column % 8, row % 8) {
        (3 | 4, 3) => (column / 8 + row / 8 * 5) as u16 + 1,
        _ => 0,
    });
    assert_eq!(
        find_rule(&set(&[small]), None, None).unwrap().labels.len(),
        25
    );
}

#[test]
fn a_jpeg_mask_must_be_black_and_white() {
    let jpeg = |levels: [u16; 2]| {
        let ringing = move |column: usize, row: usize| (column * 5 + row * 3) as u16 % 9;
        stored(Coding::Lossy, move |column, row| {
            match depth(column, row) > 0.0 {
                true => levels[1] - ringing(column, row),
                false => levels[0] + ringing(column, row),
            }
        })
    };
    let empty = stored(Coding::Lossy, |_, _| 0);
    let reading = find_rule(&set(&[jpeg([0, 255]), empty]), None, None)
        .unwrap()
        .reading;
    assert_eq!(reading, ValueReading::AtLeast(128));
    for levels in [[0, 10], [0, 128], [100, 255]] {
        let error = find_rule(&set(&[jpeg(levels)]), None, None)
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("JPEG compression has changed the values"),
            "{error}"
        );
    }
    assert!(find_rule(&set(&[jpeg([0, 255]), striped(&[0, 1])]), None, None).is_err());
}

#[test]
fn values_above_255_are_refused() {
    let error = found(&[&[0, 1, 300]]).unwrap_err().to_string();
    assert!(error.contains("value 300 is not a label"), "{error}");
}

#[test]
fn values_are_listed_as_ranges() {
    assert_eq!(
        format_ranges(&[1, 2, 3, 4, 7, 9, 10, 255].into()),
        "1 to 4, 7, 9, 10, 255"
    );
}
