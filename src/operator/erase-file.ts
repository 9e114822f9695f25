import type { EraseOptions } from './erase-streams.ts';
import { foldedStreams, parentStreamOf, stubOf } from './folded-streams.ts';
import type { Manifest } from './log-file.ts';
import { eventsOfFile, verifyLogFile } from './log-file-reader.ts';
import { LogFileWriter } from './log-file-writer.ts';
import { LogSurvey } from './log-survey.ts';
import { count, createProgress } from './progress.ts';

/**
 * Writes an export or an archive anew with nothing but the stubs of these streams, whatever state they were in, and with checksums of its
 * own; then it takes the old file's place. The blocks of the old one are the file system's to use again: it cannot be told to wipe them.
 */
export async function eraseInFile(path: string, options: EraseOptions): Promise<void> {
  const { dryRun, tell, say } = options;
  const { manifest } = await verifyLogFile(path, createProgress(tell, 'verified ', null));
  const found = await streamsFound(path, options);
  if (found.size === 0) return say(`${path} holds nothing of it.`);
  say(`${path} holds ${count(found.size)} streams to erase: ${[...found].slice(0, 5).join(', ')}${found.size > 5 ? ', ...' : ''}`);
  if (dryRun) return say('Nothing was changed. With --yes it is done.');
  await rewrite(path, manifest, found, options);
  const { manifest: after } = await verifyLogFile(path, createProgress(tell, 'read back ', null));
  say(`${path} was written anew without them and read back. Checksum of folds: ${after.foldsChecksum}`);
}

async function streamsFound(path: string, { streams, children }: EraseOptions): Promise<ReadonlySet<string>> {
  const asked = new Set(streams);
  const found = new Set<string>();
  for await (const folded of foldedStreams(eventsOfFile(path))) {
    const parent = children ? parentStreamOf(folded) : null;
    const isMeant = asked.has(folded.stream) || (parent !== null && asked.has(parent));
    if (isMeant && !folded.isStub) found.add(folded.stream);
  }
  return found;
}

async function rewrite(path: string, manifest: Manifest, erased: ReadonlySet<string>, { clock, ids, tell }: EraseOptions): Promise<void> {
  const writer = await LogFileWriter.create(path, { replace: true });
  try {
    const survey = new LogSurvey();
    const progress = createProgress(tell, 'written ', manifest.events);
    let events = 0;
    for await (const event of eventsOfFile(path)) {
      events += 1;
      progress(events);
      const isErased = erased.has(event.stream);
      if (isErased && event.version > 1) continue;
      const kept = isErased ? stubOf(event.stream, { now: clock.now(), commitId: ids.commitId() }) : event;
      survey.add(kept);
      await writer.add(kept);
    }
    const found = survey.end();
    const { exportedAt: at, exportedFrom: from, endedBefore, keys } = manifest;
    await writer.finish(found, { at, from, endedBefore, keys: { ...keys, sealing: found.sealingKeyIds } });
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}
