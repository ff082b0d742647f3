/** Of what a change in a frame speaks. */
export interface FrameKey {
  /** That of its type. */
  readonly place: number;
  readonly key: string;
}

/** What a frame said, kept until its ack. */
export type FrameKeys = readonly FrameKey[];
