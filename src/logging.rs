//! The log: lines to standard error, written by a thread of their own, because a full pipe or disk must not
//! stop the loop. When the thread cannot keep up, lines are dropped.

use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use env_logger::{Builder, Target};
use log::LevelFilter;

/// Lines that may wait to be written.
const LINES_MAX: usize = 1024;

enum Entry {
    Line(Vec<u8>),
    /// Everything before this must be written before the sender is answered.
    Flush(SyncSender<()>),
}

/// Starts logging at `level`. What is returned waits until all lines are written, for the end of the process.
pub(crate) fn start(level: LevelFilter) -> impl FnOnce() {
    let (sender, entries) = sync_channel(LINES_MAX);
    let writer = thread::Builder::new()
        .name("log".into())
        .spawn(move || write(&entries));
    if writer.is_ok() {
        Builder::new()
            .filter_level(level)
            // It would show what people say.
            .filter_module("tokio_postgres", level.min(LevelFilter::Warn))
            .target(Target::Pipe(Box::new(Pipe(sender.clone()))))
            .init();
    }
    move || {
        let (answer, flushed) = sync_channel(1);
        if sender.send(Entry::Flush(answer)).is_ok() {
            let _ = flushed.recv_timeout(std::time::Duration::from_secs(1));
        }
    }
}

fn write(entries: &Receiver<Entry>) {
    for entry in entries {
        match entry {
            // Nothing sensible can be done about a standard error that is closed or full.
            Entry::Line(line) => drop(io::stderr().write_all(&line)),
            Entry::Flush(answer) => drop(answer.try_send(())),
        }
    }
}

/// Takes formatted lines, one in each call.
struct Pipe(SyncSender<Entry>);

impl Write for Pipe {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // A full queue drops the line: logging must never wait.
        let _ = self.0.try_send(Entry::Line(line.to_vec()));
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
