//! TIFF files for tests: any kind of values, both byte orders, classic and BigTIFF.

/// A page of a file to write.
#[derive(Clone)]
pub(crate) struct MadePage {
    pub(crate) size: (u64, u64),
    pub(crate) bits: u64,
    /// 1 unsigned, 2 signed, 3 floating point.
    pub(crate) format: u64,
    pub(crate) photometric: u64,
    /// Values as stored in the file.
    pub(crate) data: Vec<u8>,
    pub(crate) description: String,
    /// Tag, kind (3 for 16 bits, 4 for 32) and values.
    pub(crate) more: Vec<(u16, u16, Vec<u64>)>,
}

impl MadePage {
    /// Grey values.
    pub(crate) fn new(size: (u64, u64), bits: u64, format: u64, data: Vec<u8>) -> Self {
        Self {
            size,
            bits,
            format,
            photometric: 1,
            data,
            description: String::new(),
            more: Vec::new(),
        }
    }

    /// Adds a field with one 16-bit value.
    pub(crate) fn with_field(mut self, tag: u16, value: u64) -> Self {
        self.more.push((tag, 3, vec![value]));
        self
    }
}

/// How a file is written.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Writing {
    pub(crate) big_endian: bool,
    pub(crate) is_large: bool,
}

impl Writing {
    /// Classic and BigTIFF, in both byte orders.
    pub(crate) const ALL: [Self; 4] = [
        Self {
            big_endian: false,
            is_large: false,
        },
        Self {
            big_endian: true,
            is_large: false,
        },
        Self {
            big_endian: false,
            is_large: true,
        },
        Self {
            big_endian: true,
            is_large: true,
        },
    ];

    fn encode_number(self, value: u64, size: usize) -> Vec<u8> {
        let bytes = value.to_be_bytes();
        let mut bytes = bytes[8 - size..].to_vec();
        if !self.big_endian {
            bytes.reverse();
        }
        bytes
    }

    /// The bytes of the file.
    pub(crate) fn encode_file(self, pages: &[MadePage]) -> Vec<u8> {
        let word = if self.is_large { 8 } else { 4 };
        let mut out = if self.big_endian {
            b"MM".to_vec()
        } else {
            b"II".to_vec()
        };
        out.extend(self.encode_number(if self.is_large { 43 } else { 42 }, 2));
        if self.is_large {
            out.extend(self.encode_number(8, 2));
            out.extend(self.encode_number(0, 2));
        }
        let mut link = out.len();
        out.extend(self.encode_number(0, word));
        for page in pages {
            let data_at = out.len() as u64;
            out.extend(&page.data);
            let mut fields = vec![
                (256, 4, vec![page.size.0]),
                (257, 4, vec![page.size.1]),
                (258, 3, vec![page.bits]),
                (259, 3, vec![1]),
                (262, 3, vec![page.photometric]),
                (273, 4, vec![data_at]),
                (277, 3, vec![1]),
                (278, 4, vec![page.size.1]),
                (279, 4, vec![page.data.len() as u64]),
                (339, 3, vec![page.format]),
            ];
            if !page.description.is_empty() {
                fields.push((
                    270,
                    2,
                    page.description.bytes().chain([0]).map(u64::from).collect(),
                ));
            }
            fields.retain(|(tag, ..)| page.more.iter().all(|(other, ..)| other != tag));
            fields.extend(page.more.clone());
            fields.sort_by_key(|(tag, ..)| *tag);
            link = self.write_directory(&mut out, &fields, link, word);
        }
        out
    }

    /// Writes a directory and the link to it; returns the position of the next link.
    fn write_directory(
        self,
        out: &mut Vec<u8>,
        fields: &[(u16, u16, Vec<u64>)],
        link: usize,
        word: usize,
    ) -> usize {
        let mut entries = Vec::new();
        for (tag, kind, values) in fields {
            let size = match kind {
                3 => 2,
                4 => 4,
                _ => 1,
            };
            let mut value: Vec<u8> = values
                .iter()
                .flat_map(|v| self.encode_number(*v, size))
                .collect();
            if value.len() > word {
                let at = out.len() as u64;
                out.extend(&value);
                value = self.encode_number(at, word);
            }
            value.resize(word, 0);
            entries.extend(self.encode_number(u64::from(*tag), 2));
            entries.extend(self.encode_number(u64::from(*kind), 2));
            entries.extend(self.encode_number(values.len() as u64, word));
            entries.extend(value);
        }
        let at = self.encode_number(out.len() as u64, word);
        out[link..link + word].copy_from_slice(&at);
        out.extend(self.encode_number(fields.len() as u64, if self.is_large { 8 } else { 2 }));
        out.extend(entries);
        let next = out.len();
        out.extend(self.encode_number(0, word));
        next
    }
}
