/** Whether an event, or one record of a batch, matches. */
export type Pattern = (value: unknown) => boolean;

/**
 * Reads an event pattern of EventBridge or a filter of an event source mapping; both speak the same language
 * (https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html). Of its operators only `exists`, `prefix` and
 * `anything-but` with plain values are known; any other throws here, when the harness starts, rather than match wrongly later.
 */
export function readPattern(pattern: unknown, path = 'pattern'): Pattern {
  if (typeof pattern !== 'object' || pattern === null || Array.isArray(pattern)) throw new Error(`${path} is not an object`);
  const fields = Object.entries(pattern).map(([name, expected]) => {
    const at = `${path}.${name}`;
    if (name.startsWith('$')) throw new Error(`${at}: the harness does not know this operator`);
    return { name, matches: Array.isArray(expected) ? readAlternatives(expected, at) : readNested(expected, at) };
  });
  return (value) => {
    const members = typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
    return fields.every(({ name, matches }) => matches(Object.hasOwn(members, name) ? members[name] : undefined));
  };
}

function readNested(expected: unknown, path: string): Pattern {
  const matches = readPattern(expected, path);
  return (value) => matches(value);
}

/** One of several values; of a list, any member may be the one. */
function readAlternatives(expected: readonly unknown[], path: string): Pattern {
  const alternatives = expected.map((alternative) => readAlternative(alternative, path));
  return (value) => alternatives.some((matches) => (Array.isArray(value) ? value.some(matches) : matches(value)));
}

function readAlternative(expected: unknown, path: string): Pattern {
  if (typeof expected !== 'object' || expected === null) return (value) => value === expected;
  const [[operator, operand] = ['', undefined], ...more] = Object.entries(expected);
  if (more.length === 0) {
    if (operator === 'exists' && typeof operand === 'boolean') return (value) => (value !== undefined) === operand;
    if (operator === 'prefix' && typeof operand === 'string') return (value) => typeof value === 'string' && value.startsWith(operand);
    if (operator === 'anything-but' && isPlain(operand)) {
      const excluded = Array.isArray(operand) ? operand : [operand];
      return (value) => value !== undefined && !excluded.includes(value);
    }
  }
  throw new Error(`${path}: the harness does not know the operator ${JSON.stringify(expected)}`);
}

function isPlain(operand: unknown): boolean {
  return Array.isArray(operand) ? operand.every((item) => typeof item !== 'object') : typeof operand !== 'object';
}
