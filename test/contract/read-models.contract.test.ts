import { openDatabase } from '../../src/adapters/sqlite/database.ts';
import { readModelMigrations } from '../../src/adapters/sqlite/read-model-schema.ts';
import { SqliteReadModels } from '../../src/adapters/sqlite/read-models.ts';
import { MemoryReadModels } from '../support/memory-read-models.ts';
import { readModelsContract } from './read-models.contract.ts';

readModelsContract('in memory', async () => ({ models: new MemoryReadModels(), settled: async () => undefined, close: () => undefined }));

readModelsContract('on SQLite', async () => {
  const database = openDatabase({ dir: ':memory:', file: 'views.db', migrations: readModelMigrations, synchronous: 'NORMAL' });
  return { models: new SqliteReadModels(database), settled: async () => undefined, close: () => database.close() };
});
