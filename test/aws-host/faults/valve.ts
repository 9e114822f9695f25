import { ChangeMessageVisibilityBatchCommand, type SQSClient } from '@aws-sdk/client-sqs';
import { type LambdaFunction, Throttled } from '../lambda/function.ts';

type Given = {
  readonly Records?: readonly {
    readonly messageId?: string;
    readonly receiptHandle?: string;
    readonly dynamodb?: { readonly Keys: Keys; readonly SequenceNumber: string };
  }[];
};
type Keys = { readonly pk: { readonly S: string }; readonly sk: { readonly N: string } };
type Response = { readonly batchItemFailures?: readonly { readonly itemIdentifier: string }[] } | null;

/** A function that can be switched off and on, and looked at. */
export type Valve = LambdaFunction & {
  /** Invocations are refused, as those of a function without concurrency are: what starts it tries again. */
  off(): void;
  on(): void;
  /** Lets another take its invocations; null for itself again. */
  replace(by: LambdaFunction | null): void;
  /** Lets the visibility timeout of the messages that it failed pass at once. */
  giveBack(): Promise<void>;
  readonly underWay: number;
  readonly invocations: number;
  /** Events of the stream whose batches it brought to a good end, as `task#a@1`. */
  readonly done: ReadonlySet<string>;
};

export function createValve(lambda: LambdaFunction, queue: { readonly sqs: () => SQSClient; readonly url: string | null }): Valve {
  const done = new Set<string>();
  const held: string[] = [];
  let [isOff, underWay, invocations] = [false, 0, 0];
  let other: LambdaFunction | null = null;

  const valve: Valve = {
    name: lambda.name,
    arn: lambda.arn,
    idle: lambda.idle,
    warm: lambda.warm,
    get underWay() {
      return underWay;
    },
    get invocations() {
      return invocations;
    },
    done,
    off() {
      isOff = true;
    },
    on() {
      isOff = false;
    },
    replace(by) {
      other = by;
    },
    async giveBack() {
      for (let batch = held.splice(0, 10); queue.url !== null && batch.length > 0; batch = held.splice(0, 10)) {
        const Entries = batch.map((ReceiptHandle, index) => ({ Id: String(index), ReceiptHandle, VisibilityTimeout: 0 }));
        await queue.sqs().send(new ChangeMessageVisibilityBatchCommand({ QueueUrl: queue.url, Entries }));
      }
    },
    async invoke(event) {
      if (isOff) throw new Throttled(`${lambda.name} is switched off`);
      underWay += 1;
      invocations += 1;
      const given = event as Given;
      try {
        const response = await (other ?? lambda).invoke(event);
        const failures = (response as Response)?.batchItemFailures ?? [];
        const failed = new Set(failures.map(({ itemIdentifier }) => itemIdentifier));
        noteDone(given, failed);
        held.push(...handlesOf(given, (id) => failed.has(id)));
        return response;
      } catch (error) {
        held.push(...handlesOf(given, () => true));
        throw error;
      } finally {
        underWay -= 1;
      }
    },
  };

  /** From the first record that failed on everything comes again; what lies before it is done. */
  function noteDone({ Records = [] }: Given, failed: ReadonlySet<string>): void {
    for (const { dynamodb } of Records) {
      if (dynamodb === undefined || failed.has(dynamodb.SequenceNumber)) return;
      done.add(`${dynamodb.Keys.pk.S}@${dynamodb.Keys.sk.N}`);
    }
  }
  return valve;
}

function handlesOf({ Records = [] }: Given, failed: (messageId: string) => boolean): readonly string[] {
  return Records.flatMap(({ messageId = '', receiptHandle }) => (receiptHandle !== undefined && failed(messageId) ? [receiptHandle] : []));
}
