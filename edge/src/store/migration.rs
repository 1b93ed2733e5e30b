//! The store's past and present shape. Migrations go forward only, and a released one never changes.

use sea_orm::{ConnectionTrait as _, DbBackend, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager, async_trait};

pub(super) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        let same = |name, text| Sql { name, text, sqlite: "", postgres: "" };
        vec![
            Box::new(same("0001_first", include_str!("../../migrations/0001_first.sql"))),
            Box::new(same("0002_outbox", include_str!("../../migrations/0002_outbox.sql"))),
            Box::new(Sql {
                name: "0003_audit",
                text: include_str!("../../migrations/0003_audit.sql"),
                sqlite: include_str!("../../migrations/0003_audit.sqlite.sql"),
                postgres: include_str!("../../migrations/0003_audit.postgres.sql"),
            }),
            Box::new(same("0004_route", include_str!("../../migrations/0004_route.sql"))),
            Box::new(same("0005_changes", include_str!("../../migrations/0005_changes.sql"))),
            Box::new(Sql {
                name: "0006_rows_in_their_key",
                text: "",
                sqlite: include_str!("../../migrations/0006_rows_in_their_key.sqlite.sql"),
                postgres: "",
            }),
        ]
    }
}

/// A migration: a text for every database, and what only one of them understands or needs, as triggers have no common language.
struct Sql {
    name: &'static str,
    text: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

impl MigrationName for Sql {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Sql {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let connection = manager.get_connection();
        let own = if connection.get_database_backend() == DbBackend::Postgres { self.postgres } else { self.sqlite };
        for text in [self.text, own] {
            if !text.is_empty() {
                connection.execute_unprepared(text).await?;
            }
        }
        Ok(())
    }
}
