//! What arrives, what it means for who is paired with whom, and the commands that change that.

use super::{
    Fleet, Phase, Play, Who,
    frame::{self, CLOSE, Frame, PING, PONG, TEXT, Word, masked, pair_id, string_field},
    speech::{self, ACCEPT},
};

/// An HTTP answer longer than this is no upgrade.
const HEAD_BYTES_MAX: usize = 16 * 1024;

impl Fleet {
    /// Sends `frame`, which holds `count` messages that were meant to leave at `intended_ns`.
    pub(crate) fn tell(&mut self, who: Who, frame: &[u8], count: u32, intended_ns: u64) {
        match self.mutual(who) {
            Some(partner) => {
                let stamps = &mut self.clients[partner as usize].stamps;
                stamps.extend((0..count).map(|_| intended_ns));
            }
            None => self.clients[who as usize].excused += count,
        }
        self.say(who, frame);
    }

    /// Makes a pair of two clients who were not matched by the server.
    pub(crate) fn link(&mut self, one: Who, other: Who) {
        for (who, partner) in [(one, other), (other, one)] {
            let client = &mut self.clients[who as usize];
            client.pair = u128::from(one) + 1;
            client.link = Some(partner);
        }
    }

    /// Sends a command that ends the chat: `nextStranger` or `stopChat`.
    pub(crate) fn part(&mut self, who: Who, command: &[u8]) {
        self.unlink(who);
        self.say(who, command);
    }

    /// Starts a clean goodbye; the server closes.
    pub(crate) fn leave(&mut self, who: Who) {
        self.expect_end(who);
        self.part(who, &speech::goodbye());
    }

    /// From now on the end of the connection is no error.
    pub(crate) fn expect_end(&mut self, who: Who) {
        self.clients[who as usize].leaving = true;
    }

    /// Whether the client's partner is known and still there.
    pub(crate) fn is_linked(&self, who: Who) -> bool {
        self.mutual(who).is_some()
    }

    /// The partner, if it believes in the same pair.
    pub(super) fn mutual(&self, who: Who) -> Option<Who> {
        let client = &self.clients[who as usize];
        client
            .link
            .filter(|partner| self.clients[*partner as usize].pair == client.pair)
    }

    /// Forgets the client's pair, on its own side only.
    pub(super) fn unlink(&mut self, who: Who) {
        let client = &mut self.clients[who as usize];
        if client.pair != 0 && self.halves.get(&client.pair) == Some(&who) {
            self.halves.remove(&client.pair);
        }
        client.pair = 0;
        client.link = None;
        client.torn = false;
        client.stamps.clear();
    }

    /// Handles whole frames; answers how many bytes they were.
    pub(super) fn digest(&mut self, who: Who, bytes: &[u8], play: &mut impl Play) -> usize {
        let mut used = 0;
        let generation = self.clients[who as usize].generation;
        if self.clients[who as usize].phase == Phase::Upgrading {
            used = self.answered(who, bytes, play);
        }
        while self.is_same(who, generation) && self.is_open(who) {
            match frame::parse(&bytes[used..]) {
                Ok(Some(frame)) => {
                    used += frame.size;
                    self.framed(who, &frame, play);
                }
                Ok(None) => break,
                Err(_) => {
                    self.end(who, play, "broken frame");
                    break;
                }
            }
        }
        used
    }

    fn answered(&mut self, who: Who, bytes: &[u8], play: &mut impl Play) -> usize {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            if bytes.len() > HEAD_BYTES_MAX {
                self.end(who, play, "endless upgrade answer");
            }
            return 0;
        };
        let head = String::from_utf8_lossy(&bytes[..end]);
        match head.split(' ').nth(1) {
            Some("101") if head.contains(ACCEPT) => {
                self.clients[who as usize].phase = Phase::Open;
                self.open += 1;
                play.opened(self, who);
            }
            Some("101") => self.end(who, play, "wrong Sec-WebSocket-Accept"),
            Some(status) => {
                let reason = format!("refused: {status}");
                self.end(who, play, reason);
            }
            None => self.end(who, play, "no HTTP answer"),
        }
        end + 4
    }

    fn framed(&mut self, who: Who, frame: &Frame<'_>, play: &mut impl Play) {
        match frame.opcode {
            TEXT => self.heard(who, frame, play),
            PING => self.say(who, &masked(PONG, &frame.bare())),
            CLOSE => {
                let payload = frame.bare();
                let code = payload
                    .first_chunk::<2>()
                    .map_or(1005, |code| u16::from_be_bytes(*code));
                if self.clients[who as usize].leaving {
                    // Our goodbye came back; the server, too, may now close, and its end is awaited.
                    return;
                }
                self.say(who, &masked(CLOSE, payload.get(..2).unwrap_or_default()));
                self.end(who, play, format!("closed: {code}"));
            }
            _ => {}
        }
    }

    fn heard(&mut self, who: Who, frame: &Frame<'_>, play: &mut impl Play) {
        match frame.word() {
            Word::Message => self.delivered(who, play),
            Word::Joined => match pair_id(&frame.bare()) {
                Some(pair) => self.met(who, pair, play),
                None => self.fault("strangerJoined without a pairId"),
            },
            Word::Left => {
                let client = &mut self.clients[who as usize];
                if client.pair == 0 {
                    return; // it left, too, and its own command crossed this word
                }
                let lost = if client.torn { 0 } else { client.stamps.len() };
                (0..lost).for_each(|_| self.fault("message lost"));
                self.unlink(who);
                play.left(self, who);
            }
            Word::Searching => self.unlink(who),
            Word::Error => {
                let json = frame.bare();
                let code = string_field(&json, "code").unwrap_or(b"?");
                let client = &mut self.clients[who as usize];
                if code == b"bad_state" && client.excused > 0 {
                    client.excused -= 1;
                } else {
                    let kind = format!("error: {}", String::from_utf8_lossy(code));
                    self.fault(kind);
                }
            }
            Word::Ack => play.acked(self, who),
            Word::Text => play.said(self, who),
            Word::Join => play.entered(self, who),
            Word::Typing | Word::Other => {}
        }
    }

    fn delivered(&mut self, who: Who, play: &mut impl Play) {
        let client = &mut self.clients[who as usize];
        match client.stamps.pop_front() {
            Some(stamp) => {
                let took_ns = self.now_ns.saturating_sub(stamp);
                play.received(self, who, took_ns);
            }
            None if client.pair == 0 || client.torn => self.late += 1,
            None => self.fault("message nobody sent"),
        }
    }

    fn met(&mut self, who: Who, pair: u128, play: &mut impl Play) {
        self.unlink(who);
        let client = &mut self.clients[who as usize];
        client.pair = pair;
        client.excused = 0;
        let other = self
            .halves
            .remove(&pair)
            .filter(|other| self.clients[*other as usize].pair == pair);
        match other {
            Some(other) if other != who => {
                self.clients[who as usize].link = Some(other);
                self.clients[other as usize].link = Some(who);
                play.joined(self, who);
                if self.mutual(who) == Some(other) {
                    play.linked(self, other, who);
                }
            }
            _ => {
                self.halves.insert(pair, who);
                play.joined(self, who);
            }
        }
    }
}
