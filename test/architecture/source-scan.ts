/**
 * A scan of TypeScript source that is only as clever as the architecture tests need: it knows what is code and what is
 * comment, string, template text or regular expression, and nothing of syntax trees.
 */

export type Import = {
  /** As written; null when it is computed at run time. */
  readonly specifier: string | null;
  /** `import type` and `export type`: gone before the program runs. */
  readonly typeOnly: boolean;
  readonly line: number;
};
export type Use = { readonly what: string; readonly line: number };

/** After these words a slash begins a regular expression; after any other word it divides. */
const beforeRegex = new Set('return typeof case in of delete void throw new else do instanceof await yield'.split(' '));

/**
 * The source with everything that is not code turned into spaces, at the same offsets and lines. Quotes stay, what is
 * between them goes; the expressions inside a template stay.
 */
export function codeOnly(source: string): string {
  const out = source.split('');
  const blank = (from: number, to: number) => {
    for (let i = from; i < Math.min(to, out.length); i++) if (out[i] !== '\n') out[i] = ' ';
  };
  /** One entry for each template whose expression is being read: the braces open inside it. */
  const templates: number[] = [];
  let lastCode = '';
  let at = 0;
  while (at < source.length) {
    const char = source[at] ?? '';
    const next = source[at + 1];
    let end = at + 1;
    if (char === '/' && next === '/') {
      end = orEnd(source, source.indexOf('\n', at));
      blank(at, end);
    } else if (char === '/' && next === '*') {
      end = orEnd(source, source.indexOf('*/', at + 2) + 2, 1);
      blank(at, end);
    } else if (char === '"' || char === "'") {
      end = endOfQuoted(source, at, char);
      blank(at + 1, end - 1);
      lastCode = char;
    } else if (char === '`' || (char === '}' && templates.at(-1) === 0)) {
      if (char === '}') templates.pop();
      const text = endOfTemplateText(source, at + 1);
      blank(at + 1, text.end - 1);
      if (text.opensExpression) {
        templates.push(0);
        lastCode = '(';
      } else lastCode = '`';
      end = text.end;
    } else if (char === '/' && startsRegex(lastCode)) {
      end = endOfRegex(source, at);
      blank(at + 1, end - 1);
      lastCode = '/x';
    } else if (/[\w$]/.test(char)) {
      while (end < source.length && /[\w$]/.test(source[end] ?? '')) end++;
      lastCode = source.slice(at, end);
    } else if (!/\s/.test(char)) {
      const open = templates.length - 1;
      if (open >= 0 && char === '{') templates[open] = (templates[open] ?? 0) + 1;
      if (open >= 0 && char === '}') templates[open] = (templates[open] ?? 0) - 1;
      lastCode = char;
    }
    at = end;
  }
  return out.join('');
}

const orEnd = (source: string, index: number, smallest = 0): number => (index <= smallest ? source.length : index);

function startsRegex(lastCode: string): boolean {
  if (/^[\w$]/.test(lastCode)) return beforeRegex.has(lastCode);
  return !/^(?:[)\]}"'`]|\/x)$/.test(lastCode);
}

function endOfQuoted(source: string, start: number, quote: string): number {
  for (let i = start + 1; i < source.length; i++) {
    if (source[i] === '\\') i++;
    else if (source[i] === quote || source[i] === '\n') return i + 1;
  }
  return source.length;
}

function endOfTemplateText(source: string, start: number): { readonly end: number; readonly opensExpression: boolean } {
  for (let i = start; i < source.length; i++) {
    if (source[i] === '\\') i++;
    else if (source[i] === '`') return { end: i + 1, opensExpression: false };
    else if (source[i] === '$' && source[i + 1] === '{') return { end: i + 2, opensExpression: true };
  }
  return { end: source.length, opensExpression: false };
}

function endOfRegex(source: string, start: number): number {
  let inClass = false;
  for (let i = start + 1; i < source.length; i++) {
    const char = source[i];
    if (char === '\\') i++;
    else if (char === '\n') return i;
    else if (char === '[') inClass = true;
    else if (char === ']') inClass = false;
    else if (char === '/' && !inClass) return i + 1;
  }
  return source.length;
}

const lineAt = (source: string, offset: number): number => source.slice(0, offset).split('\n').length;

/** Static imports, re-exports, side-effect imports and `import()`, of values and of types. (`require` does not exist in modules.) */
export function importsOf(source: string): readonly Import[] {
  const code = codeOnly(source);
  const found: (Import & { readonly offset: number })[] = [];
  const add = (offset: number, quoteAt: number, typeOnly: boolean) => {
    const quote = source[quoteAt] ?? '';
    const literal = quote === '"' || quote === "'" ? source.slice(quoteAt + 1, endOfQuoted(source, quoteAt, quote) - 1) : null;
    found.push({ specifier: literal, typeOnly, line: lineAt(source, offset), offset });
  };
  for (const match of code.matchAll(/(?<![\w$.])(?:import|export)\b([^;'"`]*?)\bfrom\s*(?=['"])/g)) {
    add(match.index, match.index + match[0].length, /^\s*type\b\s*[\w$*{]/.test(match[1] ?? ''));
  }
  for (const match of code.matchAll(/(?<![\w$.])import\s*(?=['"])/g)) add(match.index, match.index + match[0].length, false);
  for (const match of code.matchAll(/(?<![\w$.])import\s*\(\s*/g)) add(match.index, match.index + match[0].length, false);
  return found.sort((a, b) => a.offset - b.offset).map(({ offset: _, ...rest }) => rest);
}

/** True of a file that holds nothing but re-exports. */
export function isBarrel(source: string): boolean {
  const code = codeOnly(source);
  const rest = code.replaceAll(/(?<![\w$.])export\b[^;'"`]*?\bfrom\s*(['"])\s*\1\s*;?/g, '');
  return rest !== code && rest.trim() === '';
}

/**
 * Uses of global names. `names` may hold `Date` (any use at all), `now` (the present moment through `Date`), members such as
 * `Math.random`, and plain globals. A property of the same name (`order.process`, `{ process: 1 }`) is not a use.
 */
export function usesOf(source: string, names: readonly string[]): readonly Use[] {
  const code = codeOnly(source);
  return names
    .flatMap((name) => [...code.matchAll(patternOf(name))].map((match) => ({ what: name, line: lineAt(code, match.index) })))
    .sort((a, b) => a.line - b.line);
}

/** `globalThis.x` counts as `x`; any other member access does not. */
const free = String.raw`(?<![\w$])(?<!(?<!\.\.)(?<!globalThis\s*)\.\s*)(?<!#)`;
/** Not a key of an object or of a type, nor a method: `process: 1`, `readonly process?: X`. */
const notAKey = String.raw`(?![\w$])(?!\s*\??:(?<=[{,;(]\s*(?:readonly\s+)?[\w$]+\s*\??:))`;

function patternOf(name: string): RegExp {
  if (name === 'now') {
    // Date.now, Date['now'], new Date(), new Date, Date(), and Date handed on under another name.
    const present = String.raw`Date\s*\.\s*now\b|Date\s*\[|new\s+Date\s*(?:\(\s*\)|(?!\s*\())|(?<!new\s+)Date\s*\(|(?<=[=(,]\s*)Date\s*[;,)}]`;
    return new RegExp(`${free}(?:${present})`, 'g');
  }
  const [object, member] = name.split('.');
  if (member === undefined) return new RegExp(`${free}${name}${notAKey}`, 'g');
  // A process is handed on to await its signals; any other object that is taken apart or handed on hides which member is used.
  if (object === 'process') return new RegExp(String.raw`${free}process\s*\.\s*${member}\b`, 'g');
  return new RegExp(String.raw`${free}${object}(?:\s*\.\s*${member}\b|\s*\[|(?!\s*\.)${notAKey})`, 'g');
}
