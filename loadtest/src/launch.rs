//! Starting a server, and ending it.

use std::{
    ffi::OsStr,
    fs, io,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicU32, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use clap::Args;

use crate::{probe, session::Setting};

/// A server says that it is ready within this time.
const READY_PATIENCE: Duration = Duration::from_secs(30);

/// Every limit that would stand in the way of so many clients on one machine.
pub(crate) const UNLIMITED: [&str; 16] = [
    "--log",
    "error",
    "--skip-rate",
    "0",
    "--connections-per-ip",
    "0",
    "--connect-rate",
    "0",
    "--http-rate",
    "0",
    "--room-rate",
    "0",
    "--rematch-after-ms",
    "0",
    "--max-connections",
    "19950",
];

/// The limits of what one client may send.
pub(crate) const UNGUARDED: [&str; 6] = [
    "--message-rate",
    "0",
    "--frame-rate",
    "0",
    "--byte-rate",
    "0",
];

/// What makes many accounts from one address possible, and many requests of one account, and lets that address speak for others.
const HOSPITABLE: [&str; 6] = [
    "--register-rate",
    "0",
    "--request-rate",
    "0",
    "--trusted-proxies",
    "127.0.0.1",
];

/// A server of the run's own, with a fresh data directory and no limits.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "A server of its own")]
pub(crate) struct Own {
    /// Start this binary, with a fresh data directory and without limits, instead of using --target
    #[arg(long, value_name = "PASSERBY")]
    pub(crate) launch: Option<PathBuf>,
    /// Its store; SQLite in its data directory unless given
    #[arg(long, value_name = "URL", requires = "launch")]
    pub(crate) db_url: Option<String>,
    /// The processor that it is bound to; with none it may use all of them
    #[arg(long, value_name = "CPU", requires = "launch")]
    pub(crate) server_cpu: Option<usize>,
    /// One more flag for it
    #[arg(
        long,
        value_name = "FLAG",
        requires = "launch",
        allow_hyphen_values = true
    )]
    pub(crate) server_arg: Vec<String>,
}

impl Own {
    /// Starts the server, if there is one to start, and says how to reach it.
    pub(crate) fn start(&self, setting: &Setting) -> io::Result<(Option<Launched>, Setting)> {
        let Some(binary) = &self.launch else {
            return Ok((None, setting.clone()));
        };
        let mut command = Command::new(binary);
        command.args(UNLIMITED).args(UNGUARDED).args(HOSPITABLE);
        if let Some(url) = &self.db_url {
            command.env("DB_URL", url);
        }
        command.args(&self.server_arg);
        let server = Launched::with_data(command, self.server_cpu)?;
        let setting = Setting {
            target: server.address,
            server_pid: Some(server.pid()),
            ..setting.clone()
        };
        Ok((Some(server), setting))
    }
}

/// A running server; dropping it ends it.
pub(crate) struct Launched {
    child: Child,
    pub(crate) address: SocketAddr,
    data: Option<PathBuf>,
}

impl Launched {
    /// Starts a server by `command`, on one processor if `cpu` says so.
    pub(crate) fn start(mut command: Command, cpu: Option<usize>) -> io::Result<Self> {
        let listen = free_address()?;
        command
            .arg("--listen")
            .arg(listen.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let child = match cpu {
            Some(cpu) => spawn_on(cpu, &mut command)?,
            None => command.spawn()?,
        };
        let mut launched = Self {
            child,
            address: listen,
            data: None,
        };
        launched.await_ready()?;
        Ok(launched)
    }

    /// The same with an empty data directory, which is removed at the end.
    pub(crate) fn with_data(mut command: Command, cpu: Option<usize>) -> io::Result<Self> {
        let data = fresh_directory()?;
        let path: &OsStr = data.as_ref();
        command.arg("--data").arg(path);
        let mut launched = Self::start(command, cpu).inspect_err(|_| remove(&data))?;
        launched.data = Some(data);
        Ok(launched)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the line with the address and keeps the pipe empty from then on.
    fn await_ready(&mut self) -> io::Result<()> {
        let Some(stdout) = self.child.stdout.take() else {
            return Ok(());
        };
        let (told, ready) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if let Some(address) = listening_on(&line) {
                    // Nobody listens any more once the address is known.
                    let _ = told.send(address);
                }
            }
        });
        match ready.recv_timeout(READY_PATIENCE) {
            Ok(address) => {
                self.address = address;
                Ok(())
            }
            Err(_) => Err(io::Error::other(
                "the server did not say that it is listening",
            )),
        }
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is gone afterwards.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(data) = &self.data {
            remove(data);
        }
    }
}

/// An empty directory of this run's own.
fn fresh_directory() -> io::Result<PathBuf> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("loadtest-{}-{number}", std::process::id());
    let directory = std::env::temp_dir().join(name);
    fs::create_dir(&directory)?;
    Ok(directory)
}

/// What cannot be removed stays behind.
fn remove(directory: &Path) {
    let _ = fs::remove_dir_all(directory);
}

/// The address in `passerby listening on http://ADDRESS`.
fn listening_on(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on http://")?;
    rest.split(['/', ' ']).next()?.parse().ok()
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind("127.0.0.1:0")?.local_addr()
}

/// A child inherits the processor of the thread that starts it.
fn spawn_on(cpu: usize, command: &mut Command) -> io::Result<Child> {
    thread::scope(|scope| {
        let starter = scope.spawn(|| {
            probe::pin(cpu)?;
            command.spawn()
        });
        starter
            .join()
            .unwrap_or_else(|_| Err(io::Error::other("the starting thread panicked")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_is_understood() {
        let address = Some("127.0.0.1:81".parse().unwrap());
        assert_eq!(
            listening_on("passerby listening on http://127.0.0.1:81"),
            address
        );
        assert_eq!(
            listening_on("floor listening on http://127.0.0.1:81/ (ready)"),
            address
        );
        assert_eq!(listening_on("hello"), None);
    }
}
