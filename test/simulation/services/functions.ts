import type { InvocationContext } from '../../../src/handlers/lambda.ts';
import { SimulatedProcess } from '../kernel/process.ts';
import type { World } from '../kernel/world.ts';

export type Handle = (event: unknown, context: InvocationContext) => Promise<unknown>;
export type FunctionOptions = {
  readonly name: string;
  readonly timeoutMs: number;
  /** Wires the function in a process of its own. */
  readonly wire: (process: SimulatedProcess) => Handle;
};

type Environment = { readonly process: SimulatedProcess; readonly handle: Handle };

/** A function of Lambda: processes that make one invocation at a time, are kept for the next one, and are ended when they take too long. */
export class LambdaFunction {
  readonly #world: World;
  readonly #options: FunctionOptions;
  readonly #idle: Environment[] = [];
  #underWay = 0;

  constructor(world: World, options: FunctionOptions) {
    this.#world = world;
    this.#options = options;
  }

  get underWay(): number {
    return this.#underWay;
  }

  /** What the function answers; null if it threw, died or was ended. */
  async invoke<Answer>(event: unknown): Promise<Answer | null> {
    const { name, timeoutMs } = this.#options;
    const environment = this.#idle.pop() ?? this.#start();
    const { process, handle } = environment;
    const endsAt = this.#world.now + timeoutMs;
    this.#underWay += 1;
    const context: InvocationContext = { getRemainingTimeInMillis: () => Math.max(0, endsAt - this.#world.now) };
    const cancel = this.#world.timeline.after(timeoutMs, () => process.kill('it was out of time'));
    const dead = new Promise<null>((resolve) => process.onDeath(() => resolve(null)));
    const answered = handle(event, context).then(
      (answer) => ({ answer: answer as Answer }),
      (error: unknown) => {
        this.#world.note(`${process.name} failed: ${String(error)}`);
        return null;
      },
    );
    const outcome = await Promise.race([answered, dead]);
    cancel();
    this.#underWay -= 1;
    if (process.alive) this.#idle.push(environment);
    else this.#world.note(`an invocation of ${name} ended with its process`);
    return outcome === null ? null : outcome.answer;
  }

  #start(): Environment {
    const process = new SimulatedProcess(this.#world, this.#options.name);
    return { process, handle: this.#options.wire(process) };
  }
}
