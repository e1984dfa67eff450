//! Content items of a structured report: containers, codes, numbers.

use super::codes::{Term, quantity_concept, term_sequence, unit_code};
use crate::seg::element::{
    Item, code_sequence, decimal_string, put_all, sequence_element, sequence_item, text_element,
};
use dicom_core::{DataElement, PrimitiveValue, VR};
use dicom_dictionary_std::tags;
use dicom_object::mem::InMemElement;
use labrum_core::{label::Code, measurement::Quantity};

/// A value with its unit.
pub(super) fn numeric_content(quantity: &Quantity) -> Item {
    let (name, _) = quantity_concept(quantity.kind, quantity.channel, &quantity.unit);
    let value = sequence_item([
        text_element(tags::NUMERIC_VALUE, VR::DS, decimal_string(quantity.value)),
        DataElement::new(
            tags::FLOATING_POINT_VALUE,
            VR::FD,
            PrimitiveValue::F64([quantity.value].as_slice().into()),
        ),
        code_sequence(
            tags::MEASUREMENT_UNITS_CODE_SEQUENCE,
            &unit_code(&quantity.unit),
        ),
    ]);
    let mut item = sequence_item([
        text_element(tags::RELATIONSHIP_TYPE, VR::CS, "CONTAINS"),
        text_element(tags::VALUE_TYPE, VR::CS, "NUM"),
        code_sequence(tags::CONCEPT_NAME_CODE_SEQUENCE, &name),
    ]);
    item.put(sequence_element(tags::MEASURED_VALUE_SEQUENCE, vec![value]));
    item
}

/// A content item with a coded value.
pub(super) fn code_content(relationship: &str, name: Term, value: &Code) -> Item {
    content_item(
        relationship,
        "CODE",
        name,
        [code_sequence(tags::CONCEPT_CODE_SEQUENCE, value)],
    )
}

/// A content item with its concept name, and the elements of its value.
pub(super) fn content_item(
    relationship: &str,
    value_type: &str,
    name: Term,
    elements: impl IntoIterator<Item = InMemElement>,
) -> Item {
    let mut item = sequence_item([
        text_element(tags::RELATIONSHIP_TYPE, VR::CS, relationship),
        text_element(tags::VALUE_TYPE, VR::CS, value_type),
        term_sequence(tags::CONCEPT_NAME_CODE_SEQUENCE, name),
    ]);
    put_all(&mut item, elements);
    item
}

/// Continuity of Content of a container: its items are separate.
pub(super) fn separate_content() -> InMemElement {
    text_element(tags::CONTINUITY_OF_CONTENT, VR::CS, "SEPARATE")
}

/// The template that a container follows.
pub(super) fn template_element(number: &str) -> InMemElement {
    let template = sequence_item([
        text_element(tags::MAPPING_RESOURCE, VR::CS, "DCMR"),
        text_element(tags::TEMPLATE_IDENTIFIER, VR::CS, number),
    ]);
    sequence_element(tags::CONTENT_TEMPLATE_SEQUENCE, vec![template])
}
