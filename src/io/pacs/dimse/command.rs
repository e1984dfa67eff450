//! Command sets (PS3.7 E), always encoded in Implicit VR Little Endian.

use dicom_core::{DataElement, PrimitiveValue, Tag, VR, dicom_value};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use dicom_transfer_syntax_registry::entries::IMPLICIT_VR_LITTLE_ENDIAN;

pub(super) const STORE_RQ: u16 = 0x0001;
pub(super) const GET_RQ: u16 = 0x0010;
pub(super) const FIND_RQ: u16 = 0x0020;
pub(super) const MOVE_RQ: u16 = 0x0021;
pub(super) const ECHO_RQ: u16 = 0x0030;
/// The bit of Command Field that marks a response.
pub(super) const RESPONSE: u16 = 0x8000;

/// Command Data Set Type: no data set follows.
const NO_DATA: u16 = 0x0101;

/// A command set.
#[derive(Clone, Debug)]
pub(super) struct CommandSet(InMemDicomObject);

fn command_element(
    tag: Tag,
    vr: VR,
    value: impl Into<PrimitiveValue>,
) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, vr, value.into())
}

impl CommandSet {
    /// A request about a SOP class; Command Data Set Type is set when it is sent.
    pub(super) fn new_request(field: u16, class: &str) -> Self {
        Self::from_elements(vec![
            command_element(tags::AFFECTED_SOP_CLASS_UID, VR::UI, class),
            command_element(tags::COMMAND_FIELD, VR::US, dicom_value!(U16, [field])),
            command_element(tags::MESSAGE_ID, VR::US, dicom_value!(U16, [1])),
        ])
    }

    /// With medium priority, as C-STORE, C-FIND, C-GET and C-MOVE require one.
    pub(super) fn with_priority(self) -> Self {
        self.with_element(command_element(
            tags::PRIORITY,
            VR::US,
            dicom_value!(U16, [0]),
        ))
    }

    /// With the Affected SOP Instance UID.
    pub(super) fn with_object(self, sop_uid: &str) -> Self {
        self.with_element(command_element(
            tags::AFFECTED_SOP_INSTANCE_UID,
            VR::UI,
            sop_uid,
        ))
    }

    /// With the Move Destination of a C-MOVE request.
    pub(super) fn with_destination(self, ae_title: &str) -> Self {
        self.with_element(command_element(tags::MOVE_DESTINATION, VR::AE, ae_title))
    }

    /// The response to a C-STORE request.
    pub(super) fn store_response(request: &Self, status: u16) -> Self {
        Self::from_elements(vec![
            command_element(
                tags::AFFECTED_SOP_CLASS_UID,
                VR::UI,
                request.text_value(tags::AFFECTED_SOP_CLASS_UID),
            ),
            command_element(
                tags::COMMAND_FIELD,
                VR::US,
                dicom_value!(U16, [STORE_RQ | RESPONSE]),
            ),
            command_element(
                tags::MESSAGE_ID_BEING_RESPONDED_TO,
                VR::US,
                dicom_value!(U16, [request.integer_value(tags::MESSAGE_ID).unwrap_or(0)]),
            ),
            command_element(tags::STATUS, VR::US, dicom_value!(U16, [status])),
            command_element(
                tags::AFFECTED_SOP_INSTANCE_UID,
                VR::UI,
                request.text_value(tags::AFFECTED_SOP_INSTANCE_UID),
            ),
        ])
    }

    fn from_elements(elements: Vec<DataElement<InMemDicomObject>>) -> Self {
        Self(InMemDicomObject::command_from_element_iter(elements))
    }

    fn with_element(self, more: DataElement<InMemDicomObject>) -> Self {
        Self::from_elements(self.0.into_iter().chain([more]).collect())
    }

    /// Encodes the command; `has_data` tells whether a data set follows.
    pub(super) fn to_bytes(&self, has_data: bool) -> Result<Vec<u8>, String> {
        let kind = if has_data { 0x0000 } else { NO_DATA };
        let whole = self.clone().with_element(command_element(
            tags::COMMAND_DATA_SET_TYPE,
            VR::US,
            dicom_value!(U16, [kind]),
        ));
        let mut bytes = Vec::new();
        whole
            .0
            .write_dataset_with_ts(&mut bytes, &IMPLICIT_VR_LITTLE_ENDIAN.erased())
            .map_err(|error| error.to_string())?;
        Ok(bytes)
    }

    /// Decodes a received command.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        let read =
            InMemDicomObject::read_dataset_with_ts(bytes, &IMPLICIT_VR_LITTLE_ENDIAN.erased());
        read.map(Self).map_err(|error| error.to_string())
    }

    pub(super) fn command_field(&self) -> u16 {
        self.integer_value(tags::COMMAND_FIELD).unwrap_or(0)
    }

    pub(super) fn status(&self) -> u16 {
        self.integer_value(tags::STATUS).unwrap_or(0xC000)
    }

    /// True if further responses follow.
    pub(super) fn is_pending(&self) -> bool {
        matches!(self.status(), 0xFF00 | 0xFF01)
    }

    pub(super) fn has_data(&self) -> bool {
        self.integer_value(tags::COMMAND_DATA_SET_TYPE)
            .is_some_and(|kind| kind != NO_DATA)
    }

    pub(super) fn integer_value(&self, tag: Tag) -> Option<u16> {
        self.0.element(tag).ok()?.to_int().ok()
    }

    pub(super) fn text_value(&self, tag: Tag) -> String {
        let text = self.0.element(tag).ok().and_then(|e| e.to_str().ok());
        text.map_or(String::new(), |text| {
            text.trim_matches(['\0', ' ']).to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn encoded_commands_are_decoded_unchanged() {
        let sent = CommandSet::new_request(STORE_RQ, "1.2.840.10008.1.1")
            .with_priority()
            .with_object("1.2.3");
        let read = CommandSet::from_bytes(&sent.to_bytes(true).unwrap()).unwrap();
        assert_eq!((read.command_field(), read.has_data()), (STORE_RQ, true));
        assert_eq!(read.text_value(tags::AFFECTED_SOP_INSTANCE_UID), "1.2.3");
        let answer = CommandSet::from_bytes(
            &CommandSet::store_response(&read, 0xA700)
                .to_bytes(false)
                .unwrap(),
        )
        .unwrap();
        assert_eq!(
            (answer.command_field(), answer.status(), answer.has_data()),
            (0x8001, 0xA700, false)
        );
        assert_eq!(
            answer.integer_value(tags::MESSAGE_ID_BEING_RESPONDED_TO),
            Some(1)
        );
    }
}
