//! Passerby: one binary in which strangers meet.
