import { request } from 'node:http';
import { eventually } from '@edgeplane/test-harness';

const LIMIT_MS = 180_000;

/** Resolves when a page is served. */
export async function page(host: string, port: number): Promise<void> {
  const once = () =>
    new Promise<boolean>((resolve) => {
      const req = request({ host, port, path: '/', timeout: 1000, agent: false }, (res) => {
        res.resume();
        res.on('end', () => resolve(res.statusCode === 200));
      });
      req.on('timeout', () => req.destroy());
      req.on('error', () => resolve(false));
      req.end();
    });
  await eventually(`a page at ${host}:${port}`, once, LIMIT_MS);
}
