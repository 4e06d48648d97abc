//! Pure policy: what the server does for people. One module for each service; siblings never know of each
//! other, and what they share is a table in [`crate::kernel`] or a codec in [`crate::wire`].

pub mod account;
pub mod manual;
pub mod ops;
pub mod rooms;
pub mod stranger;
pub mod web;
