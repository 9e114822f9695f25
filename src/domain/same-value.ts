/** Structural equality of JSON-safe values, key order aside. */
export function sameValue(left: unknown, right: unknown): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  const [leftEntries, rightEntries] = [Object.entries(left), Object.entries(right)];
  if (leftEntries.length !== rightEntries.length || Array.isArray(left) !== Array.isArray(right)) return false;
  const byName = new Map(rightEntries);
  return leftEntries.every(([name, value]) => byName.has(name) && sameValue(value, byName.get(name)));
}
