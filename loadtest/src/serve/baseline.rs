//! The baseline: the chat as it is usually written in Rust today, with axum on one tokio thread.
//!
//! Serde structs for the protocol, a lobby behind a mutex, one channel and one task per client, and a flush only when
//! the channel has run empty. Nothing is made slower on purpose.

use std::{
    collections::{HashMap, VecDeque},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    extract::{
        State,
        ws::{Message, WebSocket, WebSocketUpgrade},
    },
    response::Response,
    routing::get,
    serve::ListenerExt,
};
use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{self, Receiver, Sender};
use uuid::Uuid;

/// Messages that may wait for one client.
const CHANNEL_MAX: usize = 1024;

/// What a client may say.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "camelCase")]
enum Command {
    FindMatch,
    NextStranger,
    StopChat,
    Typing { active: Option<bool> },
    SendMessage { text: String },
}

/// What a client is told.
#[derive(Serialize)]
#[serde(
    tag = "type",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
enum Event<'a> {
    Searching,
    StrangerJoined {
        pair_id: Uuid,
        mode: &'static str,
        interests: [&'a str; 0],
        initiator: bool,
    },
    StrangerLeft {
        pair_id: Uuid,
        reason: &'static str,
    },
    Typing {
        pair_id: Uuid,
        active: bool,
    },
    Message {
        text: &'a str,
        user_id: Uuid,
        pair_id: Uuid,
        timestamp: String,
        id: Uuid,
    },
    Error {
        code: &'static str,
        message: &'a str,
    },
}

struct Client {
    outbox: Sender<Message>,
    chat: Option<Chat>,
}

#[derive(Clone, Copy)]
struct Chat {
    pair: Uuid,
    partner: Uuid,
}

#[derive(Default)]
struct Lobby {
    clients: HashMap<Uuid, Client>,
    waiting: VecDeque<Uuid>,
}

type Shared = Arc<Mutex<Lobby>>;

/// Serves until killed.
pub(crate) fn serve(listen: SocketAddr, read_buffer: usize) -> io::Result<()> {
    tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?
        .block_on(async {
            let listener = tokio::net::TcpListener::from_std(super::room::listen(listen)?)?;
            super::announce("baseline", listener.local_addr()?)?;
            let listener = listener.tap_io(|stream| {
                // Without it, small messages would wait for the peer's acknowledgements.
                let _ = stream.set_nodelay(true);
            });
            let app = Router::new()
                .route("/ws", get(upgrade))
                .with_state((Shared::default(), read_buffer));
            axum::serve(listener, app).await
        })
}

async fn upgrade(
    State((lobby, read_buffer)): State<(Shared, usize)>,
    upgrade: WebSocketUpgrade,
) -> Response {
    upgrade
        .read_buffer_size(read_buffer)
        .on_upgrade(|socket| converse(socket, lobby))
}

async fn converse(socket: WebSocket, lobby: Shared) {
    let me = Uuid::new_v4();
    let (outbox, inbox) = mpsc::channel(CHANNEL_MAX);
    let (sink, mut stream) = socket.split();
    lock(&lobby).clients.insert(
        me,
        Client {
            outbox: outbox.clone(),
            chat: None,
        },
    );
    tokio::spawn(deliver(sink, inbox));
    while let Some(Ok(message)) = stream.next().await {
        match message {
            Message::Text(text) => lock(&lobby).command(me, &text),
            Message::Close(_) => {
                // Makes the other task flush the answer, which is queued already.
                let _ = outbox.try_send(Message::Close(None));
                break;
            }
            _ => {}
        }
    }
    let mut lobby = lock(&lobby);
    lobby.part(me, "disconnected");
    lobby.clients.remove(&me);
}

/// Writes what waits and flushes when nothing more does.
async fn deliver(mut sink: SplitSink<WebSocket, Message>, mut inbox: Receiver<Message>) {
    while let Some(message) = inbox.recv().await {
        if sink.feed(message).await.is_err() {
            return;
        }
        while let Ok(message) = inbox.try_recv() {
            if sink.feed(message).await.is_err() {
                return;
            }
        }
        if sink.flush().await.is_err() {
            return;
        }
    }
}

fn lock(lobby: &Shared) -> MutexGuard<'_, Lobby> {
    lobby.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Lobby {
    fn command(&mut self, me: Uuid, text: &str) {
        match serde_json::from_str(text) {
            Ok(Command::FindMatch) if self.chat(me).is_some() => {
                self.refuse(me, "bad_state", "You are in a chat.")
            }
            Ok(Command::FindMatch) => self.find(me),
            Ok(Command::NextStranger) => {
                self.part(me, "next");
                self.find(me);
            }
            Ok(Command::StopChat) => self.part(me, "stop"),
            Ok(Command::Typing { active }) => {
                if let Some(chat) = self.chat(me) {
                    let event = Event::Typing {
                        pair_id: chat.pair,
                        active: active.unwrap_or(true),
                    };
                    self.tell(chat.partner, &event);
                }
            }
            Ok(Command::SendMessage { text }) => match self.chat(me) {
                Some(chat) => {
                    let timestamp = format!("{:.3}", jiff::Timestamp::now());
                    let (user_id, pair_id, id) = (me, chat.pair, Uuid::new_v4());
                    self.tell(
                        chat.partner,
                        &Event::Message {
                            text: &text,
                            user_id,
                            pair_id,
                            timestamp,
                            id,
                        },
                    );
                }
                None => self.refuse(me, "bad_state", "You have no partner."),
            },
            Err(_) => self.refuse(me, "bad_json", "This is no command."),
        }
    }

    fn find(&mut self, me: Uuid) {
        if self.waiting.contains(&me) {
            self.tell(me, &Event::Searching);
            return;
        }
        let Some(partner) = self.waiting.pop_front() else {
            self.waiting.push_back(me);
            self.tell(me, &Event::Searching);
            return;
        };
        let pair_id = Uuid::new_v4();
        for (one, other, initiator) in [(partner, me, true), (me, partner, false)] {
            if let Some(client) = self.clients.get_mut(&one) {
                client.chat = Some(Chat {
                    pair: pair_id,
                    partner: other,
                });
            }
            self.tell(
                one,
                &Event::StrangerJoined {
                    pair_id,
                    mode: "text",
                    interests: [],
                    initiator,
                },
            );
        }
    }

    /// Leaves the queue and the chat.
    fn part(&mut self, me: Uuid, reason: &'static str) {
        self.waiting.retain(|waiting| *waiting != me);
        let Some(chat) = self
            .clients
            .get_mut(&me)
            .and_then(|client| client.chat.take())
        else {
            return;
        };
        if let Some(partner) = self.clients.get_mut(&chat.partner) {
            partner.chat = None;
        }
        self.tell(
            chat.partner,
            &Event::StrangerLeft {
                pair_id: chat.pair,
                reason,
            },
        );
    }

    fn chat(&self, me: Uuid) -> Option<Chat> {
        self.clients.get(&me)?.chat
    }

    fn refuse(&self, me: Uuid, code: &'static str, message: &str) {
        self.tell(me, &Event::Error { code, message });
    }

    /// Dropped when the client is too slow to keep up.
    fn tell(&self, who: Uuid, event: &Event<'_>) {
        if let Some(client) = self.clients.get(&who)
            && let Ok(json) = serde_json::to_string(event)
        {
            let _ = client.outbox.try_send(Message::Text(json.into()));
        }
    }
}
