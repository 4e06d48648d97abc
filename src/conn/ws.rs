//! The WebSocket phase: messages to the application, control frames answered here.

use super::Settings;
use super::application::{Application, Turn};
use super::share::Carry;
use super::table::{Connections, Paused, Phase, millis};
use crate::kernel::bucket::{Bucket, Rate, SmallBucket};
use crate::kernel::id::ConnId;
use crate::kernel::stats::CloseCause;
use crate::kernel::time::Now;
use crate::limits;
use crate::wire::frame::{self, Kind, Refusal};
use crate::wire::message::{Decoder, Message, Progress};

/// The state of a connection that speaks WebSocket.
#[derive(Debug)]
pub(super) struct Ws<F> {
    pub(super) decoder: Decoder,
    frames: Bucket,
    bytes: Bucket,
    pings: SmallBucket,
    /// When the peer was last heard, in milliseconds.
    pub(super) heard_ms: u32,
    /// When it was last pinged without being heard since, in milliseconds; 0 if it was not.
    pub(super) pinged_ms: u32,
    /// When the message began that is still arriving, in milliseconds; 0 if none is.
    pub(super) amid_ms: u32,
    /// Since when it has been over a budget whenever it was heard, in milliseconds; 0 if it is not.
    over_ms: u32,
    pub(super) service: F,
    /// Whether it is in a conversation, and pinged more often.
    pub(super) brisk: bool,
    /// Whether its FIN is known to follow what can still be read.
    pub(super) ending: bool,
}

impl<F> Ws<F> {
    pub(super) fn new(service: F, ending: bool, now: Now) -> Self {
        Self {
            decoder: Decoder::default(),
            frames: Bucket::default(),
            bytes: Bucket::default(),
            pings: SmallBucket::default(),
            heard_ms: millis(now.micros),
            pinged_ms: 0,
            amid_ms: 0,
            over_ms: 0,
            service,
            brisk: false,
            ending,
        }
    }

    /// In how many microseconds what it sent is within its budgets.
    pub(super) fn debt(&self, settings: &Settings, now_us: u64) -> u64 {
        let frames = self.frames.debt(settings.frame_rate, now_us);
        frames.max(self.bytes.debt(settings.byte_rate, now_us))
    }

    /// Forgives silence: it cannot be heard, nor finish what it says, while we do not listen.
    pub(super) fn excuse(&mut self, now_ms: u32) {
        self.heard_ms = now_ms;
        self.pinged_ms = 0;
        if self.amid_ms != 0 {
            self.amid_ms = now_ms.max(1);
        }
    }

    pub(super) const fn ping_ms(&self) -> u64 {
        if self.brisk {
            limits::PING_BRISK_MS
        } else {
            limits::PING_CALM_MS
        }
    }
}

impl<A: Application> Connections<A> {
    /// Bytes came on a connection that speaks WebSocket.
    pub(super) fn ws_received(&mut self, id: ConnId, bytes: &mut [u8], turn: &mut Turn<'_>) {
        let mut progress = Progress::default();
        if self.ws_take(id, bytes, &mut progress, turn) {
            let bytes = bytes[progress.at..].to_vec();
            self.ws_rest(id, Carry { bytes, at: 0 });
        }
        self.weigh(id, turn);
    }

    /// Goes on with what has come in an earlier turn.
    pub(super) fn ws_resume(&mut self, id: ConnId, turn: &mut Turn<'_>) {
        if let Some(Carry { mut bytes, at }) = self.share.forget(id) {
            let mut progress = Progress { at, frames: 0 };
            if self.ws_take(id, &mut bytes, &mut progress, turn) {
                let at = progress.at;
                self.ws_rest(id, Carry { bytes, at });
            }
        }
        self.weigh(id, turn);
    }

    /// Has the rest of what came wait for another turn.
    pub(super) fn ws_rest(&mut self, id: ConnId, carry: Carry) {
        if matches!(self.conn(id).map(|conn| &conn.phase), Some(Phase::Ws(_))) {
            self.share.keep(id, carry);
            self.rest(id);
        }
    }

    /// Takes from `bytes` as many frames as one turn may, and moves `progress` past them; whether something is left.
    fn ws_take(
        &mut self,
        id: ConnId,
        bytes: &mut [u8],
        progress: &mut Progress,
        turn: &mut Turn<'_>,
    ) -> bool {
        let start = progress.at;
        let is_left = loop {
            // Looked up afresh each time: what the application did may have ended the connection.
            let Some(conn) = self.conns.get_mut(id.index()).filter(|conn| conn.is(id)) else {
                return false;
            };
            let Phase::Ws(ws) = &mut conn.phase else {
                return false;
            };
            if progress.frames >= limits::FRAMES_PER_TURN && progress.at < bytes.len() {
                break true;
            }
            let message = match ws
                .decoder
                .next(bytes, progress, &self.settings.message_limits)
            {
                Ok(Some(message)) => message,
                Ok(None) => break false,
                Err(refusal) => {
                    self.ws_refuse(id, refusal, turn);
                    return false;
                }
            };
            match message {
                Message::Text(_) | Message::Binary(_) => {
                    turn.stats.messages_in += 1;
                    ws.amid_ms = 0;
                    self.whole = turn.out.queued(id);
                    self.app.said(id, ws.service, message, turn);
                }
                Message::Ping(payload) => {
                    const RATE: Rate = Rate::new(limits::PINGS_PER_SECOND, limits::PINGS_BURST);
                    if ws.pings.take(RATE, turn.now.micros).is_err() {
                        self.ws_refuse(id, Refusal::policy("too many pings"), turn);
                        return false;
                    }
                    frame::write(turn.out.lane(id), Kind::Pong, payload);
                }
                Message::Pong(_) => {}
                Message::Close(code, _) => {
                    self.ws_closed(id, code, turn);
                    return false;
                }
            }
            if !turn.out.effects.is_empty() {
                self.perform_effects(turn);
            }
        };
        self.ws_heard(id, *progress, start, turn);
        is_left
    }

    /// What follows from having heard the peer from `start` to where `progress` is: it lives; it may have begun a message; it may have
    /// to wait.
    #[inline]
    fn ws_heard(&mut self, id: ConnId, progress: Progress, start: usize, turn: &mut Turn<'_>) {
        let high = turn.out.is_high(id);
        let (frame_rate, byte_rate) = (self.settings.frame_rate, self.settings.byte_rate);
        let Some(conn) = self.conns.get_mut(id.index()) else {
            return;
        };
        let Phase::Ws(ws) = &mut conn.phase else {
            return;
        };
        let now_ms = millis(turn.now.micros);
        ws.heard_ms = now_ms;
        ws.pinged_ms = 0;
        let Progress { at, frames } = progress;
        let now_us = turn.now.micros;
        let debt_us = ws.frames.charge(frame_rate, frames, now_us);
        let bytes = (at - start) as u32;
        let debt_us = debt_us.max(ws.bytes.charge(byte_rate, bytes, now_us));
        if frames > 0 && !ws.decoder.is_in_fragments() {
            // Whatever is unfinished now began in this read.
            ws.amid_ms = 0;
        }
        if ws.decoder.is_amid() {
            if ws.amid_ms == 0 {
                ws.amid_ms = now_ms.max(1);
                let due = turn.now.after_ms(limits::MESSAGE_MS);
                self.wheel.arm_sooner(id.index(), due);
            }
        } else {
            ws.amid_ms = 0;
        }
        if ws.ending {
            // All that it will ever send is there already, and what it says last need not wait.
            return;
        }
        if high {
            conn.paused.set(Paused::BACKLOG);
        }
        if debt_us == 0 {
            ws.over_ms = 0;
        } else {
            if ws.over_ms == 0 {
                ws.over_ms = now_ms.max(1);
            }
            if u64::from(now_ms.wrapping_sub(ws.over_ms)) >= limits::FLOOD_MS {
                let cause = CloseCause::Policy;
                return self.hang_up(id, 4029, "too much for too long", cause, turn);
            }
            conn.paused.set(Paused::RATE);
            self.wheel
                .arm_sooner(id.index(), turn.now.micros.saturating_add(debt_us));
        }
    }

    /// The peer said goodbye: says it back, and ends.
    fn ws_closed(&mut self, id: ConnId, code: Option<u16>, turn: &mut Turn<'_>) {
        self.part(id, code, turn);
        self.perform_effects(turn);
    }

    fn ws_refuse(&mut self, id: ConnId, refusal: Refusal, turn: &mut Turn<'_>) {
        self.hang_up(id, refusal.code, refusal.reason, refusal.cause, turn);
        self.perform_effects(turn);
    }

    /// The peer's FIN is on its way: who has gone must not stay in a pair or a queue because we do not read.
    pub fn ending(&mut self, id: ConnId, turn: &mut Turn<'_>) {
        let Some(conn) = self.conn(id) else {
            return;
        };
        let ws = match &mut conn.phase {
            Phase::Ws(ws) => ws,
            Phase::Http(http) => {
                http.ending = true;
                return;
            }
            Phase::Vacant | Phase::Closing(_) => return,
        };
        ws.ending = true;
        if conn.paused.has(Paused::FEED) || conn.paused.has(Paused::BACKLOG) {
            return self.abort(id, CloseCause::Gone, turn);
        }
        // What is left is at most what the kernel holds, and still only one read in a turn.
        self.unpause(id, Paused::RATE, turn);
    }

    /// Sets how often a silent peer is pinged.
    pub(super) fn pace(&mut self, id: ConnId, brisk: bool, turn: &mut Turn<'_>) {
        let Some(conn) = self.conn(id) else {
            return;
        };
        if let Phase::Ws(ws) = &mut conn.phase {
            ws.brisk = brisk;
            if brisk {
                let due = turn.now.after_ms(limits::PING_BRISK_MS);
                self.wheel.arm_sooner(id.index(), due);
            }
        }
    }
}
