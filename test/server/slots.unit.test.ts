import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Job, Slots } from '../../src/server/slots.ts';
import { settled } from '../support/virtual-clock.ts';

const job = (stream: string, target: string | null = 'a', kind: Job['kind'] = 'wake', version = 1): Job => ({
  kind,
  wake: { stream, version, dueAt: 0, target, lane: 'short' },
});

function createSlots(options: { readonly total?: number; readonly perTarget?: number; readonly waitingPerTarget?: number } = {}) {
  const started: Job[] = [];
  const ends = new Map<string, () => void>();
  const room: string[] = [];
  const slots = new Slots({
    total: options.total ?? 8,
    perTarget: options.perTarget ?? 2,
    waitingPerTarget: options.waitingPerTarget ?? 100,
    run: (begun) => {
      started.push(begun);
      return new Promise((resolve) => {
        ends.set(begun.wake.stream, resolve);
      });
    },
    onRoom: (target) => room.push(target),
  });
  return {
    slots,
    started,
    room,
    streams: () => started.map(({ wake }) => wake.stream),
    running: () => [...ends.keys()],
    async end(stream: string): Promise<void> {
      ends.get(stream)?.();
      ends.delete(stream);
      await settled();
    },
  };
}

describe('slots', () => {
  test('start what there is room for and let the rest wait in line', async () => {
    const { slots, streams, end } = createSlots();
    for (const stream of ['1', '2', '3', '4']) slots.offer(job(stream));

    expect([streams(), slots.underWay, slots.waiting]).toEqual([['1', '2'], 2, 2]);
    await end('2');
    expect(streams()).toEqual(['1', '2', '3']);
    await end('1');
    expect(streams()).toEqual(['1', '2', '3', '4']);
  });

  test('no target holds more than its share, so a hung one does not hold up the others', async () => {
    const { slots, streams } = createSlots({ total: 8, perTarget: 2 });
    for (let index = 0; index < 50; index += 1) slots.offer(job(`hung-${index}`, 'hung'));
    for (const target of ['b', 'c', 'd']) slots.offer(job(target, target));

    expect(streams()).toEqual(['hung-0', 'hung-1', 'b', 'c', 'd']);
  });

  test('targets take turns where the total is the limit', async () => {
    const { slots, streams, end } = createSlots({ total: 1, perTarget: 1 });
    for (const stream of ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1']) slots.offer(job(stream, stream.charAt(0)));

    for (let turn = 0; turn < 6; turn += 1) await end(streams().at(-1) ?? '');

    expect(streams()).toEqual(['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'a4']);
  });

  test('count jobs without a target as those of one', () => {
    const { slots, streams } = createSlots({ perTarget: 1 });
    slots.offer(job('1', null));
    slots.offer(job('2', null));
    expect(streams()).toEqual(['1']);
  });

  test('a stream waits once, whatever is sent for it; a callback beside it is a job of its own', async () => {
    const { slots, streams, end } = createSlots({ perTarget: 1 });
    slots.offer(job('busy'));
    slots.offer(job('x', 'a', 'wake', 1));
    slots.offer(job('x', 'a', 'wake', 2));
    slots.offer(job('x', 'a', 'callback'));

    expect([slots.waiting, slots.has('x'), slots.has('busy')]).toEqual([2, true, false]);
    await end('busy');
    await end('x');
    await end('x');
    expect(streams()).toEqual(['busy', 'x', 'x']);
    expect([slots.waiting, slots.underWay, slots.has('x')]).toEqual([0, 0, false]);
  });

  test('a stream that goes over to another target waits there too', async () => {
    const { slots, streams, end } = createSlots({ perTarget: 1 });
    slots.offer(job('busy-a', 'a'));
    slots.offer(job('busy-b', 'b'));
    slots.offer(job('x', 'a'));
    slots.offer(job('x', 'b', 'wake', 2));

    await end('busy-a');
    expect(slots.has('x')).toBe(true);
    await end('busy-b');

    expect(streams()).toEqual(['busy-a', 'busy-b', 'x', 'x']);
    expect(slots.has('x')).toBe(false);
  });

  test('let go of what is beyond the bound of a target, and say so once there is room again', async () => {
    const { slots, room, end } = createSlots({ perTarget: 1, waitingPerTarget: 4 });
    for (let index = 0; index < 9; index += 1) slots.offer(job(String(index)));
    expect(slots.waiting).toBe(4);

    await end('0');
    await end('1');
    expect(room).toEqual([]);
    await end('2');
    expect(room).toEqual(['a']);

    expect(slots.takeLetGo('a')).toEqual({ dueAt: 0, stream: '' });
    await end('3');
    expect(room).toEqual(['a']);
  });

  test('go on saying so until all that was let go has been offered again', async () => {
    const { slots, room, end } = createSlots({ perTarget: 1, waitingPerTarget: 1 });
    for (const stream of ['1', '2', '3']) slots.offer(job(stream));

    await end('1');
    await end('2');

    expect(room).toEqual(['a', 'a']);
  });

  test('stop: start nothing more, and resolve once what is under way has ended, for everybody who asks', async () => {
    const { slots, streams, end } = createSlots({ perTarget: 1 });
    slots.offer(job('1'));
    slots.offer(job('2'));
    let stopped = 0;
    for (let asked = 0; asked < 2; asked += 1) void slots.stop().then(() => (stopped += 1));
    slots.offer(job('3', 'b'));
    await settled();
    expect(stopped).toBe(0);

    await end('1');

    expect([stopped, streams()]).toEqual([2, ['1']]);
    await slots.stop();
  });

  test('keep their bounds, lose nothing, leave no slot idle and keep each target in line, whatever comes', async () => {
    const anyAct = fc.oneof(
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('offer' as const), target: fc.nat(4) }) },
      { weight: 2, arbitrary: fc.record({ kind: fc.constant('end' as const), choice: fc.nat(100) }) },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 6 }),
        fc.integer({ min: 1, max: 3 }),
        fc.array(anyAct, { maxLength: 60, size: 'max' }),
        async (total, perTarget, acts) => {
          const { slots, started, running, end } = createSlots({ total, perTarget, waitingPerTarget: 1_000 });
          const offered: Job[] = [];
          const check = (): void => {
            const under = new Map<string, number>();
            for (const stream of running()) under.set(stream.charAt(0), (under.get(stream.charAt(0)) ?? 0) + 1);
            expect(running().length).toBeLessThanOrEqual(total);
            for (const count of under.values()) expect(count).toBeLessThanOrEqual(perTarget);
            const waiting = offered.filter((given) => !started.includes(given));
            expect(slots.waiting).toBe(waiting.length);
            // A slot is idle only when everybody who waits has its full share already.
            const eligible = waiting.filter(({ wake }) => (under.get(wake.target ?? '') ?? 0) < perTarget);
            if (running().length < total) expect(eligible).toEqual([]);
            for (const target of new Set(offered.map(({ wake }) => wake.target))) {
              const inLine = offered.filter(({ wake }) => wake.target === target);
              expect(started.filter(({ wake }) => wake.target === target)).toEqual(
                inLine.slice(0, started.filter(({ wake }) => wake.target === target).length),
              );
            }
          };
          for (const [index, act] of acts.entries()) {
            if (act.kind === 'offer') {
              const given = job(`${act.target}-${index}`, String(act.target));
              offered.push(given);
              slots.offer(given);
            } else {
              const chosen = running()[act.choice % Math.max(1, running().length)];
              if (chosen !== undefined) await end(chosen);
            }
            check();
          }
          while (running().length > 0) await end(running()[0] ?? '');
          expect(started.length).toBe(offered.length);
          expect(slots.underWay).toBe(0);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('take thousands of waiting jobs of one target in their order, and keep none', async () => {
    const { slots, streams, end } = createSlots({ perTarget: 1, waitingPerTarget: 5_000 });
    const offered = Array.from({ length: 3_000 }, (_, index) => String(index));
    for (const stream of offered) slots.offer(job(stream));

    for (const stream of offered) await end(stream);

    expect(streams()).toEqual(offered);
    expect([slots.waiting, slots.underWay, slots.has('2999')]).toEqual([0, 0, false]);
  });
});
