//! Accounts, and the private rooms between them, by plain requests.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use crate::fleet::frame::string_field;

/// The server answers within this time, however busy it is.
const PATIENCE: Duration = Duration::from_secs(30);
/// The password of every account.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Somebody with an account.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) email: String,
    pub(crate) token: String,
}

/// What came back.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A request, on a connection of its own.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Call<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) token: Option<&'a str>,
    pub(crate) body: &'a str,
    /// The address that it is made for, if the server believes us.
    pub(crate) client: Option<&'a str>,
}

impl Call<'_> {
    /// Asks and waits for the answer.
    pub(crate) fn make(&self, target: SocketAddr) -> io::Result<Answer> {
        let stream = self.send(target)?;
        read_answer(stream)
    }

    /// Asks, and leaves the answer to be read by [`read_answer`].
    pub(crate) fn send(&self, target: SocketAddr) -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect_timeout(&target, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(self.text(target).as_bytes())?;
        Ok(stream)
    }

    fn text(&self, target: SocketAddr) -> String {
        let Self {
            method, path, body, ..
        } = self;
        let mut text =
            format!("{method} {path} HTTP/1.1\r\nHost: {target}\r\nConnection: close\r\n");
        if let Some(token) = self.token {
            text += &format!("Authorization: Bearer {token}\r\n");
        }
        if let Some(client) = self.client {
            text += &format!("X-Forwarded-For: {client}\r\n");
        }
        if *method != "GET" {
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        text + "\r\n" + body
    }
}

/// Reads what was answered, to the end of the connection.
pub(crate) fn read_answer(mut stream: TcpStream) -> io::Result<Answer> {
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let bad = || io::Error::other("that is no HTTP answer");
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(bad)?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    Ok(Answer {
        status: status.ok_or_else(bad)?,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}

/// An address among 2^16 that nobody has.
pub(crate) fn client(number: usize) -> String {
    format!("10.77.{}.{}", number / 256 % 256, number % 256)
}

/// Logs in, or tries to.
pub(crate) fn login(identifier: &str, password: &str) -> String {
    format!(r#"{{"identifier":"{identifier}","password":"{password}"}}"#)
}

/// Makes accounts, one after the other.
pub(crate) fn register(target: SocketAddr, count: u32) -> io::Result<Vec<Account>> {
    let run = uuid::Uuid::new_v4().simple().to_string();
    (0..count)
        .map(|number| {
            let email = format!("{run}.{number}@example.org");
            let body = format!(
                r#"{{"pseudo":"{}-{number}","email":"{email}","country":"FR","password":"{PASSWORD}"}}"#,
                &run[..16]
            );
            let call = Call {
                method: "POST",
                path: "/auth/register",
                body: &body,
                ..Call::default()
            };
            let token = wanted(&call.make(target)?, 201, "token")?;
            Ok(Account { email, token })
        })
        .collect()
}

/// Opens a room between two people: the first waits for the second.
pub(crate) fn open_room(target: SocketAddr, one: &Account, other: &Account) -> io::Result<String> {
    let join = |account: &Account| {
        let call = Call {
            method: "POST",
            path: "/pool/join",
            token: Some(&account.token),
            ..Call::default()
        };
        call.make(target)
    };
    wanted(&join(one)?, 202, "message")?;
    wanted(&join(other)?, 201, "room_id")
}

/// A field of an answer that must have this status.
fn wanted(answer: &Answer, status: u16, field: &str) -> io::Result<String> {
    let value = string_field(answer.body.as_bytes(), field);
    match value.filter(|_| answer.status == status) {
        Some(value) => Ok(String::from_utf8_lossy(value).into_owned()),
        None => Err(io::Error::other(format!(
            "wanted {status} with {field}, got {} {}",
            answer.status, answer.body
        ))),
    }
}
