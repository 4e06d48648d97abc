//! The server as a child process.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use super::{Client, PATIENCE, Raw, Response, eventually};

const BINARY: &str = env!("CARGO_BIN_EXE_passerby");

/// How to start a server.
#[derive(Default)]
pub struct Launch<'a> {
    /// Flags besides the usual ones.
    pub flags: &'a [&'a str],
    /// Its environment, which is empty otherwise.
    pub environment: &'a [(&'a str, &'a str)],
    /// Shell commands to run before it, in the same process.
    pub prelude: &'a str,
    /// Where its log goes; a file of the test's own if this is empty.
    pub log_to: &'a str,
    /// A `config.json` in its working directory.
    pub config: &'a str,
    /// Whether limits by address stay at their defaults; all tests come from one address.
    pub address_limits: bool,
    /// Whether where to listen is left to the other sources.
    pub listens_elsewhere: bool,
}

/// The flags of a server that does not limit what one client sends.
pub const UNGUARDED: &[&str] = &[
    "--message-rate",
    "0",
    "--frame-rate",
    "0",
    "--byte-rate",
    "0",
];

/// A running server. It is killed when this is dropped, and must not have panicked until then.
pub struct Server {
    child: Child,
    address: SocketAddr,
    directory: PathBuf,
    /// The line with which it said that it is ready.
    pub ready_line: String,
}

impl Launch<'_> {
    /// The command that starts it, in an empty directory of its own.
    pub fn command(&self, directory: &Path) -> Command {
        let mut command = if self.prelude.is_empty() {
            Command::new(BINARY)
        } else {
            let mut shell = Command::new("/bin/sh");
            shell.args([
                "-c",
                &format!("{}; exec \"$0\" \"$@\"", self.prelude),
                BINARY,
            ]);
            shell
        };
        command.env_clear().current_dir(directory);
        command.envs(self.environment.iter().copied());
        let mut usual = vec![("--log", "debug")];
        if !self.listens_elsewhere {
            usual.push(("--listen", "127.0.0.1:0"));
        }
        if !self.address_limits {
            usual.extend([
                ("--connections-per-ip", "0"),
                ("--connect-rate", "0"),
                ("--http-rate", "0"),
            ]);
        }
        for (flag, value) in usual {
            if !self.flags.contains(&flag) {
                command.args([flag, value]);
            }
        }
        command.args(self.flags);
        if !self.config.is_empty() {
            std::fs::write(directory.join("config.json"), self.config).expect("written");
        }
        command
    }

    /// Starts it and waits until it says that it is ready.
    pub fn start(&self) -> Server {
        let directory = scratch();
        let log = if self.log_to.is_empty() {
            File::create(directory.join("log"))
        } else {
            File::options().write(true).open(self.log_to)
        };
        let mut child = self
            .command(&directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log.expect("a log"))
            .spawn()
            .expect("the server starts");
        let mut ready_line = String::new();
        let output = child.stdout.take().expect("its output");
        BufReader::new(output)
            .read_line(&mut ready_line)
            .expect("a line");
        let address = ready_line
            .trim_end()
            .rsplit_once("http://")
            .and_then(|(_, address)| address.parse::<SocketAddr>().ok());
        let Some(address) = address else {
            let log = std::fs::read_to_string(directory.join("log")).unwrap_or_default();
            let _ = child.kill();
            panic!("not ready: {ready_line:?} {log}");
        };
        Server {
            child,
            address,
            directory,
            ready_line,
        }
    }

    /// Runs it to its end, which must come by itself: its status, output and complaints.
    pub fn run(&self) -> (ExitStatus, String, String) {
        let directory = scratch();
        let output = self
            .command(&directory)
            .stdin(Stdio::null())
            .output()
            .expect("it runs");
        let _ = std::fs::remove_dir_all(directory);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (output.status, text(output.stdout), text(output.stderr))
    }
}

/// A fresh directory.
pub fn scratch() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("socket-test-{}-{number}", std::process::id());
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&directory).expect("a directory");
    directory
}

impl Server {
    /// A server with these flags, on a port of its own, without limits by address.
    pub fn start(flags: &[&str]) -> Self {
        Launch {
            flags,
            ..Launch::default()
        }
        .start()
    }

    /// A server with the usual flags.
    pub fn plain() -> Self {
        Self::start(&[])
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A WebSocket client on `/ws`.
    pub fn client(&self) -> Client {
        self.client_at("/ws")
    }

    /// A WebSocket client on `target`.
    pub fn client_at(&self, target: &str) -> Client {
        Client::connect(self.address, target)
    }

    /// Two clients in a conversation, the one who waited first.
    pub fn pair(&self) -> (Client, Client) {
        let (mut one, mut other) = (self.client(), self.client());
        one.meet(&mut other);
        (one, other)
    }

    /// A raw connection.
    pub fn raw(&self) -> Raw {
        Raw::connect(self.address)
    }

    /// A raw connection that has become a WebSocket on `/ws`.
    pub fn raw_socket(&self) -> Raw {
        let mut raw = self.raw();
        raw.upgrade("/ws");
        raw
    }

    /// A TCP connection.
    pub fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).expect("connected")
    }

    /// GET on a connection of its own.
    pub fn get(&self, target: &str) -> Response {
        let mut raw = self.raw();
        raw.send(format!(
            "GET {target} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n"
        ));
        raw.response()
    }

    /// The value of one line of `/metrics`.
    pub fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").text();
        metric(&text, name)
    }

    /// Waits until the line of `/metrics` has this value.
    pub fn await_metric(&self, name: &str, value: f64) {
        let mut last = f64::NAN;
        let is_met = eventually(PATIENCE, || {
            last = self.metric(name);
            last == value
        });
        assert!(is_met, "{name} is {last} and not {value}");
    }

    /// Resident memory, in bytes.
    pub fn rss(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/statm", self.pid())).expect("statm");
        let pages: u64 = text
            .split(' ')
            .nth(1)
            .and_then(|field| field.parse().ok())
            .expect("pages");
        pages * 4096
    }

    /// Open descriptors.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid()))
            .expect("fd")
            .count()
    }

    /// Processor time used so far.
    pub fn cpu(&self) -> Duration {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).expect("stat");
        let (_, fields) = text.rsplit_once(") ").expect("a name in brackets");
        let ticks: u64 = fields
            .split(' ')
            .skip(11)
            .take(2)
            .map(|field| field.parse::<u64>().expect("ticks"))
            .sum();
        Duration::from_millis(ticks * 10)
    }

    /// Everything it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    /// Sends it a signal, by name.
    pub fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let status = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .expect("kill");
        assert!(status.success());
    }

    /// Waits until it has ended; `None` if it has not within `limit`.
    pub fn ended(&mut self, limit: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        while start.elapsed() < limit {
            if let Some(status) = self.child.try_wait().expect("a child") {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let log = self.log();
        let _ = std::fs::remove_dir_all(&self.directory);
        if !std::thread::panicking() {
            assert!(!log.contains("panicked"), "the server panicked:\n{log}");
        }
    }
}

/// The value of the line called `name` in the text of `/metrics`.
pub fn metric(text: &str, name: &str) -> f64 {
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .and_then(|value| value.parse().ok())
        .unwrap_or_else(|| panic!("no {name} in:\n{text}"))
}
