import type { RouteResource } from './stack/stack.ts';

export type MatchedRoute = RouteResource & { readonly pathParameters: Readonly<Record<string, string>> | undefined };
export type FindRoute = (method: string, path: string) => MatchedRoute | null;

type Candidate = RouteResource & {
  readonly method: string;
  readonly pattern: RegExp;
  readonly names: readonly string[];
  readonly rank: number;
};

const defaultKey = '$default';

/**
 * Chooses a route as an HTTP API does (https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-routes.html): the most
 * specific path, a variable before a greedy one, a method before ANY, `$default` last.
 */
export function createRouter(routes: readonly RouteResource[]): FindRoute {
  const candidates = routes.filter(({ routeKey }) => routeKey !== defaultKey).map(candidateOf);
  candidates.sort((one, other) => one.rank - other.rank);
  const fallback = routes.find(({ routeKey }) => routeKey === defaultKey);
  return (method, path) => {
    for (const candidate of candidates) {
      if (candidate.method !== 'ANY' && candidate.method !== method) continue;
      const match = candidate.pattern.exec(path);
      if (match === null) continue;
      const values = candidate.names.map((name, index) => [name, match[index + 1] ?? ''] as const);
      return { ...candidate, pathParameters: values.length === 0 ? undefined : Object.fromEntries(values) };
    }
    return fallback === undefined ? null : { ...fallback, pathParameters: undefined };
  };
}

function candidateOf(route: RouteResource): Candidate {
  const [method = '', path = ''] = route.routeKey.split(' ');
  const names: string[] = [];
  const pattern = path
    .split(/(\{[^}]+\})/)
    .map((part) => {
      const variable = /^\{([^}+]+)(\+?)\}$/.exec(part);
      if (variable === null) return part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
      names.push(variable[1] ?? '');
      return variable[2] === '+' ? '(.+)' : '([^/]+)';
    })
    .join('');
  const rank = (path.includes('+}') ? 4 : names.length > 0 ? 2 : 0) + (method === 'ANY' ? 1 : 0);
  return { ...route, method, pattern: new RegExp(`^${pattern}$`, 's'), names, rank };
}
