import { describe, expect, test } from 'vitest';
import { feedLagMs } from '../../src/handlers/feed-lag.ts';
import { project } from '../../src/projections/project.ts';
import { epoch, minute, second } from '../domain/task-histories.ts';
import { start, succeed } from '../support/histories.ts';
import { MemoryEventLog } from '../support/memory-event-log.ts';
import { MemoryReadModels } from '../support/memory-read-models.ts';
import { created, storedEvents } from '../support/stored-events.ts';
import { VirtualClock } from '../support/virtual-clock.ts';

async function world(projected: number) {
  const [log, views, clock] = [new MemoryEventLog(), new MemoryReadModels(), new VirtualClock(epoch)];
  const events = storedEvents(succeed(start(created('task#a'))));
  for (const event of events) await log.append(event);
  await project({ log, views, onBroken: () => undefined }, events.slice(0, projected));
  return { log, views, clock };
}

describe('the lag of the read models', () => {
  test('is nothing when they are level with the log, however long ago that was', async () => {
    const ports = await world(3);
    ports.clock.set(epoch + minute);

    expect(await feedLagMs(ports)).toBe(0);
  });

  test('is the age of the first event that a stream due soon lacks', async () => {
    const ports = await world(1);
    ports.clock.set(epoch + 42 * second);

    expect(await feedLagMs(ports)).toBe(42 * second);
  });

  test('is not what a task is overdue by when nothing has happened to it', async () => {
    const ports = await world(1);
    ports.log.read = async () => [];
    ports.clock.set(epoch + 42 * second);

    expect(await feedLagMs(ports)).toBe(0);
  });
});
