import { readFileSync } from 'node:fs';

/** One command of an example and what the guide says it answers: a status and, unless that is all, some fields of the body. */
export type Exchange = { readonly command: string; readonly answer: { readonly status: number; readonly body?: unknown } };
export type Example = { readonly section: string; readonly exchanges: readonly Exchange[] };
/** Fields of a task and what the guide says of them: when each attempt begins if all fail at once, and what cuts one off. */
export type Preset = {
  readonly section: string;
  readonly fields: { readonly timeout: string; readonly retry: object };
  readonly attemptsAtMs: readonly number[];
  readonly timeoutMs: number;
};
export type ParityRow = { readonly row: number; readonly here: string; readonly tests: readonly string[] };

const text = readFileSync(new URL('../../docs/coming-from.md', import.meta.url), 'utf8');

/** Fenced blocks of one language, each with the heading it stands under and the text that follows it. */
function blocks(language: string) {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\`\\n`, 'gm'))].map((match) => {
    const [whole, code = ''] = match;
    const section = [...text.slice(0, match.index).matchAll(/^## (.+)$/gm)].at(-1)?.[1] ?? '';
    return { section, code, after: text.slice(match.index + whole.length) };
  });
}

/** A command lasts until the first line of its answer, which begins with `# ` and a status; throws if one has no answer. */
function exchangesIn(code: string): readonly Exchange[] {
  const exchanges = [...code.matchAll(/([\s\S]*?)\n# (\d{3})((?:.*\n(?:#.*\n)*))/g)].map(([, command = '', status, body = '']) => {
    if (!command.startsWith('curl ') || command.includes('\ncurl ')) throw new Error(`not one command with its answer: ${command}`);
    const json = body.replaceAll(/^#/gm, '').trim();
    return { command, answer: { status: Number(status), ...(json !== '' && { body: JSON.parse(json) as unknown }) } };
  });
  if (exchanges.length !== code.match(/^curl /gm)?.length) throw new Error(`a command without an answer in: ${code}`);
  return exchanges;
}

/** Every block of commands but the one that starts things. */
export const examples: readonly Example[] = blocks('sh')
  .filter(({ section }) => section !== '')
  .map(({ section, code }) => ({ section, exchanges: exchangesIn(code) }));

/** Every JSON block. */
export const presets: readonly Preset[] = blocks('json').map(({ section, code, after }) => {
  const told = /^\nAttempts at ([\d, ]+) s, each cut off after (\d+) s\b/.exec(after);
  if (told === null) throw new Error(`nothing is said of the attempts of ${code}`);
  return {
    section,
    fields: JSON.parse(code) as Preset['fields'],
    attemptsAtMs: (told[1] ?? '').split(',').map((seconds) => Number(seconds) * 1_000),
    timeoutMs: Number(told[2]) * 1_000,
  };
});

/** The source of the runner shown. */
export const runnerSource: string = blocks('ts')[0]?.code ?? '';

/** The rows of the table at the end. */
export const parityRows: readonly ParityRow[] = [...text.matchAll(/^\| (\d+) [^|]*\| ([^|]+) \|([^|]*)\|$/gm)].map(
  ([, row, here = '', tests = '']) => ({ row: Number(row), here, tests: [...tests.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name) }),
);
