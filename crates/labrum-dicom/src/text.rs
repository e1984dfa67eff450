//! Decodes texts in the character sets of PS3.3 C.12.1.1.2, with code extensions (ISO 2022) by PS3.5 6.1.2.

use super::{dataset::DataSet, seg::charset::normalised_term};
use dicom_core::Tag;
use encoding_rs::{
    EUC_JP, EUC_KR, Encoding, GB18030, GBK, ISO_8859_2, ISO_8859_3, ISO_8859_4, ISO_8859_5,
    ISO_8859_6, ISO_8859_7, ISO_8859_8, ISO_8859_15, SHIFT_JIS, UTF_8, WINDOWS_874, WINDOWS_1254,
};

/// A text element without padding; empty if it is missing. `charset` are the values of Specific Character Set.
pub(crate) fn decoded_text(data: &DataSet, tag: Tag, charset: &[String]) -> String {
    let text = data
        .value_bytes(tag)
        .map_or_else(String::new, |bytes| decode_bytes(bytes, charset));
    text.trim_matches(|c: char| c == '\0' || c.is_whitespace())
        .to_owned()
}

/// How bytes are mapped to characters.
#[derive(Clone, Copy)]
enum Letters {
    /// One byte per character, below 128.
    Ascii,
    /// One byte per character, equal to its code point.
    Latin1,
    /// One byte per character, or as many as the encoding uses.
    Of(&'static Encoding),
    /// JIS X 0208: two bytes per character, below 128.
    Jis0208,
    /// JIS X 0212: two bytes per character, below 128.
    Jis0212,
    /// KS X 1001 or GB 2312: two bytes per character, above 127.
    Pairs(&'static Encoding),
}

/// Decodes text in the character sets of the file; as UTF-8 or Latin-1 if they are missing, unknown or wrong.
pub(super) fn decode_bytes(bytes: &[u8], charset: &[String]) -> String {
    let terms: Vec<String> = charset.iter().map(|term| normalised_term(term)).collect();
    let extends = terms.len() > 1
        || terms.iter().any(|term| term.starts_with("ISO 2022"))
        || bytes.contains(&0x1B);
    if bytes.is_ascii() && !extends {
        return String::from_utf8_lossy(bytes).into_owned();
    }
    let first = terms.first().map_or("", String::as_str);
    match letters_of_term(first) {
        // These encodings have no code extensions.
        Some(Letters::Of(encoding)) if [UTF_8, GB18030, GBK].contains(&encoding) => {
            decode_whole(bytes, encoding)
        }
        Some(own) if extends => decode_extended(bytes, own),
        Some(own @ Letters::Of(_)) => decode_run(bytes, own),
        Some(Letters::Latin1) => decode_latin1(bytes),
        // Not ASCII, so the declaration is wrong or missing.
        _ if extends && bytes.contains(&0x1B) => decode_extended(bytes, Letters::Ascii),
        _ => decode_guessed(bytes),
    }
}

/// The upper half (above 127) of a character set by its defined term; `None` if the term is unknown.
fn letters_of_term(term: &str) -> Option<Letters> {
    let number = term.rsplit(' ').next().unwrap_or_default();
    Some(match number {
        "100" => Letters::Latin1,
        "101" => Letters::Of(ISO_8859_2),
        "109" => Letters::Of(ISO_8859_3),
        "110" => Letters::Of(ISO_8859_4),
        "144" => Letters::Of(ISO_8859_5),
        "127" => Letters::Of(ISO_8859_6),
        "126" => Letters::Of(ISO_8859_7),
        "138" => Letters::Of(ISO_8859_8),
        "148" => Letters::Of(WINDOWS_1254),
        "203" => Letters::Of(ISO_8859_15),
        "166" => Letters::Of(WINDOWS_874),
        "13" => Letters::Of(SHIFT_JIS),
        "192" => Letters::Of(UTF_8),
        "GB18030" => Letters::Of(GB18030),
        "GBK" => Letters::Of(GBK),
        // Multi-byte sets need an escape sequence first, even if they are the first value.
        "" | "6" | "87" | "159" | "149" | "58" => Letters::Ascii,
        _ => return None,
    })
}

/// Length of an escape sequence, whether it sets the upper half, and the set. PS3.3 tables C.12-3 and C.12-4.
fn parse_escape(rest: &[u8]) -> Option<(usize, bool, Letters)> {
    let sequences: [(&[u8], bool, Letters); 20] = [
        (b"$B", false, Letters::Jis0208),
        (b"$(D", false, Letters::Jis0212),
        (b"$)C", true, Letters::Pairs(EUC_KR)),
        (b"$)A", true, Letters::Pairs(GBK)),
        (b"(B", false, Letters::Ascii),
        (b"(J", false, Letters::Ascii),
        (b")I", true, Letters::Of(SHIFT_JIS)),
        (b"-A", true, Letters::Latin1),
        (b"-B", true, Letters::Of(ISO_8859_2)),
        (b"-C", true, Letters::Of(ISO_8859_3)),
        (b"-D", true, Letters::Of(ISO_8859_4)),
        (b"-L", true, Letters::Of(ISO_8859_5)),
        (b"-G", true, Letters::Of(ISO_8859_6)),
        (b"-F", true, Letters::Of(ISO_8859_7)),
        (b"-H", true, Letters::Of(ISO_8859_8)),
        (b"-M", true, Letters::Of(WINDOWS_1254)),
        (b"-b", true, Letters::Of(ISO_8859_15)),
        (b"-T", true, Letters::Of(WINDOWS_874)),
        // Not in the standard but found in files: JIS C 6226, and Latin-1 in the lower half.
        (b"$@", false, Letters::Jis0208),
        (b"(A", false, Letters::Ascii),
    ];
    sequences
        .iter()
        .find(|(code, ..)| rest.starts_with(code))
        .map(|(code, upper, set)| (code.len(), *upper, *set))
}

/// Decodes text with escape sequences. After a delimiter the first set applies again, PS3.5 6.1.2.5.3.
fn decode_extended(bytes: &[u8], first: Letters) -> String {
    let mut lower = Letters::Ascii;
    let mut upper = first;
    let mut out = String::new();
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let rest = bytes.get(at..).unwrap_or_default();
        if byte == 0x1B
            && let Some((length, is_upper, set)) = parse_escape(rest.get(1..).unwrap_or_default())
        {
            *(if is_upper { &mut upper } else { &mut lower }) = set;
            at += 1 + length;
            continue;
        }
        let set = if byte < 0x80 { lower } else { upper };
        let count = match set {
            Letters::Jis0208 | Letters::Jis0212 if (0x21..0x7F).contains(&byte) => 2,
            Letters::Pairs(_) => 2,
            _ => 1,
        };
        let letter = rest.get(..count).unwrap_or(rest);
        out.push_str(&decode_run(letter, set));
        at += letter.len();
        if count == 1 && matches!(byte, b'\r' | b'\n' | 0x0C | b'\t' | b'^' | b'=' | b'\\') {
            lower = Letters::Ascii;
            upper = first;
        }
    }
    out
}

/// Decodes bytes in a single set.
fn decode_run(bytes: &[u8], set: Letters) -> String {
    match set {
        Letters::Jis0208 if bytes.len() == 2 => decode_whole(&with_high_bits(bytes), EUC_JP),
        Letters::Jis0212 if bytes.len() == 2 => {
            // EUC-JP marks characters of this set by a prefix byte.
            let mut marked: Vec<u8> = vec![0x8F];
            marked.extend(with_high_bits(bytes));
            decode_whole(&marked, EUC_JP)
        }
        Letters::Pairs(encoding) | Letters::Of(encoding) => decode_whole(bytes, encoding),
        Letters::Ascii if !bytes.is_ascii() => decode_guessed(bytes),
        _ => decode_latin1(bytes),
    }
}

/// Sets the highest bits of the bytes of a character, which EUC-JP has and ISO 2022 omits.
fn with_high_bits(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte | 0x80).collect()
}

fn decode_whole(bytes: &[u8], encoding: &'static Encoding) -> String {
    encoding.decode_without_bom_handling(bytes).0.into_owned()
}

fn decode_latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|b| char::from(*b)).collect()
}

fn decode_guessed(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| decode_latin1(bytes), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::decode_bytes;

    fn text(charset: &str, bytes: &[u8]) -> String {
        let terms: Vec<String> = charset.split('\\').map(str::to_owned).collect();
        decode_bytes(bytes, &terms)
    }

    #[test]
    fn example_names_of_the_standard_are_read() {
        // PS3.5 H.3.1, H.3.2, I.2, J.3, K.2.
        let yamada =
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B";
        assert_eq!(
            text("\\ISO 2022 IR 87", yamada),
            "Yamada^Tarou=山田^太郎=やまだ^たろう"
        );
        let kana =
            b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=\x1b$B;3ED\x1b(J^\x1b$BB@O:\x1b(J=\x1b$B$d$^$@\x1b(J^\x1b$B$?$m$&\x1b(J";
        assert_eq!(
            text("ISO 2022 IR 13\\ISO 2022 IR 87", kana),
            "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"
        );
        let hong = b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf";
        assert_eq!(
            text("\\ISO 2022 IR 149", hong),
            "Hong^Gildong=洪^吉洞=홍^길동"
        );
        assert_eq!(
            text("ISO_IR 192", "Wang^XiaoDong=王^小東".as_bytes()),
            "Wang^XiaoDong=王^小東"
        );
        assert_eq!(
            text("GB18030", b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab"),
            "Wang^XiaoDong=王^小东"
        );
        let zhang = b"Zhang^XiaoDong=\x1b$)A\xd5\xc5^\x1b$)A\xd0\xa1\xb6\xab=";
        assert_eq!(text("\\ISO 2022 IR 58", zhang), "Zhang^XiaoDong=张^小东=");
    }

    #[test]
    fn single_byte_sets_are_read_with_and_without_code_extensions() {
        assert_eq!(text("ISO_IR 100", b"Buc^J\xe9r\xf4me"), "Buc^Jérôme");
        assert_eq!(
            text("ISO_IR 144", b"\xbb\xee\xdace\xdc\xd1yp\xd3"),
            "Люкceмбypг"
        );
        assert_eq!(
            text("ISO_IR 126", b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2"),
            "Διονυσιος"
        );
        assert_eq!(
            text("ISO_IR 138", b"\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4"),
            "שרון^דבורה"
        );
        assert_eq!(text("ISO_IR 203", b"\xa4"), "€");
        let mixed = b"Dionysios=\x1b-F\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2";
        assert_eq!(
            text("ISO 2022 IR 6\\ISO 2022 IR 126", mixed),
            "Dionysios=Διονυσιος"
        );
        // After the delimiter the first character set applies again.
        let back = b"\x1b-F\xc4^\xc4";
        assert_eq!(text("ISO 2022 IR 100\\ISO 2022 IR 126", back), "Δ^Ä");
    }

    #[test]
    fn odd_and_missing_declarations_are_guessed() {
        assert_eq!(text("ISO-IR 100", b"\xe9"), "é");
        assert_eq!(text("nonsense", "é".as_bytes()), "é");
        assert_eq!(text("", b"M\xfcller"), "Müller");
        assert_eq!(text("ISO 2022 IR 87", b"\x1b$B;3\x1b(B"), "山");
        // Truncated within a character, and an unknown escape sequence.
        assert!(!text("\\ISO 2022 IR 87", b"\x1b$B;").is_empty());
        assert_eq!(text("\\ISO 2022 IR 87", b"A\x1b*zB"), "A\u{1b}*zB");
    }
}
