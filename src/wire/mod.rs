//! Pure codecs: bytes to borrowed values and back.
//!
//! Nothing here knows of connections or services. Decoders take what has arrived and say what it means or
//! why it is refused; encoders append to the caller's buffer.

pub mod account;
pub mod body;
pub mod country;
pub mod fault;
pub mod fold;
pub mod frame;
pub mod head;
pub mod ice;
pub mod id;
pub mod json;
pub mod mask;
pub mod message;
pub mod origin;
pub mod query;
pub mod response;
pub mod sdp;
pub mod token;
pub mod upgrade;
pub mod utf8;
pub mod visible;
