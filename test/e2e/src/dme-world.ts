import { distanceKm, type Place } from '@edgeplane/dme';

/** Half-open span of time, milliseconds. */
interface Span {
  readonly from: number;
  to: number;
}

/** What a client was told: the name of an instance, or none. */
export interface Told {
  readonly asked: number;
  readonly answered: number;
  readonly place: Place;
  readonly fqdn: string | undefined;
}

/** When instances were there for sure, and when they may have been. */
export class History {
  readonly #places: ReadonlyMap<string, Place>;
  readonly #may = new Map<string, Span[]>();
  readonly #must = new Map<string, Span[]>();

  /** Where each instance is, by its name. */
  constructor(places: ReadonlyMap<string, Place>) {
    this.#places = places;
  }

  /** Its creation begins. */
  coming(fqdn: string, now: number): void {
    add(this.#may, fqdn, now);
  }

  /** It is there. */
  there(fqdn: string, now: number): void {
    add(this.#must, fqdn, now);
  }

  /** Its deletion begins. */
  going(fqdn: string, now: number): void {
    end(this.#must, fqdn, now);
  }

  /** It is gone. */
  gone(fqdn: string, now: number): void {
    end(this.#may, fqdn, now);
  }

  /**
   * What is wrong with an answer, if the one who gave it may be `late` milliseconds behind; undefined when nothing is. The
   * answer is right if it was so at some moment between question and answer, or so long before.
   */
  fault({ asked, answered, place, fqdn }: Told, late: number): string | undefined {
    const far = Number.POSITIVE_INFINITY;
    const km = (name: string) => distanceKm(place, this.#places.get(name) ?? place);
    const told = fqdn === undefined ? far : km(fqdn);
    const was = ({ from, to }: Span) => from <= answered && to + late >= asked;
    if (fqdn !== undefined && !this.#may.get(fqdn)?.some(was)) return `${fqdn} was not there`;
    const all = ({ from, to }: Span) => from + late <= asked && to >= answered;
    for (const [name, spans] of this.#must)
      if (km(name) < told && spans.some(all)) return `${name} is nearer than ${fqdn ?? 'none'}`;
    return undefined;
  }
}

function add(spans: Map<string, Span[]>, name: string, from: number): void {
  spans.set(name, [...(spans.get(name) ?? []), { from, to: Number.POSITIVE_INFINITY }]);
}

function end(spans: Map<string, Span[]>, name: string, to: number): void {
  const last = spans.get(name)?.at(-1);
  if (last) last.to = to;
}
