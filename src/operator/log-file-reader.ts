import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import type { StoredEvent } from '../application/ports.ts';
import { checkHeader, decodeEvent, decodeManifest, encodeManifest, fitsHash, isManifest, type Manifest } from './log-file.ts';
import { LogSurvey, type Survey } from './log-survey.ts';
import { Refused } from './refused.ts';

/** Far above the longest event: 256 KiB beside it in base64, and as much again in its data with every character escaped. */
const lineBytes = 16 * 1_024 * 1_024;
const newline = 0x0a;

export type VerifiedFile = { readonly manifest: Manifest; readonly survey: Survey };

/**
 * Reads the whole file, folds what is in it and holds it against its manifest. Throws `Refused` unless all of it is as it was exported.
 * Holds one stream at a time.
 */
export async function verifyLogFile(path: string, progress: (events: number) => void): Promise<VerifiedFile> {
  const digest = createHash('sha256');
  const survey = new LogSurvey();
  let manifest: Manifest | null = null;
  let events = 0;
  for await (const { bytes, number } of linesOf(path)) {
    if (manifest !== null) throw new Refused('the file goes on after its manifest');
    const text = textOf(bytes, number);
    if (isManifest(text) && number > 1) {
      manifest = decodeManifest(text);
      if (encodeManifest(manifest) !== text) throw new Refused('the manifest of the file was changed');
      continue;
    }
    digest.update(bytes).update('\n');
    if (number === 1) checkHeader(text);
    else {
      survey.add(decodeEvent(text, number));
      events += 1;
      progress(events);
    }
  }
  if (manifest === null) throw new Refused('the file is not whole: its last line, the manifest, is missing');
  if (!fitsHash(manifest, digest)) throw new Refused('the file was changed: its bytes do not fit the hash in its manifest');
  const found = survey.end();
  const different = differencesOf(found, manifest);
  if (different.length > 0) throw new Refused(`the file is not what its manifest says: ${different.join(', ')}`);
  return { manifest, survey: found };
}

/** In which figures a log is not the one that was exported, in words. */
export function differencesOf(found: Survey, manifest: Manifest): readonly string[] {
  const names = ['events', 'streams', 'bodies', 'eventsChecksum', 'foldsChecksum'] as const;
  const figures = names.flatMap((name) =>
    found[name] === manifest[name] ? [] : [`${name} is ${found[name]} instead of ${manifest[name]}`],
  );
  const unnamed = found.sealingKeyIds.filter((id) => !manifest.keys.sealing.includes(id));
  return unnamed.length === 0 ? figures : [...figures, `the sealing keys ${unnamed.join(', ')} are not named`];
}

/** The events of a file that was verified. */
export async function* eventsOfFile(path: string): AsyncGenerator<StoredEvent> {
  for await (const { bytes, number } of linesOf(path)) {
    const text = textOf(bytes, number);
    if (number > 1 && !isManifest(text)) yield decodeEvent(text, number);
  }
}

/**
 * The lines of a file without their ends, numbered from 1. `node:readline` would also break them at the line separators that JSON
 * strings may hold (https://nodejs.org/api/readline.html).
 */
async function* linesOf(path: string): AsyncGenerator<{ readonly bytes: Buffer; readonly number: number }> {
  let rest: Buffer[] = [];
  let held = 0;
  let number = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1_024 })) {
    let from = 0;
    const bytes = chunk as Buffer;
    for (let end = bytes.indexOf(newline, from); end !== -1; end = bytes.indexOf(newline, from)) {
      number += 1;
      yield { bytes: Buffer.concat([...rest, bytes.subarray(from, end)]), number };
      rest = [];
      held = 0;
      from = end + 1;
    }
    rest.push(bytes.subarray(from));
    held += bytes.length - from;
    if (held > lineBytes) throw new Refused(`line ${number + 1} of the file is longer than any event`);
  }
  if (held > 0) throw new Refused(`the file is not whole: line ${number + 1} has no end`);
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function textOf(bytes: Buffer, number: number): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Refused(`line ${number} of the file is no text in UTF-8`);
  }
}
