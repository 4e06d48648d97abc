//! Raw sockets: bytes out, bytes in.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::PATIENCE;
use super::client::is_timeout;

/// A handshake for `target`, without the last empty line.
pub fn handshake(target: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
}

/// A masked frame with this first byte.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = header(first, payload.len() as u64);
    let mask = [0x12, 0x34, 0x56, 0x78];
    bytes.extend(
        payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, key)| byte ^ key),
    );
    bytes
}

/// The header of a masked frame, which announces so many bytes in the shortest form.
pub fn header(first: u8, len: u64) -> Vec<u8> {
    let mut bytes = vec![first];
    match len {
        0..=125 => bytes.push(0x80 | len as u8),
        126..=0xffff => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(len as u16).to_be_bytes());
        }
        _ => {
            bytes.push(0x80 | 127);
            bytes.extend_from_slice(&len.to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0x12, 0x34, 0x56, 0x78]);
    bytes
}

/// A masked text frame.
pub fn text(text: &str) -> Vec<u8> {
    frame(0x81, text.as_bytes())
}

/// The payload of a Close frame.
pub fn close_payload(code: u16, reason: &str) -> Vec<u8> {
    [&code.to_be_bytes(), reason.as_bytes()].concat()
}

/// A connection.
pub struct Raw {
    pub stream: TcpStream,
    /// What came and was not looked at.
    input: Vec<u8>,
}

/// An HTTP response.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub fields: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Response {
    /// The value of the only field of this name.
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut values = self
            .fields
            .iter()
            .filter(|(field, _)| field.eq_ignore_ascii_case(name));
        let value = values.next();
        assert!(values.next().is_none(), "{name} twice");
        value.map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("UTF-8")
    }

    /// The sentence in `{"error": "..."}`.
    pub fn error(&self) -> String {
        let value: serde_json::Value = serde_json::from_slice(&self.body).expect("JSON");
        value["error"].as_str().expect("an error").to_owned()
    }
}

/// A frame from the server.
#[derive(Debug, PartialEq, Eq)]
pub struct Frame {
    pub opcode: u8,
    pub payload: Vec<u8>,
}

impl Raw {
    pub fn connect(address: SocketAddr) -> Self {
        Self::on(TcpStream::connect(address).expect("connected"))
    }

    /// Connects from another address of this machine.
    pub fn connect_from(source: IpAddr, address: SocketAddr) -> Self {
        Self::on(tcp_from(source, address))
    }

    pub fn on(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("an option");
        stream.set_read_timeout(Some(PATIENCE)).expect("an option");
        stream.set_write_timeout(Some(PATIENCE)).expect("an option");
        Self {
            stream,
            input: Vec::new(),
        }
    }

    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("sent");
    }

    /// Sends as much as the server takes; it may have hung up.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())
    }

    /// Becomes a WebSocket.
    pub fn upgrade(&mut self, target: &str) {
        self.send(format!("{}\r\n", handshake(target)));
        let response = self.response();
        assert_eq!(response.status, 101, "{}", response.text());
    }

    /// Reads more; `false` at the end of the stream, whether it came in order or not.
    fn more(&mut self) -> bool {
        let mut buffer = [0; 64 * 1024];
        match self.stream.read(&mut buffer) {
            Ok(count) => {
                self.input.extend_from_slice(&buffer[..count]);
                count > 0
            }
            Err(error) if is_timeout(&error) => panic!("nothing came in time"),
            Err(_) => false,
        }
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        while self.input.len() < count {
            assert!(
                self.more(),
                "the connection ended early: {:?}",
                self.input.escape_ascii().to_string()
            );
        }
        self.input.drain(..count).collect()
    }

    /// The next response.
    pub fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// The next response, to a request with this method.
    pub fn response_to(&mut self, method: &str) -> Response {
        let end = loop {
            let end = self
                .input
                .windows(4)
                .position(|window| window == b"\r\n\r\n");
            if let Some(end) = end {
                break end + 4;
            }
            assert!(self.more(), "the connection ended without a response");
        };
        let head = String::from_utf8(self.take(end)).expect("UTF-8");
        let mut lines = head.trim_end().split("\r\n");
        let status = lines.next().expect("a status line");
        let status = status.strip_prefix("HTTP/1.1 ").expect("HTTP/1.1");
        let status = status
            .split(' ')
            .next()
            .and_then(|code| code.parse().ok())
            .expect("a code");
        let fields: Vec<(String, String)> = lines
            .map(|line| {
                let (name, value) = line.split_once(": ").expect("a field");
                (name.to_owned(), value.to_owned())
            })
            .collect();
        let mut response = Response {
            status,
            fields,
            body: Vec::new(),
        };
        let length = response
            .field("content-length")
            .map(|value| value.parse().expect("a number"));
        let is_bodiless = method == "HEAD" || status == 101 || status == 204 || status == 100;
        match length {
            Some(length) if !is_bodiless => response.body = self.take(length),
            None if !is_bodiless => panic!("{status} without Content-Length"),
            _ => {}
        }
        response
    }

    /// The next frame, which must be whole and unmasked.
    pub fn frame(&mut self) -> Frame {
        let head = self.take(2);
        assert_eq!(head[0] & 0xf0, 0x80, "server frames are whole and plain");
        let len = match head[1] {
            126 => u16::from_be_bytes(self.take(2).try_into().expect("two")) as usize,
            127 => u64::from_be_bytes(self.take(8).try_into().expect("eight")) as usize,
            len => {
                assert!(len < 126, "server frames are not masked");
                usize::from(len)
            }
        };
        Frame {
            opcode: head[0] & 0x0f,
            payload: self.take(len),
        }
    }

    /// The text of the next frame.
    pub fn text(&mut self) -> String {
        let frame = self.frame();
        assert_eq!(frame.opcode, 1, "{frame:?}");
        String::from_utf8(frame.payload).expect("UTF-8")
    }

    /// The code and reason of the Close frame that must come now.
    pub fn close_frame(&mut self) -> (u16, String) {
        let frame = self.frame();
        assert_eq!(frame.opcode, 8, "{frame:?}");
        let (code, reason) = frame.payload.split_first_chunk::<2>().expect("a code");
        let reason = String::from_utf8(reason.to_vec()).expect("UTF-8");
        (u16::from_be_bytes(*code), reason)
    }

    /// The server hangs up, and says nothing more; says how long that took.
    pub fn expect_end(&mut self) -> Duration {
        let start = Instant::now();
        while self.more() {}
        let rest = self.input.escape_ascii().to_string();
        assert!(
            self.input.is_empty(),
            "nothing should have followed: {rest}"
        );
        start.elapsed()
    }

    /// Everything until the end.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.more() {}
        std::mem::take(&mut self.input)
    }

    /// Whether nothing at all comes for a while.
    pub fn is_quiet(&mut self, time: Duration) -> bool {
        self.stream.set_read_timeout(Some(time)).expect("an option");
        let outcome = self.stream.read(&mut [0; 1]);
        self.stream
            .set_read_timeout(Some(PATIENCE))
            .expect("an option");
        self.input.is_empty() && matches!(outcome, Err(error) if is_timeout(&error))
    }

    /// Sends FIN, and listens on.
    pub fn send_end(&self) {
        self.stream.shutdown(Shutdown::Write).expect("shut down");
    }
}

/// A TCP connection from another address of this machine.
pub fn tcp_from(source: IpAddr, address: SocketAddr) -> TcpStream {
    use socket2::{Domain, Socket, Type};
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).expect("a socket");
    socket
        .bind(&SocketAddr::new(source, 0).into())
        .expect("bound");
    socket.connect(&address.into()).expect("connected");
    socket.into()
}
