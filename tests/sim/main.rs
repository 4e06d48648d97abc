//! The whole program in a simulated world: virtual time, virtual sockets, scripted people, one seed.
//!
//! Each seed gives one history: people come, search, talk, skip, go silent, send half a frame, stop reading
//! and vanish, while bytes move in pieces of any size. After every step the invariants must hold. A failure
//! prints its seed; `SIM_SEED=n cargo test --test sim` runs that one again, `SIM_SEEDS=n` runs so many.

mod accounts;
mod ear;
mod fate;
mod guest;
mod logins;
mod pair_books;
mod person;
mod room_books;
mod store;
mod town;
mod village;
mod village_books;
mod village_deeds;
mod wire;
mod world;
mod world_deeds;

use village::Village;
use world::World;

const SEEDS: u64 = 600;
const STEPS: usize = 300;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_history_keeps_the_invariants() {
    let first = number("SIM_SEED");
    let seeds = match first {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIM_SEEDS").unwrap_or(SEEDS),
    };
    let mut relayed = 0;
    let mut pairs = 0;
    let mut closes = 0;
    let mut pauses = 0;
    for seed in seeds {
        let mut world = World::new(seed, false);
        for step in 0..STEPS {
            let done = world.step();
            done.unwrap_or_else(|fault| panic!("seed {seed}, step {step}: {fault}"));
        }
        pauses += world.pauses;
        let end = world
            .end()
            .unwrap_or_else(|fault| panic!("seed {seed}, at the end: {fault}"));
        let stats = end.stats;
        relayed += stats.messages_relayed;
        pairs += stats.pairs_made;
        closes += stats.closes(passerby::kernel::stats::CloseCause::TooSlow);
        assert_eq!(stats.panics, 0);
    }
    // The histories must have been worth checking.
    if first.is_none() {
        assert!(
            relayed > 1_000 && pairs > 500,
            "{relayed} messages in {pairs} pairs"
        );
        assert!(closes > 0, "nobody was ever too slow");
        assert!(
            pauses > 1_000,
            "hardly anybody was ever held back: {pauses}"
        );
    }
}

#[test]
fn every_history_of_rooms_keeps_the_invariants() {
    let first = number("SIM_SEED");
    let seeds = match first {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIM_SEEDS").unwrap_or(SEEDS),
    };
    let (mut said, mut delivered, mut direct) = (0, 0, 0);
    let (mut slow, mut letters, mut tabs, mut deep_tabs) = (0, 0, 0, 0);
    for seed in seeds {
        let mut world = World::new(seed, true);
        for step in 0..STEPS {
            let done = world.step();
            done.unwrap_or_else(|fault| panic!("seed {seed}, step {step}: {fault}"));
        }
        tabs += world.tabs;
        deep_tabs += world.deep_tabs;
        let end = world
            .end()
            .unwrap_or_else(|fault| panic!("seed {seed}, at the end: {fault}"));
        letters += end.letters;
        let stats = end.stats;
        said += stats.room_messages;
        delivered += stats.room_deliveries;
        direct += stats.direct_messages;
        slow += stats.closes(passerby::kernel::stats::CloseCause::TooSlow);
        assert_eq!(stats.panics, 0);
    }
    if first.is_none() {
        assert!(
            said > 1_000 && delivered > said && direct > 300,
            "{said} said, {delivered} delivered, {direct} direct"
        );
        assert!(slow > 0, "nobody was ever too slow");
        assert!(letters > 1_000, "{letters} private messages arrived");
        assert!(
            tabs > 300 && deep_tabs > 10,
            "{tabs} tabs in rooms, {deep_tabs} where much had yet to go round"
        );
    }
}

#[test]
fn every_history_of_accounts_keeps_the_invariants() {
    let first = number("SIM_SEED");
    let seeds = match first {
        Some(seed) => seed..seed + 1,
        None => 0..number("SIM_SEEDS").unwrap_or(SEEDS),
    };
    let (mut acked, mut late, mut pooled, mut pacts, mut over) = (0, 0, 0, 0, 0);
    let (mut registered, mut logged_in) = (0, 0);
    for seed in seeds {
        let mut village = Village::new(seed);
        for step in 0..STEPS * 2 {
            if let Err(fault) = village.step() {
                village.tell();
                panic!("seed {seed}, step {step}: {fault}");
            }
        }
        if let Err(fault) = village.end() {
            village.tell();
            panic!("seed {seed}, at the end: {fault}");
        }
        acked += village.acked.len();
        registered += village.registered;
        logged_in += village.logged_in;
        late += village.late.len();
        pooled += village.made_in_pool;
        pacts += village.made_by_pact;
        over += village.over.len();
        assert_eq!(village.stats.panics, 0);
    }
    if first.is_none() {
        assert!(
            acked > 500 && late > 20 && pooled > 200 && pacts > 10 && over > 50,
            "{acked} acknowledged, {late} answers lost, {pooled} rooms by the pool, {pacts} by strangers, {over} ended"
        );
        assert!(
            registered > 100 && logged_in > 100,
            "{registered} registered, {logged_in} logged in"
        );
    }
}

#[test]
fn a_seed_is_a_history() {
    let run = |seed| {
        let mut world = World::new(seed, false);
        for _ in 0..STEPS {
            world.step().expect("sound");
        }
        world.transcript()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
