//! Tests that mostly wait for the server's own deadlines.
//!
//! They all begin together, when the first of them is reached, so that the whole lot takes as long as the
//! longest, however few threads the test runner has. Each still fails on its own.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex};
use std::thread::JoinHandle;

/// What panicked threads said, by the thread's name.
static LAST_WORDS: LazyLock<Mutex<HashMap<String, String>>> = LazyLock::new(Mutex::default);

pub type Running = Mutex<HashMap<&'static str, JoinHandle<()>>>;

/// Begins all `tests` that the command line asks for.
pub fn begin(tests: &[(&'static str, fn())]) -> Running {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let name = std::thread::current().name().unwrap_or_default().to_owned();
        LAST_WORDS
            .lock()
            .expect("a lock")
            .insert(name, info.to_string());
        usual(info);
    }));
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
        .collect();
    let is_wanted =
        |name: &str| wanted.is_empty() || wanted.iter().any(|part| name.contains(part.as_str()));
    let begin = |(name, test): &(&'static str, fn())| {
        let thread = std::thread::Builder::new().name((*name).to_owned());
        (*name, thread.spawn(*test).expect("a thread"))
    };
    Mutex::new(
        tests
            .iter()
            .filter(|(name, _)| is_wanted(name))
            .map(begin)
            .collect(),
    )
}

/// Waits for one of them. One that the command line did not seem to ask for is run now.
pub fn wait(running: &Running, name: &str, test: fn()) {
    let thread = running.lock().expect("a lock").remove(name);
    let Some(thread) = thread else {
        return test();
    };
    if thread.join().is_err() {
        let words = LAST_WORDS.lock().expect("a lock").remove(name);
        panic!("{}", words.unwrap_or_default());
    }
}

/// Declares tests that begin together.
#[macro_export]
macro_rules! slow {
    ($($(#[doc = $doc:literal])* fn $name:ident() $body:block)+) => {
        mod slow_bodies {
            use super::*;
            $($(#[doc = $doc])* pub(super) fn $name() $body)+
        }

        static RUNNING: std::sync::LazyLock<support::slow::Running> = std::sync::LazyLock::new(|| {
            support::slow::begin(&[$((stringify!($name), slow_bodies::$name as fn())),+])
        });

        $(#[test] fn $name() { support::slow::wait(&RUNNING, stringify!($name), slow_bodies::$name); })+
    };
}
