//! The rare things a turn decides on, as values: what the layers above ask of the layers below.

use super::id::ConnId;
use super::stats::CloseCause;

/// What a service asks of the connection layer. Performed in order at the end of the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Say goodbye with this status code and reason, and hang up.
    Close {
        /// Whom.
        conn: ConnId,
        /// The WebSocket close code (RFC 6455 section 7.4, or 4000-4999).
        code: u16,
        /// At most 123 bytes for the peer to read.
        reason: &'static str,
        /// What it is counted as.
        cause: CloseCause,
    },
    /// Stop reading from this connection: what it feeds is over its high-water mark.
    Pause(ConnId),
    /// Read from it again.
    Resume(ConnId),
    /// Ping it at the brisk pace of a conversation (`true`) or at the calm one.
    Pace(ConnId, bool),
}

/// What the connection layer asks of the sockets. Performed in order at the end of the turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketOp {
    /// Read again even though no readiness event will say so.
    Read(ConnId),
    /// Flush, send FIN, let the peer finish, close.
    Finish(ConnId),
    /// Flush and close: the peer has said goodbye, and nothing more is to come from it.
    Close(ConnId),
    /// Close now, whatever is queued.
    Drop(ConnId),
}
