//! `connect`: whole lives of connections, one after the other.

use std::{io, time::Duration};

use clap::Args;

use super::clients;
use crate::{
    fleet::{Fleet, Play, Who, speech},
    meter::Meter,
    outcome::Outcome,
    session::{Measured, Session, Setting},
};

/// Options of `connect`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Connect {
    /// Connections alive at once; an even number, so that nobody waits for nobody
    #[arg(long, default_value = "64", value_parser = clients)]
    pub(crate) concurrency: u32,
    /// Expect the server to close right after the upgrade
    #[arg(long, hide = true)]
    pub(crate) bare: bool,
}

impl Connect {
    pub(crate) fn run(&self, setting: &Setting) -> io::Result<Outcome> {
        let mut session = Session::new(setting)?;
        let mut cycle = Cycle {
            bare: self.bare,
            find: speech::find_match(),
            missing: self.concurrency.next_multiple_of(2),
            meter: Meter::new(),
        };
        let window = session.measure(&mut cycle)?;
        if cycle.meter.count() == 0 {
            session.fleet.fault("no life was completed");
        }
        Ok(session.sum_up(window, &cycle.meter, "cycles"))
    }
}

struct Cycle {
    bare: bool,
    find: Vec<u8>,
    /// Connections to be begun.
    missing: u32,
    meter: Meter,
}

impl Play for Cycle {
    fn opened(&mut self, fleet: &mut Fleet, who: Who) {
        if self.bare {
            fleet.expect_end(who);
        } else {
            fleet.say(who, &self.find);
        }
    }

    fn joined(&mut self, fleet: &mut Fleet, who: Who) {
        fleet.leave(who);
    }

    fn ending(&mut self, fleet: &mut Fleet, who: Who, wanted: bool) {
        self.missing += 1;
        if wanted {
            self.meter.took(fleet.age_ns(who));
        }
    }

    fn due(&mut self, fleet: &mut Fleet) -> Duration {
        // A failed dial is tried again next turn, so a dead server is not hammered within one.
        while self.missing > 0 && fleet.dial().is_some() {
            self.missing -= 1;
        }
        Duration::from_millis(20)
    }
}

impl Measured for Cycle {
    fn meter(&mut self) -> &mut Meter {
        &mut self.meter
    }
}
