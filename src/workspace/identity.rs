//! What a picture is known by wherever it lies: the hash of its file.

use crate::{Error, Result};
use sha2::{Digest, Sha256};
use std::{fmt::Write, fs::File, io::Read, path::Path};

/// The identity of a picture: "sha256:" and the hash of its file in hexadecimal.
///
/// # Errors
/// Where the file cannot be read.
pub fn content_hash(path: &Path) -> Result<String> {
    let failed = |e: std::io::Error| Error::at_path("read", path, e);
    let mut file = File::open(path).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece).map_err(failed)? {
            0 => break,
            length => hash.update(&piece[..length]),
        }
    }
    let mut identity = String::from("sha256:");
    for byte in hash.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(identity, "{byte:02x}");
    }
    Ok(identity)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_has_its_sha_256() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc.png");
        std::fs::write(&path, "abc").unwrap();
        // FIPS 180-2, appendix B.1.
        let expected = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(content_hash(&path).unwrap(), expected);
        assert!(
            content_hash(&folder.path().join("none.png"))
                .unwrap_err()
                .to_string()
                .contains("none.png")
        );
    }
}
