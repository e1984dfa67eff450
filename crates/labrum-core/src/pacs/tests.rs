//! Tests of `pacs`.

use super::*;

#[test]
fn invalid_server_settings_are_reported() {
    let server = |address: &str| Server {
        name: "A".into(),
        address: address.into(),
        ..Server::default()
    };
    assert_eq!(server("https://pacs/dicom-web").find_problem(), None);
    assert_eq!(server("").find_problem(), Some("the address is missing"));
    assert!(
        server("pacs/dicom-web")
            .find_problem()
            .is_some_and(|p| p.contains("https://"))
    );
    assert!(
        server("http://me:secret@pacs/")
            .find_problem()
            .is_some_and(|p| p.contains("password"))
    );
    let dimse = |address: &str| Server {
        protocol: Protocol::Dimse,
        ..server(address)
    };
    assert_eq!(dimse("pacs:104").find_problem(), None);
    assert!(dimse("pacs").find_problem().is_some() && dimse("pacs:x").find_problem().is_some());
    assert!(
        Server {
            called_ae: "LONGER THAN SIXTEEN".into(),
            ..dimse("pacs:104")
        }
        .find_problem()
        .is_some()
    );
}

#[test]
fn an_unencrypted_password_is_detected() {
    let server = |address: &str| Server {
        address: address.into(),
        sign_in: SignIn::Password,
        ..Server::default()
    };
    assert!(server("http://pacs/dicom-web").is_secret_in_the_clear());
    assert!(!server("https://pacs/dicom-web").is_secret_in_the_clear());
    assert!(!server("http://localhost:8042/dicom-web").is_secret_in_the_clear());
}

#[test]
fn secrets_are_not_printed() {
    assert_eq!(format!("{:?}", Secret::new("pass")), "Secret");
}

#[test]
fn dates_and_names_are_queried_in_dicom_format() {
    let query = |from: &str, to: &str| {
        Query {
            from: from.into(),
            to: to.into(),
            ..Query::default()
        }
        .study_date_range()
    };
    assert_eq!(query("", ""), Ok(None));
    assert_eq!(query("2026-01-31", ""), Ok(Some("20260131-".into())));
    assert_eq!(query("2026-01-31", "20260131"), Ok(Some("20260131".into())));
    assert_eq!(query("last week", ""), Err("last week".into()));
    let name = |name: &str| {
        Query {
            patient_name: name.into(),
            ..Query::default()
        }
        .name_pattern()
    };
    assert_eq!(name("Doe, John").as_deref(), Some("*Doe*John*"));
    assert_eq!(name("DOE^*").as_deref(), Some("DOE^*"));
    assert_eq!(name(" "), None);
}

#[test]
fn only_valid_uids_become_file_names() {
    assert!(is_uid("1.2.840.10008.1"));
    assert!(
        !is_uid("../1.2")
            && !is_uid("1..2")
            && !is_uid("")
            && !is_uid(&"1".repeat(65))
            && !is_uid("1.2/3")
    );
}
