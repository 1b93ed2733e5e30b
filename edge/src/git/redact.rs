//! What Git says on standard error, without what nobody else may read.

/// How much of a message is kept, in characters.
const MESSAGE_LIMIT: usize = 2_000;
/// How tokens of the well-known forges begin, and the words before a token in a header.
const TOKEN_STARTS: [&str; 12] =
    ["ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "gldt-", "glcbt-", "Bearer ", "Basic ", "token "];

/// Removes user info of addresses, tokens and `secrets` from a message, and shortens it.
pub(super) fn redact(message: &str, secrets: &[&str]) -> String {
    let mut text = message.trim().to_owned();
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        text = text.replace(secret, "***");
    }
    text = without_user_info(&text);
    for start in TOKEN_STARTS {
        text = without_token(&text, start);
    }
    if text.chars().count() > MESSAGE_LIMIT {
        text = text.chars().take(MESSAGE_LIMIT).collect::<String>() + "…";
    }
    text
}

/// `https://user:secret@host/` becomes `https://***@host/`.
fn without_user_info(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (before, after) = rest.split_at(at + 3);
        result.push_str(before);
        let end = after.find(|c: char| c == '/' || c.is_whitespace() || "'\"?#".contains(c)).unwrap_or(after.len());
        let host = match after[..end].rfind('@') {
            Some(at) => {
                result.push_str("***");
                at
            }
            None => 0,
        };
        result.push_str(&after[host..end]);
        rest = &after[end..];
    }
    result + rest
}

fn without_token(text: &str, start: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(start) {
        let (before, after) = rest.split_at(at + start.len());
        let end = after.find(|c: char| !(c.is_ascii_alphanumeric() || "_-.~+/=".contains(c))).unwrap_or(after.len());
        result.push_str(before);
        // A word after "token " that is too short to be one is left to be read.
        result.push_str(if end >= 16 { "***" } else { &after[..end] });
        rest = &after[end..];
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn user_info_and_tokens_are_taken_out() {
        let cases = [
            (
                "fatal: unable to access 'https://bob:pw@x.test/a.git/'",
                "fatal: unable to access 'https://***@x.test/a.git/'",
            ),
            ("ssh://git@x.test/a https://x.test/@b", "ssh://***@x.test/a https://x.test/@b"),
            ("Authorization: Bearer abcdefghijklmnop0123", "Authorization: Bearer ***"),
            ("bad ghp_0123456789abcdefABCDEF here", "bad ghp_*** here"),
            ("fatal: invalid token in line", "fatal: invalid token in line"),
            ("say S3CRET twice S3CRET", "say *** twice ***"),
            ("https://a:p@ss@x.test/", "https://***@x.test/"),
        ];
        for (message, expected) in cases {
            assert_eq!(redact(message, &["S3CRET", ""]), expected, "{message}");
        }
    }

    #[test]
    fn a_long_message_is_shortened() {
        assert_eq!(redact(&"ä".repeat(5_000), &[]).chars().count(), MESSAGE_LIMIT + 1);
    }
}
