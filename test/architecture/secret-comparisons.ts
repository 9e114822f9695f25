import { codeOnly, type Use } from './source-scan.ts';

/** What a secret, or what is made of one, is called here. What has another name is not seen: this rule reads names, not values. */
const secretName = /(?:token|secret|signature|mac|password|credential|apikey|keyhash|bearer|fingerprint|sealed|hash)s?$/i;
/** Functions whose result is a secret, or made of one. */
const secretResult = /^(?:open|opens|opened|hmac|macOf|sign|sha256|digest|fingerprint)$/;
/** Methods that compare as they go, and may stop early. */
const comparing = 'equals|includes|has|indexOf|lastIndexOf|localeCompare|startsWith|endsWith|compare';

/** The last name in what ends at an offset: of `a.b`, of `a['b']` as far as it is a name, and of a call `a.b(...)`; with whether it is a call. */
function nameBefore(code: string, end: number): { readonly name: string; readonly called: boolean } {
  let at = end;
  while (at > 0 && /\s/.test(code[at - 1] ?? '')) at -= 1;
  let called = false;
  if (code[at - 1] === ')') {
    called = true;
    for (let depth = 0; at > 0; ) {
      at -= 1;
      if (code[at] === ')') depth += 1;
      if (code[at] === '(') depth -= 1;
      if (depth === 0) break;
    }
  }
  return { name: /[\w$]+$/.exec(code.slice(0, at))?.[0] ?? '', called };
}

/** The last name in the chain that begins at an offset: `a.b` or `a.b(`. */
function nameAfter(code: string, start: number): { readonly name: string; readonly called: boolean } {
  const [, chain = '', call] = /^\s*((?:[\w$]+\??\.)*[\w$]+)\s*(\()?/.exec(code.slice(start)) ?? [];
  return { name: chain.split('.').at(-1) ?? '', called: call !== undefined };
}

const isSecret = ({ name, called }: { readonly name: string; readonly called: boolean }): boolean =>
  called ? secretResult.test(name) : secretName.test(name);
/** What stands in the source is no secret: comparing with it tells nothing. */
const literal = /^\s*(?:undefined|null|true|false|['"`\d-])/;

/** Places that compare a secret with something that is not written in the source, other than in constant time. */
export function secretComparisons(source: string): readonly Use[] {
  const code = codeOnly(source);
  const found: Use[] = [];
  const note = (offset: number): void => {
    const line = code.slice(0, offset).split('\n').length;
    found.push({ what: (source.split('\n')[line - 1] ?? '').trim(), line });
  };
  for (const { index, 0: operator } of code.matchAll(/[=!]==?(?![=>])/g)) {
    const [left, after] = [nameBefore(code, index), index + operator.length];
    const isType = /typeof\s+[\w$.[\]?]+\s*$/.test(code.slice(0, index));
    if (literal.test(code.slice(after)) || isType || /['"`\d]\s*$/.test(code.slice(0, index))) continue;
    if (isSecret(left) || isSecret(nameAfter(code, after))) note(index);
  }
  for (const { index, 0: call } of code.matchAll(new RegExp(String.raw`\??\.\s*(?:${comparing})\(`, 'g'))) {
    const after = index + call.length;
    if (literal.test(code.slice(after))) continue;
    if (isSecret(nameBefore(code, index)) || isSecret(nameAfter(code, after))) note(index);
  }
  return found;
}

/** What compares all the same, and why that tells nobody anything. */
export const harmless: readonly { readonly path: string; readonly what: string; readonly because: string }[] = [
  {
    path: 'src/domain/task/decide.ts',
    what: 'return state.answerHash === command.answerHash',
    because: 'a plain digest of an answer, whose sender holds a genuine token; it is not made of a secret',
  },
  { path: 'src/adapters/crypto/secrets.ts', what: 'secret.startsWith(signingPrefix)', because: 'its public prefix, read from a setting' },
];
