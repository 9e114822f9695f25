import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

type AnyEvent = { readonly type: string; readonly version: number };
type AnyState = { readonly status: string; readonly version: number };

/** A kind of stream, and histories that show what its decider does. */
export type Diagrammed<State extends AnyState, Event extends AnyEvent> = {
  /** The document with the diagram, below docs/. */
  readonly document: string;
  readonly initial: State;
  readonly evolve: (state: State, event: Event) => State;
  /** Enough of them, and always the same: a rare transition must not come and go. */
  readonly histories: readonly (readonly Event[])[];
  /** What a state is called in the diagram; its status if nothing is said. */
  readonly nameOf?: (state: State) => string;
  /** States that are drawn as one around them: an arrow from that one leaves each of them. */
  readonly within?: Readonly<Record<string, readonly string[]>>;
  /** What the fold lets follow although no decision makes it, as `from > event`. */
  readonly folds?: readonly string[];
};

const arrow = (from: string, event: string, to: string): string => `${from} > ${event} > ${to}`;
const byName = (arrows: Iterable<string>): readonly string[] => [...arrows].sort();

/** The arrows of the mermaid diagram, as `from > event > to`. One arrow may carry several events, separated by commas. */
function drawnArrows(text: string, within: Readonly<Record<string, readonly string[]>>): ReadonlySet<string> {
  const diagram = /```mermaid\nstateDiagram-v2\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
  const arrows = [...diagram.matchAll(/^\s*(\S+) --> (\S+): (.+)$/gm)].flatMap(([, from = '', to = '', events = '']) =>
    (within[from] ?? [from === '[*]' ? 'missing' : from]).flatMap((state) =>
      events.split(',').map((event) => arrow(state, event.trim(), to)),
    ),
  );
  return new Set(arrows);
}

/** Tests that a document draws and explains what the code does: nothing more, and nothing less. */
export function testDiagram<State extends AnyState, Event extends AnyEvent>(kind: Diagrammed<State, Event>): void {
  const { initial, evolve, histories, nameOf = ({ status }: State) => status, within = {}, folds = [] } = kind;
  const text = readFileSync(new URL(`../../docs/${kind.document}`, import.meta.url), 'utf8');
  const drawn = drawnArrows(text, within);
  const observed = new Set<string>();
  const [states, events] = [new Map([[nameOf(initial), initial]]), new Map<string, Event>()];
  for (const history of histories) {
    let state = initial;
    for (const event of history) {
      const after = evolve(state, event);
      observed.add(arrow(nameOf(state), event.type, nameOf(after)));
      states.set(nameOf(after), after);
      events.set(event.type, event);
      state = after;
    }
  }

  describe(`the diagram in ${kind.document}`, () => {
    it('draws something', () => {
      expect(drawn.size).toBeGreaterThan(20);
    });

    it.each(byName(drawn))('draws an arrow that is reachable: %s', (name) => {
      expect(byName(observed)).toContain(name);
    });

    it.each(byName(observed))('draws every transition that is reachable: %s', (name) => {
      expect(byName(drawn)).toContain(name);
    });

    it('explains every event that it draws', () => {
      const prose = text.replace(/```mermaid[\s\S]*?```/, '');
      for (const name of drawn) expect(prose).toContain(`\`${name.split(' > ')[1]}\``);
    });
  });

  describe('folding an event that cannot follow', () => {
    const mayFollow = new Set([...folds, ...[...drawn].map((name) => name.split(' > ').slice(0, 2).join(' > '))]);
    const pairs = [...states].flatMap(([from, state]) => [...events].map(([type, event]) => ({ state, event, from, type })));
    const undrawn = pairs.filter(({ from, type }) => !mayFollow.has(`${from} > ${type}`));

    it.each(undrawn)('$type after $from means a broken log', ({ state, event }) => {
      expect(() => evolve(state, { ...event, version: state.version + 1 })).toThrow(/cannot follow status/);
    });
  });
}
