//! Tests of `web`.
#![allow(clippy::unwrap_used)]

use super::*;

#[test]
fn the_result_for_an_object_is_found_in_the_store_response() {
    let item =
        |sop: &str, more: &str| format!(r#"{{"00081155":{{"vr":"UI","Value":["{sop}"]}}{more}}}"#);
    let why = r#","00081197":{"vr":"US","Value":[42752]}"#;
    let text = format!(
        r#"{{"00081199":{{"vr":"SQ","Value":[{},{}]}},"00081198":{{"vr":"SQ","Value":[{}]}}}}"#,
        item("1.1", ""),
        item("1.2", ""),
        item("1.3", why)
    );
    assert_eq!(store_verdict(text.as_bytes(), "1.2"), Some(Ok(())));
    assert!(
        store_verdict(text.as_bytes(), "1.3")
            .unwrap()
            .unwrap_err()
            .contains("out of resources")
    );
    assert_eq!(store_verdict(text.as_bytes(), "1.4"), None);
    assert_eq!(store_verdict(b"", "1.4"), None);
}

#[test]
fn search_terms_are_escaped_in_the_query() {
    let mut asked = UrlQuery::new(&[tags::STUDY_DESCRIPTION]);
    asked.match_on("PatientName", "*M\u{fc}ller&limit=0*");
    asked.match_on("PatientID", " ");
    assert_eq!(
        asked.0,
        "includefield=00081030&PatientName=*M%C3%BCller%26limit%3D0*"
    );
}
