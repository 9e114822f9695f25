import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { type BuildOptions, build } from 'esbuild';
import { runFramework } from '../aws-host/package-template.ts';
import { filesInZip } from './zip.ts';

const root = join(import.meta.dirname, '../..');

export type Bundle = {
  /** The key of the function in serverless.yml. */
  readonly name: string;
  /** Everything that is in its archive. */
  readonly files: readonly string[];
  /** Where its only module was unpacked. */
  readonly module: string;
  readonly bytes: number;
};

export type Packaging = {
  readonly folder: string;
  readonly bundles: readonly Bundle[];
  /** How esbuild is told to bundle, as the framework read it from serverless.yml. */
  readonly esbuild: BuildOptions;
  remove(): Promise<void>;
};

/** Packages the service as for a deployment, in a folder of its own, and unpacks what would be uploaded. */
export async function packageService(): Promise<Packaging> {
  const folder = await mkdtemp(join(tmpdir(), 'errand-bundles-'));
  await Promise.all(['serverless.yml', 'package.json', 'package-lock.json'].map((name) => cp(join(root, name), join(folder, name))));
  await cp(join(root, 'infrastructure'), join(folder, 'infrastructure'), { recursive: true });
  await Promise.all(['src', 'node_modules'].map((name) => symlink(join(root, name), join(folder, name))));
  await runFramework(folder);
  const made = join(folder, '.serverless');
  const archives = (await readdir(made)).filter((name) => name.endsWith('.zip')).sort();
  const state = JSON.parse(await readFile(join(made, 'serverless-state.json'), 'utf8'));
  return {
    folder,
    bundles: await Promise.all(archives.map((name) => unpacked(folder, join(made, name)))),
    esbuild: esbuildOptions(state.service.custom.esbuild, folder),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

async function unpacked(folder: string, archive: string): Promise<Bundle> {
  const name = basename(archive, '.zip');
  const files = filesInZip(await readFile(archive));
  const [[path = '', content = Buffer.alloc(0)] = []] = files;
  const module = join(folder, 'unpacked', name, path);
  await mkdir(dirname(module), { recursive: true });
  await writeFile(module, content);
  return { name, files: [...files.keys()], module, bytes: content.byteLength };
}

type PluginOptions = BuildOptions & { readonly exclude: string[]; readonly outputFileExtension: string };

/** As the plugin does, which has names of its own for some options. */
function esbuildOptions(configured: PluginOptions, folder: string): BuildOptions {
  const { bundle, minify, format, platform, target, mainFields, alias, define, banner, exclude } = configured;
  return {
    ...{ bundle, minify, format, platform, target, mainFields, alias, define, banner, external: exclude },
    ...{ absWorkingDir: folder, legalComments: 'none', logLevel: 'silent' },
  } as BuildOptions;
}

/** Bundles a module written for a test as the functions are, and gives back its file. */
export async function bundled({ folder, esbuild }: Packaging, source: string): Promise<string> {
  const outfile = join(folder, 'unpacked/test.mjs');
  await build({ ...esbuild, stdin: { contents: source, resolveDir: root, loader: 'ts' }, outfile });
  return outfile;
}

/** Runs a script in a Node process of its own, far from every package, and gives back what it prints, as JSON. */
export async function runAlone(folder: string, script: string, environment: Readonly<Record<string, string>> = {}): Promise<unknown> {
  const options = { cwd: join(folder, 'unpacked'), env: environment, timeout: 30_000 };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '--eval', script], options);
    return JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  } catch (error) {
    // Its end: before it stands the line that failed, which in a bundle is all of it.
    const { stderr = '' } = error as { readonly stderr?: string };
    throw new Error(`the script failed: ${stderr.slice(-2_000) || String(error).slice(-2_000)}`);
  }
}
