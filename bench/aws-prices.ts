import type { Reading } from './aws-meter.ts';

/** US dollars in us-east-1, November 2026, without free tiers, from public pages; none of it was tried on an account. */
const prices = {
  httpApiRequest: 1 / 1e6,
  lambdaRequest: 0.2 / 1e6,
  lambdaGbSecond: 0.0000133334,
  writeUnit: 0.625 / 1e6,
  readUnit: 0.125 / 1e6,
  sqsRequest: 0.4 / 1e6,
  /** On top, for a message of a fair queue. */
  sqsFairMessage: 0.1 / 1e6,
  busEntry: 1 / 1e6,
  logGb: 0.5,
  storageGbMonth: 0.25,
} as const;

/** Durations and log lines cannot be measured here; these are the assumptions of the estimate that the result is compared with. */
const memoryGb = 0.5;
const assumedMs: Readonly<Record<string, number>> = {
  commands: 15,
  ingest: 15,
  dispatch: 40,
  project: 40,
  wake: 200,
  wakeLong: 200,
  callback: 200,
};
const logBytesPerInvocation = 300;

export const sum = (counts: ReadonlyMap<string, number>, holds: (key: string) => boolean = () => true): number =>
  [...counts].reduce((total, [key, value]) => (holds(key) ? total + value : total), 0);

const sqsOperations = /(?:SendMessage|SendMessageBatch|ReceiveMessage|DeleteMessageBatch)$/;

/** What a reading costs, part by part, in dollars. `httpRequests` are those that API Gateway took; `storedBytes` stay a month. */
export function costOf(reading: Reading, httpRequests: number, storedBytes: number): ReadonlyMap<string, number> {
  const invocations = sum(reading.invocations);
  const gbSeconds = [...reading.invocations].reduce(
    (total, [name, count]) => total + (count * (assumedMs[name] ?? 40) * memoryGb) / 1_000,
    0,
  );
  const wakes = sum(reading.entries, (key) => key.endsWith('SendMessageBatch'));
  return new Map([
    ['API Gateway', httpRequests * prices.httpApiRequest],
    ['Lambda requests', invocations * prices.lambdaRequest],
    ['Lambda duration (assumed)', gbSeconds * prices.lambdaGbSecond],
    ['DynamoDB writes', sum(reading.writes) * prices.writeUnit],
    ['DynamoDB reads', sum(reading.reads) * prices.readUnit],
    ['SQS requests', sum(reading.requests, (key) => sqsOperations.test(key)) * prices.sqsRequest],
    ['SQS fair queues', wakes * prices.sqsFairMessage],
    ['EventBridge', sum(reading.entries, (key) => key.endsWith('PutEvents')) * prices.busEntry],
    ['logs (assumed)', (invocations * logBytesPerInvocation * prices.logGb) / 1e9],
    ['storage, a month', (storedBytes * prices.storageGbMonth) / 1e9],
  ]);
}
