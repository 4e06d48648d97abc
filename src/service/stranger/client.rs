//! What the service knows of one connection.

use uuid::Uuid;

use super::ice::Call;
use super::keep::Keeping;
use crate::kernel::bucket::Bucket;
use crate::kernel::id::ConnId;
use crate::kernel::lobby::Mode;
use crate::kernel::names::NameId;
use crate::kernel::recent::{Recent, Tag};
use crate::kernel::time::{Moment, Now};

/// How a client and the server talk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// JSON both ways.
    #[default]
    Json,
    /// Plain lines both ways, for people at a terminal.
    Text,
}

/// How a connection begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// Whether it is queued by itself, at first and after each conversation.
    pub auto: bool,
    /// How it talks.
    pub format: Format,
}

/// The account that a connection comes with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Which.
    pub id: Uuid,
    /// When the token expires that says so. From then on the connection is anonymous.
    pub until_ms: u64,
}

/// One connection to this service.
#[derive(Debug)]
pub(super) struct Client {
    /// Which of the slot's lives this is; 0 when nobody is here.
    generation: u32,
    /// How partners see this person. Not a credential.
    pub(super) user: Uuid,
    /// The account that the connection belongs to, unless it is anonymous.
    pub(super) member: Option<Box<Member>>,
    /// The conversation, while there is one.
    pub(super) pair: Uuid,
    /// What was asked for last, if it was anything in particular.
    pub(super) preferences: Option<Box<Preferences>>,
    /// Whom this person met.
    pub(super) recent: Option<Box<Recent>>,
    /// What there is only for video.
    pub(super) call: Option<Box<Call>>,
    pub(super) messages: Bucket,
    pub(super) skips: Bucket,
    /// Since when this person waits.
    pub(super) since: Moment,
    /// When the partner was told last that this person types.
    pub(super) typed: Moment,
    pub(super) mode: Mode,
    pub(super) format: Format,
    pub(super) auto: bool,
    /// Whether reading from this person rests because the partner is slow.
    pub(super) held: bool,
}

/// What concerns only people with accounts.
#[derive(Debug)]
pub(super) struct Member {
    /// Which account.
    pub(super) account: Account,
    /// Whether this person would like to meet the partner again.
    pub(super) keeping: Keeping,
}

/// Whom somebody would like to meet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Preferences {
    /// Interests, by number, with the spelling in which this person wrote them.
    pub(super) interests: Vec<(NameId, Box<str>)>,
    pub(super) language: Option<NameId>,
    /// Whether anyone will do after a while.
    pub(super) anyone: bool,
    /// Whether the search is open to everyone by now.
    pub(super) widened: bool,
}

impl Client {
    pub(super) fn new(
        conn: ConnId,
        user: Uuid,
        account: Option<Account>,
        opening: Opening,
    ) -> Self {
        Self {
            generation: conn.generation(),
            user,
            member: account.map(|account| {
                let keeping = Keeping::No;
                Box::new(Member { account, keeping })
            }),
            pair: Uuid::nil(),
            preferences: None,
            recent: None,
            call: None,
            messages: Bucket::default(),
            skips: Bucket::default(),
            since: Moment::default(),
            typed: Moment::default(),
            mode: Mode::Text,
            format: opening.format,
            auto: opening.auto,
            held: false,
        }
    }

    pub(super) fn vacant() -> Self {
        Self::new(ConnId::new(0, 0), Uuid::nil(), None, Opening::default())
    }

    /// Whether this, the record of the slot of `conn`, is that of `conn` itself.
    pub(super) const fn is(&self, conn: ConnId) -> bool {
        self.generation == conn.generation()
    }

    /// The connection, if this is the record of slot `index`; nothing when nobody is there.
    pub(super) fn conn(&self, index: usize) -> Option<ConnId> {
        (self.generation != 0).then(|| ConnId::new(index as u32, self.generation))
    }

    /// The account that the connection belongs to, unless it is anonymous.
    pub(super) fn account(&self) -> Option<Uuid> {
        self.member.as_ref().map(|member| member.account.id)
    }

    /// Who this is to the matcher: the same with each of their connections, if they have an account.
    pub(super) fn person(&self) -> u128 {
        let identity = self.account().unwrap_or(self.user);
        identity.as_u128()
    }

    /// Whether the connection belongs to an account.
    pub(super) const fn has_account(&self) -> bool {
        self.member.is_some()
    }

    /// Whether this person met the one with this tag lately.
    pub(super) fn knows(&self, tag: Tag, now_us: u64) -> bool {
        self.recent
            .as_ref()
            .is_some_and(|recent| recent.knows(tag, now_us))
    }

    /// Whether the search is limited to shared interests or a language, for now.
    pub(super) fn interests(&self) -> &[(NameId, Box<str>)] {
        self.preferences
            .as_ref()
            .map_or(&[], |preferences| preferences.interests.as_slice())
    }

    pub(super) fn language(&self) -> Option<NameId> {
        self.preferences
            .as_ref()
            .and_then(|preferences| preferences.language)
    }

    /// Begins to wait.
    pub(super) fn begin(&mut self, now_us: u64) {
        self.since = Moment::at(now_us);
        if let Some(preferences) = &mut self.preferences {
            preferences.widened = false;
        }
    }

    /// Whether this person has waited for so many milliseconds.
    pub(super) fn waited(&self, ms: u64, now_us: u64) -> bool {
        self.since.passed_ms(now_us) >= ms
    }

    /// When this person will have waited so many milliseconds, in monotonic microseconds; nothing if that is over.
    pub(super) fn due_us(&self, ms: u64, now: Now) -> Option<u64> {
        let left_ms = ms.saturating_sub(self.since.passed_ms(now.micros));
        (left_ms > 0).then(|| now.after_ms(left_ms))
    }

    /// Whether the search is open to everyone by now.
    pub(super) fn has_widened(&self) -> bool {
        self.preferences
            .as_ref()
            .is_some_and(|preferences| preferences.widened)
    }

    /// Whether time makes this person less choosy.
    pub(super) fn widens(&self) -> bool {
        self.preferences.as_ref().is_some_and(|preferences| {
            preferences.anyone
                && (!preferences.interests.is_empty() || preferences.language.is_some())
        })
    }
}
