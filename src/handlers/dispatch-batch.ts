import { type DispatchPorts, isCalledForBy, publish, sendWakes, splitUnsent } from '../application/dispatch.ts';
import type { Clock, EventBus, Logger, StoredEvent, WakeQueue } from '../application/ports.ts';
import type { BatchResponse } from './batch.ts';
import { type ParkingPorts, park, sameItem } from './parking.ts';
import { failFrom, readStreamBatch } from './stream-records.ts';

export type DispatchBatchPorts = DispatchPorts & ParkingPorts & { readonly clock: Clock };

/**
 * The timing path for one batch of the stream: wakes first, then the bus. Wakes that could not be sent fail the batch from the first of
 * their records on, and the stream brings them again; the bus is told only of what comes before, or it would hear of the rest at every try.
 * What the bus does not take, what does not read, and a wake that its queue will never take is parked: it holds up nobody.
 */
export async function dispatchBatch(ports: DispatchBatchPorts, event: unknown): Promise<BatchResponse> {
  const { clock, telemetry } = ports;
  const batch = readStreamBatch(event, telemetry.logger);
  const events = batch.records.map((record) => record.event);
  const passing = neverThrowing(ports, telemetry.logger);
  const unsentWakes = await sendWakes(passing, events, clock.now());
  const { toCome, toPark } = splitUnsent(unsentWakes);
  const firstToCome = events.findIndex((record) => toCome.some((wake) => isCalledForBy(wake, record)));
  const unpublished = await publish(passing, firstToCome === -1 ? events : events.slice(0, firstToCome));
  const unparked = await park(ports, [
    ...unpublished.map(({ stream, version }) => ({ stream, version })),
    ...toPark,
    ...batch.unreadable.map(({ item }) => item),
  ]);
  const left = [...toCome, ...unparked];
  if (left.length === 0) return failFrom(batch, []);
  telemetry.logger.warn('a part of a batch is to come again', { unsentWakes: unsentWakes.length, unparked: unparked.length });
  const affected = [
    ...batch.records.filter(({ event: one }) => left.some((item) => isCalledForBy(item, one))),
    ...batch.unreadable.filter(({ item }) => left.some((other) => sameItem(item, other))),
  ];
  return failFrom(
    batch,
    affected.map(({ sequence }) => sequence),
  );
}

/** A queue or a bus that cannot be reached has taken nothing; what is known of the other one must not be lost with it. */
function neverThrowing(ports: DispatchPorts, logger: Logger): DispatchPorts {
  const wakes: WakeQueue = {
    send: (given) => ports.wakes.send(given).catch((error: unknown) => refused(given, 'the wake queues', error)),
  };
  const bus: EventBus = {
    publish: (given: readonly StoredEvent[]) => ports.bus.publish(given).catch((error: unknown) => refused(given, 'the bus', error)),
  };
  function refused<Given>(given: Given, what: string, error: unknown): Given {
    logger.error(`${what} could not be reached`, { error: String(error) });
    return given;
  }
  return { ...ports, wakes, bus };
}
