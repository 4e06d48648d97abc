//! Starting a server on its processor, and ending it.

use std::{
    fs, io,
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use super::{Compare, Contender};
use crate::probe;

/// A server says that it is ready within this time.
const READY_PATIENCE: Duration = Duration::from_secs(10);

/// A running server; dropping it ends it.
pub(super) struct Launched {
    child: Child,
    pub(super) address: SocketAddr,
    data: Option<PathBuf>,
}

impl Launched {
    /// Starts `contender`.
    pub(super) fn start(
        compare: &Compare,
        contender: Contender,
        manner: Manner,
    ) -> io::Result<Self> {
        let listen = free_address()?;
        let own = std::env::current_exe()?;
        let mut data = None;
        let mut command = match contender {
            Contender::Floor => {
                let mut command = Command::new(own);
                let mode = match manner {
                    Manner::Lives => "cycle",
                    Manner::BareLives => "bare",
                    Manner::Chats | Manner::GuardedChats => "relay",
                    Manner::Rooms => "fan",
                };
                command.args(["serve-floor", "--mode", mode]);
                command
            }
            Contender::Baseline => {
                let mut command = Command::new(own);
                let read_buffer = compare.baseline_read_buffer.to_string();
                command.args(["serve-baseline", "--read-buffer", &read_buffer]);
                command
            }
            Contender::Passerby => {
                let directory = std::env::temp_dir().join(format!(
                    "loadtest-{}-{}",
                    std::process::id(),
                    listen.port()
                ));
                fs::create_dir_all(&directory)?;
                let mut command = Command::new(compare.passerby_path()?);
                command
                    .arg("--data")
                    .arg(&directory)
                    .args(UNLIMITED)
                    .args(if manner == Manner::GuardedChats {
                        &[][..]
                    } else {
                        &UNGUARDED
                    })
                    .args(&compare.passerby_arg);
                data = Some(directory);
                command
            }
        };
        command
            .arg("--listen")
            .arg(listen.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let child = spawn_on(compare.server_cpu, &mut command)?;
        let mut launched = Self {
            child,
            address: listen,
            data,
        };
        launched.await_ready()?;
        Ok(launched)
    }

    pub(super) fn pid(&self) -> u32 {
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
            let _ = fs::remove_dir_all(data);
        }
    }
}

/// What a server is started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Relaying.
    Chats,
    /// Relaying, with Passerby's limits on messages and frames in place.
    GuardedChats,
    /// Whole lives of connections.
    Lives,
    /// The same without a match.
    BareLives,
    /// One room.
    Rooms,
}

/// Every limit that would stand in the way of so many clients on one machine.
const UNLIMITED: [&str; 12] = [
    "--log",
    "error",
    "--skip-rate",
    "0",
    "--connections-per-ip",
    "0",
    "--connect-rate",
    "0",
    "--rematch-after-ms",
    "0",
    "--max-connections",
    "19950",
];

/// The limits of what one client may send.
const UNGUARDED: [&str; 4] = ["--message-rate", "0", "--frame-rate", "0"];

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
