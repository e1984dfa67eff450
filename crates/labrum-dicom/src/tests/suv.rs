//! Standardized uptake values of PET images.

use super::*;

const PET: &str = "1.2.840.10008.5.1.4.1.1.128";

/// 3.7e8 Bq of fluorine-18 an hour before the scan, in a patient of 70 kg.
fn drug() -> Fixture {
    Fixture::empty_item()
        .with_text(tags::RADIOPHARMACEUTICAL_START_TIME, VR::TM, "090000.50")
        .with_text(tags::RADIONUCLIDE_TOTAL_DOSE, VR::DS, "370000000")
        .with_text(tags::RADIONUCLIDE_HALF_LIFE, VR::DS, "6586.2")
}

fn pet(drug: Fixture) -> Fixture {
    Fixture::new(2, 1)
        .with_text(tags::SOP_CLASS_UID, VR::UI, PET)
        .with_text(tags::MODALITY, VR::CS, "PT")
        .with_text(tags::UNITS, VR::CS, "BQML")
        .with_text(tags::CORRECTED_IMAGE, VR::CS, "NORM\\ATTN\\SCAT\\DECY")
        .with_text(tags::DECAY_CORRECTION, VR::CS, "START")
        .with_text(tags::PATIENT_WEIGHT, VR::DS, "70")
        .with_text(tags::SERIES_DATE, VR::DA, "20240131")
        .with_text(tags::SERIES_TIME, VR::TM, "100000")
        .with_text(tags::ACQUISITION_DATE, VR::DA, "20240131")
        .with_text(tags::ACQUISITION_TIME, VR::TM, "101500")
        .with_sequence(tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE, drug)
        .with_text(tags::RESCALE_SLOPE, VR::DS, "2.5")
        .with_text(tags::RESCALE_INTERCEPT, VR::DS, "0")
        .with_pixels(&[0, 2000])
}

fn factor(file: &Fixture) -> Option<f64> {
    image(file).suv_factor
}

#[track_caller]
fn assert_close(found: Option<f64>, wanted: f64) {
    let found = found.unwrap();
    assert!(
        (found / wanted - 1.0).abs() < 1e-12,
        "{found}, not {wanted}"
    );
}

#[test]
fn the_factor_follows_from_dose_decay_and_weight() {
    // 70000 g / (3.7e8 Bq * exp(-ln 2 * 3600 / 6586.2)): the dose has decayed to 68.46 %.
    let decayed = 3.7e8 * (-std::f64::consts::LN_2 * 3600.0 / 6586.2).exp();
    assert_close(factor(&pet(drug())), 70_000.0 / decayed);
    let to_injection = pet(drug()).with_text(tags::DECAY_CORRECTION, VR::CS, "ADMIN");
    assert_close(factor(&to_injection), 70_000.0 / 3.7e8);
    // An injection on the day before, 25 hours earlier.
    let earlier = drug().with_text(
        tags::RADIOPHARMACEUTICAL_START_DATE_TIME,
        VR::DT,
        "20240130090000.00+0100",
    );
    let decayed = 3.7e8 * (-std::f64::consts::LN_2 * 90_000.0 / 6586.2).exp();
    assert_close(factor(&pet(earlier)), 70_000.0 / decayed);
}

#[test]
fn values_in_grams_per_millilitre_are_uptake_values_already() {
    let file = pet(drug()).with_text(tags::UNITS, VR::CS, "GML");
    assert_eq!(factor(&file), Some(1.0));
    let by_lean_mass = file.clone().with_text(tags::SUV_TYPE, VR::CS, "LBM");
    assert_eq!(factor(&by_lean_mass), None);
    assert_eq!(
        factor(&file.with_text(tags::SUV_TYPE, VR::CS, "BW")),
        Some(1.0)
    );
}

#[test]
fn without_all_that_it_takes_there_are_no_uptake_values() {
    let base = pet(drug());
    for (tag, vr, value) in [
        (tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.20"),
        (tags::UNITS, VR::CS, "CNTS"),
        (tags::CORRECTED_IMAGE, VR::CS, "NORM\\SCAT\\DECY"),
        (tags::CORRECTED_IMAGE, VR::CS, "ATTN"),
        (tags::DECAY_CORRECTION, VR::CS, "NONE"),
        (tags::PATIENT_WEIGHT, VR::DS, "0"),
        (tags::SERIES_TIME, VR::TM, "103000"),
        (tags::SERIES_TIME, VR::TM, "083000"),
        (tags::SERIES_DATE, VR::DA, ""),
    ] {
        assert_eq!(
            factor(&base.clone().with_text(tag, vr, value)),
            None,
            "{tag} {value}"
        );
    }
    for (tag, vr, value) in [
        (tags::RADIONUCLIDE_TOTAL_DOSE, VR::DS, "370"),
        (tags::RADIONUCLIDE_HALF_LIFE, VR::DS, ""),
        (
            tags::RADIOPHARMACEUTICAL_START_TIME,
            VR::TM,
            "half past nine",
        ),
    ] {
        assert_eq!(
            factor(&pet(drug().with_text(tag, vr, value))),
            None,
            "{tag} {value}"
        );
    }
    let two = base.append_item(tags::RADIOPHARMACEUTICAL_INFORMATION_SEQUENCE, drug());
    assert_eq!(factor(&two), None, "two doses");
}
