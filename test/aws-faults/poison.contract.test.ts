import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { openTables } from '../../src/operator/aws-environment.ts';
import { checkAwsViews, rebuildAwsViews } from '../../src/operator/aws-views.ts';
import { latenessOf } from '../aws-host/faults/lateness.ts';
import { brokenPromises } from '../aws-host/faults/promises.ts';
import { createTasks, ids, over } from '../aws-host/faults/tasks.ts';
import { startWorld, type World } from '../aws-host/faults/world.ts';
import { until } from '../e2e/harness/until.ts';

vi.setConfig({ testTimeout: 60_000 });
let world: World;
beforeAll(async () => {
  world = await startWorld();
  await world.sweep();
});
afterAll(() => world?.stop());

const facts = JSON.stringify({
  status: 'scheduled',
  wakeAt: 1,
  run: 1,
  attempt: 0,
  labels: {},
  origin: null,
  callback: false,
  lane: 'short',
  target: null,
});
const whole = { schema: { N: '1' }, at: { N: '1700000000000' }, commit: { S: 'poison' }, data: { S: '{}' }, facts: { S: facts } };
/** Items that a stream reader meets and cannot read, by what is wrong with them. */
const poison = {
  'task#poison/no-event': { type: { S: 'TaskScheduled' } },
  'task#poison/unknown-type': { ...whole, type: { S: 'TaskTeleported' } },
  'task#poison/broken-data': { ...whole, type: { S: 'TaskScheduled' }, data: { S: '{"action":' } },
  'task#poison/broken-facts': { ...whole, type: { S: 'TaskScheduled' }, facts: { S: '{' } },
  'task#poison/other-data': { ...whole, type: { S: 'TaskScheduled' } },
  'teapot#poison/other-stream': { ...whole, type: { S: 'TeapotBoiled' } },
} as const;

test('items that are no events are parked and end among the dead letters, and everything around them goes on', async () => {
  const before = await createTasks(
    world,
    ids('before', 20).map((id) => ({ id })),
  );
  for (const [stream, attributes] of Object.entries(poison)) {
    world.broken.add(stream);
    const Item = { pk: { S: stream }, sk: { N: '1' }, ...attributes };
    await world.access.dynamodb.send(new PutItemCommand({ TableName: world.environment['ERRAND_EVENTS_TABLE'], Item }));
  }
  const after = await createTasks(
    world,
    ids('after', 40).map((id) => ({ id })),
  );
  const acknowledged = [...before.acknowledged, ...after.acknowledged];
  await over(world, acknowledged);
  await until('dead letters of repair', async () => {
    await world.valve('repair').giveBack();
    const { visible } = await world.messagesIn(world.queue('ERRAND_REPAIR_QUEUE_URL', true));
    // Both readers park what they cannot read.
    return visible === 2 * Object.keys(poison).length ? true : undefined;
  });
  expect((await world.messagesIn(world.queue('ERRAND_REPAIR_QUEUE_URL'))).held).toBe(0);
  for (const stream of Object.keys(poison))
    for (const reader of ['dispatch', 'project'] as const) expect(world.valve(reader).done).toContain(`${stream}@1`);
  expect(await brokenPromises(world, { acknowledged })).toEqual([]);
  console.log('poison: 60 tasks around 6 broken items; late by', latenessOf(await world.log(), acknowledged));
});

test('items that are no events are told of and passed over by a rebuild and its check', async () => {
  const told: string[] = [];
  const tell = (line: string): void => void told.push(line);
  await rebuildAwsViews(world.environment, openTables(world.environment), tell);
  for (const stream of Object.keys(poison)) expect(told.join('\n')).toContain(stream);
  expect(await checkAwsViews(openTables(world.environment), () => undefined, tell), told.join('\n')).toBe(true);
});
