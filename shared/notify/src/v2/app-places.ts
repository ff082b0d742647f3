/** Which Apps have instances on which cloudlets. */
export class AppPlaces {
  /** Cloudlet to App to the number of its instances there. */
  readonly #apps = new Map<string, Map<string, number>>();
  readonly #cloudlets = new Map<string, Set<string>>();

  /** An instance came (1) or went (-1); whether the App came to the cloudlet, or left it, by that. */
  count(cloudlet: string, app: string, change: 1 | -1): boolean {
    const apps = this.#apps.get(cloudlet) ?? new Map<string, number>();
    const before = apps.get(app) ?? 0;
    const after = Math.max(0, before + change);
    if (after > 0) apps.set(app, after);
    else apps.delete(app);
    if (apps.size > 0) this.#apps.set(cloudlet, apps);
    else this.#apps.delete(cloudlet);
    if (before > 0 === after > 0) return false;
    const places = this.#cloudlets.get(app) ?? new Set<string>();
    if (after > 0) places.add(cloudlet);
    else places.delete(cloudlet);
    if (places.size > 0) this.#cloudlets.set(app, places);
    else this.#cloudlets.delete(app);
    return true;
  }

  appsOn(cloudlet: string): Iterable<string> {
    return this.#apps.get(cloudlet)?.keys() ?? [];
  }

  cloudletsOf(app: string): Iterable<string> {
    return this.#cloudlets.get(app) ?? [];
  }

  isOn(cloudlet: string, app: string): boolean {
    return this.#apps.get(cloudlet)?.has(app) ?? false;
  }
}
