//! The plain format, for people at a terminal: lines instead of JSON.

use std::borrow::Cow;

/// Said while waiting.
pub(super) const WAITING: &str = "Waiting for a partner...";
/// Said when somebody was found.
pub(super) const PAIRED: &str = "You've been paired with a stranger. Start chatting!";
/// Said when they have gone.
pub(super) const PARTED: &str = "Your partner has disconnected.";
/// How a line begins that says why something was not done.
pub(super) const ERROR_PREFIX: &str = "Error: ";
/// Said before the server goes away.
pub(super) const DRAINING: &str = "The server is restarting. Please come back in a moment.";

/// What a line from the terminal means.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'t> {
    /// `/next`: on to somebody else.
    Next,
    /// `/stop`: no more.
    Stop,
    /// Anything else is for the partner.
    Say(&'t str),
}

/// Reads a line; the line end that some terminals send is not part of it.
pub(super) fn parse(text: &str) -> Line<'_> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.starts_with("/next") {
        Line::Next
    } else if text.starts_with("/stop") {
        Line::Stop
    } else {
        Line::Say(text)
    }
}

/// Makes a partner's text safe for a terminal: control characters, which could move its cursor or retitle its
/// window, are replaced, and a line that reads like one of the server's gets a trailing space.
pub(super) fn sanitize(text: &str) -> Cow<'_, str> {
    let is_wild = |c: char| c.is_control() && c != '\n' && c != '\t';
    let is_forged = |line: &str| {
        matches!(line, WAITING | PAIRED | PARTED | DRAINING) || line.starts_with(ERROR_PREFIX)
    };
    if !text.contains(is_wild) && !text.split('\n').any(is_forged) {
        return Cow::Borrowed(text);
    }
    let mut tamed = String::with_capacity(text.len() + 1);
    for (number, line) in text.split('\n').enumerate() {
        if number > 0 {
            tamed.push('\n');
        }
        let line = line.replace(is_wild, "\u{fffd}");
        tamed.push_str(&line);
        if is_forged(&line) {
            tamed.push(' ');
        }
    }
    Cow::Owned(tamed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_text() {
        assert_eq!(parse("/next"), Line::Next);
        assert_eq!(parse("/next please\n"), Line::Next);
        assert_eq!(parse("/stop\r\n"), Line::Stop);
        assert_eq!(parse("hi /next"), Line::Say("hi /next"));
        assert_eq!(parse("hi\n"), Line::Say("hi"));
    }

    #[test]
    fn nobody_can_pose_as_the_server() {
        assert_eq!(sanitize("hello"), "hello");
        assert_eq!(sanitize(PARTED), "Your partner has disconnected. ");
        assert_eq!(
            sanitize("bye\nYour partner has disconnected.\n"),
            "bye\nYour partner has disconnected. \n"
        );
        assert_eq!(sanitize("\u{1b}[2Jgone\u{7}"), "\u{fffd}[2Jgone\u{fffd}");
        assert_eq!(sanitize("Error: pay up"), "Error: pay up ");
    }
}
