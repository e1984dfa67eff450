//! All elements of files in every encoding, with sequences, private elements and damage.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::fixture::{BIG_ENDIAN, EXPLICIT, Fixture, IMPLICIT};
use labrum_core::header::HeaderLines;

fn header(file: &Fixture) -> FileHeader {
    let folder = tempfile::tempdir().unwrap();
    read_header(&file.write_to_folder(folder.path(), "image")).unwrap()
}

fn value(header: &FileHeader, tag: Tag) -> Option<(&str, &str, &str)> {
    let wanted = [tag.group(), tag.element()];
    let found = header.elements.iter().find(|e| e.tag == wanted)?;
    Some((&found.vr, &found.name, &found.value))
}

#[test]
fn meta_information_dataset_and_pixel_data_are_listed_in_order() {
    let file = Fixture::new(2, 1)
        .with_text(tags::PATIENT_NAME, VR::PN, "Doe^Jane")
        .with_pixels(&[3, 4]);
    let header = header(&file);
    assert_eq!(header.damage, None);
    let found = |tag| value(&header, tag);
    assert_eq!(
        found(tags::TRANSFER_SYNTAX_UID),
        Some(("UI", "TransferSyntaxUID", EXPLICIT))
    );
    assert_eq!(
        found(tags::PATIENT_NAME),
        Some(("PN", "PatientName", "Doe^Jane"))
    );
    assert_eq!(found(tags::ROWS), Some(("US", "Rows", "1")));
    assert_eq!(
        found(tags::PIXEL_DATA),
        Some(("OW", "PixelData", "4 bytes"))
    );
    let tags: Vec<[u16; 2]> = header.elements.iter().map(|e| e.tag).collect();
    assert!(tags.is_sorted(), "{tags:?}");
}

#[test]
fn every_encoding_has_the_same_values() {
    let texts = [EXPLICIT, IMPLICIT, BIG_ENDIAN].map(|syntax| {
        let file = Fixture::empty_item()
            .with_transfer_syntax(syntax)
            .with_text(tags::SOP_CLASS_UID, VR::UI, "1.2.840.10008.5.1.4.1.1.2")
            .with_text(tags::PATIENT_ID, VR::LO, "MRN-17")
            .with_number(tags::ROWS, 258)
            .with_words(tags::SMALLEST_IMAGE_PIXEL_VALUE, VR::US, &[1, 513]);
        let header = header(&file);
        let dataset = header.elements.iter().filter(|e| e.tag[0] > 2);
        let values = dataset.map(|e| format!("{:?} {} {}", e.tag, e.vr, e.value));
        values.collect::<Vec<_>>()
    });
    assert_eq!(texts[0], texts[1]);
    assert_eq!(texts[0], texts[2]);
    assert!(texts[0].iter().any(|t| t.ends_with("US 258")), "{texts:?}");
    assert!(
        texts[0].iter().any(|t| t.ends_with("US 1\\513")),
        "{texts:?}"
    );
}

#[test]
fn sequences_private_elements_and_binary_values_are_readable() {
    let item = Fixture::empty_item().with_text(tags::REFERENCED_SOP_INSTANCE_UID, VR::UI, "1.2.9");
    let file = Fixture::new(1, 1)
        .append_item(tags::REFERENCED_IMAGE_SEQUENCE, item.clone())
        .append_item(tags::REFERENCED_IMAGE_SEQUENCE, item)
        .with_text(Tag(0x29, 0x10), VR::LO, "SIEMENS CSA HEADER")
        .with_bytes(Tag(0x29, 0x1010), VR::OB, (0..20).collect())
        .with_bytes(Tag(0x29, 0x1011), VR::UN, b"some text ".to_vec())
        .with_bytes(Tag(0x31, 0x1001), VR::OB, vec![255])
        .with_bytes(
            tags::FRAME_INCREMENT_POINTER,
            VR::AT,
            vec![0x18, 0, 0x63, 0x10],
        )
        .with_bytes(
            tags::REAL_WORLD_VALUE_SLOPE,
            VR::FD,
            0.1f64.to_le_bytes().to_vec(),
        )
        .with_pixels(&[0]);
    let header = header(&file);
    let found = |tag| value(&header, tag);
    let sequence = header.elements.iter().find(|e| e.vr == "SQ").unwrap();
    assert_eq!(sequence.items.len(), 2);
    assert_eq!(sequence.items[1][0].value, "1.2.9");
    assert_eq!(
        found(Tag(0x29, 0x10)),
        Some(("LO", "PrivateCreator", "SIEMENS CSA HEADER"))
    );
    let bytes = "20 bytes: 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F ...";
    assert_eq!(
        found(Tag(0x29, 0x1010)),
        Some(("OB", "Private: SIEMENS CSA HEADER", bytes))
    );
    assert_eq!(
        found(Tag(0x29, 0x1011)),
        Some(("UN", "Private: SIEMENS CSA HEADER", "some text"))
    );
    assert_eq!(
        found(Tag(0x31, 0x1001)),
        Some(("OB", "Private", "1 byte: FF"))
    );
    assert_eq!(
        found(tags::FRAME_INCREMENT_POINTER),
        Some(("AT", "FrameIncrementPointer", "(0018,1063)"))
    );
    let slope = found(tags::REAL_WORLD_VALUE_SLOPE).unwrap();
    assert_eq!(slope.2, "0.1");
}

#[test]
fn long_texts_are_cut_and_texts_are_in_the_character_set_of_the_file() {
    let long = "x".repeat(20_000);
    let file = Fixture::new(1, 1)
        .with_text(tags::SPECIFIC_CHARACTER_SET, VR::CS, "ISO_IR 100")
        .with_bytes(tags::PATIENT_NAME, VR::PN, b"M\xfcller^J\xf6rg ".to_vec())
        .with_bytes(tags::IMAGE_COMMENTS, VR::UN, long.into_bytes())
        .with_pixels(&[0]);
    let header = header(&file);
    assert_eq!(
        value(&header, tags::PATIENT_NAME).map(|v| v.2),
        Some("Müller^Jörg")
    );
    // The dictionary knows that the comments are text.
    let comments = value(&header, tags::IMAGE_COMMENTS).unwrap();
    assert_eq!((comments.0, comments.2.len()), ("LT", 16_384 + 3));
    assert!(comments.2.ends_with("x..."));
}

#[test]
fn elements_behind_native_and_compressed_pixels_are_read() {
    let native = Fixture::new(1, 1).with_pixels(&[0]).with_bytes(
        tags::DATA_SET_TRAILING_PADDING,
        VR::OB,
        vec![0; 4],
    );
    let found = header(&native);
    let last = found.elements.last().unwrap();
    assert_eq!(
        (last.tag, last.value.as_str()),
        ([0xFFFC, 0xFFFC], "4 bytes: 00 00 00 00")
    );

    let compressed = Fixture::new(1, 1)
        .with_transfer_syntax(crate::fixture::RLE)
        .with_fragments(&[&[1, 2, 3, 4]]);
    let mut bytes = compressed.to_bytes();
    bytes.extend([0xFC, 0xFF, 0xFC, 0xFF, b'O', b'B', 0, 0, 2, 0, 0, 0, 7, 7]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("compressed");
    std::fs::write(&path, bytes).unwrap();
    let found = read_header(&path).unwrap();
    assert_eq!(
        value(&found, tags::PIXEL_DATA).map(|v| v.2),
        Some("compressed")
    );
    let last = found.elements.last().unwrap();
    assert_eq!(last.value, "2 bytes: 07 07");
}

#[test]
fn a_damaged_file_has_its_elements_before_the_damage_and_other_files_have_none() {
    let folder = tempfile::tempdir().unwrap();
    let whole = Fixture::new(1, 1)
        .with_text(tags::PATIENT_ID, VR::LO, "MRN-17")
        .with_bytes(tags::ICC_PROFILE, VR::OB, vec![0; 400])
        .with_pixels(&[0])
        .to_bytes();
    let path = folder.path().join("cut");
    std::fs::write(&path, &whole[..whole.len() - 200]).unwrap();
    let found = read_header(&path).unwrap();
    assert!(found.damage.is_some());
    assert_eq!(value(&found, tags::PATIENT_ID).map(|v| v.2), Some("MRN-17"));

    std::fs::write(&path, b"no DICOM at all").unwrap();
    assert_eq!(read_header(&path).unwrap_err().reason, "not a DICOM file");
    assert!(read_header(&folder.path().join("missing")).is_err());
}

#[test]
fn a_file_with_too_much_text_is_cut() {
    let file = Fixture::new(1, 1).with_text(tags::PATIENT_ID, VR::LO, "MRN-17");
    let folder = tempfile::tempdir().unwrap();
    let path = file.with_pixels(&[0]).write_to_folder(folder.path(), "a");
    let mut file = DicomFile::open(&path).ok().unwrap();
    let data = std::mem::take(&mut file.data);
    let mut texts = ElementTexts {
        bytes: &mut file.bytes,
        room: 300,
    };
    let few = texts.data_set(&data, &[]).len();
    assert!(
        texts.room == 0 && few > 0 && few < data.elements.len(),
        "{few}"
    );
}

#[test]
fn the_lines_of_a_header_are_those_of_its_elements() {
    let lines = HeaderLines::of_header(&header(&Fixture::new(1, 1).with_pixels(&[0])));
    assert!(
        lines
            .all()
            .iter()
            .any(|l| l.tag == "(0028,0010)" && l.name == "Rows")
    );
}
