import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** What a program of a bench can be asked to do, over the channel to its parent. */
export type Methods = Readonly<Record<string, (argument: never) => unknown>>;

type Argument<M extends Methods, N extends keyof M> = Parameters<M[N]>[0];
type Result<M extends Methods, N extends keyof M> = Awaited<ReturnType<M[N]>>;

/** A program of a bench, in a process of its own. */
export interface Child<M extends Methods> {
  readonly pid: number;
  /** @throws Error with the message of what the method threw, or when the process has ended */
  call<N extends keyof M & string>(method: N, argument: Argument<M, N>): Promise<Result<M, N>>;
  stop(): Promise<void>;
}

interface Request {
  readonly id: number;
  readonly method: string;
  readonly argument: unknown;
}

interface Reply {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

/** Starts a program beside this file, such as `agents-program`. */
export function startChild<M extends Methods>(program: string, execArgv: readonly string[] = []): Child<M> {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const child = fork(fileURLToPath(new URL(`./${program}.${extension}`, import.meta.url)), {
    serialization: 'advanced',
    execArgv: [...process.execArgv, ...execArgv],
  });
  const waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  let next = 0;
  let gone: Error | undefined;
  const exited = new Promise<void>((resolve) => {
    child.once('exit', (code, signal) => {
      gone = new Error(`${program} ended with ${code ?? signal}`);
      for (const { reject } of waiting.values()) reject(gone);
      resolve();
    });
  });
  child.on('message', (message) => {
    const { id, result, error } = message as Reply;
    const call = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) call?.resolve(result);
    else call?.reject(new Error(`${program}: ${error}`));
  });
  return {
    pid: child.pid ?? 0,
    call: (method, argument) =>
      new Promise((resolve, reject) => {
        if (gone) return reject(gone);
        const id = next++;
        waiting.set(id, { resolve: resolve as (value: unknown) => void, reject });
        child.send({ id, method, argument } satisfies Request);
      }),
    async stop() {
      if (child.connected) child.disconnect();
      await exited;
    },
  };
}

/** The program's side of it: answers until its parent is gone. */
export function answerParent(methods: Methods): void {
  process.on('message', async (message) => {
    const { id, method, argument } = message as Request;
    let reply: Reply;
    try {
      reply = { id, result: await methods[method]?.(argument as never) };
    } catch (error) {
      reply = { id, error: error instanceof Error ? error.message : String(error) };
    }
    process.send?.(reply);
  });
  process.on('disconnect', () => process.exit(0));
}

/** Milliseconds on a clock that all processes of a machine share. */
export function machineTime(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
