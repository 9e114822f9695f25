/** A piece of JSON as it is written, for numbers and repeated keys that no JavaScript value becomes. */
export class Written {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
}

/** As JSON.stringify, but for what is `Written`, which stays as it is. */
export function jsonText(value: unknown): string {
  if (value instanceof Written) return value.text;
  if (Array.isArray(value)) return `[${value.map(jsonText).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  return `{${Object.entries(value)
    .map(([key, member]) => `${JSON.stringify(key)}:${jsonText(member)}`)
    .join(',')}}`;
}

/** So many lists within each other. */
export function deep(levels: number): Written {
  return new Written('['.repeat(levels) + ']'.repeat(levels));
}

/** A value with one of its members, however deep, replaced; with `undefined` it is taken out. */
export function withMember(value: unknown, path: readonly (string | number)[], member: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return member;
  if (Array.isArray(value)) return value.map((item, index) => (index === key ? withMember(item, rest, member) : item));
  const before = Object.entries(value as object);
  const within = before.find(([name]) => name === key)?.[1];
  const others = before.filter(([name]) => name !== key);
  const made = withMember(within, rest, member);
  // From entries, so that `__proto__` is an own member.
  return Object.fromEntries(made === undefined ? others : [...others, [key, made]]);
}
