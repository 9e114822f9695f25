import type { Amount } from './clients/workload.ts';
import { type FaultKind, faultKinds } from './kernel/faults.ts';
import { type Report, type SimulationOptions, simulate } from './simulation.ts';

/** The least of a failing world that still breaks the same law. */
export type Shrunk = { readonly only: ReadonlySet<FaultKind>; readonly most: Amount; readonly report: Report; readonly tried: number };

/**
 * Tries a failing world with less: without each kind of fault, and with fewer tasks, schedules and orchestrations. What is left
 * out changes what happens when, so this finds a small world that breaks the law, not always the smallest.
 */
export async function shrink(options: SimulationOptions, failed: Report): Promise<Shrunk> {
  const law = failed.violations[0]?.law;
  let report = failed;
  let only = new Set(options.only ?? faultKinds.filter((kind) => failed.faults[kind] > 0));
  let most: Amount = options.most ?? { tasks: 9, schedules: 9, orchestrations: 9 };
  let tried = 0;
  const fails = async (less: Pick<SimulationOptions, 'only' | 'most'>): Promise<boolean> => {
    tried += 1;
    const outcome = await simulate({ ...options, ...less });
    if (outcome.violations[0]?.law !== law) return false;
    report = outcome;
    return true;
  };
  for (const kind of ['orchestrations', 'schedules', 'tasks'] as const) {
    for (let amount = 0; amount < most[kind] && amount <= 6; amount += 1) {
      const less = { ...most, [kind]: amount };
      if (!(await fails({ only, most: less }))) continue;
      most = less;
      break;
    }
  }
  for (const kind of only) {
    const less = new Set([...only].filter((other) => other !== kind));
    if (await fails({ only: less, most })) only = less;
  }
  return { only, most, report, tried };
}
