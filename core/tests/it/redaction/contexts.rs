//! What stands around a string in logs, manifests, commands, traces and letters.

use super::chance::{Chance, HEX};

/// Where a string of a kind can stand.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// Anywhere: it speaks for itself.
    Anywhere,
    /// After a name of a password.
    Password,
    /// After a name of a key or token.
    Key,
    /// As a text of its own.
    Alone,
}

const PASSWORDS: &[&str] = &[
    "password",
    "DB_PASSWORD",
    "dbPassword",
    "spring.datasource.password",
    "redis-password",
    "MYSQL_ROOT_PASSWORD",
    "passwd",
    "PGPASSWORD",
    "adminPass",
    "smtp_passwd",
    "rootpw.pwd",
    "KEYSTORE_PASSPHRASE",
    "ldap.bind.password",
    "grafana.adminPassword",
    "POSTGRES_PASSWORD",
    "userPassword",
    "RABBITMQ_DEFAULT_PASS",
];
const KEYS: &[&str] = &[
    "api_key",
    "apiKey",
    "X-Api-Key",
    "client_secret",
    "clientSecret",
    "SECRET_KEY_BASE",
    "auth_token",
    "access_token",
    "JWT_SECRET",
    "encryption_key",
    "DD_API_KEY",
    "refresh_token",
    "private_token",
    "signing-key",
    "SLACK_TOKEN",
    "storageAccountKey",
    "webhookSecret",
    "AWS_SECRET_ACCESS_KEY",
    "session_token",
    "consumerKey",
];
const PLAIN: &[&str] =
    &["value", "data", "item", "field", "message", "arg", "input", "result", "detail", "note", "spec"];

/// A string within a text.
pub(super) fn around(chance: &mut Chance, place: Place, string: &str) -> String {
    match place {
        Place::Alone => string.to_owned(),
        Place::Anywhere if chance.below(3) > 0 => anywhere(chance, string),
        Place::Anywhere => named(chance, PLAIN, string),
        Place::Password => named(chance, PASSWORDS, string),
        Place::Key => named(chance, KEYS, string),
    }
}

fn time(chance: &mut Chance) -> String {
    format!(
        "2026-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        chance.below(12) + 1,
        chance.below(28) + 1,
        chance.below(24),
        chance.below(60),
        chance.below(60),
        chance.below(1000)
    )
}

fn anywhere(chance: &mut Chance, s: &str) -> String {
    let (time, word, other) = (time(chance), chance.word(), chance.word());
    match chance.below(18) {
        0 => format!("{time} ERROR [{word}] request with {s} was refused"),
        1 => format!("{time} level=info app={word} msg=\"got {s}\" took=12ms"),
        2 => format!("{{\"level\":\"warn\",\"app\":\"{word}\",\"msg\":\"saw {s} twice\"}}"),
        3 => format!("apiVersion: v1\nkind: ConfigMap\ndata:\n  {word}: {s}\n  {other}: on\n"),
        4 => format!("containers:\n- name: {word}\n  args:\n  - --{other}\n  - {s}\n"),
        5 => format!("{word} --{other}={s} --verbose"),
        6 => format!("https://{word}.example.net/v1/{other}?q={s}&page=2"),
        7 => format!("panic: {s}: not found\n\ngoroutine 1 [running]:\nmain.main()\n\t/src/{word}/main.go:17 +0x1d"),
        8 => format!(
            "Exception in thread \"main\" java.lang.IllegalStateException: {s}\n\tat io.{word}.Main.run(Main.java:42)"
        ),
        9 => format!("Name:         {word}\nAnnotations:  example.com/{other}: {s}\nStatus:       Running\n"),
        10 => format!("config: '{{\"{word}\": \"{s}\", \"port\": 8080}}'"),
        11 => format!("\"{{\\\"{word}\\\":\\\"{s}\\\",\\\"n\\\":1}}\""),
        12 => format!("I found `{s}` in the log of {word}."),
        13 => format!("the value ({s}), which {word} wrote, is odd"),
        14 => format!("{word},{s},{other},17"),
        15 => format!("<entry><{word}>{s}</{word}></entry>"),
        16 => format!("{word} said:\n{s}\nand stopped"),
        _ => format!("  File \"/app/{word}.py\", line 12, in {other}\nValueError: bad input '{s}'"),
    }
}

fn named(chance: &mut Chance, names: &[&str], s: &str) -> String {
    let (time, word) = (time(chance), chance.word());
    let name = chance.one(names);
    let upper = name.to_ascii_uppercase().replace(['-', '.'], "_");
    match chance.below(15) {
        0 => format!("{name}: {s}\n"),
        1 => format!("spec:\n  {word}:\n    {name}: \"{s}\"\n    replicas: 3\n"),
        2 => format!("{{\"{word}\":{{\"{name}\":\"{s}\",\"port\":5432}}}}"),
        3 => format!("{upper}={s}\nPORT=80\n"),
        4 => format!("export {upper}='{s}'"),
        5 => format!("{word} --{}={s} --verbose", name.to_ascii_lowercase().replace(['_', '.'], "-")),
        6 => format!("{word} --{} '{s}' start", name.to_ascii_lowercase().replace(['_', '.'], "-")),
        7 => format!("{time} DEBUG {word} connects with {name}={s}"),
        8 => format!("env:\n- name: {upper}\n  value: {s}\n- name: PORT\n  value: \"80\"\n"),
        9 => format!("{{\"name\":\"{upper}\",\"value\":\"{s}\"}}"),
        10 => format!("payload: \"{{\\\"{name}\\\":\\\"{s}\\\",\\\"user\\\":\\\"{word}\\\"}}\""),
        11 => format!("    Environment:\n      {upper}:  {s}\n      POD_IP:   (v1:status.podIP)\n"),
        12 => format!("{name} = \"{s}\"\nhost = \"{word}\""),
        13 => format!("<{0}>{s}</{0}>", name.replace(['.', ' '], "-")),
        _ => format!("{time} trace_id={} {word}: {{{name}: {s}, user: {word}}}", chance.letters(HEX, 32)),
    }
}
