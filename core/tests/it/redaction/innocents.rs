//! Strings that look like much and are no secrets.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::chance::{ALNUM, BASE64, Chance, DIGITS, HEX, SMALL};
use super::contexts::Place;
use super::secrets::Kind;

const fn anywhere(name: &'static str, make: fn(&mut Chance) -> String) -> Kind {
    Kind { name, place: Place::Anywhere, make }
}

const fn alone(name: &'static str, make: fn(&mut Chance) -> String) -> Kind {
    Kind { name, place: Place::Alone, make }
}

/// The letters of Kubernetes' generated names.
const SAFE: &str = "bcdfghjklmnpqrstvwxz2456789";

fn settings(c: &mut Chance) -> String {
    format!(
        "{}:\n  replicas: {}\n  image: {}/{}:1.{}.0\n  log: {{level: info}}\n",
        c.word(),
        c.below(9),
        c.word(),
        c.word(),
        c.below(30)
    )
}

fn camel(c: &mut Chance) -> String {
    let words = [
        "Horizontal",
        "Pod",
        "Autoscaler",
        "Config",
        "Map",
        "Volume",
        "Attach",
        "Controller",
        "Http",
        "Request",
        "Handler",
        "Factory",
        "Bean",
        "Token",
        "Review",
        "Secret",
        "List",
        "Deployment",
        "Status",
        "Manager",
    ];
    (0..4).map(|_| c.one(&words)).collect()
}

/// Hashes, ids and names; texts in base64; what is public of keys; words; what only speaks of credentials.
pub(super) const KINDS: &[Kind] = &[
    anywhere("commit", |c| c.letters(HEX, 40)),
    anywhere("short commit", |c| c.letters(HEX, 12)),
    anywhere("sha256 digest", |c| format!("sha256:{}", c.letters(HEX, 64))),
    anywhere("bare sha256", |c| c.letters(HEX, 64)),
    anywhere("md5", |c| c.letters(HEX, 32)),
    anywhere("sha512", |c| c.letters(HEX, 128)),
    anywhere("image by digest", |c| {
        format!(
            "registry.example.net:5000/{}/{}:v1.{}.2@sha256:{}",
            c.word(),
            c.word(),
            c.below(30),
            c.letters(HEX, 64)
        )
    }),
    anywhere("uuid", Chance::uuid),
    anywhere("resource version", |c| c.letters("123456789", 9)),
    anywhere("pod of a deployment", |c| {
        format!("{}-{}-{}-{}", c.word(), c.word(), c.letters(SAFE, 10), c.letters(SAFE, 5))
    }),
    anywhere("pod of a set", |c| format!("{}-{}-{}", c.word(), c.word(), c.below(20))),
    anywhere("job's pod", |c| format!("{}-{}-{}", c.word(), c.letters("123456789", 8), c.letters(SAFE, 5))),
    anywhere("node", |c| {
        format!("ip-10-{}-{}-{}.eu-west-1.compute.internal", c.below(255), c.below(255), c.below(255))
    }),
    anywhere("container id", |c| format!("containerd://{}", c.letters(HEX, 64))),
    anywhere("settings in base64", |c| {
        let s = settings(c);
        STANDARD.encode(s)
    }),
    anywhere("json in base64", |c| {
        STANDARD.encode(format!(r#"{{"v":"meta.k8s.io/v1","rv":{},"start":"{}\u0000"}}"#, c.below(99999), c.word()))
    }),
    anywhere("gzip in base64", |c| STANDARD.encode([&[0x1f, 0x8b, 8, 0], c.bytes(90).as_slice()].concat())),
    anywhere("certificate in base64", |c| {
        let pem = format!("-----BEGIN CERTIFICATE-----\nMIID{}\n-----END CERTIFICATE-----\n", c.letters(BASE64, 60));
        STANDARD.encode(pem)
    }),
    anywhere("certificate in DER", |c| {
        STANDARD.encode([&[0x30, 0x82, 0x03, 0x4d, 0x30, 0x82, 0x02, 0x35, 0xa0], c.bytes(120).as_slice()].concat())
    }),
    alone("picture", |c| format!("icon: data:image/png;base64,{}\n", STANDARD.encode(c.bytes(200)))),
    anywhere("ssh public key", |c| {
        format!(
            "ssh-ed25519 {} ops",
            STANDARD.encode([b"\0\0\0\x0bssh-ed25519\0\0\0 ".as_slice(), c.bytes(32).as_slice()].concat())
        )
    }),
    anywhere("ssh fingerprint", |c| format!("SHA256:{}", c.letters(BASE64, 43))),
    anywhere("integrity", |c| format!("sha512-{}", STANDARD.encode(c.bytes(64)))),
    anywhere("go sum", |c| format!("h1:{}", STANDARD.encode(c.bytes(32)))),
    alone("go.sum line", |c| format!("k8s.io/{} v0.{}.0 h1:{}\n", c.word(), c.below(40), STANDARD.encode(c.bytes(32)))),
    alone("checksum annotation", |c| {
        format!(
            "  annotations:\n    checksum/secret: {}\n    checksum/config: {}\n",
            c.letters(HEX, 64),
            c.letters(HEX, 64)
        )
    }),
    alone("etag", |c| format!("ETag: W/\"{}\"\nContent-Type: text/html\n", c.letters(ALNUM, 27))),
    alone("trace", |c| format!("traceparent: 00-{}-{}-01", c.letters(HEX, 32), c.letters(HEX, 16))),
    alone("certificate", |c| {
        format!(
            "-----BEGIN CERTIFICATE-----\nMIID{}\n{}\n-----END CERTIFICATE-----\n",
            c.letters(HEX, 60),
            c.letters(HEX, 64)
        )
    }),
    anywhere("helm release", |c| format!("sh.helm.release.v1.{}-{}.v{}", c.word(), c.word(), c.below(40))),
    anywhere("path", |c| {
        format!(
            "/var/lib/kubelet/pods/{}/volumes/kubernetes.io~projected/kube-api-access-{}",
            c.uuid(),
            c.letters(SAFE, 5)
        )
    }),
    anywhere("date", |c| format!("2026-0{}-1{}T0{}:12:55Z", c.below(9) + 1, c.below(9), c.below(9))),
    anywhere("number", |c| format!("{}.{}", c.letters("123456789", 7), c.letters(DIGITS, 5))),
    anywhere("sentence", |c| format!("the {} could not reach {} within ten seconds", c.word(), c.word())),
    anywhere("identifier", camel),
    anywhere("java class", |c| {
        let name = camel(c);
        format!("org.springframework.{}.support.{name}Test", c.word())
    }),
    anywhere("constant", |c| {
        format!("{}_{}_MAX_CONNECTION_TIMEOUT_SECONDS", c.word().to_uppercase(), c.word().to_uppercase())
    }),
    anywhere("version", |c| {
        format!("v{}.{}.{}-rc.{}+build.{}", c.below(9), c.below(40), c.below(9), c.below(4), c.letters(HEX, 7))
    }),
    anywhere("pseudo-version", |c| format!("v0.0.0-2026010{}112233-{}", c.below(9), c.letters(HEX, 12))),
    anywhere("address", |c| format!("10.{}.{}.{}:8443", c.below(255), c.below(255), c.below(255))),
    anywhere("mac", |c| (0..6).map(|_| c.letters(HEX, 2)).collect::<Vec<_>>().join(":")),
    anywhere("url", |c| format!("https://{}.example.net:8443/{}/v1/namespaces/{}/pods", c.word(), c.word(), c.word())),
    anywhere("arn", |c| format!("arn:aws:iam::{}:role/{}-{}", c.letters(DIGITS, 12), c.word(), c.word())),
    anywhere("ulid", |c| format!("01HQ{}", c.letters("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 22))),
    anywhere("quantity", |c| format!("{}Mi", c.below(4096))),
    anywhere("ssh remote", |c| format!("git@github.com:{}/{}.git", c.word(), c.word())),
    alone("secret reference", |c| {
        format!(
            "env:\n- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: {}-db\n      key: password\n- name: MODE\n  value: fast\n",
            c.word()
        )
    }),
    alone("variable", |c| {
        let name = c.one(&[
            "$(DB_PASSWORD)",
            "${DB_PASSWORD}",
            "{{ .Values.password }}",
            "$DB_PASSWORD",
            "***",
            "<redacted>",
            "\"\"",
            "null",
            "${env:TOKEN}",
            "vault:secret/data/db#password",
        ]);
        format!("password: {name}\n")
    }),
    alone("words of passwords", |c| {
        c.one(&[
            "the password must have 12 letters",
            "wrong password for user app",
            "password authentication failed for user \"app\"",
            "Reset your password: click the link",
            "the token has expired",
            "token: expired",
            "invalid token: signature mismatch",
            "secret not found",
            "no secret with name db",
            "password: required",
            "API key missing",
            "authorization: failed",
            "Unauthorized: token is invalid",
            "bearer token was refused",
            "rotate the secret of billing",
        ])
        .to_owned()
    }),
    alone("secret's name", |c| {
        format!("secretName: {}-tls-{}\nimagePullSecrets:\n- name: regcred\n", c.word(), c.letters(SAFE, 5))
    }),
    alone("secret as volume", |c| {
        format!("volumes:\n- name: certs\n  secret:\n    secretName: {}-certs\n    defaultMode: 420\n", c.word())
    }),
    alone("secret's event", |c| {
        format!(
            "Warning  FailedMount  kubelet  MountVolume.SetUp failed for volume \"{0}\" : secret \"{0}-7f9c4\" not found",
            c.word()
        )
    }),
    alone("described secret", |c| {
        format!(
            "Name:         {}\nType:  Opaque\n\nData\n====\npassword:  {} bytes\ntoken:     {} bytes\n",
            c.word(),
            c.below(40) + 8,
            c.below(900) + 8
        )
    }),
    alone("described reference", |c| {
        format!(
            "    Environment:\n      DB_PASSWORD:  <set to the key 'password' in secret '{}'>  Optional: false\n",
            c.word()
        )
    }),
    alone("file of a password", |c| {
        format!("--password-file=/run/secrets/{} --token-ttl=60 --tls-private-key-file=/etc/tls/tls.key", c.word())
    }),
    alone("token counts", |c| {
        format!(
            "prompt_tokens={} completion_tokens={} max_tokens: {} token_type: bearer",
            c.below(9000),
            c.below(900),
            c.below(4096)
        )
    }),
    alone("code", |c| {
        format!("password := os.Getenv(\"DB_PASSWORD\")\nif token == nil {{ return errors.New(\"{}\") }}\n", c.word())
    }),
    alone("more code", |_| {
        "self.password = config.password\nauth(token=request.headers.token)\nlet secret: String = read_secret(&path)?;\n".to_owned()
    }),
    alone("pod's listing", |c| {
        format!(
            "{}-{}-{}   1/1     Running   {}   3d4h   10.0.0.{}   node-{}\n",
            c.word(),
            c.letters(SAFE, 10),
            c.letters(SAFE, 5),
            c.below(9),
            c.below(255),
            c.below(9)
        )
    }),
    alone("metric", |c| {
        format!(
            "http_requests_total{{code=\"200\",handler=\"/{}\",pod=\"{}-{}\"}} {}\n",
            c.word(),
            c.word(),
            c.letters(SAFE, 5),
            c.below(99999)
        )
    }),
    alone("status condition", |c| {
        format!(
            "conditions:\n- type: Ready\n  status: \"False\"\n  reason: {}\n  observedGeneration: {}\n",
            camel(c),
            c.below(40)
        )
    }),
    alone("config map", |c| {
        format!(
            "apiVersion: v1\ndata:\n  {}: {}\n  mode: fast\nkind: ConfigMap\nmetadata:\n  name: {}\n  uid: {}\n",
            c.word(),
            c.letters(SMALL, 8),
            c.word(),
            c.uuid()
        )
    }),
    alone("difference", |c| {
        format!(
            "diff --git a/{0}.yaml b/{0}.yaml\nindex {1}..{2} 100644\n--- a/{0}.yaml\n+++ b/{0}.yaml\n@@ -1,4 +1,4 @@\n-  replicas: 2\n+  replicas: 3\n",
            c.word(),
            c.letters(HEX, 8),
            c.letters(HEX, 8)
        )
    }),
    alone("service account", |c| {
        format!(
            "Mountable secrets:   {0}-token-{1}\nTokens:              {0}-token-{1}\n",
            c.word(),
            c.letters(SAFE, 5)
        )
    }),
    alone("fingerprint of ours", |c| format!("password: <SECRET {}>\n", c.letters(HEX, 8))),
];
