//! What one of a pair says to the other.

use std::borrow::Cow;

use uuid::Uuid;

use super::Stranger;
use super::client::Format;
use super::command::{CallState, Signal};
use super::outgoing::{self, Stamped};
use super::privacy;
use crate::conn::Turn;
use crate::kernel::bucket::Rate;
use crate::kernel::effect::Effect;
use crate::kernel::id::ConnId;
use crate::kernel::lobby::Mode;
use crate::kernel::time::Moment;
use crate::limits;
use crate::wire::fault::Fault;
use crate::wire::json::{self, RawText};

const SIGNAL_RATE: Rate = Rate::new(limits::SIGNALS_PER_SECOND, limits::SIGNALS_BURST);
const SIGNAL_BYTE_RATE: Rate =
    Rate::new(limits::SIGNAL_BYTES_PER_SECOND, limits::SIGNAL_BYTES_BURST);

/// What somebody says, in the form in which it came.
#[derive(Clone, Copy)]
enum Words<'t> {
    /// A JSON string, which can be passed on as it is.
    Raw(RawText<'t>),
    /// Plain text.
    Plain(&'t str),
}

impl Stranger {
    /// `sendMessage`: the partner gets it, and with a `cid` the sender a receipt.
    #[inline]
    pub(super) fn say<'t>(
        &mut self,
        conn: ConnId,
        text: RawText<'t>,
        cid: Option<&'t str>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault<'t>> {
        self.pass_on(conn, Words::Raw(text), cid, turn)
    }

    /// A line from a terminal: the partner gets it.
    pub(super) fn say_plain<'t>(
        &mut self,
        conn: ConnId,
        text: &'t str,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault<'t>> {
        if text.is_empty() {
            return Ok(());
        }
        if text.chars().count() > limits::TEXT_CHARS_MAX {
            return Err(Fault::too_long());
        }
        self.pass_on(conn, Words::Plain(text), None, turn)
    }

    #[inline]
    fn pass_on<'t>(
        &mut self,
        conn: ConnId,
        words: Words<'t>,
        cid: Option<&'t str>,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault<'t>> {
        let peer = self.lobby.peer(conn).ok_or_else(|| nobody().about(cid))?;
        self.clients[conn.index()]
            .messages
            .take(self.settings.message_rate, turn.now.micros)
            .map_err(|retry_us| Fault::too_fast(retry_us).about(cid))?;
        let id = self.fresh_uuid();
        let sender = &self.clients[conn.index()];
        let stamped = Stamped {
            sender: sender.user,
            pair: sender.pair,
            id,
            timestamp: self.stamp.bytes(turn.now),
        };
        let lane = turn.out.lane(peer);
        match (self.clients[peer.index()].format, words) {
            (Format::Json, Words::Raw(text)) => outgoing::message(lane, text.raw(), stamped),
            (Format::Json, Words::Plain(text)) => {
                outgoing::message(lane, &json::quoted(text), stamped);
            }
            (Format::Text, Words::Raw(text)) => outgoing::message_line(lane, &text.decode()),
            (Format::Text, Words::Plain(text)) => outgoing::message_line(lane, text),
        }
        if let Some(cid) = cid {
            outgoing::sent(turn.out.lane(conn), cid, id, stamped.timestamp);
        }
        turn.stats.messages_relayed += 1;
        self.hold_back(conn, peer, turn);
        Ok(())
    }

    /// `typing`: the partner is told, though not too often, and not at all while behind with reading.
    pub(super) fn typing<'t>(
        &mut self,
        conn: ConnId,
        active: bool,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault<'t>> {
        let peer = self.lobby.peer(conn).ok_or_else(nobody)?;
        let client = &mut self.clients[conn.index()];
        let is_too_soon = client.typed.passed_ms(turn.now.micros) < limits::TYPING_MS;
        if is_too_soon || turn.out.is_high(peer) {
            return Ok(());
        }
        client.typed = Moment::at(turn.now.micros);
        let pair = client.pair;
        if self.clients[peer.index()].format == Format::Json {
            outgoing::typing(turn.out.lane(peer), pair, active);
        }
        Ok(())
    }

    /// `offer`, `answer`, `iceCandidate`: passed on between the two of a video pair, untouched unless addresses are
    /// to be kept private.
    pub(super) fn signal<'t>(
        &mut self,
        conn: ConnId,
        signal: Signal,
        body: &'t str,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault<'t>> {
        let (peer, pair) = self.spend_signal(conn, body.len(), turn)?;
        let body = if self.settings.video.relay_only {
            match privacy::relayed(signal, body, self.relays)? {
                Some(rebuilt) => Cow::Owned(rebuilt),
                None => return Ok(()),
            }
        } else {
            Cow::Borrowed(body)
        };
        if self.clients[peer.index()].format == Format::Json {
            outgoing::signal(turn.out.lane(peer), signal.labels(), &body, pair);
        }
        self.hold_back(conn, peer, turn);
        Ok(())
    }

    /// `callState`: the partner in a video pair is told.
    pub(super) fn call_state<'t>(
        &mut self,
        conn: ConnId,
        state: CallState,
        turn: &mut Turn<'_>,
    ) -> Result<(), Fault<'t>> {
        let (peer, pair) = self.spend_signal(conn, size_of::<CallState>(), turn)?;
        if self.clients[peer.index()].format == Format::Json {
            outgoing::call_state(turn.out.lane(peer), state, pair);
        }
        self.hold_back(conn, peer, turn);
        Ok(())
    }

    /// Whom somebody in a video pair signals to, and in which pair, if there is budget for so many bytes. The last signal
    /// may be on credit, so that one of any length goes through some time.
    fn spend_signal<'t>(
        &mut self,
        conn: ConnId,
        bytes: usize,
        turn: &Turn<'_>,
    ) -> Result<(ConnId, Uuid), Fault<'t>> {
        let peer = self.lobby.peer(conn).ok_or_else(nobody)?;
        let client = &mut self.clients[conn.index()];
        if client.mode != Mode::Video {
            return Err(Fault::new("bad_state", "This is not a video conversation."));
        }
        let call = client.call.get_or_insert_default();
        let now_us = turn.now.micros;
        match call.signal_bytes.debt(SIGNAL_BYTE_RATE, now_us) {
            0 => {}
            retry_us => return Err(Fault::too_fast(retry_us)),
        }
        call.signals
            .take(SIGNAL_RATE, now_us)
            .map_err(Fault::too_fast)?;
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        call.signal_bytes.charge(SIGNAL_BYTE_RATE, bytes, now_us);
        Ok((peer, client.pair))
    }

    /// Stops reading from `conn` while its partner is behind.
    #[inline]
    fn hold_back(&mut self, conn: ConnId, peer: ConnId, turn: &mut Turn<'_>) {
        let client = &mut self.clients[conn.index()];
        if turn.out.is_high(peer) && !client.held {
            client.held = true;
            turn.out.effects.push(Effect::Pause(conn));
        }
    }

    /// Reads from `conn` again.
    pub(super) fn let_go(&mut self, conn: ConnId, turn: &mut Turn<'_>) {
        let client = &mut self.clients[conn.index()];
        if std::mem::take(&mut client.held) {
            turn.out.effects.push(Effect::Resume(conn));
        }
    }
}

fn nobody<'t>() -> Fault<'t> {
    Fault::new("bad_state", "There is nobody to say that to.")
}
