//! Instances that carry one SOP Instance UID: copies of one, which count once, or images that an anonymiser gave one name,
//! which stay as many as they are.

use super::catalog::Instance;
use sha2::{Digest, Sha256};
use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

/// Characters of what stands behind a shared UID.
const OWN_PART: usize = 12;

/// What is said of a series in which images share a UID.
pub(super) const REMARK: &str = "different images carry one SOP Instance UID; each is kept, but files that name the UID \
                                 (segmentations, structure sets) cannot say which of them they mean";

/// Leaves copies out and gives images that share a UID a name each: the UID, `#`, and what tells them apart (their place,
/// times and pixels), so that they keep it whatever their files are called. `digest` reads the pixels of a file; only those
/// that share a UID are read. Copies are told to `copy` with the path of the one that stays.
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
    let mut first: HashMap<(String, String), std::path::PathBuf> = HashMap::new();
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
    let is_shared = |instance: &Instance| {
        instance
            .sop_uid()
            .and_then(|uid| images.get(uid))
            .is_some_and(|all| all.len() > 1)
    };
    kept.into_iter()
        .map(|(own, instance)| match own {
            Some(own) if is_shared(&instance) => instance.with_uid_suffix(&own),
            _ => instance,
        })
        .collect()
}

/// A hash of what an image is, without how it is called and which UIDs it has but that of its series.
fn own_part(instance: &Instance, pixels: &str) -> String {
    let digest = Sha256::digest(format!("{}\n{pixels}", instance.series_and_frames_text()));
    digest
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>()[..OWN_PART]
        .to_owned()
}
