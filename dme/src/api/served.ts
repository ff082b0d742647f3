import { isKind } from '@edgeplane/base';
import type { RegisterClientReply, RegisterClientRequest } from '@edgeplane/proto/dme/app-client.js';
import type { RpcContext, UnaryFunction } from '@edgeplane/rpc';
import { dmeErrors } from '../errors.js';
import type { Session } from '../sessions.js';
import type { AppCounts, Method } from '../stats/call-stats.js';
import type { Engine } from './engine.js';

type ServedEngine = Pick<Engine, 'sessions' | 'gate' | 'stats' | 'clock'>;

/**
 * A call that needs a session: let in by the gate, turned away without a good cookie, counted under its App with the time that
 * it took (match engine spec sections 3.4 and 6).
 */
export function withSession<Req extends { sessionCookie: string }, Res>(
  { sessions, gate, stats, clock }: ServedEngine,
  method: Method,
  fn: (request: Req, session: Session, context: RpcContext) => Res | Promise<Res>,
): UnaryFunction<Req, Res> {
  // Hardly any call makes more than its answer here: no closures on the way of those that are answered at once.
  const serve = (request: Req, session: Session, context: RpcContext, began: number): Res | Promise<Res> => {
    const { developerKey, name, version } = session.app;
    const counts = stats.of(developerKey?.name ?? '', name, version);
    let result: Res | Promise<Res>;
    try {
      result = fn(request, session, context);
    } catch (error) {
      counts.add(method, clock.monotonic() - began, true);
      throw error;
    }
    if (result instanceof Promise) return counted(result, counts, method, began, clock);
    counts.add(method, clock.monotonic() - began, false);
    return result;
  };
  return (request, context) => {
    const began = clock.monotonic();
    const refusal = gate.refusal(context, began);
    if (refusal) return refusal;
    const session = sessions.verify(request.sessionCookie);
    // Most cookies are known, and their calls answered at once.
    if (!(session instanceof Promise)) return serve(request, session, context, began);
    return session.then(
      (checked) => serve(request, checked, context, began),
      (error: unknown) => gate.bad(error, context),
    );
  };
}

/** RegisterClient, which begins a session; counted under the App that it asks for. */
export function withoutSession(
  { gate, stats, clock }: ServedEngine,
  fn: (request: RegisterClientRequest, context: RpcContext) => Promise<RegisterClientReply>,
): UnaryFunction<RegisterClientRequest, RegisterClientReply> {
  return async (request, context) => {
    const began = clock.monotonic();
    const refusal = gate.refusal(context, began);
    if (refusal) return refusal;
    const counts = stats.of(request.devName, request.appName, request.appVers);
    try {
      return await counted(fn(request, context), counts, 'RegisterClient', began, clock);
    } catch (error) {
      if (isKind(error, dmeErrors.BAD_AUTH_TOKEN)) return gate.bad(error, context);
      throw error;
    }
  };
}

async function counted<Res>(
  answer: Promise<Res>,
  counts: AppCounts,
  method: Method,
  began: number,
  clock: Engine['clock'],
): Promise<Res> {
  let failed = true;
  try {
    const result = await answer;
    failed = false;
    return result;
  } finally {
    counts.add(method, clock.monotonic() - began, failed);
  }
}
