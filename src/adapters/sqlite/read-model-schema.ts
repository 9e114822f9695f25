import type { Migrations } from './database.ts';

export const readModelMigrations: Migrations = [
  `CREATE TABLE views (
     stream TEXT NOT NULL UNIQUE,
     version INTEGER NOT NULL,
     id TEXT NOT NULL,
     status TEXT NOT NULL,
     created_at INTEGER,
     due_at INTEGER,
     target TEXT,
     lane TEXT NOT NULL,
     state TEXT NOT NULL
   ) STRICT;
   CREATE INDEX views_by_creation ON views (created_at, id) WHERE created_at IS NOT NULL;
   CREATE INDEX views_by_status ON views (status, created_at, id) WHERE created_at IS NOT NULL;
   CREATE INDEX views_by_due ON views (due_at, stream) WHERE due_at IS NOT NULL;
   CREATE INDEX views_by_target ON views (target, due_at, stream) WHERE due_at IS NOT NULL;
   CREATE TABLE labels (
     name TEXT NOT NULL, value TEXT NOT NULL, created_at INTEGER NOT NULL, id TEXT NOT NULL,
     PRIMARY KEY (name, value, created_at, id)
   ) STRICT, WITHOUT ROWID;
   CREATE TABLE counts (status TEXT PRIMARY KEY, tasks INTEGER NOT NULL) STRICT;
   CREATE TABLE minutes (
     minute INTEGER PRIMARY KEY, started INTEGER NOT NULL, succeeded INTEGER NOT NULL, failed INTEGER NOT NULL, retried INTEGER NOT NULL
   ) STRICT;
   CREATE TABLE checkpoints (consumer TEXT PRIMARY KEY, position INTEGER NOT NULL) STRICT`,
  'CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT',
  // Lists by kind of stream. What is here is made from the log, and without a state schema it is made anew from the beginning.
  `DROP TABLE views;
   DROP TABLE labels;
   DELETE FROM meta;
   CREATE TABLE views (
     stream TEXT NOT NULL UNIQUE,
     version INTEGER NOT NULL,
     kind TEXT NOT NULL,
     id TEXT NOT NULL,
     status TEXT NOT NULL,
     created_at INTEGER,
     due_at INTEGER,
     target TEXT,
     lane TEXT NOT NULL,
     state TEXT NOT NULL
   ) STRICT;
   CREATE INDEX views_by_creation ON views (kind, created_at, id) WHERE created_at IS NOT NULL;
   CREATE INDEX views_by_status ON views (kind, status, created_at, id) WHERE created_at IS NOT NULL;
   CREATE INDEX views_by_due ON views (due_at, stream) WHERE due_at IS NOT NULL;
   CREATE INDEX views_by_target ON views (target, due_at, stream) WHERE due_at IS NOT NULL;
   CREATE TABLE labels (
     name TEXT NOT NULL, value TEXT NOT NULL, kind TEXT NOT NULL, created_at INTEGER NOT NULL, id TEXT NOT NULL,
     PRIMARY KEY (name, value, kind, created_at, id)
   ) STRICT, WITHOUT ROWID`,
];

/** What is made from the log, and begins empty when it is made anew. */
export const readModelTables = ['views', 'labels', 'counts', 'minutes', 'checkpoints'] as const;
