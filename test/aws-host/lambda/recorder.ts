import { AsyncLocalStorage } from 'node:async_hooks';
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SQSClient } from '@aws-sdk/client-sqs';
import { callsOf, isWrite } from './calls.ts';

/** Whose work this is, wherever an asynchronous call came from. */
const running = new AsyncLocalStorage<string>();

/** Runs something as a function: what it asks of AWS, now or later, is recorded under its name. */
export function runAs<Result>(functionName: string, work: () => Promise<Result>): Promise<Result> {
  return running.run(functionName, work);
}

export type RecorderOptions = {
  /** JSON Lines `{function, action, resource}` are appended to it, each once, as soon as it is seen. */
  readonly file: string | undefined;
  /** Called once a table may have changed. */
  readonly onWrite: () => void;
};

type Sending = {
  send(this: { config: { serviceId?: string } }, command: { input: Readonly<Record<string, unknown>> }, ...more: unknown[]): unknown;
};

/** Looks at every command that a client of the AWS SDK sends in this process, below the functions, which have no hooks for it. */
export function recordCalls({ file, onWrite }: RecorderOptions): void {
  const prototype = Object.getPrototypeOf(DynamoDBClient.prototype) as Sending;
  if (prototype !== Object.getPrototypeOf(SQSClient.prototype)) throw new Error('the clients of the AWS SDK share no prototype any more');
  const send = prototype.send;
  const seen = new Set<string>();
  if (file !== undefined) mkdirSync(dirname(file), { recursive: true });
  prototype.send = function (command, ...more) {
    const calls = callsOf(this.config.serviceId ?? '', command.constructor.name, command.input);
    const functionName = running.getStore();
    if (functionName !== undefined && file !== undefined) {
      for (const call of calls) {
        const line = `${JSON.stringify({ function: functionName, ...call })}\n`;
        if (!seen.has(line)) appendFileSync(file, line);
        seen.add(line);
      }
    }
    const sent = send.call(this, command, ...more);
    if (sent instanceof Promise && calls.some(isWrite)) sent.then(onWrite, onWrite);
    return sent;
  };
}
