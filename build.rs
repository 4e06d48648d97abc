//! Puts the page (`static/`) into the binary: each file as it is, with brotli and with gzip, under a name
//! that changes with the contents.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Files that others refer to, which therefore keep their names: all others live below `/assets/<tree>/`.
const LASTING: &[(&str, &str)] = &[
    ("index.html", "/"),
    ("line.js", "/line.js"),
    ("passerby.js", "/passerby.js"),
];

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=static");
    println!("cargo::rerun-if-changed=build.rs");
    let output = PathBuf::from(env::var_os("OUT_DIR").ok_or(io::ErrorKind::NotFound)?);
    let root = Path::new("static");
    let mut names = Vec::new();
    list(root, root, &mut names)?;
    names.sort();
    let mut files = Vec::new();
    let mut tree = Hash::default();
    for name in names {
        let bytes = fs::read(root.join(&name))?;
        tree.add(name.as_bytes());
        tree.add(&bytes);
        files.push((name, bytes));
    }
    let tree = &tree.text()[..16];

    let mut table = format!(
        "pub(super) const TREE: &str = {tree:?};\n#[rustfmt::skip]\n/// Every file, by exact path: there is no file system to escape into.\npub static ASSETS: &[Asset] = &[\n"
    );
    for (number, (name, bytes)) in files.into_iter().enumerate() {
        let bytes = if name.ends_with(".html") {
            let text = String::from_utf8(bytes).map_err(io::Error::other)?;
            text.replace("/assets/", &format!("/assets/{tree}/"))
                .into_bytes()
        } else {
            bytes
        };
        let mut hash = Hash::default();
        hash.add(&bytes);
        for (suffix, variant) in [
            ("", bytes.clone()),
            (".br", brotli(&bytes)?),
            (".gz", gzip(&bytes)?),
        ] {
            fs::write(output.join(format!("{number}{suffix}")), variant)?;
        }
        let kept: Vec<&str> = LASTING
            .iter()
            .filter(|(kept, _)| *kept == name)
            .map(|(_, path)| *path)
            .collect();
        let versioned = format!("/assets/{tree}/{name}");
        let paths = kept.iter().map(|path| (*path, false));
        let paths = paths.chain((name != "index.html").then_some((&*versioned, true)));
        for (path, is_versioned) in paths {
            let _ = writeln!(
                table,
                "Asset {{ path: {path:?}, name: {name:?}, content_type: {:?}, tag: {:?}, is_versioned: {is_versioned}, \
                 plain: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{number}\")), \
                 brotli: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{number}.br\")), \
                 gzip: include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{number}.gz\")) }},",
                content_type(&name)?,
                hash.text(),
            );
        }
    }
    table.push_str("];\n");
    fs::write(output.join("assets.rs"), table)
}

/// Adds the names of all files below `folder`, relative to `root`.
fn list(root: &Path, folder: &Path, names: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(root, &path, names)?;
        } else {
            let name = path.strip_prefix(root).map_err(io::Error::other)?;
            names.push(name.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}

/// An unknown kind of file stops the build: it would be served as something it is not.
fn content_type(name: &str) -> io::Result<&'static str> {
    match name.rsplit('.').next() {
        Some("html") => Ok("text/html; charset=utf-8"),
        Some("css") => Ok("text/css; charset=utf-8"),
        Some("js") => Ok("text/javascript; charset=utf-8"),
        Some("svg") => Ok("image/svg+xml"),
        _ => Err(io::Error::other(format!(
            "static/{name}: which type is it?"
        ))),
    }
}

fn brotli(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut output = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut output, 4096, 11, 22);
    writer.write_all(bytes)?;
    writer.flush()?;
    drop(writer);
    Ok(output)
}

fn gzip(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes)?;
    writer.finish()
}

/// FNV-1a, 128 bits wide: enough to tell our own files apart, and nothing to depend on.
struct Hash(u128);

impl Default for Hash {
    fn default() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

impl Hash {
    fn add(&mut self, bytes: &[u8]) {
        // The length first, so that two files cannot trade a byte unnoticed.
        for byte in (bytes.len() as u64).to_le_bytes().iter().chain(bytes) {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul((1 << 88) + 0x13b);
        }
    }

    fn text(&self) -> String {
        format!("{:032x}", self.0)
    }
}
