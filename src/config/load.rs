//! Reads the configuration from its four sources, the later before the earlier: built-in defaults, the file,
//! the environment, the flags.

use std::ffi::OsString;

use clap::{Arg, ArgAction, Command};
use serde_json::Value;

use super::keys::KEYS;
use super::{Config, file};

const PREFIX: &str = "PASSERBY_";
/// Variables without the prefix that platforms set, or that are usual, and the keys they stand for.
const FOREIGN: &[(&str, &str)] = &[
    ("PORT", "listen"),
    ("DB_URL", "db_url"),
    ("JWT_SECRET", "jwt_secret"),
];

/// What the command line asks for.
#[derive(Debug)]
pub enum Invocation {
    /// Run with this configuration.
    Run(Box<Config>),
    /// Print this text and end with success.
    Print(String),
}

/// Reads the configuration for a command line and an environment. The error is one line for the operator.
pub fn load(
    arguments: impl IntoIterator<Item = OsString>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Invocation, String> {
    let flags = match command().try_get_matches_from(arguments) {
        Ok(flags) => flags,
        Err(error) if !error.use_stderr() => return Ok(Invocation::Print(error.to_string())),
        Err(error) => return Err(first_line(&error.to_string())),
    };
    let environment = own_variables(environment)?;
    let mut config = Config::default();
    let named = flags.get_one::<String>("config").cloned().or_else(|| {
        let variable = format!("{PREFIX}CONFIG");
        let mut values = environment.iter();
        values
            .find(|(name, _)| *name == variable)
            .map(|(_, path)| path.clone())
    });
    file::apply(&mut config, named)?;
    apply_environment(&mut config, &environment)?;
    for key in KEYS {
        if let Some(value) = flags.get_one::<String>(key.name) {
            key.read(&mut config, value)
                .map_err(|error| format!("--{}: {error}", key.flag()))?;
        }
    }
    config.check()?;
    Ok(if flags.get_flag("print_config") {
        Invocation::Print(shown(&config))
    } else {
        Invocation::Run(Box::new(config))
    })
}

/// The variables that are ours. What else is in the environment may be anything, even bytes that are no text.
fn own_variables(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Vec<(String, String)>, String> {
    let mut own = Vec::new();
    for (name, value) in environment {
        let Ok(name) = name.into_string() else {
            continue;
        };
        let is_foreign = FOREIGN.iter().any(|(foreign, _)| *foreign == name);
        if is_foreign || name.starts_with(PREFIX) {
            let value = value.into_string();
            let value = value.map_err(|_| format!("{name}: the value is not UTF-8"))?;
            own.push((name, value));
        }
    }
    Ok(own)
}

fn command() -> Command {
    let command = Command::new("passerby")
        .version(env!("CARGO_PKG_VERSION"))
        .about("One server in which strangers meet")
        .after_help(
            "Every key can also be set in config.json (under its name with underscores) and in the environment \
             (PASSERBY_ and its name in capitals); flags win over the environment, and that over the file.",
        )
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .help("Reads the configuration from this file [default: config.json, if there is one]"),
        )
        .arg(
            Arg::new("print_config")
                .long("print-config")
                .action(ArgAction::SetTrue)
                .help("Prints the configuration that results, and ends"),
        );
    KEYS.iter().fold(command, |command, key| {
        let argument = Arg::new(key.name)
            .long(key.flag())
            .value_name(key.value)
            .allow_negative_numbers(true)
            .help(format!("{} [default: {}]", key.help, key.default()));
        command.arg(if key.value == "BOOL" {
            argument.num_args(0..=1).default_missing_value("true")
        } else {
            argument
        })
    })
}

fn apply_environment(config: &mut Config, environment: &[(String, String)]) -> Result<(), String> {
    // Our own variables win over those of others.
    for (variable, value) in environment {
        let foreign = FOREIGN.iter().find(|(foreign, _)| foreign == variable);
        let key = foreign.and_then(|(_, name)| KEYS.iter().find(|key| key.name == *name));
        // Some platforms set an empty port where there is none.
        let is_none = variable == "PORT" && value.is_empty();
        if let (Some(key), false) = (key, is_none) {
            key.read(config, value)
                .map_err(|error| format!("{variable}: {error}"))?;
        }
    }
    for (variable, value) in environment {
        let Some(name) = variable.strip_prefix(PREFIX) else {
            continue;
        };
        if name == "CONFIG" {
            continue;
        }
        let key = KEYS
            .iter()
            .find(|key| key.name.to_ascii_uppercase() == name)
            .ok_or_else(|| format!("{variable}: there is no such key"))?;
        key.read(config, value)
            .map_err(|error| format!("{variable}: {error}"))?;
    }
    Ok(())
}

fn shown(config: &Config) -> String {
    let fields = KEYS
        .iter()
        .map(|key| (key.name.to_owned(), (key.show)(config)))
        .filter(|(_, value)| !value.is_null())
        .collect();
    format!("{:#}\n", Value::Object(fields))
}

fn first_line(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::secret::Secret;
    use crate::net::Bind;

    fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Result<Config, String> {
        let arguments = std::iter::once("passerby").chain(arguments.iter().copied());
        let environment = environment
            .iter()
            .map(|(name, value)| (name.into(), value.into()));
        match load(arguments.map(OsString::from), environment)? {
            Invocation::Run(config) => Ok(*config),
            Invocation::Print(text) => Err(text),
        }
    }

    fn file(name: &str, text: &str) -> String {
        let path = std::env::temp_dir().join(format!("passerby-{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("written");
        path.display().to_string()
    }

    #[test]
    fn later_sources_win() {
        let path = file(
            "sources",
            r#"{"httpPort": ":1000", "message_rate": 1, "skip_rate": 1, "frame_rate": 1.5, "stranger": {"auto_match": true, "format": "text"}}"#,
        );
        let config = run(
            &["--config", &path, "--message-rate", "3"],
            &[
                ("PASSERBY_MESSAGE_RATE", "2"),
                ("PASSERBY_SKIP_RATE", "2"),
                ("HOME", "/"),
            ],
        )
        .expect("good");
        assert_eq!(config.listen, [Bind::Every(1000)]);
        assert_eq!(config.message.per_second, 3.0);
        assert_eq!(config.skip.per_second, 2.0);
        assert_eq!(config.frame.per_second, 1.5);
        assert!(config.auto_match);
        assert_eq!(config.drain_ms, Config::default().drain_ms);
        let config = run(&["--config", &path], &[("PORT", "2000")]).expect("good");
        assert_eq!(config.listen, [Bind::Every(2000)]);
        assert!(run(&[], &[("PORT", "")]).is_ok());
        let both = [("PORT", "2000"), ("PASSERBY_LISTEN", ":3000")];
        assert_eq!(run(&[], &both).expect("good").listen, [Bind::Every(3000)]);
        let reversed = [("PASSERBY_DB_URL", "sqlite:a"), ("DB_URL", "sqlite:b")];
        let config = run(&[], &reversed).expect("good");
        assert_eq!(config.db_url.url(), "sqlite:a");
    }

    #[test]
    #[cfg(unix)]
    fn variables_of_others_may_be_anything() {
        use std::os::unix::ffi::OsStringExt;
        let wild = || OsString::from_vec(vec![b'x', 0xff]);
        let arguments = || [OsString::from("passerby")];
        assert!(load(arguments(), [(wild(), wild()), ("FOO".into(), wild())]).is_ok());
        assert!(load(arguments(), [("PASSERBY_DATA".into(), wild())]).is_err());
        assert!(load(["passerby".into(), wild()], []).is_err());
    }

    #[test]
    fn faults_are_one_line_that_names_the_place() {
        let unknown = file("unknown", r#"{"mesage_rate": 1}"#);
        let bad = file("bad", r#"{"message_rate": "fast"}"#);
        let list = file("list", "[]");
        for (arguments, environment, expected) in [
            (vec!["--mesage-rate", "1"], vec![], "mesage-rate"),
            (vec!["--message-rate", "fast"], vec![], "--message-rate"),
            (vec!["--message-rate", "-1"], vec![], "--message-rate"),
            (vec!["--message-rate", "NaN"], vec![], "--message-rate"),
            (vec!["--listen", "here"], vec![], "--listen"),
            (vec!["--log", "loud"], vec![], "--log"),
            (vec!["--data", ""], vec![], "--data: is empty"),
            (
                vec![],
                vec![("PASSERBY_DATA", "")],
                "PASSERBY_DATA: is empty",
            ),
            (
                vec!["--stranger-format", "xml"],
                vec![],
                "--stranger-format",
            ),
            (
                vec!["--trusted-proxies", "10.0.0.0/99"],
                vec![],
                "--trusted-proxies",
            ),
            (
                vec!["--allowed-origins", "a.org"],
                vec![],
                "--allowed-origins",
            ),
            (vec!["--db-url", "mysql://h/d"], vec![], "--db-url"),
            (vec!["--jwt-secret", "short"], vec![], "32 bytes"),
            (vec!["--private-room-ms", "999"], vec![], "1000"),
            (vec![], vec![("JWT_SECRET", "")], "JWT_SECRET"),
            (vec![], vec![("DB_URL", "h/d")], "DB_URL"),
            (vec!["--ice-servers", "stun:a,http:b"], vec![], "'http:b'"),
            (vec!["--ice-servers", "turn:a"], vec![], "turn_secret"),
            (vec!["--turn-secret", "too short"], vec![], "--turn-secret"),
            (vec!["--turn-secret", "(redacted)"], vec![], "--turn-secret"),
            (vec!["--turn-ttl-s", "5"], vec![], "--turn-ttl-s"),
            (vec!["--video-relay-only"], vec![], "video_relay_only"),
            (
                vec!["--video-relay-only", "--ice-servers", "stun:a"],
                vec![],
                "video_relay_only",
            ),
            (vec!["stray"], vec![], "stray"),
            (
                vec![],
                vec![("PASSERBY_NONSENSE", "1")],
                "PASSERBY_NONSENSE",
            ),
            (vec![], vec![("PORT", "http")], "PORT"),
            (vec!["--config", &unknown], vec![], "mesage_rate"),
            (vec!["--config", &bad], vec![], "message_rate"),
            (vec!["--config", &list], vec![], "object"),
            (
                vec!["--config", "/nowhere/at/all"],
                vec![],
                "/nowhere/at/all",
            ),
        ] {
            let error = run(&arguments, &environment).expect_err("must be refused");
            assert!(error.contains(expected), "{error}");
            assert!(!error.trim_end().contains('\n'), "{error}");
        }
    }

    #[test]
    fn what_is_printed_can_be_read_again() {
        let Err(printed) = run(
            &[
                "--print-config",
                "--auto-match",
                "--trusted-proxies",
                "10.0.0.1, fd00::/8",
            ],
            &[],
        ) else {
            panic!("must print");
        };
        let path = file("printed", &printed);
        let config = run(&["--config", &path], &[]).expect("good");
        assert!(config.auto_match);
        assert_eq!(config.trusted_proxies.len(), 2);
    }

    #[test]
    fn what_is_printed_for_a_secret_is_not_taken_for_one() {
        let environment = [
            ("JWT_SECRET", "0123456789abcdef0123456789abcdef"),
            ("DB_URL", "postgres://u:hunter2@h/d?password=hunter2"),
            ("PASSERBY_TURN_SECRET", "0123456789abcdef"),
        ];
        let printed = run(&["--print-config"], &environment).expect_err("printed");
        let path = file("redacted", &printed);
        let mut secrets = 0;
        for key in KEYS {
            let Some(value) = printed.lines().find_map(|line| {
                let value = line.trim().strip_prefix(&format!("\"{}\": \"", key.name))?;
                value.trim_end_matches(',').strip_suffix('"')
            }) else {
                continue;
            };
            if !value.contains("(redacted)") {
                continue;
            }
            secrets += 1;
            let variable = format!("PASSERBY_{}", key.name.to_ascii_uppercase());
            let flag = format!("--{}", key.flag());
            for error in [
                run(&[&flag, value], &[]).expect_err("refused as a flag"),
                run(&[], &[(&variable, value)]).expect_err("refused in the environment"),
                run(&["--config", &path], &[]).expect_err("refused in the file"),
            ] {
                assert!(error.contains("the secret itself is needed"), "{error}");
            }
        }
        assert_eq!(secrets, 3);
    }

    #[test]
    fn secrets_are_neither_printed_nor_debugged() {
        let secret = "0123456789abcdef0123456789abcdef";
        let environment = [
            ("JWT_SECRET", secret),
            ("DB_URL", "postgres://u:hunter2@h/d"),
        ];
        let config = run(&[], &environment).expect("good");
        let debugged = format!("{config:?}");
        let printed = run(&["--print-config"], &environment).expect_err("printed");
        for text in [debugged, printed] {
            assert!(!text.contains(secret), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
        assert_eq!(config.db_url.url(), "postgres://u:(redacted)@h/d");
        assert_eq!(config.jwt_secret, Some(Secret::new(secret.to_owned())));
    }

    #[test]
    fn video_is_set_like_everything_else_and_its_secret_does_not_show() {
        let path = file(
            "video",
            r#"{"video": {"ice_servers": ["stun:a", "turn:b:3478"], "require_account": true, "relay_only": true}}"#,
        );
        let secret = [("PASSERBY_TURN_SECRET", "north-wind-and-the-sun")];
        let config = run(&["--config", &path, "--turn-ttl-s", "600"], &secret).expect("good");
        assert_eq!(config.ice_servers.len(), 2);
        assert!(config.video_require_account && config.video_relay_only);
        assert_eq!(config.turn_ttl_s, 600);
        assert_eq!(config.turn_secret.expose(), "north-wind-and-the-sun");
        let Err(printed) = run(&["--config", &path, "--print-config"], &secret) else {
            panic!("must print");
        };
        assert!(
            printed.contains("\"turn_secret\": \"(redacted)\""),
            "{printed}"
        );
        for shown in [printed, format!("{config:?} {:?}", config.app())] {
            assert!(!shown.contains("north-wind"), "{shown}");
        }
    }

    #[test]
    fn every_key_has_a_flag_and_the_help_tells_its_default() {
        command().debug_assert();
        let help = command().render_help().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for key in KEYS {
            assert!(help.contains(&format!("--{}", key.flag())), "{}", key.name);
            let told = format!("{} [default: {}]", key.help, key.default());
            assert!(help.contains(&told), "{}: {told}", key.name);
            assert!(!key.default().is_empty(), "{}", key.name);
        }
    }

    /// The table has a row for each key, or for several that belong together.
    #[test]
    fn the_readme_tells_every_key_and_its_default() {
        let readme = include_str!("../../README.md");
        let mut rows = Vec::new();
        for line in readme.lines().filter(|line| line.starts_with("| `")) {
            let mut columns = line.split('|').skip(1).map(str::trim);
            let names = columns.next().unwrap_or_default().split(", ");
            let defaults = columns.next().unwrap_or_default().split(", ");
            let names = names.map(|name| name.trim_matches('`'));
            let defaults = defaults.map(|default| default.trim_matches('`'));
            rows.extend(names.zip(defaults));
        }
        for key in KEYS {
            let row = rows.iter().find(|(name, _)| *name == key.name);
            let (_, told) = row.unwrap_or_else(|| panic!("{} is not in the README", key.name));
            let told = if told.is_empty() { key.instead } else { told };
            assert_eq!(told, key.default(), "{}", key.name);
        }
        assert_eq!(rows.len(), KEYS.len());
    }
}
