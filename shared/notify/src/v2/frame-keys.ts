/** What a frame said, kept until its ack. */
export type FrameKeys = readonly {
  readonly place: number;
  readonly key: string;
  /** It said that there is no object. */
  readonly tombstone?: boolean;
}[];
