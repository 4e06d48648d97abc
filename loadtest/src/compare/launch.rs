//! How the contenders are started.

use std::{io, process::Command};

use super::{Compare, Contender};
use crate::launch::{Launched, UNGUARDED, UNLIMITED};

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

/// Starts `contender`.
pub(super) fn start(
    compare: &Compare,
    contender: Contender,
    manner: Manner,
) -> io::Result<Launched> {
    let own = std::env::current_exe()?;
    let cpu = Some(compare.server_cpu);
    match contender {
        Contender::Floor => {
            let mut command = Command::new(own);
            let mode = match manner {
                Manner::Lives => "cycle",
                Manner::BareLives => "bare",
                Manner::Chats | Manner::GuardedChats => "relay",
                Manner::Rooms => "fan",
            };
            command.args(["serve-floor", "--mode", mode]);
            Launched::start(command, cpu)
        }
        Contender::Baseline => {
            let mut command = Command::new(own);
            let read_buffer = compare.baseline_read_buffer.to_string();
            command.args(["serve-baseline", "--read-buffer", &read_buffer]);
            Launched::start(command, cpu)
        }
        Contender::Passerby => {
            let mut command = Command::new(compare.passerby_path()?);
            command.args(UNLIMITED);
            if manner != Manner::GuardedChats {
                command.args(UNGUARDED);
            }
            if manner == Manner::Rooms {
                command.args(["--rooms-create-on-join", "true"]);
            }
            command.args(&compare.passerby_arg);
            Launched::with_data(command, cpu)
        }
    }
}
