//! Whole turns in memory: bytes in, decisions, bytes out, without a socket.

mod world;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use passerby::kernel::id::ConnId;
use world::{Form, UPGRADE, World, frame};

fn relay(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("relay");
    group.throughput(Throughput::Elements(1));
    let crowds = Form::ALL.map(|form| (form, 1)).into_iter();
    for (form, pairs) in crowds.chain([100, 9_000].map(|pairs| (Form::Page, pairs))) {
        let mut world = World::new();
        let people = world.pairs(pairs, form);
        let mut next = 0;
        group.bench_function(BenchmarkId::new(form.name(), pairs), |bencher| {
            bencher.iter(|| {
                next = (next + 1_237) % people.len();
                let (id, message) = &people[next];
                world.turn(*id, message);
            });
        });
        world.assert_nothing_was_refused();
    }
    group.throughput(Throughput::Elements(16));
    for form in [Form::Bare, Form::Page] {
        let mut world = World::new();
        let people = world.pairs(1, form);
        let burst = people[0].1.repeat(16);
        let mut next = 0;
        group.bench_function(BenchmarkId::new("burst of 16", form.name()), |bencher| {
            bencher.iter(|| {
                next = 1 - next;
                world.turn(people[next].0, &burst);
            });
        });
        world.assert_nothing_was_refused();
    }
}

fn life(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("life");
    let mut world = World::new();
    let people = world.pairs(1, Form::Bare);
    let next = frame(r#"{"type":"nextStranger"}"#);
    group.bench_function("both press next", |bencher| {
        bencher.iter(|| {
            world.turn(people[0].0, &next);
            world.turn(people[1].0, &next);
        });
    });
    let mut world = World::new();
    let find = frame(r#"{"type":"findMatch"}"#);
    group.bench_function("two connect, meet and go", |bencher| {
        bencher.iter(|| {
            let pair = [world.open(0), world.open(1)];
            pair.iter().for_each(|id| world.turn(*id, &find));
            pair.iter().for_each(|id| world.close(*id));
        });
    });
}

fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fan-out");
    let text = "x".repeat(32);
    let say = frame(&format!(
        r#"{{"type":"text","content":"{text}","room":"general"}}"#
    ));
    let join = frame(r#"{"type":"join_room","content":"general"}"#);
    for members in [10, 100, 1_000] {
        let mut world = World::new();
        let people: Vec<ConnId> = (0..members)
            .map(|index| {
                let path = format!("/api/ws?user_id={index}&username={index}");
                let request = String::from_utf8_lossy(UPGRADE).replace("/ws", &path);
                let id = world.open_with(index, request.as_bytes());
                world.turn(id, &join);
                while world.server.next_due() == Some(0) {
                    world.turn(id, b"");
                }
                id
            })
            .collect();
        let before = (world.stats.room_messages, world.stats.room_deliveries);
        let mut next = 0;
        group.throughput(Throughput::Elements(u64::from(members)));
        group.bench_function(BenchmarkId::new("32 bytes, members", members), |bencher| {
            bencher.iter(|| {
                next = (next + 1) % people.len();
                world.turn(people[next], &say);
                while world.server.next_due() == Some(0) {
                    world.turn(people[next], b"");
                }
            });
        });
        let said = world.stats.room_messages - before.0;
        let heard = world.stats.room_deliveries - before.1;
        assert_eq!(heard, said * u64::from(members));
        world.assert_nothing_was_refused();
    }
}

criterion_group!(benches, relay, life, fan_out);
criterion_main!(benches);
