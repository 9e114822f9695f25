/** Writes what subscribers check and type events with: `npm run schemas`. What is no longer made is removed. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { eventFiles } from './event-files.ts';

rmSync('schemas', { recursive: true, force: true });
for (const [path, text] of eventFiles()) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
