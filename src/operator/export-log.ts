import { systemClock } from '../adapters/system-clock.ts';
import type { Manifest } from './log-file.ts';
import { LogFileWriter } from './log-file-writer.ts';
import type { LogHost, Tell } from './log-host.ts';
import { LogSurvey, type Survey } from './log-survey.ts';
import { count, createProgress } from './progress.ts';
import { Refused } from './refused.ts';

/**
 * Writes the whole log of a drained host to a file, which is there only once it is whole. Throws `Refused` if the log is not at rest:
 * somebody appends to it, a task is running, or an import into it is unfinished.
 */
export async function exportLog(host: LogHost, path: string, tell: Tell): Promise<Manifest> {
  if ((await host.imports.read()) !== null)
    throw new Refused(`an import into ${host.name} is not finished: there is no whole log to export`);
  const at = systemClock.now();
  const writer = await LogFileWriter.create(path);
  try {
    const survey = new LogSurvey();
    const progress = createProgress(tell, 'exported ', null);
    let events = 0;
    for await (const event of host.events()) {
      survey.add(event);
      await writer.add(event);
      events += 1;
      progress(events);
    }
    const found = survey.end();
    await requireRest(host, found, at);
    const { token, signing } = await host.keyIds();
    return await writer.finish(found, { at, from: host.kind, keys: { sealing: found.sealingKeyIds, token, signing } });
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

/** On DynamoDB nothing can be locked: what was appended meanwhile shows in the count, or in the times of the events. */
async function requireRest(host: LogHost, found: Survey, beganAt: number): Promise<void> {
  if (found.events === 0) throw new Refused(`there are no events in ${host.name}`);
  if (found.running.count > 0) throw new Refused(runningTasks(host.name, found));
  const now = await host.countEvents();
  if (now !== found.events || (host.kind === 'aws' && found.newestAt >= beganAt)) {
    throw new Refused(`${host.name} grew during the export: a host is at work on it. Stop it and export again`);
  }
}

/** A running task has an attempt that nobody in the new host would know of. */
export function runningTasks(where: string, { running }: Survey): string {
  const named = running.first.map((stream) => stream.slice(stream.indexOf('#') + 1)).join(', ');
  const more = running.count > running.first.length ? ', ...' : '';
  return (
    `${count(running.count)} task${running.count === 1 ? ' is' : 's are'} running in ${where} (${named}${more}): let the host finish ` +
    'what it has begun and stop it. A process that was killed leaves such tasks; start it once more and stop it with SIGTERM'
  );
}
