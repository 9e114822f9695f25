import { taskEvent } from '../../../src/application/event-schemas.ts';
import { limits } from '../../../src/domain/limits.ts';
import { streamOf } from '../../../src/domain/streams.ts';
import type { World } from '../kernel/world.ts';
import type { EventTable } from '../services/event-table.ts';
import type { Receipt } from '../services/targets.ts';
import type { Finished } from '../simulation.ts';
import { type Claim, readTask } from './task-laws.ts';

const stories = new WeakMap<EventTable, Map<string, readonly Claim[]>>();

function claimsOf(table: EventTable, stream: string): readonly Claim[] {
  let known = stories.get(table);
  if (known === undefined) {
    known = new Map();
    stories.set(table, known);
  }
  let claims = known.get(stream);
  if (claims === undefined) {
    claims = readTask(table.of(stream)).claims;
    known.set(stream, claims);
  }
  return claims;
}

/** The claim that a call of a target was made with; null if there is none. */
export function claimOf(table: EventTable, receipt: Receipt): Claim | null {
  if (receipt.taskId === null) return null;
  const run = Number(receipt.webhookId.split('~')[1] ?? 1);
  return claimsOf(table, streamOf('task', receipt.taskId)).find((claim) => claim.run === run && claim.attempt === receipt.attempt) ?? null;
}

/** What targets have received, against what the log says that was to be called: the laws that reach outside. */
export function checkReceipts({ world, host }: Finished): void {
  const { table, targets } = host;
  const byTask = new Map<string, { readonly receipt: Receipt; readonly claim: Claim }[]>();
  for (const receipt of targets.receipts) {
    if (receipt.webhookId.includes('~callback~')) {
      checkCallback(world, table, receipt);
      continue;
    }
    const claim = claimOf(table, receipt);
    const what = `the call for ${receipt.webhookId}, attempt ${receipt.attempt}, by ${receipt.by}`;
    if (claim === null || claim.entry.at > receipt.at) {
      world.violate('S6', `${what} was made without a claim`);
      continue;
    }
    if (claim.entry.by !== receipt.by) world.violate('S6', `${what} was made with a claim of ${claim.entry.by}`);
    const lateMs = receipt.calledAt - claim.entry.event.occurredAt;
    if (lateMs > limits.startWindowMs) world.violate('S6', `${what} began ${lateMs} ms after its start`);
    const others = byTask.get(receipt.taskId ?? '') ?? [];
    for (const other of others) {
      if (other.claim === claim) world.violate('mutex', `${what} was made twice`);
      if ((other.receipt.endedAt ?? Number.POSITIVE_INFINITY) > receipt.at && !endedByTarget(table, other.claim)) {
        world.violate('mutex', `${what} began while attempt ${other.receipt.attempt} by ${other.receipt.by} was under way`);
      }
      if (other.claim.run === claim.run && other.receipt.webhookId !== receipt.webhookId) {
        world.violate('S8', `${what} has another webhook-id than ${other.receipt.webhookId}`);
      }
    }
    others.push({ receipt, claim });
    byTask.set(receipt.taskId ?? '', others);
  }
}

/** Whether an asynchronous target said that this attempt was over, while its own answer to the call was still on its way. */
function endedByTarget(table: EventTable, { entry }: Claim): boolean {
  return table.of(entry.event.stream).some(({ event: stored }) => {
    const event = taskEvent(stored);
    return event.type === 'TaskFailed' && event.data.startedVersion === entry.event.version && event.data.error.kind === 'rejected';
  });
}

/** A callback tells of an outcome that is in the log. */
function checkCallback(world: World, table: EventTable, receipt: Receipt): void {
  const [id = '', version = ''] = receipt.webhookId.split('~callback~');
  const stream = streamOf('task', decodeURIComponent(id));
  const entry = table.of(stream)[Number(version) - 1];
  if (entry === undefined || entry.at > receipt.at) world.violate('callback', `${receipt.webhookId} tells of what is not in the log`);
  else if (!entry.event.facts.callback) {
    const isReopened = table.of(stream).some(({ event }) => event.type === 'CallbackReopened');
    if (!isReopened) world.violate('callback', `${receipt.webhookId} tells of ${entry.event.type}, which asks for no callback`);
  }
}
