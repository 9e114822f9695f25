import type { Ids, StoredEvent } from '../application/ports.ts';
import { kindOf } from '../domain/streams.ts';
import { type ClosingPorts, closeStreams, eventsOf, foldedStream } from './closing.ts';
import { childStreamsOf, type FoldedStream, parentStreamOf, stubOf, whyOpen } from './folded-streams.ts';
import type { LogHost, Tell } from './log-host.ts';
import { count } from './progress.ts';
import { Refused } from './refused.ts';
import { removeStreams } from './remove-streams.ts';

/** What to erase, and what hears of it; the same for a log and for a file. */
export type EraseOptions = {
  readonly streams: readonly string[];
  /** The tasks of the schedules and orchestrations as well. */
  readonly children: boolean;
  /** Says what would be done, and does nothing. */
  readonly dryRun: boolean;
  readonly clock: ClosingPorts['clock'];
  readonly ids: Pick<Ids, 'commitId'>;
  readonly tell: Tell;
  /** Hears what was done. */
  readonly say: Tell;
};

/** Statistics know of the last hour at most. */
const countedMs = 2 * 3_600_000;

/**
 * Erases streams that have ended: nothing of their content is left in the log, beside it, or in the read models; their ids are. Repeated, it
 * makes whole what was interrupted. Throws `Refused` before anything is changed if one of them is not there, or is open, or belongs to one
 * that is.
 */
export async function eraseStreams(host: LogHost, options: EraseOptions & Pick<ClosingPorts, 'atRest'>): Promise<void> {
  if ((await host.imports.read()) !== null) throw new Refused(`an import into ${host.name} is not finished`);
  const { streams, dryRun, clock, ids, tell, say } = options;
  const plan = await planOf(host, options);
  if (dryRun) return say('Nothing was changed. With --yes it is done.');
  const all = [...plan.children, ...plan.named].map(({ stream }) => stream);
  const open = await closeStreams(host, all, options);
  if (open.size > 0) throw new Refused(`${[...open].join(', ')} went on meanwhile: nothing was erased`);
  const stub = (stream: string) => stubOf(stream, { now: clock.now(), commitId: ids.commitId() });
  const left: string[] = [];
  // Those that name them last: an interrupted run must find them again.
  for (const group of [plan.children, plan.named])
    left.push(...(await removeStreams(host, withEvents(host, group, clock.now()), stub, tell)).left);
  say(await host.removal.finish(tell));
  say(`${count(all.length - left.length)} streams were erased; what is left of each is its id, which is never used again.`);
  for (const line of await host.removal.searchElsewhere(all, tell)) say(line);
  if (left.length > 0) throw new Refused(`${left.join(', ')} went on meanwhile and were left as they are; of ${streams.length} asked for`);
}

type Plan = { readonly named: readonly FoldedStream[]; readonly children: readonly FoldedStream[] };

async function planOf(host: LogHost, { streams, children, say }: EraseOptions): Promise<Plan> {
  const named: FoldedStream[] = [];
  const owned: FoldedStream[] = [];
  for (const stream of new Set(streams)) {
    const folded = await closedStream(host, stream);
    if (folded === null) throw new Refused(`there is no ${inWords(stream)} in ${host.name}`);
    named.push(folded);
    say(`${inWords(stream)}: ${folded.isStub ? 'was erased or archived before; what is left is looked for again' : inFigures(folded)}`);
    const parent = parentStreamOf(folded);
    if (parent !== null) await requireClosedParent(host, parent, streams, say);
    const own = await childrenOf(host, folded);
    if (own.length === 0) continue;
    if (children) owned.push(...own);
    say(
      `  ${count(own.length)} tasks of it ${children ? 'are erased as well' : 'keep what they took over: --children erases them as well'}`,
    );
  }
  return { named, children: owned };
}

function inFigures({ newest, bodyBytes }: FoldedStream): string {
  return `${count(newest.version)} events, the newest of ${new Date(newest.occurredAt).toISOString()}, ${count(bodyBytes)} bytes beside them or more`;
}

function inWords(stream: string): string {
  return `${kindOf(stream)} ${stream.slice(stream.indexOf('#') + 1)}`;
}

/** Throws `Refused` if something may still happen to it. */
async function closedStream(host: LogHost, stream: string): Promise<FoldedStream | null> {
  const folded = await foldedStream(host, stream);
  const open = folded === null ? null : whyOpen(folded);
  if (open !== null) throw new Refused(`${inWords(stream)} ${open}: end it first (cancel or delete it, let its callback be delivered)`);
  return folded;
}

async function requireClosedParent(host: LogHost, parent: string, asked: readonly string[], say: Tell): Promise<void> {
  const folded = await foldedStream(host, parent);
  if (folded === null || folded.isStub || asked.includes(parent)) return;
  const open = whyOpen(folded);
  if (open !== null) throw new Refused(`it belongs to ${inWords(parent)}, which ${open}: end that first`);
  say(`  it belonged to ${inWords(parent)}, which keeps what it knows of it, as may other tasks of that`);
}

/** The tasks that are its own. One that was erased before may have been. */
async function childrenOf(host: LogHost, parent: FoldedStream): Promise<readonly FoldedStream[]> {
  const own: FoldedStream[] = [];
  for (const stream of childStreamsOf(parent)) {
    const child = await foldedStream(host, stream);
    if (child === null || !(child.isStub || parentStreamOf(child) === parent.stream)) continue;
    const open = whyOpen(child);
    if (open !== null) throw new Refused(`${inWords(stream)}, which belongs to ${inWords(parent.stream)}, ${open}: end it first`);
    own.push(child);
  }
  return own;
}

async function* withEvents(host: LogHost, streams: readonly FoldedStream[], now: number) {
  for (const folded of streams) {
    const events: StoredEvent[] = [];
    if (folded.newest.occurredAt > now - countedMs) {
      for await (const { body: _body, ...event } of eventsOf(host, folded.stream))
        if (event.occurredAt > now - countedMs) events.push(event);
    }
    yield { ...folded, events };
  }
}
