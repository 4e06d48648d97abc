//! The tables: lobby, timing wheel, budgets, output lanes.

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use passerby::kernel::bucket::{Bucket, Rate};
use passerby::kernel::id::ConnId;
use passerby::kernel::lobby::{Lobby, Mode, QueueKey};
use passerby::kernel::outbox::Outbox;
use passerby::kernel::wheel::{TICK_US, Wheel};
use std::hint::black_box;

fn conn(index: usize) -> ConnId {
    ConnId::new(index as u32, 1)
}

fn key(topic: usize) -> QueueKey {
    QueueKey {
        mode: Mode::Text,
        topic: topic as u32,
        language: 0,
    }
}

/// The interests of number `index`: three of a thousand.
fn interests(index: usize) -> [QueueKey; 3] {
    [7, 31, 101].map(|step| key(index * step % 1_000))
}

/// A lobby with `crowd` people waiting, and room for two more.
fn crowded(crowd: usize) -> Lobby {
    let mut lobby = Lobby::new(1);
    for index in 0..crowd + 2 {
        lobby.reserve(conn(index));
    }
    for index in 0..crowd {
        lobby.wait(conn(index), Mode::Text, &interests(index));
    }
    lobby
}

fn lobby(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("lobby");
    for crowd in [100, 100_000] {
        let mut lobby = crowded(crowd);
        let (me, you) = (conn(crowd), conn(crowd + 1));
        group.bench_function(BenchmarkId::new("join and leave", crowd), |bencher| {
            bencher.iter(|| {
                lobby.wait(me, Mode::Text, &interests(crowd));
                lobby.leave(me);
            });
        });
        group.bench_function(BenchmarkId::new("match by interest", crowd), |bencher| {
            let keys = interests(crowd / 2);
            bencher.iter(|| lobby.oldest(black_box(&keys), |other| other != me));
        });
        group.bench_function(
            BenchmarkId::new("match with nobody that fits", crowd),
            |bencher| {
                let keys = interests(crowd / 2);
                bencher.iter(|| lobby.oldest(black_box(&keys), |_| false));
            },
        );
        group.bench_function(BenchmarkId::new("pair and part", crowd), |bencher| {
            bencher.iter(|| {
                lobby.pair(me, you, Mode::Text);
                lobby.part(me, Mode::Text)
            });
        });
    }
}

fn wheel(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("wheel");
    const TIMERS: usize = 100_000;
    let mut wheel = Wheel::default();
    (0..TIMERS).for_each(|index| wheel.arm(index, (index as u64 % 25_000) * 1_000));
    group.bench_function("arm again", |bencher| {
        let mut index = 0;
        bencher.iter(|| {
            index = (index + 7_919) % TIMERS;
            wheel.arm(index, black_box(20_000_000));
        });
    });
    group.bench_function("next due", |bencher| bencher.iter(|| wheel.next_due()));
    group.bench_function("fire 1,000 and arm them again", |bencher| {
        let now = TICK_US;
        let mut fired = Vec::new();
        bencher.iter_batched(
            || {
                let mut wheel = Wheel::default();
                (0..1_000).for_each(|index| wheel.arm(index, now));
                wheel
            },
            |mut wheel| {
                wheel.advance(now, &mut fired);
                for index in fired.drain(..) {
                    wheel.arm(index as usize, now + 25_000_000);
                }
                wheel
            },
            BatchSize::SmallInput,
        );
    });
}

fn lanes(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("outbox");
    let mut out = Outbox::default();
    (0..1_000).for_each(|index| out.open(conn(index)));
    let mut dirty = Vec::new();
    for (name, lanes) in [("one lane", 1), ("1,000 lanes", 1_000)] {
        group.bench_function(
            BenchmarkId::new("append 200 bytes and flush", name),
            |bencher| {
                bencher.iter(|| {
                    for index in 0..lanes {
                        out.lane(conn(index)).extend_from_slice(&[7; 200]);
                    }
                    out.take_dirty(&mut dirty);
                    for conn in &dirty {
                        let count = out.pending(*conn).len();
                        out.wrote(*conn, count);
                    }
                });
            },
        );
    }
}

fn budgets(criterion: &mut Criterion) {
    let rate = Rate::new(1_000_000.0, 100);
    let mut bucket = Bucket::default();
    let mut now = 0;
    criterion.bench_function("bucket/take", |bencher| {
        bencher.iter(|| {
            now += 1;
            bucket.take(black_box(rate), now)
        });
    });
}

criterion_group!(benches, lobby, wheel, lanes, budgets);
criterion_main!(benches);
