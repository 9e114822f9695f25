import { snapshotSchemaVersion } from '../application/aggregate-store.ts';
import type { Snapshot, StoredEvent } from '../application/ports.ts';
import { limits } from '../domain/limits.ts';
import type { StreamState } from '../domain/streams.ts';
import { runningTasks } from './export-log.ts';
import type { Manifest } from './log-file.ts';
import { differencesOf, eventsOfFile, verifyLogFile } from './log-file-reader.ts';
import type { ImportMark, LogHost, Tell } from './log-host.ts';
import { missingKeys, variableOf } from './log-keys.ts';
import { LogSurvey } from './log-survey.ts';
import { count, createProgress } from './progress.ts';
import { Refused } from './refused.ts';

/** Appends that are issued together: on SQLite they share a commit, on DynamoDB they travel in 20 requests side by side. */
const chunkEvents = 500;
/** A chunk ends here, too: so much of bodies is held at a time. */
const chunkBytes = 8 * 1_024 * 1_024;
/** How often the place is kept from which an interrupted import goes on. */
const markEvery = 10_000;

export type ImportOptions = {
  /** Ids of keys that are lost and that the operator goes on without. */
  readonly withoutKeys: readonly string[];
  readonly tell: Tell;
};
export type Imported = { readonly manifest: Manifest; readonly rebuilt: string };

/**
 * Brings an exported log into an empty one and opens it: events are appended with the mark of an import, which no host acts upon, then
 * the whole log is read back and compared with the manifest, then the read models are made. Interrupted, it is run again with the same
 * file and goes on. Throws `Refused` before anything is written if the file, the keys or the log are not as they must be.
 */
export async function importLog(host: LogHost, path: string, { withoutKeys, tell }: ImportOptions): Promise<Imported> {
  const { manifest, survey } = await verifyLogFile(path, createProgress(tell, 'verified ', null));
  if (survey.running.count > 0) throw new Refused(runningTasks('the file', survey));
  await requireKeys(host, manifest, withoutKeys);
  let mark = await begin(host, manifest);
  if (!mark.verified) {
    if (mark.appended > 0) tell(`goes on behind the first ${count(mark.appended)} events, which are in the log`);
    await appendAll(host, path, mark, manifest.events, tell);
    await verifyLog(host, manifest, tell);
    mark = { ...mark, appended: manifest.events, verified: true };
    await host.imports.write(mark);
  }
  const rebuilt = await host.rebuild(tell);
  await host.imports.clear();
  return { manifest, rebuilt };
}

async function requireKeys(host: LogHost, manifest: Manifest, waived: readonly string[]): Promise<void> {
  const missing = missingKeys(manifest.keys, await host.keyIds(), waived);
  if (missing.length === 0) return;
  const named = missing.map(({ kind, ids }) => `${kind} ${ids.join(', ')} (${variableOf[kind]})`).join('; ');
  throw new Refused(
    `the log needs keys that are not here, by their ids: ${named}. Keys are never exported: hand over those of the old host. Its data ` +
      'directory holds them in sealing-keys, token-keys and signing-secret, the AWS host in Secrets Manager; ' +
      `${howToGive[host.kind]}. A key that is lost for good is waived with --without-key ID, and what it sealed with it`,
  );
}

const howToGive = {
  server: 'copy these files into the new data directory before the import, or set the variables here and for the server',
  aws: 'put their contents into the secrets of the new stack, newest first, and give their ARNs in the variables that end in _ARN',
} as const;

/** The mark is there before the first event: from then on no server starts on a part of a log. */
async function begin(host: LogHost, manifest: Manifest): Promise<ImportMark> {
  const file = manifest.sha256;
  const mark = await host.imports.read();
  if (mark !== null) {
    if (mark.file === file) return mark;
    throw new Refused(`an import of another file into ${host.name} is not finished: go on with that one, or begin in an empty log`);
  }
  if (!(await host.isEmpty())) throw new Refused(`${host.name} is not empty: a log is imported into an empty one only`);
  const begun = { file, appended: 0, verified: false };
  await host.imports.write(begun);
  return begun;
}

type Append = { readonly event: StoredEvent; readonly snapshot: Snapshot | undefined };

async function appendAll(host: LogHost, path: string, mark: ImportMark, all: number, tell: Tell): Promise<void> {
  const progress = createProgress(tell, 'imported ', all);
  // Folded from the first event on, also where they are in the log already: a state may be due on the rest of a stream.
  const folds = new LogSurvey();
  let read = 0;
  let chunk: Append[] = [];
  let bytes = 0;
  let marked = mark.appended;
  for await (const event of eventsOfFile(path)) {
    const state = folds.add(event);
    read += 1;
    if (read <= mark.appended) continue;
    chunk.push({ event: { ...event, imported: true }, snapshot: snapshotOf(state) });
    bytes += event.body?.length ?? 0;
    if (chunk.length < chunkEvents && bytes < chunkBytes) continue;
    await appendTogether(host, chunk);
    chunk = [];
    bytes = 0;
    progress(read);
    if (read - marked < markEvery) continue;
    await host.imports.write({ ...mark, appended: read });
    marked = read;
  }
  await appendTogether(host, chunk);
}

/** Resolves once all of them are durable, or have failed. */
async function appendTogether(host: LogHost, chunk: readonly Append[]): Promise<void> {
  const settled = await Promise.allSettled(chunk.map(({ event, snapshot }) => host.log.append(event, snapshot)));
  settled.forEach((one, index) => {
    if (one.status === 'rejected') throw one.reason;
    if (one.value === 'appended') return;
    const { stream = '?', version = 0 } = chunk[index]?.event ?? {};
    throw new Refused(`${stream}@${version} is in ${host.name} with another content: somebody else writes to it, or the file doubles it`);
  });
}

/** Long streams must be as short to load as they were. */
function snapshotOf(state: StreamState): Snapshot | undefined {
  if (state.version % limits.snapshotEvery !== 0) return undefined;
  return { version: state.version, schemaVersion: snapshotSchemaVersion, state: JSON.stringify(state) };
}

async function verifyLog(host: LogHost, manifest: Manifest, tell: Tell): Promise<void> {
  const survey = new LogSurvey();
  const progress = createProgress(tell, 'read back ', manifest.events);
  let events = 0;
  let unmarked = 0;
  for await (const event of host.events()) {
    survey.add(event);
    events += 1;
    if (event.imported !== true) unmarked += 1;
    progress(events);
  }
  if (unmarked > 0) throw new Refused(`${count(unmarked)} events in ${host.name} were not imported: a host is at work on it. ${beginAnew}`);
  const different = differencesOf(survey.end(), manifest);
  if (different.length > 0) throw new Refused(`${host.name} is not the log that was exported: ${different.join(', ')}. ${beginAnew}`);
}

const beginAnew = 'Begin anew in an empty log';
