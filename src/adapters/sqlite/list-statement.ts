import type { ListQuery } from '../../application/ports.ts';

/**
 * The query of one page of streams of one kind, newest first. The order (createdAt, id) never changes for a stream, so a page that starts
 * after the last row of the one before neither repeats nor skips one, whatever is created or changes status meanwhile.
 */
export function listStatement(query: ListQuery): { readonly sql: string; readonly parameters: (string | number)[] } {
  const { kind, status, labels, from, to, after, limit } = query;
  const parameters: (string | number)[] = [];
  const conditions = ['views.created_at IS NOT NULL'];
  const require = (condition: string, ...values: (string | number)[]) => {
    conditions.push(condition);
    parameters.push(...values);
  };
  const [first, ...others] = labels;
  // The first label leads: its own index has the order of the list.
  const source = first === undefined ? 'views' : "labels JOIN views ON views.stream = labels.kind || '#' || labels.id";
  const order = first === undefined ? 'views' : 'labels';
  require(`${order}.kind = ?`, kind);
  if (first !== undefined) require('labels.name = ? AND labels.value = ?', ...first);
  for (const label of others) {
    require('EXISTS (SELECT 1 FROM labels AS other WHERE other.name = ? AND other.value = ? AND other.kind = views.kind AND other.created_at = views.created_at AND other.id = views.id)', ...label);
  }
  if (status !== null) require('views.status = ?', status);
  if (from !== null) require(`${order}.created_at >= ?`, from);
  if (to !== null) require(`${order}.created_at < ?`, to);
  if (after !== null) require(`(${order}.created_at, ${order}.id) < (?, ?)`, after.createdAt, after.id);
  parameters.push(limit);
  const sql = `SELECT views.stream, views.version, views.state FROM ${source} WHERE ${conditions.join(' AND ')}
    ORDER BY ${order}.created_at DESC, ${order}.id DESC LIMIT ?`;
  return { sql, parameters };
}
