/** Where the emulated account lives. fauxqs knows no other account. */
export const region = 'eu-west-1';
export const account = '000000000000';
export const stackName = 'errand-local';

export type Resource = { readonly Type: string; readonly Properties?: Readonly<Record<string, unknown>>; readonly Condition?: string };
export type Template = {
  readonly Parameters?: Readonly<Record<string, { readonly Default?: unknown }>>;
  readonly Mappings?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>;
  readonly Conditions?: Readonly<Record<string, unknown>>;
  readonly Resources: Readonly<Record<string, Resource>>;
};

/** What `Ref` gives for a resource, and its attributes for `Fn::GetAtt`. */
export type Identity = { readonly ref: string; readonly attributes: Readonly<Record<string, string>> };
export type Identify = (logicalId: string, resource: Resource, resolve: (value: unknown) => unknown) => Identity;

/** What a property is left out for: the pseudo parameter of that name. */
const noValue = Symbol('AWS::NoValue');

const pseudo: Readonly<Record<string, unknown>> = {
  'AWS::Region': region,
  'AWS::AccountId': account,
  'AWS::Partition': 'aws',
  'AWS::URLSuffix': 'amazonaws.com',
  'AWS::StackName': stackName,
  'AWS::StackId': `arn:aws:cloudformation:${region}:${account}:stack/${stackName}/local`,
  'AWS::NoValue': noValue,
};

/**
 * Works out the functions of CloudFormation that a packaged template uses, as a deployment with default parameters would
 * (https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html).
 * Throws on whatever it does not know: a template read wrongly would be a harness that proves nothing.
 */
export function createResolver(template: Template, identify: Identify): (value: unknown) => unknown {
  const identities = new Map<string, Identity>();

  function identity(logicalId: string): Identity {
    const known = identities.get(logicalId);
    if (known !== undefined) return known;
    const resource = template.Resources[logicalId];
    if (resource === undefined) throw new Error(`the template refers to ${logicalId}, which it does not have`);
    const made = identify(logicalId, resource, resolve);
    identities.set(logicalId, made);
    return made;
  }

  function ref(name: string): unknown {
    if (Object.hasOwn(pseudo, name)) return pseudo[name];
    const parameter = template.Parameters?.[name];
    if (parameter === undefined) return identity(name).ref;
    if (parameter.Default === undefined) throw new Error(`parameter ${name} of the template has no default`);
    return parameter.Default;
  }

  function attribute(logicalId: string, name: string): unknown {
    const value = identity(logicalId).attributes[name];
    if (value === undefined) throw new Error(`the harness does not know attribute ${name} of ${logicalId}`);
    return value;
  }

  function holds(condition: unknown): boolean {
    if (typeof condition === 'string') {
      if (template.Conditions?.[condition] === undefined) throw new Error(`the template has no condition ${condition}`);
      return holds(template.Conditions[condition]);
    }
    const [[name, operand] = ['', undefined]] = Object.entries(condition as object);
    const operands = operand as readonly unknown[];
    if (name === 'Condition') return holds(operand);
    if (name === 'Fn::Not') return !holds(operands[0]);
    if (name === 'Fn::And') return operands.every(holds);
    if (name === 'Fn::Or') return operands.some(holds);
    if (name === 'Fn::Equals') return String(resolve(operands[0])) === String(resolve(operands[1]));
    throw new Error(`the harness does not know the condition ${name}`);
  }

  function substitute(operand: unknown): string {
    const [text, variables] = (Array.isArray(operand) ? operand : [operand, {}]) as [string, Record<string, unknown>];
    return text.replaceAll(/\$\{(!?)([^}]+)\}/g, (_all, literal: string, name: string) => {
      if (literal === '!') return `\${${name}}`;
      if (Object.hasOwn(variables, name)) return String(resolve(variables[name]));
      const dot = name.indexOf('.');
      return String(dot === -1 ? ref(name) : attribute(name.slice(0, dot), name.slice(dot + 1)));
    });
  }

  const functions: Readonly<Record<string, (operand: unknown) => unknown>> = {
    Ref: (operand) => ref(String(operand)),
    'Fn::GetAtt': (operand) => {
      const [logicalId = '', ...name] = typeof operand === 'string' ? operand.split('.') : (operand as readonly string[]);
      return attribute(logicalId, name.join('.'));
    },
    'Fn::Sub': substitute,
    'Fn::Join': (operand) => {
      const [separator, parts] = operand as [string, unknown];
      return (resolve(parts) as readonly unknown[]).join(separator);
    },
    'Fn::Split': (operand) => {
      const [separator, text] = operand as [string, unknown];
      return String(resolve(text)).split(separator);
    },
    'Fn::Select': (operand) => {
      const [index, list] = operand as [unknown, unknown];
      return (resolve(list) as readonly unknown[])[Number(resolve(index))];
    },
    'Fn::If': (operand) => {
      const [condition, whenTrue, whenFalse] = operand as [string, unknown, unknown];
      return resolve(holds(condition) ? whenTrue : whenFalse);
    },
    'Fn::FindInMap': (operand) => {
      const [map = '', first = '', second = ''] = (resolve(operand) as readonly unknown[]).map(String);
      return resolve(template.Mappings?.[map]?.[first]?.[second]);
    },
  };

  function resolve(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(resolve).filter((item) => item !== noValue);
    if (typeof value !== 'object' || value === null) return value;
    const entries = Object.entries(value);
    const [name = '', operand] = entries[0] ?? [];
    if (entries.length === 1 && (name === 'Ref' || name.startsWith('Fn::'))) {
      const known = functions[name];
      if (known === undefined) throw new Error(`the harness does not know ${name}`);
      return known(operand);
    }
    return Object.fromEntries(entries.map(([key, item]) => [key, resolve(item)]).filter(([, item]) => item !== noValue));
  }

  return resolve;
}
