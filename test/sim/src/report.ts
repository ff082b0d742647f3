/** What a run finds wrong. */
export class Report {
  readonly #faults: string[] = [];

  fault(text: string): void {
    if (this.#faults.length < 20 && !this.#faults.includes(text)) this.#faults.push(text);
  }

  get faults(): readonly string[] {
    return this.#faults;
  }
}
