/** Where the sender's objects are in time. */
export interface SenderClock {
  readonly lineage: string;
  /** Up to which revision the type in this place is. */
  revision(place: number): number;
}
