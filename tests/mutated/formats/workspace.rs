//! The database of a workspace: its pages, its header, and the contents of its tables.

use crate::{
    mutate::{NUMBERS, number},
    random::Random,
};

/// Page size in bytes.
const PAGE: usize = 4096;

pub(super) fn mutate(bytes: &mut Vec<u8>, random: &mut Random) {
    let pages = bytes.len() / PAGE;
    if pages == 0 {
        return;
    }
    let page = PAGE * random.below(pages);
    if random.below(2) == 0 {
        return by_sql(bytes, random);
    }
    match random.below(5) {
        // The header of the file.
        0 => number(bytes, 16 + random.below(84), random),
        // The header of a page and its cell pointers.
        1 => number(
            bytes,
            page + if page == 0 { 100 } else { 0 } + random.below(40),
            random,
        ),
        2 => {
            let end = (page + PAGE).min(bytes.len());
            let at = page + random.below(end - page);
            bytes[at] = random.next() as u8;
        }
        3 => {
            let from = PAGE * random.below(pages);
            let copy = bytes[from..from + PAGE].to_vec();
            bytes[page..page + PAGE].copy_from_slice(&copy);
        }
        _ => bytes.truncate(page + random.below(2) * random.below(PAGE)),
    }
}

/// Valid databases with invalid contents or with another schema.
fn by_sql(bytes: &mut Vec<u8>, random: &mut Random) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &*bytes).unwrap();
    let Ok(database) = rusqlite::Connection::open(file.path()) else {
        return;
    };
    let _ = database.pragma_update(None, "journal_mode", "MEMORY");
    let blob: String = (0..random.below(40))
        .map(|_| format!("{:02x}", random.next() as u8))
        .collect();
    // Columns and rows of a mask, then an extremely long run.
    let size = |random: &mut Random| {
        (*random.one_of(&NUMBERS) as u32)
            .to_le_bytes()
            .map(|b| format!("{b:02x}"))
            .concat()
    };
    let mask = [size(random), size(random), "ffffffff0f01".into()].concat();
    let value = *random.one_of(&NUMBERS);
    let statement = match random.below(12) {
        0 => format!("UPDATE scan SET columns = {value}, rows = {value}"),
        1 => format!("UPDATE scan SET columns = -{value}"),
        2 => format!("UPDATE proposal SET mask = x'{blob}'"),
        3 => format!("UPDATE proposal SET mask = x'{mask}'"),
        4 => format!("UPDATE base SET mask = x'{mask}'"),
        5 => format!("UPDATE edit SET runs = x'{blob}'"),
        6 => "UPDATE edit SET runs = x'00ffffffff0f0001'".into(),
        7 => format!("UPDATE slice SET place = {value} WHERE id = 1"),
        8 => "UPDATE label SET definition = '{'".into(),
        9 => format!("PRAGMA user_version = {value}"),
        10 => "CREATE TRIGGER t AFTER UPDATE ON scan BEGIN UPDATE scan SET seconds = seconds + 1; END".into(),
        _ => "DROP TABLE workspace; CREATE VIEW workspace AS
              WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT 1 AS id, max(i) AS name FROM n"
            .into(),
    };
    let _ = database.execute_batch(&statement);
    drop(database);
    *bytes = std::fs::read(file.path()).unwrap();
}
