import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** An HTTP server that answers as a Vault with one KV-v2 entry does (match engine spec section 3.1), for tests. */
export class TestVault {
  readonly requests: string[] = [];
  /** Secrets by version. */
  readonly versions = new Map<number, Readonly<Record<string, string>>>();
  oldest = 0;
  down = false;
  readonly #tokens = new Set<string>();
  readonly #server = createServer((request, response) => void this.#answer(request, response));

  listen(): Promise<string> {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () => {
        const address = this.#server.address();
        resolve(`http://127.0.0.1:${typeof address === 'object' && address ? address.port : 0}`);
      });
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = '', method } = request;
    this.requests.push(`${method} ${url}`);
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const say = (status: number, json: unknown) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(json));
    };
    if (this.down) return say(503, { errors: ['Vault is sealed'] });
    if (method === 'POST' && url === '/v1/auth/approle/login') {
      const { role_id, secret_id } = JSON.parse(body) as Record<string, string>;
      if (role_id !== 'role' || secret_id !== 'hush')
        return say(400, { errors: ['invalid role or secret ID'] });
      const token = `token-${this.#tokens.size}`;
      this.#tokens.add(token);
      return say(200, { auth: { client_token: token } });
    }
    if (!this.#tokens.has(String(request.headers['x-vault-token'])))
      return say(403, { errors: ['permission denied'] });
    if (url === '/v1/jwtkeys/metadata/dme') {
      const current = Math.max(0, ...this.versions.keys());
      return say(200, { data: { current_version: current, oldest_version: this.oldest } });
    }
    const version = Number(/^\/v1\/jwtkeys\/data\/dme\?version=(\d+)$/.exec(url)?.[1]);
    const data = this.versions.get(version);
    if (!data) return say(404, { data: { data: null, metadata: { version } } });
    return say(200, { data: { data, metadata: { version } } });
  }
}
