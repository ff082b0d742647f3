import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './programs.js';
import { runCommand } from './run-command.js';
import { tempDir } from './temp-dir.js';

/** Folders of `shared/proto/southbound`. */
export type SouthboundApi = 'virtrigaud' | 'flintlock-2021' | 'flintlock-current' | 'isard' | 'aurae';

export interface PythonClientOptions {
  readonly api: SouthboundApi;
  /** Path of a script that ends in `main(run)` of `southbound.py`. */
  readonly script: string;
  readonly address: string;
  /** What its `run` gets as its second parameter. */
  readonly input?: unknown;
  /** Paths of PEM files; plain text without. */
  readonly tls?: {
    readonly ca: string;
    readonly cert?: string;
    readonly key?: string;
    /** The name to expect in the server's certificate instead of the address. */
    readonly serverName?: string;
  };
  /** Metadata of every call. */
  readonly authorization?: string;
  readonly timeoutMs?: number;
}

/** Debian's own: a python3 that comes first on the path would not have its packages. */
const PYTHON = '/usr/bin/python3';

/**
 * Runs a Python script against a southbound API, with nothing of ours but the .proto files between the two.
 * @returns what its `run` returned. @throws Error with the script's trace
 */
export async function runPythonClient<T = unknown>(options: PythonClientOptions): Promise<T> {
  const { api, script, address, tls, authorization, input, timeoutMs = 300_000 } = options;
  const dir = tempDir('py');
  try {
    const descriptors = join(dir.path, 'api.binpb');
    await compile(api, descriptors);
    const env = {
      ...process.env,
      PYTHONPATH: join(ROOT, 'test/harness/python'),
      PYTHONDONTWRITEBYTECODE: '1',
    };
    const given = { address, descriptors, tls, authorization, input };
    const done = await runCommand(PYTHON, [script], { env, input: JSON.stringify(given), timeoutMs });
    if (done.code !== 0) throw new Error(`${script} ended with ${done.code}: ${done.stderr.trim()}`);
    return JSON.parse(done.stdout) as T;
  } finally {
    dir.remove();
  }
}

/** Has protoc describe an API. @throws Error with its words */
async function compile(api: SouthboundApi, out: string): Promise<void> {
  const protos = join(ROOT, 'shared/proto');
  const base = join(protos, 'southbound', api);
  const files = readdirSync(base, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.proto'));
  // Debian's well-known types go before the few options of them that we keep.
  const paths = ['/usr/include', base, join(protos, 'third-party')].map((path) => `-I${path}`);
  const args = [...paths, '--include_imports', `--descriptor_set_out=${out}`, ...files];
  const { code, stderr } = await runCommand('/usr/bin/protoc', args, { cwd: base });
  if (code !== 0) throw new Error(`protoc of ${api} ended with ${code}: ${stderr.trim()}`);
}
