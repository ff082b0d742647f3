/**
 * Whether the end of a call's stream was not meant by the client: it has cancelled the call, or its connection is lost. grpc-js
 * ends the stream first, and says so in the same turn of the event loop.
 */
export async function wasCut(call: { readonly cancelled: boolean }): Promise<boolean> {
  await new Promise((resolve) => setImmediate(resolve));
  return call.cancelled;
}
