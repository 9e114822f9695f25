import { AsyncLocalStorage } from 'node:async_hooks';
import { type ConsumedCapacity, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { LambdaFunction } from '../test/aws-host/lambda/function.ts';

/** What was asked of AWS, and what it would be billed for. Keys are `<who> <what>`; units those of DynamoDB. */
export type Reading = {
  readonly requests: ReadonlyMap<string, number>;
  readonly invocations: ReadonlyMap<string, number>;
  /** Entries of PutEvents and messages of SendMessageBatch, each billed or counted by itself. */
  readonly entries: ReadonlyMap<string, number>;
  /** Write and read units of DynamoDB: `<who> <table>` or `<who> <table>/<index>`. */
  readonly writes: ReadonlyMap<string, number>;
  readonly reads: ReadonlyMap<string, number>;
};

export type Meter = {
  /** Counts what a function does under its name. */
  around(lambda: LambdaFunction): LambdaFunction;
  /** Requests so far: as long as it stays the same, nothing happens. */
  total(): number;
  /** What was counted since the last reading. */
  read(): Reading;
};

type Output = Readonly<Record<string, unknown>>;
type Command = { input: Record<string, unknown>; readonly constructor: { readonly name: string } };
type Sending = { send(this: { config: { serviceId?: string } }, command: Command, ...more: unknown[]): unknown };
/** Operations that can only read; all others of DynamoDB that a function uses write. */
const readOperations = new Set(['Query', 'GetItem', 'BatchGetItem', 'Scan']);

/** Puts a meter below every client of the AWS SDK in this process, to be called before any other such hook. */
export function createMeter(): Meter {
  const running = new AsyncLocalStorage<string>();
  let [requests, invocations, entries, writes, reads] = counters();
  let total = 0;
  const prototype = Object.getPrototypeOf(DynamoDBClient.prototype) as Sending;
  const send = prototype.send;
  prototype.send = async function (command, ...more) {
    const operation = command.constructor.name.replace(/Command$/, '');
    const service = this.config.serviceId ?? '';
    if (service === 'DynamoDB' && running.getStore() !== undefined) command.input['ReturnConsumedCapacity'] = 'INDEXES';
    const output = (await send.call(this, command, ...more)) as Output;
    count(service, operation, command.input, output);
    return output;
  };

  function count(service: string, operation: string, input: Output, output: Output): void {
    const who = running.getStore() ?? pollerOf(service, operation, input, output);
    if (who === null) return;
    total += 1;
    add(requests, `${who} ${operation}`, 1);
    const sent = (input['Entries'] as readonly unknown[] | undefined)?.length;
    if (sent !== undefined) add(entries, `${who} ${operation}`, sent);
    if (service === 'DynamoDB') units(who, operation, output['ConsumedCapacity']);
  }

  function units(who: string, operation: string, consumed: unknown): void {
    const into = readOperations.has(operation) ? reads : writes;
    const all = (Array.isArray(consumed) ? consumed : consumed === undefined ? [] : [consumed]) as readonly ConsumedCapacity[];
    for (const { TableName = '', CapacityUnits = 0, Table, GlobalSecondaryIndexes = {} } of all) {
      const ofIndexes = Object.entries(GlobalSecondaryIndexes);
      for (const [index, { CapacityUnits: ofIndex = 0 }] of ofIndexes) add(into, `${who} ${nameOf(TableName)}/${index}`, ofIndex);
      const indexUnits = ofIndexes.reduce((sum, [, each]) => sum + (each.CapacityUnits ?? 0), 0);
      add(into, `${who} ${nameOf(TableName)}`, Table?.CapacityUnits ?? CapacityUnits - indexUnits);
    }
  }

  return {
    around: (lambda) => ({
      ...lambda,
      invoke(event) {
        const name = lambda.name.split('-').at(-1) ?? '';
        add(invocations, name, 1);
        return running.run(name, () => lambda.invoke(event));
      },
    }),
    total: () => total,
    read() {
      const reading = { requests, invocations, entries, writes, reads };
      [requests, invocations, entries, writes, reads] = counters();
      return reading;
    },
  };
}

const counters = () => Array.from({ length: 5 }, () => new Map<string, number>()) as [Counter, Counter, Counter, Counter, Counter];
type Counter = Map<string, number>;
const nameOf = (table: string): string => table.split('-').at(-1) ?? table;

function add(to: Counter, key: string, value: number): void {
  to.set(key, (to.get(key) ?? 0) + value);
}

/** The harness does for AWS what is billed too: receives that brought messages, deletions, and messages that a rule of the bus sends. */
function pollerOf(service: string, operation: string, input: Output, output: Output): string | null {
  if (service !== 'SQS') return null;
  if (operation === 'SendMessage') return 'bus-rule';
  const queue = String(input['QueueUrl']).split('-').at(-1);
  if (operation === 'DeleteMessageBatch') return `poller-${queue}`;
  if (operation === 'ReceiveMessage' && ((output['Messages'] ?? []) as readonly unknown[]).length > 0) return `poller-${queue}`;
  return null;
}
