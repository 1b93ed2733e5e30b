//! `/`: what differs and is open, the worst first. Nothing else competes with it.

use std::sync::Arc;

use anchorwatch_core::drift::DriftLevel;
use anchorwatch_core::drift::item::DriftStatus;
use anchorwatch_edge::store::Filter;
use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use axum_extra::extract::WithRejection;
use serde::Deserialize;

use super::address::Address;
use super::chips::{self, Chip, Chips};
use super::frame::Frame;
use super::rows::{self, Listing, Manner, STATUSES};
use super::sources::{self, SourceState};
use super::visit::Visit;
use super::{html, messages};
use crate::api::legible;
use crate::api::{Caller, Problem};
use crate::serve::Service;
use crate::words::word;

/// Items on a page.
const MOST: u64 = 200;

/// What is asked for, all of it in the address.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    level: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    source: String,
    #[serde(default)]
    cluster: String,
    #[serde(default)]
    namespace: Option<String>,
    #[serde(default)]
    q: String,
    /// How many items come before.
    #[serde(default)]
    at: u32,
}

#[derive(Template)]
#[template(path = "overview.html")]
struct Page {
    frame: Frame,
    listing: Listing,
    total: u64,
    /// What is pending and asks to be looked at is told from other lists.
    is_plain: bool,
    states: Vec<SourceState>,
    messages: Vec<String>,
    calm: String,
    is_certain: bool,
    looked: Option<String>,
    chips: Vec<Chips>,
    /// Choices that are made and can be taken back.
    taken: Vec<Chip>,
    q: String,
    kept: Vec<(String, String)>,
    previous: Option<String>,
    next: Option<String>,
    here: String,
}

pub(super) async fn page(
    State(service): State<Arc<Service>>,
    visit: Visit,
    caller: Caller,
    WithRejection(Query(asked), _): WithRejection<Query<Asked>, Problem>,
) -> Result<Response, Problem> {
    let filter = asked.filter()?;
    let manner = Manner { unfolds: filter.level == Some(DriftLevel::Info) };
    let before = u64::from(asked.at);
    let listed = service.store.worst_items(&caller.limit(filter), MOST, before).await?;
    let items = listed.items.into_iter().map(rows::read).collect::<Result<Vec<_>, _>>()?;
    let frame = Frame::new(visit, Some(&caller), "overview");
    let states = sources::states(&service, &caller, &frame).await?;
    let address = asked.address();
    let (calm, is_certain) = sources::calm(&states, &frame);
    let mut page = Page {
        listing: Listing::of(&items, "", manner, &frame),
        total: listed.total,
        is_plain: asked.is_plain(),
        calm,
        is_certain,
        looked: sources::looked(&states, &frame),
        chips: asked.chips(&address, &states, &frame),
        taken: asked.taken(&address, states.len(), &frame),
        kept: address.without("q").asked().to_vec(),
        previous: (before > 0).then(|| at(&address, before.saturating_sub(MOST))),
        next: listed.next.is_some().then(|| at(&address, before + MOST)),
        here: at(&address, before),
        q: asked.q,
        messages: messages::stuck(&service, &frame).await?,
        states,
        frame,
    };
    // What is well needs no line of its own: the list says so.
    page.states.retain(SourceState::is_trouble);
    Ok(html(&page))
}

fn at(address: &Address, at: u64) -> String {
    if at == 0 { address.href() } else { address.with("at", &at.to_string()).href() }
}

impl Asked {
    fn filter(&self) -> Result<Filter, Problem> {
        let texts = [Some(&self.source), Some(&self.cluster), self.namespace.as_ref(), Some(&self.q)];
        legible(texts.into_iter().flatten())?;
        let some = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
        let status = match self.status.as_str() {
            "" => Some(DriftStatus::Pending),
            "all" => None,
            status => Some(rows::asked("status", status)?),
        };
        Ok(Filter {
            level: some(&self.level).map(|level| rows::asked("level", &level)).transpose()?,
            status,
            source: some(&self.source),
            cluster: some(&self.cluster),
            namespace: self.namespace.clone(),
            text: some(&self.q),
            ..Filter::default()
        })
    }

    fn is_plain(&self) -> bool {
        let Self { level, status, source, cluster, namespace, q, at } = self;
        let narrows = [level, status, source, cluster, q].into_iter().any(|text| !text.is_empty());
        !narrows && namespace.is_none() && *at == 0
    }

    fn address(&self) -> Address {
        let Self { level, status, source, cluster, namespace, q, at: _ } = self;
        let texts = [("level", level), ("status", status), ("source", source), ("cluster", cluster), ("q", q)];
        let address = texts.iter().fold(Address::of("/"), |address, (name, text)| address.with_text(name, text));
        address.with_some("namespace", namespace.as_deref())
    }

    fn chips(&self, address: &Address, states: &[SourceState], frame: &Frame) -> Vec<Chips> {
        let levels = chips::levels(address, &self.level, frame);
        let statuses = STATUSES.map(word).into_iter().chain(std::iter::once("all".to_owned())).map(|status| {
            // Pending needs no mention.
            let mention = Some(status.as_str()).filter(|status| *status != "pending");
            Chip {
                label: frame.say(&if status == "all" {
                    "page-any".to_owned()
                } else {
                    format!("page-status-{status}")
                }),
                href: address.with_some("status", mention).href(),
                is_chosen: self.status == mention.unwrap_or_default(),
            }
        });
        let mut chips = vec![
            Chips { label: frame.say("label-level"), chips: levels },
            Chips { label: frame.say("page-status"), chips: statuses.collect() },
        ];
        if (2..=8).contains(&states.len()) {
            let any = Chip {
                label: frame.say("page-any"),
                href: address.without("source").href(),
                is_chosen: self.source.is_empty(),
            };
            let sources = states.iter().filter(|state| state.links.is_some()).map(|state| Chip {
                label: state.name.clone(),
                href: address.with("source", &state.name).href(),
                is_chosen: self.source == state.name,
            });
            chips.push(Chips { label: frame.say("page-source"), chips: std::iter::once(any).chain(sources).collect() });
        }
        chips
    }

    /// Choices that no row of chips shows.
    fn taken(&self, address: &Address, sources: usize, frame: &Frame) -> Vec<Chip> {
        let namespace = self.namespace.as_ref().map(|namespace| ("namespace", chips::in_namespace(namespace, frame)));
        let cluster = (!self.cluster.is_empty()).then(|| ("cluster", frame.say_of("page-in-cluster", &self.cluster)));
        let source = (!self.source.is_empty() && !(2..=8).contains(&sources))
            .then(|| ("source", frame.say_of("page-of-source", &self.source)));
        let text = (!self.q.is_empty()).then(|| ("q", frame.say_of("page-with-text", &self.q)));
        chips::taken([namespace, cluster, source, text].into_iter().flatten(), address)
    }
}
