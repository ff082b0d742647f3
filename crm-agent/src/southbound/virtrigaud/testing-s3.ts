import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A store that speaks as much of S3 as disks need, and believes nobody: signatures and checksums are worked out here. */
export class TestS3 {
  readonly keys: Readonly<Record<string, string>>;
  readonly objects = new Map<string, Buffer>();
  /** Uploads in parts that were neither completed nor given up. */
  readonly uploads = new Map<string, Map<number, Buffer>>();
  readonly calls: string[] = [];
  /** Answers requests of which that is true with 503. */
  broken: (call: string) => boolean = () => false;
  readonly #server: Server;

  constructor(keys: Readonly<Record<string, string>>) {
    this.keys = keys;
    this.#server = createServer((request, response) => {
      this.#answer(request, response).catch((error: unknown) => response.writeHead(500).end(String(error)));
    });
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '', 'http://store');
    const { method = '' } = request;
    const call = `${method} ${url.pathname}${url.search.replace(/uploadId=[^&]*/, 'uploadId=')}`;
    this.calls.push(call);
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const refuse = (status: number, code: string) =>
      response.writeHead(status).end(`<Error><Code>${code}</Code></Error>`);
    if (this.broken(call)) return void refuse(503, 'SlowDown');
    const claimed = String(request.headers['x-amz-content-sha256']);
    if (claimed !== sha256(body)) return void refuse(400, 'XAmzContentSHA256Mismatch');
    if (!this.#isSigned(request, url, claimed)) return void refuse(403, 'SignatureDoesNotMatch');
    const [object, query] = [url.pathname, url.searchParams];
    const upload = query.get('uploadId');
    if (method === 'GET') {
      const there = this.objects.get(object);
      if (there) response.writeHead(200, { 'content-length': there.length }).end(there);
      else refuse(404, 'NoSuchKey');
    } else if (method === 'POST' && query.has('uploads')) {
      const id = `upload/${this.uploads.size}+`;
      this.uploads.set(id, new Map());
      response.end(
        `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`,
      );
    } else if (method === 'PUT' && upload !== null) {
      this.uploads.get(upload)?.set(Number(query.get('partNumber')), body);
      response.writeHead(200, { etag: `"${sha256(body)}"` }).end();
    } else if (method === 'POST' && upload !== null) {
      const tags = [...body.toString().matchAll(/<ETag>"([0-9a-f]+)"<\/ETag>/g)].map(([, tag]) => tag);
      const parts = [...(this.uploads.get(upload) ?? [])].sort(([a], [b]) => a - b).map(([, part]) => part);
      if (parts.map(sha256).join() !== tags.join()) return void refuse(400, 'InvalidPart');
      this.objects.set(object, Buffer.concat(parts));
      this.uploads.delete(upload);
      response.end('<CompleteMultipartUploadResult/>');
    } else if (method === 'DELETE' && upload !== null) {
      this.uploads.delete(upload);
      response.writeHead(204).end();
    } else if (method === 'PUT') {
      this.objects.set(object, body);
      response.end();
    } else refuse(405, 'MethodNotAllowed');
  }

  /** As AWS tells to work out a signature of version 4. */
  #isSigned({ method, headers }: IncomingMessage, url: URL, hash: string): boolean {
    const match =
      /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/.exec(
        headers.authorization ?? '',
      );
    const [, user = '', day = '', region = '', names = '', given = ''] = match ?? [];
    const secret = this.keys[user];
    if (secret === undefined) return false;
    if (!['host', 'x-amz-content-sha256', 'x-amz-date'].every((name) => names.split(';').includes(name)))
      return false;
    const query = [...url.searchParams]
      .map(([name, value]) => `${encode(name)}=${encode(value)}`)
      .sort()
      .join('&');
    const signed = names.split(';').map((name) => `${name}:${String(headers[name]).trim()}\n`);
    const canonical = [method, url.pathname, query, signed.join(''), names, hash].join('\n');
    const scope = `${day}/${region}/s3/aws4_request`;
    const text = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, sha256(Buffer.from(canonical))].join(
      '\n',
    );
    const key = [day, region, 's3', 'aws4_request'].reduce(hmac, Buffer.from(`AWS4${secret}`));
    return timingSafeEqual(hmac(key, text), Buffer.from(given, 'hex'));
  }
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
