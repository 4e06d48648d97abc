//! What only SQLite does: one file, and what becomes of it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use passerby::edge::store::Location;
use passerby::kernel::ask::{Answer, Query, Refusal};
use passerby::limits;
use rusqlite::Connection;

use super::desk::*;
use super::support::disk::Disk;
use super::support::eventually;

/// A folder that goes with its test.
pub struct Home {
    folder: PathBuf,
}

impl Home {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("passerby-store-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).expect("a folder");
        Self { folder }
    }

    pub fn file(&self) -> PathBuf {
        self.folder.join("data/passerby.db")
    }

    pub fn location(&self) -> Location {
        self.location_with("")
    }

    pub fn location_with(&self, options: &str) -> Location {
        let text = format!("sqlite:passerby.db{options}");
        let location = Location::parse(&text).expect("a location");
        location.within(&self.folder.join("data"))
    }

    /// Another process, as it were.
    pub fn visitor(&self) -> Connection {
        Connection::open(self.file()).expect("opened")
    }

    /// Whether these bytes are somewhere in the files.
    fn holds(&self, secret: &[u8]) -> bool {
        let first = secret[0];
        ["db", "db-wal"].iter().any(|kind| {
            let bytes = fs::read(self.file().with_extension(kind)).unwrap_or_default();
            let mut starts = bytes.iter().enumerate().filter(|(_, byte)| **byte == first);
            starts.any(|(at, _)| bytes[at..].starts_with(secret))
        })
    }
}

fn count_messages(visitor: &Connection) -> usize {
    visitor
        .query_row("SELECT count(*) FROM messages", [], |row| {
            row.get::<_, u32>(0)
        })
        .expect("a count") as usize
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

fn is_whole(home: &Home) -> bool {
    let report: String = home
        .visitor()
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("a report");
    report == "ok"
}

#[test]
fn the_file_is_for_nobody_else() {
    let home = Home::new();
    let mut store = Store::open(home.location());
    settle_in(&mut store);
    let file = home.file();
    assert_eq!(mode(file.parent().expect("a folder")), 0o700);
    assert_eq!(mode(&file), 0o600);
    assert_eq!(mode(&file.with_extension("db-wal")), 0o600);
}

#[test]
fn the_file_can_be_read_by_people() {
    let home = Home::new();
    let mut store = Store::open(home.location());
    settle_in(&mut store);
    store.ask(say(100, 10, 1, "Hello", None)).expect("said");
    let row: (String, String, String) = home
        .visitor()
        .query_row("SELECT id, content, sent_at FROM messages", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .expect("a row");
    assert_eq!(
        row,
        (
            "00000000-0000-0000-0000-000000000064".to_owned(),
            "Hello".to_owned(),
            "2026-11-20T10:00:00.100Z".to_owned()
        )
    );
}

#[test]
fn a_newer_schema_is_left_alone() {
    let home = Home::new();
    assert!(Store::open(home.location()).close());
    home.visitor()
        .execute("INSERT INTO schema_versions VALUES (999, '')", [])
        .expect("written");
    let refusal = Store::try_open(home.location()).err().expect("refused");
    assert!(refusal.contains("version 999"), "{refusal}");
}

#[test]
fn what_is_not_a_database_is_refused() {
    let home = Home::new();
    fs::create_dir(home.file().parent().expect("a folder")).expect("a folder");
    fs::write(
        home.file(),
        "This is a letter to my grandmother. ".repeat(100),
    )
    .expect("written");
    let refusal = Store::try_open(home.location()).err().expect("refused");
    assert!(refusal.contains("passerby.db"), "{refusal}");
    assert!(!refusal.contains('\n'));
}

#[test]
fn memory_needs_no_file() {
    let location = Location::parse("sqlite::memory:");
    let mut store = Store::open(location.expect("a location"));
    settle_in(&mut store);
    assert_eq!(store.ask(say(100, 10, 1, "x", None)), said(100));
}

#[test]
fn a_locked_file_is_read_but_not_written() {
    let home = Home::new();
    let mut store = Store::open(home.location());
    settle_in(&mut store);
    let visitor = home.visitor();
    visitor.execute_batch("BEGIN EXCLUSIVE").expect("locked");
    let outcomes = store.ask_together(vec![
        say(100, 10, 1, "x", None),
        room(10, 1, NOON),
        say(101, 10, 1, "x", None),
    ]);
    assert_eq!(outcomes[0], Err(Refusal::Failed));
    assert!(outcomes[1].is_ok());
    assert_eq!(outcomes[2], Err(Refusal::Failed));
    assert_eq!(store.ask(Query::Ping), Ok(Answer::Done));
    visitor.execute_batch("COMMIT").expect("released");
    assert_eq!(store.ask(say(102, 10, 1, "x", None)), said(102));
    assert_eq!(contents(store.ask(messages(10, 1))), ["x"]);
}

#[test]
fn a_full_disk_is_survived() {
    let home = Home::new();
    let mut store = Store::open(home.location_with("?max_page_count=60"));
    settle_in(&mut store);
    store.ask(open(11, [1, 2], NOON)).expect("a room");
    let text = "x".repeat(1000);
    let mut kept = 0;
    let refusal = loop {
        match store.ask(say(1000 + kept, 10, 1, &text, None)) {
            Ok(_) => kept += 1,
            Err(refusal) => break refusal,
        }
        assert!(kept < 1000, "the disk is never full");
    };
    assert_eq!(refusal, Refusal::StorageFull);
    // A batch: each of the writes is refused, what only reads is answered, and what makes space does.
    let mut queries: Vec<Query> = (0..20)
        .map(|number| say(5000 + number, 11, 1, &text, None))
        .collect();
    queries.push(page(10, 1, None, 1));
    queries.push(close(10, 1, NOON + 1));
    queries.push(say(6000, 11, 1, "small", None));
    let outcomes = store.ask_together(queries);
    assert!(outcomes[..20].contains(&Err(Refusal::StorageFull)));
    assert!(!outcomes.contains(&Err(Refusal::Failed)));
    assert_eq!(contents(outcomes[20].clone()), [text.as_str()]);
    a_room(outcomes[21].clone());
    assert_eq!(outcomes[22], said(6000));
    assert_eq!(store.ask(say(6001, 11, 1, &text, None)), said(6001));
    assert!(is_whole(&home));
}

#[test]
fn a_room_can_be_closed_whenever_others_fill_the_disk() {
    let text = "x".repeat(1_000);
    for before in [0, 1, 10, 60, 150, 300] {
        let Some(disk) = Disk::mount(2_048) else {
            return;
        };
        let path = disk.folder().join("passerby.db");
        let location = Location::parse(&format!("sqlite:{}", path.display()));
        let mut store = Store::open(location.expect("a location"));
        settle_in(&mut store);
        for room in 11..15 {
            store.ask(open(room, [1, 2], NOON)).expect("a room");
        }
        let mut next = 100;
        let mut speak = |store: &mut Store, room, count| {
            let queries = (0..count).map(|number| say(next + number, room, 1, &text, None));
            let outcomes = store.ask_together(queries.collect());
            next += count;
            outcomes.iter().filter(|outcome| outcome.is_ok()).count() as u128
        };
        assert_eq!(speak(&mut store, 10, before), before);
        disk.fill();
        for room in 10..14 {
            // More than the disk has, so that it is full when the room is to be closed.
            let is_full = (0..40).any(|_| speak(&mut store, room, 100) < 100);
            assert!(is_full);
            assert!(store.ask(messages(room, 2)).is_ok());
            a_room(store.ask(close(room, 2, NOON + 5)));
        }
        let visitor = Connection::open(&path).expect("opened");
        assert!(eventually(PATIENCE, || count_messages(&visitor) == 0));
        disk.empty();
        assert_eq!(speak(&mut store, 14, 50), 50);
        assert!(store.close());
        assert_eq!(count_messages(&visitor), 50);
        let report: String = visitor
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .expect("a report");
        assert_eq!(report, "ok");
    }
}

#[test]
fn what_is_erased_is_nowhere_in_the_files() {
    let home = Home::new();
    let mut store = Store::open(home.location());
    settle_in(&mut store);
    let secret = "the treasure is under the third oak";
    let queries = (100..300)
        .map(|message| say(message, 10, 1, &secret.repeat(message as usize % 90), None))
        .collect();
    store.ask_together(queries);
    let secret = &secret.as_bytes()[4..12];
    assert!(home.holds(secret));
    store.ask(close(10, 1, NOON + 5)).expect("closed");
    assert!(store.close());
    assert!(!home.holds(secret));
    assert!(is_whole(&home));
}

#[test]
fn much_that_is_erased_while_somebody_reads_is_gone_when_they_have_finished() {
    let home = Home::new();
    let mut store = Store::open(home.location());
    settle_in(&mut store);
    say_much(&mut store, "the treasure is under the third oak");
    let visitor = home.visitor();
    visitor.execute_batch("BEGIN").expect("begun");
    assert!(count_messages(&visitor) > 0);
    store.ask(close(10, 1, NOON + 5)).expect("closed");
    // The log was to be cut meanwhile.
    std::thread::sleep(Duration::from_millis(limits::STORE_CUT_MS + 2_000));
    assert!(home.holds(b"treasure"), "they may still read it");
    visitor.execute_batch("COMMIT").expect("finished");
    assert!(eventually(PATIENCE, || !home.holds(b"treasure")));
    assert_eq!(count_messages(&visitor), 0);
    assert!(is_whole(&home));
}

#[test]
fn much_is_erased_a_little_at_a_time_in_a_file() {
    let home = Home::new();
    let mut store = Store::open(home.location());
    let visitor = home.visitor();
    much_is_erased_a_little_at_a_time(&mut store, || count_messages(&visitor));
}

#[test]
fn what_was_to_be_erased_in_a_file_is_after_a_restart() {
    let home = Home::new();
    let mut store = Store::open(home.location());
    settle_in(&mut store);
    say_much(&mut store, "the treasure is under the third oak");
    assert!(store.close());
    let visitor = home.visitor();
    let end = visitor.execute("UPDATE rooms SET ended_at = expires_at", []);
    assert_eq!(end.expect("ended"), 1);
    let _store = Store::open(home.location());
    assert!(eventually(PATIENCE, || count_messages(&visitor) == 0));
    assert!(eventually(PATIENCE, || !home.holds(b"treasure")));
}

#[test]
fn nothing_is_searched_from_end_to_end() {
    let home = Home::new();
    assert!(Store::open(home.location()).close());
    let visitor = home.visitor();
    let mut scans = Vec::new();
    for statement in passerby::edge::store::SQLITE_STATEMENTS {
        let mut plan = visitor
            .prepare(&format!("EXPLAIN QUERY PLAN {statement}"))
            .expect("a statement");
        let mut rows = plan.raw_query();
        while let Some(row) = rows.next().expect("a plan") {
            let step: String = row.get(3).expect("a step");
            // What a subquery has found, and what is only in its index until it is done.
            let is_fine = !step.starts_with("SCAN")
                || step == "SCAN CONSTANT ROW"
                || step.starts_with("SCAN (subquery")
                || step.contains("INDEX rooms_to_");
            if !is_fine {
                scans.push(format!("{step}: {statement}"));
            }
        }
    }
    assert!(scans.is_empty(), "{}", scans.join("\n"));
}
