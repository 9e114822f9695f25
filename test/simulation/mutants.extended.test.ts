import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, test } from 'vitest';
import { mutants } from './mutants.ts';

// Each needs an Errand of its own, broken before it is loaded: a process.
describe.concurrent('the simulation sees', () => {
  test.each(mutants)('that $name', { timeout: 240_000 }, async ({ name, host, seeds }) => {
    const { code, output } = await simulateMutant(['--mutant', name, '--host', host, '--seeds', String(seeds)]);

    expect(output).toMatch(/^seed \d+ on \w+ breaks /m);
    expect(code).toBe(1);
  });
});

describe('a mutant', () => {
  test('that nobody knows ends the search with an error', async () => {
    const { code, output } = await simulateMutant(['--mutant', 'of nobody', '--seeds', '1']);

    expect(output).toContain('there is no mutant "of nobody"');
    expect(code).not.toBe(0);
  });
});

async function simulateMutant(args: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  const child = spawn(process.execPath, ['test/simulation/main.ts', '--workers', '1', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (output += part.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, output };
}
