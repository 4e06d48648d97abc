//! Every fixed limit in one place, and the relations between them that the code relies on.
//!
//! Units come last in the names. What an operator may change is a key of [`crate::config`]; what stands
//! here holds whatever the configuration says.

/// Bytes read from one socket in one turn, the size of the loop's one receive buffer.
pub const READ_BYTES: usize = 16 * 1024;
/// Events of sockets that one turn takes on, and sockets that it goes on with from the last. An upgrade or the end of a connection costs some 15 us, nearly all of it
/// the kernel's.
pub const EVENTS_PER_TURN: usize = 128;
/// Connections accepted in one turn.
pub const ACCEPTS_PER_TURN: usize = 64;
/// Length of the kernel's queue of connections that wait to be accepted.
pub const LISTEN_BACKLOG: i32 = 4096;
/// How long accepting rests after the process ran out of descriptors, in milliseconds.
pub const ACCEPT_REST_MS: u64 = 100;
/// Descriptors held back from chats: for the listeners, the store, and to tell people that it is full.
pub const RESERVED_DESCRIPTORS: usize = 64;
/// Connections that are let in only to be told no: above `max_connections`, or above an address's share.
pub const OVERFLOW_CONNECTIONS: usize = 32;
/// Ceiling of the kernel's send buffer per socket, in bytes (the kernel doubles it).
pub const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// How long the kernel retries unacknowledged data before it gives a peer up, in milliseconds.
pub const TCP_USER_TIMEOUT_MS: u64 = 30_000;

/// Queued output above which the senders of a connection are paused, in bytes.
pub const QUEUE_HIGH_BYTES: usize = 64 * 1024;
/// Queued output below which they are resumed, in bytes.
pub const QUEUE_LOW_BYTES: usize = 16 * 1024;
/// Queued output at which a connection is given up as too slow, in bytes.
pub const QUEUE_MAX_BYTES: usize = 384 * 1024;
/// Memory of the output of all connections that have stopped moving, beyond which the largest is given up, in bytes.
pub const QUEUED_TOTAL_BYTES_MAX: usize = 256 * 1024 * 1024;
/// Memory of the messages and requests of all connections that are not complete, beyond which the largest is given up, in
/// bytes.
pub const INPUT_TOTAL_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long queued output may make no progress, in milliseconds.
pub const WRITE_STALL_MS: u64 = 10_000;
/// Output buffers kept for reuse, and the largest that is.
pub const SPARE_BUFFERS_MAX: usize = 1024;
/// Capacity above which an emptied output buffer is freed instead of kept, in bytes.
pub const SPARE_BUFFER_BYTES_MAX: usize = 8 * 1024;

/// A request's head, in bytes.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Header fields in a request's head.
pub const HEAD_FIELDS_MAX: usize = 64;
/// Time for a request's head, from accepting or from its first byte, in milliseconds.
pub const HEAD_MS: u64 = 10_000;
/// Time for the head on a connection that is only let in to be told no.
pub const OVERFLOW_HEAD_MS: u64 = 1_000;
/// Time for a request's body, in milliseconds.
pub const BODY_MS: u64 = 15_000;
/// A request's body, in bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// How long an idle connection is kept for another request, in milliseconds.
pub const KEEP_ALIVE_MS: u64 = 15_000;
/// Requests served on one connection.
pub const REQUESTS_MAX: u16 = 1_000;
/// Requests answered in one turn, a response counting as one more for each [`DELIVERY_BYTES`] in it.
pub const REQUESTS_PER_TURN: usize = 256;
/// Requests of one connection that one turn answers.
pub const REQUESTS_PER_CONNECTION_TURN: usize = 16;
/// How long what is queued on a closed connection may take to go out, in milliseconds.
pub const FINISH_MS: u64 = 30_000;
/// How long a peer may take to send its FIN after ours, in milliseconds.
pub const LINGER_MS: u64 = 2_000;
/// What a closed connection may still send, in bytes.
pub const LINGER_BYTES: usize = 64 * 1024;

/// A WebSocket message, in bytes.
pub const MESSAGE_BYTES_MAX: u64 = 64 * 1024;
/// Frames of one connection that one turn takes; those behind them wait for the next.
pub const FRAMES_PER_TURN: u32 = 16;
/// Frames that one message may come in.
pub const FRAGMENTS_MAX: u32 = 32;
/// Time from a message's first byte to its last, in milliseconds.
pub const MESSAGE_MS: u64 = 10_000;
/// How long a connection may be over its budget of frames or bytes before it is closed, in milliseconds. While reading rests, nobody
/// can tell whether the peer still lives.
pub const FLOOD_MS: u64 = 30_000;
/// Ping interval of a silent connection, in milliseconds.
pub const PING_CALM_MS: u64 = 25_000;
/// Ping interval of a silent connection in a conversation, in milliseconds.
pub const PING_BRISK_MS: u64 = 10_000;
/// How long a pong may take, in milliseconds.
pub const PONG_MS: u64 = 8_000;
/// Pings answered a second, and at once, before the connection is closed.
pub const PINGS_PER_SECOND: f64 = 10.0;
/// Pings that may come at once.
pub const PINGS_BURST: u32 = 20;

/// A chat message, in Unicode code points.
pub const TEXT_CHARS_MAX: usize = 2_000;
/// How deep a JSON value that is passed on may be nested.
pub const JSON_DEPTH_MAX: usize = 64;
/// A client's own message id (`cid`), in bytes.
pub const CID_BYTES_MAX: usize = 128;
/// Interests a person may name.
pub const INTERESTS_MAX: usize = 10;
/// One interest, in Unicode code points.
pub const INTEREST_CHARS_MAX: usize = 24;
/// A language tag, in bytes (RFC 5646 section 4.4.1 asks for 35).
pub const LANGUAGE_BYTES_MAX: usize = 35;
/// Partners remembered so as not to meet them again at once.
pub const RECENT_PARTNERS_MAX: usize = 8;
/// How long they are remembered, in milliseconds.
pub const RECENT_PARTNER_MS: u64 = 600_000;
/// Waiting people looked at in one queue before the rest of it is left for later.
pub const PROBE_DEPTH: usize = 16;
/// Shortest time between two typing notices that are relayed, in milliseconds.
pub const TYPING_MS: u64 = 1_000;
/// Typing notices of one person in rooms that are relayed a second, however often they begin and stop.
pub const TYPING_PER_SECOND: f64 = 4.0;
/// Typing notices of one person in rooms that are relayed at once.
pub const TYPING_BURST: u32 = 10;
/// Pause before somebody who wants to be matched by itself is queued again, in milliseconds.
pub const AUTO_REQUEUE_MS: u64 = 3_000;
/// Signalling messages a second and at once.
pub const SIGNALS_PER_SECOND: f64 = 30.0;
/// Signalling messages that may come at once.
pub const SIGNALS_BURST: u32 = 100;
/// What signalling of one person may amount to, in bytes a second. Five offers of a browser with every codec it knows.
pub const SIGNAL_BYTES_PER_SECOND: f64 = 65_536.0;
/// What of it may come at once, in bytes.
pub const SIGNAL_BYTES_BURST: u32 = 262_144;
/// A session description that is written anew, in bytes; browsers make some 6 KiB.
pub const SDP_BYTES_MAX: usize = 32 * 1024;
/// Lines of a session description that is written anew; browsers make some 200.
pub const SDP_LINES_MAX: usize = 2_000;
/// Keys for STUN and TURN servers that one person may ask for, a second and at once.
pub const ICE_KEYS_PER_SECOND: f64 = 0.1;
/// Keys that may be asked for at once.
pub const ICE_KEYS_BURST: u32 = 5;
/// Credentials for TURN servers that one person may have again at once in one conversation.
pub const ICE_RENEWALS_BURST: u32 = 2;
/// The shortest secret that is shared with TURN servers, in bytes: whoever has credentials can try secrets at leisure.
pub const TURN_SECRET_BYTES_MIN: usize = 16;

/// A person's own id in rooms, in Unicode code points.
pub const USER_ID_CHARS_MAX: usize = 64;
/// A person's name in rooms, in Unicode code points.
pub const USERNAME_CHARS_MAX: usize = 32;
/// A room's name, and its id, in Unicode code points.
pub const ROOM_NAME_CHARS_MAX: usize = 64;
/// Rooms at the same time.
pub const ROOMS_MAX: usize = 10_000;
/// Rooms that one person may be in.
pub const ROOMS_PER_PERSON_MAX: usize = 64;
/// Sockets of one person.
pub const SOCKETS_PER_PERSON_MAX: usize = 16;
/// How long a room may be empty, in milliseconds.
pub const ROOM_EMPTY_MS: u64 = 3_600_000;
/// Rooms joined and left a second by one person.
pub const MOVES_PER_SECOND: f64 = 5.0;
/// Rooms joined and left at once.
pub const MOVES_BURST: u32 = 128;
/// Messages kept for each room.
pub const HISTORY_MESSAGES: usize = 200;
/// What is kept for all rooms together, in bytes; above that whichever keeps most forgets its oldest messages.
pub const HISTORY_BYTES_MAX: usize = 256 * 1024 * 1024;
/// What of a room's history, or of the letters that waited, a socket is sent at once, in bytes; with one message more.
pub const PIECE_BYTES: usize = 16 * 1024;
/// What of a room one round of it brings to each member, in bytes.
pub const ROUND_BYTES: usize = 32 * 1024;
/// How long a turn should take at most, in microseconds; longer ones are counted.
pub const TURN_US: u64 = 5_000;
/// Sockets that rooms may write to in one turn, and as many again for what comes of joining and leaving.
pub const DELIVERIES_PER_TURN: usize = 256;
/// What counts as one more delivery to the same socket, in bytes.
pub const DELIVERY_BYTES: usize = 4 * 1024;
/// What may wait to go round in one room, in bytes, before people have to wait with saying more.
pub const ROOM_BACKLOG_BYTES: usize = 1024 * 1024;
/// What may wait to go round in one room, in bytes, before nobody else may join it.
pub const ROOM_BACKLOG_BYTES_MAX: usize = 4 * ROOM_BACKLOG_BYTES;
/// What may wait to go round in one room, in bytes, before nobody is told any more who types there.
pub const ROOM_TYPING_BYTES: usize = 16 * 1024;
/// What may wait to go round in all rooms together, in bytes.
pub const BACKLOG_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Direct messages kept for one absent person.
pub const LETTERS_MAX: usize = 100;
/// How long they are kept, and absent people remembered, in milliseconds.
pub const LETTER_MS: u64 = 86_400_000;
/// What is kept for all absent people together, in bytes: where most is kept, the oldest letters make room.
pub const LETTER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// What is kept, of that, for ids that were never here, in bytes.
pub const UNSEEN_LETTER_BYTES_MAX: usize = LETTER_BYTES_MAX / 8;
/// After how long it may be tried again to write to somebody for whom nothing more can be kept, in milliseconds.
pub const MAILBOX_RETRY_MS: u64 = 60_000;
/// Absent people that are remembered.
pub const ABSENT_MAX: usize = 20_000;
/// Of these, ids that were never here and for which only letters wait.
pub const UNSEEN_MAX: usize = ABSENT_MAX / 10;
/// The largest list that one HTTP response brings, in bytes.
pub const LISTING_BYTES_MAX: usize = 160 * 1024;
/// Messages in one page of a room's history, unless fewer are asked for.
pub const PAGE_MESSAGES: usize = 50;

/// A pseudo, in Unicode code points: at least.
pub const PSEUDO_CHARS_MIN: usize = 2;
/// A pseudo, in Unicode code points: at most.
pub const PSEUDO_CHARS_MAX: usize = 32;
/// An e-mail address, in bytes.
pub const EMAIL_BYTES_MAX: usize = 254;
/// A password, in Unicode code points: at least.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// A password, in Unicode code points: at most.
pub const PASSWORD_CHARS_MAX: usize = 128;
/// Logins of one address that may fail within [`LOGINS_BY_ADDRESS_MS`].
pub const LOGINS_BY_ADDRESS: usize = 5;
/// See [`LOGINS_BY_ADDRESS`]; in milliseconds.
pub const LOGINS_BY_ADDRESS_MS: u64 = 20_000;
/// Logins to one account that may fail within [`LOGINS_BY_ACCOUNT_MS`].
pub const LOGINS_BY_ACCOUNT: usize = 20;
/// See [`LOGINS_BY_ACCOUNT`]; in milliseconds.
pub const LOGINS_BY_ACCOUNT_MS: u64 = 300_000;
/// Logins that failed which are remembered.
pub const FAILURES_MAX: usize = 100_000;
/// Logins that may wait until it is known whether others fail.
pub const LOGINS_WAITING_MAX: usize = 256;

/// How long a request may wait for an answer from a thread beside the loop, in milliseconds; then the client is told
/// that the service is not available.
pub const ASK_MS: u64 = 2_000;
/// The same for a password, which waits in a queue of its own.
pub const HASH_MS: u64 = 8_000;
/// How long a connection waits for the program's answer in any case, in milliseconds.
pub const ANSWER_MS: u64 = 15_000;
/// Questions that may wait for the store.
pub const STORE_ASKS_MAX: usize = 4096;
/// Questions that the store deals with in one transaction.
pub const STORE_BATCH_MAX: usize = 512;
/// Answers that the loop hands on in one turn.
pub const ANSWERS_PER_TURN: usize = 256;
/// Rooms that one question to the store ends.
pub const EXPIRIES_PER_ASK: usize = 256;
/// Messages that the store erases in one transaction; the rest of what is to be erased follows in others, between what it is asked.
pub const ERASURES_AT_ONCE: u32 = 128;
/// How far the unread messages of a room are counted.
pub const UNREAD_MAX: u32 = 1_000;
/// How long the store waits for another process that writes to its file, in milliseconds.
pub const STORE_LOCK_MS: u64 = 500;
/// How long the file's log of changes may go on holding what was erased, in milliseconds.
pub const STORE_CUT_MS: u64 = 10_000;
/// How long connecting to a database server may take, in milliseconds.
pub const STORE_CONNECT_MS: u64 = 2_000;
/// How long a database server may take for one statement, or for one lock, in milliseconds.
pub const STORE_STATEMENT_MS: u64 = 2_000;
/// How long a database server may leave bytes unacknowledged before its connection is given up, in milliseconds.
pub const STORE_SILENCE_MS: u64 = 5_000;
/// Shortest and longest pause before a lost database server is tried again, in milliseconds.
pub const STORE_RECONNECT_MS: [u64; 2] = [100, 5_000];
/// How long erasing may go on when the store is to end, in milliseconds; what is left then is erased after the next start.
pub const STORE_FINISH_MS: u64 = 2_000;
/// Passwords that may wait to be hashed.
pub const HASHES_MAX: usize = 32;

/// How long it is remembered that a private room has ended, in milliseconds.
pub const ENDED_ROOM_MS: u64 = 7 * 86_400_000;
/// Private rooms of one person at the same time.
pub const PRIVATE_ROOMS_PER_PERSON_MAX: u32 = 200;
/// What somebody calls a private room, in Unicode code points.
pub const LABEL_CHARS_MAX: usize = 64;
/// An emoji put to a message, in bytes.
pub const EMOJI_BYTES_MAX: usize = 32;
/// Messages in one page of a private room's history at most.
pub const PAGE_MESSAGES_MAX: u32 = 200;
/// How long somebody waits in the pool without being seen, in milliseconds.
pub const POOL_UNSEEN_MS: u64 = 30_000;
/// Shortest time between two rounds that tell how many people are here, in milliseconds.
pub const COUNT_MS: u64 = 5_000;
/// Questions to the store that one socket may wait for before reading from it rests, and how many it may still wait for
/// when reading goes on.
pub const ASKS_PER_SOCKET_MAX: usize = 64;
/// See [`ASKS_PER_SOCKET_MAX`].
pub const ASKS_PER_SOCKET_LOW: usize = 16;
/// How often the store is asked whether a room has ended, at least, in milliseconds.
pub const EXPIRY_CHECK_MS: u64 = 60_000;
/// After how long something that the store could not do is tried again, in milliseconds.
pub const STORE_RETRY_MS: u64 = 1_000;
/// How long somebody's budgets are remembered after their last socket has closed, in milliseconds.
pub const BUDGET_MS: u64 = 60_000;

/// Addresses whose use is remembered.
pub const ADDRESSES_MAX: usize = 100_000;
/// What an IPv6 /48 may do, in what one address may.
pub const NETWORK_SHARES: u32 = 8;
/// Letters from other threads that may wait for the loop.
pub const MAILBOX_LETTERS: usize = 1024;

// What one turn takes of a connection grows by at most an envelope for each frame, or by sixfold where text is escaped,
// so a lane that was just under its high-water mark stays below the maximum even if its feeder is paused only
// after the read. A message may have begun in earlier reads.
const _: () =
    assert!(QUEUE_HIGH_BYTES + 6 * READ_BYTES + (MESSAGE_BYTES_MAX as usize) < QUEUE_MAX_BYTES);
const _: () = assert!(QUEUE_LOW_BYTES < QUEUE_HIGH_BYTES);
const _: () = assert!(HEAD_BYTES_MAX <= READ_BYTES);
const _: () = assert!(OVERFLOW_CONNECTIONS < RESERVED_DESCRIPTORS);
const _: () = assert!(OVERFLOW_HEAD_MS < HEAD_MS);
const _: () = assert!(ASK_MS + HASH_MS + ASK_MS < ANSWER_MS);
const _: () = assert!(ASKS_PER_SOCKET_LOW < ASKS_PER_SOCKET_MAX);
const _: () = assert!(PONG_MS < PING_BRISK_MS && PING_BRISK_MS < PING_CALM_MS);
const _: () = assert!(PROBE_DEPTH > RECENT_PARTNERS_MAX);
// Whoever is given a piece has less queued than the high-water mark, and a round may come in the same turn.
const _: () = assert!(
    QUEUE_HIGH_BYTES + PIECE_BYTES + ROUND_BYTES + 2 * (MESSAGE_BYTES_MAX as usize)
        < QUEUE_MAX_BYTES
);
const _: () = assert!(LISTING_BYTES_MAX + QUEUE_HIGH_BYTES < QUEUE_MAX_BYTES);
const _: () = assert!(ROOM_TYPING_BYTES < ROUND_BYTES && ROUND_BYTES < ROOM_BACKLOG_BYTES);
const _: () = assert!(TEXT_CHARS_MAX * 12 + 1024 < MESSAGE_BYTES_MAX as usize);
