//! `anchorwatch token`: who may ask the service for what.

use std::process::ExitCode;

use anchorwatch_edge::clock;
use anchorwatch_edge::store::{NewToken, Role, Store, StoreError};
use clap::{Subcommand, ValueEnum};
use jiff::SignedDuration;

use super::serve::Settings;
use crate::failure::Failure;
use crate::serve::store_failure;
use crate::words::word;

#[derive(Debug, Subcommand)]
pub(super) enum TokenCommand {
    /// Make a token and print it, once.
    Create(CreateArgs),
    /// List the tokens there are.
    List {
        #[command(flatten)]
        settings: Settings,
    },
    /// Revoke a token; sessions that began with it end, too.
    Revoke {
        /// Its name.
        name: String,
        #[command(flatten)]
        settings: Settings,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct CreateArgs {
    /// Its name: whose it is, or what for.
    name: String,
    /// What it may do.
    #[arg(long, value_enum, default_value_t = RoleName::Viewer)]
    role: RoleName,
    /// Only in this cluster; may be said again.
    #[arg(long, value_name = "NAME")]
    cluster: Vec<String>,
    /// Only in this namespace; may be said again.
    #[arg(short, long, value_name = "NS")]
    namespace: Vec<String>,
    /// An intent that it may use at the gateway, beside the private ones; may be said again.
    #[arg(long, value_name = "NAME")]
    intent: Vec<String>,
    /// Until when, as in 90d or 12h; else for ever.
    #[arg(long, value_name = "DURATION")]
    expires_in: Option<jiff::Span>,
    #[command(flatten)]
    settings: Settings,
}

/// What a token may do; each may do what those before it may.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum RoleName {
    /// Asks models by the gateway, and nothing else.
    Gateway,
    /// Reads.
    Viewer,
    /// Scans, acknowledges, ignores below HIGH.
    Operator,
    /// Ignores HIGH, rolls back, adopts.
    Approver,
}

impl From<RoleName> for Role {
    fn from(name: RoleName) -> Self {
        match name {
            RoleName::Gateway => Self::Gateway,
            RoleName::Viewer => Self::Viewer,
            RoleName::Operator => Self::Operator,
            RoleName::Approver => Self::Approver,
        }
    }
}

pub(super) fn run(command: TokenCommand) -> Result<ExitCode, Failure> {
    let runtime = super::runtime()?;
    match command {
        TokenCommand::Create(args) => runtime.block_on(create(args))?,
        TokenCommand::List { settings } => runtime.block_on(list(&settings))?,
        TokenCommand::Revoke { name, settings } => {
            let store = runtime.block_on(open(&settings))?;
            let revoked = runtime.block_on(store.revoke_token(&name, clock::now())).map_err(|e| store_failure(&e))?;
            if !revoked {
                return Err(Failure::new(format!("no token is called {name:?}")).hint("see: anchorwatch token list"));
            }
            super::tell(&format!("revoked: {name}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn open(settings: &Settings) -> Result<Store, Failure> {
    let config = settings.read()?;
    Store::open(&config.store).await.map_err(|error| store_failure(&error))
}

async fn create(args: CreateArgs) -> Result<(), Failure> {
    let CreateArgs { name, role, cluster, namespace, intent, expires_in, settings } = args;
    if name.trim().is_empty() || name.chars().any(char::is_control) {
        return Err(
            Failure::new("a token needs a name").hint("whose it is, or what for: anchorwatch token create alice")
        );
    }
    let config = settings.read()?;
    let stranger = cluster.iter().find(|name| !config.sources.iter().any(|source| source.cluster == **name));
    if let Some(stranger) = stranger {
        return Err(
            Failure::new(format!("no cluster is called {stranger:?}")).hint("see `clusters` of the configuration")
        );
    }
    let intents = config.route.intents();
    let known = |name: &&String| intents.meant_by(name).name() == name.as_str();
    if let Some(stranger) = intent.iter().find(|name| !known(name)) {
        let hint = "chat, summarize, and what `route.intents` of the configuration names";
        return Err(Failure::new(format!("there is no intent {stranger:?}")).hint(hint));
    }
    let now = clock::now();
    let expires_at = expires_in
        .map(|span| {
            let zoned = now.to_zoned(jiff::tz::TimeZone::UTC);
            zoned
                .checked_add(span)
                .map(|until| until.timestamp())
                .ok()
                .filter(|until| until.duration_since(now) > SignedDuration::ZERO)
        })
        .map(|until| {
            until.ok_or_else(|| Failure::new("the token would have ended already").hint("as in --expires-in 90d"))
        })
        .transpose()?;
    let store = Store::open(&config.store).await.map_err(|error| store_failure(&error))?;
    let secret = format!("aw_{}", clock::new_secret().map_err(|error| Failure::because(&error))?);
    let token =
        NewToken { name, role: role.into(), clusters: cluster, namespaces: namespace, intents: intent, expires_at };
    match store.add_token(&clock::new_id(), &token, &secret, now).await {
        Err(error @ StoreError::Taken { .. }) => {
            Err(Failure::because(&error).hint("choose another name, or revoke that one first"))
        }
        Err(error) => Err(store_failure(&error)),
        Ok(()) => super::print(&format!("{secret}\n")),
    }
}

async fn list(settings: &Settings) -> Result<(), Failure> {
    let tokens = open(settings).await?.tokens().await.map_err(|error| store_failure(&error))?;
    let now = clock::now();
    let mut text = format!("{:<24} {:<9} {:<22} {:<20} LIMITED TO\n", "NAME", "ROLE", "MADE", "STATE");
    for row in tokens {
        let token = row.token;
        let state = match (row.revoked_at, token.expires_at) {
            (Some(_), _) => "revoked".to_owned(),
            (None, Some(end)) if end <= now => "ended".to_owned(),
            (None, Some(end)) => format!("until {}", end.strftime("%Y-%m-%d")),
            (None, None) => "valid".to_owned(),
        };
        let limits: Vec<String> = token
            .clusters
            .iter()
            .map(|name| format!("cluster {name}"))
            .chain(token.namespaces.iter().map(|name| format!("namespace {name}")))
            .chain(token.intents.iter().map(|name| format!("intent {name}")))
            .collect();
        let limits = if limits.is_empty() { "-".to_owned() } else { limits.join(", ") };
        let line = format!(
            "{:<24} {:<9} {:<22} {:<20} {limits}",
            token.name,
            word(token.role),
            row.created_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            state,
        );
        text.push_str(&super::plain(line.trim_end()));
        text.push('\n');
    }
    super::print(&text)
}
