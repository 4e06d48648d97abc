//! Every scenario, briefly, against the bundled baseline.

#![allow(
    clippy::unwrap_used,
    reason = "a test may panic, and so may what it calls"
)]

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::Value;

const LOADTEST: &str = env!("CARGO_BIN_EXE_loadtest");

/// A bundled server that ends with the test.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(LOADTEST)
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let (_, address) = line.trim().split_once("listening on http://").unwrap();
        Self {
            address: address.to_owned(),
            child,
        }
    }

    fn baseline() -> Self {
        Self::start(&["serve-baseline"])
    }

    fn load(&self, args: &[&str]) -> Output {
        Command::new(LOADTEST)
            .args(args)
            .args([
                "--target",
                &self.address,
                "--server-pid",
                &self.child.id().to_string(),
            ])
            .args(["--warmup-ms", "100", "--sources", "2"])
            .output()
            .unwrap()
    }

    /// Runs a scenario that must go well and reads its JSON.
    fn measure(&self, args: &[&str]) -> Value {
        let file = scratch("json");
        let args = [args, &["--json", &file, "--max-errors", "0"]].concat();
        let output = self.load(&args);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stdout)
        );
        let json = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        std::fs::remove_file(file).unwrap();
        json
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// A file name of our own.
fn scratch(extension: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("loadtest-test-{}-{number}.{extension}", std::process::id());
    std::env::temp_dir().join(name).to_str().unwrap().to_owned()
}

/// The usual: something was counted and timed, the server's cost is known, nothing went wrong.
fn check(json: &Value, scenario: &str) {
    assert_eq!(json["scenario"], scenario);
    assert!(json["count"].as_u64().unwrap() > 0, "{json}");
    assert!(json["latency_us"]["p99"].as_f64().unwrap() > 0.0, "{json}");
    assert!(
        json["server"]["cpu_share"].as_f64().unwrap() > 0.0,
        "{json}"
    );
    assert_eq!(json["errors"].as_object().unwrap().len(), 0, "{json}");
}

#[test]
fn relay() {
    let server = Server::baseline();
    check(
        &server.measure(&["relay", "--pairs", "5", "--seconds", "0.4"]),
        "relay",
    );
    check(
        &server.measure(&["relay", "--pairs", "2", "--window", "8", "--seconds", "0.3"]),
        "relay",
    );
}

#[test]
fn burst() {
    let json = Server::baseline().measure(&["burst", "--pairs", "4", "--seconds", "0.4"]);
    check(&json, "burst");
}

#[test]
fn open_keeps_its_rate() {
    let json =
        Server::baseline().measure(&["open", "--pairs", "4", "--rate", "500", "--seconds", "0.6"]);
    check(&json, "open");
    let rate = json["rate_per_s"].as_f64().unwrap();
    // Never faster; slower where the machine is.
    assert!((50.0..600.0).contains(&rate), "{rate}");
}

#[test]
fn idle_tells_memory_per_connection() {
    let json = Server::baseline().measure(&["idle", "--connections", "50", "--hold", "0.3"]);
    assert_eq!(json["count"], 50);
    assert!(
        json["figures"]["rss_bytes_per_connection"]
            .as_f64()
            .unwrap()
            > 0.0,
        "{json}"
    );
    assert!(
        json["figures"]["idle_cpu_percent"].as_f64().is_some(),
        "{json}"
    );
}

#[test]
fn connect() {
    let json = Server::baseline().measure(&["connect", "--concurrency", "8", "--seconds", "0.4"]);
    check(&json, "connect");
}

#[test]
fn churn() {
    let json = Server::baseline().measure(&["churn", "--clients", "9", "--seconds", "0.4"]);
    check(&json, "churn");
}

#[test]
fn mixed_does_everything() {
    let json = Server::baseline().measure(&[
        "mixed",
        "--clients",
        "60",
        "--pace",
        "60",
        "--seconds",
        "0.9",
    ]);
    check(&json, "mixed");
    for deed in [
        "arrivals",
        "messages_sent",
        "typings",
        "skips",
        "drops",
        "goodbyes",
        "stops",
    ] {
        assert!(
            json["figures"][deed].as_f64().unwrap_or_default() > 0.0,
            "no {deed} in {json}"
        );
    }
}

#[test]
fn soak_tells_slopes() {
    let json = Server::baseline().measure(&[
        "soak",
        "--clients",
        "20",
        "--pace",
        "60",
        "--seconds",
        "0.9",
    ]);
    check(&json, "soak");
    assert!(json["figures"]["rss_kb_per_minute"].is_number(), "{json}");
    assert!(
        json["figures"]["descriptors_per_minute"].is_number(),
        "{json}"
    );
}

#[test]
fn flood_tells_both_phases() {
    let server = Server::baseline();
    let json = server.measure(&[
        "flood",
        "--normals",
        "10",
        "--rate",
        "20",
        "--abusers",
        "2",
        "--seconds",
        "0.5",
    ]);
    // The baseline is not fair: on a busy machine its users may hear nothing at all while it is flooded.
    assert_eq!(json["errors"].as_object().unwrap().len(), 0, "{json}");
    assert!(
        json["figures"]["p99_us_calm"].as_f64().unwrap() > 0.0,
        "{json}"
    );
    let is_starved = json["count"] == 0;
    assert_eq!(json["figures"]["p99_ratio"].is_null(), is_starved, "{json}");
    assert!(
        json["figures"]["abuser_messages_per_s"].as_f64().unwrap() > 1_000.0,
        "{json}"
    );
}

#[test]
fn rooms_are_heard_by_every_member() {
    let server = Server::start(&["serve-floor", "--mode", "fan"]);
    let json = server.measure(&[
        "rooms",
        "--members",
        "20",
        "--rate",
        "50",
        "--seconds",
        "0.6",
    ]);
    check(&json, "rooms");
    assert_eq!(json["unit"], "deliveries");
    // Some thirty messages to twenty members; the ends of the window may cut one.
    let count = json["count"].as_u64().unwrap();
    assert!((300..=800).contains(&count), "{json}");
}

#[test]
fn rooms_with_stalled_members_have_two_phases() {
    let server = Server::start(&["serve-floor", "--mode", "fan"]);
    let json = server.measure(&[
        "rooms",
        "--members",
        "10",
        "--rate",
        "100",
        "--seconds",
        "0.4",
        "--stalled",
        "2",
    ]);
    check(&json, "rooms");
    for figure in ["p99_us_calm", "p99_ratio", "cpu_us_calm", "cpu_ratio"] {
        assert!(json["figures"][figure].as_f64().unwrap() > 0.0, "{json}");
    }
    assert!(json["phases"]["calm"]["p99"].as_f64().unwrap() > 0.0);
}

#[test]
fn the_floor_relays_and_plays_lives() {
    let relay = Server::start(&["serve-floor"]);
    check(
        &relay.measure(&["relay", "--pairs", "5", "--seconds", "0.3"]),
        "relay",
    );
    check(
        &relay.measure(&["burst", "--pairs", "5", "--seconds", "0.3"]),
        "burst",
    );
    let cycle = Server::start(&["serve-floor", "--mode", "cycle"]);
    check(
        &cycle.measure(&["connect", "--concurrency", "8", "--seconds", "0.3"]),
        "connect",
    );
    let bare = Server::start(&["serve-floor", "--mode", "bare"]);
    check(
        &bare.measure(&[
            "connect",
            "--bare",
            "--concurrency",
            "8",
            "--seconds",
            "0.3",
        ]),
        "connect",
    );
}

#[test]
fn a_broken_bound_is_exit_1_and_bad_usage_exit_2() {
    let server = Server::baseline();
    let report = scratch("html");
    let output = server.load(&[
        "relay",
        "--pairs",
        "2",
        "--seconds",
        "0.2",
        "--min-rate",
        "1e12",
        "--report",
        &report,
    ]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("BOUND BROKEN"));
    assert!(std::fs::read_to_string(&report).unwrap().contains("<svg"));
    std::fs::remove_file(report).unwrap();
    assert_eq!(
        server.load(&["relay", "--pairs", "99999"]).status.code(),
        Some(2)
    );
    assert_eq!(
        server.load(&["relay", "--max-p99", "1"]).status.code(),
        Some(2)
    );
}

#[test]
fn a_dead_server_is_an_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let output = Command::new(LOADTEST)
        .args(["relay", "--target", &address, "--pairs", "1"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn compare_goes_its_rounds() {
    let (json, page) = (scratch("json"), scratch("html"));
    let output = Command::new(LOADTEST)
        .args([
            "compare",
            "--servers",
            "floor,baseline",
            "--rounds",
            "1",
            "--seconds",
            "0.2",
        ])
        .args([
            "--patience",
            "0",
            "--warmup-ms",
            "50",
            "--only",
            "lockstep",
            "--only",
            "burst",
            "--server-cpu",
            "0",
            "--load-cpu",
            "0",
        ])
        .args(["--json", &json, "--report", &page])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let told: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
    assert_eq!(told["troubles"].as_object().unwrap().len(), 0, "{told}");
    let figures = told["figures"].as_array().unwrap();
    assert!(
        figures
            .iter()
            .any(|figure| figure["row"] == "burst" && figure["server"] == "baseline")
    );
    assert!(std::fs::read_to_string(&page).unwrap().contains("<svg"));
    std::fs::remove_file(json).unwrap();
    std::fs::remove_file(page).unwrap();
}

/// The server itself, if it lies beside the harness: `cargo test --workspace` builds both.
fn passerby() -> Option<String> {
    let path = std::path::Path::new(LOADTEST).with_file_name("passerby");
    let is_there = path.exists();
    is_there.then(|| path.to_str().unwrap().to_owned())
}

/// Runs a scenario that starts the server, which must go well, and reads its JSON; nothing without a server.
fn measure_own(args: &[&str]) -> Option<Value> {
    let Some(passerby) = passerby() else {
        // Not by a macro, whose output would be swallowed.
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            b"\nSKIPPED: there is no passerby beside loadtest\n",
        );
        return None;
    };
    let file = scratch("json");
    let output = Command::new(LOADTEST)
        .args(args)
        .args(["--launch", &passerby, "--json", &file, "--max-errors", "0"])
        .args(["--warmup-ms", "100", "--sources", "2", "--quiet"])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let json = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    std::fs::remove_file(file).unwrap();
    Some(json)
}

#[test]
fn private_messages_are_acknowledged_and_delivered() {
    let args = [
        "private",
        "--pairs",
        "3",
        "--window",
        "2",
        "--accounts",
        "2",
    ];
    let Some(json) = measure_own(&[&args[..], &["--seconds", "0.5"]].concat()) else {
        return;
    };
    check(&json, "private");
    assert_eq!(json["unit"], "acknowledged messages");
    assert!(json["phases"]["delivery"]["p99"].as_f64().unwrap() > 0.0);
    let figure = |name: &str| json["figures"][name].as_f64().unwrap();
    assert!(figure("transactions") > 0.0, "{json}");
    // Six people have at most two messages each on their way; a question of the server's own may be among them.
    let batch = figure("asks_per_transaction");
    assert!((1.0..=13.0).contains(&batch), "{json}");
}

#[test]
fn a_crowd_that_logs_in_is_accounted_for() {
    let args = ["logins", "--pairs", "2", "--rate", "50", "--crowd", "40"];
    let Some(json) = measure_own(&[&args[..], &["--seconds", "0.5"]].concat()) else {
        return;
    };
    check(&json, "logins");
    let figure = |name: &str| json["figures"][name].as_f64().unwrap();
    let answered: f64 = ["judged", "throttled", "unavailable"]
        .iter()
        .map(|fate| figure(&format!("logins_{fate}")))
        .sum();
    assert_eq!((answered, figure("logins_otherwise")), (40.0, 0.0));
    assert!(figure("rss_growth_at_worst_mb") > 0.0, "{json}");
}

#[test]
fn timing_compares_two_samples() {
    let Some(json) = measure_own(&["timing", "--tries", "3"]) else {
        return;
    };
    assert_eq!(json["count"], 6);
    let figure = |name: &str| json["figures"][name].as_f64().unwrap();
    assert_eq!(figure("passwords_hashed"), 6.0);
    // Of so few nothing can be said, but that there is a figure; what it says of samples is tested where it is made.
    figure("mann_whitney_p_percent");
}
