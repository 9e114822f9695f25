import type { Migrations } from './database.ts';

export const eventLogMigrations: Migrations = [
  `CREATE TABLE events (
     position INTEGER PRIMARY KEY,
     stream TEXT NOT NULL,
     version INTEGER NOT NULL,
     type TEXT NOT NULL,
     schema_version INTEGER NOT NULL,
     occurred_at INTEGER NOT NULL,
     commit_id TEXT NOT NULL,
     data TEXT NOT NULL,
     facts TEXT NOT NULL,
     body BLOB,
     imported INTEGER NOT NULL DEFAULT 0
   ) STRICT;
   CREATE UNIQUE INDEX events_by_stream ON events (stream, version);
   CREATE TABLE bodies (stream TEXT NOT NULL, commit_id TEXT NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (stream, commit_id)) STRICT;
   CREATE TABLE snapshots (
     stream TEXT NOT NULL, version INTEGER NOT NULL, schema_version INTEGER NOT NULL, state TEXT NOT NULL,
     PRIMARY KEY (stream, version)
   ) STRICT`,
  // Costs nothing while there are none, and answers at once whether a newer Errand has written here.
  'CREATE INDEX events_of_newer_schemas ON events (schema_version) WHERE schema_version > 1',
];
