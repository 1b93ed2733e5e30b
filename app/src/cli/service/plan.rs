//! What a service is asked to write, in two steps: its plan is shown, and done by the plan's hash.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::{Answered, Question, Service, checked, understood};
use crate::cli::output::{self, TableOrJson};
use crate::cli::progress::Progress;
use crate::cli::rollback::{Doing, confirmed};
use crate::cli::told::Item;
use crate::cli::{plain, print, runtime};
use crate::drift::rollback::Meant;
use crate::failure::Failure;

/// Longer than the service lets anybody wait: what is planned is scanned before.
const LIMIT: Duration = Duration::from_mins(12);

/// A page of what is open.
#[derive(Debug, Deserialize)]
struct Page {
    items: Vec<Value>,
    next: Option<String>,
}

/// What is asked for, and how a person is talked with.
pub(in crate::cli) struct Asked<'a> {
    pub(in crate::cli) service: &'a Service,
    pub(in crate::cli) path: &'a str,
    /// What is meant; the hash is added to it.
    pub(in crate::cli) body: Value,
    pub(in crate::cli) doing: &'a Doing,
    /// What the person is asked.
    pub(in crate::cli) question: &'a str,
}

impl Asked<'_> {
    /// Plans, shows, asks, and has it done: what the service has said last. As JSON it is printed; for people the plan is, by
    /// `show`. `hash`: the plan's, if there is something to do.
    pub(in crate::cli) fn take<P: DeserializeOwned>(
        mut self,
        hash: impl Fn(&P) -> Result<Option<String>, Failure>,
        show: impl Fn(&P) -> Result<String, Failure>,
    ) -> Result<P, Failure> {
        let runtime = runtime()?;
        let is_json = self.doing.output == TableOrJson::Json;
        let progress = Progress::start(is_json, plain(self.service.address()));
        let mut said = runtime.block_on(self.service.ask(&self.question()))?;
        drop(progress);
        let planned: P = understood(said.clone())?;
        let hash = hash(&planned)?;
        if !is_json {
            print(&show(&planned)?)?;
        }
        let goes_on = hash.is_some() && !self.doing.dry_run && confirmed(self.doing, self.question)?;
        if !goes_on {
            if is_json {
                output::print_json(&said)?;
            }
            return Ok(planned);
        }
        self.body["plan_hash"] = json!(hash);
        let progress = Progress::start(is_json, plain(self.service.address()));
        let answered = runtime.block_on(self.service.confirm(&self.question()))?;
        drop(progress);
        match answered {
            Answered::Done(said) => {
                if is_json {
                    output::print_json(&said)?;
                }
                understood(said)
            }
            Answered::AnotherPlan(plan) => {
                // What the old one left says nothing of the new one.
                (said["plan"], said["left"]) = (plan, json!([]));
                if is_json {
                    output::print_json(&said)?;
                } else {
                    print(&("\n".to_owned() + &show(&understood(said)?)?))?;
                }
                Err(Failure::new("the plan is another one by now, and nothing was written")
                    .hint("look at the new one, and run this again"))
            }
        }
    }

    fn question(&self) -> Question<'_> {
        Question { path: self.path, body: Some(&self.body), key: None, timeout: LIMIT }
    }
}

/// The fingerprints of what is meant of all that is open, which has to be of one source.
///
/// `namespaces`: only these, with commas between them.
pub(in crate::cli) fn open(
    service: &Service,
    meant: &Meant,
    (source, namespaces): (Option<&str>, Option<&str>),
) -> Result<Vec<String>, Failure> {
    let mut items = runtime()?.block_on(listed(service))?;
    let is_among = |namespace: &str, names: &str| names.split(',').any(|name| name.trim() == namespace);
    items.retain(|item| {
        source.is_none_or(|source| item.source_name == source)
            && namespaces.is_none_or(|names| is_among(&item.namespace, names))
    });
    meant.must_select(|selector| items.iter().any(|item| item.is_meant_by(selector))).map_err(|failure| {
        failure
            .detail(format!("{} open items of {} were looked at", items.len(), service.address()))
            .hint("run anchorwatch scan with the same flags to see what there is")
    })?;
    items.retain(|item| meant.holds(item.change, |selector| item.is_meant_by(selector)));
    let sources: BTreeSet<&str> = items.iter().map(|item| item.source_name.as_str()).collect();
    if sources.len() > 1 {
        return Err(Failure::new("what is meant is of several sources")
            .detail(sources.into_iter().collect::<Vec<_>>().join(", "))
            .hint("name one of them with --source"));
    }
    Ok(items.into_iter().map(|item| item.fingerprint).collect())
}

async fn listed(service: &Service) -> Result<Vec<Item>, Failure> {
    let mut items = Vec::new();
    for status in ["pending", "acknowledged"] {
        let first = format!("/api/v1/drift/items?limit=500&status={status}");
        let mut path = first.clone();
        loop {
            let question = Question { path: &path, body: None, key: None, timeout: LIMIT };
            let page: Page = understood(service.ask(&question).await?)?;
            for item in &page.items {
                items.push(Item::read(item)?);
            }
            let Some(next) = page.next else { break };
            path = format!("{first}&after={}", checked(&next)?);
        }
    }
    Ok(items)
}
