import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { StoredEvent } from '../application/ports.ts';
import { type Exported, encodeEvent, encodeManifest, header, type Manifest, manifestOf } from './log-file.ts';
import type { Survey } from './log-survey.ts';
import { Refused } from './refused.ts';

/** Written at once: large enough that a write is worth its call. */
const writeBytes = 1_024 * 1_024;

/** Writes an exported log. The file has its name only once it is whole and on the disk; what tasks carry is for its owner alone. */
export class LogFileWriter {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #hash = createHash('sha256');
  #lines: string[] = [];
  #held = 0;

  private constructor(path: string, file: FileHandle) {
    this.#path = path;
    this.#file = file;
  }

  /** A file of that name is refused, unless it is to be replaced: it then stays until the new one is whole. */
  static async create(path: string, { replace = false } = {}): Promise<LogFileWriter> {
    if (!replace && existsSync(path)) throw new Refused(`${path} is there already; an export overwrites nothing`);
    // What an earlier export left unfinished goes.
    await rm(partOf(path), { force: true });
    const writer = new LogFileWriter(path, await open(partOf(path), 'wx', 0o600));
    await writer.#line(header);
    return writer;
  }

  async add(event: StoredEvent): Promise<void> {
    await this.#line(encodeEvent(event));
  }

  async finish(survey: Survey, exported: Exported): Promise<Manifest> {
    await this.#flush();
    const manifest = manifestOf(survey, exported, this.#hash);
    await this.#file.writeFile(`${encodeManifest(manifest)}\n`);
    await this.#file.sync();
    await this.#file.close();
    await rename(partOf(this.#path), this.#path);
    const folder = await open(dirname(this.#path), 'r');
    await folder.sync();
    await folder.close();
    return manifest;
  }

  async abandon(): Promise<void> {
    await this.#file.close().catch(() => undefined);
    await rm(partOf(this.#path), { force: true });
  }

  async #line(text: string): Promise<void> {
    this.#lines.push(`${text}\n`);
    this.#held += text.length;
    if (this.#held >= writeBytes) await this.#flush();
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.from(this.#lines.join(''), 'utf8');
    this.#lines = [];
    this.#held = 0;
    this.#hash.update(bytes);
    await this.#file.writeFile(bytes);
  }
}

function partOf(path: string): string {
  return `${path}.part`;
}
