import type { Template } from '../aws-host/stack/intrinsics.ts';
import { listAt } from './template.ts';

/** The logical ids that a resource waits for, by references or by name. */
function waitsFor(template: Template, id: string): readonly string[] {
  const text = JSON.stringify(template.Resources[id]?.Properties ?? {});
  const named = [...text.matchAll(/"Ref":"(\w+)"|"Fn::GetAtt":\["(\w+)"|\$\{(\w+)[}.]/g)].map(
    ([, ref, attribute, inText]) => ref ?? attribute ?? inText,
  );
  return [...named, ...listAt(template.Resources[id], 'DependsOn')].map(String).filter((other) => Object.hasOwn(template.Resources, other));
}

/** A ring of resources each of which waits for the next, which CloudFormation refuses; null if there is none. */
export function cycleIn(template: Template): readonly string[] | null {
  const done = new Set<string>();
  function visit(id: string, path: readonly string[]): readonly string[] | null {
    if (path.includes(id)) return [...path.slice(path.indexOf(id)), id];
    if (done.has(id)) return null;
    for (const next of waitsFor(template, id)) {
      const found = visit(next, [...path, id]);
      if (found !== null) return found;
    }
    done.add(id);
    return null;
  }
  for (const id of Object.keys(template.Resources)) {
    const found = visit(id, []);
    if (found !== null) return found;
  }
  return null;
}
