import type { Server, ServerWritableStream, UntypedServiceImplementation } from '@grpc/grpc-js';
import { HealthImplementation, type service as healthService } from 'grpc-health-check';

type Watch = ServerWritableStream<unknown, unknown>;

/** `grpc.health.v1.Health` of one server: every service is SERVING between `serving` and `stopping`. */
export class Health {
  readonly #implementation = new HealthImplementation({ '': 'NOT_SERVING' });
  readonly #watches = new Set<Watch>();
  readonly #names: string[] = [''];

  addToServer(server: Server): void {
    this.#implementation.addToServer({
      addService: (definition: typeof healthService, handlers: UntypedServiceImplementation) => {
        const watch = handlers['watch'] as ((call: Watch) => void) | undefined;
        server.addService(definition, {
          ...handlers,
          watch: (call: Watch) => {
            this.#watches.add(call);
            call.on('cancelled', () => this.#watches.delete(call));
            watch?.(call);
          },
        });
      },
    } as Parameters<HealthImplementation['addToServer']>[0]);
  }

  /** Names a service whose health may be asked for. */
  addName(name: string): void {
    this.#names.push(name);
    this.#implementation.setStatus(name, 'NOT_SERVING');
  }

  serving(): void {
    for (const name of this.#names) this.#implementation.setStatus(name, 'SERVING');
  }

  /** Tells watchers, then ends their streams, which would otherwise keep the server from closing. */
  stopping(): void {
    for (const name of this.#names) this.#implementation.setStatus(name, 'NOT_SERVING');
    for (const watch of this.#watches) watch.end();
    this.#watches.clear();
  }
}
