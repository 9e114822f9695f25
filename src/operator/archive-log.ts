import { existsSync } from 'node:fs';
import type { Ids } from '../application/ports.ts';
import { kindOf } from '../domain/streams.ts';
import { type ClosingPorts, closeStreams } from './closing.ts';
import { closingCommit, type FoldedStream, foldedStreams, parentStreamOf, stubOf, whyOpen } from './folded-streams.ts';
import type { Manifest } from './log-file.ts';
import { eventsOfFile, verifyLogFile } from './log-file-reader.ts';
import { LogFileWriter } from './log-file-writer.ts';
import type { LogHost, Tell } from './log-host.ts';
import { LogSurvey } from './log-survey.ts';
import { count, createProgress } from './progress.ts';
import { Refused } from './refused.ts';
import { removeStreams } from './remove-streams.ts';

export type ArchiveOptions = ClosingPorts & {
  /** The archive: if it is there, and whole, an interrupted run is gone on with. */
  readonly to: string;
  /** Streams whose newest event is older (epoch milliseconds) are archived. */
  readonly endedBefore: number;
  /** Streams that one run takes at most: their names are held in memory. */
  readonly limit: number;
  /** Says what would be done, and does nothing. */
  readonly dryRun: boolean;
  readonly ids: Pick<Ids, 'commitId'>;
  /** Hears what was done. */
  readonly say: Tell;
};

/**
 * Moves streams that have ended from the log into a file in the format of an export: it is written, synced and read back before anything is
 * removed. Only the stubs stay, which keep their ids from ever being used again. The file is all that an interrupted run has to know: run
 * again with it, what is in the file is removed from the log, and nothing else.
 */
export async function archiveLog(host: LogHost, options: ArchiveOptions): Promise<void> {
  if ((await host.imports.read()) !== null) throw new Refused(`an import into ${host.name} is not finished`);
  const { to, dryRun, say } = options;
  if (existsSync(to)) {
    const manifest = await verified(to, options.tell);
    if (manifest.endedBefore === undefined) throw new Refused(`${to} is an export, not an archive: nothing is removed that is in it`);
    say(`${to} is a whole archive of ${inFigures(manifest)}: goes on with removing them from the log.`);
    if (dryRun) return say('Nothing was changed. With --yes it is done.');
    await closeStreams(host, await streamsIn(to), options);
  } else {
    const selected = await select(host, options);
    if (dryRun && selected.size > 0) say('Nothing was changed. With --yes it is done.');
    if (dryRun || selected.size === 0) return;
    for (const stream of await closeStreams(host, selected, options)) selected.delete(stream);
    if (selected.size === 0) return say('All of them went on meanwhile: nothing was archived.');
    const written = await write(host, selected, options);
    say(`${inFigures(written)} are in ${to}, which was read back. Checksum of events: ${written.eventsChecksum}`);
  }
  await remove(host, options);
}

function inFigures({ events, streams }: Manifest): string {
  return `${count(events)} events of ${count(streams)} streams`;
}

async function verified(path: string, tell: Tell): Promise<Manifest> {
  return (await verifyLogFile(path, createProgress(tell, 'read back ', null))).manifest;
}

async function streamsIn(path: string): Promise<ReadonlySet<string>> {
  const streams = new Set<string>();
  for await (const { stream } of eventsOfFile(path)) streams.add(stream);
  return streams;
}

/** Names the streams to archive. What does not fold is left alone, with what may belong to it. */
async function select(host: LogHost, { endedBefore, limit, tell, say }: ArchiveOptions): Promise<Set<string>> {
  const progress = createProgress(tell, 'looked at ', null, 'streams');
  const parents = { open: new Set<string>(), busy: new Set<string>() };
  const candidates = new Map<string, string | null>();
  const left = { open: 0, young: 0, family: 0, more: 0 };
  let streams = 0;
  for await (const folded of foldedStreams(host.events({ bare: true }))) {
    streams += 1;
    progress(streams);
    if (folded.isStub) continue;
    const [open, parent] = [whyOpen(folded), parentStreamOf(folded)];
    if (folded.broken !== null) tell(`${folded.stream} is left, as it ${open}`);
    if (open !== null) {
      left.open += 1;
      if (kindOf(folded.stream) !== 'task') parents.open.add(folded.stream);
      else if (parent !== null) parents.busy.add(parent);
    } else if (folded.newest.occurredAt >= endedBefore) left.young += 1;
    else if (candidates.size === limit) left.more += 1;
    else candidates.set(folded.stream, parent);
  }
  const selected = new Set<string>();
  for (const [stream, parent] of candidates) {
    if (parents.busy.has(stream) || (parent !== null && parents.open.has(parent))) left.family += 1;
    else selected.add(stream);
  }
  say(`${count(selected.size)} streams in ${host.name} are to be archived, as they ended before ${new Date(endedBefore).toISOString()}.`);
  say(
    `Others stay: ${count(left.open)} are open, ${count(left.young)} ended later, ${count(left.family)} belong to a schedule or ` +
      'orchestration that is open, or are one with tasks that are.',
  );
  if (left.more > 0) say(`${count(left.more)} more may follow in another run, into another file: one run takes ${count(limit)}.`);
  return selected;
}

async function write(host: LogHost, selected: ReadonlySet<string>, { to, endedBefore, clock, tell }: ArchiveOptions): Promise<Manifest> {
  const at = clock.now();
  const writer = await LogFileWriter.create(to);
  try {
    const survey = new LogSurvey();
    const progress = createProgress(tell, 'archived ', null);
    let events = 0;
    for await (const event of host.events({ of: (stream) => selected.has(stream) })) {
      if (event.commitId === closingCommit) continue;
      survey.add(event);
      await writer.add(event);
      events += 1;
      progress(events);
    }
    const found = survey.end();
    const { token, signing } = await host.keyIds();
    await writer.finish(found, { at, from: host.kind, endedBefore, keys: { sealing: found.sealingKeyIds, token, signing } });
  } catch (error) {
    await writer.abandon();
    throw error;
  }
  return verified(to, tell);
}

/** Leaves the stubs of what is in the archive. A stream that is not as it is there is left as it is. */
async function remove(host: LogHost, { to, clock, ids, tell, say }: ArchiveOptions): Promise<void> {
  async function* removable(): AsyncGenerator<FoldedStream> {
    for await (const folded of foldedStreams(eventsOfFile(to))) {
      if (whyOpen(folded) === null) yield folded;
      else tell(`${folded.stream} is left, as it ${whyOpen(folded)}`);
    }
  }
  const stub = (stream: string) => stubOf(stream, { now: clock.now(), commitId: ids.commitId() });
  const { removed, left } = await removeStreams(host, removable(), stub, tell);
  say(await host.removal.finish(tell));
  say(`${count(removed)} streams were removed from the log; what is left of each keeps its id from being used again.`);
  if (left.length > 0)
    say(`${count(left.length)} are not in the log as they are in the file, and were left: ${left.slice(0, 5).join(', ')}`);
}
