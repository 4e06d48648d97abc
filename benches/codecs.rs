//! The codecs: bytes to values and back.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use passerby::kernel::secret::Secret;
use passerby::limits;
use passerby::wire::frame::{self, Kind};
use passerby::wire::json::RawText;
use passerby::wire::message::{Decoder, MessageLimits, Progress};
use passerby::wire::sdp::{self, Relays};
use passerby::wire::{head, mask, token, upgrade, utf8};
use std::hint::black_box;

const SIZES: [usize; 4] = [32, 125, 1_000, 16_000];

fn masked(payload: &[u8]) -> Vec<u8> {
    let key = [1, 2, 3, 4];
    let mut bytes = vec![0x81];
    if payload.len() < 126 {
        bytes.push(0x80 | payload.len() as u8);
    } else {
        bytes.push(0x80 | 126);
        bytes.extend((payload.len() as u16).to_be_bytes());
    }
    bytes.extend(key);
    let start = bytes.len();
    bytes.extend_from_slice(payload);
    mask::apply(&mut bytes[start..], key, 0);
    bytes
}

fn frames(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("frame");
    for size in SIZES {
        group.throughput(Throughput::Bytes(size as u64));
        let payload = vec![b'x'; size];
        let frame = masked(&payload);
        group.bench_with_input(
            BenchmarkId::new("decode", size),
            &frame,
            |bencher, frame| {
                let (mut decoder, mut inbox) = (Decoder::default(), frame.clone());
                bencher.iter(|| {
                    inbox.copy_from_slice(frame);
                    let message = decoder.next(
                        black_box(&mut inbox),
                        &mut Progress::default(),
                        &MessageLimits::default(),
                    );
                    black_box(message).is_ok()
                });
            },
        );
        group.bench_with_input(
            BenchmarkId::new("decode split", size),
            &frame,
            |bencher, frame| {
                let cut = frame.len() / 2;
                bencher.iter(|| {
                    let mut decoder = Decoder::default();
                    let (mut front, mut back) = (frame[..cut].to_vec(), frame[cut..].to_vec());
                    assert!(
                        decoder
                            .next(
                                &mut front,
                                &mut Progress::default(),
                                &MessageLimits::default()
                            )
                            .is_ok()
                    );
                    black_box(decoder.next(
                        &mut back,
                        &mut Progress::default(),
                        &MessageLimits::default(),
                    ))
                    .is_ok()
                });
            },
        );
        group.bench_with_input(
            BenchmarkId::new("encode", size),
            &payload,
            |bencher, payload| {
                let mut lane = Vec::with_capacity(size + 16);
                bencher.iter(|| {
                    lane.clear();
                    frame::write(&mut lane, Kind::Text, black_box(payload));
                    lane.len()
                });
            },
        );
        group.bench_with_input(
            BenchmarkId::new("unmask", size),
            &payload,
            |bencher, payload| {
                let mut bytes = payload.clone();
                bencher.iter(|| mask::apply(black_box(&mut bytes), [1, 2, 3, 4], 0));
            },
        );
    }
}

fn text(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("utf8");
    for (name, unit) in [("ascii", "x"), ("mixed", "x\u{e9}\u{20ac}\u{1f600}")] {
        let text = unit.repeat(1_000 / unit.len());
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(BenchmarkId::new("stream", name), |bencher| {
            bencher.iter(|| {
                let mut checker = utf8::Checker::default();
                checker.feed(black_box(text.as_bytes())).is_ok() && checker.finish().is_ok()
            });
        });
    }
    for (name, raw) in [
        ("plain", format!("\"{}\"", "x".repeat(32))),
        ("escaped", format!("\"{}\"", "\\u00e9\\n".repeat(4))),
    ] {
        group.bench_function(BenchmarkId::new("JSON string", name), |bencher| {
            bencher.iter(|| RawText::of(black_box(&raw)).is_ok());
        });
    }
}

const REQUEST: &[u8] = b"GET /ws?auto=1 HTTP/1.1\r\nHost: chat.example.org\r\nConnection: Upgrade\r\nPragma: no-cache\r\nCache-Control: no-cache\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r\nUpgrade: websocket\r\nOrigin: https://chat.example.org\r\nSec-WebSocket-Version: 13\r\nAccept-Encoding: gzip, deflate, br\r\nAccept-Language: en\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\r\n";

fn http(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("http");
    group.throughput(Throughput::Bytes(REQUEST.len() as u64));
    group.bench_function("find the end of a head", |bencher| {
        bencher.iter(|| head::find_end(black_box(REQUEST), &mut 0));
    });
    group.bench_function("parse a browser's head", |bencher| {
        bencher.iter(|| head::parse(black_box(REQUEST)).is_ok());
    });
    let parsed = head::parse(REQUEST);
    group.bench_function("check and accept an upgrade", |bencher| {
        let mut lane = Vec::with_capacity(256);
        bencher.iter(|| {
            lane.clear();
            if let Ok(key) = parsed
                .as_ref()
                .map_err(drop)
                .and_then(|head| upgrade::check(head).map_err(drop))
            {
                upgrade::accept(&mut lane, key);
            }
            lane.len()
        });
    });
}

fn tokens(criterion: &mut Criterion) {
    let secret = Secret::new("0123456789abcdef0123456789abcdef".to_owned());
    let key = token::Key::new(&secret).expect("long enough");
    let now_ms = 1_800_000_000_000;
    let issued = token::issue(&key, uuid::Uuid::from_u128(7), now_ms).expect("signed");
    criterion.bench_function("token/verify", |bencher| {
        bencher.iter(|| token::verify(&key, black_box(&issued), now_ms).is_ok());
    });
}

/// What a browser offers, and what somebody may send who wants it to take long: as many lines, or as many bytes, as there
/// may be.
fn descriptions(criterion: &mut Criterion) {
    let head = "v=0\r\no=- 4611731400430051336 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
    let line =
        "a=fmtp:102 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f\r\n";
    let candidate = "a=candidate:3 1 udp 41885439 198.51.100.7 50123 typ relay raddr 192.168.1.5 rport 40000\r\n";
    let lines = limits::SDP_LINES_MAX - 10;
    let bytes = |line: &str| (limits::SDP_BYTES_MAX - head.len()) / line.len();
    let mut group = criterion.benchmark_group("sdp");
    for (name, line, count) in [
        ("usual", line, 70),
        ("short lines", "a=x\r\n", lines),
        ("short lines that grow", "c=\r\n", lines),
        ("long lines", line, bytes(line)),
        ("candidates", candidate, bytes(candidate)),
    ] {
        let text = format!("{head}{}", line.repeat(count));
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(BenchmarkId::new("rewrite", name), |bencher| {
            let mut out = String::with_capacity(128 * 1024);
            bencher.iter(|| {
                out.clear();
                sdp::description(black_box(&text), Relays::default(), &mut out).is_ok()
            });
        });
    }
}

criterion_group!(benches, frames, text, http, tokens, descriptions);
criterion_main!(benches);
