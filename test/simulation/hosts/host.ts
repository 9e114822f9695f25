import type { HttpEvent, HttpResponse } from '../../../src/handlers/http/http-types.ts';
import type { MemoryReadModels } from '../../support/memory-read-models.ts';
import type { EventTable } from '../services/event-table.ts';
import type { Targets } from '../services/targets.ts';

/** A host of Errand in a simulated world, as its clients and those who check it see it. */
export type SimulatedHost = {
  readonly name: 'aws' | 'server';
  readonly table: EventTable;
  readonly targets: Targets;
  /** The read models as they are stored. */
  views(): MemoryReadModels;
  /** Sends a request; null if no answer came. */
  request(event: HttpEvent): Promise<HttpResponse | null>;
  /** From here on nothing goes wrong. */
  heal(): void;
  /** Whether everything that was appended has come through, and nothing is under way. */
  isIdle(): boolean;
  /** What began before everything was healed may last until then. */
  troubledUntil(): number;
  /** Events that subscribers may have missed for a reason that is documented. */
  readonly givenUp: ReadonlySet<string>;
  /** How often subscribers were told of an event. */
  readonly told: ReadonlyMap<string, number>;
};
