//! Tokens that say by their beginning who issued them, as the issuers publish their formats.

use std::ops::Range;

use super::random::{is_hex, is_plain, is_uuid};
use super::run::{Letters, begins};
use super::value::is_filled;
use super::{Find, Kind};

use Letters::{Alnum, Base64, Crypt, Dash, Dotted, Hex, Upper, Word};

/// A beginning, the letters after it, and how many there are at least.
pub(super) struct Issued {
    pub(super) begin: &'static str,
    letters: Letters,
    least: usize,
    kind: Kind,
}

const fn cloud(begin: &'static str, letters: Letters, least: usize) -> Issued {
    Issued { begin, letters, least, kind: Kind::CloudKey }
}

const fn token(begin: &'static str, letters: Letters, least: usize) -> Issued {
    Issued { begin, letters, least, kind: Kind::ServiceToken }
}

const fn key(begin: &'static str, letters: Letters, least: usize) -> Issued {
    Issued { begin, letters, least, kind: Kind::PrivateKey }
}

const fn hash(begin: &'static str, letters: Letters, least: usize) -> Issued {
    Issued { begin, letters, least, kind: Kind::PasswordHash }
}

/// In the order of clouds, forges, chats, payments, packages, models, mail, watching, others, keys and hashes.
#[rustfmt::skip]
pub(super) const ISSUED: &[Issued] = &[
    cloud("AKIA", Upper, 16), cloud("ASIA", Upper, 16), cloud("ABIA", Upper, 16), cloud("ACCA", Upper, 16),
    cloud("ABSK", Base64, 80), cloud("bedrock-api-key-", Base64, 40),
    cloud("AIza", Dash, 33), cloud("GOCSPX-", Dash, 24), cloud("ya29.", Dotted, 20), cloud("1//0", Dash, 35),
    cloud("dop_v1_", Hex, 40), cloud("doo_v1_", Hex, 40), cloud("dor_v1_", Hex, 40),
    cloud("LTAI", Alnum, 12), cloud("STS.N", Alnum, 16), cloud("AKID", Alnum, 28), cloud("SCW", Upper, 17),
    cloud("AQVN", Dash, 30), cloud("v1.0-", Dash, 100), cloud("HRKU-", Dash, 30),
    cloud("fm2_", Base64, 40), cloud("fm1r_", Base64, 40), cloud("fm1a_", Base64, 40), cloud("fo1_", Dash, 30),
    cloud("nfp_", Alnum, 32), cloud("rnd_", Alnum, 24), cloud("sbp_", Alnum, 36), cloud("sb_secret_", Dash, 20),
    cloud("pscale_tkn_", Dotted, 30), cloud("pscale_pw_", Dotted, 30), cloud("pscale_oauth_", Dotted, 30),
    cloud("napi_", Alnum, 32), cloud("dapi", Hex, 32), cloud("dp.pt.", Alnum, 36), cloud("dp.st.", Dotted, 36),
    cloud("dp.ct.", Alnum, 36), cloud("dp.sa.", Alnum, 36), cloud("dp.scim.", Alnum, 36), cloud("pul-", Hex, 36),
    cloud("hvs.", Dash, 20), cloud("hvb.", Dash, 20), cloud("hvr.", Dash, 20), cloud("tskey-", Dash, 16),
    cloud("ops_eyJ", Base64, 40), cloud("A3-", Dash, 30), cloud("akv1.", Dotted, 30), cloud("EAAAEI", Dash, 30),

    token("ghp_", Alnum, 20), token("gho_", Alnum, 20), token("ghu_", Alnum, 20), token("ghs_", Dotted, 20),
    token("ghr_", Alnum, 20), token("github_pat_", Word, 22), token("glpat-", Dotted, 16), token("gldt-", Dash, 16),
    token("glrt-", Dotted, 16), token("glrtr-", Dotted, 16), token("glcbt-", Dash, 16), token("glptt-", Dash, 16),
    token("glft-", Dash, 16), token("glimt-", Dash, 16), token("glagent-", Dash, 16), token("gloas-", Dash, 16),
    token("glsoat-", Dash, 16), token("glffct-", Dash, 16), token("GR1348941", Dash, 16), token("ATBB", Alnum, 28),
    token("ATCTT3x", Base64, 40), token("ATATT3x", Base64, 40), token("sgp_", Word, 36), token("bkua_", Hex, 36),
    token("CCIPAT_", Word, 36), token("CCIPRJ_", Word, 36),
    token("s-s4t2ud-", Hex, 60), token("s-s4t2af-", Hex, 60),

    token("xoxb-", Dash, 16), token("xoxp-", Dash, 16), token("xoxa-", Dash, 16), token("xoxr-", Dash, 16),
    token("xoxs-", Dash, 16), token("xoxc-", Dash, 16), token("xoxd-", Base64, 16), token("xoxe-", Dash, 16), token("xoxo-", Dash, 16),
    token("xoxe.xox", Dotted, 16), token("xapp-", Dash, 16), token("xwfp-", Dash, 16),

    token("sk_live_", Alnum, 16), token("sk_test_", Alnum, 16), token("rk_live_", Alnum, 16), token("rk_test_", Alnum, 16),
    token("sk_prod_", Alnum, 16), token("rk_prod_", Alnum, 16), token("EAAA", Dash, 40), token("EAAM", Alnum, 60),
    token("whsec_", Base64, 24), token("EAAC", Alnum, 60), token("shippo_test_", Hex, 36), token("sq0csp-", Dash, 30), token("sq0atp-", Dash, 20), token("sq0idp-", Dash, 20),
    token("shpat_", Hex, 30), token("shpca_", Hex, 30), token("shppa_", Hex, 30), token("shpss_", Hex, 30),
    token("rzp_live_", Alnum, 14), token("pdl_live_apikey_", Word, 20), token("FLWSECK", Dash, 20),
    token("access_token$production$", Word, 20), token("access_token$sandbox$", Word, 20), token("AQE", Dotted, 80),
    token("EZAK", Alnum, 40), token("EZTK", Alnum, 40), token("shippo_live_", Hex, 36),

    token("npm_", Alnum, 30), token("pypi-AgE", Dash, 40), token("rubygems_", Hex, 40), token("oy2", Alnum, 43),
    token("dckr_pat_", Dash, 20), token("dckr_oat_", Dash, 20), token("CLOJARS_", Alnum, 50), token("AKCp", Alnum, 60),
    token("cmVmdGtu", Alnum, 50), token("cio", Alnum, 32), token("uvpkg_", Alnum, 30),

    token("sk-", Dash, 20), token("sk-ant-", Dash, 40), token("nvapi-", Dash, 30), token("hf_", Alnum, 30), token("api_org_", Alnum, 30),
    token("gsk_", Alnum, 40), token("xai-", Alnum, 60), token("r8_", Alnum, 32), token("pplx-", Alnum, 36),
    token("lsv2_pt_", Word, 30), token("lsv2_sk_", Word, 30), token("pcsk_", Word, 40), token("tvly-", Dash, 24),
    token("fw_", Alnum, 20), token("jina_", Word, 40), token("pa-", Dash, 40), token("sess-", Alnum, 36),

    token("SG.", Dotted, 40), token("key-", Hex, 32), token("xkeysib-", Dash, 60), token("xsmtpsib-", Dash, 60),
    token("re_", Word, 28), token("SK", Hex, 32), token("pubkey-", Hex, 32), token("md-", Dash, 20),

    token("NRAK-", Alnum, 24), token("NRJS-", Alnum, 16), token("NRII-", Dash, 28), token("NRIQ-", Dash, 28),
    token("glc_", Base64, 32), token("glsa_", Word, 36), token("eyJrIjoi", Base64, 40), token("sntrys_", Base64, 40),
    token("sntryu_", Hex, 60), token("hcaik_", Alnum, 40), token("hcamk_", Alnum, 40), token("dt0c01.", Dotted, 60),
    token("dt0s16.", Dotted, 40), token("sqp_", Hex, 36), token("squ_", Hex, 36), token("sqa_", Hex, 36),
    token("ddapp_", Alnum, 30), token("ddp_", Alnum, 30), token("phc_", Alnum, 40), token("phx_", Alnum, 40),
    token("logfire_", Word, 30), token("kbn-", Dash, 40),

    token("sdk-", Dash, 36), token("lin_api_", Alnum, 36),
    token("lin_oauth_", Hex, 40), token("secret_", Alnum, 40), token("ntn_", Alnum, 36), token("figd_", Dash, 36),
    token("pat-na1-", Dash, 30), token("pat-eu1-", Dash, 30), token("CFPAT-", Dash, 36), token("sk.eyJ", Dotted, 60),
    token("PMAK-", Dash, 40), token("rdme_", Alnum, 50), token("pnu_", Alnum, 36), token("fio-u-", Dash, 40),
    token("ico-", Alnum, 30), token("tk-us-", Dash, 36), token("EAACEdEose0cBA", Alnum, 10), token("EAAB", Alnum, 60),
    token("duffel_live_", Dash, 36), token("duffel_test_", Dash, 36), token("sl.", Dash, 60), token("p8e-", Alnum, 32),
    token("tfp_", Dotted, 50), token("ctp_", Alnum, 30), token("dvc_server_", Word, 30), token("flb_live_", Alnum, 20),
    token("access-production-", Dash, 36), token("access-sandbox-", Dash, 36),
    token("sm_aat_", Alnum, 16), token("sm_pat_", Alnum, 16), token("sm_sat_", Alnum, 16),
    token("dnkey-", Dash, 40), token("gitea_", Hex, 40), token("ghcr_", Alnum, 30), token("vercel_", Alnum, 20), token("cfut_", Word, 30),

    key("AGE-SECRET-KEY-1", Upper, 40), key("AGE-SECRET-KEY-PQ-1", Upper, 40),

    hash("$2a$", Crypt, 55), hash("$2b$", Crypt, 55), hash("$2y$", Crypt, 55), hash("$1$", Crypt, 22),
    hash("$5$", Crypt, 40), hash("$6$", Crypt, 80), hash("$y$", Crypt, 40), hash("$7$", Crypt, 40),
    hash("$gy$", Crypt, 40), hash("$apr1$", Crypt, 24), hash("$argon2", Crypt, 40), hash("$scrypt$", Crypt, 40),
    hash("$pbkdf2", Crypt, 40), hash("pbkdf2_sha256$", Crypt, 40), hash("pbkdf2:sha256:", Crypt, 60),
    hash("scrypt:", Crypt, 60), hash("$sha1$", Crypt, 30), hash("$P$", Crypt, 30), hash("$H$", Crypt, 30),
    hash("{SSHA}", Crypt, 28), hash("{SSHA256}", Crypt, 40), hash("{SSHA512}", Crypt, 80), hash("{SHA}", Crypt, 26),
    hash("SCRAM-SHA-256$", Crypt, 60), hash("SCRAM-SHA-1$", Crypt, 50),
];

/// So much of a token is enough to judge it.
const JUDGED: usize = 256;

/// The token that begins at `at`, if it is as long as one and no word.
pub(super) fn find(text: &str, at: usize, issued: &Issued) -> Option<Find> {
    let body = at + issued.begin.len();
    if !text[at..].starts_with(issued.begin) || !begins(text, at) {
        return None;
    }
    let judged = trimmed(text, body, issued.letters.end_within(text, body, JUDGED));
    let is_long = judged >= body + issued.least;
    let is_varied = issued.letters == Upper || is_varied(&text[body..judged]);
    if !is_long || !is_varied || is_filled(&text[body..judged]) || is_name(&text[body..judged], issued) {
        return None;
    }
    let end = trimmed(text, body, issued.letters.end(text, body));
    Some(Find { range: at..end, kind: issued.kind })
}

/// True for words, numbers and Pods' suffixes after a beginning: `glpat-your-token-2`. After a short beginning such as
/// `sk-` names of any kind are left alone.
fn is_name(body: &str, issued: &Issued) -> bool {
    let is_short = issued.begin.len() <= 4 && matches!(issued.letters, Dash | Dotted | Word);
    if is_short && !issued.begin.starts_with(|c: char| c.is_ascii_uppercase()) {
        // Behind others a hash is one, as in an image's `sdk-<commit>`.
        let is_key = ["sk-", "sgp_"].contains(&issued.begin);
        let has_hex = || body.split(['-', '_', '.']).any(|part| part.len() >= 32 && is_hex(part));
        return is_plain(body) && !is_uuid(body) && !(is_key && has_hex());
    }
    if issued.letters == Upper || issued.letters == Hex || is_uuid(body) {
        return false;
    }
    let parts = body.split(|c: char| !c.is_ascii_alphanumeric());
    parts.filter(|part| part.len() > 5).all(is_word)
}

/// Letters, of which no small one stands before a capital.
fn is_word(part: &str) -> bool {
    let turns = part.as_bytes().windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase());
    !turns && part.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Without the full stop of a sentence.
fn trimmed(text: &str, start: usize, end: usize) -> usize {
    start + text[start..end].trim_end_matches(['.', ',', ':']).len()
}

/// Has a digit or letters of both cases, and more than a few different ones: `sk-your-key-goes-here-xxxxxxxx` has not.
fn is_varied(body: &str) -> bool {
    let has = |test: fn(&u8) -> bool| body.bytes().any(|byte| test(&byte));
    let mut seen = [false; 256];
    body.bytes().for_each(|byte| seen[usize::from(byte)] = true);
    let count = seen.iter().filter(|seen| **seen).count();
    count >= 6 && (has(u8::is_ascii_digit) || (has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase)))
}

/// What stands in the middle of a token, with what is before and behind it.
pub(super) struct Inner {
    pub(super) mark: &'static str,
    before: (Letters, usize),
    after: (Letters, usize),
    kind: Kind,
}

/// Tokens that are known by their middle.
pub(super) const INNER: &[Inner] = &[
    Inner { mark: "8Q~", before: (Dotted, 3), after: (Dotted, 28), kind: Kind::CloudKey },
    Inner { mark: "7Q~", before: (Dotted, 3), after: (Dotted, 28), kind: Kind::CloudKey },
    Inner { mark: "JQQJ99", before: (Alnum, 30), after: (Alnum, 8), kind: Kind::CloudKey },
    Inner { mark: ".atlasv1.", before: (Alnum, 10), after: (Dash, 40), kind: Kind::CloudKey },
    Inner { mark: ":AA", before: (Letters::Digit, 7), after: (Dash, 30), kind: Kind::ServiceToken },
    Inner { mark: ":APA91b", before: (Dash, 8), after: (Dash, 60), kind: Kind::ServiceToken },
    Inner { mark: "-us", before: (Hex, 32), after: (Letters::Digit, 1), kind: Kind::ServiceToken },
    Inner { mark: "T3BlbkFJ", before: (Dash, 16), after: (Dash, 16), kind: Kind::ServiceToken },
];

/// The token around a mark.
pub(super) fn find_around(text: &str, at: usize, inner: &Inner) -> Option<Find> {
    if !text[at..].starts_with(inner.mark) {
        return None;
    }
    let (before, after) = (inner.before, inner.after);
    let start = before.0.start(text, at, JUDGED);
    let behind = at + inner.mark.len();
    let end = trimmed(text, behind, after.0.end_within(text, behind, 4 * JUDGED));
    let is_one = at - start >= before.1
        && end - behind >= after.1
        && is_varied(&text[start..end])
        && !is_filled(&text[behind..end]);
    is_one.then_some(Find { range: start..end, kind: inner.kind })
}

/// Addresses of which the rest is the credential.
pub(crate) const CAPABILITIES: &[&str] = &[
    "hooks.slack.com/services/",
    "hooks.slack.com/workflows/",
    "hooks.slack.com/triggers/",
    "discord.com/api/webhooks/",
    "discordapp.com/api/webhooks/",
    "webhook.office.com/webhookb2/",
    "outlook.office.com/webhook/",
    "hooks.zapier.com/hooks/catch/",
    "api.telegram.org/bot",
];

/// The path after the address of a webhook.
pub(super) fn capability(text: &str, after: usize) -> Option<Range<usize>> {
    let end = after + text[after..].bytes().take_while(|byte| in_path(*byte)).count();
    let path = text[after..end].trim_end_matches(['.', ',', ')']);
    let is_telling = path.len() >= 10 && path.bytes().any(|byte| byte.is_ascii_digit());
    is_telling.then(|| after..after + path.len())
}

fn in_path(byte: u8) -> bool {
    Dotted.has(byte) || matches!(byte, b'/' | b'@' | b':' | b'%')
}
