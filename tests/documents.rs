//! The documents that describe the server say what it does: the same routes and methods, the same messages, and
//! examples that work.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use passerby::app::ROUTES;
use serde_json::{Value, json};
use support::{Client, Member, Response, Server};
use tungstenite::Message;

const NOBODY: &str = "6f0c3a52-0000-4000-8000-000000000000";

fn document(server: &Server, target: &str) -> Value {
    let response = server.get(target);
    assert_eq!(response.field("content-type"), Some("application/yaml"));
    serde_yaml_ng::from_slice(&response.body).expect("YAML")
}

/// What a reference in `root` stands for, or the value itself.
fn resolve<'v>(root: &'v Value, value: &'v Value) -> &'v Value {
    match value["$ref"].as_str() {
        Some(path) => {
            let path = path.strip_prefix('#').expect("a local reference");
            let found = root.pointer(path).unwrap_or_else(|| panic!("no {path}"));
            resolve(root, found)
        }
        None => value,
    }
}

/// Checks `value` against the part of JSON Schema that the documents use; other keywords are not allowed.
fn check(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let schema = resolve(root, schema);
    let fault = |what: &str| Err(format!("{value} is not {what}: {schema}"));
    for (keyword, wanted) in schema.as_object().expect("a schema") {
        let holds = match keyword.as_str() {
            "type" => match wanted.as_str().expect("a type") {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "boolean" => value.is_boolean(),
                "integer" => value.is_i64() || value.is_u64(),
                other => panic!("the type {other}"),
            },
            "const" => value == wanted,
            "enum" => wanted.as_array().expect("a list").contains(value),
            "required" => wanted
                .as_array()
                .expect("a list")
                .iter()
                .all(|name| value.get(name.as_str().expect("a name")).is_some()),
            "properties" => {
                for (name, schema) in wanted.as_object().expect("properties") {
                    if let Some(value) = value.get(name) {
                        check(root, schema, value)?;
                    }
                }
                true
            }
            "additionalProperties" => {
                assert_eq!(wanted, false);
                let fields = value.as_object().expect("an object");
                fields
                    .keys()
                    .all(|name| schema["properties"].get(name).is_some())
            }
            "items" => {
                for item in value.as_array().expect("a list") {
                    check(root, wanted, item)?;
                }
                true
            }
            "format" => {
                let text = value.as_str().unwrap_or_default();
                match wanted.as_str().expect("a format") {
                    "uuid" => uuid::Uuid::try_parse(text).is_ok(),
                    "date-time" => text.parse::<jiff::Timestamp>().is_ok(),
                    other => panic!("the format {other}"),
                }
            }
            "minimum" => value.as_u64() >= wanted.as_u64(),
            "minLength" => value.as_str().map_or(0, str::len) as u64 >= wanted.as_u64().unwrap(),
            "maxLength" => {
                value.as_str().map_or(0, |text| text.chars().count()) as u64
                    <= wanted.as_u64().unwrap()
            }
            "maxItems" => value.as_array().map_or(0, Vec::len) as u64 <= wanted.as_u64().unwrap(),
            "description" | "default" => true,
            other => panic!("the keyword {other}"),
        };
        if !holds {
            return fault(keyword);
        }
    }
    Ok(())
}

#[test]
fn the_document_and_the_router_have_the_same_routes() {
    let server = Server::plain();
    let api = document(&server, "/openapi.yaml");
    assert!(
        api["openapi"]
            .as_str()
            .expect("a version")
            .starts_with("3.1")
    );
    let documented: BTreeSet<(String, String)> = api["paths"]
        .as_object()
        .expect("paths")
        .iter()
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods");
            methods
                .keys()
                .map(|method| (path.clone(), method.to_uppercase()))
        })
        .collect();
    let routed: BTreeSet<(String, String)> = ROUTES
        .iter()
        .flat_map(|route| {
            route
                .allow
                .split(", ")
                // These two follow from the others, as the document says.
                .filter(|method| !["HEAD", "OPTIONS"].contains(method))
                .map(|method| (route.path.to_owned(), method.to_owned()))
        })
        .collect();
    assert_eq!(documented, routed);
    for route in ROUTES {
        assert!(route.allow.ends_with("OPTIONS"), "{}", route.path);
        let is_socket = route.path.ends_with("/ws") || route.path.starts_with("/ws/");
        let has = |method: &str| route.allow.split(", ").any(|allowed| allowed == method);
        assert_eq!(has("HEAD"), has("GET") && !is_socket, "{}", route.path);
    }
}

/// Makes the request that an operation documents, with the examples of its parameters.
fn request(server: &Server, path: &str, method: &str, operation: &Value, bearer: &str) -> Response {
    let mut target = path.to_owned();
    let mut query = Vec::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().expect("a name");
        let Some(example) = parameter.get("example") else {
            continue;
        };
        let example = example.as_str().map_or(example.to_string(), str::to_owned);
        match parameter["in"].as_str() {
            Some("path") => target = target.replace(&format!("{{{name}}}"), &example),
            _ => query.push(format!("{name}={example}")),
        }
    }
    if !query.is_empty() {
        target = format!("{target}?{}", query.join("&"));
    }
    let mut raw = server.raw();
    if operation["responses"].get("101").is_some() {
        raw.send(format!("{}\r\n", support::raw::handshake(&target)));
        return raw.response();
    }
    let body = &operation["requestBody"]["content"]["application/json"]["example"];
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let length = body.len();
    let method = method.to_uppercase();
    raw.send(format!("{method} {target} HTTP/1.1\r\nHost: test\r\n{bearer}Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"));
    raw.response_to(&method)
}

/// The path of an operation, with a private room or a message in it that is there, if it needs one.
fn actual(server: &Server, path: &str, operation: &Value, people: &[Member; 2]) -> String {
    let needs_message = path.starts_with("/messages/");
    if !path.contains("{room_id}") && !needs_message {
        return match operation["operationId"].as_str() {
            Some("openNotifications") => format!("{path}?token={}", people[0].token),
            _ => path.to_owned(),
        };
    }
    let room = server.match_up(&people[1], &people[0]);
    let mut member = server.member_at(&room, &people[1]);
    member.say(json!({ "type": "message", "content": "hi" }));
    let message = member.expect("message_ack")["id"].clone();
    let message = message.as_str().expect("an id");
    let path = path.replace("{room_id}", &room);
    match path.strip_prefix("/ws/") {
        Some(_) => format!("{path}?token={}", people[0].token),
        None => path.replace("{id}", message),
    }
}

#[test]
fn requests_are_answered_as_documented() {
    let server = Server::plain();
    let api = document(&server, "/openapi.yaml");
    // Somebody is there, so that no list is empty.
    let mut alice = server.client_at("/api/ws?user_id=a&username=A");
    alice.say(json!({ "type": "join_room", "content": "general" }));
    alice.say(json!({ "type": "text", "content": "hi", "room": "general", "cid": "1" }));
    while alice.hear()["type"] != "text" {}
    // And a video pair, so that there is a key for its servers.
    let mut callers = [server.client(), server.client()];
    let video = json!({ "type": "findMatch", "mode": "video" });
    callers[0].say(video.clone());
    callers[0].expect("searching");
    callers[1].say(video);
    let joined = callers[1].expect("strangerJoined");
    let key = joined["iceKey"].as_str().expect("a key");
    let key_field = format!("Authorization: Bearer {key}\r\n");
    let people = [server.register("grace", "FR"), server.register("tim", "FR")];
    let token = people[0].token.as_str();
    for (path, methods) in api["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let security = operation["security"].to_string();
            let bearer = if security.contains("iceKey") {
                key_field.clone()
            } else if security.contains("account") {
                format!("Authorization: Bearer {token}\r\n")
            } else {
                String::new()
            };
            let target = actual(&server, path, operation, &people);
            let response = request(&server, &target, method, operation, &bearer);
            let status = response.status.to_string();
            let documented = operation["responses"]
                .get(&status)
                .unwrap_or_else(|| panic!("{method} {path} answers {status}"));
            assert!(status.starts_with(['1', '2']), "{method} {path}: {status}");
            let documented = resolve(&api, documented);
            let Some(content) = documented["content"].as_object() else {
                continue;
            };
            let (kind, content) = content.iter().next().expect("a type");
            let given = response.field("content-type").expect("a type");
            assert!(given.starts_with(kind.as_str()), "{path}: {given}");
            if kind == "application/json" {
                let body: Value = serde_json::from_slice(&response.body).expect("JSON");
                check(&api, &content["schema"], &body)
                    .unwrap_or_else(|fault| panic!("{path}: {fault}"));
            }
        }
    }
}

#[test]
fn each_route_has_the_refusals_that_its_kind_has() {
    let server = Server::plain();
    let api = document(&server, "/openapi.yaml");
    let ann = server.register("ann", "FR");
    let huge = "x".repeat(70_000);
    for (path, methods) in api["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            let what = format!("{method} {path}");
            let responses = operation["responses"].as_object().expect("responses");
            for (status, response) in responses {
                let is_later = matches!(status.as_str(), "429" | "503" | "507");
                let has_time = !resolve(&api, response)["headers"]["Retry-After"].is_null();
                assert_eq!(is_later, has_time, "{what}: {status}");
            }
            let has = |status: &str| responses.contains_key(status);
            if operation["security"].to_string().contains("account") {
                assert!(["401", "429", "503"].iter().all(|one| has(one)), "{what}");
            }
            if operation.get("requestBody").is_none() {
                continue;
            }
            assert!(["400", "413", "415"].iter().all(|one| has(one)), "{what}");
            let path = path.replace(['{', '}'], "");
            let method = method.to_uppercase();
            for (kind, body, status) in [
                ("application/json", huge.as_str(), 413),
                ("text/plain", "x", 415),
            ] {
                let mut raw = server.raw();
                let (token, length) = (&ann.token, body.len());
                let path = path.replace("room_id", NOBODY).replace("id", NOBODY);
                raw.send(format!("{method} {path} HTTP/1.1\r\nHost: test\r\nAuthorization: Bearer {token}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{body}"));
                assert_eq!(raw.response_to(&method).status, status, "{what}");
            }
        }
    }
}

#[test]
fn the_examples_fit_their_schemas() {
    let server = Server::plain();
    let api = document(&server, "/openapi.yaml");
    let mut checked = 0;
    let mut check_content = |content: &Value| {
        for content in content.as_object().into_iter().flat_map(|map| map.values()) {
            if let Some(example) = content.get("example") {
                check(&api, &content["schema"], example).unwrap_or_else(|fault| panic!("{fault}"));
                checked += 1;
            }
        }
    };
    for methods in api["paths"].as_object().expect("paths").values() {
        for operation in methods.as_object().expect("methods").values() {
            check_content(&operation["requestBody"]["content"]);
            for response in operation["responses"]
                .as_object()
                .expect("responses")
                .values()
            {
                check_content(&resolve(&api, response)["content"]);
            }
        }
    }
    assert!(checked >= 10, "{checked}");
    let messages = document(&server, "/asyncapi.yaml");
    for (name, message) in messages["components"]["messages"]
        .as_object()
        .expect("messages")
    {
        for example in message["examples"].as_array().expect("examples") {
            check(&messages, &message["payload"], &example["payload"])
                .unwrap_or_else(|fault| panic!("{name}: {fault}"));
        }
    }
}

#[test]
fn refusals_are_as_documented() {
    let server = Server::plain();
    let api = document(&server, "/openapi.yaml");
    let _alice = server.client_at("/api/ws?user_id=alice&username=A");
    for (method, target, body, path, status) in [
        ("GET", "/ws", "", "/ws", 400),
        ("GET", "/api/ws", "", "/api/ws", 400),
        ("GET", "/api/ice", "", "/api/ice", 401),
        ("GET", "/api/ice?key=x", "", "/api/ice", 401),
        ("POST", "/api/rooms", "{}", "/api/rooms", 400),
        (
            "GET",
            "/api/rooms/x/messages",
            "",
            "/api/rooms/{id}/messages",
            404,
        ),
        (
            "GET",
            "/api/rooms/general/messages?limit=x",
            "",
            "/api/rooms/{id}/messages",
            400,
        ),
        ("POST", "/api/messages", "{}", "/api/messages", 400),
        (
            "POST",
            "/api/messages",
            r#"{"content":"x","sender":"a","sender_id":"alice","room":"general"}"#,
            "/api/messages",
            401,
        ),
        (
            "POST",
            "/api/messages",
            r#"{"content":"x","sender":"a","sender_id":"b","room":"nowhere"}"#,
            "/api/messages",
            404,
        ),
    ] {
        let mut raw = server.raw();
        let length = body.len();
        raw.send(format!(
            "{method} {target} HTTP/1.1\r\nHost: test\r\nContent-Length: {length}\r\n\r\n{body}"
        ));
        let response = raw.response();
        assert_eq!(response.status, status, "{method} {target}");
        let operation = &api["paths"][path][method.to_lowercase()];
        let documented = resolve(&api, &operation["responses"][status.to_string()]);
        let schema = &documented["content"]["application/json"]["schema"];
        let body: Value = serde_json::from_slice(&response.body).expect("JSON");
        check(&api, schema, &body).unwrap_or_else(|fault| panic!("{target}: {fault}"));
    }
}

/// A request to one of the routes of the rooms: what it is to, where that is documented, its fields and body, and its answer.
type Provoked = (
    &'static str,
    &'static str,
    &'static str,
    String,
    String,
    u16,
);

/// Makes requests in order, and notes which documented statuses they were answered with.
fn provoke(
    server: &Server,
    api: &Value,
    requests: Vec<Provoked>,
    seen: &mut BTreeMap<(String, String), BTreeSet<String>>,
) {
    for (method, target, path, fields, body, status) in requests {
        let mut raw = server.raw();
        let request = match path {
            "/api/ws" if !fields.contains("Sec-WebSocket-Version") => {
                format!("{}{fields}\r\n", support::raw::handshake(target))
            }
            _ => {
                let length = body.len();
                format!(
                    "{method} {target} HTTP/1.1\r\nHost: test\r\n{fields}Content-Length: {length}\r\n\r\n{body}"
                )
            }
        };
        raw.send(request);
        let response = raw.response();
        assert_eq!(
            response.status,
            status,
            "{method} {target} {fields}{}",
            response.text()
        );
        let operation = &api["paths"][path][method.to_lowercase()];
        let documented = &operation["responses"][status.to_string()];
        assert!(!documented.is_null(), "{method} {path} answers {status}");
        let documented = resolve(api, documented);
        if status >= 400 {
            let schema = &documented["content"]["application/json"]["schema"];
            let body: Value = serde_json::from_slice(&response.body).expect("JSON");
            check(api, schema, &body).unwrap_or_else(|fault| panic!("{target}: {fault}"));
        }
        assert_eq!(
            documented["headers"]["Retry-After"].is_null(),
            response.field("retry-after").is_none(),
            "{method} {target} {status}"
        );
        let key = (path.to_owned(), method.to_owned());
        seen.entry(key).or_default().insert(status.to_string());
    }
}

/// The routes of the rooms, with a request to each that makes sense.
fn sensible() -> Vec<(&'static str, &'static str, &'static str, &'static str)> {
    let room = r#"{"name":"Tea"}"#;
    let words = r#"{"content":"x","sender":"c","sender_id":"g","room":"general"}"#;
    vec![
        ("GET", "/api/ws?user_id=c&username=c", "/api/ws", ""),
        ("GET", "/api/rooms", "/api/rooms", ""),
        ("POST", "/api/rooms", "/api/rooms", room),
        (
            "GET",
            "/api/rooms/general/messages",
            "/api/rooms/{id}/messages",
            "",
        ),
        ("GET", "/api/users", "/api/users", ""),
        ("POST", "/api/messages", "/api/messages", words),
    ]
}

#[test]
fn the_rooms_answer_with_every_documented_status_and_no_other() {
    let mut seen = BTreeMap::new();
    let none = String::new;
    let elsewhere =
        || "X-Forwarded-For: 203.0.113.7\r\nOrigin: https://foreign.example\r\n".to_owned();
    let form = || "Content-Type: text/plain\r\n".to_owned();
    let server = Server::start(&["--trusted-proxies", "127.0.0.1", "--room-rate", "0"]);
    let api = document(&server, "/openapi.yaml");
    let mut alice = server.client_at("/api/ws?user_id=alice&username=Alice");
    let session = alice.expect("session")["token"].clone();
    let session = session.as_str().expect("a token");
    let again = format!("/api/ws?user_id=alice&username=Alice&session={session}");
    let _tabs: Vec<Client> = (1..16).map(|_| server.client_at(&again)).collect();
    let again: &'static str = again.leak();
    let said = |who: &str, room: &str, words: &str| {
        json!({ "content": words, "sender": "c", "sender_id": who, "room": room }).to_string()
    };
    let huge = json!({ "name": "x".repeat(70_000) }).to_string();
    let mut requests: Vec<Provoked> = sensible()
        .into_iter()
        .map(|(method, target, path, body)| {
            let status = match (method, path) {
                (_, "/api/ws") => 101,
                ("POST", "/api/rooms") => 201,
                _ => 200,
            };
            (method, target, path, none(), body.to_owned(), status)
        })
        .collect();
    requests.extend([
        ("GET", "/api/ws", "/api/ws", none(), none(), 400),
        ("GET", "/api/ws?user_id=b&username=b", "/api/ws", elsewhere(), none(), 403),
        ("GET", "/api/ws?user_id=alice&username=b", "/api/ws", none(), none(), 409),
        (
            "GET",
            "/api/ws?user_id=b&username=b",
            "/api/ws",
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 12\r\n".to_owned(),
            none(),
            426,
        ),
        ("GET", again, "/api/ws", none(), none(), 429),
        ("GET", "/api/rooms?limit=x", "/api/rooms", none(), none(), 400),
        ("GET", "/api/rooms?after=x", "/api/rooms", none(), none(), 404),
        ("POST", "/api/rooms", "/api/rooms", none(), "{}".into(), 400),
        ("POST", "/api/rooms", "/api/rooms", elsewhere(), r#"{"name":"x"}"#.into(), 403),
        ("POST", "/api/rooms", "/api/rooms", none(), huge.clone(), 413),
        ("POST", "/api/rooms", "/api/rooms", form(), r#"{"name":"x"}"#.into(), 415),
        ("GET", "/api/rooms/general/messages?before=x", "/api/rooms/{id}/messages", none(), none(), 400),
        ("GET", "/api/rooms/x/messages", "/api/rooms/{id}/messages", none(), none(), 404),
        ("GET", "/api/users?limit=x", "/api/users", none(), none(), 400),
        ("GET", "/api/users?room=x", "/api/users", none(), none(), 404),
        ("POST", "/api/messages", "/api/messages", none(), "{}".into(), 400),
        ("POST", "/api/messages", "/api/messages", none(), said("alice", "general", "x"), 401),
        ("POST", "/api/messages", "/api/messages", elsewhere(), said("g", "general", "x"), 403),
        ("POST", "/api/messages", "/api/messages", none(), said("g", "x", "x"), 404),
        ("POST", "/api/messages", "/api/messages", none(), said("g", "general", &"x".repeat(2_001)), 413),
        ("POST", "/api/messages", "/api/messages", form(), said("g", "general", "x"), 415),
    ]);
    provoke(&server, &api, requests, &mut seen);
    // Too much, and too many.
    let refused = |status: u16| -> Vec<Provoked> {
        let all = sensible().into_iter();
        all.map(|(method, target, path, body)| {
            (method, target, path, none(), body.to_owned(), status)
        })
        .collect()
    };
    let server = Server::start(&["--connect-rate", "0.001", "--connect-burst", "1"]);
    assert_eq!(server.get("/api/rooms").status, 200);
    let plain = refused(429).split_off(1);
    provoke(&server, &api, plain, &mut seen);
    let server = Server::start(&["--max-connections", "1"]);
    let _only = server.client();
    provoke(&server, &api, refused(503), &mut seen);
    for ((path, method), statuses) in seen {
        let documented = api["paths"][&path][method.to_lowercase()]["responses"].as_object();
        let documented: BTreeSet<String> = documented.expect("responses").keys().cloned().collect();
        assert_eq!(statuses, documented, "{method} {path}");
    }
}

/// The codes of errors that are spelt in the source of one service, and those that all services share.
fn codes_in_source(service: &str) -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folder = std::fs::read_dir(root.join("service").join(service)).expect("a folder");
    let files = folder.map(|entry| entry.expect("an entry").path());
    let mut codes = BTreeSet::new();
    for file in files.chain([root.join("wire/fault.rs")]) {
        if file.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let source = std::fs::read_to_string(file).expect("source");
        let source = source.split("#[cfg(test)]").next().unwrap_or_default();
        for opening in ["Fault::new(", "Fault::store(", "Self::new("] {
            let codes_of = source.split(opening).skip(1).filter_map(|rest| {
                let (code, _) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
                Some(code.to_owned())
            });
            codes.extend(codes_of);
        }
    }
    codes
}

#[test]
fn every_code_that_strangers_and_accounts_can_be_told_is_documented() {
    let server = Server::plain();
    let api = document(&server, "/asyncapi.yaml");
    let documented = |message: &str| -> BTreeSet<String> {
        let code = &api["components"]["messages"][message]["payload"]["properties"]["code"];
        let codes = code["enum"].as_array().expect("a list").iter();
        codes.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    assert_eq!(
        documented("strangersHearsError"),
        codes_in_source("stranger")
    );
    assert_eq!(
        documented("privateRoomHearsError"),
        codes_in_source("account")
    );
}

#[test]
fn every_documented_code_of_the_rooms_is_told_and_no_other() {
    let free = ["message-rate", "frame-rate", "byte-rate", "room-rate"];
    let free = free
        .map(|key| [format!("--{key}"), "0".to_owned()])
        .concat();
    let free = [free, vec!["--rooms-create-on-join".to_owned()]].concat();
    let free: Vec<&str> = free.iter().map(String::as_str).collect();
    let (server, limited) = (Server::start(&free), Server::plain());
    let api = document(&server, "/asyncapi.yaml");
    let schema = &api["components"]["messages"]["roomsHearsError"]["payload"];
    let mut codes: Vec<String> = Vec::new();
    let mut refuse = |client: &mut Client, command: &Value, code: &str| {
        client.say(command.clone());
        let error = client.expect_error(code);
        check(&api, schema, &error).unwrap_or_else(|fault| panic!("{fault}"));
        codes.push(code.to_owned());
    };
    let say = |to: &str, id: &str, words: &str| json!({ "type": "text", "content": words, to: id });
    let join = |room: &str| json!({ "type": "join_room", "content": room });
    let come = |server: &Server, name: &str| {
        let mut client = server.client_at(&format!("/api/ws?user_id={name}&username={name}"));
        client.expect("session");
        client.expect("system");
        client.expect("system");
        client
    };
    let mut alice = come(&limited, "alice");
    for (command, code) in [
        (json!([]), "bad_json"),
        (json!({ "type": "x" }), "unknown_type"),
        (json!({ "type": "text" }), "bad_field"),
        (say("room", "general", &"x".repeat(2_001)), "too_long"),
        (say("room", "general", "x"), "not_member"),
        (join("nowhere"), "room_not_found"),
    ] {
        refuse(&mut alice, &command, code);
    }
    for _ in 0..20 {
        alice.say(say("recipient", "alice", "a note"));
        alice.expect("private");
    }
    refuse(
        &mut alice,
        &say("recipient", "alice", "too much"),
        "rate_limited",
    );
    let mut bob = come(&server, "bob");
    for room in 0..64 {
        bob.say(join(&room.to_string()));
        bob.expect("join");
    }
    refuse(&mut bob, &join("one more"), "too_many_rooms");
    // Letters to nobody have an end.
    let words = "\u{1f600}".repeat(2_000);
    for letter in 0..2_000 {
        bob.say(say("recipient", &format!("nobody{}", letter / 100), &words));
        if bob.hear()["type"] == "error" {
            break;
        }
    }
    refuse(
        &mut bob,
        &say("recipient", "nobody at all", &words),
        "mailbox_full",
    );
    let documented: Vec<&str> = schema["properties"]["code"]["enum"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    codes.sort_unstable();
    assert_eq!(
        codes,
        BTreeSet::from_iter(documented)
            .into_iter()
            .collect::<Vec<_>>()
    );
}

/// What is documented of one socket: the messages of one direction, by type.
fn messages<'v>(api: &'v Value, channel: &str, side: &str) -> BTreeMap<&'v str, &'v Value> {
    api["channels"][channel]["messages"]
        .as_object()
        .expect("messages")
        .iter()
        .filter(|(name, _)| name.starts_with(side))
        .map(|(_, reference)| {
            let message = resolve(api, reference);
            (message["name"].as_str().expect("a name"), message)
        })
        .collect()
}

/// The examples of one direction, in order.
fn examples<'v>(messages: &BTreeMap<&str, &'v Value>, kind: &str) -> Vec<&'v Value> {
    let examples = messages[kind]["examples"].as_array().expect("examples");
    examples.iter().map(|example| &example["payload"]).collect()
}

/// Hears everything there is, checks it, and notes its types.
fn hear_all(
    client: &mut Client,
    api: &Value,
    heard: &BTreeMap<&str, &Value>,
    kinds: &mut BTreeSet<String>,
) {
    while let Some(message) = client.next_within(Duration::from_millis(200)) {
        let Message::Text(text) = message else { return };
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let kind = value["type"].as_str().expect("a type").to_owned();
        let message = heard
            .get(kind.as_str())
            .unwrap_or_else(|| panic!("{value} is not documented"));
        check(api, &message["payload"], &value).unwrap_or_else(|fault| panic!("{fault}"));
        let is_fault = ["bad_json", "bad_field", "unknown_type"]
            .iter()
            .any(|code| value["code"] == *code);
        assert!(
            !is_fault || value["message"] == "There is no such type of message.",
            "{value}"
        );
        kinds.insert(kind);
    }
}

/// Two people send every example there is, and what they hear is all that is documented.
fn converse(channel: &str, mut people: [Client; 2], server: &Server, script: &[(usize, &str)]) {
    let api = document(server, "/asyncapi.yaml");
    let (says, hears) = (
        messages(&api, channel, "says"),
        messages(&api, channel, "hears"),
    );
    let mut kinds = BTreeSet::new();
    let mut said = BTreeSet::new();
    for (who, kind) in script {
        if *kind == "-" {
            people[*who].send(r#"{"type":"nonsense"}"#);
        } else if let Ok(special) = serde_json::from_str::<Value>(kind) {
            people[*who].say(special);
        } else {
            said.insert(*kind);
            for example in examples(&says, kind) {
                people[*who].say(example.clone());
            }
        }
        for person in &mut people {
            hear_all(person, &api, &hears, &mut kinds);
        }
    }
    assert_eq!(
        said,
        says.keys().copied().collect(),
        "every documented command was tried"
    );
    server.signal("TERM");
    for person in &mut people {
        hear_all(person, &api, &hears, &mut kinds);
    }
    let documented: BTreeSet<String> = hears.keys().map(|kind| (*kind).to_owned()).collect();
    assert_eq!(kinds, documented, "everything documented was heard");
}

#[test]
fn strangers_say_and_hear_what_is_documented() {
    let server = Server::plain();
    let people = ["ann", "bob"].map(|pseudo| {
        let member = server.register(pseudo, "FR");
        server.client_at(&format!("/ws?token={}", member.token))
    });
    let video = r#"{"type":"findMatch","mode":"video"}"#;
    let script = [
        (0, "-"),
        (0, "findMatch"),
        (0, "stopChat"),
        (0, video),
        (1, video),
        (0, "sendMessage"),
        (0, "typing"),
        (0, "offer"),
        (1, "answer"),
        (1, "iceCandidate"),
        (0, "callState"),
        (0, "iceKey"),
        (0, "keepInTouch"),
        (1, "keepInTouch"),
        (1, "stats"),
        (1, "nextStranger"),
    ];
    converse("strangers", people, &server, &script);
}

#[test]
fn people_in_rooms_say_and_hear_what_is_documented() {
    let server = Server::plain();
    let people = [
        server.client_at("/api/ws?user_id=alice&username=Alice"),
        server.client_at("/api/ws?user_id=bob&username=Bob"),
    ];
    let script = [
        (0, "-"),
        (1, "join_room"),
        (0, "join_room"),
        (0, "text"),
        (0, "typing"),
        (0, "leave_room"),
    ];
    converse("rooms", people, &server, &script);
}
