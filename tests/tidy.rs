//! The rules of the house that a compiler does not check: which layer may know which, and what the pure ones
//! must not touch.

use std::fs;
use std::path::{Path, PathBuf};

/// The layers from the bottom up; a file may use its own layer and those before it.
const LAYERS: &[&str] = &[
    "limits", "kernel", "defaults", "wire", "conn", "service", "app", "edge", "net", "config",
];

/// Layers that are pure: told the time, given their seeds, and free of system calls and locks.
const PURE: &[&str] = &[
    "limits", "kernel", "defaults", "wire", "conn", "service", "app",
];

const IMPURE: &[&str] = &[
    "mio::",
    "socket2",
    "std::net::Tcp",
    "std::net::Udp",
    "std::net::ToSocketAddrs",
    "std::thread",
    "std::fs",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "std::process",
    "std::env",
    "Instant",
    "SystemTime",
    "std::sync",
    "Arc<",
    "Mutex",
    "RwLock",
    "RefCell",
    "Rc<",
    "Atomic",
    "getrandom",
    "log::",
    "println!",
    "eprintln!",
    "rand::rng(",
    "thread_rng",
    "new_v4",
    "now_v7",
];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The layer that a file belongs to.
fn layer(path: &Path) -> String {
    let relative = path.strip_prefix(root()).expect("in the source tree");
    let first = relative.components().next().expect("a name");
    let name = first.as_os_str().to_string_lossy();
    name.trim_end_matches(".rs").to_owned()
}

/// The code of a file, without comments and without its unit tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("readable");
    let text = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or_default();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn every_file_is_in_a_layer() {
    for path in sources(&root()) {
        let layer = layer(&path);
        let is_known = LAYERS.contains(&layer.as_str())
            || ["lib", "main", "logging", "secrets"].contains(&layer.as_str());
        assert!(is_known, "{} is in no layer", path.display());
    }
}

#[test]
fn layers_know_only_those_below() {
    let mut faults = Vec::new();
    for path in sources(&root()) {
        let own = layer(&path);
        let Some(height) = LAYERS.iter().position(|layer| *layer == own) else {
            continue;
        };
        let code = code(&path);
        for above in &LAYERS[height + 1..] {
            if code.contains(&format!("crate::{above}")) {
                faults.push(format!(
                    "{} uses {above}, which is above it",
                    path.display()
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn services_do_not_know_each_other() {
    for path in sources(&root().join("service")) {
        let relative = path
            .strip_prefix(root().join("service"))
            .expect("a service");
        let own = relative.components().next().expect("a name");
        let own = own
            .as_os_str()
            .to_string_lossy()
            .trim_end_matches(".rs")
            .to_owned();
        for line in code(&path).lines().filter(|_| own != "mod") {
            if let Some((_, used)) = line.split_once("crate::service::") {
                assert!(used.starts_with(&own), "{}: {line}", path.display());
            }
        }
    }
}

#[test]
fn pure_layers_are_pure() {
    let mut faults = Vec::new();
    for path in sources(&root()) {
        if !PURE.contains(&layer(&path).as_str()) {
            continue;
        }
        let code = code(&path);
        for token in IMPURE {
            if code.contains(token) {
                faults.push(format!("{} has {token}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What stands between the parenthesis that opens at the front of `text` and the one that closes it.
fn arguments(text: &str) -> &str {
    let mut depth = 0;
    let end = text.find(|char| {
        depth += match char {
            '(' => 1,
            ')' => -1,
            _ => 0,
        };
        depth == 0
    });
    &text[..end.unwrap_or(text.len())]
}

#[test]
fn no_sql_is_put_together_from_pieces() {
    const VERBS: &[&str] = &[
        "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "FROM", "WHERE",
        "VALUES", "PRAGMA", "SET", "BEGIN", "COMMIT",
    ];
    const MAKERS: &[&str] = &["format!(", "write!(", "writeln!(", "push_str(", "extend("];
    let is_sql = |text: &str| {
        text.split(|char: char| !char.is_ascii_alphabetic())
            .any(|word| VERBS.contains(&word))
    };
    let mut statements = 0;
    for path in sources(&root().join("edge/store")) {
        let code = code(&path);
        statements += code.matches("SELECT").count();
        for maker in MAKERS {
            for (at, _) in code.match_indices(maker) {
                let made = arguments(&code[at + maker.len() - 1..]);
                assert!(!is_sql(made), "{}: {maker}{made})", path.display());
            }
        }
        for line in code.lines().filter(|line| line.contains('"')) {
            let is_joined = line.contains("\" +") || line.contains("+ \"");
            assert!(!(is_joined && is_sql(line)), "{}: {line}", path.display());
        }
    }
    assert!(statements > 10, "the test looks where no SQL is");
}

#[test]
fn files_can_be_read_in_one_sitting() {
    for path in sources(&root()) {
        let lines = code(&path).lines().count();
        assert!(lines <= 500, "{} has {lines} lines of code", path.display());
    }
}

#[test]
fn every_test_that_the_handbook_names_exists() {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"));
    let code: String = [home.join("src"), home.join("tests")]
        .iter()
        .flat_map(|folder| sources(folder))
        .map(|path| fs::read_to_string(path).expect("readable"))
        .collect();
    let handbook = fs::read_to_string(home.join("docs/TESTING.md")).expect("readable");
    let names: Vec<&str> = handbook
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|name| {
            name.contains('_')
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        })
        .collect();
    assert!(names.len() > 60, "only {} names", names.len());
    for name in names {
        assert!(
            code.contains(&format!("fn {name}(")),
            "there is no test {name}"
        );
    }
}
