//! What a relayed message costs in instructions, which no other process can disturb: each form is counted by valgrind
//! over few messages and over many, and what the many took more is theirs.

mod world;

use std::env;
use std::process::Command;

use world::{Form, World};

/// Which form is to be counted, and how many messages, in a process that valgrind watches.
const FORM: &str = "INSTRUCTIONS_FORM";
const MESSAGES: &str = "INSTRUCTIONS_MESSAGES";
const FEW: u64 = 1_000;
const MANY: u64 = 6_000;

fn main() {
    match env::var(FORM) {
        Ok(name) => relay(&name),
        Err(_) => Form::ALL.iter().for_each(|form| {
            let counts = [FEW, MANY].map(|messages| counted(*form, messages));
            match counts {
                [Some(few), Some(many)] => {
                    let each = (many - few) as f64 / (MANY - FEW) as f64;
                    println!("relay/{:<8} {each:>7.0} instructions", form.name());
                }
                _ => println!("relay/{:<8} not counted: that takes valgrind", form.name()),
            }
        }),
    }
}

/// Relays messages of the form of this name.
fn relay(name: &str) {
    let form = Form::ALL.into_iter().find(|form| form.name() == name);
    let messages = env::var(MESSAGES).ok().and_then(|count| count.parse().ok());
    let (form, messages): (Form, u64) = form.zip(messages).expect("what to count");
    let mut world = World::new();
    let people = world.pairs(1, form);
    for number in 0..messages {
        let (id, message) = &people[number as usize % 2];
        world.turn(*id, message);
    }
    assert_eq!(world.stats.messages_relayed, messages);
}

/// The instructions of a process that relays so many; nothing without valgrind.
fn counted(form: Form, messages: u64) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().ok()?)
        .env(FORM, form.name())
        .env(MESSAGES, messages.to_string())
        .output()
        .ok()?;
    let told = String::from_utf8_lossy(&output.stderr);
    let (_, count) = told.split_once("Collected : ")?;
    count.lines().next()?.trim().parse().ok()
}
