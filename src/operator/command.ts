import { inBrief } from './progress.ts';

/** A command that was called in a way it does not know. */
export class WrongUse extends Error {
  override readonly name = 'WrongUse';
}

/** Reads arguments by a function that throws for those it does not know. */
export function reading<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw new WrongUse(inBrief(error));
  }
}

/** Runs a command of an operator to its end: exit code 0, 1 where it was refused or failed, 2 where it was called wrongly. */
export function runCommand(main: () => Promise<void>, { usage, failed }: { readonly usage: string; readonly failed: string }): void {
  main().catch((error: unknown) => {
    if (error instanceof WrongUse) console.error(`${error.message}\n\n${usage}`);
    else console.error(`${failed}: ${inBrief(error)}`);
    process.exitCode = error instanceof WrongUse ? 2 : 1;
  });
}
