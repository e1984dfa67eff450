//! A NIfTI volume of labels as masks of a series: laid by where both say that they lie, voxel by voxel.

use super::{Header, Layout, file, header};
use crate::{
    Error, Result,
    domain::{
        image::Image,
        label::Label,
        lattice::{Affine, Fit, GridMap},
        mask::Mask,
        study::{Kind, Series},
    },
    io::{
        export::{Names, labels_beside, read_labels},
        import::Imported,
    },
};
use std::{collections::HashSet, path::Path};

const TRIED: &str = "import the masks";
/// No volume of labels has more voxels: each takes a byte.
const MOST_VOXELS: usize = 1 << 29;
/// Values that are off a whole number by less are that number: a scale of single precision.
const WHOLE: f64 = 1e-3;

/// Reads the volume of labels `path` as masks of `series`.
///
/// # Errors
/// Where its values are no labels, where it lies elsewhere or does not say where it lies, and where it cannot be read.
pub(in crate::io) fn import(path: &Path, series: &Series) -> Result<Imported> {
    let failed = |reason: String| Error::at(TRIED, path, reason);
    let volume = header(path)?;
    let lay = Lay::of(&volume, series).map_err(|refusal| failed(refusal.reason).advise(refusal.advice))?;
    let voxels = voxels(path, &volume, lay.time).map_err(failed)?;
    let mut notes = volume.notes.clone();
    let (labels, meaning) = labels(path, series, &voxels, &mut notes)?;
    let masks: Vec<(usize, Mask)> = (0..series.slices.len())
        .filter_map(|slice| Some((slice, lay.mask(slice, series, &volume, &voxels, &meaning)?)))
        .collect();
    if masks.is_empty() {
        let reason = "none of its voxels lies on the slices of the series";
        return Err(failed(reason.into()).advise("Choose the series that it was drawn on."));
    }
    if masks.len() < series.slices.len() {
        notes.push(format!("it covers {} of the {} slices", masks.len(), series.slices.len()));
    }
    notes.extend(lay.notes());
    Ok(Imported { labels, masks, notes, ..Imported::default() })
}

/// Why it cannot be laid, and what to do.
struct Refusal {
    reason: String,
    advice: &'static str,
}

/// How the voxels are laid on the slices.
struct Lay {
    /// Of each slice of the series; `None` where voxels are laid by their number alone.
    maps: Option<Vec<Option<GridMap>>>,
    /// Which of the volumes in the file.
    time: usize,
    /// The place was taken from the image, since the volume does not say its own.
    borrowed: bool,
}

impl Lay {
    fn of(volume: &Header, series: &Series) -> std::result::Result<Self, Refusal> {
        let source = own_header(series);
        let time = match (volume.times, &source) {
            (1, _) => 0,
            // The time of the image, where both have the same.
            (times, Some(image)) if times == image.times => {
                series.slices.first().map_or(0, |s| s.source.frame as usize / image.size[2])
            }
            (times, _) => {
                let reason = format!("it holds {times} volumes, and one is wanted for the series");
                return Err(Refusal { reason, advice: "Save the volume of one time as a file of its own." });
            }
        };
        let grids: Option<Vec<Affine>> = series
            .slices
            .iter()
            .map(|s| Some(Affine::of_plane(&s.plane?, s.spacing.filter(|s| s.is_physical())?)))
            .collect();
        let borrowed =
            source.filter(|image| volume.affine.is_none() && image.size == volume.size).and_then(|i| i.affine);
        match (grids, volume.affine.or(borrowed)) {
            (Some(grids), Some(affine)) => {
                let slice_size = [series.columns, series.rows];
                let map = |slice| GridMap::onto_volume(slice, slice_size, &affine, volume.size);
                let maps = grids.iter().map(map).collect();
                Ok(Self { maps: Some(maps), time, borrowed: volume.affine.is_none() })
            }
            (Some(_), None) => Err(Refusal {
                reason: "it does not say where it lies in the patient (its sform and qform codes are 0)".into(),
                advice: "Save it with the place of the images that it was drawn on.",
            }),
            (None, _) => {
                let wanted = [series.columns, series.rows, series.slices.len()];
                if volume.size != wanted {
                    let [a, b] = [volume.size, wanted].map(|[x, y, z]| format!("{x} x {y} x {z}"));
                    let reason =
                        format!("it has {a} voxels, the series {b}, and the series does not say where it lies");
                    return Err(Refusal { reason, advice: "Give the volume that was drawn on this very series." });
                }
                Ok(Self { maps: None, time, borrowed: false })
            }
        }
    }

    /// The mask of a slice; `None` where no voxel lies on it.
    fn mask(&self, slice: usize, series: &Series, volume: &Header, voxels: &[u8], meaning: &[u8; 256]) -> Option<Mask> {
        let [width, height, _] = volume.size;
        let value = |[x, y, z]: [usize; 3]| voxels.get((z * height + y) * width + x).copied();
        let map = match &self.maps {
            Some(maps) => Some(maps.get(slice)?.as_ref()?),
            None => None,
        };
        let mut labels = Vec::with_capacity(series.columns * series.rows);
        let mut covered = false;
        for row in 0..series.rows {
            for column in 0..series.columns {
                let voxel = map.map_or(Some([column, row, slice]), |map| map.pixel(column, row)).and_then(value);
                covered |= voxel.is_some();
                labels.push(voxel.map_or(0, |v| meaning[usize::from(v)]));
            }
        }
        if covered { Mask::from_labels(series.columns, series.rows, labels) } else { None }
    }

    /// How well it lies, where that is worth a word.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.borrowed {
            notes.push("it does not say where it lies: it is laid as the voxels of the image are stored".into());
        }
        let fits: Vec<Fit> = self.maps.iter().flatten().flatten().map(|map| map.fit).collect();
        let beside = fits.iter().filter_map(|fit| if let Fit::Shifted(off) = fit { Some(*off) } else { None });
        let most = beside.fold(0.0, f64::max);
        if fits.contains(&Fit::Other) {
            let note = "its voxels have another size or direction than the pixels: each pixel takes the nearest voxel";
            notes.push(note.into());
        } else if most > 0.0 {
            notes.push(format!(
                "its voxels lie up to {most:.2} of a voxel beside the pixels: each pixel takes the nearest voxel"
            ));
        }
        notes
    }
}

/// The header of the image, where that is a NIfTI volume itself.
fn own_header(series: &Series) -> Option<Header> {
    let first = series.slices.first().filter(|_| series.kind == Kind::Picture)?;
    file::header(&first.source.path).ok()
}

/// Columns, rows and values of a stored slice, which have to be whole numbers: a page of labels.
pub(in crate::io) fn stored_labels(path: &Path, frame: u32) -> std::result::Result<(usize, usize, Vec<u16>), String> {
    let volume = file::header(path)?;
    if frame as usize >= volume.size[2] * volume.times {
        return Err(format!("it has no slice {}", frame.saturating_add(1)));
    }
    let bytes = file::slice(path, &volume, frame as usize)?;
    let pixels = volume.number.pixels(&bytes, volume.big_endian);
    let image = Image::new(volume.size[0], volume.size[1], pixels).filter(|image| !image.is_color());
    let image = Image { rescale: volume.rescale, ..image.ok_or("it has colours, which name no labels")? };
    let whole = |i: usize| {
        let value = image.value(i);
        let label = value.round();
        let is_one = (value - label).abs() <= WHOLE && (0.0..=65_535.0).contains(&label);
        if is_one {
            Ok(label as u16)
        } else {
            Err(format!("its value {value:.3} is no label: labels are whole numbers"))
        }
    };
    let values = (0..image.pixels.len()).map(whole).collect::<std::result::Result<_, _>>()?;
    Ok((volume.size[0], volume.size[1], values))
}

/// The values of all voxels, which have to be labels.
fn voxels(path: &Path, volume: &Header, time: usize) -> std::result::Result<Vec<u8>, String> {
    if volume.number.is_color() {
        return Err("it has colours, which name no labels".into());
    }
    if volume.size.iter().product::<usize>() > MOST_VOXELS {
        return Err("it has too many voxels for a volume of labels".into());
    }
    let mut labels = Vec::with_capacity(volume.size.iter().product());
    let mut odd = None;
    file::each_slice(path, volume, time, |bytes| {
        let pixels = volume.number.pixels(bytes, volume.big_endian);
        let Some(image) = Image::new(volume.size[0], volume.size[1], pixels) else { return };
        let image = Image { rescale: volume.rescale, ..image };
        labels.extend((0..image.pixels.len()).map(|i| {
            let value = image.value(i);
            let label = value.round();
            if (value - label).abs() > WHOLE || !(0.0..=255.0).contains(&label) {
                odd.get_or_insert(value);
            }
            label as u8
        }));
    })?;
    match odd {
        None => Ok(labels),
        Some(value) if (value - value.round()).abs() > WHOLE => Err(format!(
            "its value {value:.3} is no whole number, so it is no volume of labels (but an image or probabilities)"
        )),
        Some(value) => Err(format!("its value {value} is no label: labels go from 0 to 255")),
    }
}

/// The labels, and for each value of a voxel that of its label.
fn labels(path: &Path, series: &Series, voxels: &[u8], notes: &mut Vec<String>) -> Result<(Vec<Label>, [u8; 256])> {
    let mut there = [false; 256];
    voxels.iter().for_each(|v| there[usize::from(*v)] = true);
    let mut meaning: [u8; 256] = std::array::from_fn(|value| value as u8);
    let name = Names::new(series, &mut HashSet::new()).series;
    let mut labels = match labels_beside(path.parent().unwrap_or(Path::new(".")), &name) {
        Some(list) => read_labels(&list)?,
        None => {
            notes.push("there is no labels.json beside it, so the names and codes of the labels are not known".into());
            Vec::new()
        }
    };
    let values: Vec<usize> = (1..256).filter(|v| there[*v]).collect();
    // Black and white, as masks in pictures are.
    if let ([only @ 128..=255], true) = (values.as_slice(), labels.is_empty()) {
        meaning[*only] = 1;
        notes.push(format!("its only value besides 0, {only}, is label 1"));
    }
    let named = labels.len();
    let highest = values.iter().map(|v| usize::from(meaning[*v])).max().unwrap_or(0).max(1);
    for i in named..highest {
        labels.push(Label::named(format!("Label {}", i + 1), i));
    }
    if named > 0 && highest > named {
        notes.push(format!("the values {} to {highest} are in no list of labels", named + 1));
    }
    Ok((labels, meaning))
}

/// The voxels of a volume as they are stored, from masks as they are shown: the way back, for a volume beside its image.
pub(in crate::io) fn stored_from_shown(header: &Header, frame_masks: &[Option<&Mask>]) -> Vec<u8> {
    let layout = Layout::of(header);
    let (columns, rows) = layout.orientation.size((header.size[0], header.size[1]));
    let blank = vec![0; columns * rows];
    let back = layout.orientation.inverse();
    let stored = frame_masks.iter().map(|mask| {
        let labels = mask.filter(|m| (m.columns(), m.rows()) == (columns, rows)).map_or(blank.as_slice(), Mask::labels);
        back.turn(columns, rows, labels)
    });
    stored.flatten().collect()
}
