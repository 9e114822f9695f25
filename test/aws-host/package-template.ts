import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Template } from './stack/intrinsics.ts';

const root = join(import.meta.dirname, '../..');
/** Beside the packages that made it: a new installation starts afresh. */
const cache = join(root, 'node_modules/.cache/errand');
const framework = join(root, 'node_modules/serverless');
/** A packaging takes two seconds; one that hangs should say so. */
const limitMs = 60_000;

/** Parameters of serverless.yml that differ from their defaults. */
export type Parameters = Readonly<Record<string, string>>;

/**
 * The CloudFormation template of serverless.yml, as `serverless package` makes it: offline and without credentials. Bundles are left
 * out, as the template does not depend on them. Made once for each content of serverless.yml and infrastructure/, whoever asks.
 */
export async function packagedTemplate(parameters: Parameters = {}): Promise<Template> {
  const sources = await templateSources();
  const key = createHash('sha256')
    .update(JSON.stringify([sources, Object.entries(parameters).sort()]))
    .digest('hex');
  const made = join(cache, `template-${key.slice(0, 32)}.json`);
  const known = await readFile(made, 'utf8').catch(() => null);
  if (known !== null) return JSON.parse(known) as Template;
  const text = await packaged(parameters);
  await mkdir(cache, { recursive: true });
  // Whole or not at all: others may read it at this moment.
  const draft = join(cache, `${key.slice(0, 32)}.${process.pid}.${performance.now()}`);
  await writeFile(draft, text);
  await rename(draft, made);
  return JSON.parse(text) as Template;
}

async function templateSources(): Promise<readonly string[]> {
  const parts = (await readdir(join(root, 'infrastructure'))).filter((name) => name.endsWith('.yml')).sort();
  const files = [join(framework, 'package.json'), join(root, 'serverless.yml'), ...parts.map((name) => join(root, 'infrastructure', name))];
  return Promise.all(files.map((file) => readFile(file, 'utf8')));
}

/** In a folder of its own, so that nothing is left in the repository and callers do not get in each other's way. */
async function packaged(parameters: Parameters): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'errand-template-'));
  try {
    const service = await readFile(join(root, 'serverless.yml'), 'utf8');
    await writeFile(join(folder, 'serverless.yml'), withoutBundling(service));
    await cp(join(root, 'infrastructure'), join(folder, 'infrastructure'), { recursive: true });
    await runFramework(folder, parameters);
    return await readFile(join(folder, '.serverless/cloudformation-template-update-stack.json'), 'utf8');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function withoutBundling(service: string): string {
  const without = service.replace('\nplugins:\n  - serverless-esbuild\n', '\n');
  if (without === service) throw new Error('serverless.yml does not name its plugin as expected');
  return without;
}

/** Runs `serverless package` in a folder, with nothing of this machine's AWS configuration. Throws with its output if it fails. */
export async function runFramework(folder: string, parameters: Parameters = {}): Promise<void> {
  const named = Object.entries(parameters).map(([name, value]) => `--param=${name}=${value}`);
  const environment = { PATH: process.env['PATH'] ?? '', HOME: folder, SLS_NOTIFICATIONS_MODE: 'off' };
  const options = { cwd: folder, env: environment, timeout: limitMs, killSignal: 'SIGKILL' } as const;
  try {
    await promisify(execFile)(process.execPath, [join(framework, 'bin/serverless.js'), 'package', ...named], options);
  } catch (error) {
    const { stdout = '', stderr = '' } = error as { readonly stdout?: string; readonly stderr?: string };
    throw new Error(`serverless package failed: ${stdout}${stderr}`, { cause: error });
  }
}
