//! Derives new UIDs, pseudonyms and date shifts from a secret key and the old value: the same value always gets the
//! same replacement, and nobody without the key can link the two.

use labrum_core::{Error, Result, hex::hex_text, whole_file};
use sha2::{Digest, Sha256};
use std::{fmt, fs, io, path::Path};
use uuid::Uuid;

/// Maximum shift of dates, days.
const MOST_DAYS: u32 = 3650;
/// Prefix of the UIDs that the standard defines.
const STANDARD_ROOT: &str = "1.2.840.10008.";
/// Block length of SHA-256, bytes.
const BLOCK: usize = 64;

/// A key of 256 bits.
///
/// It is serialized only to send it to a child process.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SecretKey([u8; 32]);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey")
    }
}

impl SecretKey {
    /// A new key from the random numbers of the system.
    pub fn from_system_random() -> Self {
        let mut key = [0; 32];
        let (first, second) = key.split_at_mut(16);
        first.copy_from_slice(Uuid::new_v4().as_bytes());
        second.copy_from_slice(Uuid::new_v4().as_bytes());
        // 244 random bits, spread over all 256.
        Self(Sha256::digest(key).into())
    }

    /// Reads the key from the file `path`: 64 hexadecimal digits. If the file does not exist, a new key is created and
    /// saved there, readable only by its owner.
    ///
    /// # Errors
    /// If the file cannot be read or written, or does not contain a key.
    pub fn in_file(path: &Path) -> Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => Self::from_hex(text.trim()).ok_or_else(|| {
                Error::at_path(
                    "read the key",
                    path,
                    "the file does not contain 64 hexadecimal digits",
                )
                .with_advice("Choose another file; if it does not exist, a new key is created.")
            }),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let key = Self::from_system_random();
                whole_file::write_atomically(path, "save the key", |file| {
                    writeln!(file, "{}", hex_text(&key.0))
                })?;
                restrict(path)?;
                Ok(key)
            }
            Err(e) => Err(Error::at_path("read the key", path, e)),
        }
    }

    fn from_hex(text: &str) -> Option<Self> {
        let mut key = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return None;
        }
        for (i, byte) in key.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * i..2 * i + 2)?, 16).ok()?;
        }
        Some(Self(key))
    }

    /// The UID that replaces `uid` (PS3.5 B.2: a UUID under 2.25); UIDs that the standard defines are kept.
    pub fn replacement_uid(&self, uid: &str) -> String {
        if uid.starts_with(STANDARD_ROOT) {
            return uid.to_owned();
        }
        let code = self.hmac_sha256("uid", uid);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&code[..16]);
        format!(
            "2.25.{}",
            uuid::Builder::from_random_bytes(bytes)
                .into_uuid()
                .as_u128()
        )
    }

    /// The pseudonym, used as name and ID, of the patient with this `id`, or with this `name` if the ID is empty.
    pub fn patient_pseudonym(&self, id: &str, name: &str) -> String {
        let of = if id.is_empty() {
            format!("name {name}")
        } else {
            format!("id {id}")
        };
        format!(
            "ANON-{}",
            hex_text(&self.hmac_sha256("patient", &of)[..5]).to_uppercase()
        )
    }

    /// Number of days by which the dates of a patient are moved back, 1..=3650: the same for all dates of a patient, so
    /// that intervals are kept.
    pub fn date_shift_days(&self, pseudonym: &str) -> u32 {
        let code = self.hmac_sha256("days", pseudonym);
        1 + u32::from_be_bytes([code[0], code[1], code[2], code[3]]) % MOST_DAYS
    }

    /// HMAC-SHA-256 (RFC 2104) of a purpose and a value.
    fn hmac_sha256(&self, purpose: &str, value: &str) -> [u8; 32] {
        let mut block = [0; BLOCK];
        block[..32].copy_from_slice(&self.0);
        let message = format!("{purpose}\0{value}");
        let inner = Sha256::new()
            .chain_update(block.map(|byte| byte ^ 0x36))
            .chain_update(message)
            .finalize();
        Sha256::new()
            .chain_update(block.map(|byte| byte ^ 0x5c))
            .chain_update(inner)
            .finalize()
            .into()
    }
}

#[cfg(unix)]
fn restrict(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))
        .map_err(|e| Error::at_path("restrict access to", path, e))
}

#[cfg(not(unix))]
fn restrict(_: &Path) -> Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_same_key_gives_the_same_replacements_and_another_key_does_not() {
        let (a, b) = (SecretKey([1; 32]), SecretKey([2; 32]));
        assert_eq!(a.replacement_uid("1.2.3"), a.replacement_uid("1.2.3"));
        assert_ne!(a.replacement_uid("1.2.3"), a.replacement_uid("1.2.4"));
        assert_ne!(a.replacement_uid("1.2.3"), b.replacement_uid("1.2.3"));
        assert!(a.replacement_uid("1.2.3").len() <= 64);
        assert_eq!(
            a.patient_pseudonym("4711", "Doe^Jane"),
            a.patient_pseudonym("4711", "Doe^J")
        );
        assert_ne!(
            a.patient_pseudonym("4711", ""),
            a.patient_pseudonym("4712", "")
        );
        assert!((1..=3650).contains(&a.date_shift_days("x")));
    }

    #[test]
    fn the_hmac_agrees_with_rfc_4231() {
        // Test case 1 of the RFC: its key of 20 bytes is padded with zeros, like ours of 32.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        let mut block = [0; BLOCK];
        block[..32].copy_from_slice(&key);
        let inner = Sha256::new()
            .chain_update(block.map(|b| b ^ 0x36))
            .chain_update("Hi There")
            .finalize();
        let code = Sha256::new()
            .chain_update(block.map(|b| b ^ 0x5c))
            .chain_update(inner)
            .finalize();
        assert_eq!(hex_text(&code[..8]), "b0344c61d8db3853");
    }

    #[test]
    fn a_key_file_is_accessible_to_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let key = SecretKey::in_file(&path).unwrap();
        assert_eq!(SecretKey::in_file(&path).unwrap(), key);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(
                std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
        std::fs::write(&path, "secret").unwrap();
        assert!(
            SecretKey::in_file(&path)
                .unwrap_err()
                .to_string()
                .contains("64 hexadecimal digits")
        );
        assert_eq!(format!("{key:?}"), "SecretKey");
    }
}
