import { SendMessageCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { z } from 'zod';
import type { Pattern } from '../patterns.ts';
import { account, region } from '../stack/intrinsics.ts';
import { type Operations, ServiceError } from './json-endpoint.ts';

/** A rule of a bus with the queues it sends to. */
export type BusRule = { readonly bus: string; readonly matches: Pattern; readonly queueUrls: readonly string[] };
export type EventBridgePorts = {
  readonly buses: readonly string[];
  readonly rules: readonly BusRule[];
  readonly sqs: SQSClient;
  readonly now: () => number;
  readonly id: () => string;
  /** Carries out a delivery, perhaps later. */
  readonly deliver: (delivery: () => Promise<void>) => Promise<void>;
};

const putEvents = z.object({ Entries: z.array(z.record(z.string(), z.unknown())) });
const mostEntries = 10;
/** Of all entries together (https://aws.amazon.com/blogs/compute/more-room-to-build-serverless-services-now-support-payloads-up-to-1-mb/). */
const mostBytes = 1_024 * 1_024;

type Entry = {
  readonly Source: string;
  readonly DetailType: string;
  readonly Detail: string;
  readonly EventBusName?: string;
  readonly Time?: number;
  readonly Resources?: readonly string[];
};
type EntryResult = { readonly EventId: string } | { readonly ErrorCode: string; readonly ErrorMessage: string };

/** EventBridge, as far as functions publish to it and rules carry on to queues. */
export function eventBridge(ports: EventBridgePorts): Operations {
  async function put(given: Readonly<Record<string, unknown>>): Promise<EntryResult> {
    const refusal = refusalOf(given, ports.buses);
    if (refusal !== null) return refusal;
    const entry = given as Entry;
    const event = {
      version: '0',
      id: ports.id(),
      'detail-type': entry.DetailType,
      source: entry.Source,
      account,
      // Whole seconds, as EventBridge writes them.
      time: new Date(entry.Time === undefined ? ports.now() : entry.Time * 1_000).toISOString().replace(/\.\d+Z$/, 'Z'),
      region,
      resources: entry.Resources ?? [],
      detail: JSON.parse(entry.Detail) as unknown,
    };
    const bus = busName(entry.EventBusName);
    const urls = ports.rules.filter((rule) => rule.bus === bus && rule.matches(event)).flatMap(({ queueUrls }) => queueUrls);
    const MessageBody = inAscii(JSON.stringify(event));
    await Promise.all(
      urls.map((QueueUrl) => ports.deliver(async () => void (await ports.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody }))))),
    );
    return { EventId: event.id };
  }

  return {
    'AWSEvents.PutEvents': async (input) => {
      const { Entries } = putEvents.parse(input);
      if (Entries.length === 0 || Entries.length > mostEntries) {
        throw new ServiceError('ValidationException', `1 validation error detected: Entries must have 1 to ${mostEntries} members`);
      }
      if (Entries.reduce((sum, entry) => sum + bytesOf(entry), 0) > mostBytes) {
        throw new ServiceError('ValidationException', 'Total size of the entries in the request is over the limit.');
      }
      const results = await Promise.all(Entries.map(put));
      return { FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length, Entries: results };
    },
  };
}

/** The size of an entry as EventBridge counts it (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html). */
function bytesOf(entry: Readonly<Record<string, unknown>>): number {
  const texts = [entry['Source'], entry['DetailType'], entry['Detail'], ...((entry['Resources'] as unknown[] | undefined) ?? [])];
  return texts.reduce<number>(
    (sum, text) => sum + Buffer.byteLength(typeof text === 'string' ? text : ''),
    entry['Time'] === undefined ? 0 : 14,
  );
}

/**
 * The same JSON with everything beyond ASCII escaped: SQS refuses messages with U+FFFE or U+FFFF, and fauxqs 2.4.1 also those with
 * characters beyond the basic plane, which SQS takes.
 */
function inAscii(json: string): string {
  return json.replace(/[\u0080-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** A bus is named by its name or by its ARN. */
function busName(given: string | undefined): string {
  return (given ?? 'default').replace(/^arn:.*:event-bus\//, '');
}

function refusalOf(entry: Readonly<Record<string, unknown>>, buses: readonly string[]): EntryResult | null {
  const refused = (ErrorCode: string, ErrorMessage: string): EntryResult => ({ ErrorCode, ErrorMessage });
  for (const name of ['Source', 'DetailType', 'Detail']) {
    if (typeof entry[name] !== 'string' || entry[name] === '') return refused('InvalidArgument', `Parameter ${name} is not valid.`);
  }
  const detail = parsed(String(entry['Detail']));
  if (typeof detail !== 'object' || detail === null || Array.isArray(detail)) return refused('MalformedDetail', 'Detail is malformed.');
  const bus = entry['EventBusName'];
  if (!buses.includes(busName(typeof bus === 'string' ? bus : undefined))) {
    return refused('InvalidArgument', `Event bus ${String(bus)} does not exist.`);
  }
  return null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
