import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type Clock, fail } from '@edgeplane/base';
import { AwsV4Signer } from 'aws4fetch';
import { fileDigest } from '../../file-digest.js';
import { virtrigaudErrors } from './errors.js';
import { type FilePart, type HttpClient, requireSuccess, textOf, withoutSecrets } from './http-client.js';

export interface S3Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
}

/** One object of a store that speaks S3. */
export interface S3Object {
  /** Without query. */
  readonly url: URL;
  readonly region: string;
  readonly keys: S3Keys;
}

/** Below it an object goes up in one piece. */
const WHOLE_MAX = 64 * 1024 ** 2;
const PARTS_MAX = 9000;
const EMPTY_SHA256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

/** The object's body. */
export async function getObject(
  http: HttpClient,
  clock: Clock,
  object: S3Object,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  return requireSuccess(object.url, await send(http, clock, object, { method: 'GET', signal }));
}

/**
 * Stores a file as an object, which is there as a whole or as it was before. Everything that is sent is signed with its
 * checksum, so the store itself refuses what was damaged on the way. @param sha256 of the file
 */
export async function putObject(
  http: HttpClient,
  clock: Clock,
  object: S3Object,
  file: { readonly path: string; readonly bytes: number; readonly sha256: string },
  signal: AbortSignal,
  sent: (bytes: number) => void,
): Promise<void> {
  const { path, bytes, sha256 } = file;
  if (bytes <= WHOLE_MAX) {
    const body = { path, start: 0, bytes };
    const answer = await send(http, clock, object, { method: 'PUT', signal, body, sha256, sent });
    (await requireSuccess(object.url, answer)).resume();
    return;
  }
  const started = await send(http, clock, object, { method: 'POST', signal, query: { uploads: '' } });
  const said = await textOf(await requireSuccess(object.url, started), 64 * 1024);
  const uploadId = /<UploadId>([^<]{1,2000})<\/UploadId>/.exec(said)?.[1];
  if (uploadId === undefined) throw refused(object, 'it began no upload');
  try {
    const tags = await putParts(http, clock, object, uploadId, file, signal, sent);
    const list = tags.map((tag, at) => `<Part><PartNumber>${at + 1}</PartNumber><ETag>${tag}</ETag></Part>`);
    const body = `<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`;
    const done = await send(http, clock, object, { method: 'POST', signal, query: { uploadId }, body });
    const result = await textOf(await requireSuccess(object.url, done), 64 * 1024);
    // A store may say 200 first and find out later.
    if (/<Error>/.test(result)) throw refused(object, 'it could not put the parts together');
  } catch (error) {
    const query = { uploadId };
    const gone = await send(http, clock, object, {
      method: 'DELETE',
      signal: AbortSignal.timeout(10_000),
      query,
    }).catch(() => undefined);
    gone?.resume();
    throw error;
  }
}

async function putParts(
  http: HttpClient,
  clock: Clock,
  object: S3Object,
  uploadId: string,
  { path, bytes }: { readonly path: string; readonly bytes: number },
  signal: AbortSignal,
  sent: (bytes: number) => void,
): Promise<readonly string[]> {
  const size = Math.max(WHOLE_MAX, Math.ceil(bytes / PARTS_MAX));
  const tags: string[] = [];
  for (let start = 0; start < bytes; start += size) {
    const body = { path, start, bytes: Math.min(size, bytes - start) };
    const answer = await send(http, clock, object, {
      ...{ method: 'PUT', signal, body, sha256: await sha256Of(body) },
      query: { partNumber: String(tags.length + 1), uploadId },
      sent: (part) => sent(start + part),
    });
    (await requireSuccess(object.url, answer)).resume();
    const tag = answer.headers.etag;
    if (tag === undefined) throw refused(object, 'it gave no tag for a part');
    tags.push(tag.replaceAll('&', '&amp;').replaceAll('<', '&lt;'));
  }
  return tags;
}

interface S3Call {
  readonly method: string;
  readonly signal: AbortSignal;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: FilePart | string;
  /** Of a body that is a file. */
  readonly sha256?: string;
  readonly sent?: (bytes: number) => void;
}

async function send(
  http: HttpClient,
  clock: Clock,
  object: S3Object,
  call: S3Call,
): Promise<IncomingMessage> {
  const { method, signal, body, query = {}, sent } = call;
  const url = new URL(object.url);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const text = typeof body === 'string' ? createHash('sha256').update(body).digest('hex') : undefined;
  const { accessKeyId, secretAccessKey, sessionToken } = object.keys;
  const signer = new AwsV4Signer({
    ...{ method, url: url.href, region: object.region, service: 's3', accessKeyId, secretAccessKey },
    ...(sessionToken === '' ? {} : { sessionToken }),
    headers: { 'x-amz-content-sha256': call.sha256 ?? text ?? EMPTY_SHA256 },
    datetime: new Date(clock.now()).toISOString().replace(/[:-]|\.\d{3}/g, ''),
  });
  const { headers } = await signer.sign();
  return http.call({
    ...{ method, url, signal, headers: Object.fromEntries(headers.entries()) },
    ...(body === undefined ? {} : { body }),
    ...(sent ? { sent } : {}),
  });
}

function sha256Of({ path, start, bytes }: FilePart): Promise<string> {
  return fileDigest(path, 'sha256', { start, end: start + bytes - 1 });
}

function refused({ url }: S3Object, reason: string): Error {
  return fail(virtrigaudErrors.TRANSFER_REFUSED, { url: withoutSecrets(url), reason });
}
