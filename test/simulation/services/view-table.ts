import type { ReadModels, ViewWrite } from '../../../src/application/ports.ts';
import { MemoryReadModels } from '../../support/memory-read-models.ts';
import type { Dice } from '../kernel/dice.ts';
import { failure, type SimulatedProcess } from '../kernel/process.ts';
import type { World } from '../kernel/world.ts';

/** The read models that all processes share. What is read through an index may be old; a view itself never goes back. */
export class ViewTable {
  readonly table = new MemoryReadModels();
  /** What the indexes show. */
  readonly #index = new MemoryReadModels();
  readonly #world: World;
  readonly #dice: Dice;

  constructor(world: World) {
    this.#world = world;
    this.#dice = world.dice('views');
  }

  from(process: SimulatedProcess): ReadModels {
    const indexed = () => this.#index;
    return {
      read: (streams) => process.call('a read of views', 5, () => this.table.read(streams)),
      write: (writes, checkpoint) => process.call(`the write of ${writes.length} views`, 10, () => this.#write(writes, checkpoint)),
      due: (query) => process.call('a read of the due index', 5, () => indexed().due(query)),
      list: (query) => process.call('a read of a list', 5, () => indexed().list(query)),
      statistics: (now) => process.call('a read of the statistics', 5, () => this.table.statistics(now)),
    };
  }

  async #write(writes: readonly ViewWrite[], checkpoint: number | undefined): Promise<readonly string[]> {
    // Each view is a transaction of its own.
    const cut = this.#world.faults.strike('partly taken') ? this.#dice.whole(0, writes.length) : writes.length;
    const done = writes.slice(0, cut);
    for (const { before, after } of done) {
      if (before !== null && after.version <= before.version) {
        this.#world.violate('P3', `the view of ${after.stream} was to go from version ${before.version} to ${after.version}`);
      }
    }
    const behind = await this.table.write(done, cut === writes.length ? checkpoint : undefined);
    for (const write of done) if (!behind.includes(write.after.stream)) this.#show(write);
    if (cut < writes.length) throw failure('ThrottlingException');
    return behind;
  }

  #show(write: ViewWrite): void {
    const lagMs = this.#world.faults.strike('index lags') ? this.#dice.magnitude(100, 4 * 60_000) : this.#dice.whole(1, 50);
    const { after } = write;
    this.#world.timeline.after(lagMs, async () => {
      const shown = (await this.#index.read([after.stream])).get(after.stream) ?? null;
      if ((shown?.version ?? 0) < after.version) await this.#index.write([{ before: shown, after, tallies: [] }]);
    });
  }
}
