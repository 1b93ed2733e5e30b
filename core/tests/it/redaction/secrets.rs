//! Secrets of many kinds, as their issuers make them.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use super::chance::{ALNUM, BASE32, BASE64, CAPITALS, Chance, DASH, DIGITS, HEX, SMALL};
use super::contexts::Place;

pub(super) struct Kind {
    pub(super) name: &'static str,
    pub(super) place: Place,
    pub(super) make: fn(&mut Chance) -> String,
}

const fn anywhere(name: &'static str, make: fn(&mut Chance) -> String) -> Kind {
    Kind { name, place: Place::Anywhere, make }
}

const fn password(name: &'static str, make: fn(&mut Chance) -> String) -> Kind {
    Kind { name, place: Place::Password, make }
}

const fn key(name: &'static str, make: fn(&mut Chance) -> String) -> Kind {
    Kind { name, place: Place::Key, make }
}

fn cat(pieces: &[&str]) -> String {
    pieces.concat()
}

/// A beginning in two pieces, and letters.
fn token(c: &mut Chance, begin: [&str; 2], of: &str, count: usize) -> String {
    let rest = c.letters(of, count);
    cat(&[begin[0], begin[1], &rest])
}

fn web_token(c: &mut Chance, head: &str) -> String {
    let body = format!(
        r#"{{"iss":"kubernetes/serviceaccount","sub":"system:serviceaccount:{}:default","exp":{}}}"#,
        c.word(),
        c.letters("123456789", 10)
    );
    let signature = c.bytes(64);
    format!("{}.{}.{}", URL_SAFE_NO_PAD.encode(head), URL_SAFE_NO_PAD.encode(body), URL_SAFE_NO_PAD.encode(signature))
}

fn pem(c: &mut Chance, label: &str, lines: usize) -> String {
    let mut text = cat(&["-----BEG", "IN ", label, " PRIVATE", " KEY-----\n"]);
    for _ in 0..lines {
        text += &c.letters(BASE64, 64);
        text.push('\n');
    }
    text + &c.letters(BASE64, 22) + "==\n" + &cat(&["-----E", "ND ", label, " PRIVATE", " KEY-----"])
}

fn chosen(c: &mut Chance) -> String {
    let word = c
        .one(&["Summer", "Winter", "Dragon", "letmein", "Welcome", "hunter", "qwerty", "Passw0rd", "monkey", "Taipei"]);
    format!("{word}{}{}", c.letters(DIGITS, 2), c.one(&["", "!", "!!", "#1", "$x", "@home"]))
}

fn drawn(c: &mut Chance) -> String {
    let count = 10 + c.below(16);
    format!(
        "{}{}",
        c.letters(ALNUM, 3),
        c.letters("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789!@#%^*_+-", count)
    )
}

/// In the order of clouds, forges and services, keys, addresses, headers, hashes, names.
pub(super) const KINDS: &[Kind] = &[
    anywhere("aws access key id", |c| token(c, ["AK", "IA"], "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)),
    anywhere("aws session key id", |c| token(c, ["AS", "IA"], "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16)),
    key("aws secret access key", |c| c.letters(BASE64, 40)),
    anywhere("aws secret without a name", |c| c.letters(BASE64, 40)),
    anywhere("google api key", |c| token(c, ["AI", "za"], DASH, 35)),
    anywhere("google oauth client secret", |c| token(c, ["GOC", "SPX-"], DASH, 28)),
    anywhere("google access token", |c| token(c, ["ya", "29."], DASH, 120)),
    anywhere("azure client secret", |c| {
        format!("{}8Q~{}", c.letters(ALNUM, 3), c.letters("ABCDEFabcdef0123456789xyzXYZ~_-", 34))
    }),
    anywhere("digitalocean token", |c| token(c, ["dop_", "v1_"], HEX, 64)),
    anywhere("alibaba access key id", |c| token(c, ["LT", "AI5t"], ALNUM, 20)),
    anywhere("vault token", |c| token(c, ["hv", "s."], DASH, 90)),
    anywhere("terraform cloud token", |c| format!("{}.atlasv1.{}", c.letters(ALNUM, 14), c.letters(DASH, 67))),
    anywhere("databricks token", |c| token(c, ["da", "pi"], HEX, 32)),
    anywhere("tailscale key", |c| {
        format!("{}{}CNTRL-{}", "tsk", cat(&["ey-auth-k", &c.letters(ALNUM, 9)]), c.letters(ALNUM, 32))
    }),
    anywhere("github classic token", |c| token(c, ["gh", "p_"], ALNUM, 36)),
    anywhere("github fine-grained token", |c| {
        format!("{}{}_{}", cat(&["github", "_pat_"]), c.letters(ALNUM, 22), c.letters(ALNUM, 59))
    }),
    anywhere("github app token", |c| token(c, ["gh", "s_"], ALNUM, 36)),
    anywhere("gitlab token", |c| token(c, ["glp", "at-"], DASH, 20)),
    anywhere("gitlab runner token", |c| token(c, ["glr", "t-"], DASH, 20)),
    anywhere("atlassian token", |c| token(c, ["ATA", "TT3xFfGF0"], DASH, 180)),
    anywhere("slack bot token", |c| {
        format!("{}{}-{}-{}", cat(&["xo", "xb-"]), c.letters(DIGITS, 12), c.letters(DIGITS, 13), c.letters(ALNUM, 24))
    }),
    anywhere("slack app token", |c| {
        format!(
            "{}1-A{}-{}-{}",
            cat(&["xa", "pp-"]),
            c.letters("ABCDEFGH0123", 10),
            c.letters(DIGITS, 13),
            c.letters(HEX, 64)
        )
    }),
    anywhere("slack webhook", |c| {
        format!(
            "https://{}T{}/B{}/{}",
            cat(&["hooks.slack", ".com/services/"]),
            c.letters("ABCDEFGH0123", 8),
            c.letters("ABCDEFGH0123", 10),
            c.letters(ALNUM, 24)
        )
    }),
    anywhere("discord webhook", |c| {
        format!("https://{}{}/{}", cat(&["discord", ".com/api/webhooks/"]), c.letters(DIGITS, 18), c.letters(DASH, 68))
    }),
    anywhere("discord bot token", |c| {
        let id = c.letters("123456789", 18);
        format!("{}.{}.{}", URL_SAFE_NO_PAD.encode(id), c.letters(ALNUM, 6), c.letters(DASH, 38))
    }),
    anywhere("telegram bot token", |c| format!("{}:AA{}", c.letters("123456789", 10), c.letters(DASH, 33))),
    anywhere("stripe secret key", |c| token(c, ["sk_", "live_"], ALNUM, 24)),
    anywhere("stripe restricted key", |c| token(c, ["rk_", "live_"], ALNUM, 99)),
    anywhere("npm token", |c| token(c, ["np", "m_"], ALNUM, 36)),
    anywhere("pypi token", |c| token(c, ["pypi-", "AgEIcHlwaS5vcmc"], DASH, 150)),
    anywhere("docker hub token", |c| token(c, ["dckr_", "pat_"], DASH, 27)),
    anywhere("openai key", |c| {
        format!("{}{}{}{}", cat(&["sk-", "proj-"]), c.letters(DASH, 60), cat(&["T3Blbk", "FJ"]), c.letters(DASH, 60))
    }),
    anywhere("openai key of before", |c| {
        format!("{}{}{}{}", "sk-", c.letters(ALNUM, 20), cat(&["T3Blbk", "FJ"]), c.letters(ALNUM, 20))
    }),
    anywhere("anthropic key", |c| format!("{}{}AA", cat(&["sk-", "ant-api03-"]), c.letters(DASH, 93))),
    anywhere("nvidia key", |c| token(c, ["nv", "api-"], DASH, 64)),
    anywhere("hugging face token", |c| token(c, ["h", "f_"], ALNUM, 34)),
    anywhere("sendgrid key", |c| format!("{}{}.{}", cat(&["S", "G."]), c.letters(DASH, 22), c.letters(DASH, 43))),
    anywhere("twilio key", |c| token(c, ["S", "K"], HEX, 32)),
    key("datadog key", |c| c.letters(HEX, 32)),
    anywhere("grafana service account", |c| {
        format!("{}{}_{}", cat(&["gl", "sa_"]), c.letters(ALNUM, 32), c.letters(HEX, 8))
    }),
    anywhere("new relic key", |c| token(c, ["NR", "AK-"], "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 27)),
    anywhere("shopify token", |c| token(c, ["shp", "at_"], HEX, 32)),
    anywhere("mailgun key", |c| token(c, ["ke", "y-"], HEX, 32)),
    anywhere("linear key", |c| token(c, ["lin_", "api_"], ALNUM, 40)),
    anywhere("age key", |c| token(c, ["AGE-SECRET", "-KEY-1"], "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)),
    anywhere("service account token", |c| web_token(c, r#"{"alg":"RS256","kid":"x1"}"#)),
    anywhere("json web token", |c| web_token(c, r#"{"typ":"JWT","alg":"HS256"}"#)),
    anywhere("private key on one line", |c| pem(c, "EC", 2).replace('\n', "\\n")),
    anywhere("private key in base64", |c| STANDARD.encode(pem(c, "RSA", 4))),
    anywhere("pkcs8 key in base64", |c| {
        STANDARD.encode([&[0x30, 0x82, 0x04, 0xbe, 0x02, 0x01, 0x00, 0x30, 0x0d], c.bytes(300).as_slice()].concat())
    }),
    anywhere("docker config in base64", |c| {
        let auth = STANDARD.encode(format!("{}:{}", c.word(), drawn(c)));
        STANDARD.encode(format!(r#"{{"auths":{{"ghcr.io":{{"auth":"{auth}"}}}}}}"#))
    }),
    key("totp seed", |c| c.letters(BASE32, 32)),
    password("chosen password", chosen),
    password("drawn password", drawn),
    key("key in hexadecimal", |c| c.letters(HEX, 64)),
    key("key as uuid", Chance::uuid),
    key("key in base64", |c| STANDARD.encode(c.bytes(33))),
    key("key of small letters", |c| c.letters("abcdefghijklmnopqrstuvwxyz0123456789", 30)),
    anywhere("random token", |c| c.letters(ALNUM, 40)),
    anywhere("random token for addresses", |c| c.letters(DASH, 48)),
    anywhere("bcrypt hash", |c| {
        format!("$2b$12${}", c.letters("./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 53))
    }),
    anywhere("sha512 crypt hash", |c| format!("$6${}${}", c.letters(ALNUM, 16), c.letters(ALNUM, 86))),
    anywhere("argon2 hash", |c| {
        format!("$argon2id$v=19$m=65536,t=3,p=4${}${}", c.letters(BASE64, 22), c.letters(BASE64, 43))
    }),
];

/// A kind, and what makes a text and the secret in it.
type Within = (&'static str, fn(&mut Chance) -> (String, String));

/// Secrets that are a part of a text made whole here: the text, and the part.
pub(super) const WITHIN: &[Within] = &[
    ("azure storage connection", |c| {
        let p = STANDARD.encode(c.bytes(64));
        (
            format!(
                "DefaultEndpointsProtocol=https;AccountName={};AccountKey={p};EndpointSuffix=core.windows.net",
                c.word()
            ),
            p,
        )
    }),
    ("azure sas", |c| {
        let p = STANDARD.encode(c.bytes(32)).replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
        (format!("https://{}.blob.core.windows.net/x?sv=2022-11-02&sr=c&sp=rl&sig={p}", c.word()), p)
    }),
    ("azure service bus key", |c| {
        let p = STANDARD.encode(c.bytes(32));
        (
            format!(
                "conn: Endpoint=sb://{}.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={p}",
                c.word()
            ),
            p,
        )
    }),
    ("rsa private key", |c| {
        let p = pem(c, "RSA", 6).replace('\n', "\n  ");
        (format!("key: |\n  {p}\nuser: a\n"), p)
    }),
    ("openssh private key", |c| {
        let p = pem(c, "OPENSSH", 5);
        (format!("see\n{p}\nthere"), p)
    }),
    ("kubeconfig client key", |c| {
        let p = STANDARD.encode(pem(c, "RSA", 4));
        (format!("users:\n- name: admin\n  user:\n    client-key-data: {p}\n"), p)
    }),
    ("docker config", |c| {
        let p = STANDARD.encode(format!("{}:{}", c.word(), drawn(c)));
        (format!(r#"{{"auths":{{"ghcr.io":{{"auth":"{p}"}}}}}}"#), p)
    }),
    ("wireguard key", |c| {
        let p = STANDARD.encode(c.bytes(32));
        (format!("[Interface]\nPrivateKey = {p}\nAddress = 10.0.0.1/24\n"), p)
    }),
    ("totp address", |c| {
        let p = c.letters(BASE32, 32);
        (format!("otpauth://totp/acme:ops?secret={p}&issuer=acme"), p)
    }),
    ("htpasswd line", |c| {
        let p = format!("$apr1${}${}", c.letters(ALNUM, 8), c.letters(ALNUM, 22));
        (format!("{}:{p}\n", c.word()), p)
    }),
    ("secret in json on one line", |c| {
        let p = STANDARD.encode(chosen(c));
        (
            format!(
                r#"{{"apiVersion":"v1","data":{{"conf":"{p}","mode":"ZmFzdA=="}},"kind":"Secret","metadata":{{"name":"a"}}}}"#
            ),
            p,
        )
    }),
    ("secret as it was applied", |c| {
        let p = chosen(c);
        (
            format!(
                r#"    kubectl.kubernetes.io/last-applied-configuration: "{{\"kind\":\"Secret\",\"stringData\":{{\"conf\":\"{p}\"}}}}""#
            ),
            p,
        )
    }),
    ("postgres address", |c| {
        let p = drawn_for_address(c);
        (format!("postgres://app:{p}@db.{}.svc:5432/app?sslmode=require", c.word()), p)
    }),
    ("mysql address", |c| {
        let p = chosen_for_address(c);
        (format!("DATABASE_URL=mysql://root:{p}@mysql/app"), p)
    }),
    ("mongodb address", |c| {
        let p = drawn_for_address(c);
        (format!("\"uri\": \"mongodb+srv://app:{p}@c0.{}.mongodb.net/?retryWrites=true\"", c.letters(SMALL, 5)), p)
    }),
    ("redis address", |c| {
        let p = drawn_for_address(c);
        (format!("cannot connect to redis://:{p}@redis-master:6379/0: timeout"), p)
    }),
    ("amqp address", |c| {
        let p = chosen_for_address(c);
        (format!("broker_url: amqp://guest:{p}@rabbit:5672//"), p)
    }),
    ("jdbc address", |c| {
        let p = drawn_for_address(c);
        (format!("jdbc:postgresql://db:5432/app?user=app&password={p}&ssl=true"), p)
    }),
    ("jdbc sqlserver address", |c| {
        let p = chosen(c);
        (format!("jdbc:sqlserver://db:1433;databaseName=app;user=sa;password={p};encrypt=true"), p)
    }),
    ("jdbc oracle address", |c| {
        let p = chosen_for_address(c);
        (format!("url=jdbc:oracle:thin:app/{p}@//db:1521/ORCL"), p)
    }),
    ("ado.net connection", |c| {
        let p = drawn(c);
        (format!("Server=tcp:db,1433;Initial Catalog=app;User ID=sa;Password={p};Encrypt=True;"), p)
    }),
    ("libpq connection", |c| {
        let p = drawn(c);
        (format!("host=db port=5432 user=app password={p} dbname=app"), p)
    }),
    ("git address with a token", |c| {
        let p = c.letters(HEX, 40);
        (format!("fatal: could not read from https://x-access-token:{p}@github.com/a/b.git"), p)
    }),
    ("git address with a token alone", |c| {
        let p = c.letters(HEX, 40);
        (format!("remote: https://{p}@git.example.net/a/b.git"), p)
    }),
    ("basic header", |c| {
        let p = STANDARD.encode(format!("admin:{}", drawn(c)));
        (format!("> Authorization: Basic {p}\n> Accept: */*"), p)
    }),
    ("bearer header", |c| {
        let p = c.letters(DASH, 43);
        (format!("curl -H 'Authorization: Bearer {p}' https://api.example.net/v1"), p)
    }),
    ("bearer header in json", |c| {
        let p = c.letters(ALNUM, 32);
        (format!("{{\"headers\":{{\"Authorization\":\"Bearer {p}\",\"Accept\":\"*/*\"}}}}"), p)
    }),
    ("token header", |c| {
        let p = c.letters(HEX, 40);
        (format!("Authorization: token {p}"), p)
    }),
    ("api key header", |c| {
        let p = c.letters(ALNUM, 32);
        (format!("x-api-key: {p}\r\nhost: api"), p)
    }),
    ("cookie", |c| {
        let p = c.letters(ALNUM, 26);
        (format!("Cookie: theme=dark; sessionid={p}; lang=en"), p)
    }),
    ("set-cookie", |c| {
        let p = c.letters(CAPITALS, 32);
        (format!("< set-cookie: JSESSIONID={p}; Path=/; HttpOnly"), p)
    }),
    ("curl login", |c| {
        let p = chosen(c);
        (format!("curl -s -u 'admin:{p}' https://registry.example.net/v2/"), p)
    }),
    ("mysql flag", |c| {
        let p = drawn(c);
        (format!("mysql -h db -u root -p'{p}' -e 'select 1'"), p)
    }),
    ("sshpass flag", |c| {
        let p = chosen(c);
        (format!("sshpass -p '{p}' ssh root@10.0.0.5"), p)
    }),
    ("docker login", |c| {
        let p = drawn(c);
        (format!("docker login -u ci -p \"{p}\" registry.example.net"), p)
    }),
    ("redis-cli flag", |c| {
        let p = drawn(c);
        (format!("redis-cli -h redis -a '{p}' ping"), p)
    }),
    ("kubectl literal", |c| {
        let p = drawn(c);
        (format!("kubectl create secret generic app --from-literal=config='{p}'"), p)
    }),
    ("helm set", |c| {
        let p = drawn(c);
        (format!("helm upgrade web ./web --set auth.adminPassword='{p}',replicas=2"), p)
    }),
    ("netrc", |c| {
        let p = drawn(c);
        (format!("machine git.example.net login ci password {p}\n"), p)
    }),
    ("redis.conf", |c| {
        let p = drawn(c);
        (format!("port 6379\nrequirepass {p}\nmaxmemory 1gb\n"), p)
    }),
    ("password below its name", |c| {
        let p = drawn(c);
        (format!("stringData:\n  password: |-\n    {p}\n  user: app\n"), p)
    }),
    ("password in two arguments", |c| {
        let p = chosen(c);
        (format!("command:\n- psql\n- --password\n- \"{p}\"\n- -v\n"), p)
    }),
    ("password in prose", |c| {
        let p = chosen(c);
        (format!("I think the password is {p} and it does not work."), p)
    }),
    ("e-mail", |c| {
        let p = format!("{}.{}@{}.example.org", c.word(), c.word(), c.word());
        (format!("please ask {p}, who knows"), p)
    }),
    ("secret manifest", |c| {
        let p = STANDARD.encode(chosen(c));
        (format!("apiVersion: v1\ndata:\n  conf: {p}\nkind: Secret\nmetadata:\n  name: app\n"), p)
    }),
    ("secret manifest, kind first", |c| {
        let p = chosen(c);
        (format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: app\ntype: Opaque\nstringData:\n  conf: {p}\n"), p)
    }),
    ("secret in json", |c| {
        let p = STANDARD.encode(chosen(c));
        (
            format!(
                "{{\n  \"apiVersion\": \"v1\",\n  \"data\": {{\n    \"conf\": \"{p}\"\n  }},\n  \"kind\": \"Secret\"\n}}"
            ),
            p,
        )
    }),
];

fn drawn_for_address(c: &mut Chance) -> String {
    let count = 12 + c.below(12);
    c.letters("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789-_.~!", count)
}

fn chosen_for_address(c: &mut Chance) -> String {
    format!("{}{}", c.one(&["dragon", "Taipei", "letmein", "hunter"]), c.letters(DIGITS, 3))
}
