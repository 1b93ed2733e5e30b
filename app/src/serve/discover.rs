//! Lists what delivery tools deliver, and makes sources of it. Each replica does so for itself.
//!
//! A list that cannot be read leaves its sources as they were: they are not gone because nobody could look.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use anchorwatch_core::delivery::{Delivery, Listed};
use anchorwatch_edge::cluster::Cluster;
use anchorwatch_edge::cluster::discover::path_in;

use super::{Service, store_failure};
use crate::config::{Discover, Source};
use crate::failure::Failure;

const EVERY: Duration = Duration::from_mins(1);
/// How long reading a list may take: less than the lease of a job that waits for it.
const PATIENCE: Duration = Duration::from_secs(30);

pub(super) async fn run(service: Arc<Service>) {
    let mut faults = service.failing.faults("cannot write the sources that were discovered");
    loop {
        let reloaded = service.reloaded.notified();
        let config = service.config();
        for discover in &config.discover {
            look(&service, discover).await;
        }
        if !config.discover.is_empty() {
            faults.took(&service.configure_sources().await);
        }
        tokio::select! {
            () = reloaded => {}
            () = tokio::time::sleep(EVERY) => {}
            () = service.stop.cancelled() => return,
        }
    }
}

/// A source that may have been discovered by another replica, and not by this one yet.
pub(super) async fn find(service: &Service, name: &str) -> Result<Option<Source>, Failure> {
    let config = service.config();
    let Some(discover) = config.discover.iter().find(|list| list.names(name)) else { return Ok(None) };
    look(service, discover).await;
    service.configure_sources().await.map_err(|error| store_failure(&error))?;
    match (service.config().source(name), service.discovered.state(&discover.name()).fault) {
        (Some(source), _) => Ok(Some(source.clone())),
        (None, Some((_, reason))) => Err(Failure::new(format!("cannot find out what {name} is")).detail(reason)),
        (None, None) => Ok(None),
    }
}

/// Reads a list, and has its sources scanned from now on.
async fn look(service: &Service, discover: &Discover) {
    let name = discover.name();
    let read = tokio::time::timeout(PATIENCE, list(discover)).await;
    let read = read.unwrap_or_else(|_| Err(Failure::new("the cluster took too long to answer")));
    let now = service.now();
    match read {
        Ok(deliveries) => {
            let before = service.discovered.state(&name);
            let objects = |of: &[Delivery]| of.iter().map(Delivery::object).collect::<BTreeSet<_>>();
            let is_same = before.read_at.is_some() && objects(&before.deliveries) == objects(&deliveries);
            if before.fault.is_some() || !is_same {
                tracing::info!(list = name, sources = deliveries.len(), "sources discovered");
            }
            service.metrics.listed(&discover.cluster, &name, deliveries.len(), now);
            service.discovered.read(&name, deliveries, now);
            service.settle(None);
        }
        Err(failure) => {
            service.metrics.list_failed(&discover.cluster, &name);
            if service.discovered.fail(&name, &failure.line(), now) {
                tracing::error!(
                    list = name,
                    reason = failure.line(),
                    "cannot discover sources; those that are known stay"
                );
            }
        }
    }
}

async fn list(discover: &Discover) -> Result<Vec<Delivery>, Failure> {
    let cluster = Cluster::connect(&discover.connect).await.map_err(|error| Failure::because(&error))?;
    let mut listed = Vec::new();
    for Listed { api_version, plural } in discover.tool.kinds() {
        let mut objects = Vec::new();
        for namespace in &discover.namespaces {
            let found = cluster.objects(&path_in(api_version, plural, namespace)).await;
            objects.extend(found.map_err(|error| {
                Failure::new(format!("cannot list {plural} in {namespace}")).detail(error.to_string())
            })?);
        }
        listed.push(objects);
    }
    Ok(discover.tool.deliveries(&listed))
}
