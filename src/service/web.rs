//! The page, embedded in the binary (`static/`, prepared by `build.rs`).
//!
//! A file below `/assets/<tree>/` never changes under its name and is kept for good; `/` and the client library, `/passerby.js` with
//! the `/line.js` that it imports, are asked for again each time and mostly answered with 304.

use crate::wire::head::Head;
use crate::wire::response::{Response, Status};

/// Nothing from elsewhere, nothing inline, and no text that becomes markup.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; \
     media-src 'self' blob:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'";

const PAGE_PERMISSIONS: &str = "camera=(self), microphone=(self)";

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// A file of the page.
#[derive(Debug)]
pub struct Asset {
    /// The path it is served at.
    pub path: &'static str,
    /// Where it is below `static/`.
    name: &'static str,
    content_type: &'static str,
    /// A hash of what it holds.
    tag: &'static str,
    /// Whether the path changes with the contents.
    is_versioned: bool,
    plain: &'static [u8],
    brotli: &'static [u8],
    gzip: &'static [u8],
}

/// Reads a file below `static/` as it is now.
pub type Reader = fn(&str) -> Option<Vec<u8>>;

/// The page, and where it is being worked on, if it is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page {
    /// Reads edited files, so that a reload shows an edit; release builds have none.
    pub edits: Option<Reader>,
}

impl Page {
    /// The response to a request for `asset`.
    pub fn respond(&self, asset: &'static Asset, head: &Head<'_>) -> Response {
        let Some(read) = self.edits else {
            return asset.respond(head, asset.is_versioned);
        };
        match read(asset.name).map(|bytes| asset.stamped(bytes)) {
            Some(bytes) if bytes != asset.plain => asset
                .described(Response::new(Status::OK), false)
                .with_body(asset.content_type, bytes),
            _ => asset.respond(head, false),
        }
    }
}

impl Asset {
    fn respond(&'static self, head: &Head<'_>, lasts: bool) -> Response {
        let (coding, suffix, body) = self.variant(head);
        let tag = format!("\"{}{suffix}\"", self.tag);
        let is_known = head.lists("if-none-match", "*")
            || head.lists("if-none-match", &tag)
            // Proxies that compress weaken the tag.
            || head.lists("if-none-match", &format!("W/{tag}"));
        let status = if is_known {
            Status::NOT_MODIFIED
        } else {
            Status::OK
        };
        let mut response = self
            .described(Response::new(status), lasts)
            .with_field("ETag", tag);
        if !is_known {
            response = response.with_body(self.content_type, body);
            if let Some(coding) = coding {
                response = response.with_field("Content-Encoding", coding);
            }
        }
        response
    }

    /// The fields that go with every answer about it.
    fn described(&self, response: Response, lasts: bool) -> Response {
        let caching = if lasts {
            "public, max-age=31536000, immutable"
        } else {
            "no-cache"
        };
        let response = response
            .with_field("Cache-Control", caching)
            .with_field("Vary", "Accept-Encoding");
        if self.path == "/" {
            // What a document may do; on other files the fields that every response has are stricter still.
            response
                .with_field("Content-Security-Policy", PAGE_POLICY)
                .with_field("Cross-Origin-Opener-Policy", "same-origin")
                .with_field("Cross-Origin-Resource-Policy", "same-origin")
                .with_field("Permissions-Policy", PAGE_PERMISSIONS)
                .with_field("X-Frame-Options", "DENY")
        } else if !self.is_versioned {
            // The client library is for pages elsewhere, too.
            response
                .with_field("Access-Control-Allow-Origin", "*")
                .with_field("Cross-Origin-Resource-Policy", "cross-origin")
        } else {
            response.with_field("Cross-Origin-Resource-Policy", "same-origin")
        }
    }

    /// The smallest form that the client takes: its coding, what sets its tag apart, and its bytes.
    fn variant(&self, head: &Head<'_>) -> (Option<&'static str>, &'static str, &'static [u8]) {
        let brotli = weight(head, "br");
        let gzip = weight(head, "gzip");
        if brotli > 0 && brotli >= gzip {
            (Some("br"), "-br", self.brotli)
        } else if gzip > 0 {
            (Some("gzip"), "-gz", self.gzip)
        } else {
            (None, "", self.plain)
        }
    }

    /// What `build.rs` would have made of the file's bytes.
    fn stamped(&self, bytes: Vec<u8>) -> Vec<u8> {
        if !self.name.ends_with(".html") {
            return bytes;
        }
        let text = String::from_utf8_lossy(&bytes);
        text.replace("/assets/", &format!("/assets/{TREE}/"))
            .into_bytes()
    }
}

/// How much the client likes a coding, in thousandths; 0 if it does not take it (RFC 9110 section 12.5.3).
fn weight(head: &Head<'_>, coding: &str) -> u32 {
    let mut any = 0;
    for item in head
        .fields("accept-encoding")
        .flat_map(|value| value.split(','))
    {
        let mut parts = item.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let quality = parts
            .find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")))
            .map_or(1.0, |text| text.trim().parse::<f32>().unwrap_or(0.0));
        let quality = (quality.clamp(0.0, 1.0) * 1_000.0) as u32;
        if name.eq_ignore_ascii_case(coding) {
            return quality;
        }
        if name == "*" {
            any = quality;
        }
    }
    any
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::head;

    fn asset(path: &str) -> &'static Asset {
        let mut assets = ASSETS.iter();
        assets.find(|asset| asset.path == path).expect("embedded")
    }

    fn versioned(name: &str) -> &'static Asset {
        asset(&format!("/assets/{TREE}/{name}"))
    }

    /// What the page answers to a GET with `fields`: the head and the body's length.
    fn answer(page: Page, asset: &'static Asset, fields: &str) -> (String, usize) {
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let head = head::parse(request.as_bytes()).expect("well-formed");
        let mut output = Vec::new();
        page.respond(asset, &head).write(&mut output, "now", false);
        let end = memchr::memmem::find(&output, b"\r\n\r\n").expect("a head") + 4;
        let text = String::from_utf8(output[..end].to_vec()).expect("ASCII");
        (text, output.len() - end)
    }

    #[test]
    fn the_coding_is_the_one_that_the_client_likes_best() {
        for (accepted, expected) in [
            ("gzip, deflate, br, zstd", "br"),
            ("gzip", "gzip"),
            ("GZIP", "gzip"),
            ("br;q=0, gzip;q=0.5", "gzip"),
            ("br;q=0.1, gzip", "gzip"),
            ("*", "br"),
            ("br;q=0, *;q=0.3", "gzip"),
            ("identity", ""),
            ("br;q=0, gzip;q=0", ""),
            ("br;q=what", ""),
            ("", ""),
        ] {
            let fields = format!("Accept-Encoding: {accepted}\r\n");
            let (head, len) = answer(Page::default(), asset("/"), &fields);
            let found = head
                .lines()
                .find_map(|line| line.strip_prefix("Content-Encoding: "))
                .unwrap_or_default();
            assert_eq!(found, expected, "{accepted}");
            assert!(head.contains("Vary: Accept-Encoding\r\n"), "{accepted}");
            assert_eq!(len < asset("/").plain.len(), !expected.is_empty());
        }
    }

    #[test]
    fn what_is_known_is_not_sent_again() {
        let app = versioned("app.js");
        let coding = "Accept-Encoding: br\r\n";
        let (head, _) = answer(Page::default(), app, coding);
        let tag = head
            .lines()
            .find_map(|line| line.strip_prefix("ETag: "))
            .expect("a tag");
        assert!(tag.starts_with('"') && tag.ends_with("-br\""));
        for (known, status) in [
            (tag.to_owned(), 304),
            (format!("W/{tag}"), 304),
            (format!("\"other\", {tag}"), 304),
            ("*".to_owned(), 304),
            ("\"other\"".to_owned(), 200),
            // The tag of another variant is not the tag of this one.
            (format!("\"{}-gz\"", app.tag), 200),
        ] {
            let fields = format!("{coding}If-None-Match: {known}\r\n");
            let (head, len) = answer(Page::default(), app, &fields);
            assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{known}");
            assert!(head.contains("ETag: ") && head.contains("Cache-Control: "));
            assert_eq!(len == 0, status == 304, "{known}");
        }
    }

    #[test]
    fn only_versioned_names_are_kept_for_good() {
        let lasting = "Cache-Control: public, max-age=31536000, immutable\r\n";
        let fresh = "Cache-Control: no-cache\r\n";
        assert!(
            answer(Page::default(), versioned("app.js"), "")
                .0
                .contains(lasting)
        );
        for path in ["/", "/line.js", "/passerby.js"] {
            assert!(answer(Page::default(), asset(path), "").0.contains(fresh));
        }
        let edited = Page {
            edits: Some(|_| Some(b"edited".to_vec())),
        };
        let (head, len) = answer(edited, versioned("app.js"), "");
        assert!(head.contains(fresh) && len == 6);
        let unedited = Page {
            edits: Some(|_| None),
        };
        assert!(answer(unedited, versioned("app.js"), "").0.contains(fresh));
    }

    #[test]
    fn the_page_asks_for_nothing_that_is_not_there() {
        let page = String::from_utf8_lossy(asset("/").plain);
        let mut count = 0;
        for path in page.split('"').filter(|part| part.starts_with("/assets/")) {
            assert!(ASSETS.iter().any(|asset| asset.path == path), "{path}");
            count += 1;
        }
        assert!(count > 20);
        // Every module is fetched at once instead of one after the other, but for those of screens that are seen later.
        for asset in ASSETS.iter().filter(|asset| asset.is_versioned) {
            let is_named = page.contains(asset.path);
            assert!(is_named || asset.name.contains('/'), "{}", asset.name);
        }
    }

    #[test]
    fn the_first_load_is_light() {
        let page = String::from_utf8_lossy(asset("/").plain);
        let assets = ASSETS
            .iter()
            .filter(|asset| page.contains(&format!("\"{}\"", asset.path)) || asset.path == "/");
        let bytes: usize = assets.map(|asset| asset.gzip.len()).sum();
        assert!(bytes <= 60 * 1024, "{bytes} bytes");
    }
}
