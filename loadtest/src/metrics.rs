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

    /// The lowest bound of the histogram called `name` under which `percent` of what came after `before` lies.
    pub(crate) fn percentile_at_most(
        &self,
        before: &Self,
        name: &str,
        percent: f64,
    ) -> Option<f64> {
        let all = self.since(before, &format!("{name}_count"))?;
        let start = format!("{name}_bucket{{le=\"");
        self.text.lines().find_map(|line| {
            let (bound, _) = line.strip_prefix(&start)?.split_once('"')?;
            let below = self.since(before, &format!("{start}{bound}\"}}"))?;
            let bound = bound.parse::<f64>().ok()?;
            (below >= all * percent / 100.0).then_some(bound)
        })
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
        let histogram = |low, all| {
            look(&format!(
                "t_count {all}\nt_bucket{{le=\"1.0\"}} {low}\nt_bucket{{le=\"+Inf\"}} {all}\n"
            ))
        };
        let (then, now) = (histogram(0, 10), histogram(99, 110));
        assert_eq!(now.percentile_at_most(&then, "t", 99.0), Some(1.0));
        assert_eq!(
            now.percentile_at_most(&then, "t", 99.5),
            Some(f64::INFINITY)
        );
    }
}
