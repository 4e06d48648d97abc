//! The passerby server.

#![forbid(unsafe_code)]
#![warn(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    unreachable_pub
)]

mod logging;
mod secrets;

use std::cell::RefCell;
use std::io::Write;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use passerby::app::{App, Server};
use passerby::config::{self, Config, Invocation};
use passerby::edge::{edits, hash, store};
use passerby::kernel::ask::{Ask, Refusal, Ticket};
use passerby::kernel::time::Now;
use passerby::net::{Handle, Reactor};

/// How long the store may take to finish what it was asked when the server stops.
const STORE_PATIENCE: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let config = match config::load(std::env::args_os(), std::env::vars_os()) {
        Ok(Invocation::Run(config)) => config,
        Ok(Invocation::Print(text)) => {
            say(&text);
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            complain(&message);
            return ExitCode::from(2);
        }
    };
    let flush_log = logging::start(config.log);
    let outcome = serve(&config);
    flush_log();
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            complain(&message);
            ExitCode::FAILURE
        }
    }
}

/// Opens the listeners, says so, and turns until told to stop.
fn serve(config: &Config) -> Result<(), String> {
    secrets::make_directory(&config.data)?;
    let key = secrets::token_key(config)?;
    let descriptors = rlimit::increase_nofile_limit(u64::MAX)
        .map_err(|error| format!("cannot raise the descriptor limit: {error}"))?;
    let connections_max = config.connections_max(descriptors as usize);
    if connections_max < config.max_connections {
        log::warn!("only {connections_max} connections fit into {descriptors} descriptors");
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| format!("no randomness: {error}"))?;
    let table_seed = getrandom::u64().map_err(|error| format!("no randomness: {error}"))?;
    let mut app = App::new(config.app(), key, seed, now());
    app.page.edits = edits::reader();
    let server = Server::new(app, config.connections(connections_max, table_seed));
    let mut reactor = Reactor::open(server, config.reactor(connections_max))
        .map_err(|error| error.to_string())?;
    let handles = Handles::open(config, &reactor)?;
    let handle = Rc::clone(&handles);
    reactor.consult(Box::new(move |ticket, ask| {
        handle.borrow_mut().ask(ticket, ask)
    }));
    for (number, address) in reactor.addresses().into_iter().enumerate() {
        match number {
            // One line, whatever the number of addresses: whoever waits for it may stop reading then.
            0 => say(&format!("passerby listening on http://{address}\n")),
            _ => log::info!("also listening on http://{address}"),
        }
    }
    let outcome = reactor.run();
    // Nobody waits for answers any more, but what was asked is still done.
    drop(reactor);
    if let Some(store) = handles.borrow_mut().store.take()
        && !store.close(STORE_PATIENCE)
    {
        log::warn!("the store did not finish in time");
    }
    outcome.map_err(|error| format!("the loop failed: {error}"))
}

/// The time at which the server starts.
fn now() -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH);
    Now {
        micros: 0,
        unix_ms: unix.unwrap_or_default().as_millis() as u64,
    }
}

/// Where the loop's questions go.
struct Handles {
    store: Option<store::Handle>,
    hash: hash::Handle,
}

impl Handles {
    /// Opens the store and starts the threads that answer.
    fn open(config: &Config, reactor: &Reactor<App>) -> Result<Rc<RefCell<Self>>, String> {
        // If the loop is gone, nobody wants to know of answers.
        let deliver = |handle: Handle| {
            move |answers| {
                let _ = handle.deliver(answers);
            }
        };
        let handle = reactor.handle();
        let deliver_batch = move |answers| {
            let _ = handle.deliver_batch(answers);
        };
        let hash = hash::start(hash::threads(), deliver(reactor.handle()))
            .map_err(|error| format!("cannot start a thread for passwords: {error}"))?;
        let store = Some(store::start(config.store(), deliver_batch)?);
        Ok(Rc::new(RefCell::new(Self { store, hash })))
    }

    fn ask(&mut self, ticket: Ticket, ask: Ask) -> Result<(), Refusal> {
        match (ask, &mut self.store) {
            (Ask::Store(query), Some(store)) => store.ask(ticket, query),
            (Ask::Store(_), None) => Err(Refusal::Unavailable),
            (Ask::Hash(hashing), _) => {
                let asked = self.hash.ask(ticket, hashing);
                asked.map_err(|hash::Busy| Refusal::Busy)
            }
        }
    }
}

/// Prints to standard output; a closed or full one is nobody's fault.
fn say(text: &str) {
    let mut output = std::io::stdout().lock();
    let _ = output
        .write_all(text.as_bytes())
        .and_then(|()| output.flush());
}

fn complain(message: &str) {
    let line = message.trim_end().replace('\n', " ");
    let _ = writeln!(std::io::stderr(), "passerby: {line}");
}
