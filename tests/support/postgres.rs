//! A PostgreSQL server of this process's own, in a temporary folder.
//!
//! Where the binaries are missing, what needs them is left out, and says so; with `CI=true` or `TEST_POSTGRES=required` that fails.

use std::fs::{self, File};
use std::io::Write;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use super::eventually;

/// How long a server may take to start on a machine that has other things to do.
const START: Duration = Duration::from_secs(120);

/// A running server. It ends with this process, however that ends.
pub struct Cluster {
    bin: PathBuf,
    folder: PathBuf,
    port: u16,
    server: Mutex<Child>,
    /// Stops the server and removes the folder when its standard input is closed.
    guard: Child,
    databases: AtomicU32,
}

/// The server that tests share which do it no harm; `None` if there is none on this machine.
pub fn shared() -> Option<&'static Cluster> {
    static SHARED: OnceLock<Option<Cluster>> = OnceLock::new();
    SHARED.get_or_init(Cluster::start).as_ref()
}

impl Cluster {
    /// Makes a cluster and starts it; `None` if there is no PostgreSQL on this machine.
    pub fn start() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let Some(bin) = binaries() else {
            let is_set = |name, value| std::env::var(name).is_ok_and(|set| set == value);
            assert!(
                !is_set("CI", "true") && !is_set("TEST_POSTGRES", "required"),
                "PostgreSQL is missing: apt-get install postgresql"
            );
            // Not by a macro, whose output would be swallowed.
            let _ = std::io::stderr()
                .write_all(b"\nSKIPPED on PostgreSQL, which is not installed on this machine\n");
            return None;
        };
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("passerby-postgres-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).expect("a folder");
        if let Some((user, _)) = other_user() {
            succeed(Command::new("chown").arg(user).arg(&folder));
        }
        let data = folder.join("data");
        succeed(
            as_user(&folder, &bin.join("initdb"))
                .args(["-U", "passerby", "-A", "trust", "-E", "UTF8", "--locale=C"])
                .arg("-D")
                .arg(&data),
        );
        let port = free_port();
        let server = Mutex::new(serve(&bin, &folder, port));
        let guard = as_user(&folder, Path::new("/bin/sh"))
            .arg("-c")
            .arg(r#"trap '' HUP INT TERM; cat; "$0" stop -D "$1/data" -m immediate; cd /; rm -rf "$1""#)
            .arg(bin.join("pg_ctl"))
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a guard");
        let cluster = Self {
            bin,
            folder,
            port,
            server,
            guard,
            databases: AtomicU32::new(0),
        };
        cluster.await_start();
        Some(cluster)
    }

    /// The address of a new database.
    pub fn database(&self) -> String {
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock();
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        let name = format!("test_{number}");
        self.visitor("postgres")
            .batch_execute(&format!("CREATE DATABASE {name}"))
            .expect("a database");
        self.address(&name)
    }

    /// Somebody else who is connected.
    pub fn visitor(&self, database: &str) -> postgres::Client {
        postgres::Client::connect(&self.address(database), postgres::NoTls).expect("connected")
    }

    pub fn address(&self, database: &str) -> String {
        format!("postgres://passerby@127.0.0.1:{}/{database}", self.port)
    }

    /// Kills the server and all of its processes, as a power cut would.
    pub fn kill(&self) {
        self.signal("KILL");
        let _ = self.server.lock().expect("whole").wait();
    }

    /// Starts it again.
    pub fn restart(&self) {
        let mut server = self.server.lock().expect("whole");
        *server = serve(&self.bin, &self.folder, self.port);
        let is_up = eventually(START, || {
            // What is left of the dead one may keep the new one from starting.
            if server.try_wait().expect("a child").is_some() {
                *server = serve(&self.bin, &self.folder, self.port);
            }
            self.is_up()
        });
        assert!(is_up, "it does not start again: {}", self.log());
    }

    /// Sends a signal to the server and all of its processes.
    pub fn signal(&self, signal: &str) {
        let server = self.server.lock().expect("whole").id();
        let mut processes = children(server);
        processes.insert(0, server);
        for process in processes {
            // One that has just ended is no trouble.
            let _ = Command::new("kill")
                .args(["-s", signal, &process.to_string()])
                .stderr(Stdio::null())
                .status();
        }
    }

    /// The address of a database by way of the file system, for whoever runs this.
    pub fn local_address(&self, database: &str) -> String {
        let folder = self.folder.display();
        format!("postgresql:///{database}?host={folder}&port={}", self.port)
    }

    fn is_up(&self) -> bool {
        postgres::Client::connect(&self.address("postgres"), postgres::NoTls).is_ok()
    }

    fn await_start(&self) {
        assert!(
            eventually(START, || self.is_up()),
            "PostgreSQL does not start: {}",
            self.log()
        );
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.signal("CONT");
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
        if let Ok(server) = self.server.get_mut() {
            let _ = server.wait();
        }
    }
}

fn serve(bin: &Path, folder: &Path, port: u16) -> Child {
    let log = File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .expect("a log");
    as_user(folder, &bin.join("postgres"))
        .arg("-D")
        .arg(folder.join("data"))
        .arg("-k")
        .arg(folder)
        .args(["-h", "127.0.0.1", "-p", &port.to_string()])
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a log"))
        .stderr(log)
        .spawn()
        .expect("a server")
}

/// The newest binaries.
fn binaries() -> Option<PathBuf> {
    let version = |path: &Path| -> Option<u32> { path.file_name()?.to_str()?.parse().ok() };
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
    let newest = versions
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.join("bin/postgres").exists())
        .max_by_key(|path| version(path))?;
    Some(newest.join("bin"))
}

/// Whom and which group the server must run as, if not as whoever runs the tests: it refuses to be root.
fn other_user() -> Option<(&'static str, &'static str)> {
    use std::os::unix::fs::MetadataExt;
    static USER: OnceLock<Option<(&str, &str)>> = OnceLock::new();
    *USER.get_or_init(|| {
        let is_root = fs::metadata("/proc/self").expect("there").uid() == 0;
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let has_own = users.lines().any(|line| line.starts_with("postgres:"));
        is_root.then_some(if has_own {
            ("postgres", "postgres")
        } else {
            ("nobody", "nogroup")
        })
    })
}

fn as_user(folder: &Path, program: &Path) -> Command {
    let mut command = match other_user() {
        Some((user, group)) => {
            // Does not stay between us and the program.
            let mut command = Command::new("setpriv");
            command
                .arg(format!("--reuid={user}"))
                .arg(format!("--regid={group}"))
                .args(["--clear-groups", "--"])
                .arg(program);
            command
        }
        None => Command::new(program),
    };
    command.current_dir(folder).env("LC_ALL", "C");
    command
}

fn succeed(command: &mut Command) {
    let output = command.output().expect("started");
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn children(process: u32) -> Vec<u32> {
    let path = format!("/proc/{process}/task/{process}/children");
    fs::read_to_string(path)
        .unwrap_or_default()
        .split_whitespace()
        .filter_map(|child| child.parse().ok())
        .collect()
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
