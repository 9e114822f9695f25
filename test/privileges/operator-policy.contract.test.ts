import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { encodeWake } from '../../src/adapters/aws/sqs-wake-queue.ts';
import { archiveLog } from '../../src/operator/archive-log.ts';
import { eraseStreams } from '../../src/operator/erase-streams.ts';
import { callsOf } from '../aws-host/lambda/calls.ts';
import { packagedTemplate } from '../aws-host/package-template.ts';
import { familyLog } from '../operator/families.ts';
import { at, placeWith, temporaryFolder } from '../operator/places.ts';
import { isDynoxideInstalled } from '../support/dynoxide.ts';
import { start, succeed } from '../support/histories.ts';
import { startQueues } from '../support/queues.ts';
import { created, storedEvents } from '../support/stored-events.ts';
import { arnOf, damaged } from '../template/template.ts';
import { readPrivileges } from './grants.ts';

const list = z.union([z.string(), z.array(z.string())]).transform((value) => [value].flat());
const policy = z
  .object({ Statement: z.array(z.strictObject({ Sid: z.string(), Effect: z.literal('Allow'), Action: list, Resource: list })) })
  .parse(JSON.parse(readFileSync('infrastructure/operator-policy.json', 'utf8')));

/** What the policy allows on tables and queues, each as the action and the kind of thing. */
const allowed = policy.Statement.flatMap(({ Action, Resource }) =>
  Action.flatMap((action) => Resource.map((resource) => `${action} ${kindOf(resource)}`)),
);

function kindOf(resource: string): string {
  const name = resource.split(/[:/]/).at(-1) ?? '';
  if (resource.includes(':sqs:')) return 'dead letters';
  return /^(?:EVENTS|BODIES|VIEWS)/i.exec(name)?.[0].toLowerCase() ?? resource;
}

afterEach(() => {
  vi.restoreAllMocks();
});

/** What a client is asked while `work` is done. */
async function askedDuring(work: () => Promise<unknown>): Promise<ReadonlySet<string>> {
  const asked = new Set<string>();
  for (const [service, client] of [
    ['DynamoDB', DynamoDBClient],
    ['SQS', SQSClient],
  ] as const) {
    const send = client.prototype.send as (this: unknown, command: { readonly input: object }) => unknown;
    vi.spyOn(client.prototype, 'send').mockImplementation(function (this: unknown, command: { readonly input: object }) {
      for (const { action, resource } of callsOf(service, command.constructor.name, { ...command.input }))
        asked.add(`${action} ${kindOf(resource)}`);
      return send.call(this, command);
    } as never);
  }
  await work();
  return asked;
}

describe("the operator's policy", () => {
  test.skipIf(!isDynoxideInstalled())('allows what archiving and erasing beside functions ask for, and nothing else', async () => {
    const queues = await startQueues();
    const queueUrl = await queues.create();
    for (const stream of ['task#done', 'task#other'])
      await queues.client.send(
        new SendMessageCommand({
          QueueUrl: queueUrl,
          MessageBody: encodeWake({ stream, version: 1, dueAt: 0, target: null, lane: 'short' }),
        }),
      );
    process.env['AWS_ENDPOINT_URL_SQS'] = new URL(queueUrl).origin;
    const now = Date.now();
    const done = succeed(start(created('task#done', {}, now)));
    const events = storedEvents(done).map((event) => (event.version === 1 ? { ...event, body: new Uint8Array(20_000) } : event));
    const { kind, environment } = await placeWith('aws', [...(await familyLog()), ...events]);
    const place = { kind, environment: { ...environment, ERRAND_DEAD_LETTER_QUEUE_URLS: queueUrl } };
    await at(place, (host) => host.rebuild(() => undefined));
    let commits = 0;
    const ids = {
      commitId: () => {
        commits += 1;
        return `policy-${commits}`;
      },
    };
    let later = 0;
    const clock = {
      now: () => now + later,
      async sleep(ms: number) {
        later += ms;
      },
    };
    const common = { dryRun: false, atRest: false, clock, ids, tell: () => undefined, say: () => undefined };

    const asked = await askedDuring(() =>
      at(place, async (host) => {
        await archiveLog(host, { ...common, to: join(temporaryFolder(), 'archive.jsonl'), endedBefore: now - 60_000, limit: 100 });
        await eraseStreams(host, { ...common, streams: ['task#done'], children: false });
      }),
    );

    // Records in the bucket are removed with the AWS CLI (docs/deploy.md).
    expect([...asked].sort()).toEqual([...new Set(allowed.filter((each) => !each.startsWith('s3:')))].sort());
  });

  test('allows to the log what no function may do: change or remove what is in it', async () => {
    const template = await packagedTemplate();
    const removing = (of: typeof template): readonly string[] => {
      const { grants } = readPrivileges(of);
      const ofTheLog = new Set(grants.filter(({ action }) => action === 'dynamodb:PartiQLInsert').map(({ resource }) => resource));
      const harmless = ['dynamodb:PartiQLInsert', 'dynamodb:Query'];
      return grants
        .filter(({ action, resource }) => ofTheLog.has(resource) && !harmless.includes(action))
        .map(({ role, action }) => `${role} ${action}`);
    };

    expect(allowed).toEqual(
      expect.arrayContaining(['dynamodb:DeleteItem events', 'dynamodb:PutItem events', 'dynamodb:DeleteItem bodies']),
    );
    expect(removing(template)).toEqual([]);
    const statement = ['Resources', 'SweepRole', 'Properties', 'Policies', 0, 'PolicyDocument', 'Statement', 2, 'Resource'];
    expect(removing(damaged(template, statement, [arnOf('ViewsTable'), arnOf('EventsTable')]))).toEqual([
      'SweepRole dynamodb:GetItem',
      'SweepRole dynamodb:PutItem',
    ]);
  });
});
