import type { IncomingMessage } from 'node:http';
import type { HttpResponse } from '../handlers/http/http-types.ts';
import { problem } from '../handlers/http/problem.ts';
import { isLoopback } from './settings.ts';

export type AdmissionOptions = {
  /** With keys, whoever has none is refused later; without, whoever is not on this machine is refused here. */
  readonly hasKeys: boolean;
  readonly publicUrl: string | undefined;
  /** Whether the host can take on more just now. */
  readonly state: () => 'ready' | 'starting' | 'stopping' | 'overloaded';
};

const answers = {
  starting: problem(503, 'Errand is starting', { 'retry-after': '1' }),
  stopping: problem(503, 'Errand is stopping', { 'retry-after': '5' }),
  overloaded: problem(503, 'more requests are under way than can be taken on', { 'retry-after': '1' }),
} as const;

/** Of an address in absolute form, as proxies send it. */
const authority = /^https?:\/\/([^/?#]*)/i;

/**
 * Decides whether a request is let in at all. Without keys a web page must not be able to command a developer's Errand:
 * not by its own requests (Origin), and not by a name that resolves to this machine (Host).
 */
export function createAdmission(options: AdmissionOptions): (request: IncomingMessage) => HttpResponse | null {
  // Whichever port a proxy listens on and names: it is the host that says who was asked.
  const publicHost = options.publicUrl === undefined ? null : nameOf(new URL(options.publicUrl).host);
  const publicOrigin = options.publicUrl === undefined ? null : new URL(options.publicUrl).origin;

  return (request) => {
    const state = options.state();
    if (state !== 'ready') return answers[state];
    if (options.hasKeys) return null;
    // A host in the address itself is the one that counts (RFC 9112, section 3.2.2).
    const host = (authority.exec(request.url ?? '')?.[1] ?? request.headers.host ?? '').toLowerCase();
    if (nameOf(host) !== publicHost && !isLoopback(nameOf(host))) {
      return problem(403, 'without API keys only requests addressed to this machine are answered; the Host header names another one');
    }
    const { origin } = request.headers;
    if (origin !== undefined && origin !== publicOrigin && !isOwn(origin, host)) {
      return problem(403, 'without API keys no requests of other web pages are answered; the Origin header names one');
    }
    return null;
  };
}

/** A host without its port and without the dot that may end it. */
function nameOf(host: string): string {
  const name = host.startsWith('[') ? host.slice(0, host.indexOf(']') + 1) : host.replace(/:\d*$/, '');
  return name.toLowerCase().replace(/\.$/, '');
}

/** A page that this very server delivered. */
function isOwn(origin: string, host: string): boolean {
  const url = URL.parse(origin);
  return url?.protocol === 'http:' && url.host.toLowerCase() === host && isLoopback(url.hostname);
}
