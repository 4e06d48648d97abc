//! The database goes away while people chat without accounts, and comes back.

mod support;

use std::time::{Duration, Instant};

use support::members::Member;
use support::postgres::Cluster;
use support::{Client, Launch, Response, Server, eventually};

/// A machine that has other things to do may take its time.
const LONG: Duration = Duration::from_secs(60);

/// Strangers who chat, and somebody with an account, at a server whose store is at `cluster`.
struct Scene {
    server: Server,
    member: Member,
    strangers: (Client, Client),
    said: u32,
}

impl Scene {
    fn open(cluster: &Cluster) -> Self {
        let url = cluster.database();
        let server = Launch {
            flags: &["--message-rate", "0"],
            environment: &[("DB_URL", url.as_str())],
            ..Launch::default()
        }
        .start();
        // A PostgreSQL server may be reached only after ours is ready.
        let is_ready = eventually(LONG, || server.get("/readyz").status == 200);
        assert!(is_ready, "the store is not there");
        let member = server.register("somebody", "FR");
        let strangers = server.pair();
        Self {
            server,
            member,
            strangers,
            said: 0,
        }
    }

    /// Asks for somebody's rooms, while the strangers say something to each other.
    fn ask(&mut self) -> Response {
        let mut raw = self.server.raw();
        let token = &self.member.token;
        raw.send(format!(
            "GET /rooms/me HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\n\r\n"
        ));
        self.said += 1;
        let (one, other) = &mut self.strangers;
        one.chat_with(other, &format!("message {}", self.said));
        raw.response()
    }

    /// While the database is away: accounts are told to come back later, at once after the first, and nobody else notices.
    fn does_without_a_database(&mut self) {
        let is_told = eventually(LONG, || self.ask().status == 503);
        assert!(is_told, "nobody is told");
        let start = Instant::now();
        for _ in 0..10 {
            let response = self.ask();
            assert_eq!(response.status, 503, "{}", response.text());
            assert!(response.field("retry-after").is_some());
        }
        // Each of them would have waited two seconds.
        assert!(start.elapsed() < Duration::from_secs(15));
        assert_eq!(self.server.get("/readyz").status, 503);
        assert_eq!(self.server.get("/health").status, 200);
        assert_eq!(self.server.metric("passerby_store_up"), 0.0);
    }

    fn recovers(&mut self) {
        // Starting a database may take longer than somebody may be silent.
        self.strangers = self.server.pair();
        let is_back = eventually(LONG, || self.ask().status == 200);
        assert!(is_back, "{}", self.server.log());
        self.server.await_metric("passerby_store_up", 1.0);
        assert_eq!(self.server.get("/readyz").status, 200);
        self.server.register("another", "DE");
    }
}

#[test]
fn chat_goes_on_while_the_database_stands_still() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let mut scene = Scene::open(&cluster);
    assert_eq!(scene.ask().status, 200);
    cluster.signal("STOP");
    scene.does_without_a_database();
    cluster.signal("CONT");
    scene.recovers();
}

#[test]
fn chat_goes_on_while_the_database_is_dead() {
    let Some(cluster) = Cluster::start() else {
        return;
    };
    let mut scene = Scene::open(&cluster);
    assert_eq!(scene.ask().status, 200);
    cluster.kill();
    scene.does_without_a_database();
    cluster.restart();
    scene.recovers();
}
