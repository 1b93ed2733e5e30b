//! The page: server-rendered, readable without JavaScript. A file for each page, and every route in one list.

mod address;
mod adopt;
mod assets;
mod changes;
mod chips;
mod frame;
mod ignore;
mod item;
mod login;
mod messages;
mod models;
mod overview;
mod problem;
mod report;
mod reports;
mod rollback;
mod rows;
mod rules;
mod sources;
mod visit;
mod workload;

use std::fmt::{self, Write};
use std::sync::Arc;

use askama::Template;
use askama::filters::Escaper;
use axum::Router;
use axum::response::{Html, IntoResponse as _, Response};
use axum::routing::{get, post};

use crate::serve::Service;
use crate::shown;
pub(crate) use problem::humane;

/// Every page.
pub(crate) fn routes() -> Router<Arc<Service>> {
    Router::new()
        .route("/", get(overview::page))
        .route("/items/{fingerprint}", get(item::page))
        .route("/items/{fingerprint}/acknowledge", post(item::acknowledge))
        .route("/items/{fingerprint}/ignore", get(ignore::page).post(ignore::confirm))
        .route("/items/{fingerprint}/rollback", get(rollback::show).post(rollback::confirm))
        .route("/items/{fingerprint}/adopt", get(adopt::show).post(adopt::confirm))
        .route("/changes", get(changes::list))
        .route("/changes/{change_id}", get(changes::one))
        .route("/changes/{change_id}/undo", post(changes::undo))
        .route("/reports", get(reports::page))
        .route("/reports/{report_id}", get(report::page))
        .route("/reports/{report_id}/ignore", get(ignore::page_of_report).post(ignore::confirm_of_report))
        .route("/workloads/{cluster}/{namespace}/{kind}/{name}", get(workload::page))
        .route("/rules", get(rules::page))
        .route("/rules/{rule_id}/end", post(rules::end))
        .route("/sources", get(sources::page))
        .route("/sources/{name}/scan", post(sources::scan))
        .route("/models", get(models::page))
        .route("/login", get(login::page).post(login::come_in))
        .route("/logout", post(login::leave))
        .route("/assets/{file}", get(assets::file))
}

/// The one function that text goes through on its way to the page: markup is escaped, hidden characters are made visible.
///
/// `askama.toml` puts it behind every `{{ }}`. Texts of several lines are cut into lines before.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visible;

impl Escaper for Visible {
    fn write_escaped_str<W: Write>(&self, mut dest: W, string: &str) -> fmt::Result {
        for c in string.chars() {
            match c {
                '<' => dest.write_str("&lt;")?,
                '>' => dest.write_str("&gt;")?,
                '&' => dest.write_str("&amp;")?,
                '"' => dest.write_str("&quot;")?,
                '\'' => dest.write_str("&#39;")?,
                c if shown::is_hidden(c) => write!(dest, "{}", c.escape_unicode())?,
                c => dest.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A page as it is sent.
fn html(page: &impl Template) -> Response {
    let text = page.render().expect("a template is written to a text");
    Html(text).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Template)]
    #[template(source = "<p title=\"{{ text }}\">{{ text }}</p>", ext = "html")]
    struct Page<'a> {
        text: &'a str,
    }

    #[test]
    fn no_text_is_markup_and_none_is_hidden() {
        let text = "\"><script>'&\u{202e}\u{1b}漂移";
        let shown = "&quot;&gt;&lt;script&gt;&#39;&amp;\\u{202e}\\u{1b}漂移";
        assert_eq!(Page { text }.render().unwrap(), format!("<p title=\"{shown}\">{shown}</p>"));
    }
}
