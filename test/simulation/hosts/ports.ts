import { createHash } from 'node:crypto';
import { sha256Digest } from '../../../src/adapters/crypto/digest.ts';
import { createSigner } from '../../../src/adapters/crypto/signer.ts';
import { createTokens } from '../../../src/adapters/crypto/tokens.ts';
import { recurrences } from '../../../src/adapters/recurrence/recurrences.ts';
import { createOrchestrationStore } from '../../../src/application/orchestration-store.ts';
import type { EventLog, Ids, Logger, Sealer } from '../../../src/application/ports.ts';
import { createScheduleStore } from '../../../src/application/schedule-store.ts';
import { createTaskStore } from '../../../src/application/task-store.ts';
import type { SimulatedProcess } from '../kernel/process.ts';

export const publicUrl = 'https://errand.example';

/** Seals without a random nonce, which alone would make two runs of one seed differ. What sealing is worth is tested elsewhere. */
const seal = (name: string, value: string): string => `sealed.${Buffer.from(`${name}:${value}`).toString('base64url')}`;
const sealer: Sealer = {
  seal,
  holds: (name, sealed, value) => sealed === seal(name, value),
  open: (name, sealed) =>
    Buffer.from(sealed.slice('sealed.'.length), 'base64url')
      .toString()
      .slice(name.length + 1),
  fingerprint: (content) => createHash('sha256').update(content).digest('base64url'),
  matches: (fingerprint, content) => fingerprint === createHash('sha256').update(content).digest('base64url'),
};
const tokens = createTokens([new Uint8Array(32).fill(2)]);
const signer = createSigner([`whsec_${Buffer.alloc(32, 3).toString('base64')}`]);

function loggerOf(process: SimulatedProcess): Logger {
  const note =
    (level: string) =>
    (message: string, fields: object = {}): void =>
      process.world.note(`${process.name} ${level}: ${message} ${JSON.stringify(fields).slice(0, 200)}`);
  return { info: () => undefined, warn: note('warns'), error: note('errs') };
}

/** What every process of Errand is wired with but for the services around it: all of it decided by the seed. */
export function portsOf(process: SimulatedProcess, log: EventLog, cacheEntries: number) {
  const dice = process.world.dice(`numbers of ${process.name}`);
  let [commits, tasks] = [0, 0];
  const ids: Ids = {
    taskId: () => {
      tasks += 1;
      return `${process.name}.task-${tasks}`;
    },
    commitId: () => {
      commits += 1;
      return `${process.name}.${commits}`;
    },
  };
  const storing = { log, ids, cacheEntries };
  return {
    log,
    ids,
    store: createTaskStore(storing),
    schedules: createScheduleStore(storing),
    orchestrations: createOrchestrationStore(storing),
    recurrences,
    clock: process.clock,
    random: { next: () => dice.next() },
    sealer,
    tokens,
    digest: sha256Digest,
    outgoing: { sealer, tokens, signer, publicUrl, userAgent: 'Errand/simulated' },
    runners: new Map(),
    logger: loggerOf(process),
    underWay: new Set<string>(),
  };
}
