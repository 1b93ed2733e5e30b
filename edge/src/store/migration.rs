//! The store's past and present shape. Migrations go forward only, and a released one never changes.

use sea_orm::{ConnectionTrait as _, DbErr};
use sea_orm_migration::{MigrationName, MigrationTrait, MigratorTrait, SchemaManager, async_trait};

pub(super) struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        vec![
            Box::new(Sql { name: "0001_first", text: include_str!("../../migrations/0001_first.sql") }),
            Box::new(Sql { name: "0002_outbox", text: include_str!("../../migrations/0002_outbox.sql") }),
        ]
    }
}

/// A migration that is the same text for every database.
struct Sql {
    name: &'static str,
    text: &'static str,
}

impl MigrationName for Sql {
    fn name(&self) -> &str {
        self.name
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Sql {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.get_connection().execute_unprepared(self.text).await.map(drop)
    }
}
