import type { RequestListener } from 'node:http';

/**
 * Answers probes as VirtRigaud's providers do (VirtRigaud spec section 2): `/healthz` 200 while the process lives, `/readyz`
 * 200 or 503, `/health` the same with JSON `{status, checks, summary}`. `trouble` tells why calls are not served; undefined
 * when they are.
 */
export function answerProbes(trouble: () => string | undefined): RequestListener {
  return (request, response) => {
    const say = (status: number, type: string, text: string) => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
      response.end(request.method === 'HEAD' ? undefined : text);
    };
    const plain = 'text/plain; charset=utf-8';
    if (request.method !== 'GET' && request.method !== 'HEAD') return say(405, plain, 'only GET and HEAD\n');
    const reason = trouble();
    const status = reason === undefined ? 200 : 503;
    switch (request.url?.split('?')[0]) {
      case '/healthz':
        return say(200, plain, 'ok');
      case '/readyz':
        return say(status, plain, reason === undefined ? 'ready' : 'not ready');
      case '/health': {
        const state = reason === undefined ? 'healthy' : 'unhealthy';
        const check = { status: state, ...(reason !== undefined && { message: reason }) };
        const summary = { total: 1, healthy: reason === undefined ? 1 : 0 };
        return say(
          status,
          'application/json',
          JSON.stringify({ status: state, checks: { grpc: check }, summary }),
        );
      }
      default:
        return say(404, plain, 'there are /healthz, /readyz and /health\n');
    }
  };
}
