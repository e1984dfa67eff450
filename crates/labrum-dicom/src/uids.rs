//! Names of transfer syntaxes and SOP classes.

use dicom_core::dictionary::UidDictionary;
use dicom_dictionary_std::StandardSopClassDictionary;
use dicom_encoding::TransferSyntaxIndex;
use dicom_transfer_syntax_registry::TransferSyntaxRegistry;

/// Explicit VR Big Endian: retired, but still in use.
pub(crate) const EXPLICIT_BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";

/// The name of a transfer syntax, such as "JPEG Baseline (Process 1)"; the UID itself if it is unknown.
pub fn transfer_syntax_name(uid: &str) -> String {
    match (retired_name(uid), TransferSyntaxRegistry.get(uid)) {
        (Some(name), _) => name.to_owned(),
        (None, Some(syntax)) => syntax.name().to_owned(),
        _ if uid.is_empty() => "unknown".to_owned(),
        _ => uid.to_owned(),
    }
}

/// Names that are missing in the registry, PS3.6 annex A.
fn retired_name(uid: &str) -> Option<&'static str> {
    Some(match uid.strip_prefix("1.2.840.10008.1.2.")? {
        "4.52" => "JPEG Extended (Process 3 & 5)",
        "4.53" => "JPEG Spectral Selection, Non-Hierarchical (Process 6 & 8)",
        "4.54" => "JPEG Spectral Selection, Non-Hierarchical (Process 7 & 9)",
        "4.55" => "JPEG Full Progression, Non-Hierarchical (Process 10 & 12)",
        "4.56" => "JPEG Full Progression, Non-Hierarchical (Process 11 & 13)",
        "4.58" => "JPEG Lossless, Non-Hierarchical (Process 15)",
        "4.59" => "JPEG Extended, Hierarchical (Process 16 & 18)",
        "4.60" => "JPEG Extended, Hierarchical (Process 17 & 19)",
        "4.61" => "JPEG Spectral Selection, Hierarchical (Process 20 & 22)",
        "4.62" => "JPEG Spectral Selection, Hierarchical (Process 21 & 23)",
        "4.63" => "JPEG Full Progression, Hierarchical (Process 24 & 26)",
        "4.64" => "JPEG Full Progression, Hierarchical (Process 25 & 27)",
        "4.65" => "JPEG Lossless, Hierarchical (Process 28)",
        "4.66" => "JPEG Lossless, Hierarchical (Process 29)",
        "6.1" => "RFC 2557 MIME Encapsulation",
        "6.2" => "XML Encoding",
        _ => return None,
    })
}

/// The reason why a transfer syntax is not supported, and what the user can do: a clause.
pub(crate) fn not_supported(uid: &str) -> String {
    let name = transfer_syntax_name(uid);
    let named = if name == uid {
        format!("transfer syntax {uid}")
    } else {
        format!("transfer syntax {name} ({uid})")
    };
    let tail = uid.strip_prefix("1.2.840.10008.1.2.").unwrap_or_default();
    let number = tail
        .strip_prefix("4.")
        .and_then(|n| n.split('.').next())
        .and_then(|n| n.parse::<u32>().ok());
    match number {
        Some(100..=109) => format!(
            "{named} is video, but Labrum opens only images; export the frames you need as images \
             from a DICOM viewer, or convert the file to Explicit VR Little Endian"
        ),
        Some(94 | 95 | 204 | 205) => {
            format!(
                "{named} keeps the pixels on a server; retrieve the complete image from the archive"
            )
        }
        _ if tail.starts_with("7.") => {
            format!("{named} is a live stream, not a file; save images from it")
        }
        _ => format!(
            "{named} is not supported; convert it to Explicit VR Little Endian first (for example \
             with dcmdjpeg or gdcmconv --raw)"
        ),
    }
}

/// The name of a SOP class whose objects are not images to be segmented, though some contain pixels; `None` for images.
pub(crate) fn non_image_name(sop_class: &str) -> Option<&'static str> {
    let tail = sop_class.strip_prefix("1.2.840.10008.")?;
    Some(match tail {
        "1.3.10" => "DICOMDIR",
        "5.1.4.1.1.66.4" | "5.1.4.1.1.66.7" => "Segmentation",
        "5.1.4.1.1.66.5" => "Surface Segmentation",
        "5.1.4.1.1.66.6" => "Tractography Results",
        "5.1.4.1.1.66" => "Raw Data",
        "5.1.4.1.1.66.1" => "Spatial Registration",
        "5.1.4.1.1.66.2" => "Spatial Fiducials",
        "5.1.4.1.1.66.3" => "Deformable Spatial Registration",
        "5.1.4.1.1.67" => "Real World Value Mapping",
        "5.1.4.1.1.481.1" => return None,
        "5.1.4.1.1.481.2" => "RT Dose",
        "5.1.4.1.1.481.3" => "RT Structure Set",
        "5.1.4.1.1.481.5" => "RT Plan",
        "5.1.4.1.1.481.8" => "RT Ion Plan",
        "5.1.4.1.1.481.4" | "5.1.4.1.1.481.6" | "5.1.4.1.1.481.7" | "5.1.4.1.1.481.9" => {
            "RT Treatment Record"
        }
        _ if tail.starts_with("5.1.4.1.1.481.") => "RT object",
        _ if tail.starts_with("5.1.4.1.1.88.") => "Structured Report",
        "5.1.4.1.1.11.2" => "Color Presentation State, which is not applied",
        "5.1.4.1.1.11.3" => "Pseudo-Color Presentation State, which is not applied",
        _ if tail.starts_with("5.1.4.1.1.11.") => "Presentation State, which is not applied",
        _ if tail.starts_with("5.1.4.1.1.9.") => "Waveform",
        _ if tail.starts_with("5.1.4.1.1.104.") => "Encapsulated Document",
        _ if tail.starts_with("5.1.4.1.1.78.") => "Ophthalmic Measurements",
        _ if tail.starts_with("5.1.4.38.") || tail.starts_with("5.1.4.39.") => {
            "Hanging Protocol or Palette"
        }
        _ if tail.starts_with("5.1.4.31") || tail.starts_with("5.1.4.32") => "Modality Worklist",
        _ => return None,
    })
}

/// True for objects that contain masks: segmentations and structure sets.
pub(crate) fn has_masks(sop_class: &str) -> bool {
    matches!(
        non_image_name(sop_class),
        Some("Segmentation" | "RT Structure Set")
    )
}

/// True for a standard SOP class of images: an object of it without pixel data is truncated.
pub(crate) fn is_image(sop_class: &str) -> bool {
    let named = StandardSopClassDictionary
        .by_uid(sop_class)
        .map_or("", |entry| entry.name);
    non_image_name(sop_class).is_none()
        && (named.contains("Image Storage") || named.contains("Volume Storage"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_recognised_by_their_sop_class() {
        for class in [
            "1.2.840.10008.5.1.4.1.1.2",
            "1.2.840.10008.5.1.4.1.1.3.1",
            "1.2.840.10008.5.1.4.1.1.6.2",
        ] {
            assert!(is_image(class), "{class}");
        }
        for class in [
            "",
            "1.2.3",
            "1.2.840.10008.5.1.4.1.1.66.4",
            "1.2.840.10008.5.1.4.1.1.481.5",
        ] {
            assert!(!is_image(class), "{class}");
        }
    }

    #[test]
    fn segmentations_and_plans_are_not_images_but_ct_and_rt_images_are() {
        assert_eq!(
            non_image_name("1.2.840.10008.5.1.4.1.1.66.4"),
            Some("Segmentation")
        );
        assert_eq!(
            non_image_name("1.2.840.10008.5.1.4.1.1.481.5"),
            Some("RT Plan")
        );
        assert_eq!(non_image_name("1.2.840.10008.5.1.4.1.1.2"), None);
        assert_eq!(non_image_name("1.2.840.10008.5.1.4.1.1.481.1"), None);
        assert!(
            has_masks("1.2.840.10008.5.1.4.1.1.66.7") && has_masks("1.2.840.10008.5.1.4.1.1.481.3")
        );
        assert!(
            !has_masks("1.2.840.10008.5.1.4.1.1.66.5") && !has_masks("1.2.840.10008.5.1.4.1.1.2")
        );
    }

    #[test]
    fn transfer_syntaxes_have_names() {
        assert_eq!(transfer_syntax_name("1.2.840.10008.1.2.5"), "RLE Lossless");
        assert_eq!(
            transfer_syntax_name("1.2.840.10008.1.2.4.58"),
            "JPEG Lossless, Non-Hierarchical (Process 15)"
        );
        assert_eq!(transfer_syntax_name("1.2.3"), "1.2.3");
    }

    #[test]
    fn unsupported_transfer_syntaxes_are_named_with_advice() {
        let video = not_supported("1.2.840.10008.1.2.4.102");
        assert!(
            video.contains(
                "MPEG-4 AVC/H.264 High Profile / Level 4.1 (1.2.840.10008.1.2.4.102) is video"
            ),
            "{video}"
        );
        assert!(not_supported("1.2.840.10008.1.2.4.94").contains("on a server"));
        assert!(
            not_supported("1.2.840.10008.1.2.4.58")
                .contains("Process 15) (1.2.840.10008.1.2.4.58) is not supported")
        );
        assert!(
            not_supported("1.2.3")
                .starts_with("transfer syntax 1.2.3 is not supported; convert it")
        );
    }
}
