/**
 * Stands for a port that a function has no use for, and no permission: the routes of the API are split between `commands` and
 * `queries`, and what comes to one of them never needs the other's. Whoever calls it has found a hole in the split.
 */
export function notHere<Port extends object>(name: string, methods: readonly (keyof Port & string)[]): Port {
  const refuse = (): never => {
    throw new Error(`this function has no ${name}`);
  };
  return Object.fromEntries(methods.map((method) => [method, refuse])) as Port;
}
