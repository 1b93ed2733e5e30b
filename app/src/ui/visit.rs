//! What is known of a visit before anybody knows who comes: the language, the address, and what time it is.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, Uri, header};
use axum_extra::extract::CookieJar;
use jiff::{Timestamp, Zoned};

use crate::serve::Service;
use crate::words::{Language, Words};

/// The cookie that remembers the language.
pub(super) const LANGUAGE: &str = "anchorwatch_lang";

/// What is known of a visit.
#[derive(Debug, Clone)]
pub(crate) struct Visit {
    /// In the visitor's language.
    pub(super) words: Words,
    /// Path and query of the page.
    pub(super) here: String,
    /// Now, in the zone in which times are shown.
    pub(super) now: Zoned,
    /// True if whoever comes may read.
    pub(super) is_open: bool,
    /// Since when the store does not take everything.
    pub(super) failing_since: Option<Timestamp>,
}

impl Visit {
    pub(super) fn of(parts: &Parts, service: &Service) -> Self {
        let here = parts.uri.path_and_query().map_or("/", |here| here.as_str()).to_owned();
        Self {
            words: Words(language(&parts.uri, &parts.headers)),
            here,
            now: service.now().to_zoned(service.config().timezone.clone()),
            is_open: service.open,
            failing_since: service.failing.since(),
        }
    }
}

impl FromRequestParts<Arc<Service>> for Visit {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> Result<Self, Infallible> {
        Ok(Self::of(parts, service))
    }
}

fn language(uri: &Uri, headers: &HeaderMap) -> Language {
    let remembered = || named(CookieJar::from_headers(headers).get(LANGUAGE)?.value());
    let accepted = || accepted(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?);
    chosen(uri).or_else(remembered).or_else(accepted).unwrap_or(Language::English)
}

/// The language that the address asks for: `lang=zh-TW`.
pub(super) fn chosen(uri: &Uri) -> Option<Language> {
    uri.query()?.split('&').find_map(|pair| named(pair.strip_prefix("lang=")?))
}

fn named(name: &str) -> Option<Language> {
    [Language::English, Language::TraditionalChinese].into_iter().find(|language| language.tag() == name)
}

/// The best one of `Accept-Language` that is spoken here.
fn accepted(header: &str) -> Option<Language> {
    let mut wanted: Vec<(f32, Language)> = header
        .split(',')
        .filter_map(|part| {
            let (tag, quality) = part.split_once(';').unwrap_or((part, ""));
            let tag = tag.trim();
            let quality = quality.trim().strip_prefix("q=").and_then(|q| q.parse().ok()).unwrap_or(1.0);
            let primary = tag.split('-').next().unwrap_or_default();
            let language = match (primary.to_ascii_lowercase().as_str(), Language::of_locale(tag)) {
                (_, Language::TraditionalChinese) => Language::TraditionalChinese,
                // Chinese of no place: there is one that can be read.
                ("zh", _) if tag.len() == 2 => Language::TraditionalChinese,
                ("en", _) => Language::English,
                _ => return None,
            };
            (quality > 0.0).then_some((quality, language))
        })
        .collect();
    wanted.sort_by(|a, b| b.0.total_cmp(&a.0));
    wanted.first().map(|(_, language)| *language)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_language_that_is_spoken_here_is_taken() {
        for (header, language) in [
            ("zh-TW,zh;q=0.9,en;q=0.8", Some(Language::TraditionalChinese)),
            ("de, en;q=0.5, zh-Hant;q=0.7", Some(Language::TraditionalChinese)),
            ("zh-CN, en;q=0.5", Some(Language::English)),
            ("en-GB", Some(Language::English)),
            ("zh", Some(Language::TraditionalChinese)),
            ("zh-TW;q=0, en;q=0.1", Some(Language::English)),
            ("de", None),
            ("*", None),
        ] {
            assert_eq!(accepted(header), language, "{header}");
        }
    }
}
