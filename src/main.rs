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

use std::io::Write;
use std::process::ExitCode;

use passerby::app::{App, Server};
use passerby::config::{self, Config, Invocation};
use passerby::net::Reactor;

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
    // Nothing asks for a token yet, but a secret that is no good must show at the start.
    let _token_key = secrets::token_key(config)?;
    let descriptors = rlimit::increase_nofile_limit(u64::MAX)
        .map_err(|error| format!("cannot raise the descriptor limit: {error}"))?;
    let connections_max = config.connections_max(descriptors as usize);
    if connections_max < config.max_connections {
        log::warn!("only {connections_max} connections fit into {descriptors} descriptors");
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| format!("no randomness: {error}"))?;
    let table_seed = getrandom::u64().map_err(|error| format!("no randomness: {error}"))?;
    #[cfg_attr(not(debug_assertions), allow(unused_mut))]
    let mut app = App::new(config.app(), seed);
    // While the page is worked on, a reload shows an edit.
    #[cfg(debug_assertions)]
    {
        app.page.edits = Some(read_edited);
    }
    let server = Server::new(app, config.connections(connections_max, table_seed));
    let mut reactor = Reactor::open(server, config.reactor(connections_max))
        .map_err(|error| error.to_string())?;
    for address in reactor.addresses() {
        say(&format!("passerby listening on http://{address}\n"));
    }
    reactor
        .run()
        .map_err(|error| format!("the loop failed: {error}"))
}

/// Reads a file of the page from the source tree this was built from; `name` is one that was embedded.
#[cfg(debug_assertions)]
fn read_edited(name: &str) -> Option<Vec<u8>> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/static");
    std::fs::read(std::path::Path::new(folder).join(name)).ok()
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
