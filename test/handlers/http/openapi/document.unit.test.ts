import { describe, expect, test } from 'vitest';
import { openApiDocument } from '../../../../src/handlers/http/openapi/document.ts';
import { documentationPage } from '../../../../src/handlers/http/openapi/page.ts';
import { findRoute, methodRules } from '../../../../src/handlers/http/route.ts';

type Api = {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly parameters: readonly { readonly name: string }[] }>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
};
const api = JSON.parse(JSON.stringify(openApiDocument('1.2.3'))) as Api;

/** Every reference in a document. */
function references(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, member]) => (key === '$ref' ? [String(member)] : references(member)));
}

describe('the OpenAPI document', () => {
  test('is of version 3.1 and its references lead somewhere', () => {
    expect(api.openapi).toBe('3.1.0');
    const names = references(api).map((reference) => reference.replace('#/components/schemas/', ''));
    expect(names).toContain('Task');
    for (const name of names) expect(api.components.schemas).toHaveProperty([name]);
  });

  test('has every route and method of the API, and no other', () => {
    const documented = Object.entries(api.paths).flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`));
    for (const entry of documented) {
      const [method = '', path = ''] = entry.split(' ');
      const upper = method.toUpperCase();
      const route = findRoute(path.replace('{id}', 'an/id').replace('{token}', 'token'), upper);
      expect(route === null ? null : Object.keys(methodRules[route.name]), entry).toContain(upper);
    }
    const served = Object.entries(methodRules).flatMap(([name, rules]) => Object.keys(rules).map((method) => `${name} ${method}`));
    const aboutItself = ['openapi GET', 'docs GET'];
    expect(documented).toHaveLength(served.length - aboutItself.length);
  });

  test('says which fields a task may have', () => {
    const create = JSON.stringify(api.paths['/tasks']?.['post']);
    for (const field of ['request', 'runner', 'event', 'runAt', 'delay', 'retry', 'callback', 'startBefore', 'bodyBase64']) {
      expect(create).toContain(`"${field}"`);
    }
  });

  test('can be read on a page that loads nothing from elsewhere', () => {
    expect(documentationPage).toContain("fetch('openapi.json')");
    expect(documentationPage).not.toMatch(/(?:src|href)="https?:/);
  });
});
