import { request as httpRequest, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import * as z from 'zod';

/** What a subscriber is told of an event; the parts that the demonstration speaks of. */
const detail = z.object({
  taskId: z.string(),
  version: z.number(),
  type: z.string(),
  occurredAt: z.string(),
  status: z.string(),
  attempt: z.number().optional(),
  data: z.record(z.string(), z.unknown()),
});
export type EventDetail = z.infer<typeof detail>;

/** Sends JSON and gives back the parsed answer. Throws unless the answer is a 2xx. */
export async function callApi(base: string, method: string, path: string, body?: object): Promise<unknown> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  const response = await open(base + path, method, payload);
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString('utf8');
  const status = response.statusCode ?? 0;
  if (status < 200 || status > 299) throw new Error(`${method} ${path} was answered with ${status}: ${text}`);
  return JSON.parse(text);
}

/** Follows the server-sent events from the first one on, until the signal is aborted. */
export async function* followEvents(base: string, signal: AbortSignal): AsyncGenerator<EventDetail> {
  const response = await open(`${base}/events?after=0`, 'GET', undefined, signal);
  try {
    for await (const line of createInterface({ input: response })) {
      if (line.startsWith('data: ')) yield detail.parse(JSON.parse(line.slice('data: '.length)));
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    response.destroy();
  }
}

function open(url: string, method: string, payload?: string, signal?: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers: Record<string, string> = payload === undefined ? {} : { 'content-type': 'application/json' };
    const request = httpRequest(url, { method, headers, ...(signal === undefined ? {} : { signal }) }, resolve);
    request.on('error', reject);
    request.end(payload);
  });
}
