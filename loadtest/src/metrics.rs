//! What the server says of itself at `/metrics`.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// The server answers within this time, however busy it is.
const PATIENCE: Duration = Duration::from_secs(10);

/// One look at every counter, gauge and bucket.
#[derive(Debug, Clone)]
pub(crate) struct Metrics {
    text: String,
}

impl Metrics {
    /// Asks once, on a connection of its own. Nothing when the server has no metrics.
    pub(crate) fn read(target: SocketAddr) -> Option<Self> {
        let text = fetch(target).ok()?;
        Some(Self { text })
    }

    /// The value of the line called `name`, labels included.
    pub(crate) fn value(&self, name: &str) -> Option<f64> {
        let mut lines = self.text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        value.trim().parse().ok()
    }

    /// How much more the line called `name` says than it did `before`.
    pub(crate) fn since(&self, before: &Self, name: &str) -> Option<f64> {
        Some(self.value(name)? - before.value(name)?)
    }
}

fn fetch(target: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&target, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    // What has none may answer otherwise and not hang up.
    let mut status = [0; b"HTTP/1.1 200 ".len()];
    stream.read_exact(&mut status)?;
    if &status != b"HTTP/1.1 200 " {
        return Err(io::Error::other("no metrics"));
    }
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_found_by_their_whole_name() {
        let look = |text: &str| Metrics { text: text.into() };
        let before = look("turns 1\nturn_bucket{le=\"0.005\"} 7\nturn 4\n");
        assert_eq!(before.value("turn"), Some(4.0));
        assert_eq!(before.value("turn_bucket{le=\"0.005\"}"), Some(7.0));
        assert_eq!(before.value("tur"), None);
        assert_eq!(look("turn 9.5\n").since(&before, "turn"), Some(5.5));
    }
}
