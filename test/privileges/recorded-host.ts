import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SQSClient } from '@aws-sdk/client-sqs';
import { readSettings } from '../../src/server/settings.ts';
import { startAwsHost } from '../aws-host/host.ts';
import type { LambdaFunction } from '../aws-host/lambda/function.ts';
import { redirectFunctionOutput } from '../aws-host/output.ts';
import { noSeams } from '../aws-host/seams.ts';
import { silentLogger } from '../support/silent-logger.ts';
import type { RecordedCall } from './grants.ts';

type Environment = Readonly<Record<string, string>>;

/** The AWS host in this process, with what its functions ask of AWS, and doors behind them that AWS or an accident would use. */
export type RecordedHost = {
  readonly url: string;
  /** Everything asked so far, each once. */
  calls(): readonly RecordedCall[];
  /** A function by its key in serverless.yml. */
  invoke(key: string, event: unknown): Promise<unknown>;
  /** A variable that any function was given. */
  variable(name: string): string;
  readonly dynamodb: DynamoDBClient;
  readonly sqs: SQSClient;
  readonly events: EventBridgeClient;
  stop(): Promise<void>;
};

const stopWaitMs = 5_000;

export async function startRecordedHost(): Promise<RecordedHost> {
  const folder = mkdtempSync(join(tmpdir(), 'errand-privileges-'));
  const record = join(folder, 'calls.jsonl');
  const functions = new Map<string, LambdaFunction>();
  const variables: Record<string, string> = {};
  redirectFunctionOutput();
  const settings = readSettings({ PORT: '0', ERRAND_DATA_DIR: ':memory:', ERRAND_LOG_LEVEL: 'silent' });
  const host = await startAwsHost(settings, { engine: 'dynoxide', publishedDelays: false, record }, silentLogger, {
    ...noSeams,
    around(lambda, _resource, environment: Environment) {
      functions.set(lambda.name.split('-').at(-1) ?? '', lambda);
      Object.assign(variables, environment);
      return lambda;
    },
  });
  // The harness has pointed the SDK's environment to its services.
  const [dynamodb, sqs, events] = [new DynamoDBClient({}), new SQSClient({}), new EventBridgeClient({})];
  return {
    url: host.url,
    calls: () =>
      readFileSync(record, 'utf8')
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as RecordedCall),
    async invoke(key, event) {
      const lambda = functions.get(key);
      if (lambda === undefined) throw new Error(`there is no function ${key}`);
      return lambda.invoke(event);
    },
    variable(name) {
      const value = variables[name];
      if (value === undefined) throw new Error(`no function is given ${name}`);
      return value;
    },
    dynamodb,
    sqs,
    events,
    async stop() {
      dynamodb.destroy();
      sqs.destroy();
      events.destroy();
      await host.stop(stopWaitMs);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
