import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';

/** An event as a rule hands it to its targets. */
export type BusEvent = {
  readonly version: '0';
  readonly id: string;
  readonly 'detail-type': string;
  readonly source: string;
  readonly account: string;
  /** ISO 8601 in whole seconds. */
  readonly time: string;
  readonly region: string;
  readonly resources: readonly string[];
  readonly detail: Readonly<Record<string, unknown>>;
};

const entryShape = z.object({
  Source: z.string().optional(),
  DetailType: z.string().optional(),
  Detail: z.string().optional(),
  EventBusName: z.string().optional(),
  Time: z.number().optional(),
  Resources: z.array(z.string()).optional(),
});
const requestShape = z.object({ Entries: z.array(entryShape) });
export type GivenEntry = z.infer<typeof entryShape>;

export type EntryResult = { readonly EventId: string } | { readonly ErrorCode: string; readonly ErrorMessage: string };
export type PutEventsAnswer = { readonly FailedEntryCount: number; readonly Entries: readonly EntryResult[] };

/** A request that was refused whole; the name is the one by which clients of the service know it. */
export class RefusedRequest extends Error {
  constructor(name: string, message: string) {
    super(message);
    this.name = name;
  }
}

export type FakeEventBridgeOptions = {
  /** Hears of each event that was taken, with the name of its bus, before the request is answered. */
  readonly accept: (busName: string, event: BusEvent) => void | Promise<void>;
  /** Epoch milliseconds, for entries that bring no time. */
  readonly now?: () => number;
  readonly account?: string;
  readonly region?: string;
  /** The error code with which an entry fails that would be taken otherwise; null to take it. */
  readonly failEntry?: (entry: GivenEntry) => string | null;
};

/** Limits of PutEvents: API reference, and the pages named below. */
const mostEntries = 10;
/** https://aws.amazon.com/blogs/compute/more-room-to-build-serverless-services-now-support-payloads-up-to-1-mb/ */
const bytesOfRequest = 1_000_000;
const detailTypeLength = 128;
const detailDepth = 1_000;

/**
 * PutEvents as AWS carries it out: refuses whole requests and single entries for the reasons AWS does, and tells `accept` of the rest.
 * Throws RefusedRequest. It knows no rules and no buses: any name is one.
 */
export function createPutEvents(options: FakeEventBridgeOptions): (input: unknown) => Promise<PutEventsAnswer> {
  const { accept, failEntry = () => null, now = Date.now, account = '000000000000', region = 'eu-west-1' } = options;
  let taken = 0;

  async function put(entry: GivenEntry): Promise<EntryResult> {
    const checked = checkEntry(entry);
    if ('ErrorCode' in checked) return checked;
    const injected = failEntry(entry);
    if (injected !== null) return refusal(injected, 'a failure that was asked for');
    taken += 1;
    const event: BusEvent = {
      version: '0',
      id: `00000000-0000-4000-8000-${String(taken).padStart(12, '0')}`,
      'detail-type': checked.detailType,
      source: checked.source,
      account,
      time: new Date(entry.Time === undefined ? now() : entry.Time * 1_000).toISOString().replace(/\.\d+Z$/, 'Z'),
      region,
      resources: entry.Resources ?? [],
      detail: checked.detail,
    };
    // A bus is named by its name or by its ARN.
    await accept((entry.EventBusName ?? 'default').replace(/^arn:.*:event-bus\//, ''), event);
    return { EventId: event.id };
  }

  return async (input) => {
    const parsed = requestShape.safeParse(input);
    if (!parsed.success) throw new RefusedRequest('SerializationException', parsed.error.message);
    const { Entries } = parsed.data;
    checkRequest(Entries);
    const results: EntryResult[] = [];
    for (const entry of Entries) results.push(await put(entry));
    return { FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length, Entries: results };
  };
}

function checkRequest(entries: readonly GivenEntry[]): void {
  if (entries.length < 1 || entries.length > mostEntries) {
    throw new RefusedRequest('ValidationException', `${entries.length} entries were given, it must be 1 to ${mostEntries}`);
  }
  if (entries.reduce((sum, entry) => sum + entryBytes(entry), 0) >= bytesOfRequest) {
    throw new RefusedRequest('ValidationException', 'Total size of the entries in the request is over the limit.');
  }
  // "If you submit a request in which none of the entries have each of these properties, EventBridge fails the entire request."
  if (!entries.some((entry) => missingIn(entry).length === 0)) {
    throw new RefusedRequest('ValidationException', 'no entry has a source, a detail type and a detail');
  }
}

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html#eb-putevent-size */
export function entryBytes({ Source = '', DetailType = '', Detail = '', Time, Resources = [] }: GivenEntry): number {
  const texts = [Source, DetailType, Detail, ...Resources];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), Time === undefined ? 0 : 14);
}

function missingIn(entry: GivenEntry): readonly string[] {
  return (['Source', 'DetailType', 'Detail'] as const).filter((name) => (entry[name] ?? '') === '');
}

type Refusal = { readonly ErrorCode: string; readonly ErrorMessage: string };
type Checked = { readonly source: string; readonly detailType: string; readonly detail: Readonly<Record<string, unknown>> };

function checkEntry(entry: GivenEntry): Checked | Refusal {
  const { Source: source = '', DetailType: detailType = '' } = entry;
  const [missing] = missingIn(entry);
  if (missing !== undefined)
    return refusal('InvalidArgument', `Parameter ${missing} is not valid. Reason: ${missing} is a required argument.`);
  if (source.startsWith('aws.')) return refusal('NotAuthorizedForSourceException', `Not authorized for the source ${source}.`);
  if (detailType.length > detailTypeLength) return refusal('InvalidArgument', 'Parameter DetailType is not valid.');
  const detail = detailOf(entry.Detail ?? '');
  return detail === null ? refusal('MalformedDetail', 'Detail is malformed.') : { source, detailType, detail };
}

function refusal(ErrorCode: string, ErrorMessage: string): Refusal {
  return { ErrorCode, ErrorMessage };
}

/** A detail is a JSON object, not nested too deep. */
function detailOf(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const detail = z.record(z.string(), z.unknown()).safeParse(JSON.parse(text)).data ?? null;
    return detail !== null && depthOf(text) <= detailDepth ? detail : null;
  } catch {
    return null;
  }
}

/** How deep well-formed JSON is nested. */
function depthOf(text: string): number {
  let [depth, deepest] = [0, 0];
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[[\]{}]/g)) {
    if (token === '[' || token === '{') deepest = Math.max(deepest, ++depth);
    else if (token === ']' || token === '}') depth -= 1;
  }
  return deepest;
}

export type FakeEventBridge = { readonly endpoint: string; close(): Promise<void> };

/** The same behind an endpoint on a port of loopback, for a client of the SDK (AWS JSON 1.1). */
export async function startFakeEventBridge(options: FakeEventBridgeOptions): Promise<FakeEventBridge> {
  const putEvents = createPutEvents(options);
  const server = createServer((request, response) => void answer(putEvents, request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function answer(
  put: (input: unknown) => Promise<PutEventsAnswer>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const send = (status: number, body: object): void => {
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
  };
  try {
    const target = request.headers['x-amz-target'];
    if (target !== 'AWSEvents.PutEvents') throw new RefusedRequest('UnknownOperationException', `no operation ${target}`);
    send(200, await put(JSON.parse(Buffer.concat(chunks).toString())));
  } catch (error) {
    if (error instanceof RefusedRequest) send(400, { __type: error.name, message: error.message });
    else send(500, { __type: 'InternalException', message: String(error) });
  }
}
