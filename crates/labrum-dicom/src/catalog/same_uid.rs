//! Instances that share a SOP Instance UID: duplicates, of which one is kept, or different images to which an
//! anonymiser gave the same UID, which are all kept.

use super::Instance;
use labrum_core::hex::hex_text;
use sha2::{Digest, Sha256};
use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
};

/// Number of characters appended to a shared UID.
const OWN_PART: usize = 12;

/// Note for a series in which different images share a UID.
pub(super) const REMARK: &str = "different images share one SOP Instance UID; all are kept, but \
                                 segmentations and structure sets that refer to this UID are ambiguous";

/// Removes duplicates, and gives different images that share a UID a unique name each: the UID, `#` and a hash of
/// position, times and pixels, which does not depend on file names. `digest` hashes the pixels of a file; it is called
/// only for files that share a UID. `copy` is called with each duplicate and the file that is kept.
pub(super) fn tell_apart(
    instances: Vec<Instance>,
    digest: &mut dyn FnMut(&Path) -> Option<String>,
    copy: &mut dyn FnMut(&Path, &Path),
) -> Vec<Instance> {
    let mut count: HashMap<String, usize> = HashMap::new();
    instances
        .iter()
        .filter_map(Instance::sop_uid)
        .for_each(|uid| *count.entry(uid.to_owned()).or_default() += 1);
    count.retain(|_, count| *count > 1);
    if count.is_empty() {
        return instances;
    }
    let mut first: HashMap<(String, String), PathBuf> = HashMap::new();
    let mut images: HashMap<String, HashSet<String>> = HashMap::new();
    let mut kept: Vec<(Option<String>, Instance)> = Vec::new();
    for instance in instances {
        let (Some(uid), Some(path)) = (instance.sop_uid(), instance.file_path()) else {
            kept.push((None, instance));
            continue;
        };
        if !count.contains_key(uid) {
            kept.push((None, instance));
            continue;
        }
        let own = own_part(&instance, &digest(path).unwrap_or_default());
        let key = (uid.to_owned(), own.clone());
        if let Some(first) = first.get(&key) {
            copy(path, first);
            continue;
        }
        images.entry(key.0.clone()).or_default().insert(own.clone());
        first.insert(key, path.to_owned());
        kept.push((Some(own), instance));
    }
    kept.into_iter()
        .map(|(own, instance)| match own {
            Some(own) if is_uid_shared(&instance, &images) => instance.with_uid_suffix(&own),
            _ => instance,
        })
        .collect()
}

/// True if different images share the UID of this one; `images` holds the hashes of the images of each UID.
fn is_uid_shared(instance: &Instance, images: &HashMap<String, HashSet<String>>) -> bool {
    instance
        .sop_uid()
        .and_then(|uid| images.get(uid))
        .is_some_and(|own_parts| own_parts.len() > 1)
}

/// Hash of the content of an image: its series, positions, times and pixels, but not its path or SOP Instance UID.
fn own_part(instance: &Instance, pixels: &str) -> String {
    let digest = Sha256::digest(format!("{}\n{pixels}", instance.series_and_frames_text()));
    hex_text(&digest)[..OWN_PART].to_owned()
}
