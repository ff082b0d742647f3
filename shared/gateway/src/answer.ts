import type { ServerResponse } from 'node:http';
import { callStreamMethod, callUnaryMethod } from '@edgeplane/rpc';
import type { Client, Metadata } from '@grpc/grpc-js';
import { type Failure, failureOf, streamFailure, unaryFailure } from './failures.js';
import { decodeBody, type EnumNames, plainMessage, prettyJson } from './json-body.js';
import type { Route } from './routes.js';

const JSON_TYPE = { 'content-type': 'application/json' };
const GRPC_TYPE = { 'grpc-metadata-content-type': 'application/grpc' };

/** One request that is to be answered. */
export interface Exchange {
  readonly route: Route;
  readonly body: string;
  readonly enums: EnumNames;
  readonly metadata: Metadata;
  readonly client: Client;
  readonly response: ServerResponse;
  /** Aborted when the client is gone, which ends reading, never the work of the call. */
  readonly signal: AbortSignal;
}

/** Makes the call and writes what it answers, whatever that is; never rejects. */
export async function answer(exchange: Exchange): Promise<void> {
  const { route, body, response } = exchange;
  let request: unknown;
  try {
    request = decodeBody(route.request, body);
  } catch (error) {
    return fail(response, failureOf(error));
  }
  if (route.method.responseStream) return answerStream(exchange, request);
  return answerUnary(exchange, request);
}

/** A failure in the form of a unary call. */
export function fail(response: ServerResponse, failure: Failure): void {
  response.writeHead(failure.http, { ...JSON_TYPE, trailer: 'Grpc-Trailer-Content-Type' });
  // Written apart from the end, so that the body is chunked.
  response.write(prettyJson(unaryFailure(failure), 'spread'));
  response.end();
}

async function answerUnary(exchange: Exchange, request: unknown): Promise<void> {
  const { route, client, metadata, signal, enums, response } = exchange;
  try {
    const result = await callUnaryMethod(client, route.call, request, { metadata, signal });
    const text = prettyJson(plainMessage(route.response, result, enums), 'spread');
    const length = Buffer.byteLength(text);
    response.writeHead(200, { ...JSON_TYPE, ...GRPC_TYPE, 'content-length': length });
    response.end(text);
  } catch (error) {
    fail(response, failureOf(error));
  }
}

/** One object per message, each sent at once and no faster than the client reads (controller spec section 3.4). */
async function answerStream(exchange: Exchange, request: unknown): Promise<void> {
  const { route, client, metadata, signal, enums, response } = exchange;
  let begun = false;
  const begin = (status: number) => {
    if (!begun) response.writeHead(status, { ...JSON_TYPE, ...(status === 200 && GRPC_TYPE) });
    begun = true;
  };
  try {
    for await (const message of callStreamMethod(client, route.call, request, { metadata, signal })) {
      begin(200);
      const result = plainMessage(route.response, message, enums);
      await write(response, `${prettyJson({ result }, 'closed')}\n`, signal);
    }
    begin(200);
    response.end();
  } catch (error) {
    const failure = failureOf(error);
    begin(failure.http);
    response.end(prettyJson(streamFailure(failure), 'closed'));
  }
}

/** Resolves when the client has room for more, or is gone. */
function write(response: ServerResponse, text: string, signal: AbortSignal): Promise<void> {
  if (response.write(text) || signal.aborted || response.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      response.removeListener('drain', done);
      signal.removeEventListener('abort', done);
      resolve();
    };
    response.once('drain', done);
    signal.addEventListener('abort', done, { once: true });
  });
}
