//! Counters of what happened, as plain numbers that the one thread adds to.
//!
//! Gauges are not kept here: they are read from live state when somebody asks.

/// Declares an enum whose variants have a label, and a set of counters indexed by it.
macro_rules! labelled {
    ($(#[$meta:meta])* $name:ident { $($(#[$variant_meta:meta])* $variant:ident = $label:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name { $($(#[$variant_meta])* $variant,)+ }

        impl $name {
            /// Every variant, in order.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name under which it is reported.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ }
            }
        }
    };
}

labelled! {
    /// Why a WebSocket connection ended.
    CloseCause {
        /// The peer said goodbye.
        Client = "client",
        /// The peer's end vanished or was reset.
        Gone = "gone",
        /// The peer broke the WebSocket protocol (1002).
        Protocol = "protocol",
        /// A kind of data that the endpoint does not take (1003).
        Unsupported = "unsupported",
        /// Text that is not UTF-8 (1007).
        BadText = "bad_text",
        /// Too many pings, fragments or the like (1008).
        Policy = "policy",
        /// A message that is too large (1009).
        TooLarge = "too_large",
        /// Output that the peer did not take (4008).
        TooSlow = "too_slow",
        /// No answer to a ping (4012).
        NoPong = "no_pong",
        /// The private room has ended (1000).
        RoomEnded = "room_ended",
        /// The token that opened it has expired (4500).
        TokenExpired = "token_expired",
        /// The server is going away (1012).
        Drain = "drain",
        /// A fault of ours (1011).
        Internal = "internal",
    }
}

labelled! {
    /// Why a request or a command was refused.
    Refused {
        /// The request was malformed (400, 501, 505).
        BadRequest = "bad_request",
        /// The WebSocket handshake was wrong (400).
        Handshake = "handshake",
        /// The WebSocket version was not 13 (426).
        Version = "version",
        /// The credentials were missing or wrong (401).
        Token = "token",
        /// The page's origin is not allowed (403).
        Origin = "origin",
        /// There is no such thing, or not any more (404, 410).
        NotFound = "not_found",
        /// The method is not for this resource (405).
        Method = "method",
        /// The request took too long (408).
        Timeout = "timeout",
        /// The body was too large (413).
        BodyTooLarge = "body_too_large",
        /// The head was too large (431).
        HeadTooLarge = "head_too_large",
        /// Too many connections from one address (429).
        AddressConnections = "address_connections",
        /// Too many new connections from one address (429).
        AddressRate = "address_rate",
        /// Too many sockets of one person (429).
        PersonConnections = "person_connections",
        /// There are as many rooms as there may be (503).
        RoomsFull = "rooms_full",
        /// Nothing more is kept for people who are away (503).
        MailboxFull = "mailbox_full",
        /// The server is full (503).
        Full = "full",
        /// The server is going away (503).
        Draining = "draining",
        /// That is there already (409).
        Conflict = "conflict",
        /// The store, or a thread that hashes, could not do it now (503, 507, `unavailable`, `storage_full`).
        Store = "store",
        /// A command or a request came too soon (`rate_limited`, 429).
        CommandRate = "command_rate",
        /// A chat command was not understood.
        BadCommand = "bad_command",
    }
}

/// A histogram with fixed upper bounds.
#[derive(Clone, Debug)]
pub struct Histogram<const N: usize> {
    /// The upper bounds, ascending; what is above the last is counted in the sum and count only.
    pub bounds: [u64; N],
    /// How many values fell into each bound's bucket (not cumulative).
    pub buckets: [u64; N],
    /// The sum of all values.
    pub sum: u64,
    /// How many values there were.
    pub count: u64,
}

impl<const N: usize> Histogram<N> {
    /// An empty histogram.
    pub const fn new(bounds: [u64; N]) -> Self {
        Self {
            bounds,
            buckets: [0; N],
            sum: 0,
            count: 0,
        }
    }

    /// Counts one value.
    pub fn record(&mut self, value: u64) {
        if let Some(index) = self.bounds.iter().position(|bound| value <= *bound) {
            self.buckets[index] += 1;
        }
        self.sum += value;
        self.count += 1;
    }
}

/// What happened since the start.
#[derive(Clone, Debug)]
pub struct Stats {
    /// Connections accepted.
    pub accepted: u64,
    /// Times the loop asked the poller.
    pub polls: u64,
    /// System calls that read from sockets.
    pub reads: u64,
    /// System calls that wrote to sockets.
    pub writes: u64,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written.
    pub bytes_out: u64,
    /// HTTP requests served.
    pub requests: u64,
    /// WebSocket messages received.
    pub messages_in: u64,
    /// Chat messages relayed to a partner.
    pub messages_relayed: u64,
    /// Messages said in rooms.
    pub room_messages: u64,
    /// Frames that rooms gave to sockets.
    pub room_deliveries: u64,
    /// Messages from one person to another.
    pub direct_messages: u64,
    /// Pairs made.
    pub pairs_made: u64,
    /// Accounts made.
    pub registrations: u64,
    /// People who logged in.
    pub logins: u64,
    /// Logins with a wrong password or an unknown name.
    pub logins_failed: u64,
    /// Private rooms opened.
    pub private_rooms: u64,
    /// Messages kept in private rooms.
    pub private_messages: u64,
    /// Passwords hashed, whether new ones or ones that were claimed.
    pub passwords_hashed: u64,
    /// Questions to other threads that were not answered in time.
    pub asks_overdue: u64,
    /// How many questions the store answered in each transaction.
    pub store_batch: Histogram<10>,
    /// How long people waited for an answer of the store, in microseconds.
    pub store_ask_us: Histogram<10>,
    /// How long people waited for a password to be hashed, in microseconds.
    pub hash_ask_us: Histogram<10>,
    /// Times that accepting had to rest for want of descriptors.
    pub accept_rests: u64,
    /// Turns in which a handler panicked; anything but 0 is our bug.
    pub panics: u64,
    /// How long people waited for a partner, in milliseconds.
    pub match_wait_ms: Histogram<10>,
    /// How long turns took, in microseconds.
    pub turn_us: Histogram<10>,
    /// How long the longest turn took, in microseconds.
    pub longest_turn_us: u64,
    /// Turns that took over [`limits::TURN_US`](crate::limits::TURN_US) of the processor's time.
    pub busy_turns: u64,
    /// The most of the processor's time that such a turn took, in microseconds.
    pub busiest_turn_us: u64,
    closes: [u64; CloseCause::ALL.len()],
    refusals: [u64; Refused::ALL.len()],
}

/// The bounds of how long questions to other threads wait, in microseconds.
const ASK_BOUNDS_US: [u64; 10] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000, 2_000_000,
];

impl Default for Stats {
    fn default() -> Self {
        Self {
            accepted: 0,
            polls: 0,
            reads: 0,
            writes: 0,
            bytes_in: 0,
            bytes_out: 0,
            requests: 0,
            messages_in: 0,
            messages_relayed: 0,
            room_messages: 0,
            room_deliveries: 0,
            direct_messages: 0,
            pairs_made: 0,
            registrations: 0,
            logins: 0,
            logins_failed: 0,
            private_rooms: 0,
            private_messages: 0,
            passwords_hashed: 0,
            asks_overdue: 0,
            store_batch: Histogram::new([1, 2, 4, 8, 16, 32, 64, 128, 256, 512]),
            store_ask_us: Histogram::new(ASK_BOUNDS_US),
            hash_ask_us: Histogram::new(ASK_BOUNDS_US),
            accept_rests: 0,
            panics: 0,
            match_wait_ms: Histogram::new([
                1, 10, 100, 500, 1_000, 3_000, 8_000, 30_000, 120_000, 600_000,
            ]),
            turn_us: Histogram::new([10, 25, 50, 100, 250, 500, 1_000, 5_000, 10_000, 50_000]),
            longest_turn_us: 0,
            busy_turns: 0,
            busiest_turn_us: 0,
            closes: [0; CloseCause::ALL.len()],
            refusals: [0; Refused::ALL.len()],
        }
    }
}

impl Stats {
    /// Counts the end of a WebSocket connection.
    pub fn closed(&mut self, cause: CloseCause) {
        self.closes[cause as usize] += 1;
    }

    /// Counts a refusal.
    pub fn refused(&mut self, cause: Refused) {
        self.refusals[cause as usize] += 1;
    }

    /// How many WebSocket connections ended for `cause`.
    pub fn closes(&self, cause: CloseCause) -> u64 {
        self.closes[cause as usize]
    }

    /// How many refusals there were for `cause`.
    pub fn refusals(&self, cause: Refused) -> u64 {
        self.refusals[cause as usize]
    }
}
