//! `churn`: everybody presses "next" as soon as somebody is there.

use std::io;

use clap::Args;

use super::clients;
use crate::{
    fleet::{Fleet, Play, Who, speech},
    meter::Meter,
    outcome::Outcome,
    session::{Measured, Session, Setting},
};

/// Options of `churn`.
#[derive(Debug, Clone, Args)]
pub(crate) struct Churn {
    /// Clients
    #[arg(long, default_value = "200", value_parser = clients)]
    pub(crate) clients: u32,
}

impl Churn {
    pub(crate) fn run(&self, setting: &Setting) -> io::Result<Outcome> {
        let mut session = Session::new(setting)?;
        let mut carousel = Carousel {
            find: speech::find_match(),
            next: speech::next(),
            pressed_ns: vec![0; self.clients as usize],
            meter: Meter::new(),
        };
        session.gather(&mut carousel, self.clients, |_| true)?;
        let window = session.measure(&mut carousel)?;
        if carousel.meter.count() == 0 {
            session.fleet.fault("nobody was ever joined");
        }
        Ok(session.sum_up(window, &carousel.meter, "joins"))
    }
}

struct Carousel {
    find: Vec<u8>,
    next: Vec<u8>,
    /// When each client last asked for somebody.
    pressed_ns: Vec<u64>,
    meter: Meter,
}

impl Play for Carousel {
    fn opened(&mut self, fleet: &mut Fleet, who: Who) {
        self.pressed_ns[who as usize] = fleet.now_ns();
        fleet.say(who, &self.find);
    }

    fn joined(&mut self, fleet: &mut Fleet, who: Who) {
        let now = fleet.now_ns();
        self.meter.took(now - self.pressed_ns[who as usize]);
        self.pressed_ns[who as usize] = now;
        fleet.part(who, &self.next);
    }
}

impl Measured for Carousel {
    fn meter(&mut self) -> &mut Meter {
        &mut self.meter
    }
}
